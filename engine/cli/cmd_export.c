#include "base/cleanup.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/export/export.h"

struct export_options {
    const char *format;
    const char *output;
    struct text_list tables;
};

static int tables_pick(const struct text_list *names, bool ret_picked[static TABLE_COUNT], struct err *err) {
    bool picked[TABLE_COUNT] = {false};
    for (size_t i = 0; i < names->count; i++) {
        enum table table;
        char quoted[64];
        if (!table_find(span_text(names->data[i]), &table))
            return err_set(err, ERR_USAGE, 0, "--table %s: no such table; `trawl shards ls DIR` lists them",
                           text_quote(span_text(names->data[i]), quoted, sizeof quoted));
        picked[table] = true;
    }
    for (enum table table = 0; table < TABLE_COUNT; table++)
        ret_picked[table] = names->count == 0 || picked[table];
    return 0;
}

static int rows_export(struct exporter *exporter, const char *folder, const struct shard_manifest *manifest,
                       const bool picked[static TABLE_COUNT], struct err *err) {
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if (picked[table] && export_table(exporter, folder, manifest, table, err) < 0)
            return -1;
    }
    return 0;
}

static int folder_export(struct arena *arena, const char *folder, const struct export_options *options,
                         struct err *err) {
    struct shard_manifest manifest;
    bool picked[TABLE_COUNT];
    AUTO_FILE FILE *opened = NULL;
    AUTO_EXPORTER struct exporter *exporter = NULL;
    if (tables_pick(&options->tables, picked, err) < 0 || shard_manifest_read(arena, folder, &manifest, err) < 0)
        return -1;
    bool to_file = options->output != NULL && strcmp(options->output, "-") != 0;
    struct exporter_options export_options = {.out = stdout, .width = terminal_width()};
    /* Before the file is made, so that a misspelt format does not leave an empty one. */
    if (exporter_open(options->format, &export_options, &exporter, err) < 0)
        return -1;
    if (to_file) {
        exporter_free(STEAL(exporter));
        opened = fopen(options->output, "we");
        if (opened == NULL)
            return err_set(err, ERR_IO, errno, "%s: %s", options->output, strerror(errno));
        export_options.out = opened;
        export_options.width = 0;
        if (exporter_open(options->format, &export_options, &exporter, err) < 0)
            return -1;
    }
    if (rows_export(exporter, folder, &manifest, picked, err) < 0 || exporter_finish(exporter, err) < 0)
        return -1;
    if (opened != NULL && fclose(STEAL(opened)) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", options->output, strerror(errno));
    return 0;
}

int cmd_export(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    struct export_options options = {.format = "ndjson"};
    bool help = false;
    const struct option table[] = {
        {"format", 'f', OPTION_TEXT, &options.format},
        {"output", 'o', OPTION_TEXT, &options.output},
        {"table", 't', OPTION_LIST, &options.tables},
        OPTION_END,
    };
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "export", table, argc, argv, &operands, &help, &err);
    if (result == 0 && !help) {
        if (operands.count != 1)
            result = err_set(&err, ERR_USAGE, 0, "expected one folder of a finished sweep, found %zu", operands.count);
        else
            result = folder_export(&arena, operands.data[0], &options, &err);
    }
    arena_release(&arena);
    return result < 0 ? command_fail("export", &err) : EXIT_DONE;
}
