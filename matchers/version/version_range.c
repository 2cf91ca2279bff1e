#include "matchers/version/version_rules.h"

int range_subject_init(struct range_subject *subject, const struct version_rules *rules, struct span version,
                       struct err *err) {
    int order = 0;
    *subject = (struct range_subject){.rules = rules, .version = version};
    return rules->compare != NULL ? version_rules_compare(rules, version, version, &order, err)
                                  : version_rules_key(rules, version, &subject->key, err);
}

void range_subject_release(struct range_subject *subject) { buf_release(&subject->key); }

int range_subject_order(const struct range_subject *subject, struct span bound, int *ret_order, struct err *err) {
    AUTO_BUF struct buf key = {0};
    if (subject->rules->compare != NULL)
        return version_rules_compare(subject->rules, subject->version, bound, ret_order, err) < 0
                   ? err_wrap(err, "range")
                   : 0;
    if (version_rules_key(subject->rules, bound, &key, err) < 0)
        return err_wrap(err, "range");
    *ret_order = span_compare(buf_span(&subject->key), buf_span(&key));
    return 0;
}

bool range_alternative_take(struct span *rest, const char *separator, struct span *ret_alternative) {
    if (rest->data == NULL)
        return false;
    size_t end = span_find(*rest, span_text(separator), 0);
    if (end == SIZE_MAX) {
        *ret_alternative = text_trim(*rest);
        *rest = (struct span){NULL, 0};
        return true;
    }
    size_t next = end + strlen(separator);
    *ret_alternative = text_trim(span_slice(*rest, 0, end));
    *rest = span_make(rest->data + next, rest->size - next);
    return true;
}

