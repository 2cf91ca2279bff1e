#include "base/model/table.h"

#define TEXT(name)                                                                                                     \
    { name, COLUMN_TEXT, false, 0 }
#define TEXT_KEY(name, key)                                                                                            \
    { name, COLUMN_TEXT, false, key }
#define TEXT_NULL(name)                                                                                                \
    { name, COLUMN_TEXT, true, 0 }
#define U64(name)                                                                                                      \
    { name, COLUMN_U64, false, 0 }
#define U64_KEY(name, key)                                                                                             \
    { name, COLUMN_U64, false, key }
#define U64_NULL(name)                                                                                                 \
    { name, COLUMN_U64, true, 0 }
#define F64(name)                                                                                                      \
    { name, COLUMN_F64, false, 0 }
#define F64_NULL(name)                                                                                                 \
    { name, COLUMN_F64, true, 0 }
#define TIME(name)                                                                                                     \
    { name, COLUMN_TIME, false, 0 }
#define TIME_NULL(name)                                                                                                \
    { name, COLUMN_TIME, true, 0 }
#define BOOL(name)                                                                                                     \
    { name, COLUMN_BOOL, false, 0 }
#define BOOL_NULL(name)                                                                                                \
    { name, COLUMN_BOOL, true, 0 }
#define LIST(name)                                                                                                     \
    { name, COLUMN_TEXT_LIST, false, 0 }
#define MAP(name)                                                                                                      \
    { name, COLUMN_TEXT_MAP, false, 0 }

