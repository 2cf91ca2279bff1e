#include "matchers/version/version_rules.h"

struct comparator {
    const char *sign;
    bool less, equal, greater;
};

/* Longer signs first. */
static const struct comparator comparators[] = {
    {"<<", true, false, false}, {">>", false, false, true}, {"<=", true, true, false}, {">=", false, true, true},
    {"!=", true, false, true},  {"==", false, true, false}, {"<", true, false, false}, {">", false, false, true},
    {"=", false, true, false},
};

static const struct comparator *sign_take(struct span *rest) {
    for (size_t i = 0; i < ARRAY_COUNT(comparators); i++) {
        if (span_starts(*rest, comparators[i].sign)) {
            *rest = span_from(*rest, strlen(comparators[i].sign));
            return &comparators[i];
        }
    }
    return NULL;
}

/* The next comparator of one alternative; spaces may follow the sign. */
static int comparator_holds(const struct version_rules *rules, struct span *rest, struct span key, bool *ret_holds,
                            struct err *err) {
    static const struct comparator equal = {"=", false, true, false};
    const struct comparator *comparator = sign_take(rest);
    if (comparator == NULL)
        comparator = &equal;
    *rest = text_trim(*rest);
    size_t size = 0;
    while (size < rest->size && !text_is_space(rest->data[size]) && rest->data[size] != ',')
        size++;
    struct span bound = span_slice(*rest, 0, size);
    *rest = span_from(*rest, size);
    if (bound.size >= 2 && bound.data[0] == '"' && bound.data[bound.size - 1] == '"')
        bound = span_slice(bound, 1, bound.size - 2);
    AUTO_BUF struct buf bound_key = {0};
    if (version_rules_key(rules, bound, &bound_key, err) < 0)
        return err_wrap(err, "version range");
    int order = span_compare(key, buf_span(&bound_key));
    *ret_holds = order < 0 ? comparator->less : order > 0 ? comparator->greater : comparator->equal;
    return 0;
}

static int alternative_holds(const struct version_rules *rules, struct span alternative, struct span key,
                             bool *ret_holds, struct err *err) {
    bool all = true;
    for (;;) {
        alternative = text_trim(alternative);
        while (alternative.size > 0 && alternative.data[0] == ',')
            alternative = text_trim(span_from(alternative, 1));
        if (alternative.size == 0)
            break;
        bool holds = false;
        if (comparator_holds(rules, &alternative, key, &holds, err) < 0)
            return -1;
        all = all && holds;
    }
    *ret_holds = all;
    return 0;
}

int version_range_plain(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err) {
    AUTO_BUF struct buf key = {0};
    if (version_rules_key(rules, version, &key, err) < 0)
        return -1;
    bool any = false;
    for (bool more = true; more;) {
        size_t end = span_find(range, span_text("||"), 0);
        more = end != SIZE_MAX;
        bool holds = false;
        if (alternative_holds(rules, span_slice(range, 0, more ? end : range.size), buf_span(&key), &holds, err) < 0)
            return -1;
        any = any || holds;
        if (more)
            range = span_from(range, end + 2);
    }
    *ret_inside = any;
    return 0;
}
