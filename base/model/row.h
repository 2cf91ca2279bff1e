/* One row of one table, made column by column in the table's order and encoded as msgpack on the way.
 *
 *     row_begin(&row, TABLE_ERROR, sweep_id);
 *     row_text(&row, target);
 *     row_nil(&row);
 *     …
 *     if (row_end(&row, err) < 0) …        all columns there, memory sufficed
 *     shard_add(shards, &row, err);
 *
 * Each call asserts that its type is the next column's. `sweep_id` is written by row_begin(). A row object is reused
 * for many rows. Text that is not UTF-8 is escaped byte by byte as \xNN, so that every reader can load every row.
 * Encoding: the MessagePack specification; a row is its columns' values one after another, nothing around them. */
#ifndef TRAWL_ROW_H
#define TRAWL_ROW_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/model/table.h"

struct row {
    enum table table;
    size_t column;                           /* the next one */
    struct buf bytes;                        /* the encoded row */
    uint32_t offsets[TABLE_COLUMNS_MAX + 1]; /* where each column begins; the end after row_end() */
};

void row_init(struct row *row);
void row_release(struct row *row);

void row_begin(struct row *row, enum table table, struct span sweep_id);
void row_text(struct row *row, struct span text);
/* The text as a row has it: itself, or a copy in the arena with what is no UTF-8 escaped. No data when memory is short.
 */
struct span row_text_valid(struct arena *arena, struct span text);
void row_text_or_nil(struct row *row, struct span text); /* nil when `text.data` is NULL or the text is empty */
void row_nil(struct row *row);
void row_u64(struct row *row, uint64_t value);
void row_time(struct row *row, int64_t utc_s);
void row_f64(struct row *row, double value);
void row_bool(struct row *row, bool value);
void row_list(struct row *row, const struct span *items, size_t count);
/* `pairs` are key, value, key, value: 2 × count spans. */
void row_map(struct row *row, const struct span *pairs, size_t count);
/* The next `count` columns as row_columns() of another row gave them: nothing but what was encoded here goes in. */
void row_encoded(struct row *row, struct span columns, size_t count);
int row_end(struct row *row, struct err *err);

/* The encoded column, after row_end(). */
struct span row_column(const struct row *row, size_t column);
/* The encoded columns from `first` on, `count` of them, after row_end(). */
struct span row_columns(const struct row *row, size_t first, size_t count);

#endif
