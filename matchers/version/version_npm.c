/* npm's order, which is SemVer's: node-semver, strict and (`loose: true`) as lenient as old registry
 * entries need it. */
#include "matchers/version/version_semver.h"

enum {
    NPM_BYTES_MAX = 256, /* MAX_LENGTH of node-semver */
};
/* Number.MAX_SAFE_INTEGER: larger ones are refused in the three numbers. */
static const uint64_t npm_number_max = ((uint64_t)1 << 53) - 1;

static bool npm_key(struct span text, struct buf *key) {
    struct semver_parts parts;
    text = text_trim(text);
    if (text.size > 1 && text.data[0] == 'v')
        text = span_from(text, 1);
    return semver_split(text, &parts) && semver_parts_key(&parts, key);
}

static bool npm_loose_key(struct span text, struct buf *key) {
    struct semver_parts parts;
    text = text_trim(text);
    while (text.size > 0 && (text.data[0] == 'v' || text.data[0] == '=' || text_is_space(text.data[0])))
        text = span_from(text, 1);
    return semver_split_loose(text, &parts) && semver_parts_key(&parts, key);
}

static bool npm_is_valid(struct span text) {
    struct semver_parts parts;
    text = text_trim(text);
    if (text.size > NPM_BYTES_MAX)
        return false;
    if (text.size > 1 && text.data[0] == 'v')
        text = span_from(text, 1);
    if (!semver_is_strict(text) || !semver_split(text, &parts))
        return false;
    for (size_t i = 0; i < SEMVER_NUMBERS; i++) {
        uint64_t value = 0;
        if (!text_u64(parts.numbers[i], 10, npm_number_max, &value))
            return false;
    }
    return true;
}

static int npm_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err) {
    static const struct semver_language language = {.hyphens = true, .v_in_front = true};
    return semver_in_range(&language, rules, range, version, ret_inside, err);
}

static int npm_loose_in_range(const struct version_rules *rules, struct span range, struct span version,
                              bool *ret_inside, struct err *err) {
    static const struct semver_language language = {.hyphens = true, .v_in_front = true, .is_loose = true};
    return semver_in_range(&language, rules, range, version, ret_inside, err);
}

static int npm_pre_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                            struct err *err) {
    static const struct semver_language language = {.hyphens = true, .v_in_front = true, .include_pre = true};
    return semver_in_range(&language, rules, range, version, ret_inside, err);
}

const struct version_rules version_rules_npm = {.key = npm_key, .is_valid = npm_is_valid, .in_range = npm_in_range};
const struct version_rules version_rules_npm_loose = {.key = npm_loose_key, .in_range = npm_loose_in_range};
/* `includePrerelease: true`. */
const struct version_rules version_rules_npm_pre = {
    .key = npm_key, .is_valid = npm_is_valid, .in_range = npm_pre_in_range};
