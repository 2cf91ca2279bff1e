/* The order of a table's rows as bytes: the key of a row, followed by the row itself, compares with memcmp as the
 * table's rows are ordered. Key columns in the order of `column.key`; nil before everything; text as bytes, integers
 * numerically; equal keys by the whole row's bytes. */
#ifndef TRAWL_SORT_KEY_H
#define TRAWL_SORT_KEY_H

#include "base/buf.h"
#include "shard/row_view.h"

/* Appends the key, the table's number first: rows of several tables sort in one go. No key is a prefix of another. */
void sort_key_add(struct buf *buf, const struct row_view *view);

#endif
