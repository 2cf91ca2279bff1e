/* Signatures: those in the binary by their own examples, the search by what it must not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "matchers/package/product_signature.h"
#include "tests/support/catalogue_case.h"

static const char good[] = "products:\n"
                           "- name: acme\n"
                           "  signatures:\n"
                           "  - paths: ['**/acme', '**/libacme[0-9]*.so*', '!**/testdata/**']\n"
                           "    literals: ['acme version ']\n"
                           "    expression: 'acme version {{version3}}(?=[\\x00 ])'\n"
                           "    unless: [fork]\n"
                           "  - paths: ['**/acme', '**/libacme[0-9]*.so*']\n"
                           "    expression: '\\x00(?<version>\\d\\.\\d{1,2}\\.\\d{1,2})\\x00'\n"
                           "    before_bytes: 1\n"
                           "    series: true\n"
                           "  - paths: ['**/libacme.so.[0-9]*']\n"
                           "    of_path: true\n"
                           "    expression: '\\.so\\.{{version3}}$'\n"
                           "  examples:\n"
                           "    positive: [{path: bin/acme, text: \"acme version 1.2.3 \", version: 1.2.3}]\n"
                           "    negative: [{path: bin/acme, text: acme}]\n";

static int load(const char *text, struct signatures **ret_signatures, struct err *err) {
    struct signature_file file = {"acme.yaml", span_text(text)};
    return signatures_load(&file, 1, ret_signatures, err);
}

static void on_failure(void *context, const char *file, uint32_t line, struct span product, const char *reason) {
    (void)context;
    print_error("%s:%" PRIu32 ": %.*s: %s\n", file, line, SPAN_FORMAT(product), reason);
}

