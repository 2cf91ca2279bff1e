#include "base/parse/doc.h"

#include "base/limits.h"
#include "base/text.h"

struct doc_limits doc_limits_default(void) {
    return (struct doc_limits){.depth_max = LIMIT_DOC_DEPTH, .nodes_max = LIMIT_DOC_NODES};
}

const struct doc *doc_get(const struct doc *object, const char *name) {
    struct span wanted = span_text(name);
    for (const struct doc *member = doc_is(object, DOC_OBJECT) ? object->first : NULL; member; member = member->next) {
        if (span_equal(member->key, wanted))
            return member;
    }
    return NULL;
}

const struct doc *doc_get_last(const struct doc *object, const char *name) {
    const struct doc *found = NULL;
    struct span wanted = span_text(name);
    for (const struct doc *member = doc_is(object, DOC_OBJECT) ? object->first : NULL; member; member = member->next) {
        if (span_equal(member->key, wanted))
            found = member;
    }
    return found;
}

struct span doc_text(const struct doc *value) {
    return doc_is(value, DOC_STRING) ? value->text : (struct span){NULL, 0};
}

struct span doc_scalar(const struct doc *value) {
    bool scalar = doc_is(value, DOC_STRING) || doc_is(value, DOC_NUMBER) || doc_is(value, DOC_BOOL);
    return scalar ? value->text : (struct span){NULL, 0};
}

struct span doc_content(const struct doc *element) {
    return element == NULL ? (struct span){NULL, 0} : element->text;
}

bool doc_i64(const struct doc *value, int64_t *ret_value) {
    if (!doc_is(value, DOC_NUMBER))
        return false;
    bool negative = value->text.size > 0 && value->text.data[0] == '-';
    uint64_t magnitude;
    if (!text_u64(span_from(value->text, negative ? 1 : 0), 10, (uint64_t)INT64_MAX, &magnitude))
        return false;
    *ret_value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

bool doc_is(const struct doc *value, enum doc_kind kind) { return value != NULL && value->kind == kind; }

const struct doc *doc_first(const struct doc *parent) { return parent == NULL ? NULL : parent->first; }

void doc_append(struct doc *parent, struct doc *child) {
    if (parent->last == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
    parent->count++;
}
