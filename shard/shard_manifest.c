#include "shard/shard_manifest.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"
#include "shard/shard_folder.h"

const char *shard_path(enum table table, uint32_t part, char *out) {
    int size = snprintf(out, SHARD_PATH_SIZE, "%s/part-%05" PRIu32 ".msgpack.lz4", table_info(table)->name, part);
    assert(size > 0 && size < SHARD_PATH_SIZE);
    (void)size;
    return out;
}

static void text_member(struct buf *buf, const char *name, struct span value) {
    buf_format(buf, "  \"%s\": ", name);
    if (value.size == 0)
        buf_text(buf, "null");
    else
        buf_json_text(buf, value);
    buf_text(buf, ",\n");
}

static void time_member(struct buf *buf, const char *name, int64_t utc_s) {
    char text[CLOCK_TEXT_SIZE];
    text_member(buf, name, utc_s == 0 ? (struct span){NULL, 0} : span_text(clock_text(utc_s, text)));
}

void shard_manifest_format(struct buf *buf, const struct shard_manifest *manifest) {
    buf_format(buf, "{\n  \"schema_version\": %" PRIu64 ",\n", manifest->schema_version);
    text_member(buf, "sweep_id", manifest->sweep_id);
    text_member(buf, "tool_version", manifest->tool_version);
    text_member(buf, "rules_digest", manifest->rules_digest);
    text_member(buf, "feed_version", manifest->feed_version);
    time_member(buf, "feed_at", manifest->feed_at);
    time_member(buf, "started_at", manifest->started_at);
    time_member(buf, "finished_at", manifest->finished_at);
    buf_text(buf, "  \"targets\": [");
    for (size_t i = 0; i < manifest->target_count; i++) {
        buf_text(buf, i == 0 ? "\n    " : ",\n    ");
        buf_json_text(buf, manifest->targets[i]);
    }
    buf_text(buf, manifest->target_count == 0 ? "],\n  \"totals\": {" : "\n  ],\n  \"totals\": {");
    for (size_t i = 0; i < manifest->total_count; i++) {
        buf_text(buf, i == 0 ? "\n    " : ",\n    ");
        buf_json_text(buf, manifest->totals[i].name);
        buf_format(buf, ": %" PRIu64, manifest->totals[i].value);
    }
    buf_text(buf, manifest->total_count == 0 ? "},\n  \"tables\": {" : "\n  },\n  \"tables\": {");
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        const struct shard_files *files = &manifest->tables[table];
        buf_format(buf, "%s\n    \"%s\": {\"rows\": %" PRIu64 ", \"files\": [", table == 0 ? "" : ",",
                   table_info(table)->name, files->rows);
        for (size_t i = 0; i < files->count; i++) {
            const struct shard_file *file = &files->files[i];
            char path[SHARD_PATH_SIZE];
            buf_format(buf,
                       "%s\n      {\"path\": \"%s\", \"rows\": %" PRIu64 ", \"bytes\": %" PRIu64
                       ", \"xxh64\": \"%016" PRIx64 "\"}",
                       i == 0 ? "" : ",", shard_path(table, file->part, path), file->rows, file->bytes, file->xxh64);
        }
        buf_text(buf, "]}");
    }
    buf_text(buf, "\n  }\n}\n");
}

int shard_manifest_write(const char *folder, const struct shard_manifest *manifest, struct err *err) {
    AUTO_BUF struct buf text = {0};
    AUTO_CLOSE int fd = -1;
    buf_init(&text, LIMIT_SHARD_MANIFEST_BYTES);
    shard_manifest_format(&text, manifest);
    if (text.failed)
        return err_set(err, ERR_NOMEM, 0, "%s/%s: out of memory, or more than %zu bytes", folder, SHARD_MANIFEST_NAME,
                       LIMIT_SHARD_MANIFEST_BYTES);
    if (folder_make(folder, &fd, err) < 0)
        return -1;
    if (folder_replace(fd, SHARD_MANIFEST_NAME, buf_span(&text), err) < 0)
        return err_wrap(err, "%s", folder);
    return 0;
}

static int member_bad(const char *name, const char *expected, struct err *err) {
    return err_set(err, ERR_FORMAT, 0, "%s: member %s: expected %s", SHARD_MANIFEST_NAME, name, expected);
}

/* A member that is text or null. */
static int text_take(const struct doc *object, const char *name, struct span *ret_text, struct err *err) {
    const struct doc *value = doc_get_last(object, name);
    if (!doc_is(value, DOC_STRING) && !doc_is(value, DOC_NULL))
        return member_bad(name, "text or null", err);
    *ret_text = doc_text(value);
    return 0;
}

static int time_take(const struct doc *object, const char *name, int64_t *ret_utc_s, struct err *err) {
    struct span text;
    if (text_take(object, name, &text, err) < 0)
        return -1;
    *ret_utc_s = 0;
    if (text.size > 0 && !clock_parse(text, ret_utc_s))
        return member_bad(name, "a time", err);
    return 0;
}

static int count_take(const struct doc *object, const char *name, uint64_t *ret_count, struct err *err) {
    const struct doc *value = doc_get_last(object, name);
    if (!doc_is(value, DOC_NUMBER) || !text_u64(value->text, 10, UINT64_MAX, ret_count))
        return member_bad(name, "a whole number", err);
    return 0;
}

