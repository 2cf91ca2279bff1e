#include <yajl/yajl_parse.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/parse/doc.h"
#include "base/vec.h"

struct build {
    struct arena *arena;
    struct doc_limits limits;
    VEC(struct doc *) open; /* the explicit stack of arrays and objects */
    struct doc *root;
    struct span key;
    size_t nodes;
    enum err_code failure; /* why a callback said stop */
};

static struct doc *node_add(struct build *build, enum doc_kind kind, struct span text, bool copy) {
    if (++build->nodes > build->limits.nodes_max) {
        build->failure = ERR_LIMIT;
        return NULL;
    }
    struct doc *node = arena_zalloc(build->arena, sizeof *node);
    if (node == NULL) {
        build->failure = ERR_NOMEM;
        return NULL;
    }
    node->kind = kind;
    if (copy) {
        node->text = arena_copy(build->arena, text);
        if (node->text.data == NULL) {
            build->failure = ERR_NOMEM;
            return NULL;
        }
    } else {
        node->text = text;
    }
    if (build->open.count == 0) {
        build->root = node;
    } else {
        struct doc *parent = build->open.data[build->open.count - 1];
        if (parent->kind == DOC_OBJECT)
            node->key = build->key;
        doc_append(parent, node);
    }
    return node;
}

static int on_null(void *context) { return node_add(context, DOC_NULL, (struct span){NULL, 0}, false) != NULL; }

static int on_boolean(void *context, int value) {
    struct doc *node = node_add(context, DOC_BOOL, span_text(value ? "true" : "false"), false);
    if (node != NULL)
        node->boolean = value != 0;
    return node != NULL;
}

static int on_number(void *context, const char *text, size_t size) {
    return node_add(context, DOC_NUMBER, span_make(text, size), true) != NULL;
}

static int on_string(void *context, const unsigned char *text, size_t size) {
    return node_add(context, DOC_STRING, span_make(text, size), true) != NULL;
}

static int on_key(void *context, const unsigned char *text, size_t size) {
    struct build *build = context;
    build->key = arena_copy(build->arena, span_make(text, size));
    if (build->key.data == NULL)
        build->failure = ERR_NOMEM;
    return build->key.data != NULL;
}

static int open_add(struct build *build, enum doc_kind kind) {
    if (build->open.count >= build->limits.depth_max) {
        build->failure = ERR_LIMIT;
        return 0;
    }
    struct doc *node = node_add(build, kind, (struct span){NULL, 0}, false);
    if (node == NULL)
        return 0;
    if (!vec_push(&build->open, node)) {
        build->failure = ERR_NOMEM;
        return 0;
    }
    return 1;
}

static int on_object(void *context) { return open_add(context, DOC_OBJECT); }
static int on_array(void *context) { return open_add(context, DOC_ARRAY); }

static int on_close(void *context) {
    struct build *build = context;
    build->open.count--;
    return 1;
}

static int failure_report(struct build *build, yajl_handle parser, struct span text, struct err *err) {
    if (build->failure == ERR_LIMIT)
        return err_set(err, ERR_LIMIT, 0, "json: deeper than %zu levels or more than %zu values",
                       build->limits.depth_max, build->limits.nodes_max);
    if (build->failure == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, 0, "json: out of memory after %zu values", build->nodes);
    size_t offset = yajl_get_bytes_consumed(parser);
    unsigned char *why = yajl_get_error(parser, 0, text.data, text.size);
    size_t why_size = why == NULL ? 0 : strcspn((const char *)why, "\n");
    err_set(err, ERR_FORMAT, 0, "json: %.*s near offset %zu", (int)why_size, why == NULL ? "" : (const char *)why,
            offset);
    yajl_free_error(parser, why);
    return -1;
}

int json_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root,
               struct err *err) {
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_object,
        .yajl_map_key = on_key,
        .yajl_end_map = on_close,
        .yajl_start_array = on_array,
        .yajl_end_array = on_close,
    };
    if (span_starts(text, "\xef\xbb\xbf"))
        text = span_from(text, 3);
    struct build build = {.arena = arena, .limits = limits};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &build);
    if (parser == NULL)
        return err_set(err, ERR_NOMEM, 0, "json: out of memory");
    (void)yajl_config(parser, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(parser, text.data, text.size);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    int result = 0;
    if (status != yajl_status_ok || build.failure != ERR_NONE)
        result = failure_report(&build, parser, text, err);
    else if (build.root == NULL)
        result = err_set(err, ERR_FORMAT, 0, "json: expected a value, found nothing");
    else
        *ret_root = build.root;
    if (result < 0 && limits.partial && build.failure == ERR_NONE && build.root != NULL)
        *ret_root = build.root;
    yajl_free(parser);
    vec_release(&build.open);
    return result;
}

/* Where in a text the relaxed reader stands. */
enum relax { RELAX_PLAIN, RELAX_STRING, RELAX_ESCAPE, RELAX_LINE_COMMENT, RELAX_COMMENT };

int jsonc_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root,
                struct err *err) {
    uint8_t *plain = arena_alloc(arena, text.size + 1);
    if (plain == NULL)
        return err_set(err, ERR_NOMEM, 0, "json: out of memory");
    enum relax state = RELAX_PLAIN;
    size_t comma = SIZE_MAX; /* of a comma that nothing has followed yet */
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i], next = i + 1 < text.size ? text.data[i + 1] : 0;
        bool comment = state >= RELAX_LINE_COMMENT;
        plain[i] = comment && c != '\n' ? ' ' : c;
        if (state == RELAX_ESCAPE) {
            state = RELAX_STRING;
        } else if (state == RELAX_STRING) {
            state = c == '\\' ? RELAX_ESCAPE : c == '"' ? RELAX_PLAIN : RELAX_STRING;
        } else if (state == RELAX_LINE_COMMENT) {
            state = c == '\n' ? RELAX_PLAIN : state;
        } else if (state == RELAX_COMMENT) {
            if (c == '*' && next == '/') {
                plain[++i] = ' ';
                state = RELAX_PLAIN;
            }
        } else if (c == '/' && (next == '/' || next == '*')) {
            plain[i] = plain[i + 1] = ' ';
            i++;
            state = next == '/' ? RELAX_LINE_COMMENT : RELAX_COMMENT;
        } else if (c == ',') {
            comma = i;
        } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            if ((c == ']' || c == '}') && comma != SIZE_MAX)
                plain[comma] = ' ';
            comma = SIZE_MAX;
            state = c == '"' ? RELAX_STRING : RELAX_PLAIN;
        }
    }
    return json_parse(arena, span_make(plain, text.size), limits, ret_root, err);
}
