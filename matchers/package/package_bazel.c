/* What a Bazel workspace takes from Maven: the artifacts of rules_jvm_external in MODULE.bazel, WORKSPACE and BUILD
 * files, and its lock, maven_install.json. The files are Starlark, of which this reads what names artifacts: texts,
 * lists, names that were assigned either, '+' between them, and the arguments of the calls that take them. All else is
 * passed over. bazel_dep() names rules that build, nothing that is built.
 * Spec: Starlark's "Lexical elements" and "Expressions"; the API documentation of rules_jvm_external. */
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/*.bazel", "**/WORKSPACE", "**/BUILD", "**/maven_install.json", NULL};

#define BAZEL_TEXTS_MAX ((size_t)100000) /* of all lists of a file: `a = a + a` doubles with each line */

/* ---- tokens ---- */

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    struct span text; /* a text without its quotes, a name, or one byte */
};

struct scan {
    struct span rest;
    struct token token;
};

static bool is_name_byte(uint8_t c) { return text_is_alnum(c) || c == '_'; }

/* Texts with escapes hold no coordinates; they are told as they are written. */
static struct token scan_text(struct scan *scan, uint8_t quote) {
    size_t marks = 1;
    if (scan->rest.size >= 3 && scan->rest.data[1] == quote && scan->rest.data[2] == quote)
        marks = 3;
    size_t at = marks;
    for (; at < scan->rest.size; at++) {
        uint8_t c = scan->rest.data[at];
        if (c == '\\')
            at++;
        else if (c == quote && (marks == 1 || (at + 2 < scan->rest.size && scan->rest.data[at + 1] == quote &&
                                               scan->rest.data[at + 2] == quote)))
            break;
    }
    struct token token = {TOKEN_TEXT, span_slice(scan->rest, marks, at - marks)};
    scan->rest = span_from(scan->rest, at + marks);
    return token;
}

static void scan_next(struct scan *scan) {
    while (scan->rest.size > 0) {
        uint8_t c = scan->rest.data[0];
        if (c == '#')
            (void)text_cut(&scan->rest, '\n');
        else if (text_is_space(c) || c == '\\')
            scan->rest = span_from(scan->rest, 1);
        else
            break;
    }
    scan->token = (struct token){TOKEN_END, {NULL, 0}};
    if (scan->rest.size == 0)
        return;
    uint8_t c = scan->rest.data[0];
    if (c == '"' || c == '\'') {
        scan->token = scan_text(scan, c);
        return;
    }
    size_t size = 1;
    bool is_name = is_name_byte(c);
    while (is_name && size < scan->rest.size && is_name_byte(scan->rest.data[size]))
        size++;
    scan->token = (struct token){is_name ? TOKEN_NAME : TOKEN_SIGN, span_slice(scan->rest, 0, size)};
    scan->rest = span_from(scan->rest, size);
}

static bool at_sign(const struct scan *scan, const char *sign) {
    return scan->token.kind == TOKEN_SIGN && span_is(scan->token.text, sign);
}

/* ---- values ---- */

/* A text, or a list of texts; a list may be empty, a text is one item. */
struct value {
    struct span *items;
    size_t count;
    bool is_list;
};

struct workspace {
    struct catalogue *run;
    struct scan scan;
    struct map values;  /* name → struct value */
    struct map callers; /* name of the extension, or of the function, of rules_jvm_external → itself */
    size_t text_count;
};

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "out of memory"); }

static int value_join(struct workspace *w, struct value *left, const struct value *right, struct err *err) {
    if (left->count == 1 && right->count == 1 && !left->is_list && !right->is_list) {
        struct span joined = left->items[0].size == 0 ? right->items[0] : left->items[0];
        if (left->items[0].size > 0 && right->items[0].size > 0 &&
            catalogue_pair(w->run, left->items[0], "", right->items[0], &joined, err) < 0)
            return -1;
        struct span *item = arena_array(w->run->scratch, 1, sizeof *item);
        if (item == NULL)
            return memory_short(err);
        *item = joined; /* empty where it is longer than any field */
        left->items = item;
        return 0;
    }
    size_t count = left->count + right->count;
    w->text_count += count;
    if (w->text_count > BAZEL_TEXTS_MAX)
        return err_set(err, ERR_LIMIT, 0, "lists of more than %zu texts in all", BAZEL_TEXTS_MAX);
    struct span *items = arena_array(w->run->scratch, count + 1, sizeof *items);
    if (items == NULL)
        return memory_short(err);
    for (size_t i = 0; i < count; i++)
        items[i] = i < left->count ? left->items[i] : right->items[i - left->count];
    *left = (struct value){items, count, true};
    return 0;
}

static int value_of_text(struct workspace *w, struct span text, struct value *ret_value, struct err *err) {
    struct span *item = arena_array(w->run->scratch, 1, sizeof *item);
    if (item == NULL)
        return memory_short(err);
    *item = text;
    *ret_value = (struct value){item, 1, false};
    return 0;
}