unsigned range_sign_take(struct span *rest) {
    /* Longer signs first. */
    static const struct {
        const char *sign;
        unsigned sides;
    } signs[] = {
        {"<<", RANGE_LESS},
        {">>", RANGE_MORE},
        {"<=", RANGE_LESS | RANGE_EQUAL},
        {">=", RANGE_MORE | RANGE_EQUAL},
        {"!=", RANGE_LESS | RANGE_MORE},
        {"<>", RANGE_LESS | RANGE_MORE},
        {"==", RANGE_EQUAL},
        {"<", RANGE_LESS},
        {">", RANGE_MORE},
        {"=", RANGE_EQUAL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(signs); i++) {
        if (span_starts(*rest, signs[i].sign)) {
            *rest = text_trim(span_from(*rest, strlen(signs[i].sign)));
            return signs[i].sides;
        }
    }
    return 0;
}

int range_bad(struct span range, const char *why, struct err *err) {
    char quoted[96];
    return err_set(err, ERR_FORMAT, 0, "range '%s': %s", text_quote(range, quoted, sizeof quoted), why);
}

/* All comparators of one alternative. */
static int alternative_holds(const struct range_subject *subject, struct span alternative, bool *ret_holds,
                             struct err *err) {
    bool all = true;
    while (alternative.size > 0) {
        if (alternative.data[0] == ',') {
            alternative = text_trim(span_from(alternative, 1));
            continue;
        }
        unsigned sides = range_sign_take(&alternative);
        size_t size = 0;
        while (size < alternative.size && !text_is_space(alternative.data[size]) && alternative.data[size] != ',')
            size++;
        struct span bound = span_slice(alternative, 0, size);
        alternative = text_trim(span_from(alternative, size));
        if (bound.size >= 2 && bound.data[0] == '"' && bound.data[bound.size - 1] == '"')
            bound = span_slice(bound, 1, bound.size - 2);
        int order = 0;
        if (range_subject_order(subject, bound, &order, err) < 0)
            return -1;
        all = all && range_allows(sides == 0 ? RANGE_EQUAL : sides, order);
    }
    *ret_holds = all;
    return 0;
}

static int set_holds(const struct range_language *language, const struct range_subject *subject, struct span set,
                     bool *ret_holds, struct err *err) {
    bool all = true;
    struct span condition;
    if (language->condition_separator == NULL)
        return language->holds(subject, set, ret_holds, err);
    while ((set.size > 0 || !language->empty_holds) &&
           range_alternative_take(&set, language->condition_separator, &condition)) {
        bool holds = false;
        if (language->holds(subject, condition, &holds, err) < 0)
            return -1;
        all = all && holds;
    }
    *ret_holds = all;
    return 0;
}

int range_sets(const struct range_language *language, const struct version_rules *rules, struct span range,
               struct span version, bool *ret_inside, struct err *err) {
    struct range_subject subject;
    struct span set;
    bool any = language->empty_holds && range.size == 0;
    int result = range_subject_init(&subject, rules, version, err);
    while (result == 0 && range_alternative_take(&range, language->set_separator, &set)) {
        bool holds = false;
        result = set_holds(language, &subject, set, &holds, err);
        any = any || holds;
    }
    range_subject_release(&subject);
    if (result == 0)
        *ret_inside = any;
    return result;
}

int version_range_plain(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err) {
    static const struct range_language language = {
        .set_separator = "||", .empty_holds = true, .holds = alternative_holds};
    return range_sets(&language, rules, range, version, ret_inside, err);
}

/* The bounds of one interval, empty where there is none. */
struct interval_bounds {
    struct span from, to;
    bool from_included, to_included;
};

/* Takes one interval off the front; false where its form is wrong. */
static bool interval_take(struct span *rest, struct interval_bounds *ret_bounds) {
    struct span whole = *rest;
    size_t end = 0;
    while (end < whole.size && whole.data[end] != ']' && whole.data[end] != ')')
        end++;
    if (end == whole.size || end == 0 || (whole.data[0] != '[' && whole.data[0] != '('))
        return false;
    struct interval_bounds bounds = {.from_included = whole.data[0] == '[', .to_included = whole.data[end] == ']'};
    bounds.to = span_make(whole.data + 1, end - 1);
    bounds.from = text_trim(text_cut(&bounds.to, ','));
    bool is_single = bounds.to.data == NULL;
    bounds.to = is_single ? bounds.from : text_trim(bounds.to);
    if ((is_single && (!bounds.from_included || !bounds.to_included || bounds.from.size == 0)) ||
        span_index(bounds.to, ',', 0) != SIZE_MAX)
        return false;
    *rest = text_trim(span_from(whole, end + 1));
    *ret_bounds = bounds;
    return true;
}

static int interval_holds(const struct range_subject *subject, struct span *rest, bool *ret_holds, struct err *err) {
    struct interval_bounds bounds;
    struct span whole = *rest;
    if (!interval_take(rest, &bounds))
        return range_bad(whole, "expected an interval such as [1,2)", err);
    bool holds = true;
    int order = 0;
    if (bounds.from.size > 0) {
        if (range_subject_order(subject, bounds.from, &order, err) < 0)
            return -1;
        holds = range_allows(bounds.from_included ? RANGE_MORE | RANGE_EQUAL : RANGE_MORE, order);
    }
    if (bounds.to.size > 0) {
        if (range_subject_order(subject, bounds.to, &order, err) < 0)
            return -1;
        holds = holds && range_allows(bounds.to_included ? RANGE_LESS | RANGE_EQUAL : RANGE_LESS, order);
    }
    *ret_holds = holds;
    return 0;
}

int range_intervals(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                    struct err *err) {
    struct range_subject subject;
    struct span rest = text_trim(range);
    bool any = false;
    int result = range_subject_init(&subject, rules, version, err);
    while (result == 0) {
        bool holds = false;
        result = interval_holds(&subject, &rest, &holds, err);
        any = any || holds;
        if (result < 0 || rest.size == 0)
            break;
        if (rest.data[0] != ',')
            result = range_bad(range, "intervals are apart by commas", err);
        rest = text_trim(span_from(rest, 1));
    }
    range_subject_release(&subject);
    if (result == 0)
        *ret_inside = any;
    return result;
}

/* Whether two bounds, both there, stand in this order; equal ones only where `equal`. */
static bool bounds_ordered(const struct version_rules *rules, struct span a, struct span b, bool equal) {
    int order = 0;
    return version_rules_compare(rules, a, b, &order, NULL) == 0 && (order < 0 || (equal && order == 0));
}

bool range_intervals_are_valid(const struct version_rules *rules, struct span range, bool many) {
    struct span rest = text_trim(range);
    struct interval_bounds last = {0};
    for (bool first = true; first || rest.size > 0; first = false) {
        struct interval_bounds bounds;
        if (!first && (!many || last.to.size == 0))
            return false;
        if (!interval_take(&rest, &bounds))
            return false;
        if (bounds.from.size > 0 && bounds.to.size > 0 &&
            !bounds_ordered(rules, bounds.from, bounds.to, bounds.from_included && bounds.to_included))
            return false;
        if (!first && (bounds.from.size == 0 || !bounds_ordered(rules, last.to, bounds.from, true)))
            return false;
        if (rest.size > 0 && rest.data[0] == ',')
            rest = text_trim(span_from(rest, 1));
        last = bounds;
    }
    return true;
}
