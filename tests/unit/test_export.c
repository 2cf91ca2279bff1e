#include "engine/export/export.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "engine/export/export_escape.h"
#include "engine/export/export_license.h"
#include "tests/support/row_fixture.h"

struct sink {
    char *data;
    size_t size;
    FILE *file;
    struct exporter *exporter;
};

static void sink_open(struct sink *sink, const char *format, size_t width) {
    struct err err = {0};
    *sink = (struct sink){0};
    sink->file = open_memstream(&sink->data, &sink->size);
    assert_non_null(sink->file);
    const struct exporter_options options = {.out = sink->file, .width = width};
    assert_int_equal(exporter_open(format, &options, &sink->exporter, &err), 0);
}

static struct span sink_end(struct sink *sink) {
    struct err err = {0};
    assert_int_equal(exporter_finish(sink->exporter, &err), 0);
    return span_make(sink->data, sink->size);
}

static void sink_close(struct sink *sink) {
    exporter_free(sink->exporter);
    (void)fclose(sink->file);
    (free)(sink->data); /* open_memstream's */
}

static void compliance_row(struct row *row, const char *target, const char *title, bool with_image, uint64_t count) {
    struct err err;
    row_begin(row, TABLE_COMPLIANCE, span_text("s"));
    row_text(row, span_text(target));
    if (with_image)
        row_text(row, span_text(""));
    else
        row_nil(row);
    row_text(row, span_text("cis"));
    row_text(row, span_text("4.1"));
    row_text(row, span_text(title));
    row_text(row, span_text("fail"));
    row_u64(row, count);
    row_text(row, span_text("\xc3\xa4,\x1b[31m"));
    assert_int_equal(row_end(row, &err), 0);
}

/* Says what was found, which a comparison of spans does not. */
static void expect(struct span found, const char *expected) {
    if (!span_is(found, expected))
        fail_msg("found:\n%.*s", SPAN_FORMAT(found));
}

static void add(struct sink *sink, const struct row *row) {
    struct err err = {0};
    struct row_view view = row_view_of(row);
    assert_int_equal(export_row(sink->exporter, &view, &err), 0);
}

static void test_ndjson(void **state) {
    (void)state;
    struct sink sink;
    AUTO(row_release) struct row row;
    row_init(&row);
    sink_open(&sink, "ndjson", 0);
    compliance_row(&row, "a\"b", "line\nbreak", false, UINT64_MAX);
    add(&sink, &row);
    expect(sink_end(&sink),
           "{\"table\":\"compliance\",\"sweep_id\":\"s\",\"target\":\"a\\\"b\",\"image_digest\":null,"
           "\"specification\":\"cis\",\"control\":\"4.1\",\"title\":\"line\\u000abreak\",\"status\":\"fail\","
           "\"finding_count\":18446744073709551615,\"reason\":\"\xc3\xa4,\\u001b[31m\"}\n");
    sink_close(&sink);
    /* Every line of every table is a JSON object with all columns, in UTF-8. */
    sink_open(&sink, "ndjson", 0);
    for (uint64_t i = 0; i < 20; i++) {
        for (enum table table = 0; table < TABLE_COUNT; table++) {
            support_row(&row, table, i, 5);
            add(&sink, &row);
        }
    }
    struct span rest = sink_end(&sink);
    assert_true(text_is_utf8(rest));
    for (size_t i = 0; i < 20 * TABLE_COUNT; i++) {
        struct arena arena;
        struct doc *root;
        struct err err = {0};
        arena_init(&arena, 0, 0);
        assert_int_equal(json_parse(&arena, text_cut(&rest, '\n'), doc_limits_default(), &root, &err), 0);
        const struct table_info *info = table_info((enum table)(i % TABLE_COUNT));
        assert_true(span_is(doc_text(doc_get(root, "table")), info->name));
        assert_int_equal(root->count, info->column_count + 1);
        for (size_t c = 0; c < info->column_count; c++)
            assert_non_null(doc_get(root, info->columns[c].name));
        arena_release(&arena);
    }
    assert_int_equal(rest.size, 0);
    sink_close(&sink);
}

