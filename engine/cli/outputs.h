/* Where rows go and in which formats: `-f F`, `-o FILE`, and any number of `-f F=FILE` or `-o F=FILE` in one run.
 *
 *     outputs_open(&outputs, &options, err)            files are made, formats opened
 *     outputs_row(&outputs, &view, err) …              rows as they come
 *     outputs_finish(&outputs, err)
 *     outputs_close(&outputs)
 *
 * Formats that want the order of a finished sweep get it: rows that come in any other go through an external sort. */
#ifndef TRAWL_OUTPUTS_H
#define TRAWL_OUTPUTS_H

#include "engine/cli/options.h"
#include "engine/cli/scratch.h"
#include "engine/export/export.h"
#include "engine/export/export_filter.h"
#include "shard/shard_sort.h"

struct output {
    const char *format;
    const char *path; /* NULL: standard output */
    FILE *file;       /* of `path` */
    struct exporter *exporter;
};

struct outputs_options {
    struct arena *arena;
    const struct text_list *formats, *files;
    const struct text_list *images; /* only these; NULL or empty: all */
    const char *format_default;     /* NULL: nothing without a format */
    const char *template_path;
    struct export_run run;
    bool is_sorted; /* rows come in the order of a finished sweep */
};

struct outputs {
    VEC(struct output) list;
    struct export_filter filter;
    struct shard_sort *sort; /* of what the ordered formats wait for, or NULL */
    struct scratch scratch;
};

/* USAGE: a format that there is not, two things for standard output, a file that cannot be made. */
int outputs_open(struct outputs *outputs, const struct outputs_options *options, struct err *err);
int outputs_row(struct outputs *outputs, const struct row_view *view, struct err *err);
int outputs_finish(struct outputs *outputs, struct err *err);
void outputs_close(struct outputs *outputs);

/* All rows of a finished sweep: the tables that are `picked`, NULL for all. Finishes. */
int outputs_folder(struct outputs *outputs, const char *folder, const struct shard_manifest *manifest,
                   const bool *picked, struct err *err);

struct export_run export_run_of(const struct shard_manifest *manifest);

#endif
