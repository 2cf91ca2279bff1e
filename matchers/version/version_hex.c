/* Elixir's order, which is SemVer's, and the requirements of its Version module. */
#include "matchers/version/version_semver.h"

static bool hex_key(struct span text, struct buf *key) {
    struct semver_parts parts;
    return semver_split(text_trim(text), &parts) && semver_parts_key(&parts, key);
}

/* Whether `allow_pre: false` shuts the version out: a lower bound that is no pre-release holds for none. */
static bool is_shut_out(const struct range_subject *subject, struct span bound) {
    return subject->rules == &version_rules_hex_nopre && span_index(bound, '-', 0) == SIZE_MAX &&
           span_index(subject->version, '-', 0) != SIZE_MAX;
}

/* "~> 2.1.3" is at least 2.1.3 and below 2.2.0 with its pre-releases, "~> 2.1" below 3.0.0. */
static int pessimistic_holds(const struct range_subject *subject, struct span bound, bool *ret_holds, struct err *err) {
    struct semver_parts parts;
    uint64_t major = 0;
    uint64_t minor = 0;
    if (!semver_split(bound, &parts) || parts.number_count < 2 || parts.number_count > SEMVER_NUMBERS ||
        !text_u64(parts.numbers[0], 10, UINT32_MAX, &major) || !text_u64(parts.numbers[1], 10, UINT32_MAX, &minor))
        return range_bad(bound, "~> needs two or three numbers", err);
    char limit[64];
    bool is_minor = parts.number_count == 2;
    (void)snprintf(limit, sizeof limit, "%" PRIu64 ".%" PRIu64 ".0-0", major + is_minor, is_minor ? 0 : minor + 1);
    int low = 0;
    int high = 0;
    if (range_subject_order(subject, bound, &low, err) < 0 ||
        range_subject_order(subject, span_text(limit), &high, err) < 0)
        return -1;
    *ret_holds = low >= 0 && high < 0 && !is_shut_out(subject, bound);
    return 0;
}

static int requirement_holds(const struct range_subject *subject, struct span requirement, bool *ret_holds,
                             struct err *err) {
    if (span_starts(requirement, "~>"))
        return pessimistic_holds(subject, text_trim(span_from(requirement, 2)), ret_holds, err);
    unsigned sides = range_sign_take(&requirement);
    if (sides == 0 && span_starts(requirement, "!")) {
        sides = RANGE_LESS | RANGE_MORE;
        requirement = text_trim(span_from(requirement, 1));
    }
    int order = 0;
    if (!semver_is_strict(requirement))
        return range_bad(requirement, "expected a whole version", err);
    if (range_subject_order(subject, requirement, &order, err) < 0)
        return -1;
    *ret_holds = range_allows(sides == 0 ? RANGE_EQUAL : sides, order) &&
                 !((sides & RANGE_MORE) != 0 && (sides & RANGE_LESS) == 0 && is_shut_out(subject, requirement));
    return 0;
}

static int hex_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err) {
    static const struct range_language language = {
        .set_separator = " or ", .condition_separator = " and ", .holds = requirement_holds};
    return range_sets(&language, rules, range, version, ret_inside, err);
}

/* `allow_pre: false`. */
const struct version_rules version_rules_hex_nopre = {
    .key = hex_key, .is_valid = semver_is_strict, .in_range = hex_in_range};
const struct version_rules version_rules_hex = {.key = hex_key, .is_valid = semver_is_strict, .in_range = hex_in_range};