static void test_csv(void **state) {
    (void)state;
    struct sink sink;
    AUTO(row_release) struct row row;
    row_init(&row);
    sink_open(&sink, "csv", 0);
    compliance_row(&row, "a\"b", "line\nbreak", false, 1);
    add(&sink, &row);
    compliance_row(&row, " x", "y", true, 2);
    add(&sink, &row);
    expect(sink_end(&sink), "sweep_id,target,image_digest,specification,control,title,status,finding_count,reason\r\n"
                            "s,\"a\"\"b\",,cis,4.1,\"line\nbreak\",fail,1,\"\xc3\xa4,\x1b[31m\"\r\n"
                            "s,\" x\",\"\",cis,4.1,y,fail,2,\"\xc3\xa4,\x1b[31m\"\r\n");
    /* A second table does not fit into the file. */
    struct err err = {0};
    support_row(&row, TABLE_ERROR, 1, 5);
    struct row_view view = row_view_of(&row);
    assert_int_equal(export_row(sink.exporter, &view, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    sink_close(&sink);
    /* Lists and maps are JSON, times text. */
    sink_open(&sink, "csv", 0);
    support_vulnerability(&row, 1);
    add(&sink, &row);
    struct span text = sink_end(&sink);
    assert_true(span_find(text, span_text("20"), 0) != SIZE_MAX);
    assert_true(span_find(text, span_text(",[],"), 0) != SIZE_MAX ||
                span_find(text, span_text(",\"[\"\"DSA-"), 0) != SIZE_MAX ||
                span_find(text, span_text(",[\"\""), 0) != SIZE_MAX);
    sink_close(&sink);
}

static void test_table(void **state) {
    (void)state;
    struct sink sink;
    AUTO(row_release) struct row row;
    row_init(&row);
    sink_open(&sink, "table", 60);
    compliance_row(&row, "t", "ok \x1b[31m red", false, 7);
    add(&sink, &row);
    compliance_row(&row, "t", "a title that is much longer than what is left of the width", false, 12345);
    add(&sink, &row);
    expect(sink_end(&sink), "compliance: 2 rows\n"
                            "STATUS  SPECIFICATION  CONTROL  FINDING COUNT  TITLE\n"
                            "fail    cis            4.1                  7  ok \\x1b[31m \xe2\x80\xa6\n"
                            "fail    cis            4.1              12345  a title that\xe2\x80\xa6\n");
    sink_close(&sink);
    sink_open(&sink, "table", 0);
    expect(sink_end(&sink), "no rows\n");
    sink_close(&sink);
}

static void test_table_order_and_width(void **state) {
    (void)state;
    struct sink sink;
    AUTO(row_release) struct row row;
    row_init(&row);
    for (size_t width = 40; width <= 140; width += 50) {
        sink_open(&sink, "table", width);
        for (uint64_t i = 0; i < 200; i++) {
            support_vulnerability(&row, i);
            add(&sink, &row);
        }
        struct span rest = sink_end(&sink);
        static const char *const order[] = {"critical", "high", "medium", "low", "negligible", "unknown"};
        size_t at = 0, lines = 0;
        for (; rest.size > 0; lines++) {
            struct span line = text_cut(&rest, '\n');
            size_t characters = 0;
            for (size_t i = 0; i < line.size; i++)
                characters += (line.data[i] & 0xc0) != 0x80;
            /* Seven columns cut to eight each and six gaps are the least. */
            assert_true(characters <= (width < 68 ? 68 : width));
            if (lines < 2)
                continue;
            while (at < ARRAY_COUNT(order) && memcmp(line.data, order[at], 3) != 0)
                at++;
            assert_true(at < ARRAY_COUNT(order));
        }
        assert_int_equal(lines, 202);
        sink_close(&sink);
    }
}

static void test_table_is_bounded(void **state) {
    (void)state;
    struct sink sink;
    AUTO(row_release) struct row row;
    row_init(&row);
    sink_open(&sink, "table", 0);
    for (uint64_t i = 0; i < LIMIT_EXPORT_TABLE_ROWS + 1; i++) {
        compliance_row(&row, "t", "x", false, i);
        add(&sink, &row);
    }
    struct span text = sink_end(&sink);
    assert_true(span_ends(text, "and 1 more rows: --format ndjson has all\n"));
    assert_true(span_starts(text, "compliance: 10001 rows\n"));
    sink_close(&sink);
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1, "1"},
                 {9.8, "9.8"},
                 {1.0 / 3, "0.3333333333333333"},
                 {1e300, "1e+300"},
                 {-0.5, "-0.5"},
                 {__builtin_nan(""), "null"},
                 {__builtin_inf(), "null"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf buf = {0};
        export_f64(&buf, cases[i].value);
        assert_true(span_is(buf_span(&buf), cases[i].text));
    }
}

static void test_licenses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum license_kind kind;
        const char *expected;
    } cases[] = {
        {"MIT", LICENSE_ID, "MIT"},
        {"mit", LICENSE_ID, "MIT"},
        {" apache-2.0 ", LICENSE_ID, "Apache-2.0"},
        {"GPL-2.0+", LICENSE_ID, "GPL-2.0+"},
        {"Apache-2.0+", LICENSE_EXPRESSION, "Apache-2.0+"},
        {"(MIT OR Apache-2.0)", LICENSE_EXPRESSION, "(MIT OR Apache-2.0)"},
        {"MIT and (BSD-3-Clause or ISC)", LICENSE_EXPRESSION, "MIT AND (BSD-3-Clause OR ISC)"},
        {"GPL-2.0-only WITH Classpath-exception-2.0", LICENSE_EXPRESSION, "GPL-2.0-only WITH Classpath-exception-2.0"},
        {"", LICENSE_UNKNOWN, ""},
        {"MIT License", LICENSE_UNKNOWN, ""},
        {"MIT OR", LICENSE_UNKNOWN, ""},
        {"OR MIT", LICENSE_UNKNOWN, ""},
        {"(MIT", LICENSE_UNKNOWN, ""},
        {"MIT)", LICENSE_UNKNOWN, ""},
        {"()", LICENSE_UNKNOWN, ""},
        {"MIT WITH MIT", LICENSE_UNKNOWN, ""},
        {"Classpath-exception-2.0", LICENSE_UNKNOWN, ""},
        {"(MIT) WITH Classpath-exception-2.0", LICENSE_UNKNOWN, ""},
        {"LicenseRef-mine", LICENSE_UNKNOWN, ""},
        {"AND", LICENSE_UNKNOWN, ""}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf buf = {0};
        assert_int_equal(license_expression(&buf, span_text(cases[i].text)), cases[i].kind);
        expect(buf_span(&buf), cases[i].expected);
    }
}

