/* One encoded row seen column by column: what the reader hands out, what exporters take, and a way to see a row in
 * memory as the same. A view borrows the bytes it was made over and allocates nothing.
 *
 * row_view_parse() checks everything once (types against the table's schema, lengths, UTF-8); the accessors then only
 * decode. Column indexes are those of base/model/table.h; an accessor of the wrong type is a bug of the caller
 * (assert). */
#ifndef TRAWL_ROW_VIEW_H
#define TRAWL_ROW_VIEW_H

#include "base/err.h"
#include "base/model/row.h"

struct row_view {
    enum table table;
    struct span bytes;                      /* the whole row */
    struct span columns[TABLE_COLUMNS_MAX]; /* each column as it is encoded */
};

/* The row at the start of `bytes`; `ret_view->bytes.size` says how far it reaches. FORMAT: a value of another type than
 * the table's column, a cut value, text that is not UTF-8, nil where the table has none; the text names the column. */
int row_view_parse(enum table table, struct span bytes, struct row_view *ret_view, struct err *err);

/* A row in memory, after row_end(). Valid until the row's next row_begin(). */
struct row_view row_view_of(const struct row *row);

bool row_view_is_nil(const struct row_view *view, size_t column);
/* nil reads as an empty text, 0, 0.0 and false. */
struct span row_view_text(const struct row_view *view, size_t column);
uint64_t row_view_u64(const struct row_view *view, size_t column);
int64_t row_view_time(const struct row_view *view, size_t column); /* UTC seconds */
double row_view_f64(const struct row_view *view, size_t column);
bool row_view_bool(const struct row_view *view, size_t column);

/* Lists and maps:
 *
 *     struct row_items items = row_view_list(view, column);
 *     for (struct span item; row_items_next(&items, &item);) …
 *
 *     struct row_items pairs = row_view_map(view, column);
 *     for (struct span key, value; row_items_next(&pairs, &key) && row_items_next(&pairs, &value);) … */
struct row_items {
    struct span rest;
    size_t left; /* texts still to come: 2 for each pair of a map */
};

struct row_items row_view_list(const struct row_view *view, size_t column);
struct row_items row_view_map(const struct row_view *view, size_t column);
bool row_items_next(struct row_items *items, struct span *ret_text);

#endif
