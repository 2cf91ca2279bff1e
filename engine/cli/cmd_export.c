#include "base/cleanup.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/cli/outputs.h"

struct export_options {
    struct text_list formats, files, tables, images;
    const char *template_path;
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

static int folder_export(struct arena *arena, const char *folder, const struct export_options *options,
                         struct err *err) {
    struct shard_manifest manifest;
    struct outputs outputs;
    bool picked[TABLE_COUNT];
    if (tables_pick(&options->tables, picked, err) < 0 || shard_manifest_read(arena, folder, &manifest, err) < 0)
        return -1;
    const struct outputs_options outputs_options = {.arena = arena,
                                                    .formats = &options->formats,
                                                    .files = &options->files,
                                                    .images = &options->images,
                                                    .format_default = "ndjson",
                                                    .template_path = options->template_path,
                                                    .run = export_run_of(&manifest),
                                                    .is_sorted = true};
    int result = outputs_open(&outputs, &outputs_options, err);
    if (result == 0)
        result = outputs_folder(&outputs, folder, &manifest, picked, err);
    outputs_close(&outputs);
    return result;
}

int cmd_export(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    struct export_options options = {.template_path = NULL};
    bool help = false;
    const struct option table[] = {
        {"format", 'f', OPTION_TEXTS, &options.formats},      {"output", 'o', OPTION_TEXTS, &options.files},
        {"table", 't', OPTION_LIST, &options.tables},         {"image", 0, OPTION_LIST, &options.images},
        {"template", 0, OPTION_TEXT, &options.template_path}, OPTION_END,
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
