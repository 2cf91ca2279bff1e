/* Rows of one table that follow each other in its order, packed into one piece: what a cache keeps of a package set,
 * and what a sort moves as one record. Nothing else may sort between a block's first and last row, and two blocks with
 * the same first key are the same block.
 *
 * The rows lack their first column, the sweep's id: so a block serves every sweep.
 *
 *     row_block_add(&writer, &row) …                        in the table's order
 *     row_block_end(&writer, &bytes)                        and again when row_block_is_full()
 *
 *     while (row_block_next(&bytes, &block))
 *         row_block_unpack(&block, &rows, err), row_block_row(&reader, &columns) …
 *
 * A block's bytes, little-endian: u32 rows, u32 unpacked size, u32 key size, u32 packed size; the first row's sort key
 * (shard/sort_key.h); an LZ4 block, which unpacks to u32 size and columns for each row. They carry no checksum: whoever
 * keeps them has one. */
#ifndef TRAWL_ROW_BLOCK_H
#define TRAWL_ROW_BLOCK_H

#include "base/buf.h"
#include "base/model/row.h"
#include "base/reader.h"

/* A block is ended when its rows reach this: more would only make a sort's memory coarse. */
#define ROW_BLOCK_BYTES ((size_t)128 << 10)

struct row_block_writer {
    uint32_t row_count;
    struct buf rows;
    struct buf key; /* of the first */
    struct buf last_key;
};

static inline void row_block_writer_release(struct row_block_writer *writer) {
    buf_release(&writer->rows);
    buf_release(&writer->key);
    buf_release(&writer->last_key);
}

/* Takes a finished row (after row_end()), of the same table as the one before and not before it in order (asserted in
 * debug builds). When memory is short row_block_end() says so. */
void row_block_add(struct row_block_writer *writer, const struct row *row);
static inline bool row_block_is_full(const struct row_block_writer *writer) {
    return writer->rows.size >= ROW_BLOCK_BYTES;
}
/* Appends the block; nothing where no row was added. The writer is then empty. `out->failed` says when memory was
 * short. */
void row_block_end(struct row_block_writer *writer, struct buf *out);

struct row_block {
    enum table table;
    uint32_t row_count;
    uint32_t unpacked_size;
    struct span key;
    struct span packed;
};

/* The block at the start of `*rest`, which moves on; borrows. False at the end, and where no block is: then `*rest` is
 * not empty. */
bool row_block_next(struct span *rest, struct row_block *ret_block);

/* Replaces what is in `rows`. FORMAT, NOMEM. */
int row_block_unpack(const struct row_block *block, struct buf *rows, struct err *err);
/* A row's columns without the first; false at the end, or where the rows break off: row_block_end_check() tells. */
bool row_block_row(struct reader *rows, struct span *ret_columns);
/* FORMAT when something else than the end ended the rows. */
int row_block_end_check(const struct reader *rows, const struct row_block *block, struct err *err);

#endif
