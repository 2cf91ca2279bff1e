#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/cli/shards_repair.h"
#include "engine/export/export.h"
#include "shard/ddl.h"
#include "shard/shard_read.h"

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int file_table(const char *path, enum table *ret_table, struct err *err) {
    if (shard_path_table(path, ret_table))
        return 0;
    return err_set(err, ERR_USAGE, 0,
                   "%.160s: a shard's folder names its table (secret/part-00000.msgpack.lz4), found none", path);
}

static void text_line(const char *name, struct span text) {
    char quoted[256];
    if (text.size > 0)
        (void)printf("%-14s %s\n", name, text_quote(text, quoted, sizeof quoted));
}

static void time_line(const char *name, int64_t utc_s) {
    char text[CLOCK_TEXT_SIZE];
    if (utc_s != 0)
        (void)printf("%-14s %s\n", name, clock_text(utc_s, text));
}

static int folder_list(struct arena *arena, const char *folder, struct err *err) {
    struct shard_manifest manifest;
    if (shard_manifest_read(arena, folder, &manifest, err) < 0)
        return -1;
    (void)printf("%-14s %" PRIu64 "\n", "schema", manifest.schema_version);
    text_line("sweep", manifest.sweep_id);
    text_line("tool", manifest.tool_version);
    text_line("rules", manifest.rules_digest);
    text_line("feed", manifest.feed_version);
    time_line("feed of", manifest.feed_at);
    time_line("started", manifest.started_at);
    time_line("finished", manifest.finished_at);
    for (size_t i = 0; i < manifest.target_count; i++)
        text_line("target", manifest.targets[i]);
    for (size_t i = 0; i < manifest.total_count; i++) {
        char quoted[64];
        (void)printf("%-14s %s = %" PRIu64 "\n", "total", text_quote(manifest.totals[i].name, quoted, sizeof quoted),
                     manifest.totals[i].value);
    }
    (void)printf("\n%12s %14s  %-16s  %s\n", "ROWS", "BYTES", "XXH64", "FILE");
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        const struct shard_files *files = &manifest.tables[table];
        char path[SHARD_PATH_SIZE];
        for (size_t i = 0; i < files->count; i++)
            (void)printf("%12" PRIu64 " %14" PRIu64 "  %016" PRIx64 "  %s\n", files->files[i].rows,
                         files->files[i].bytes, files->files[i].xxh64, shard_path(table, files->files[i].part, path));
        if (files->count == 0)
            (void)printf("%12d %14d  %-16s  %s/\n", 0, 0, "-", table_info(table)->name);
    }
    return 0;
}

/* Reads a single file to its end, which verifies it; every row goes to `exporter`, which may be NULL. */
static int file_read_rows(const char *path, struct exporter *exporter, enum table *ret_table,
                          struct shard_reader **ret_reader, struct err *err) {
    struct row_view view;
    int got;
    if (file_table(path, ret_table, err) < 0 || shard_reader_open(path, *ret_table, ret_reader, err) < 0)
        return -1;
    while ((got = shard_reader_next(*ret_reader, &view, err)) > 0) {
        if (exporter != NULL && export_row(exporter, &view, err) < 0)
            return -1;
    }
    return got;
}

/* Of a single file: its table, its rows and bytes, and what a public reader needs to know. */
static int file_list(const char *path, struct err *err) {
    AUTO_SHARD_READER struct shard_reader *reader = NULL;
    AUTO_BUF struct buf structure = {0};
    enum table table;
    if (file_read_rows(path, NULL, &table, &reader, err) < 0)
        return -1;
    ddl_structure(&structure, table);
    if (structure.failed)
        return err_set(err, ERR_NOMEM, 0, "shards: out of memory");
    (void)printf("table          %s\nrows           %" PRIu64 "\nbytes          %" PRIu64 "\nstructure      %.*s\n",
                 table_info(table)->name, shard_reader_rows(reader), shard_reader_offset(reader),
                 SPAN_FORMAT(buf_span(&structure)));
    return 0;
}

static int file_cat(const char *path, struct exporter *exporter, struct err *err) {
    AUTO_SHARD_READER struct shard_reader *reader = NULL;
    enum table table;
    return file_read_rows(path, exporter, &table, &reader, err);
}

