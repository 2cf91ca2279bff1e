#include "engine/cli/outputs.h"

#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "shard/shard_read.h"

#define SORT_BYTES (64 * LIMIT_MIB) /* a few images: less than half of it */

/* "F=FILE" with a format that there is; a file's name may hold a '=' of its own. */
static bool pair_split(struct arena *arena, const char *value, const char **ret_format, const char **ret_path) {
    struct span path = span_text(value);
    struct span format = text_cut(&path, '=');
    if (path.data == NULL || path.size == 0 || !exporter_is_known(format))
        return false;
    *ret_format = arena_text(arena, format);
    *ret_path = arena_text(arena, path);
    return *ret_format != NULL && *ret_path != NULL;
}

static int output_add(struct outputs *outputs, const char *format, const char *path, struct err *err) {
    if (path != NULL && strcmp(path, "-") == 0)
        path = NULL;
    for (size_t i = 0; path == NULL && i < outputs->list.count; i++) {
        if (outputs->list.data[i].path == NULL)
            return err_set(err, ERR_USAGE, 0,
                           "%s and %s: only one format goes to standard output; give the other one a file: -o %s=FILE",
                           outputs->list.data[i].format, format, format);
    }
    if (!vec_push(&outputs->list, (struct output){.format = format, .path = path}))
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return 0;
}

/* What the options ask for: pairs, and at most one format and one file that stand alone and belong together. */
static int outputs_plan(struct outputs *outputs, const struct outputs_options *options, struct err *err) {
    const char *lone_format = NULL, *lone_file = NULL;
    const struct text_list *lists[] = {options->formats, options->files};
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        const char **lone = l == 0 ? &lone_format : &lone_file;
        for (size_t i = 0; i < lists[l]->count; i++) {
            const char *value = lists[l]->data[i], *format = NULL, *path = NULL;
            if (pair_split(options->arena, value, &format, &path)) {
                if (output_add(outputs, format, path, err) < 0)
                    return -1;
            } else if (*lone == NULL) {
                *lone = value;
            } else {
                return err_set(err, ERR_USAGE, 0, "%s and %s: several %s: write -o FORMAT=FILE for each", *lone, value,
                               l == 0 ? "formats, of which only one goes to standard output" : "files of one format");
            }
        }
    }
    if (lone_format == NULL && lone_file == NULL && outputs->list.count > 0)
        return 0;
    const char *format = lone_format == NULL ? options->format_default : lone_format;
    return format == NULL ? 0 : output_add(outputs, format, lone_file, err);
}

static int sort_begin(struct outputs *outputs, struct arena *arena, struct err *err) {
    return scratch_open(arena, &outputs->scratch, err) < 0
               ? -1
               : shard_sort_new(outputs->scratch.fd, SORT_BYTES, &outputs->sort, err);
}

int outputs_open(struct outputs *outputs, const struct outputs_options *options, struct err *err) {
    *outputs = (struct outputs){.sort = NULL};
    export_filter_init(&outputs->filter, options->images == NULL ? NULL : options->images->data,
                       options->images == NULL ? 0 : options->images->count);
    if (outputs_plan(outputs, options, err) < 0)
        return -1;
    bool ordered = false;
    /* All formats are known before a file is made, so that a misspelt one does not leave empty files. */
    for (size_t i = 0; i < outputs->list.count; i++) {
        if (!exporter_is_known(span_text(outputs->list.data[i].format)))
            return exporter_open(outputs->list.data[i].format, &(struct exporter_options){.out = stdout},
                                 &outputs->list.data[i].exporter, err);
    }
    for (size_t i = 0; i < outputs->list.count; i++) {
        struct output *output = &outputs->list.data[i];
        if (output->path != NULL && (output->file = fopen(output->path, "we")) == NULL)
            return err_set(err, ERR_USAGE, errno, "%s: %s", output->path, strerror(errno));
        bool terminal = output->file == NULL && isatty(STDOUT_FILENO);
        const char *no_color = getenv("NO_COLOR");
        const struct exporter_options exporter_options = {.out = output->file == NULL ? stdout : output->file,
                                                          .width = output->file == NULL ? terminal_width() : 0,
                                                          .color =
                                                              terminal && (no_color == NULL || no_color[0] == '\0'),
                                                          .run = options->run,
                                                          .template_path = options->template_path};
        if (exporter_open(output->format, &exporter_options, &output->exporter, err) < 0)
            return -1;
        ordered = ordered || exporter_is_ordered(output->exporter);
    }
    return ordered && !options->is_sorted ? sort_begin(outputs, options->arena, err) : 0;
}

