/* The tables of a sweep: their columns in order, types and keys. The one place that knows: the shard writer and reader,
 * the DDL, the exporters and the rows' makers all read it. Columns are append-only within a schema version. */
#ifndef TRAWL_TABLE_H
#define TRAWL_TABLE_H

#include "base/span.h"

#define TABLE_SCHEMA_VERSION 1
#define TABLE_COLUMNS_MAX 32

enum table {
    TABLE_IMAGE,
    TABLE_IMAGE_LAYER,
    TABLE_LAYER,
    TABLE_PACKAGE,
    TABLE_VULNERABILITY,
    TABLE_SECRET,
    TABLE_IMAGE_SECRET,
    TABLE_MISCONFIGURATION,
    TABLE_COMPLIANCE,
    TABLE_ERROR,
    TABLE_COUNT
};

enum column_type {
    COLUMN_TEXT, /* str, UTF-8 */
    COLUMN_U64,  /* non-negative integer */
    COLUMN_TIME, /* integer, UTC seconds */
    COLUMN_F64,  /* float64 */
    COLUMN_BOOL,
    COLUMN_TEXT_LIST, /* array of str */
    COLUMN_TEXT_MAP,  /* map of str to str */
    COLUMN_TYPE_COUNT
};

struct column {
    const char *name;
    enum column_type type;
    bool nullable;
    uint8_t key; /* 1-based place in the table's sort key; 0 for none */
};

struct table_info {
    const char *name;
    size_t column_count; /* with sweep_id, which is column 0 of every table */
    const struct column *columns;
};

const struct table_info *table_info(enum table table);
bool table_find(struct span name, enum table *ret_table);
/* The column's index, or SIZE_MAX. */
size_t table_column(enum table table, struct span name);

#endif
