/* The range languages that are made of SemVer bounds: npm's and Cargo's.
 *
 * Every comparator becomes at most two bounds of three numbers: "^1.2" is >=1.2.0 <2.0.0-0, where "-0"
 * is below every pre-release there can be. Both languages let a pre-release in only where a comparator
 * names one of the same three numbers. */
#include "matchers/version/version_semver.h"

/* Number.MAX_SAFE_INTEGER of node; Cargo's u64 has room for more, which nobody publishes. */
static const uint64_t bound_max = ((uint64_t)1 << 53) - 1;

enum operation { OPERATION_NONE, OPERATION_CARET, OPERATION_TILDE, OPERATION_SIGN };

struct comparator {
    enum operation operation;
    unsigned sides; /* of a sign */
    size_t count;   /* numbers given; what follows is "x" */
    uint64_t numbers[SEMVER_NUMBERS];
    struct span pre; /* data NULL: none */
};

struct bound {
    unsigned sides;
    uint64_t numbers[SEMVER_NUMBERS];
    struct span pre;
};

struct bounds {
    struct bound data[2];
    size_t count;
    bool never;
};

/* The lowest pre-release. */
static struct span pre_lowest(void) { return span_text("0"); }

static void bound_add(struct bounds *bounds, unsigned sides, uint64_t major, uint64_t minor, uint64_t patch,
                      struct span pre) {
    assert(bounds->count < ARRAY_COUNT(bounds->data));
    bounds->data[bounds->count++] = (struct bound){sides, {major, minor, patch}, pre};
}

/* From `comparator` on, up to the next change of number `index` (0 major to 2 patch). */
static void bounds_span(const struct comparator *comparator, size_t index, bool include_pre, struct bounds *bounds) {
    const uint64_t *n = comparator->numbers;
    struct span none = {NULL, 0};
    struct span pre = comparator->pre.data != NULL ? comparator->pre : include_pre ? pre_lowest() : none;
    bound_add(bounds, RANGE_MORE | RANGE_EQUAL, n[0], n[1], n[2], pre);
    bound_add(bounds, RANGE_LESS, n[0] + (index == 0), index == 0 ? 0 : n[1] + (index == 1), index == 2 ? n[2] + 1 : 0,
              pre_lowest());
}

/* A sign with numbers missing: "> 1.2" is >=1.3.0, "<= 1" is <2.0.0-0. */
static void bounds_partial(const struct comparator *comparator, bool include_pre, struct bounds *bounds) {
    const uint64_t *n = comparator->numbers;
    bool major_only = comparator->count == 1;
    struct span lowest = include_pre ? pre_lowest() : (struct span){NULL, 0};
    bool up = comparator->sides == RANGE_MORE || comparator->sides == (RANGE_LESS | RANGE_EQUAL);
    uint64_t major = n[0] + (up && major_only);
    uint64_t minor = major_only ? 0 : n[1] + up;
    bool is_floor = (comparator->sides & RANGE_MORE) != 0;
    if (is_floor)
        bound_add(bounds, RANGE_MORE | RANGE_EQUAL, major, minor, 0, lowest);
    else
        bound_add(bounds, RANGE_LESS, major, minor, 0, pre_lowest());
}

static void bounds_make(const struct comparator *comparator, bool include_pre, struct bounds *bounds) {
    const uint64_t *n = comparator->numbers;
    size_t count = comparator->count;
    *bounds = (struct bounds){0};
    if (count == 0) {
        /* "<*" and ">*" hold for nothing, everything else without a number for all. */
        bounds->never = comparator->operation == OPERATION_SIGN &&
                        (comparator->sides == RANGE_LESS || comparator->sides == RANGE_MORE);
        if (include_pre)
            bound_add(bounds, RANGE_MORE | RANGE_EQUAL, 0, 0, 0, pre_lowest());
        return;
    }
    if (comparator->operation == OPERATION_CARET) {
        /* The first number that is not zero stays: with numbers missing, the last of those that are there. */
        size_t index = n[0] > 0 || count == 1 ? 0 : n[1] > 0 || count == 2 ? 1 : 2;
        bounds_span(comparator, index, include_pre && count < SEMVER_NUMBERS, bounds);
    } else if (comparator->operation == OPERATION_TILDE) {
        bounds_span(comparator, count == 1 ? 0 : 1, false, bounds);
    } else if (count < SEMVER_NUMBERS && comparator->sides == RANGE_EQUAL) {
        bounds_span(comparator, count - 1, include_pre, bounds);
    } else if (count < SEMVER_NUMBERS) {
        bounds_partial(comparator, include_pre, bounds);
    } else {
        bound_add(bounds, comparator->sides, n[0], n[1], n[2], comparator->pre);
    }
}

