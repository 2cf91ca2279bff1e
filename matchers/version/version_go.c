/* Go's order: golang.org/x/mod/semver. SemVer with "v" in front, where "v1" is "v1.0.0";
 * pseudo-versions are pre-releases, and "+incompatible" is build metadata. The toolchain's own versions
 * ("go1.21rc2") are read too: that is how binaries name the standard library. */
#include "matchers/version/version_semver.h"

static bool go_key(struct span text, struct buf *key) {
    text = text_trim(text);
    if (span_starts(text, "go")) {
        text = span_from(text, 2);
        /* "go1.20.5 X:boringcrypto": experiments follow a space. */
        struct span rest = text;
        text = text_cut(&rest, ' ');
    } else if (span_starts(text, "v")) {
        text = span_from(text, 1);
    }
    struct semver_parts parts;
    return semver_split_loose(text, &parts) && semver_parts_key(&parts, key);
}

static bool go_is_valid(struct span text) {
    struct semver_parts parts;
    if (!span_starts(text, "v"))
        return false;
    text = span_from(text, 1);
    if (!semver_split(text, &parts) || parts.number_count > SEMVER_NUMBERS)
        return false;
    /* Short forms have neither pre-release nor build. */
    if (parts.number_count < SEMVER_NUMBERS)
        return semver_numbers_are_strict(&parts) && !parts.has_pre && !parts.has_build;
    return semver_is_strict(text);
}

const struct version_rules version_rules_go = {.key = go_key, .is_valid = go_is_valid};
