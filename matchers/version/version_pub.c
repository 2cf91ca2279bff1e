/* Dart's order: pub_semver. SemVer 2.0.0, except that build metadata counts: none first, then by
 * identifiers as pre-releases do. */
#include "matchers/version/version_semver.h"

static bool pub_key(struct span text, struct buf *key) {
    struct semver_parts parts;
    text = text_trim(text);
    if (span_starts(text, "v"))
        text = span_from(text, 1);
    /* No version of Dart's, but what OSV writes for "from the beginning": it comes before 0.0.0-0. */
    if (span_is(text, "0")) {
        buf_byte(key, 0);
        return true;
    }
    if (!semver_split(text, &parts) || !semver_parts_key(&parts, key))
        return false;
    return !parts.has_build || semver_identifiers_key(parts.build, false, key);
}

struct constraint {
    unsigned sides;
    bool is_caret;
    struct span bound;
    struct semver_parts parts;
};

/* The next constraint; signs need no space before them. */
static bool constraint_take(struct span *rest, struct constraint *ret_constraint) {
    struct constraint constraint = {.is_caret = span_starts(*rest, "^")};
    if (constraint.is_caret)
        *rest = text_trim(span_from(*rest, 1));
    else
        constraint.sides = range_sign_take(rest);
    if (constraint.sides == 0)
        constraint.sides = constraint.is_caret ? RANGE_MORE | RANGE_EQUAL : RANGE_EQUAL;
    size_t size = 0;
    while (size < rest->size && !text_is_space(rest->data[size]) && rest->data[size] != '<' && rest->data[size] != '>')
        size++;
    constraint.bound = span_slice(*rest, 0, size);
    *rest = text_trim(span_from(*rest, size));
    *ret_constraint = constraint;
    return semver_split(constraint.bound, &ret_constraint->parts) &&
           ret_constraint->parts.number_count == SEMVER_NUMBERS;
}

static bool same_numbers(const struct semver_parts *a, const struct semver_parts *b) {
    for (size_t i = 0; i < SEMVER_NUMBERS; i++) {
        if (!span_equal(a->numbers[i], b->numbers[i]))
            return false;
    }
    return true;
}

/* "^1.2.3" ends below 2.0.0, "^0.1.2" below 0.2.0, without their pre-releases. */
static int caret_end_holds(const struct range_subject *subject, const struct constraint *constraint, bool *ret_holds,
                           struct err *err) {
    uint64_t major = 0;
    uint64_t minor = 0;
    if (!text_u64(constraint->parts.numbers[0], 10, UINT32_MAX, &major) ||
        !text_u64(constraint->parts.numbers[1], 10, UINT32_MAX, &minor))
        return range_bad(constraint->bound, "numbers are too large", err);
    char limit[64];
    (void)snprintf(limit, sizeof limit, "%" PRIu64 ".%" PRIu64 ".0-0", major == 0 ? 0 : major + 1,
                   major == 0 ? minor + 1 : 0);
    int order = 0;
    if (range_subject_order(subject, span_text(limit), &order, err) < 0)
        return -1;
    *ret_holds = order < 0;
    return 0;
}

/* Whether the version is a pre-release of the bound of "<bound", which is outside unless a lower bound
 * is one of the same. */
static bool is_shut_out(const struct constraint *constraint, const struct semver_parts *version,
                        const struct constraint *low) {
    return constraint->sides == RANGE_LESS && version->has_pre && !constraint->parts.has_pre &&
           !constraint->parts.has_build && same_numbers(version, &constraint->parts) &&
           !(low->parts.has_pre && same_numbers(&low->parts, &constraint->parts));
}

static int constraints_hold(const struct range_subject *subject, struct span range, const struct semver_parts *version,
                            bool *ret_holds, struct err *err) {
    struct constraint low = {0};
    bool all = true;
    while (range.size > 0) {
        struct constraint constraint;
        struct span whole = range;
        int order = 0;
        bool holds = true;
        if (!constraint_take(&range, &constraint))
            return range_bad(whole, "expected a constraint such as ^1.2.3", err);
        if (range_subject_order(subject, constraint.bound, &order, err) < 0 ||
            (constraint.is_caret && caret_end_holds(subject, &constraint, &holds, err) < 0))
            return -1;
        if ((constraint.sides & RANGE_MORE) != 0)
            low = constraint;
        all = all && holds && range_allows(constraint.sides, order) && !is_shut_out(&constraint, version, &low);
    }
    *ret_holds = all;
    return 0;
}

static int pub_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err) {
    struct semver_parts parts;
    struct range_subject subject;
    struct span text = text_trim(version);
    range = text_trim(range);
    if (span_starts(text, "v"))
        text = span_from(text, 1);
    if (!semver_split(text, &parts))
        return range_bad(version, "not a version", err);
    if (span_is(range, "any"))
        range = (struct span){NULL, 0};
    int result = range_subject_init(&subject, rules, version, err);
    if (result == 0)
        result = constraints_hold(&subject, range, &parts, ret_inside, err);
    range_subject_release(&subject);
    return result;
}

const struct version_rules version_rules_pub = {.key = pub_key, .is_valid = semver_is_strict, .in_range = pub_in_range};
