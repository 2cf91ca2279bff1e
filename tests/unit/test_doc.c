/* Trees of JSON, YAML, TOML and XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/parse/doc.h"

typedef int (*parse_fn)(struct arena *, struct span, struct doc_limits, struct doc **, struct err *);

static enum err_code parse_code(parse_fn parse, struct span text, struct doc_limits limits) {
    struct arena arena;
    struct err err = {0};
    struct doc *root = NULL;
    arena_init(&arena, 0, 0);
    int result = parse(&arena, text, limits, &root, &err);
    assert_true((result == 0) == (err.code == ERR_NONE));
    assert_true((result == 0) == (root != NULL));
    arena_release(&arena);
    return err.code;
}

static void json_values(void **state) {
    (void)state;
    struct arena arena;
    struct err err = {0};
    struct doc *root = NULL;
    arena_init(&arena, 0, 0);
    struct span text =
        span_text("\xef\xbb\xbf{\"a\":[1,-2.5e3,true,null,\"x\\u00e4\\\"\"],\"b\":{\"c\":\"d\"},\"b\":7}");
    assert_int_equal(json_parse(&arena, text, doc_limits_default(), &root, &err), 0);
    assert_true(doc_is(root, DOC_OBJECT));
    assert_int_equal(root->count, 3);
    const struct doc *item = doc_first(doc_get(root, "a"));
    int64_t number;
    assert_true(doc_i64(item, &number) && number == 1);
    item = item->next;
    assert_true(doc_is(item, DOC_NUMBER) && !doc_i64(item, &number) && span_is(doc_scalar(item), "-2.5e3"));
    item = item->next;
    assert_true(doc_is(item, DOC_BOOL) && item->boolean);
    item = item->next->next;
    assert_true(span_is(doc_text(item), "x\xc3\xa4\""));
    assert_true(span_is(doc_text(doc_get(doc_get(root, "b"), "c")), "d"));
    assert_true(doc_i64(doc_get_last(root, "b"), &number) && number == 7);
    assert_null(doc_get(doc_get(doc_get(root, "x"), "y"), "z"));
    assert_int_equal(doc_text(doc_get(root, "a")).size, 0);
    arena_release(&arena);
}

static void json_errors(void **state) {
    (void)state;
    static const char *const bad[] = {"",    " ",     "{",       "[1,]",    "{\"a\":}", "{\"a\" 1}",
                                      "nul", "[1] x", "{'a':1}", "\"\\q\"", "[01]",     "\x00"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(parse_code(json_parse, span_text(bad[i]), doc_limits_default()), ERR_FORMAT);
    /* Strings that are not UTF-8 are data: package files of strangers have them. */
    assert_int_equal(parse_code(json_parse, span_text("[\"\xff\"]"), doc_limits_default()), ERR_NONE);
}

static void nest(struct buf *buf, size_t depth, char open, char end) {
    buf_reset(buf);
    buf_fill(buf, (uint8_t)open, depth);
    buf_fill(buf, (uint8_t)end, depth);
}

static void depth_limit(void **state) {
    (void)state;
    struct doc_limits limits = {.depth_max = 100, .nodes_max = 1000};
    struct buf text;
    buf_init(&text, 0);
    nest(&text, 100, '[', ']');
    assert_int_equal(parse_code(json_parse, buf_span(&text), limits), ERR_NONE);
    assert_int_equal(parse_code(yaml_parse, buf_span(&text), limits), ERR_NONE);
    nest(&text, 101, '[', ']');
    assert_int_equal(parse_code(json_parse, buf_span(&text), limits), ERR_LIMIT);
    assert_int_equal(parse_code(yaml_parse, buf_span(&text), limits), ERR_LIMIT);
    nest(&text, 1000000, '[', ']'); /* no recursion: no stack to run out of */
    assert_int_equal(parse_code(json_parse, buf_span(&text), limits), ERR_LIMIT);
    buf_release(&text);
}

static void node_limit(void **state) {
    (void)state;
    assert_int_equal(parse_code(json_parse, span_text("[1,2,3]"), (struct doc_limits){.depth_max = 9, .nodes_max = 4}),
                     ERR_NONE);
    assert_int_equal(parse_code(json_parse, span_text("[1,2,3]"), (struct doc_limits){.depth_max = 9, .nodes_max = 3}),
                     ERR_LIMIT);
    /* Keys of mappings are values to YAML's parser. */
    assert_int_equal(parse_code(yaml_parse, span_text("a: 1"), (struct doc_limits){.depth_max = 9, .nodes_max = 3}),
                     ERR_NONE);
    assert_int_equal(parse_code(yaml_parse, span_text("a: 1"), (struct doc_limits){.depth_max = 9, .nodes_max = 2}),
                     ERR_LIMIT);
}

