#include "base/model/row.h"
#include "shard/row_view.h"
#include "shard/sort_key.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/row_fixture.h"

/* Hand-written encodings, from the MessagePack specification. */
struct number_case {
    uint64_t value;
    const char *bytes;
    size_t size;
};

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct number_case numbers[] = {
    {0, BYTES("\x00")},
    {127, BYTES("\x7f")},
    {128, BYTES("\xcc\x80")},
    {255, BYTES("\xcc\xff")},
    {256, BYTES("\xcd\x01\x00")},
    {65535, BYTES("\xcd\xff\xff")},
    {65536, BYTES("\xce\x00\x01\x00\x00")},
    {UINT32_MAX, BYTES("\xce\xff\xff\xff\xff")},
    {(uint64_t)UINT32_MAX + 1, BYTES("\xcf\x00\x00\x00\x01\x00\x00\x00\x00")},
    {UINT64_MAX, BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
};

static void expect_bytes(struct span found, const char *bytes, size_t size) {
    assert_int_equal(found.size, size);
    assert_memory_equal(found.data, bytes, size);
}

/* A row of the layer table up to and with its numbers: text, text, text, five u64 or so; columns are looked up by name.
 */
static void layer_row(struct row *row, struct span digest, uint64_t value) {
    row_begin(row, TABLE_LAYER, span_text("s"));
    row_text(row, digest);
    row_text(row, span_text(""));
    for (int i = 0; i < 5; i++)
        row_u64(row, value);
    row_text(row, span_text("done"));
    row_u64(row, value);
    struct err err;
    assert_int_equal(row_end(row, &err), 0);
}

static struct row_view parse_whole(const struct row *row) {
    struct row_view view;
    struct err err = {0};
    assert_int_equal(row_view_parse(row->table, buf_span(&row->bytes), &view, &err), 0);
    assert_int_equal(view.bytes.size, row->bytes.size);
    return view;
}

static void test_numbers(void **state) {
    (void)state;
    AUTO(row_release) struct row row;
    row_init(&row);
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        layer_row(&row, span_text("d"), numbers[i].value);
        expect_bytes(row_column(&row, 3), numbers[i].bytes, numbers[i].size);
        struct row_view view = parse_whole(&row);
        assert_int_equal(row_view_u64(&view, 3), numbers[i].value);
    }
    expect_bytes(row_column(&row, 0), BYTES("\xa1s"));
    expect_bytes(row_column(&row, 2), BYTES("\xa0"));
}

static void test_text_lengths(void **state) {
    (void)state;
    static const struct {
        size_t size;
        const char *head;
        size_t head_size;
    } cases[] = {
        {1, BYTES("\xa1")},
        {31, BYTES("\xbf")},
        {32, BYTES("\xd9\x20")},
        {255, BYTES("\xd9\xff")},
        {256, BYTES("\xda\x01\x00")},
        {65535, BYTES("\xda\xff\xff")},
        {65536, BYTES("\xdb\x00\x01\x00\x00")},
    };
    AUTO(row_release) struct row row;
    row_init(&row);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf text = {0};
        buf_fill(&text, 'x', cases[i].size);
        layer_row(&row, buf_span(&text), 1);
        struct span column = row_column(&row, 1);
        assert_int_equal(column.size, cases[i].head_size + cases[i].size);
        assert_memory_equal(column.data, cases[i].head, cases[i].head_size);
        struct row_view view = parse_whole(&row);
        assert_true(span_equal(row_view_text(&view, 1), buf_span(&text)));
    }
}

static void test_bytes_that_are_not_utf8(void **state) {
    (void)state;
    AUTO(row_release) struct row row;
    row_init(&row);
    layer_row(&row, span_make("a\xff\xc3\xa4\xc3", 5), 1);
    expect_bytes(row_column(&row, 1), BYTES("\xab"
                                            "a\\xff\xc3\xa4\\xc3"));
}

/* One image row, for its map, times and nils. */
static void image_row(struct row *row, int64_t created_at, bool with_created, size_t labels) {
    struct span pairs[40];
    char texts[40][24];
    assert_true(2 * labels <= ARRAY_COUNT(pairs));
    for (size_t i = 0; i < 2 * labels; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%zu", i);
        pairs[i] = span_text(texts[i]);
    }
    const struct table_info *info = table_info(TABLE_IMAGE);
    row_begin(row, TABLE_IMAGE, span_text("s"));
    for (size_t i = 1; i < info->column_count; i++) {
        const struct column *column = &info->columns[i];
        if (column->type == COLUMN_TEXT_MAP)
            row_map(row, pairs, labels);
        else if (column->type == COLUMN_U64)
            row_u64(row, 1);
        else if (column->type == COLUMN_TIME && (with_created || !column->nullable))
            row_time(row, created_at);
        else if (column->nullable)
            row_nil(row);
        else
            row_text(row, span_text("t"));
    }
    struct err err;
    assert_int_equal(row_end(row, &err), 0);
}

