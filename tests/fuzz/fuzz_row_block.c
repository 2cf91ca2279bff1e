/* Blocks of rows, as they come out of a cache: row by row into a row that is encoded anew. */
#include "base/prelude.h"

#include "shard/row_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest = span_make(data, size);
    AUTO_BUF struct buf rows = {0};
    AUTO(row_release) struct row row;
    struct err err = {0};
    row_init(&row);
    for (struct row_block block; row_block_next(&rest, &block);) {
        if (row_block_unpack(&block, &rows, &err) < 0)
            continue;
        struct reader reader = reader_init(buf_span(&rows));
        for (struct span columns; row_block_row(&reader, &columns);) {
            row_begin(&row, block.table, span_text("sweep"));
            row_encoded(&row, columns, table_info(block.table)->column_count - 1);
        }
    }
    return 0;
}
