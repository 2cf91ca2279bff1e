/* Rows in other formats. An exporter takes rows one by one, from shards or fresh from a scan, and writes to a stream:
 *
 *     exporter_open("ndjson", &(struct exporter_options){.out = stdout}, &exporter, err)
 *     export_row(exporter, &view, err) …             row_view_of(&row) makes a view of a row in memory
 *     exporter_finish(exporter, err)                 what stands at the end; flushes
 *     exporter_free(exporter)
 *
 * To add a format: export_<format>.c with `const struct exporter_kind exporter_<format>`, and its row in exporter.def.
 */
#ifndef TRAWL_EXPORT_H
#define TRAWL_EXPORT_H

#include "base/cleanup.h"
#include "shard/row_view.h"
#include "shard/shard_manifest.h"

/* What some formats say of the run. Empty and 0 where it is not known. */
struct export_run {
    struct span sweep_id;
    struct span feed_version;
    int64_t started_at, finished_at; /* UTC seconds; 0: that of the first image */
};

struct exporter_options {
    FILE *out;    /* stays the caller's */
    size_t width; /* columns of the terminal; 0 means 100 */
    bool color;   /* a terminal that may be coloured */
    struct export_run run;
    const char *template_path; /* of the format `template` */
};

struct exporter;

/* What a format is made of. `state` is what begin() made; end() is called once after the last row of a run without
 * errors; release() always. Each function may be NULL. */
struct exporter_kind {
    const char *name;
    bool is_ordered; /* wants rows as a finished sweep has them: table after table, each by its key */
    int (*begin)(const struct exporter_options *options, void **ret_state, struct err *err);
    int (*row)(void *state, const struct exporter_options *options, const struct row_view *view, struct err *err);
    int (*end)(void *state, const struct exporter_options *options, struct err *err);
    void (*release)(void *state);
};

/* In the order of exporter.def, ended by NULL. */
extern const struct exporter_kind *const exporter_kinds[];

/* USAGE when there is no such format: the text lists them. */
int exporter_open(const char *format, const struct exporter_options *options, struct exporter **ret_exporter,
                  struct err *err);
/* What became known of the run since the exporter was opened; before exporter_finish(). */
void exporter_set_run(struct exporter *exporter, const struct export_run *run);
bool exporter_is_ordered(const struct exporter *exporter);
/* Whether there is a format of that name. */
bool exporter_is_known(struct span format);
/* Rows in the order that the format wants: exporter_is_ordered(). IO, NOMEM, USAGE (csv: a second table). */
int export_row(struct exporter *exporter, const struct row_view *view, struct err *err);
/* All rows of one table of a finished sweep: what shard_table_next() and export_row() say. */
int export_table(struct exporter *exporter, const char *folder, const struct shard_manifest *manifest, enum table table,
                 struct err *err);
int exporter_finish(struct exporter *exporter, struct err *err);
void exporter_free(struct exporter *exporter);
CLEANUP_DEFINE(exporter, struct exporter, exporter_free)
#define AUTO_EXPORTER AUTO(cleanup_exporter)

/* For the formats: a column by its name, which must be one of the row's table. */
struct span export_text(const struct row_view *view, const char *column);
uint64_t export_u64(const struct row_view *view, const char *column);
double export_f64_of(const struct row_view *view, const char *column);
bool export_is_nil(const struct row_view *view, const char *column);

/* Writes bytes, IO where the stream refuses. */
int export_write(FILE *out, struct span bytes, struct err *err);
void export_f64(struct buf *buf, double value); /* the fewest digits that read back the same; null when not finite */
/* A column as JSON: nil null, times RFC 3339 text, lists arrays, maps objects. */
void export_json_column(struct buf *buf, const struct row_view *view, size_t column);

#endif