static void builtin_examples(void **state) {
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    struct err err = {0};
    size_t examples = 0, failures = 1;
    (void)state;
    if (signatures_load(NULL, 0, &signatures, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(signatures_test(signatures, on_failure, NULL, &examples, &failures, &err), 0);
    assert_int_equal(failures, 0);
    assert_true(signatures_product_count(signatures) >= 100);
    assert_true(examples >= 2 * signatures_product_count(signatures));
    assert_false(signatures_want(signatures, span_text("usr/share/doc/readme.txt")));
    assert_false(signatures_want(signatures, span_text("usr/bin/")));
    assert_false(signatures_want(signatures, span_text("")));
}

/* Searches in windows of `size` that overlap as they have to; 0: in one. Renders what was found, or "! CODE". */
static void search(struct signature_search *search, const char *path, struct span body, size_t size, struct buf *out) {
    struct err err = {0};
    buf_reset(out);
    if (!signature_search_begin(search, span_text(path))) {
        buf_text(out, "unwanted");
    } else {
        size_t step = size - 2 * LIMIT_SIGNATURE_BYTES, offset = 0;
        for (; size != 0 && offset + size < body.size; offset += step)
            signature_search_window(search, span_slice(body, offset, size), offset, false);
        signature_search_window(search, span_from(body, offset), offset, true);
        if (signature_search_end(search, catalogue_case_render, out, &err) < 0)
            buf_format(out, "! %s", err_code_name(err.code));
    }
    buf_byte(out, 0);
    assert_false(out->failed);
}

static const struct {
    const char *title, *path, *body, *expect;
    size_t size;
} cases[] = {
    {"banner", "bin/acme", "x acme version 10.20.30\0", "generic acme 10.20.30 embedded\n", 24},
    {"the first place counts", "acme", "acme version 1.0.0 acme version 2.0.0 ", "generic acme 1.0.0 embedded\n", 38},
    {"cut short is no version", "acme", "acme version 1.0.0.5", "", 20},
    {"a fork's, whatever else it says", "acme", "fork acme version 1.0.0 ", "", 24},
    {"the next signature", "acme",
     "\0"
     "1.2.3\0",
     "generic acme 1.2.3 embedded\n", 7},
    {"the first signature before the next", "acme",
     "\0"
     "1.2.3\0acme version 4.5.6 ",
     "generic acme 4.5.6 embedded\n", 26},
    {"of the name's series", "lib/libacme2.1.so",
     "\0"
     "1.2.3\0"
     "2.1.9\0"
     "2.11.1\0",
     "generic acme 2.1.9 embedded\n", 20},
    {"not of the name's series", "lib/libacme2.1.so",
     "\0"
     "2.11.1\0",
     "", 8},
    {"by its path", "lib/libacme.so.3.2.1", "?", "generic acme 3.2.1 embedded\n", 1},
    {"its path has no version", "lib/libacme.so.3", "?", "", 1},
    {"taken back", "src/testdata/acme", "acme version 1.2.3 ", "", 19},
    {"another name", "bin/acmed", "acme version 1.2.3 ", "unwanted", 19},
    {"a folder of that name", "acme/x", "acme version 1.2.3 ", "unwanted", 19},
    {"nothing in it", "acme", "", "", 0},
};

static void what_is_found(void **state) {
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    AUTO_SIGNATURE_SEARCH struct signature_search *one = NULL;
    AUTO_BUF struct buf out;
    struct err err = {0};
    (void)state;
    buf_init(&out, LIMIT_MIB);
    if (load(good, &signatures, &err) < 0 || signature_search_new(signatures, &one, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        search(one, cases[i].path, span_make(cases[i].body, cases[i].size), 0, &out);
        if (strcmp((const char *)out.data, cases[i].expect) != 0)
            fail_msg("%s: found '%s'", cases[i].title, (const char *)out.data);
    }
}

/* Wherever the version stands and however the body is cut, the answer is that of the whole. */
static void windows(void **state) {
    static const size_t sizes[] = {0, 2 * LIMIT_SIGNATURE_BYTES + 300, 3000, 4096, 10000};
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    AUTO_SIGNATURE_SEARCH struct signature_search *one = NULL;
    AUTO_BUF struct buf out, body;
    struct err err = {0};
    (void)state;
    buf_init(&out, LIMIT_MIB);
    buf_init(&body, LIMIT_MIB);
    if (load(good, &signatures, &err) < 0 || signature_search_new(signatures, &one, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t at = 0; at < 12000; at += at < 900 || at > 11000 ? 97 : 31) {
        buf_reset(&body);
        buf_fill(&body, '1', at);
        buf_text(&body, "acme version 1.2.34 ");
        buf_fill(&body, ' ', 12000 - at);
        buf_text(&body, "acme version 9.9.9 ");
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            search(one, "acme", buf_span(&body), sizes[i], &out);
            if (strcmp((const char *)out.data, "generic acme 1.2.34 embedded\n") != 0)
                fail_msg("at %zu, windows of %zu: '%s'", at, sizes[i], (const char *)out.data);
        }
    }
}

/* What rules a file out may stand behind what was found. */
static void ruled_out_later(void **state) {
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    AUTO_SIGNATURE_SEARCH struct signature_search *one = NULL;
    AUTO_BUF struct buf out, body;
    struct err err = {0};
    (void)state;
    buf_init(&out, LIMIT_MIB);
    buf_init(&body, LIMIT_MIB);
    if (load(good, &signatures, &err) < 0 || signature_search_new(signatures, &one, &err) < 0)
        fail_msg("%s", err.text);
    buf_text(&body, "acme version 1.2.3 ");
    buf_fill(&body, ' ', 9000);
    buf_text(&body, "fork");
    search(one, "acme", buf_span(&body), 0, &out);
    assert_string_equal(out.data, "");
    search(one, "acme", buf_span(&body), 4096, &out);
    assert_string_equal(out.data, "");
}

/* Bodies of nothing but places to look at: the work has an end, and the file is told to be cut short. */
static void hostile(void **state) {
    static const char *const units[] = {"acme version ", "1.1.1.", "1.1 ", "acme version 1.1.1", ".1.1.1.1\0"};
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    AUTO_SIGNATURE_SEARCH struct signature_search *one = NULL;
    AUTO_BUF struct buf out, body;
    struct err err = {0};
    (void)state;
    buf_init(&out, LIMIT_MIB);
    buf_init(&body, 68 * LIMIT_MIB);
    if (load(good, &signatures, &err) < 0 || signature_search_new(signatures, &one, &err) < 0)
        fail_msg("%s", err.text);
    bool limited = false;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        buf_reset(&body);
        while (body.size < 8 * LIMIT_MIB)
            buf_text(&body, units[i]);
        search(one, "acme", buf_span(&body), 0, &out);
        assert_true(strcmp((const char *)out.data, "! LIMIT") == 0 || out.data[0] == '\0');
        limited = limited || out.data[0] == '!';
    }
    assert_true(limited);
    /* The next file is not the worse for it. */
    search(one, "acme", span_text("acme version 1.2.3 "), 0, &out);
    assert_string_equal(out.data, "generic acme 1.2.3 embedded\n");
}

static const struct {
    const char *from, *to, *message; /* the message has this in it, and the file's name */
} malformed[] = {
    {"products:", "product:", "expected a list 'products'"},
    {"  signatures:", "  sigs:", "unknown key 'sigs'"},
    {"    unless: [fork]", "    unles: [fork]", "acme.yaml:7: unknown key 'unles'"},
    {"    unless: [fork]", "    unless: fork", "'unless' must be a list"},
    {"    unless: [fork]", "    max_bytes: 1025", "'max_bytes' must be a whole number from 0 to 1024"},
    {"['acme version ']", "[ac]", "literal 'ac' must have 3 to 256 bytes"},
    {"(?<version>", "(?<v>", "no group named version"},
    {"{{version3}}$", "{{ver}}$", "unknown {{ver}}"},
    {"\\d{1,2})\\x00", "\\d+)\\x00", "repeat without an upper bound"},
    {"\\d{1,2})\\x00", "\\d*)\\x00", "repeat without an upper bound"},
    {"\\d{1,2})\\x00", "\\d{1,})\\x00", "repeat without an upper bound"},
    {"\\d{1,2})\\x00", "\\d{1,2}\\x00", "does not compile"},
    {"'**/acme', '**/lib", "'**/*acme', '**/lib", "the last part must begin with 2 plain bytes"},
    {"'**/acme', '**/lib", "'**/acme/', '**/lib", "names no file"},
    {"series: true", "series: maybe", "'series' must be true or false"},
    {"- name: acme\n", "- type: generic\n", "needs a name, signatures and examples"},
    {"- name: acme\n", "- name: acme\n  type: rpmm\n", "'type' is no type of package URL"},
    {", version: 1.2.3}", "}", "lacks its path or version"},
    {"{path: bin/acme, text: acme}", "{text: acme}", "lacks its path"},
    {"{path: bin/acme, text: acme}", "{path: bin/acme, text: acme, version: 1}", "an example has a path"},
    {"    negative: [{path: bin/acme, text: acme}]\n", "", "needs a positive and a negative one"},
};

static void malformed_files(void **state) {
    AUTO_BUF struct buf text;
    (void)state;
    buf_init(&text, LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++) {
        struct signatures *signatures = NULL;
        struct err err = {0};
        struct span whole = span_text(good), from = span_text(malformed[i].from);
        size_t at = span_find(whole, from, 0);
        assert_int_not_equal(at, SIZE_MAX);
        buf_reset(&text);
        buf_add(&text, span_slice(whole, 0, at));
        buf_text(&text, malformed[i].to);
        buf_add(&text, span_from(whole, at + from.size));
        buf_byte(&text, 0);
        if (load((const char *)text.data, &signatures, &err) == 0)
            fail_msg("accepted: %s", malformed[i].to);
        if (strstr(err.text, malformed[i].message) == NULL || strstr(err.text, "acme.yaml") == NULL)
            fail_msg("'%s' should say '%s'", err.text, malformed[i].message);
        assert_int_equal(err.code, ERR_FORMAT);
    }
}

static void examples_that_fail(void **state) {
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    AUTO_BUF struct buf text;
    struct err err = {0};
    size_t examples = 0, failures = 0;
    (void)state;
    buf_init(&text, LIMIT_MIB);
    buf_text(&text, good);
    buf_text(
        &text,
        "- name: other\n  signatures: [{paths: ['**/other'], literals: [other], expression: 'other {{version3}}'}]\n"
        "  examples:\n    positive: [{path: other, text: other 1.2.3, version: 1.2.4}, {path: x, text: x, version: 1}, "
        "{path: other, text: none, version: 1.2.3}]\n"
        "    negative: [{path: other, text: other 1.2.3}]\n");
    buf_byte(&text, 0);
    if (load((const char *)text.data, &signatures, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(signatures_test(signatures, on_failure, NULL, &examples, &failures, &err), 0);
    assert_int_equal(examples, 6);
    assert_int_equal(failures, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtin_examples),   cmocka_unit_test(what_is_found), cmocka_unit_test(windows),
        cmocka_unit_test(ruled_out_later),    cmocka_unit_test(hostile),       cmocka_unit_test(malformed_files),
        cmocka_unit_test(examples_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
