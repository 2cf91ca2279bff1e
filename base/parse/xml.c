#include <expat.h>

#include "base/buf.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"

struct build {
    XML_Parser parser;
    struct arena *arena;
    struct doc_limits limits;
    VEC(struct doc *) open;
    struct doc *root;
    struct buf text; /* of the innermost element, as long as it has no child elements */
    bool is_leaf;
    size_t nodes;
    enum err_code failure; /* why a callback said stop */
};

static void stop(struct build *build, enum err_code code) {
    if (build->failure == ERR_NONE)
        build->failure = code;
    (void)XML_StopParser(build->parser, XML_FALSE);
}

/* Without the prefix: documents choose it freely, and those read here use one namespace. */
static struct span local_name(const char *name) {
    struct span text = span_text(name);
    size_t colon = span_index_last(text, ':');
    return colon == SIZE_MAX ? text : span_from(text, colon + 1);
}

static struct doc *add_node(struct build *build, struct doc *parent, enum doc_kind kind) {
    struct doc *node = ++build->nodes > build->limits.nodes_max ? NULL : arena_zalloc(build->arena, sizeof *node);
    if (node == NULL) {
        stop(build, build->nodes > build->limits.nodes_max ? ERR_LIMIT : ERR_NOMEM);
        return NULL;
    }
    XML_Size line = XML_GetCurrentLineNumber(build->parser);
    node->kind = kind;
    node->line = line > UINT32_MAX ? UINT32_MAX : (uint32_t)line;
    if (parent != NULL)
        doc_append(parent, node);
    return node;
}

static bool copy(struct build *build, struct span text, struct span *ret_copy) {
    *ret_copy = arena_copy(build->arena, text);
    if (ret_copy->data == NULL)
        stop(build, ERR_NOMEM);
    return ret_copy->data != NULL;
}

static void on_start(void *context, const char *name, const char **attributes) {
    struct build *build = context;
    struct doc *parent = build->open.count == 0 ? NULL : build->open.data[build->open.count - 1];
    if (build->failure != ERR_NONE)
        return;
    if (build->open.count >= build->limits.depth_max) {
        stop(build, ERR_LIMIT);
        return;
    }
    struct doc *node = add_node(build, parent, DOC_OBJECT);
    if (node == NULL || !copy(build, local_name(name), &node->key))
        return;
    if (!vec_push(&build->open, node)) {
        stop(build, ERR_NOMEM);
        return;
    }
    if (build->root == NULL)
        build->root = node;
    for (size_t i = 0; attributes[i] != NULL; i += 2) {
        struct doc *attribute = add_node(build, node, DOC_STRING);
        if (attribute == NULL || !copy(build, local_name(attributes[i]), &attribute->key) ||
            !copy(build, span_text(attributes[i + 1]), &attribute->text))
            return;
    }
    buf_reset(&build->text);
    build->is_leaf = true;
}

static void on_text(void *context, const char *text, int size) {
    struct build *build = context;
    if (build->is_leaf && size > 0)
        buf_add(&build->text, span_make(text, (size_t)size));
}

static void on_end(void *context, const char *name) {
    struct build *build = context;
    (void)name;
    if (build->failure != ERR_NONE || build->open.count == 0)
        return;
    struct doc *node = build->open.data[--build->open.count];
    if (build->text.failed)
        stop(build, ERR_NOMEM);
    else if (build->is_leaf)
        (void)copy(build, text_trim(buf_span(&build->text)), &node->text);
    build->is_leaf = false;
}

/* Entities that a document declares itself are how XML bombs are made, and no format read here needs them. */
static void on_entity(void *context, const char *name, int is_parameter, const char *value, int value_size,
                      const char *base, const char *system_id, const char *public_id, const char *notation) {
    (void)name, (void)is_parameter, (void)value, (void)value_size;
    (void)base, (void)system_id, (void)public_id, (void)notation;
    stop(context, ERR_UNSUPPORTED);
}

/* Encodings of one byte a character that expat does not know: names and versions are ASCII in all of them. */
static int on_encoding(void *context, const char *name, XML_Encoding *encoding) {
    (void)context;
    (void)name;
    for (int i = 0; i < 256; i++)
        encoding->map[i] = i;
    encoding->data = NULL;
    encoding->convert = NULL;
    encoding->release = NULL;
    return XML_STATUS_OK;
}

static int failure_report(const struct build *build, struct err *err) {
    unsigned long line = XML_GetCurrentLineNumber(build->parser);
    if (build->failure == ERR_LIMIT)
        return err_set(err, ERR_LIMIT, 0, "xml: deeper than %zu levels or more than %zu values",
                       build->limits.depth_max, build->limits.nodes_max);
    if (build->failure == ERR_UNSUPPORTED)
        return err_set(err, ERR_UNSUPPORTED, 0, "xml line %lu: the document declares entities", line);
    if (build->failure == ERR_NOMEM || XML_GetErrorCode(build->parser) == XML_ERROR_NO_MEMORY)
        return err_set(err, ERR_NOMEM, 0, "xml: out of memory after %zu values", build->nodes);
    return err_set(err, ERR_FORMAT, 0, "xml line %lu: %s", line, XML_ErrorString(XML_GetErrorCode(build->parser)));
}

int xml_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root, struct err *err) {
    struct build build = {.parser = XML_ParserCreate(NULL), .arena = arena, .limits = limits};
    if (build.parser == NULL)
        return err_set(err, ERR_NOMEM, 0, "xml: out of memory");
    buf_init(&build.text, 0);
    XML_SetUserData(build.parser, &build);
    XML_SetElementHandler(build.parser, on_start, on_end);
    XML_SetCharacterDataHandler(build.parser, on_text);
    XML_SetEntityDeclHandler(build.parser, on_entity);
    XML_SetUnknownEncodingHandler(build.parser, on_encoding, NULL);
    /* Salt for its hash tables: expat would ask the system for it, which a confined process may not do. */
    (void)XML_SetHashSalt(build.parser, (unsigned long)(uintptr_t)&build | 1);
    int result = 0;
    bool too_long = text.size > INT_MAX;
    if (too_long)
        result = err_set(err, ERR_LIMIT, 0, "xml: %zu bytes, more than the parser takes", text.size);
    else if (XML_Parse(build.parser, (const char *)text.data, (int)text.size, 1) != XML_STATUS_OK ||
             build.failure != ERR_NONE)
        result = failure_report(&build, err);
    else
        *ret_root = build.root;
    if (result < 0 && limits.partial && build.failure == ERR_NONE && build.root != NULL)
        *ret_root = build.root;
    XML_ParserFree(build.parser);
    buf_release(&build.text);
    vec_release(&build.open);
    return result;
}
