/* What creates the tables in a warehouse, made from base/model/table.h: the same column names and order as the shards.
 */
#ifndef TRAWL_DDL_H
#define TRAWL_DDL_H

#include "base/buf.h"
#include "base/model/table.h"

enum ddl_dialect { DDL_BIGQUERY, DDL_CLICKHOUSE, DDL_DUCKDB, DDL_POSTGRES, DDL_SNOWFLAKE, DDL_SPARK, DDL_COUNT };

/* "clickhouse.sql", … as it stands in a sweep's ddl folder. */
const char *ddl_file_name(enum ddl_dialect dialect);

/* All tables. SQL text, for BigQuery one JSON object {"table": [fields]}. Check `buf->failed`. */
void ddl_format(struct buf *buf, enum ddl_dialect dialect);

/* ClickHouse's structure of one table, "sweep_id String, …": for `clickhouse local --structure`. */
void ddl_structure(struct buf *buf, enum table table);

#endif
