/* Tables of an SQLite database that lies in memory as a whole, read row by row: no SQL, no index, no journal. What is
 * still in a write-ahead log beside the file is not seen.
 * Spec: "Database File Format" of SQLite's documentation. */
#ifndef TRAWL_SQLITE_H
#define TRAWL_SQLITE_H

#include "base/buf.h"
#include "base/err.h"

struct sqlite {
    struct span bytes;
    size_t page_bytes;
    size_t usable_bytes; /* of a page */
    size_t page_count;
    bool uses_log; /* rows may stand in a write-ahead log */
};

struct sqlite_value {
    bool is_integer;
    int64_t integer;
    struct span bytes; /* of text and blobs */
};

/* A row's values are told by sqlite_column(); `record` dies with the call. A result other than 0 ends the walk. */
typedef int (*sqlite_row_fn)(void *context, struct span record, struct err *err);

/* Borrows `bytes`. FORMAT where they are no such database. */
int sqlite_open(struct span bytes, struct sqlite *ret_sqlite, struct err *err);

/* Calls `row` for each row of the table, in the order of their ids. What is damaged is left out, and the first of it is
 * the error at the end: FORMAT. NOTFOUND without such a table; NOMEM; or what `row` returned. */
int sqlite_each(const struct sqlite *sqlite, const char *table, sqlite_row_fn row, void *context, struct err *err);

/* The value of the column, counted from 0; false where the record has none or is damaged. NULL, reals and the missing
 * are empty. */
bool sqlite_column(struct span record, unsigned column, struct sqlite_value *ret_value);

#endif