static void yaml_values(void **state) {
    (void)state;
    struct arena arena;
    struct err err = {0};
    struct doc *root = NULL;
    arena_init(&arena, 0, 0);
    struct span text =
        span_text("a: &x [1, 2.5, yes, true, ~, '3', 0x10]\nb: *x\n? c\n: |\n  line\n  two\n'null': q\n");
    assert_int_equal(yaml_parse(&arena, text, doc_limits_default(), &root, &err), 0);
    const struct doc *item = doc_first(doc_get(root, "a"));
    int64_t number;
    assert_true(doc_i64(item, &number) && number == 1);
    item = item->next;
    assert_true(doc_is(item, DOC_NUMBER) && span_is(item->text, "2.5"));
    item = item->next;
    assert_true(span_is(doc_text(item), "yes")); /* no Norway problem */
    item = item->next;
    assert_true(doc_is(item, DOC_BOOL) && item->boolean);
    item = item->next;
    assert_true(doc_is(item, DOC_NULL));
    item = item->next;
    assert_true(span_is(doc_text(item), "3"));
    item = item->next;
    assert_true(span_is(doc_text(item), "0x10"));
    assert_int_equal(doc_get(root, "b")->count, 7);
    assert_true(span_is(doc_text(doc_get(root, "c")), "line\ntwo\n"));
    assert_int_equal(doc_get(root, "b")->line, 1); /* an alias stands where its anchor does */
    assert_true(span_is(doc_text(doc_get(root, "null")), "q"));
    arena_release(&arena);
}