/* Rows as NDJSON. All whole frames of a torn file come out before its error: that is what one wants to see of it. */
static int path_cat(struct arena *arena, const char *path, struct err *err) {
    AUTO_EXPORTER struct exporter *exporter = NULL;
    struct shard_manifest manifest;
    const struct exporter_options options = {.out = stdout};
    if (exporter_open("ndjson", &options, &exporter, err) < 0)
        return -1;
    if (!is_folder(path)) {
        int result = file_cat(path, exporter, err);
        struct err flush = {0};
        if (exporter_finish(exporter, &flush) < 0 && result == 0) {
            *err = flush;
            result = -1;
        }
        return result;
    }
    if (shard_manifest_read(arena, path, &manifest, err) < 0)
        return -1;
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if (export_table(exporter, path, &manifest, table, err) < 0)
            return -1;
    }
    return exporter_finish(exporter, err);
}

/* Every part is looked at, also behind a bad one: an operator wants the whole list. The last error is the result. */
static int folder_verify(struct arena *arena, const char *folder, struct err *err) {
    struct shard_manifest manifest;
    uint64_t files = 0, rows = 0, bad = 0;
    if (shard_manifest_read(arena, folder, &manifest, err) < 0)
        return -1;
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        for (size_t i = 0; i < manifest.tables[table].count; i++) {
            const struct shard_file *file = &manifest.tables[table].files[i];
            struct err failure = {0};
            files++;
            rows += file->rows;
            if (shard_file_verify(folder, table, file, &failure) < 0) {
                (void)printf("bad  %s\n", failure.text);
                *err = failure;
                bad++;
            }
        }
    }
    if (bad > 0)
        return err_set(err, err->code, 0, "%.160s: %" PRIu64 " of %" PRIu64 " files are bad", folder, bad, files);
    (void)printf("ok  %s: %" PRIu64 " files, %" PRIu64 " rows\n", folder, files, rows);
    return 0;
}

static int file_verify(const char *path, struct err *err) {
    AUTO_SHARD_READER struct shard_reader *reader = NULL;
    enum table table;
    if (file_read_rows(path, NULL, &table, &reader, err) < 0)
        return -1;
    (void)printf("ok  %s: %" PRIu64 " rows\n", path, shard_reader_rows(reader));
    return 0;
}

static int repair_run(struct arena *arena, const struct text_list *operands, const char *output, bool *ret_lost,
                      struct err *err) {
    if (operands->count != 2 || output == NULL)
        return err_set(err, ERR_USAGE, 0, "repair: expected one folder or file, and -o DIR for what can be read of it");
    return shards_repair(arena, operands->data[1], output, ret_lost, err);
}

static int shards_run(struct arena *arena, const struct text_list *operands, const char *output, bool *ret_lost,
                      struct err *err) {
    if (operands->count < 2)
        return err_set(err, ERR_USAGE, 0, "expected ls, cat, verify or repair, and files or folders");
    if (strcmp(operands->data[0], "repair") == 0)
        return repair_run(arena, operands, output, ret_lost, err);
    if (output != NULL)
        return err_set(err, ERR_USAGE, 0, "-o is for repair");
    const char *verb = operands->data[0];
    bool list = strcmp(verb, "ls") == 0, cat = strcmp(verb, "cat") == 0, verify = strcmp(verb, "verify") == 0;
    char quoted[64];
    if (!list && !cat && !verify)
        return err_set(err, ERR_USAGE, 0, "expected ls, cat, verify or repair, found '%s'",
                       text_quote(span_text(verb), quoted, sizeof quoted));
    for (size_t i = 1; i < operands->count; i++) {
        const char *path = operands->data[i];
        int result;
        if (cat)
            result = path_cat(arena, path, err);
        else if (is_folder(path))
            result = list ? folder_list(arena, path, err) : folder_verify(arena, path, err);
        else
            result = list ? file_list(path, err) : file_verify(path, err);
        if (result < 0)
            return -1;
    }
    if (fflush(stdout) != 0)
        return err_set(err, ERR_IO, errno, "standard output: %s", strerror(errno));
    return 0;
}

int cmd_shards(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    bool help = false, lost = false;
    const char *output = NULL;
    const struct option options[] = {{"output", 'o', OPTION_TEXT, &output}, OPTION_END};
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "shards", options, argc, argv, &operands, &help, &err);
    if (result == 0 && !help)
        result = shards_run(&arena, &operands, output, &lost, &err);
    int status = result < 0 ? command_fail("shards", &err) : lost ? EXIT_PARTIAL : EXIT_DONE;
    arena_release(&arena);
    return status;
}
