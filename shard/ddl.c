#include "shard/ddl.h"

static const char *const file_names[DDL_COUNT] = {
    [DDL_BIGQUERY] = "bigquery.json", [DDL_CLICKHOUSE] = "clickhouse.sql", [DDL_DUCKDB] = "duckdb.sql",
    [DDL_POSTGRES] = "postgres.sql",  [DDL_SNOWFLAKE] = "snowflake.sql",   [DDL_SPARK] = "spark.sql",
};

/* BigQuery's INT64 and PostgreSQL's bigint are signed: all counts, offsets and sizes of ours stay below 2^63. A list is
 * REPEATED in BigQuery, and a map is JSON there and in PostgreSQL, as the NDJSON and CSV exports write it. */
static const char *const types[DDL_COUNT][COLUMN_TYPE_COUNT] = {
    [DDL_BIGQUERY] = {"STRING", "INT64", "TIMESTAMP", "FLOAT64", "BOOL", "STRING", "JSON"},
    [DDL_CLICKHOUSE] = {"String", "UInt64", "DateTime", "Float64", "Bool", "Array(String)", "Map(String, String)"},
    [DDL_DUCKDB] = {"VARCHAR", "UBIGINT", "TIMESTAMPTZ", "DOUBLE", "BOOLEAN", "VARCHAR[]", "MAP(VARCHAR, VARCHAR)"},
    [DDL_POSTGRES] = {"text", "bigint", "timestamptz", "double precision", "boolean", "jsonb", "jsonb"},
    [DDL_SNOWFLAKE] = {"VARCHAR", "NUMBER(20, 0)", "TIMESTAMP_TZ", "FLOAT", "BOOLEAN", "ARRAY", "OBJECT"},
    [DDL_SPARK] = {"STRING", "BIGINT", "TIMESTAMP", "DOUBLE", "BOOLEAN", "ARRAY<STRING>", "MAP<STRING, STRING>"},
};

const char *ddl_file_name(enum ddl_dialect dialect) {
    assert(dialect < DDL_COUNT);
    return file_names[dialect];
}

/* Names such as "user", "column" and "empty" are words of some SQL: all are quoted, which none of them minds. */
static void name_add(struct buf *buf, enum ddl_dialect dialect, const char *name) {
    const char *quote = dialect == DDL_CLICKHOUSE || dialect == DDL_SPARK ? "`" : "\"";
    buf_text(buf, quote);
    /* Snowflake takes a name without quotes for one in capitals: so that queries need none. */
    for (; *name != '\0'; name++)
        buf_byte(buf,
                 dialect == DDL_SNOWFLAKE && *name >= 'a' && *name <= 'z' ? (uint8_t)(*name - 32) : (uint8_t)*name);
    buf_text(buf, quote);
}

static void clickhouse_type(struct buf *buf, const struct column *column) {
    const char *type = types[DDL_CLICKHOUSE][column->type];
    buf_format(buf, column->nullable ? "Nullable(%s)" : "%s", type);
}

static void key_names(struct buf *buf, enum ddl_dialect dialect, const struct table_info *info, unsigned place_max) {
    for (unsigned place = 1; place <= place_max; place++) {
        for (size_t i = 0; i < info->column_count; i++) {
            if (info->columns[i].key != place)
                continue;
            buf_text(buf, place == 1 ? "" : ", ");
            name_add(buf, dialect, info->columns[i].name);
        }
    }
}

static void table_sql(struct buf *buf, enum ddl_dialect dialect, const struct table_info *info) {
    buf_text(buf, "CREATE TABLE IF NOT EXISTS ");
    name_add(buf, dialect, info->name);
    buf_text(buf, " (\n");
    for (size_t i = 0; i < info->column_count; i++) {
        const struct column *column = &info->columns[i];
        buf_text(buf, "    ");
        name_add(buf, dialect, column->name);
        buf_byte(buf, ' ');
        if (dialect == DDL_CLICKHOUSE)
            clickhouse_type(buf, column);
        else
            buf_format(buf, "%s%s", types[dialect][column->type], column->nullable ? "" : " NOT NULL");
        buf_text(buf, i + 1 < info->column_count ? ",\n" : "\n");
    }
    if (dialect == DDL_CLICKHOUSE) {
        buf_text(buf, ") ENGINE = MergeTree ORDER BY (");
        key_names(buf, dialect, info, TABLE_COLUMNS_MAX);
        buf_text(buf, ");\n");
        return;
    }
    buf_text(buf, dialect == DDL_SPARK ? ") USING PARQUET;\n" : ");\n");
    /* Of the key only its first column, a digest or a target: a PostgreSQL index refuses values beyond 2.7 kB, and a
     * path may be longer. Not a primary key, since several sweeps share a table. DuckDB's zone maps need none on sorted
     * rows. */
    if (dialect == DDL_POSTGRES) {
        buf_format(buf, "CREATE INDEX IF NOT EXISTS \"%s_key\" ON \"%s\" (", info->name, info->name);
        key_names(buf, dialect, info, 1);
        buf_text(buf, ");\n");
    }
}

static void table_bigquery(struct buf *buf, const struct table_info *info) {
    buf_format(buf, "  \"%s\": [\n", info->name);
    for (size_t i = 0; i < info->column_count; i++) {
        const struct column *column = &info->columns[i];
        const char *mode = column->type == COLUMN_TEXT_LIST ? "REPEATED" : column->nullable ? "NULLABLE" : "REQUIRED";
        buf_format(buf, "    {\"name\": \"%s\", \"type\": \"%s\", \"mode\": \"%s\"}%s\n", column->name,
                   types[DDL_BIGQUERY][column->type], mode, i + 1 < info->column_count ? "," : "");
    }
    buf_text(buf, "  ]");
}

void ddl_format(struct buf *buf, enum ddl_dialect dialect) {
    if (dialect == DDL_BIGQUERY)
        buf_text(buf, "{\n");
    else
        buf_format(buf, "-- trawl: the tables of schema version %d\n", TABLE_SCHEMA_VERSION);
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if (dialect == DDL_BIGQUERY) {
            table_bigquery(buf, table_info(table));
            buf_text(buf, table + 1 < TABLE_COUNT ? ",\n" : "\n}\n");
        } else {
            buf_byte(buf, '\n');
            table_sql(buf, dialect, table_info(table));
        }
    }
}

void ddl_structure(struct buf *buf, enum table table) {
    const struct table_info *info = table_info(table);
    for (size_t i = 0; i < info->column_count; i++) {
        buf_text(buf, i == 0 ? "" : ", ");
        name_add(buf, DDL_CLICKHOUSE, info->columns[i].name);
        buf_byte(buf, ' ');
        clickhouse_type(buf, &info->columns[i]);
    }
}
