/* A shard's bytes into the reader. The first byte chooses the table and, with its high bit, whether the rest is rows
 * without frames (so that the fuzzer need not make checksums). Rows that pass are read column by column and must parse
 * again. */
#include "base/prelude.h"

#include "shard/shard_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t view_read(const struct row_view *view) {
    const struct table_info *info = table_info(view->table);
    uint64_t sum = 0;
    for (size_t i = 0; i < info->column_count; i++) {
        struct row_items items = {{NULL, 0}, 0};
        switch (info->columns[i].type) {
        case COLUMN_TEXT:
            sum += row_view_text(view, i).size;
            break;
        case COLUMN_U64:
            sum += row_view_u64(view, i);
            break;
        case COLUMN_TIME:
            sum += (uint64_t)row_view_time(view, i);
            break;
        case COLUMN_F64:
            sum += row_view_f64(view, i) > 0;
            break;
        case COLUMN_BOOL:
            sum += row_view_bool(view, i);
            break;
        case COLUMN_TEXT_LIST:
            items = row_view_list(view, i);
            break;
        case COLUMN_TEXT_MAP:
            items = row_view_map(view, i);
            break;
        case COLUMN_TYPE_COUNT:
            break;
        }
        for (struct span text; row_items_next(&items, &text);)
            sum += text.size;
        assert(items.left == 0 && items.rest.size == 0);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    enum table table = (enum table)((data[0] & 0x7f) % TABLE_COUNT);
    struct span rest = span_make(data + 1, size - 1);
    struct row_view view, again;
    struct err err = {0};
    volatile uint64_t sink = 0; /* keeps the reads */
    if ((data[0] & 0x80) != 0) {
        while (rest.size > 0 && row_view_parse(table, rest, &view, &err) == 0) {
            sink = sink + view_read(&view);
            int result = row_view_parse(table, view.bytes, &again, &err);
            assert(result == 0 && again.bytes.size == view.bytes.size);
            (void)result;
            rest = span_from(rest, view.bytes.size);
        }
        return 0;
    }
    struct shard_reader *reader = NULL;
    if (shard_reader_open_bytes(rest, "fuzz", table, &reader, &err) < 0)
        return 0;
    while (shard_reader_next(reader, &view, &err) > 0)
        sink = sink + view_read(&view);
    assert(shard_reader_offset(reader) <= rest.size);
    shard_reader_close(reader);
    return 0;
}