static void escaped(void (*escape)(struct buf *buf, struct span text), const char *text, const char *expected) {
    AUTO_BUF struct buf buf = {0};
    escape(&buf, span_text(text));
    expect(buf_span(&buf), expected);
}

static void csv_defused(struct buf *buf, struct span text) { escape_csv(buf, text, true); }
static void markup(struct buf *buf, struct span text) { escape_markup(buf, text, false); }
static void github_property(struct buf *buf, struct span text) { escape_github(buf, text, true); }

static void test_escapes(void **state) {
    (void)state;
    escaped(escape_plain, "a\nb\x1b[31m\xe2\x80\xae\xc2\x9b\xff", "a\\x0ab\\x1b[31m\\u202e\\u009b\\xff");
    escaped(markup, "<a href='x'>&\"\xef\xbb\xbf", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;\\ufeff");
    escaped(escape_markdown, "a|b [x](y) WWW.x.y", "a&#124;b &#91;x&#93;&#40;y&#41; WWW&#46;x.y");
    escaped(csv_defused, "=cmd()", "'=cmd()");
    escaped(csv_defused, "@scope/name", "@scope/name");
    escaped(csv_defused, "@SUM(1)", "'@SUM(1)");
    escaped(csv_defused, "-a,\"b\"", "\"'-a,\"\"b\"\"\"");
    escaped(escape_uri_path, "/a b/%c/\xff:d", "a%20b/%25c/%FF%3Ad");
    escaped(github_property, "a:b,c%\nd", "a%3Ab%2Cc%25%0Ad");
    escaped(escape_shell, "it's", "'it'\\''s'");
    /* What is cut is cut between characters. */
    assert_true(span_is(escape_cut(span_text("a\xc3\xa4"), 2), "a"));
    assert_true(span_is(escape_cut(span_text("a\xc3\xa4"), 3), "a\xc3\xa4"));
}

static void test_unknown_format(void **state) {
    (void)state;
    struct exporter *exporter = NULL;
    struct err err = {0};
    assert_int_equal(exporter_open("xml", &(struct exporter_options){.out = stdout}, &exporter, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.text, "ndjson"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ndjson),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_order_and_width),
        cmocka_unit_test(test_table_is_bounded),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_licenses),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_unknown_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
