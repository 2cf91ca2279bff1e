#include <yaml.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"

struct build {
    struct arena *arena;
    struct doc_limits limits;
    VEC(struct doc *) open;
    VEC(struct span) keys; /* per open mapping: the key that waits for its value; data NULL when none */
    struct map anchors;
    struct doc *root;
    size_t nodes;
};

static int limit_report(const struct build *build, struct err *err) {
    return err_set(err, ERR_LIMIT, 0, "yaml: deeper than %zu levels or more than %zu values (aliases count as copies)",
                   build->limits.depth_max, build->limits.nodes_max);
}

static int memory_report(const struct build *build, struct err *err) {
    return err_set(err, ERR_NOMEM, 0, "yaml: out of memory after %zu values", build->nodes);
}

static int node_new(struct build *build, enum doc_kind kind, size_t line, struct doc **ret_node, struct err *err) {
    if (++build->nodes > build->limits.nodes_max)
        return limit_report(build, err);
    struct doc *node = arena_zalloc(build->arena, sizeof *node);
    if (node == NULL)
        return memory_report(build, err);
    node->kind = kind;
    node->line = line > UINT32_MAX ? UINT32_MAX : (uint32_t)line;
    *ret_node = node;
    return 0;
}

/* Puts a finished node where it belongs: the root, an array's next item, a mapping's next key or the value of the key.
 */
static int node_place(struct build *build, struct doc *node, struct err *err) {
    if (build->open.count == 0) {
        if (build->root == NULL)
            build->root = node;
        return 0;
    }
    struct doc *parent = build->open.data[build->open.count - 1];
    if (parent->kind == DOC_ARRAY) {
        doc_append(parent, node);
        return 0;
    }
    struct span *key = &build->keys.data[build->keys.count - 1];
    if (key->data == NULL) {
        if (node->kind == DOC_ARRAY || node->kind == DOC_OBJECT)
            return err_set(err, ERR_UNSUPPORTED, 0, "yaml line %u: expected a scalar key, found a collection",
                           node->line);
        static const uint8_t nothing[1] = "";
        *key = node->kind == DOC_NULL ? span_text("null") : doc_scalar(node);
        if (key->data == NULL)
            key->data = nothing;
        return 0;
    }
    node->key = *key;
    *key = (struct span){NULL, 0};
    doc_append(parent, node);
    return 0;
}

/* JSON's number grammar: anything else that YAML calls a number (octal, sexagesimal, .inf) stays text. */
static bool is_number(struct span s) {
    size_t i = s.size > 0 && s.data[0] == '-' ? 1 : 0;
    size_t digits = 0;
    while (i < s.size && text_is_digit(s.data[i]))
        i++, digits++;
    if (digits == 0 || (digits > 1 && s.data[i - digits] == '0'))
        return false;
    if (i < s.size && s.data[i] == '.') {
        size_t fraction = ++i;
        while (i < s.size && text_is_digit(s.data[i]))
            i++;
        if (i == fraction)
            return false;
    }
    return i == s.size;
}

static void scalar_classify(struct doc *node, bool plain) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    node->kind = DOC_STRING;
    if (!plain)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(nulls); i++) {
        if (span_is(node->text, nulls[i]))
            node->kind = DOC_NULL;
    }
    bool is_true = text_equal_nocase(node->text, span_text("true"));
    if (is_true || text_equal_nocase(node->text, span_text("false"))) {
        node->kind = DOC_BOOL;
        node->boolean = is_true;
    } else if (is_number(node->text)) {
        node->kind = DOC_NUMBER;
    }
}

static int anchor_set(struct build *build, const yaml_char_t *anchor, struct doc *node, struct err *err) {
    if (anchor == NULL)
        return 0;
    struct span name = arena_copy(build->arena, span_text((const char *)anchor));
    void **place = name.data == NULL ? NULL : map_put(&build->anchors, name, NULL);
    if (place == NULL)
        return memory_report(build, err);
    *place = node;
    return 0;
}

/* A deep copy with an explicit stack; every copied node counts against the limit, which is what stops alias bombs. */
static int alias_copy(struct build *build, const struct doc *from, struct doc **ret_copy, struct err *err) {
    struct pair {
        const struct doc *from;
        struct doc *to;
    };
    VEC(struct pair) todo = {0};
    struct doc *top = NULL;
    int result = node_new(build, from->kind, from->line, &top, err);
    if (result == 0 && !vec_push(&todo, ((struct pair){from, top})))
        result = memory_report(build, err);
    while (result == 0 && todo.count > 0) {
        struct pair pair = todo.data[--todo.count];
        pair.to->text = pair.from->text;
        pair.to->boolean = pair.from->boolean;
        for (const struct doc *child = pair.from->first; result == 0 && child != NULL; child = child->next) {
            struct doc *copy;
            result = node_new(build, child->kind, child->line, &copy, err);
            if (result < 0)
                break;
            copy->key = child->key;
            doc_append(pair.to, copy);
            if (!vec_push(&todo, ((struct pair){child, copy})))
                result = memory_report(build, err);
        }
    }
    vec_release(&todo);
    if (result == 0)
        *ret_copy = top;
    return result;
}