static const struct column image_columns[] = {
    TEXT("sweep_id"),
    TEXT_KEY("reference", 1),
    TEXT("registry"),
    TEXT("repository"),
    TEXT_NULL("tag"),
    TEXT_KEY("image_digest", 2),
    TEXT("target_kind"),
    TEXT("media_type"),
    TEXT("os"),
    TEXT("architecture"),
    TEXT("variant"),
    TEXT("config_digest"),
    TIME_NULL("created_at"),
    TEXT("user"),
    U64("layer_count"),
    U64("compressed_bytes"),
    U64("unpacked_bytes"),
    TEXT("package_set"),
    TEXT_NULL("base_digest"),
    MAP("labels"),
    TEXT("status"),
    TEXT("reason"),
    TIME("scanned_at"),
};
static const struct column image_layer_columns[] = {
    TEXT("sweep_id"), TEXT_KEY("image_digest", 1), U64_KEY("ordinal", 2), TEXT("layer_digest"),
    TEXT("diff_id"),  TEXT("created_by"),          BOOL("empty"),
};
static const struct column layer_columns[] = {
    TEXT("sweep_id"),        TEXT_KEY("layer_digest", 1), TEXT("media_type"),
    U64("compressed_bytes"), U64("unpacked_bytes"),       U64("file_count"),
    U64("body_count"),       U64("body_seen_count"),      TEXT("status"),
    U64("scan_ms"),
};
static const struct column package_columns[] = {
    TEXT("sweep_id"),       TEXT_KEY("package_set", 1),
    TEXT_KEY("purl", 2),    TEXT("type"),
    TEXT("name"),           TEXT("version"),
    TEXT("architecture"),   TEXT("source_name"),
    TEXT("source_version"), LIST("licenses"),
    TEXT("evidence"),       TEXT_KEY("path", 3),
    TEXT("layer_digest"),   TEXT_NULL("owner_purl"),
    BOOL("in_base"),
};
static const struct column vulnerability_columns[] = {
    TEXT("sweep_id"),
    TEXT_KEY("package_set", 1),
    TEXT_KEY("id", 4),
    LIST("aliases"),
    TEXT_KEY("purl", 2),
    TEXT("type"),
    TEXT("name"),
    TEXT("version"),
    TEXT_KEY("path", 3),
    TEXT("layer_digest"),
    TEXT("severity"),
    TEXT("cvss_vector"),
    F64_NULL("cvss_score"),
    F64_NULL("epss"),
    F64_NULL("epss_percentile"),
    BOOL("kev"),
    TEXT("status"),
    TEXT("introduced"),
    TEXT("fixed_version"),
    TEXT("source"),
    TIME_NULL("published_at"),
    F64("confidence"),
    TEXT("evidence"),
    TEXT("vex_status"),
    TEXT("suppressed_by"),
    BOOL_NULL("in_use"),
    F64("priority"),
};
static const struct column secret_columns[] = {
    TEXT("sweep_id"),    TEXT_KEY("layer_digest", 1),
    TEXT_KEY("path", 2), U64("line"),
    U64("column"),       U64_KEY("byte_offset", 3),
    U64("byte_length"),  TEXT_KEY("rule", 4),
    TEXT("provider"),    TEXT("severity"),
    F64("confidence"),   TEXT("validated"),
    TEXT("redacted"),    TEXT("fingerprint"),
    TEXT("encoding"),    TEXT_NULL("owner_purl"),
    TEXT("evidence"),    TEXT("suppressed_by"),
};
static const struct column image_secret_columns[] = {
    TEXT("sweep_id"), TEXT_KEY("image_digest", 1), TEXT_KEY("fingerprint", 2), TEXT("rule"), TEXT_KEY("location", 3),
    TEXT("state"),    TEXT_NULL("layer_digest"),
};
static const struct column misconfiguration_columns[] = {
    TEXT("sweep_id"),    TEXT_KEY("target", 1),     TEXT_NULL("image_digest"),
    TEXT_KEY("path", 2), U64_KEY("line", 3),        U64("end_line"),
    U64("column"),       TEXT_KEY("rule", 4),       LIST("aliases"),
    TEXT("kind"),        TEXT("platform"),          TEXT("resource"),
    TEXT("title"),       TEXT("severity"),          TEXT("message"),
    TEXT("remediation"), TEXT_NULL("layer_digest"), TEXT("suppressed_by"),
};
static const struct column compliance_columns[] = {
    TEXT("sweep_id"),
    TEXT_KEY("target", 1),
    TEXT_NULL("image_digest"),
    TEXT_KEY("specification", 2),
    TEXT_KEY("control", 3),
    TEXT("title"),
    TEXT("status"),
    U64("finding_count"),
    TEXT("reason"),
};
static const struct column error_columns[] = {
    TEXT("sweep_id"),     TEXT_KEY("target", 1), TEXT_NULL("image_digest"), TEXT_NULL("layer_digest"),
    TEXT_KEY("stage", 2), TEXT_KEY("path", 3),   U64_NULL("byte_offset"),   TEXT("code"),
    TEXT("message"),      BOOL("retryable"),
};

#define INFO(table)                                                                                                    \
    { #table, ARRAY_COUNT(table##_columns), table##_columns }

static const struct table_info infos[TABLE_COUNT] = {
    [TABLE_IMAGE] = INFO(image),
    [TABLE_IMAGE_LAYER] = INFO(image_layer),
    [TABLE_LAYER] = INFO(layer),
    [TABLE_PACKAGE] = INFO(package),
    [TABLE_VULNERABILITY] = INFO(vulnerability),
    [TABLE_SECRET] = INFO(secret),
    [TABLE_IMAGE_SECRET] = INFO(image_secret),
    [TABLE_MISCONFIGURATION] = INFO(misconfiguration),
    [TABLE_COMPLIANCE] = INFO(compliance),
    [TABLE_ERROR] = INFO(error),
};

const struct table_info *table_info(enum table table) {
    assert(table < TABLE_COUNT);
    return &infos[table];
}

bool table_find(struct span name, enum table *ret_table) {
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if (span_is(name, infos[table].name)) {
            *ret_table = table;
            return true;
        }
    }
    return false;
}

size_t table_column(enum table table, struct span name) {
    const struct table_info *info = table_info(table);
    for (size_t i = 0; i < info->column_count; i++) {
        if (span_is(name, info->columns[i].name))
            return i;
    }
    return SIZE_MAX;
}