/* To those formats that take rows as they come, or to all when these are in order. */
static int row_spread(struct outputs *outputs, const struct row_view *view, bool ordered, struct err *err) {
    for (size_t i = 0; i < outputs->list.count; i++) {
        struct exporter *exporter = outputs->list.data[i].exporter;
        if ((outputs->sort == NULL || exporter_is_ordered(exporter) == ordered) && export_row(exporter, view, err) < 0)
            return -1;
    }
    return 0;
}

int outputs_row(struct outputs *outputs, const struct row_view *view, struct err *err) {
    if (row_spread(outputs, view, false, err) < 0)
        return -1;
    return outputs->sort == NULL ? 0 : shard_sort_add(outputs->sort, view, err);
}

static int sorted_spread(struct outputs *outputs, struct err *err) {
    struct shard_sorted next; /* never a block: none goes in */
    struct row_view view;
    int got;
    if (shard_sort_finish(outputs->sort, err) < 0)
        return -1;
    while ((got = shard_sort_next(outputs->sort, &next, err)) > 0) {
        if (row_view_parse(next.table, next.row, &view, err) < 0 || row_spread(outputs, &view, true, err) < 0)
            return -1;
    }
    return got;
}

int outputs_finish(struct outputs *outputs, struct err *err) {
    if (outputs->sort != NULL && sorted_spread(outputs, err) < 0)
        return -1;
    /* One that cannot be finished, such as a document that must not be empty, leaves the others whole. */
    int result = 0;
    for (size_t i = 0; i < outputs->list.count; i++) {
        struct output *output = &outputs->list.data[i];
        struct err *first = result == 0 ? err : NULL;
        if (exporter_finish(output->exporter, first) < 0)
            result = -1;
        else if (output->file != NULL && fclose(STEAL(output->file)) != 0)
            result = err_set(first, ERR_IO, errno, "%s: %s", output->path, strerror(errno));
    }
    return result;
}

void outputs_close(struct outputs *outputs) {
    for (size_t i = 0; i < outputs->list.count; i++) {
        exporter_free(outputs->list.data[i].exporter);
        cleanup_file(&outputs->list.data[i].file);
    }
    vec_release(&outputs->list);
    export_filter_release(&outputs->filter);
    shard_sort_free(outputs->sort);
    scratch_close(&outputs->scratch);
}

int outputs_folder(struct outputs *outputs, const char *folder, const struct shard_manifest *manifest,
                   const bool *picked, struct err *err) {
    struct export_run run = export_run_of(manifest);
    for (size_t i = 0; i < outputs->list.count; i++)
        exporter_set_run(outputs->list.data[i].exporter, &run);
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        /* Which images a fact belongs to is known from their tables, also where these are not asked for. */
        bool wanted = picked == NULL || picked[table];
        if (!wanted && (outputs->filter.pattern_count == 0 || table > TABLE_IMAGE_LAYER))
            continue;
        AUTO(shard_table_release) struct shard_table rows;
        shard_table_init(&rows, folder, manifest, table);
        struct row_view view;
        int got;
        while ((got = shard_table_next(&rows, &view, err)) > 0) {
            int passes = export_filter_row(&outputs->filter, &view, err);
            if (passes < 0 || (passes > 0 && wanted && row_spread(outputs, &view, true, err) < 0))
                return -1;
        }
        if (got < 0)
            return -1;
    }
    return outputs_finish(outputs, err);
}

struct export_run export_run_of(const struct shard_manifest *manifest) {
    return (struct export_run){.sweep_id = manifest->sweep_id,
                               .feed_version = manifest->feed_version,
                               .started_at = manifest->started_at,
                               .finished_at = manifest->finished_at};
}