static void yaml_hostile(void **state) {
    (void)state;
    struct doc_limits limits = {.depth_max = 50, .nodes_max = 10000};
    static const char *const bad[] = {"", "a: b: c", "[", "*nothing", "a: &a [*a]", "\t- x", "{[a]: b}"};
    static const enum err_code codes[] = {ERR_FORMAT, ERR_FORMAT, ERR_FORMAT,     ERR_FORMAT,
                                          ERR_FORMAT, ERR_FORMAT, ERR_UNSUPPORTED};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(parse_code(yaml_parse, span_text(bad[i]), limits), codes[i]);
    /* Each line doubles the one above: ten lines are a thousand values, forty would be a trillion. */
    struct buf bomb;
    buf_init(&bomb, 0);
    buf_text(&bomb, "a0: &a0 x\n");
    for (int i = 1; i <= 40; i++)
        buf_format(&bomb, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    assert_int_equal(parse_code(yaml_parse, buf_span(&bomb), limits), ERR_LIMIT);
    buf_release(&bomb);
}

static void memory_ceiling(void **state) {
    (void)state;
    struct arena arena;
    struct err err = {0};
    struct doc *root = NULL;
    arena_init(&arena, 1024, 4096);
    struct buf text;
    buf_init(&text, 0);
    buf_byte(&text, '[');
    for (int i = 0; i < 500; i++)
        buf_text(&text, "\"text\",");
    buf_text(&text, "1]");
    assert_int_equal(json_parse(&arena, buf_span(&text), doc_limits_default(), &root, &err), -1);
    assert_int_equal(err.code, ERR_NOMEM);
    buf_release(&text);
    arena_release(&arena);
}

/* One line per value, depth first: key=text, with {} and [] around what is nested. The documents here are ours: they
 * nest a few levels only. */
static void render(struct buf *out, const struct doc *root) {
    const struct doc *stack[16];
    size_t depth = 0;
    for (const struct doc *at = doc_first(root); at != NULL;) {
        buf_add(out, at->key);
        buf_text(out, at->key.size > 0 ? "=" : "");
        buf_add(out, at->text);
        if (at->kind == DOC_ARRAY || at->kind == DOC_OBJECT)
            buf_text(out, at->kind == DOC_ARRAY ? "[" : "{");
        if (at->first != NULL) {
            stack[depth++] = at;
            at = at->first;
            continue;
        }
        for (;;) {
            if (at->kind == DOC_ARRAY || at->kind == DOC_OBJECT)
                buf_text(out, at->kind == DOC_ARRAY ? "]" : "}");
            buf_text(out, " ");
            if (at->next != NULL || depth == 0)
                break;
            at = stack[--depth];
        }
        at = at->next;
    }
}

static void assert_tree(parse_fn parse, const char *text, const char *expect) {
    struct arena arena;
    AUTO_BUF struct buf out;
    struct err err = {0};
    struct doc *root = NULL;
    buf_init(&out, 0);
    arena_init(&arena, 0, 0);
    if (parse(&arena, span_text(text), doc_limits_default(), &root, &err) < 0)
        (void)fprintf(stderr, "%s\n", err.text);
    assert_non_null(root);
    render(&out, root);
    buf_byte(&out, 0);
    assert_string_equal((const char *)out.data, expect);
    arena_release(&arena);
}

static void toml_values(void **state) {
    (void)state;
    assert_tree(toml_parse, "\xef\xbb\xbf# c\r\na = 1 # c\nb.c = 'x\\y'\n\"d e\" = \"\\u00e4\\t\\\"\"\n",
                "a=1 b={c=x\\y } d e=\xc3\xa4\t\" ");
    assert_tree(toml_parse, "a = \"\"\"\nx\\\n   y\"\"\"\"\nb = '''\nz\n'''", "a=xy\" b=z\n ");
    assert_tree(toml_parse, "a = [1, [2,\n# c\n 3], {b = 4, c.d = [],}, ]\ne={}",
                "a=[1 [2 3 ] {b=4 c={d=[] } } ] e={} ");
    assert_tree(toml_parse, "[[p]]\nn='1'\n[p.s]\nk=true\n[[p]]\nn='2'\n[t.u]\nv=2020-01-02 03:04:05Z\n[t]\nw=-0.5\n",
                "p=[{n=1 s={k=true } } {n=2 } ] t={u={v=2020-01-02 03:04:05Z } w=-0.5 } ");
    assert_tree(toml_parse, "", "");
}

static void toml_errors(void **state) {
    (void)state;
    static const char *const bad[] = {"a",           "a=",       "a=1 b=2",     "a=[1",
                                      "a={b=1",      "a={b}",    "[a",          "[[a]",
                                      "[a] b",       "a='x",     "a=\"x\ny\"",  "a=\"\\q\"",
                                      "a=1\na=2",    "a=1\n[a]", "a=1\n[[a]]",  "a=\"\\ud800\"",
                                      "=1",          "a=[1 2]",  "a=nonsense",  "\"\"\"a\"\"\"=1",
                                      "a=\"\\u12\"", "a.=1",     "a={b=1 c=2}", "]"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(parse_code(toml_parse, span_text(bad[i]), doc_limits_default()), ERR_FORMAT);
    assert_int_equal(parse_code(toml_parse, span_make("a=1\0", 4), doc_limits_default()), ERR_FORMAT);
}

static void xml_values(void **state) {
    (void)state;
    assert_tree(xml_parse, "<?xml version=\"1.0\"?><r><p:a x:k='v'> t&amp;u </p:a><b>no<c/>t</b></r>",
                "a=t&u{k=v } b={c={} } ");
    assert_tree(xml_parse, "<?xml version=\"1.0\" encoding=\"windows-1252\"?><r><a>\xe4</a></r>", "a=\xc3\xa4{} ");
    assert_int_equal(doc_content(NULL).size, 0);
}

static void xml_errors(void **state) {
    (void)state;
    static const char *const bad[] = {"", "text", "<a>", "<a></b>", "<a>&x;</a>", "<a/><b/>", "<a b=1/>"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(parse_code(xml_parse, span_text(bad[i]), doc_limits_default()), ERR_FORMAT);
    const char *bomb = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
    assert_int_equal(parse_code(xml_parse, span_text(bomb), doc_limits_default()), ERR_UNSUPPORTED);
}

static void jsonc_values(void **state) {
    (void)state;
    assert_tree(jsonc_parse, "{// c \"\n\"a\":[1,/* , ] */2, // x\n],\"b\":\"//,}\\\",}\",}", "a=[1 2 ] b=//,}\",} ");
    static const char *const bad[] = {"[1,,2]", "[,", "[1/", "[1,/*", "{\"a\":1,,}"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(parse_code(jsonc_parse, span_text(bad[i]), doc_limits_default()), ERR_FORMAT);
}

static void yaml_documents(void **state) {
    (void)state;
    assert_tree(yaml_parse_all, "a: 1\n---\nb: 2\n", "{a=1 } {b=2 } ");
    assert_int_equal(parse_code(yaml_parse_all, span_text("a: 1\n---\n[\n"), doc_limits_default()), ERR_FORMAT);
}

static void no_bytes_at_all(void **state) {
    (void)state;
    static const parse_fn parsers[] = {json_parse, jsonc_parse, yaml_parse, xml_parse};
    for (size_t i = 0; i < ARRAY_COUNT(parsers); i++)
        assert_int_equal(parse_code(parsers[i], (struct span){NULL, 0}, doc_limits_default()), ERR_FORMAT);
    assert_int_equal(parse_code(toml_parse, (struct span){NULL, 0}, doc_limits_default()), ERR_NONE);
    assert_int_equal(parse_code(yaml_parse_all, (struct span){NULL, 0}, doc_limits_default()), ERR_NONE);
}

/* Each parser at its limit and one beyond: three levels, and four values or five with the root. */
static void limits_of_all(void **state) {
    (void)state;
    static const struct {
        parse_fn parse;
        const char *fits;
        const char *deep;
        const char *many;
    } cases[] = {
        {toml_parse, "a=[[1]]", "a=[[[1]]]", "a=[[1,2,3]]"},
        {toml_parse, "a.b.c=1", "a.b.c.d=1", "a.b.c=1\nd=2\ne=3"},
        {xml_parse, "<a><b><c/></b></a>", "<a><b><c><d/></c></b></a>", "<a><b/><b/><b/><b/></a>"},
        {jsonc_parse, "[[[1,]]]", "[[[[1]]]]", "[1,2,3,4,5]"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct doc_limits limits = {.depth_max = 3, .nodes_max = 4};
        assert_int_equal(parse_code(cases[i].parse, span_text(cases[i].fits), limits), ERR_NONE);
        assert_int_equal(parse_code(cases[i].parse, span_text(cases[i].deep), limits), ERR_LIMIT);
        assert_int_equal(parse_code(cases[i].parse, span_text(cases[i].many), limits), ERR_LIMIT);
    }
}

/* What breaks off is an error; with `partial`, what stood before is there all the same. */
static void partial_documents(void **state) {
    (void)state;
    static const struct {
        int (*parse)(struct arena *, struct span, struct doc_limits, struct doc **, struct err *);
        const char *text;
        bool has_a; /* member "a" with the value "1" */
    } cases[] = {
        {json_parse, "{\"a\":\"1\",\"b\":[1,", true},
        {json_parse, "x", false},
        {jsonc_parse, "{\"a\":\"1\",/*", true},
        {toml_parse, "a = \"1\"\nb = [", true},
        {xml_parse, "<r><a>1</a><b>", true},
        {xml_parse, "x", false},
        {yaml_parse, "a: \"1\"\nb: [1,", true},
        {yaml_parse, "\"", false},
        {xml_parse, "<!DOCTYPE p [<!ENTITY a \"b\">]><r><a>1</a><b>", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (int partial = 0; partial < 2; partial++) {
            struct arena arena;
            struct doc *root = NULL;
            struct err err = {0};
            struct doc_limits limits = doc_limits_default();
            arena_init(&arena, 0, 0);
            limits.partial = partial;
            assert_int_equal(cases[i].parse(&arena, span_text(cases[i].text), limits, &root, &err), -1);
            bool has_a = span_is(doc_content(doc_get(root, "a")), "1") || span_is(doc_text(doc_get(root, "a")), "1");
            if (has_a != (partial && cases[i].has_a))
                fail_msg("%s: %d", cases[i].text, has_a);
            arena_release(&arena);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toml_values),       cmocka_unit_test(toml_errors),     cmocka_unit_test(xml_values),
        cmocka_unit_test(xml_errors),        cmocka_unit_test(jsonc_values),    cmocka_unit_test(yaml_documents),
        cmocka_unit_test(limits_of_all),     cmocka_unit_test(no_bytes_at_all), cmocka_unit_test(json_values),
        cmocka_unit_test(json_errors),       cmocka_unit_test(depth_limit),     cmocka_unit_test(node_limit),
        cmocka_unit_test(yaml_values),       cmocka_unit_test(yaml_hostile),    cmocka_unit_test(memory_ceiling),
        cmocka_unit_test(partial_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
