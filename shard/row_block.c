#include "shard/row_block.h"

#include <lz4.h>

#include "base/limits.h"
#include "base/overflow.h"
#include "shard/row_view.h"
#include "shard/sort_key.h"

/* The last row may be one of the largest. */
#define UNPACKED_BYTES_MAX (ROW_BLOCK_BYTES + LIMIT_ROW_BYTES + sizeof(uint32_t))

void row_block_add(struct row_block_writer *writer, const struct row *row) {
    struct row_view view = row_view_of(row);
    if (writer->row_count == 0) {
        buf_reset(&writer->rows);
        buf_reset(&writer->key);
        sort_key_add(&writer->key, &view);
    }
#ifdef TRAWL_DEBUG
    AUTO_BUF struct buf key = {0};
    sort_key_add(&key, &view);
    assert(key.size == 0 || writer->last_key.size == 0 || writer->row_count == 0 ||
           (key.data[0] == writer->last_key.data[0] && span_compare(buf_span(&writer->last_key), buf_span(&key)) <= 0));
    buf_reset(&writer->last_key);
    buf_add(&writer->last_key, buf_span(&key));
#endif
    struct span columns = row_columns(row, 1, table_info(row->table)->column_count - 1);
    buf_le32(&writer->rows, (uint32_t)columns.size);
    buf_add(&writer->rows, columns);
    writer->row_count++;
}

void row_block_end(struct row_block_writer *writer, struct buf *out) {
    struct buf *rows = &writer->rows;
    if (writer->row_count == 0)
        return;
    int bound = LZ4_compressBound((int)size_min(rows->size, UNPACKED_BYTES_MAX));
    buf_le32(out, writer->row_count);
    buf_le32(out, (uint32_t)rows->size);
    buf_le32(out, (uint32_t)writer->key.size);
    size_t place = out->size;
    buf_le32(out, 0); /* known when it is packed */
    buf_add(out, buf_span(&writer->key));
    writer->row_count = 0;
    if (rows->failed || writer->key.failed || rows->size > UNPACKED_BYTES_MAX || !buf_reserve(out, (size_t)bound)) {
        out->failed = true;
        return;
    }
    int packed = LZ4_compress_default((const char *)rows->data, (char *)out->data + out->size, (int)rows->size, bound);
    assert(packed > 0); /* the bound sufficed */
    out->size += (size_t)packed;
    for (size_t i = 0; i < sizeof(uint32_t); i++)
        out->data[place + i] = (uint8_t)((uint32_t)packed >> 8 * i);
}

bool row_block_next(struct span *rest, struct row_block *ret_block) {
    if (rest->size == 0)
        return false;
    struct reader reader = reader_init(*rest);
    *ret_block = (struct row_block){.row_count = read_le32(&reader), .unpacked_size = read_le32(&reader)};
    uint32_t key_size = read_le32(&reader), packed_size = read_le32(&reader);
    ret_block->key = read_bytes(&reader, key_size);
    ret_block->packed = read_bytes(&reader, packed_size);
    if (reader.failed || ret_block->row_count == 0 || key_size < 2 || ret_block->key.data[0] >= TABLE_COUNT ||
        ret_block->unpacked_size > UNPACKED_BYTES_MAX)
        return false;
    ret_block->table = (enum table)ret_block->key.data[0];
    *rest = span_from(*rest, reader.offset);
    return true;
}

int row_block_unpack(const struct row_block *block, struct buf *rows, struct err *err) {
    buf_reset(rows);
    if (!buf_reserve(rows, block->unpacked_size))
        return err_set(err, ERR_NOMEM, 0, "block of %" PRIu32 " rows: out of memory", block->row_count);
    int size = LZ4_decompress_safe((const char *)block->packed.data, (char *)rows->data, (int)block->packed.size,
                                   (int)block->unpacked_size);
    if (size < 0 || (uint32_t)size != block->unpacked_size)
        return err_set(err, ERR_FORMAT, 0, "block of %" PRIu32 " rows of table %s: damaged", block->row_count,
                       table_info(block->table)->name);
    rows->size = (size_t)size;
    return 0;
}

bool row_block_row(struct reader *rows, struct span *ret_columns) {
    if (reader_left(rows) == 0)
        return false;
    *ret_columns = read_bytes(rows, read_le32(rows));
    return !rows->failed;
}

int row_block_end_check(const struct reader *rows, const struct row_block *block, struct err *err) {
    return rows->failed
               ? err_set(err, ERR_FORMAT, 0, "block of table %s: its rows break off", table_info(block->table)->name)
               : 0;
}