/* One number or "x"; false where there is neither. */
static bool number_take(struct version_text *in, struct comparator *comparator, bool *is_x) {
    uint8_t c = version_text_peek(in);
    if (c == 'x' || c == 'X' || c == '*') {
        in->at++;
        *is_x = true;
        return true;
    }
    struct span digits = version_text_digits(in);
    uint64_t value = 0;
    if (!text_u64(digits, 10, bound_max, &value))
        return false;
    if (!*is_x)
        comparator->numbers[comparator->count++] = value;
    return true;
}

/* The version of a comparator, of which only the first number must be there. */
static bool partial_parse(struct span text, const struct semver_language *language, struct comparator *comparator) {
    struct version_text in = {text, 0};
    bool is_x = false;
    while (language->v_in_front && (version_text_skip(&in, 'v') || version_text_skip(&in, '=')))
        continue;
    size_t written = 0;
    do {
        if (!number_take(&in, comparator, &is_x))
            return false;
        written++;
    } while (written < SEMVER_NUMBERS && version_text_skip(&in, '.'));
    struct span rest = span_from(text, in.at);
    size_t plus = span_index(rest, '+', 0);
    if (plus != SIZE_MAX)
        rest = span_slice(rest, 0, plus);
    if (rest.size == 0)
        return true;
    bool has_dash = rest.data[0] == '-';
    if (written < SEMVER_NUMBERS || (!has_dash && !(language->is_loose && text_is_alpha(rest.data[0]))))
        return false;
    if (has_dash)
        rest = span_from(rest, 1);
    AUTO_BUF struct buf key = {0};
    if (!semver_identifiers_key(rest, false, &key))
        return false;
    if (!is_x)
        comparator->pre = rest;
    return true;
}

struct subject {
    const struct semver_language *language;
    struct semver_parts parts;
    struct buf key;
    uint64_t numbers[SEMVER_NUMBERS];
    bool numbers_are_short; /* they fit `numbers` */
};

static int bound_holds(const struct subject *subject, const struct bound *bound, bool *ret_holds, bool *pre_named,
                       struct err *err) {
    char digits[SEMVER_NUMBERS][24];
    struct semver_parts parts = {.number_count = SEMVER_NUMBERS, .has_pre = bound->pre.data != NULL, .pre = bound->pre};
    bool same = subject->numbers_are_short;
    for (size_t i = 0; i < SEMVER_NUMBERS; i++) {
        int size = snprintf(digits[i], sizeof digits[i], "%" PRIu64, bound->numbers[i]);
        parts.numbers[i] = span_make(digits[i], (size_t)size);
        same = same && subject->numbers[i] == bound->numbers[i];
    }
    AUTO_BUF struct buf key = {0};
    if (!semver_parts_key(&parts, &key))
        return range_bad(bound->pre, "not a pre-release", err);
    if (key.failed)
        return err_set(err, ERR_NOMEM, 0, "range: out of memory");
    *ret_holds = range_allows(bound->sides, span_compare(buf_span(&subject->key), buf_span(&key)));
    *pre_named = *pre_named || (same && parts.has_pre);
    return 0;
}

static int comparator_holds(const struct subject *subject, const struct comparator *comparator, bool *all,
                            bool *pre_named, struct err *err) {
    struct bounds bounds;
    bounds_make(comparator, subject->language->include_pre, &bounds);
    *all = *all && !bounds.never;
    for (size_t i = 0; i < bounds.count; i++) {
        bool holds = false;
        if (bound_holds(subject, &bounds.data[i], &holds, pre_named, err) < 0)
            return -1;
        *all = *all && holds;
    }
    return 0;
}

static bool byte_ends(const struct semver_language *language, uint8_t c) {
    return text_is_space(c) || (language->commas && c == ',');
}

/* The next comparator of a set. */
static int comparator_take(const struct semver_language *language, struct span *rest, struct comparator *ret_comparator,
                           struct err *err) {
    struct span whole = *rest;
    struct comparator comparator = {.operation = OPERATION_SIGN, .sides = RANGE_EQUAL};
    bool bare = false;
    if (span_starts(*rest, "^")) {
        comparator.operation = OPERATION_CARET;
        *rest = text_trim(span_from(*rest, 1));
    } else if (span_starts(*rest, "~")) {
        comparator.operation = OPERATION_TILDE;
        *rest = text_trim(span_from(*rest, span_starts(*rest, "~>") ? 2 : 1));
    } else {
        unsigned sides = range_sign_take(rest);
        bare = sides == 0;
        comparator.sides = bare ? RANGE_EQUAL : sides;
    }
    size_t size = 0;
    while (size < rest->size && !byte_ends(language, rest->data[size]))
        size++;
    struct span text = span_slice(*rest, 0, size);
    *rest = text_trim(span_from(*rest, size));
    if (!partial_parse(text, language, &comparator) || comparator.sides == (RANGE_LESS | RANGE_MORE))
        return range_bad(whole, "expected a comparator such as ^1.2", err);
    bool has_star = span_index(text, '*', 0) != SIZE_MAX;
    if (bare && language->caret_by_default && !has_star)
        comparator.operation = OPERATION_CARET;
    *ret_comparator = comparator;
    return 0;
}

