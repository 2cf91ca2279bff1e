/* JSON and YAML trees. */
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
    assert_int_equal(parse_code(json_parse, span_text("[1,2,3]"), (struct doc_limits){9, 4}), ERR_NONE);
    assert_int_equal(parse_code(json_parse, span_text("[1,2,3]"), (struct doc_limits){9, 3}), ERR_LIMIT);
    /* Keys of mappings are values to YAML's parser. */
    assert_int_equal(parse_code(yaml_parse, span_text("a: 1"), (struct doc_limits){9, 3}), ERR_NONE);
    assert_int_equal(parse_code(yaml_parse, span_text("a: 1"), (struct doc_limits){9, 2}), ERR_LIMIT);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_values),    cmocka_unit_test(json_errors), cmocka_unit_test(depth_limit),
        cmocka_unit_test(node_limit),     cmocka_unit_test(yaml_values), cmocka_unit_test(yaml_hostile),
        cmocka_unit_test(memory_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