static void test_times_maps_and_nil(void **state) {
    (void)state;
    AUTO(row_release) struct row row;
    row_init(&row);
    size_t created = table_column(TABLE_IMAGE, span_text("created_at"));
    size_t labels = table_column(TABLE_IMAGE, span_text("labels"));
    size_t tag = table_column(TABLE_IMAGE, span_text("tag"));
    image_row(&row, -1, true, 15);
    expect_bytes(row_column(&row, created), BYTES("\xd3\xff\xff\xff\xff\xff\xff\xff\xff"));
    expect_bytes(row_column(&row, tag), BYTES("\xc0"));
    assert_int_equal(row_column(&row, labels).data[0], 0x8f);
    struct row_view view = parse_whole(&row);
    assert_int_equal(row_view_time(&view, created), -1);
    assert_true(row_view_is_nil(&view, tag));
    assert_int_equal(row_view_text(&view, tag).size, 0);
    image_row(&row, 1714564800, true, 16);
    expect_bytes(row_column(&row, created), BYTES("\xce\x66\x32\x2e\xc0"));
    expect_bytes(span_slice(row_column(&row, labels), 0, 3), BYTES("\xde\x00\x10"));
    view = parse_whole(&row);
    struct row_items pairs = row_view_map(&view, labels);
    size_t count = 0;
    for (struct span key, value; row_items_next(&pairs, &key) && row_items_next(&pairs, &value); count++) {
        char expected[24];
        (void)snprintf(expected, sizeof expected, "%zu", 2 * count);
        assert_true(span_is(key, expected));
    }
    assert_int_equal(count, 16);
    image_row(&row, 0, false, 0);
    expect_bytes(row_column(&row, created), BYTES("\xc0"));
    expect_bytes(row_column(&row, labels), BYTES("\x80"));
    view = parse_whole(&row);
    assert_int_equal(row_view_time(&view, created), 0);
}

static void test_floats_booleans_lists(void **state) {
    (void)state;
    AUTO(row_release) struct row row;
    row_init(&row);
    struct span items[] = {span_text("a"), span_text("")};
    row_begin(&row, TABLE_VULNERABILITY, span_text("s"));
    const struct table_info *info = table_info(TABLE_VULNERABILITY);
    for (size_t i = 1; i < info->column_count; i++) {
        switch (info->columns[i].type) {
        case COLUMN_TEXT:
            row_text(&row, span_text(""));
            break;
        case COLUMN_TEXT_LIST:
            row_list(&row, items, 2);
            break;
        case COLUMN_F64:
            row_f64(&row, -2.5);
            break;
        case COLUMN_BOOL:
            row_bool(&row, span_is(span_text(info->columns[i].name), "kev"));
            break;
        case COLUMN_TIME:
            row_time(&row, 0);
            break;
        case COLUMN_U64:
        case COLUMN_TEXT_MAP:
        case COLUMN_TYPE_COUNT:
            fail();
            break;
        }
    }
    struct err err;
    assert_int_equal(row_end(&row, &err), 0);
    size_t score = table_column(TABLE_VULNERABILITY, span_text("cvss_score"));
    size_t kev = table_column(TABLE_VULNERABILITY, span_text("kev"));
    size_t in_use = table_column(TABLE_VULNERABILITY, span_text("in_use"));
    size_t aliases = table_column(TABLE_VULNERABILITY, span_text("aliases"));
    expect_bytes(row_column(&row, score), BYTES("\xcb\xc0\x04\x00\x00\x00\x00\x00\x00"));
    expect_bytes(row_column(&row, kev), BYTES("\xc3"));
    expect_bytes(row_column(&row, in_use), BYTES("\xc2"));
    expect_bytes(row_column(&row, aliases), BYTES("\x92\xa1"
                                                  "a\xa0"));
    struct row_view view = parse_whole(&row);
    assert_true(row_view_f64(&view, score) < -2.4 && row_view_f64(&view, score) > -2.6);
    assert_true(row_view_bool(&view, kev));
    assert_false(row_view_bool(&view, in_use));
    struct row_items list = row_view_list(&view, aliases);
    struct span item;
    assert_true(row_items_next(&list, &item) && span_is(item, "a"));
    assert_true(row_items_next(&list, &item) && item.size == 0);
    assert_false(row_items_next(&list, &item));
}

/* Other writers' widths are read; other types and cut values are not. One column, the number of image_layer, is
 * replaced. */