/* Only names of the layout pass, in their order: no path of a manifest leads anywhere else. */
static int file_take(const struct doc *item, enum table table, size_t index, struct shard_file *ret_file,
                     struct err *err) {
    char path[SHARD_PATH_SIZE];
    struct span found, hash;
    struct shard_file file = {.part = (uint32_t)index};
    if (text_take(item, "path", &found, err) < 0 || count_take(item, "rows", &file.rows, err) < 0 ||
        count_take(item, "bytes", &file.bytes, err) < 0 || text_take(item, "xxh64", &hash, err) < 0)
        return -1;
    if (!span_is(found, shard_path(table, file.part, path)))
        return member_bad("path", path, err);
    if (hash.size != 16 || !text_u64(hash, 16, UINT64_MAX, &file.xxh64))
        return member_bad("xxh64", "16 hex digits", err);
    *ret_file = file;
    return 0;
}

static int table_take(struct arena *arena, const struct doc *value, enum table table, struct shard_files *ret_files,
                      struct err *err) {
    const struct doc *list = doc_get_last(value, "files");
    struct shard_files files = {0};
    if (count_take(value, "rows", &files.rows, err) < 0)
        return -1;
    if (!doc_is(list, DOC_ARRAY))
        return member_bad("files", "a list", err);
    files.files = arena_array(arena, list->count, sizeof *files.files);
    if (files.files == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", SHARD_MANIFEST_NAME);
    uint64_t rows = 0;
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        if (file_take(item, table, files.count, &files.files[files.count], err) < 0)
            return -1;
        if (__builtin_add_overflow(rows, files.files[files.count++].rows, &rows))
            return member_bad("rows", "a sum that fits", err);
    }
    if (rows != files.rows)
        return member_bad("rows", "the sum of its files", err);
    *ret_files = files;
    return 0;
}

static int lists_take(struct arena *arena, const struct doc *root, struct shard_manifest *manifest, struct err *err) {
    const struct doc *targets = doc_get_last(root, "targets");
    const struct doc *totals = doc_get_last(root, "totals");
    if (!doc_is(targets, DOC_ARRAY))
        return member_bad("targets", "a list", err);
    if (!doc_is(totals, DOC_OBJECT))
        return member_bad("totals", "an object", err);
    manifest->targets = arena_array(arena, targets->count, sizeof *manifest->targets);
    manifest->totals = arena_array(arena, totals->count, sizeof *manifest->totals);
    if (manifest->targets == NULL || manifest->totals == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", SHARD_MANIFEST_NAME);
    for (const struct doc *item = doc_first(targets); item != NULL; item = item->next) {
        if (!doc_is(item, DOC_STRING))
            return member_bad("targets", "text in the list", err);
        manifest->targets[manifest->target_count++] = item->text;
    }
    for (const struct doc *item = doc_first(totals); item != NULL; item = item->next) {
        struct shard_total *total = &manifest->totals[manifest->total_count++];
        total->name = item->key;
        if (!doc_is(item, DOC_NUMBER) || !text_u64(item->text, 10, UINT64_MAX, &total->value))
            return member_bad("totals", "whole numbers", err);
    }
    return 0;
}

int shard_manifest_parse(struct arena *arena, struct span json, struct shard_manifest *ret_manifest, struct err *err) {
    struct doc *root = NULL;
    struct shard_manifest manifest = {0};
    if (!text_is_utf8(json)) /* json_parse() would let it pass */
        return err_set(err, ERR_FORMAT, 0, "%s: expected UTF-8", SHARD_MANIFEST_NAME);
    if (json_parse(arena, json, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "%s", SHARD_MANIFEST_NAME);
    if (count_take(root, "schema_version", &manifest.schema_version, err) < 0)
        return -1;
    if (manifest.schema_version > TABLE_SCHEMA_VERSION)
        return err_set(err, ERR_UNSUPPORTED, 0, "%s: schema version %" PRIu64 " is newer than this trawl's %d",
                       SHARD_MANIFEST_NAME, manifest.schema_version, TABLE_SCHEMA_VERSION);
    if (text_take(root, "sweep_id", &manifest.sweep_id, err) < 0 ||
        text_take(root, "tool_version", &manifest.tool_version, err) < 0 ||
        text_take(root, "rules_digest", &manifest.rules_digest, err) < 0 ||
        text_take(root, "feed_version", &manifest.feed_version, err) < 0 ||
        time_take(root, "feed_at", &manifest.feed_at, err) < 0 ||
        time_take(root, "started_at", &manifest.started_at, err) < 0 ||
        time_take(root, "finished_at", &manifest.finished_at, err) < 0 || lists_take(arena, root, &manifest, err) < 0)
        return -1;
    const struct doc *tables = doc_get_last(root, "tables");
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        const char *name = table_info(table)->name;
        if (table_take(arena, doc_get_last(tables, name), table, &manifest.tables[table], err) < 0)
            return err_wrap(err, "table %s", name);
    }
    *ret_manifest = manifest;
    return 0;
}

int shard_manifest_read(struct arena *arena, const char *folder, struct shard_manifest *ret_manifest, struct err *err) {
    AUTO_BUF struct buf text = {0};
    AUTO_DIR DIR *directory = opendir(folder);
    buf_init(&text, LIMIT_SHARD_MANIFEST_BYTES);
    if (directory == NULL)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "%s: %s", folder, strerror(errno));
    if (folder_read(dirfd(directory), SHARD_MANIFEST_NAME, &text, err) < 0) {
        if (err != NULL && err->code == ERR_NOTFOUND)
            return err_set(err, ERR_NOTFOUND, 0, "%s: unfinished sweep (no %s)", folder, SHARD_MANIFEST_NAME);
        return err_wrap(err, "%s", folder);
    }
    /* The document borrows nothing from the text: json_parse() copies. */
    if (shard_manifest_parse(arena, buf_span(&text), ret_manifest, err) < 0)
        return err_wrap(err, "%s", folder);
    return 0;
}
