/* Dart's order: pub_semver. SemVer 2.0.0, except that build metadata counts: none first, then by identifiers as pre-releases do. */
#include "matchers/version/version_semver.h"

static bool pub_key(struct span text, struct buf *key) {
    struct semver_parts parts;
    text = text_trim(text);
    if (span_starts(text, "v"))
        text = span_from(text, 1);
    if (!semver_split(text, &parts) || !semver_parts_key(&parts, key))
        return false;
    return !parts.has_build || semver_identifiers_key(parts.build, false, key);
}

const struct version_rules version_rules_pub = {.key = pub_key, .is_valid = semver_is_strict};