/* A text or a name that stands for a value: 1, or 0 where the token is neither. */
static int read_atom(struct workspace *w, struct value *ret_value, struct err *err) {
    const struct value *known = w->scan.token.kind == TOKEN_NAME ? map_get(&w->values, w->scan.token.text) : NULL;
    if (w->scan.token.kind == TOKEN_TEXT) {
        if (value_of_text(w, w->scan.token.text, ret_value, err) < 0)
            return -1;
    } else if (known != NULL) {
        *ret_value = *known;
    } else {
        return 0;
    }
    scan_next(&w->scan);
    return 1;
}

/* atom { "+" atom }: 1, or 0 where it begins with something else. */
static int read_sum(struct workspace *w, struct value *ret_value, struct err *err) {
    int got = read_atom(w, ret_value, err);
    while (got > 0 && at_sign(&w->scan, "+")) {
        struct value more;
        struct scan before = w->scan;
        scan_next(&w->scan);
        int next = read_atom(w, &more, err);
        if (next == 0) { /* "+ [": the caller's */
            w->scan = before;
            return 1;
        }
        if (next < 0 || value_join(w, ret_value, &more, err) < 0)
            return -1;
    }
    return got;
}

/* "[" sum, … "]"; what else stands in it is passed over, brackets in pairs. */
static int read_list(struct workspace *w, struct value *ret_value, struct err *err) {
    size_t depth = 1;
    *ret_value = (struct value){NULL, 0, true};
    scan_next(&w->scan);
    while (depth > 0 && w->scan.token.kind != TOKEN_END) {
        struct value item;
        int got = depth == 1 ? read_sum(w, &item, err) : 0;
        if (got < 0)
            return -1;
        if (got > 0) {
            item.is_list = true;
            if (value_join(w, ret_value, &item, err) < 0)
                return -1;
            continue;
        }
        depth += at_sign(&w->scan, "[") || at_sign(&w->scan, "(") || at_sign(&w->scan, "{");
        depth -= at_sign(&w->scan, "]") || at_sign(&w->scan, ")") || at_sign(&w->scan, "}");
        scan_next(&w->scan);
    }
    return 0;
}

/* Sums of lists, names and texts; empty where it begins with something else. */
static int read_value(struct workspace *w, struct value *ret_value, struct err *err) {
    *ret_value = (struct value){NULL, 0, false};
    for (bool first = true;; first = false) {
        struct value part;
        if (at_sign(&w->scan, "[")) {
            if (read_list(w, &part, err) < 0)
                return -1;
        } else {
            int got = read_sum(w, &part, err);
            if (got <= 0)
                return got;
        }
        if (first)
            *ret_value = part;
        else if (value_join(w, ret_value, &part, err) < 0)
            return -1;
        if (!at_sign(&w->scan, "+"))
            return 0;
        scan_next(&w->scan);
    }
}

/* ---- statements ---- */

/* "group:artifact:version" or "group:artifact:packaging[:classifier]:version". */
static int add_coordinates(struct workspace *w, struct span text, struct err *err) {
    size_t first = span_index(text, ':', 0), last = span_index_last(text, ':');
    size_t second = first == SIZE_MAX ? SIZE_MAX : span_index(text, ':', first + 1);
    if (second == SIZE_MAX)
        return 0; /* without a version */
    return catalogue_declare(w->run, PACKAGE_MAVEN, span_slice(text, 0, second), span_from(text, last + 1), err);
}

struct call {
    struct value artifacts;
    struct span group, artifact, version;
};

static int read_argument(struct workspace *w, struct span name, struct call *call, struct err *err) {
    struct value value;
    if (read_value(w, &value, err) < 0)
        return -1;
    if (span_is(name, "artifacts"))
        call->artifacts = value;
    else if (value.count == 1 && span_is(name, "group"))
        call->group = value.items[0];
    else if (value.count == 1 && span_is(name, "artifact"))
        call->artifact = value.items[0];
    else if (value.count == 1 && span_is(name, "version"))
        call->version = value.items[0];
    return 0;
}

/* From behind the "(" to its ")". */
static int read_call(struct workspace *w, struct call *call, bool *ret_closed, struct err *err) {
    size_t depth = 1;
    while (depth > 0 && w->scan.token.kind != TOKEN_END) {
        struct span name = w->scan.token.text;
        bool is_name = w->scan.token.kind == TOKEN_NAME;
        depth += at_sign(&w->scan, "[") || at_sign(&w->scan, "(") || at_sign(&w->scan, "{");
        depth -= at_sign(&w->scan, "]") || at_sign(&w->scan, ")") || at_sign(&w->scan, "}");
        scan_next(&w->scan);
        if (is_name && depth == 1 && at_sign(&w->scan, "=")) {
            scan_next(&w->scan);
            if (read_argument(w, name, call, err) < 0)
                return -1;
        }
    }
    *ret_closed = depth == 0;
    return 0;
}

static int add_call(struct workspace *w, const struct call *call, struct err *err) {
    struct span name;
    for (size_t i = 0; i < call->artifacts.count; i++) {
        if (add_coordinates(w, call->artifacts.items[i], err) < 0)
            return -1;
    }
    if (catalogue_pair(w->run, call->group, ":", call->artifact, &name, err) < 0)
        return -1;
    return name.size == 0 || call->version.size == 0
               ? 0
               : catalogue_declare(w->run, PACKAGE_MAVEN, name, call->version, err);
}

