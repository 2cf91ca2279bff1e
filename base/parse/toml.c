#include "base/buf.h"
#include "base/map.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"

/* A table or array that a nested value is written into, and how deep in the tree it stands. */
struct place {
    struct doc *node;
    size_t depth;
};

struct build {
    struct arena *arena;
    struct doc_limits limits;
    struct span text;
    size_t at;
    size_t nodes;
    uint32_t line;
    struct map members; /* parent's address and key → child: TOML's tables are found by name again and again */
    struct buf scratch;
    struct err *err;
};

static int fail(struct build *build, const char *why) {
    return err_set(build->err, ERR_FORMAT, 0, "toml line %u: %s", build->line, why);
}

static int out_of_memory(struct build *build) {
    return err_set(build->err, ERR_NOMEM, 0, "toml: out of memory after %zu values", build->nodes);
}

static int beyond_limit(struct build *build) {
    return err_set(build->err, ERR_LIMIT, 0, "toml: deeper than %zu levels or more than %zu values",
                   build->limits.depth_max, build->limits.nodes_max);
}

/* ---- characters ---- */

/* The byte at the cursor, 0 at the end: a NUL in the text is an error wherever it stands. */
static uint8_t peek(const struct build *build) {
    return build->at < build->text.size ? build->text.data[build->at] : 0;
}

static bool starts(const struct build *build, const char *token) {
    return span_starts(span_from(build->text, build->at), token);
}

static void skip_blanks(struct build *build) {
    while (peek(build) == ' ' || peek(build) == '\t')
        build->at++;
}

static void skip_comment(struct build *build) {
    if (peek(build) == '#') {
        size_t end = span_index(build->text, '\n', build->at);
        build->at = end == SIZE_MAX ? build->text.size : end;
    }
}

/* Blanks, comments and line ends. */
static void skip_lines(struct build *build) {
    for (;;) {
        skip_blanks(build);
        skip_comment(build);
        if (peek(build) == '\n')
            build->line++;
        else if (peek(build) != '\r')
            return;
        build->at++;
    }
}

static int end_line(struct build *build) {
    skip_blanks(build);
    skip_comment(build);
    if (peek(build) == '\r')
        build->at++;
    if (build->at < build->text.size && peek(build) != '\n')
        return fail(build, "expected the end of the line");
    return 0;
}

/* ---- strings ---- */

