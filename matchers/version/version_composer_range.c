/* Composer's constraints: composer/semver's VersionParser::parseConstraints().
 *
 * "~1.2", "^1.2", "1.2.*" and "1 - 2" are a lower and an upper bound of four numbers, both with "-dev",
 * so that the pre-releases of the lower one are inside and those of the upper one are not. */
#include "matchers/version/version_composer.h"

enum { NUMBERS = 4 };

/* What a bound may hold: five digits in front, and dates are not in constraints with an operator. */
static const uint64_t number_max = UINT32_MAX;

struct constraint {
    uint64_t numbers[NUMBERS];
    size_t count;  /* given */
    bool is_wild;  /* "*" or "x" behind them */
    bool has_more; /* a stability follows */
};

static bool constraint_parse(struct span text, struct constraint *ret_constraint) {
    struct constraint constraint = {0};
    struct version_text in = {text, 0};
    (void)(version_text_skip(&in, 'v') || version_text_skip(&in, 'V'));
    do {
        uint8_t c = version_text_peek(&in);
        if (c == '*' || c == 'x' || c == 'X') {
            in.at++;
            constraint.is_wild = true;
            continue;
        }
        struct span digits = version_text_digits(&in);
        if (constraint.is_wild || constraint.count == NUMBERS ||
            !text_u64(digits, 10, number_max, &constraint.numbers[constraint.count]))
            return false;
        constraint.count++;
    } while (version_text_skip(&in, '.'));
    constraint.has_more = version_text_left(&in) && version_text_peek(&in) != '+' && version_text_peek(&in) != '@';
    *ret_constraint = constraint;
    return !(constraint.is_wild && version_text_left(&in));
}

/* On which side of numbers[0..count) + `add` at the last of them, with "-dev", the version lies. */
static int numbers_order(const struct range_subject *subject, const struct constraint *constraint, size_t count,
                         uint64_t add, int *ret_order, struct err *err) {
    uint64_t n[NUMBERS] = {0};
    for (size_t i = 0; i < count; i++)
        n[i] = constraint->numbers[i];
    if (count > 0)
        n[count - 1] += add;
    char text[128];
    int size =
        snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 ".%" PRIu64 "-dev", n[0], n[1], n[2], n[3]);
    return range_subject_order(subject, span_make(text, (size_t)size), ret_order, err);
}

/* The lower bound that `text` names, with "-dev" where it has no stability of its own. */
static int low_order(const struct range_subject *subject, struct span text, const struct constraint *constraint,
                     int *ret_order, struct err *err) {
    return constraint->has_more ? range_subject_order(subject, text, ret_order, err)
                                : numbers_order(subject, constraint, constraint->count, 0, ret_order, err);
}

/* From `text` on, below the next change of its number `position` (from 1). */
static int between(const struct range_subject *subject, struct span text, const struct constraint *constraint,
                   size_t position, bool *ret_holds, struct err *err) {
    int low = 0;
    int high = 0;
    if (low_order(subject, text, constraint, &low, err) < 0 ||
        numbers_order(subject, constraint, position, 1, &high, err) < 0)
        return -1;
    *ret_holds = low >= 0 && high < 0;
    return 0;
}

static size_t caret_position(const struct constraint *constraint) {
    if (constraint->numbers[0] != 0 || constraint->count < 2)
        return 1;
    return constraint->numbers[1] != 0 || constraint->count < 3 ? 2 : 3;
}

/* A sign and a version. PHP's "<" and ">=" mean the pre-releases too: they are taken from "-dev" on. */
static int sign_holds(const struct range_subject *subject, unsigned sides, struct span text, bool *ret_holds,
                      struct err *err) {
    struct constraint constraint = {0};
    int order = 0;
    bool from_dev = sides == RANGE_LESS || sides == (RANGE_MORE | RANGE_EQUAL);
    bool has_numbers = constraint_parse(text, &constraint) && !constraint.is_wild && constraint.count > 0;
    int result = from_dev && has_numbers ? low_order(subject, text, &constraint, &order, err)
                                         : range_subject_order(subject, text, &order, err);
    *ret_holds = range_allows(sides, order);
    return result;
}