static int put(struct map *map, struct span name, void *value, struct err *err) {
    void **place = map_put(map, name, NULL);
    if (place == NULL)
        return memory_short(err);
    *place = value;
    return 0;
}

static bool of_rules(struct span text) {
    return span_starts(text, "@rules_jvm_external//") || span_starts(text, "@@rules_jvm_external//");
}

/* load("@rules_jvm_external//…", "maven_install", other = "artifact"): whose names may call. */
static int read_load(struct workspace *w, struct err *err) {
    scan_next(&w->scan);
    bool wanted = w->scan.token.kind == TOKEN_TEXT && of_rules(w->scan.token.text);
    struct span as = {NULL, 0};
    for (; w->scan.token.kind != TOKEN_END && !at_sign(&w->scan, ")"); scan_next(&w->scan)) {
        if (w->scan.token.kind == TOKEN_NAME)
            as = w->scan.token.text;
        if (w->scan.token.kind != TOKEN_TEXT || !wanted)
            continue;
        struct span name = as.size > 0 ? as : w->scan.token.text;
        as = (struct span){NULL, 0};
        if (name.size > 0 && put(&w->callers, name, &w->callers, err) < 0)
            return -1;
    }
    return 0;
}

/* name = use_extension("@rules_jvm_external//…", "maven") or name = value. */
static int read_assignment(struct workspace *w, struct span name, struct err *err) {
    struct value value;
    if (w->scan.token.kind == TOKEN_NAME && span_is(w->scan.token.text, "use_extension")) {
        scan_next(&w->scan);
        scan_next(&w->scan);
        return w->scan.token.kind == TOKEN_TEXT && of_rules(w->scan.token.text)
                   ? put(&w->callers, name, &w->callers, err)
                   : 0;
    }
    if (read_value(w, &value, err) < 0)
        return -1;
    struct value *kept = arena_alloc(w->run->scratch, sizeof *kept);
    if (kept == NULL)
        return memory_short(err);
    *kept = value;
    return put(&w->values, name, kept, err);
}

static int read_statements(struct workspace *w, struct err *err) {
    scan_next(&w->scan);
    while (w->scan.token.kind != TOKEN_END) {
        struct token token = w->scan.token;
        scan_next(&w->scan);
        if (token.kind != TOKEN_NAME)
            continue;
        bool is_caller = map_get(&w->callers, token.text) != NULL;
        if (at_sign(&w->scan, "=")) {
            scan_next(&w->scan);
            if (!at_sign(&w->scan, "=") && read_assignment(w, token.text, err) < 0)
                return -1;
        } else if (span_is(token.text, "load") && at_sign(&w->scan, "(")) {
            if (read_load(w, err) < 0)
                return -1;
        } else if (is_caller) {
            /* maven.install(…) and maven.artifact(…), or maven_install(…) */
            while (at_sign(&w->scan, ".") || w->scan.token.kind == TOKEN_NAME)
                scan_next(&w->scan);
            struct call call = {.group = {NULL, 0}};
            bool closed = false;
            if (!at_sign(&w->scan, "("))
                continue;
            scan_next(&w->scan);
            if (read_call(w, &call, &closed, err) < 0 || add_call(w, &call, err) < 0)
                return -1;
            if (!closed)
                return err_set(err, ERR_FORMAT, 0, "a call is not closed before the end of the file");
        }
    }
    return 0;
}

/* ---- maven_install.json ---- */

/* Since version 2 {"artifacts": {"group:artifact": {"version": …}}}, before {"dependency_tree": {"dependencies":
 * [{"coord": …}]}}. */
static int parse_lock(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    struct workspace w = {.run = run};
    for (const struct doc *item = doc_first(doc_get(root, "artifacts")); item != NULL; item = item->next) {
        struct span name = item->key, version = doc_text(doc_get(item, "version"));
        size_t colon = span_index(name, ':', 0);
        size_t second = colon == SIZE_MAX ? SIZE_MAX : span_index(name, ':', colon + 1); /* a packaging */
        if (second != SIZE_MAX)
            name.size = second;
        if (name.size > 0 && version.size > 0 && catalogue_declare(run, PACKAGE_MAVEN, name, version, err) < 0)
            return -1;
    }
    for (const struct doc *item = doc_first(doc_get(doc_get(root, "dependency_tree"), "dependencies")); item != NULL;
         item = item->next) {
        if (add_coordinates(&w, doc_text(doc_get(item, "coord")), err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    if (span_ends(run->path, ".json"))
        return parse_lock(run, err);
    struct workspace w = {.run = run, .scan = {.rest = run->body}};
    map_init(&w.values, catalogue_seed(run));
    map_init(&w.callers, catalogue_seed(run));
    int result = read_statements(&w, err);
    map_release(&w.values);
    map_release(&w.callers);
    return result;
}

const struct cataloguer cataloguer_bazel = {.name = "bazel", .type = PACKAGE_MAVEN, .paths = paths, .parse = parse};