/* "1.2 - 2": from the lowest of the one to the highest of the other. */
static int hyphen_holds(const struct subject *subject, struct span set, size_t at, bool *all, bool *pre_named,
                        struct err *err) {
    struct comparator from = {.operation = OPERATION_SIGN, .sides = RANGE_MORE | RANGE_EQUAL};
    struct comparator to = {.operation = OPERATION_SIGN, .sides = RANGE_LESS | RANGE_EQUAL};
    if (!partial_parse(text_trim(span_slice(set, 0, at)), subject->language, &from) ||
        !partial_parse(text_trim(span_from(set, at + 3)), subject->language, &to))
        return range_bad(set, "expected two versions around the dash", err);
    if (subject->language->include_pre && from.count == SEMVER_NUMBERS && from.pre.data == NULL)
        from.pre = pre_lowest();
    return comparator_holds(subject, &from, all, pre_named, err) < 0 ||
                   comparator_holds(subject, &to, all, pre_named, err) < 0
               ? -1
               : 0;
}

static int set_holds(const struct subject *subject, struct span set, bool *ret_holds, struct err *err) {
    const struct semver_language *language = subject->language;
    bool all = true;
    bool pre_named = language->include_pre;
    size_t hyphen = language->hyphens ? span_find(set, span_text(" - "), 0) : SIZE_MAX;
    if (hyphen != SIZE_MAX) {
        if (hyphen_holds(subject, set, hyphen, &all, &pre_named, err) < 0)
            return -1;
        set = (struct span){NULL, 0};
    } else if (set.size == 0 && language->include_pre) {
        const struct comparator any = {.operation = OPERATION_SIGN, .sides = RANGE_EQUAL};
        if (comparator_holds(subject, &any, &all, &pre_named, err) < 0)
            return -1;
    }
    while (set.size > 0) {
        struct comparator comparator;
        if (comparator_take(language, &set, &comparator, err) < 0 ||
            comparator_holds(subject, &comparator, &all, &pre_named, err) < 0)
            return -1;
        if (set.size > 0 && language->commas) {
            if (set.data[0] != ',' || set.size == 1)
                return range_bad(set, "comparators are apart by commas", err);
            set = text_trim(span_from(set, 1));
        }
    }
    *ret_holds = all && (!subject->parts.has_pre || pre_named);
    return 0;
}

static int sets_hold(const struct subject *subject, struct span range, bool *ret_inside, struct err *err) {
    bool any = false;
    struct span set;
    if (range.size == 0)
        return set_holds(subject, range, ret_inside, err);
    while (range_alternative_take(&range, subject->language->commas ? "\n" : "||", &set)) {
        bool holds = false;
        struct err reason = {0};
        if (set_holds(subject, set, &holds, &reason) < 0) {
            /* node drops what it cannot read in loose mode. */
            if (subject->language->is_loose && reason.code == ERR_FORMAT)
                continue;
            return err_set(err, reason.code, reason.sys, "%s", reason.text);
        }
        any = any || holds;
    }
    *ret_inside = any;
    return 0;
}

int semver_in_range(const struct semver_language *language, const struct version_rules *rules, struct span range,
                    struct span version, bool *ret_inside, struct err *err) {
    struct subject subject = {.language = language, .numbers_are_short = true};
    struct span text = text_trim(version);
    while (language->v_in_front && text.size > 0 && (text.data[0] == 'v' || text.data[0] == '=' || text.data[0] == ' '))
        text = span_from(text, 1);
    if (!(language->is_loose ? semver_split_loose : semver_split)(text, &subject.parts))
        return range_bad(version, "not a version", err);
    for (size_t i = 0; i < SEMVER_NUMBERS; i++)
        subject.numbers_are_short =
            subject.numbers_are_short && text_u64(subject.parts.numbers[i], 10, UINT64_MAX, &subject.numbers[i]);
    int result = version_rules_key(rules, version, &subject.key, err);
    if (result == 0)
        result = sets_hold(&subject, text_trim(range), ret_inside, err);
    buf_release(&subject.key);
    return result;
}