static void add_utf8(struct buf *buf, uint32_t c) {
    if (c < 0x80) {
        buf_byte(buf, (uint8_t)c);
        return;
    }
    if (c >= 0x10000) {
        buf_byte(buf, (uint8_t)(0xf0 | c >> 18));
        buf_byte(buf, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
    } else if (c >= 0x800) {
        buf_byte(buf, (uint8_t)(0xe0 | c >> 12));
    } else {
        buf_byte(buf, (uint8_t)(0xc0 | c >> 6));
    }
    if (c >= 0x800)
        buf_byte(buf, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    buf_byte(buf, (uint8_t)(0x80 | (c & 0x3f)));
}

static int unescape_code(struct build *build, size_t digits) {
    uint64_t code;
    struct span text = span_slice(build->text, build->at, digits);
    if (text.size != digits || !text_u64(text, 16, 0x10ffff, &code) || (code >= 0xd800 && code <= 0xdfff))
        return fail(build, "an escape names no character");
    add_utf8(&build->scratch, (uint32_t)code);
    build->at += digits;
    return 0;
}

/* After a backslash. `multi`: one at a line's end joins it with the next line's text. */
static int unescape(struct build *build, bool multi) {
    static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\x1b\"\\";
    uint8_t c = peek(build);
    const char *place = c == 0 ? NULL : strchr(from, c);
    if (place != NULL) {
        buf_byte(&build->scratch, (uint8_t)to[place - from]);
        build->at++;
        return 0;
    }
    if (c == 'u' || c == 'U' || c == 'x') {
        build->at++;
        return unescape_code(build, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    }
    if (!multi || !text_is_space(c))
        return fail(build, "an unknown escape");
    while (text_is_space(peek(build))) {
        build->line += peek(build) == '\n';
        build->at++;
    }
    return 0;
}

/* A string of any of the four kinds, at its first quote. */
static int read_string(struct build *build, bool multi_allowed, struct span *ret_text) {
    uint8_t quote = peek(build);
    bool literal = quote == '\'', multi = starts(build, literal ? "'''" : "\"\"\"");
    if (multi && !multi_allowed)
        return fail(build, "a key is a string of several lines");
    build->at += multi ? 3 : 1;
    if (multi && starts(build, "\r\n"))
        build->at++;
    if (multi && peek(build) == '\n') {
        build->line++;
        build->at++;
    }
    buf_reset(&build->scratch);
    for (;;) {
        uint8_t c = peek(build);
        if (build->at >= build->text.size || (c == '\n' && !multi))
            return fail(build, "a string has no end");
        if (c == quote &&
            (!multi || (starts(build, literal ? "'''" : "\"\"\"") && !starts(build, literal ? "''''" : "\"\"\"\"")))) {
            build->at += multi ? 3 : 1;
            break;
        }
        build->at++;
        if (c == '\n')
            build->line++;
        if (c != '\\' || literal)
            buf_byte(&build->scratch, c);
        else if (unescape(build, multi) < 0)
            return -1;
    }
    struct span copy = arena_copy(build->arena, buf_span(&build->scratch));
    if (build->scratch.failed || copy.data == NULL)
        return out_of_memory(build);
    *ret_text = copy;
    return 0;
}

/* ---- the tree ---- */

static struct span member_key(struct build *build, const struct doc *parent, struct span key) {
    buf_reset(&build->scratch);
    buf_le64(&build->scratch, (uint64_t)(uintptr_t)parent);
    buf_add(&build->scratch, key);
    return buf_span(&build->scratch);
}

static struct doc *find_member(struct build *build, const struct doc *parent, struct span key) {
    return map_get(&build->members, member_key(build, parent, key));
}

/* A new child of a table (under `key`) or of an array. */
static int add_node(struct build *build, struct doc *parent, struct span key, enum doc_kind kind,
                    struct doc **ret_node) {
    if (++build->nodes > build->limits.nodes_max)
        return beyond_limit(build);
    struct doc *node = arena_zalloc(build->arena, sizeof *node);
    if (node == NULL)
        return out_of_memory(build);
    node->kind = kind;
    node->line = build->line;
    node->key = key;
    if (parent->kind == DOC_OBJECT) {
        struct span stored = arena_copy(build->arena, member_key(build, parent, key));
        bool is_new;
        void **slot = build->scratch.failed || stored.data == NULL ? NULL : map_put(&build->members, stored, &is_new);
        if (slot == NULL)
            return out_of_memory(build);
        if (!is_new)
            return fail(build, "a key stands twice in its table");
        *slot = node;
    }
    doc_append(parent, node);
    *ret_node = node;
    return 0;
}

/* Steps into the table `key`, made where it is missing; of an array of tables into its last one. */
static int enter(struct build *build, struct place *place, struct span key) {
    struct doc *node = find_member(build, place->node, key);
    place->depth++;
    if (node == NULL && add_node(build, place->node, key, DOC_OBJECT, &node) < 0)
        return -1;
    if (node->kind == DOC_ARRAY && doc_is(node->last, DOC_OBJECT)) {
        node = node->last;
        place->depth++;
    }
    if (node->kind != DOC_OBJECT)
        return fail(build, "a table has the name of a value");
    if (place->depth >= build->limits.depth_max)
        return beyond_limit(build);
    place->node = node;
    return 0;
}

static int read_simple_key(struct build *build, struct span *ret_key) {
    skip_blanks(build);
    if (peek(build) == '"' || peek(build) == '\'')
        return read_string(build, false, ret_key);
    size_t begin = build->at;
    while (text_is_alnum(peek(build)) || peek(build) == '_' || peek(build) == '-')
        build->at++;
    if (build->at == begin)
        return fail(build, "expected a key");
    *ret_key = span_slice(build->text, begin, build->at - begin);
    return 0;
}

/* "a.b.c": moves `place` to a.b and gives c. */
static int read_key(struct build *build, struct place *place, struct span *ret_key) {
    for (;;) {
        if (read_simple_key(build, ret_key) < 0)
            return -1;
        skip_blanks(build);
        if (peek(build) != '.')
            return 0;
        build->at++;
        if (enter(build, place, *ret_key) < 0)
            return -1;
    }
}

/* ---- values ---- */

/* Numbers, dates and booleans, as they are written; a date may hold one space before its time. */
static int read_bare(struct build *build, struct doc *parent, struct span key) {
    size_t begin = build->at;
    for (;; build->at++) {
        uint8_t c = peek(build);
        bool before_time = c == ' ' && build->at - begin == 10 && build->text.size - build->at > 3 &&
                           text_is_digit(build->text.data[build->at + 1]) && build->text.data[build->at + 3] == ':';
        if (!text_is_alnum(c) && c != '+' && c != '-' && c != '.' && c != '_' && c != ':' && !before_time)
            break;
    }
    struct span text = span_slice(build->text, begin, build->at - begin);
    bool is_true = span_is(text, "true"), is_bool = is_true || span_is(text, "false");
    bool is_signed = span_starts(text, "-") || span_starts(text, "+");
    struct doc *node;
    if (!is_bool && !text_is_digit(span_slice(text, is_signed, 1).size > 0 ? text.data[is_signed] : 0) &&
        !span_ends(text, "inf") && !span_ends(text, "nan"))
        return fail(build, "expected a value");
    bool is_date = span_index(text, ':', 0) != SIZE_MAX || (text.size == 10 && text.data[4] == '-');
    if (add_node(build, parent, key, is_bool ? DOC_BOOL : is_date ? DOC_STRING : DOC_NUMBER, &node) < 0)
        return -1;
    node->text = text;
    node->boolean = is_true;
    return 0;
}

static int read_scalar(struct build *build, struct doc *parent, struct span key) {
    if (peek(build) != '"' && peek(build) != '\'')
        return read_bare(build, parent, key);
    struct doc *node;
    struct span text;
    if (read_string(build, true, &text) < 0 || add_node(build, parent, key, DOC_STRING, &node) < 0)
        return -1;
    node->text = text;
    return 0;
}

struct build_stack {
    VEC(struct place) open;
};

/* Closes what ends here and moves to where the next value of the innermost open container goes. 1: there is one. */
static int next_item(struct build *build, struct build_stack *stack, struct place *into, struct span *key) {
    while (stack->open.count > 0) {
        struct place *top = &stack->open.data[stack->open.count - 1];
        bool array = top->node->kind == DOC_ARRAY;
        skip_lines(build);
        if (top->node->count > 0 && peek(build) == ',') {
            build->at++;
            skip_lines(build);
        } else if (top->node->count > 0 && peek(build) != (array ? ']' : '}')) {
            return fail(build, array ? "expected ',' or ']'" : "expected ',' or '}'");
        }
        if (peek(build) == (array ? ']' : '}')) {
            build->at++;
            stack->open.count--;
            continue;
        }
        *into = *top;
        *key = (struct span){NULL, 0};
        if (array)
            return 1;
        if (read_key(build, into, key) < 0)
            return -1;
        if (peek(build) != '=')
            return fail(build, "expected '='");
        build->at++;
        return 1;
    }
    return 0;
}

/* One value with all that is nested in it. */
static int read_value(struct build *build, struct place into, struct span key) {
    struct build_stack stack = {.open = {0}};
    int result = 1;
    while (result > 0) {
        struct doc *node;
        skip_blanks(build);
        if (stack.open.count > 0)
            skip_lines(build);
        uint8_t c = peek(build);
        if (c == '[' || c == '{') {
            build->at++;
            if (into.depth + 1 >= build->limits.depth_max) {
                result = beyond_limit(build);
            } else if (add_node(build, into.node, key, c == '[' ? DOC_ARRAY : DOC_OBJECT, &node) < 0) {
                result = -1;
            } else if (!vec_push(&stack.open, ((struct place){node, into.depth + 1}))) {
                result = out_of_memory(build);
            }
        } else if (read_scalar(build, into.node, key) < 0) {
            result = -1;
        }
        if (result > 0)
            result = next_item(build, &stack, &into, &key);
    }
    vec_release(&stack.open);
    return result;
}

/* "[a.b]" or "[[a.b]]": the table that the following lines belong to. */
static int read_header(struct build *build, struct doc *root, struct place *current) {
    bool is_array = starts(build, "[[");
    struct place place = {root, 0};
    struct span key;
    struct doc *node;
    build->at += is_array ? 2 : 1;
    if (read_key(build, &place, &key) < 0)
        return -1;
    if (!starts(build, is_array ? "]]" : "]"))
        return fail(build, "a table's name has no end");
    build->at += is_array ? 2 : 1;
    if (!is_array) {
        if (enter(build, &place, key) < 0)
            return -1;
        *current = place;
        return end_line(build);
    }
    node = find_member(build, place.node, key);
    if (node == NULL && add_node(build, place.node, key, DOC_ARRAY, &node) < 0)
        return -1;
    if (node->kind != DOC_ARRAY)
        return fail(build, "an array of tables has the name of a value");
    if (place.depth + 2 >= build->limits.depth_max)
        return beyond_limit(build);
    if (add_node(build, node, (struct span){NULL, 0}, DOC_OBJECT, &current->node) < 0)
        return -1;
    current->depth = place.depth + 2;
    return end_line(build);
}

static int read_document(struct build *build, struct doc *root) {
    struct place current = {root, 0};
    for (;;) {
        skip_lines(build);
        if (build->at >= build->text.size)
            return 0;
        if (peek(build) == '[') {
            if (read_header(build, root, &current) < 0)
                return -1;
            continue;
        }
        struct place into = current;
        struct span key;
        if (read_key(build, &into, &key) < 0)
            return -1;
        if (peek(build) != '=')
            return fail(build, "expected '=' after a key");
        build->at++;
        if (read_value(build, into, key) < 0 || end_line(build) < 0)
            return -1;
    }
}

int toml_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root,
               struct err *err) {
    if (span_starts(text, "\xef\xbb\xbf"))
        text = span_from(text, 3);
    struct doc *root = arena_zalloc(arena, sizeof *root);
    if (root == NULL)
        return err_set(err, ERR_NOMEM, 0, "toml: out of memory");
    root->kind = DOC_OBJECT;
    root->line = 1;
    struct build build = {.arena = arena, .limits = limits, .text = text, .line = 1, .err = err};
    map_init(&build.members, (uint64_t)(uintptr_t)arena * 0x9e3779b97f4a7c15u);
    buf_init(&build.scratch, 0);
    int result = read_document(&build, root);
    if (result == 0 || (limits.partial && err->code == ERR_FORMAT))
        *ret_root = root;
    buf_release(&build.scratch);
    map_release(&build.members);
    return result;
}