static int constraint_holds(const struct range_subject *subject, struct span text, bool *ret_holds, struct err *err) {
    struct constraint constraint;
    struct span whole = text;
    bool is_caret = span_starts(text, "^");
    bool is_tilde = span_starts(text, "~");
    if (is_caret || is_tilde) {
        text = text_trim(span_from(text, span_starts(text, "~>") ? 2 : 1));
        if (!constraint_parse(text, &constraint) || constraint.count == 0 || constraint.is_wild)
            return range_bad(whole, "expected a version behind the sign", err);
        size_t position = is_caret ? caret_position(&constraint) : constraint.count > 1 ? constraint.count - 1 : 1;
        return between(subject, text, &constraint, position, ret_holds, err);
    }
    unsigned sides = range_sign_take(&text);
    if (sides == 0 && constraint_parse(text, &constraint) && constraint.is_wild) {
        *ret_holds = true;
        return constraint.count == 0 ? 0 : between(subject, text, &constraint, constraint.count, ret_holds, err);
    }
    return sign_holds(subject, sides == 0 ? RANGE_EQUAL : sides, text, ret_holds, err);
}

/* "1.2 - 2.0": an upper bound with numbers missing is all that begins with it. */
static int hyphen_holds(const struct range_subject *subject, struct span text, size_t at, bool *ret_holds,
                        struct err *err) {
    struct span from = text_trim(span_slice(text, 0, at));
    struct span to = text_trim(span_from(text, at + 3));
    struct constraint low;
    struct constraint high;
    int low_side = 0;
    int high_side = 0;
    if (!constraint_parse(from, &low) || !constraint_parse(to, &high) || low.count == 0 || high.count == 0)
        return range_bad(text, "expected two versions around the dash", err);
    bool is_whole = high.count >= 3 || high.has_more;
    if (low_order(subject, from, &low, &low_side, err) < 0)
        return -1;
    if ((is_whole ? range_subject_order(subject, to, &high_side, err)
                  : numbers_order(subject, &high, high.count, 1, &high_side, err)) < 0)
        return -1;
    *ret_holds = low_side >= 0 && (high_side < 0 || (is_whole && high_side == 0));
    return 0;
}

/* Constraints apart by commas or spaces, all of which must hold; spaces may also follow a sign. */
static int set_holds(const struct range_subject *subject, struct span set, bool *ret_holds, struct err *err) {
    size_t hyphen = span_find(set, span_text(" - "), 0);
    if (hyphen != SIZE_MAX)
        return hyphen_holds(subject, set, hyphen, ret_holds, err);
    bool all = true;
    if (set.size == 0)
        return range_bad(set, "an empty constraint", err);
    while (set.size > 0) {
        size_t size = 0;
        while (size < set.size && strchr("^~<>=!", set.data[size]) != NULL)
            size++;
        while (size < set.size && text_is_space(set.data[size]))
            size++;
        while (size < set.size && !text_is_space(set.data[size]) && set.data[size] != ',')
            size++;
        bool holds = false;
        if (constraint_holds(subject, span_slice(set, 0, size), &holds, err) < 0)
            return -1;
        all = all && holds;
        set = text_trim(span_from(set, size));
        if (set.size > 0 && set.data[0] == ',')
            set = text_trim(span_from(set, 1));
    }
    *ret_holds = all;
    return 0;
}

int composer_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                      struct err *err) {
    struct range_subject subject;
    struct span set;
    bool any = false;
    int result = range_subject_init(&subject, rules, version, err);
    range = text_trim(range);
    while (result == 0 && range_alternative_take(&range, "|", &set)) {
        if (range.data != NULL && range.size > 0 && range.data[0] == '|')
            range = span_make(range.data + 1, range.size - 1);
        bool holds = false;
        result = set_holds(&subject, set, &holds, err);
        any = any || holds;
    }
    range_subject_release(&subject);
    if (result == 0)
        *ret_inside = any;
    return result;
}