static int collection_open(struct build *build, enum doc_kind kind, const yaml_event_t *event,
                           const yaml_char_t *anchor, struct err *err) {
    if (build->open.count >= build->limits.depth_max)
        return limit_report(build, err);
    struct doc *node;
    if (node_new(build, kind, event->start_mark.line + 1, &node, err) < 0 || node_place(build, node, err) < 0)
        return -1;
    if (!vec_push(&build->open, node) || !vec_push(&build->keys, ((struct span){NULL, 0})))
        return memory_report(build, err);
    return anchor_set(build, anchor, node, err);
}

static int scalar_add(struct build *build, const yaml_event_t *event, struct err *err) {
    struct doc *node;
    if (node_new(build, DOC_STRING, event->start_mark.line + 1, &node, err) < 0)
        return -1;
    node->text = arena_copy(build->arena, span_make(event->data.scalar.value, event->data.scalar.length));
    if (node->text.data == NULL)
        return memory_report(build, err);
    scalar_classify(node, event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
    if (anchor_set(build, event->data.scalar.anchor, node, err) < 0)
        return -1;
    return node_place(build, node, err);
}

static int alias_add(struct build *build, const yaml_event_t *event, struct err *err) {
    const struct doc *from = map_get(&build->anchors, span_text((const char *)event->data.alias.anchor));
    if (from == NULL)
        return err_set(err, ERR_FORMAT, 0, "yaml line %zu: alias without an anchor", event->start_mark.line + 1);
    for (size_t i = 0; i < build->open.count; i++) {
        if (build->open.data[i] == from)
            return err_set(err, ERR_FORMAT, 0, "yaml line %zu: alias to a value that contains it",
                           event->start_mark.line + 1);
    }
    struct doc *copy = NULL;
    if (alias_copy(build, from, &copy, err) < 0)
        return -1;
    return node_place(build, copy, err);
}

/* One event: 1 go on, 0 the first document is complete, -1 error. */
static int event_take(struct build *build, const yaml_event_t *event, struct err *err) {
    switch (event->type) {
    case YAML_MAPPING_START_EVENT:
        return collection_open(build, DOC_OBJECT, event, event->data.mapping_start.anchor, err) < 0 ? -1 : 1;
    case YAML_SEQUENCE_START_EVENT:
        return collection_open(build, DOC_ARRAY, event, event->data.sequence_start.anchor, err) < 0 ? -1 : 1;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        build->open.count--;
        build->keys.count--;
        return 1;
    case YAML_SCALAR_EVENT:
        return scalar_add(build, event, err) < 0 ? -1 : 1;
    case YAML_ALIAS_EVENT:
        return alias_add(build, event, err) < 0 ? -1 : 1;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
        break;
    }
    return 1;
}

/* The documents are appended to `all`; where that is NULL the first one is the result. */
static int documents_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc *all,
                           struct doc **ret_root, struct err *err) {
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) != 1)
        return err_set(err, ERR_NOMEM, 0, "yaml: out of memory");
    /* libyaml asserts that there is a pointer, and an empty span need not have one. */
    yaml_parser_set_input_string(&parser, text.size == 0 ? (const uint8_t *)"" : text.data, text.size);
    struct build build = {.arena = arena, .limits = limits};
    map_init(&build.anchors, (uint64_t)(uintptr_t)arena);
    int result = 1;
    while (result > 0) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) != 1) {
            result = err_set(err, parser.error == YAML_MEMORY_ERROR ? ERR_NOMEM : ERR_FORMAT, 0, "yaml line %zu: %s",
                             parser.problem_mark.line + 1, parser.problem == NULL ? "out of memory" : parser.problem);
            break;
        }
        result = event_take(&build, &event, err);
        bool is_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (result != 0 || all == NULL || is_end)
            continue;
        if (build.root != NULL)
            doc_append(all, build.root);
        build.root = NULL;
        result = 1;
    }
    if (result == 0 && all != NULL)
        build.root = all;
    if (result == 0 && build.root == NULL)
        result = err_set(err, ERR_FORMAT, 0, "yaml: expected a document, found nothing");
    bool is_kept = result < 0 && limits.partial && err->code == ERR_FORMAT;
    if (is_kept && all != NULL) {
        if (build.root != NULL)
            doc_append(all, build.root);
        build.root = all->count > 0 ? all : NULL;
    }
    if (result == 0 || (is_kept && build.root != NULL))
        *ret_root = build.root;
    yaml_parser_delete(&parser);
    map_release(&build.anchors);
    vec_release(&build.open);
    vec_release(&build.keys);
    return result;
}

int yaml_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root,
               struct err *err) {
    return documents_parse(arena, text, limits, NULL, ret_root, err);
}

int yaml_parse_all(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root,
                   struct err *err) {
    struct doc *all = arena_zalloc(arena, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_NOMEM, 0, "yaml: out of memory");
    all->kind = DOC_ARRAY;
    if (limits.depth_max > 0)
        limits.depth_max--; /* the array is one level */
    return documents_parse(arena, text, limits, all, ret_root, err);
}