static void test_parse_of_foreign_bytes(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        bool good;
        uint64_t value;
    } cases[] = {
        {BYTES("\x05"), true, 5},
        {BYTES("\xcc\x05"), true, 5},
        {BYTES("\xcf\x00\x00\x00\x00\x00\x00\x00\x05"), true, 5},
        {BYTES("\xd0\x05"), true, 5},
        {BYTES("\xd3\x00\x00\x00\x00\x00\x00\x00\x05"), true, 5},
        {BYTES("\xd0\xff"), false, 0}, /* negative */
        {BYTES("\xff"), false, 0},     /* negative fixint */
        {BYTES("\xd1\x80\x00"), false, 0},
        {BYTES("\xc0"), false, 0},                 /* nil in a column that has none */
        {BYTES("\xca\x40\xa0\x00\x00"), false, 0}, /* float32 */
        {BYTES("\xc3"), false, 0},
        {BYTES("\xa1"
               "5"),
         false, 0},
        {BYTES("\xc1"), false, 0}, /* never used */
        {BYTES("\xc4\x01"
               "5"),
         false, 0},                        /* bin */
        {BYTES("\xd4\x01\x05"), false, 0}, /* ext */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf bytes = {0};
        struct row_view view;
        struct err err = {0};
        buf_text(&bytes, "\xa1s\xa1"
                         "d");
        buf_add(&bytes, span_make(cases[i].bytes, cases[i].size));
        buf_text(&bytes, "\xa0\xa0\xa0\xc3");
        int result = row_view_parse(TABLE_IMAGE_LAYER, buf_span(&bytes), &view, &err);
        assert_int_equal(result, cases[i].good ? 0 : -1);
        if (cases[i].good)
            assert_int_equal(row_view_u64(&view, 2), cases[i].value);
        else
            assert_non_null(strstr(err.text, "image_layer.ordinal"));
        /* Cut anywhere it is FORMAT. */
        for (size_t size = 0; cases[i].good && size < bytes.size; size++) {
            uint8_t *copy = mem_alloc(size);
            memcpy(copy, bytes.data, size);
            assert_int_equal(row_view_parse(TABLE_IMAGE_LAYER, span_make(copy, size), &view, &err), -1);
            assert_int_equal(err.code, ERR_FORMAT);
            mem_free(copy);
        }
    }
}

static void test_huge_counts_end_at_the_bytes(void **state) {
    (void)state;
    struct row_view view;
    struct err err;
    static const char list[] = "\xa1s\xa1p\xa1u\xa1t\xa1n\xa1v\xa1"
                               "a\xa1s\xa1v\xdd\xff\xff\xff\xff\xa0\xa0";
    assert_int_equal(row_view_parse(TABLE_PACKAGE, span_make(list, sizeof list - 1), &view, &err), -1);
    static const char text[] = "\xa1s\xdb\xff\xff\xff\xff"
                               "abc";
    assert_int_equal(row_view_parse(TABLE_ERROR, span_make(text, sizeof text - 1), &view, &err), -1);
    static const char not_utf8[] = "\xa1s\xa2\xc3(";
    assert_int_equal(row_view_parse(TABLE_ERROR, span_make(not_utf8, sizeof not_utf8 - 1), &view, &err), -1);
}

static void test_sort_keys(void **state) {
    (void)state;
    /* Each pair in order by layer.layer_digest: NUL bytes and prefixes included. */
    static const struct {
        const char *text;
        size_t size;
    } texts[] = {{BYTES("")},         {BYTES("\0")},        {BYTES("\0\0")},  {BYTES("\0a")}, {BYTES("\1")},
                 {BYTES("a")},        {BYTES("a\0")},       {BYTES("a\0b")},  {BYTES("a\1")}, {BYTES("ab")},
                 {BYTES("sha256:0")}, {BYTES("sha256:00")}, {BYTES("sha257")}};
    AUTO(row_release) struct row row;
    AUTO_BUF struct buf last = {0}, key = {0};
    row_init(&row);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        layer_row(&row, span_make(texts[i].text, texts[i].size), 1000 - i);
        struct row_view view = row_view_of(&row);
        buf_reset(&key);
        sort_key_add(&key, &view);
        buf_add(&key, view.bytes);
        if (i > 0)
            assert_true(span_compare(buf_span(&last), buf_span(&key)) < 0);
        buf_reset(&last);
        buf_add(&last, buf_span(&key));
    }
    /* Every table's key columns have a type that sort keys know, and their places are 1, 2, …. */
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        support_row(&row, table, 1, 5);
        struct row_view view = row_view_of(&row);
        buf_reset(&key);
        sort_key_add(&key, &view);
        assert_true(key.size > 3 && key.data[0] == table);
        unsigned keys = 0, sum = 0;
        for (size_t i = 0; i < table_info(table)->column_count; i++) {
            keys += table_info(table)->columns[i].key != 0;
            sum += table_info(table)->columns[i].key;
        }
        assert_int_equal(sum, keys * (keys + 1) / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_text_lengths),
        cmocka_unit_test(test_bytes_that_are_not_utf8),
        cmocka_unit_test(test_times_maps_and_nil),
        cmocka_unit_test(test_floats_booleans_lists),
        cmocka_unit_test(test_parse_of_foreign_bytes),
        cmocka_unit_test(test_huge_counts_end_at_the_bytes),
        cmocka_unit_test(test_sort_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
