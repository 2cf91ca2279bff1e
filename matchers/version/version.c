#include "matchers/version/version.h"

#include "base/limits.h"
#include "base/text.h"
#include "matchers/version/version_rules.h"

struct scheme {
    const char *name;
    const struct version_rules *rules;
    const char *synonyms;
};

static const struct scheme schemes[VERSION_SCHEME_COUNT] = {
#define SCHEME(id, name, rules, synonyms) [VERSION_##id] = {name, &version_rules_##rules, synonyms},
#include "matchers/version/scheme.def"
#undef SCHEME
};

const char *version_scheme_name(enum version_scheme scheme) {
    assert(scheme < VERSION_SCHEME_COUNT);
    return schemes[scheme].name;
}

static bool is_called(const struct scheme *scheme, struct span name) {
    if (text_equal_nocase(name, span_text(scheme->name)))
        return true;
    struct span rest = span_text(scheme->synonyms);
    while (rest.data != NULL) {
        struct span synonym = text_cut(&rest, ' ');
        if (synonym.size > 0 && text_equal_nocase(name, synonym))
            return true;
    }
    return false;
}

bool version_scheme_find(struct span name, enum version_scheme *ret_scheme) {
    for (size_t i = 0; i < VERSION_SCHEME_COUNT; i++) {
        if (is_called(&schemes[i], name)) {
            *ret_scheme = (enum version_scheme)i;
            return true;
        }
    }
    return false;
}

int version_key(enum version_scheme scheme, struct span version, struct buf *key, struct err *err) {
    assert(scheme < VERSION_SCHEME_COUNT);
    return version_rules_key(schemes[scheme].rules, version, key, err);
}

int version_compare(enum version_scheme scheme, struct span a, struct span b, int *ret_order, struct err *err) {
    assert(scheme < VERSION_SCHEME_COUNT);
    return version_rules_compare(schemes[scheme].rules, a, b, ret_order, err);
}

bool version_is_keyed(enum version_scheme scheme, struct span version) {
    assert(scheme < VERSION_SCHEME_COUNT);
    const struct version_rules *rules = schemes[scheme].rules;
    return rules->compare == NULL ||
           (rules->is_keyed != NULL && version.size <= LIMIT_FIELD_BYTES && rules->is_keyed(text_trim(version)));
}

int version_point_compare(enum version_scheme scheme, const struct version_point *a, const struct version_point *b,
                          int *ret_order, struct err *err) {
    if (!a->keyed || !b->keyed)
        return version_compare(scheme, a->text, b->text, ret_order, err);
    int order = span_compare(a->key, b->key);
    *ret_order = (order > 0) - (order < 0);
    return 0;
}

bool version_is_valid(enum version_scheme scheme, struct span version) {
    assert(scheme < VERSION_SCHEME_COUNT);
    const struct version_rules *rules = schemes[scheme].rules;
    if (version.size > LIMIT_FIELD_BYTES || span_index(version, 0, 0) != SIZE_MAX)
        return false;
    if (rules->is_valid != NULL)
        return rules->is_valid(version);
    AUTO_BUF struct buf key = {0};
    return rules->key(version, &key) && !key.failed;
}

int version_in_range(enum version_scheme scheme, struct span range, struct span version, bool *ret_inside,
                     struct err *err) {
    assert(scheme < VERSION_SCHEME_COUNT);
    const struct version_rules *rules = schemes[scheme].rules;
    if (range.size > LIMIT_FIELD_BYTES || version.size > LIMIT_FIELD_BYTES)
        return err_set(err, ERR_LIMIT, 0, "version range: longer than %zu bytes", LIMIT_FIELD_BYTES);
    if (span_index(range, 0, 0) != SIZE_MAX || span_index(version, 0, 0) != SIZE_MAX)
        return err_set(err, ERR_FORMAT, 0, "version range: NUL byte");
    return (rules->in_range != NULL ? rules->in_range : version_range_plain)(rules, range, version, ret_inside, err);
}
