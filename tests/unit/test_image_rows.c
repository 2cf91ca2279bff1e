/* An image's rows, kept and written again: the same bytes in each column, and nothing of a record that is cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/pipeline/image_rows.h"
#include "tests/support/row_fixture.h"

static const struct layer_secret secret = {.rule = {(const uint8_t *)"rule", 4},
                                           .redacted = {(const uint8_t *)"ab…", 5},
                                           .fingerprint = {(const uint8_t *)"f00d", 4},
                                           .severity = SEVERITY_HIGH,
                                           .confidence = 0.25};

static void rows_make(struct image_rows *rows, struct row *row) {
    buf_init(&rows->bytes, 0);
    image_rows_begin(rows, span_text("0123456789abcdef0123456789abcdef"));
    support_row(row, TABLE_IMAGE_LAYER, 1, 100);
    image_rows_add(rows, row);
    support_row(row, TABLE_SECRET, 2, 100);
    image_rows_add(rows, row);
    image_rows_secret(rows, &secret, span_text("env:KEY"), "env", true);
    support_row(row, TABLE_IMAGE_SECRET, 3, 100);
    image_rows_add(rows, row);
    support_row(row, TABLE_IMAGE, 4, 100);
    image_rows_end(rows, row);
    assert_false(rows->bytes.failed || rows->open);
}

/* The row that the columns make under another sweep's id has the same values in all others. */
static void same_row(const struct image_rows_item *item, enum table table, uint64_t number) {
    struct err err = {0};
    struct row expected, found;
    row_init(&expected);
    row_init(&found);
    assert_int_equal(item->kind, IMAGE_ROWS_ROW);
    assert_int_equal(item->table, table);
    support_row(&expected, table, number, 100);
    row_begin(&found, table, span_text("another sweep"));
    row_encoded(&found, item->columns, table_info(table)->column_count - 1);
    assert_int_equal(row_end(&found, &err), 0);
    for (size_t i = 1; i < table_info(table)->column_count; i++)
        assert_true(span_equal(row_column(&expected, i), row_column(&found, i)));
    row_release(&expected);
    row_release(&found);
}

static void round_trip(void **state) {
    (void)state;
    struct image_rows rows;
    struct image_rows_reader reader;
    struct image_rows_item item;
    struct row row;
    size_t first, count;
    row_init(&row);
    rows_make(&rows, &row);
    assert_true(image_rows_open(buf_span(&rows.bytes), &reader));
    assert_true(span_is(reader.package_set, "0123456789abcdef0123456789abcdef"));
    assert_true(image_rows_next(&reader, &item));
    same_row(&item, TABLE_IMAGE_LAYER, 1);
    assert_true(image_rows_next(&reader, &item));
    same_row(&item, TABLE_SECRET, 2);
    assert_true(image_rows_next(&reader, &item));
    assert_true(item.kind == IMAGE_ROWS_SECRET && item.is_row && span_is(item.state, "env") &&
                span_is(item.secret.path, "env:KEY"));
    assert_true(span_is(item.secret.rule, "rule") && span_is(item.secret.fingerprint, "f00d") &&
                item.secret.severity == SEVERITY_HIGH && item.secret.confidence == 0.25);
    assert_true(image_rows_next(&reader, &item));
    same_row(&item, TABLE_IMAGE_SECRET, 3);
    assert_false(image_rows_next(&reader, &item));
    assert_false(reader.reader.failed);
    image_rows_columns(&first, &count);
    assert_true(span_equal(reader.image_columns, row_columns(&row, first, count)));
    row_release(&row);
    buf_release(&rows.bytes);
}

/* The image's own columns are at the end: what is cut off there shows when the row is made of them. */
static void cut_off(void **state) {
    (void)state;
    struct image_rows rows;
    struct image_rows_reader reader;
    struct row row;
    size_t first, count;
    row_init(&row);
    rows_make(&rows, &row);
    image_rows_columns(&first, &count);
    size_t items = rows.bytes.size - row_columns(&row, first, count).size;
    for (size_t size = 0; size < items; size++)
        assert_false(image_rows_open(span_make(rows.bytes.data, size), &reader));
    struct row cut;
    row_init(&cut);
    for (size_t size = items; size < rows.bytes.size; size++) {
        assert_true(image_rows_open(span_make(rows.bytes.data, size), &reader));
        support_row(&cut, TABLE_IMAGE, 5, 100);
        cut.column = first; /* as emit makes it: what is before the kept columns stands */
        cut.bytes.size = cut.offsets[first];
        row_encoded(&cut, reader.image_columns, count);
        assert_true(cut.bytes.failed);
    }
    row_release(&cut);
    row_release(&row);
    buf_release(&rows.bytes);
}

/* An item of no kind in the middle: the whole record is refused before anything of it is written. */
static void wrong_kind(void **state) {
    (void)state;
    struct image_rows rows;
    struct image_rows_reader reader;
    struct row row;
    row_init(&row);
    rows_make(&rows, &row);
    size_t table = 8 + 4 + 32 + 1; /* place, the set's id, the first item's kind */
    rows.bytes.data[table] = TABLE_COUNT;
    assert_false(image_rows_open(buf_span(&rows.bytes), &reader));
    row_release(&row);
    buf_release(&rows.bytes);
}

static void ceiling(void **state) {
    (void)state;
    struct image_rows rows;
    struct row row;
    row_init(&row);
    buf_init(&rows.bytes, 4096);
    image_rows_begin(&rows, span_text(""));
    support_row(&row, TABLE_SECRET, 2, 100);
    for (size_t i = 0; i < 100; i++)
        image_rows_add(&rows, &row);
    support_row(&row, TABLE_IMAGE, 4, 100);
    image_rows_end(&rows, &row);
    assert_true(rows.bytes.failed);
    assert_true(rows.bytes.size <= 4096);
    image_rows_begin(&rows, span_text(""));
    image_rows_end(&rows, &row);
    assert_false(rows.bytes.failed); /* the next image is another matter */
    row_release(&row);
    buf_release(&rows.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(wrong_kind),
        cmocka_unit_test(ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
