/* GitHub's Markdown, for a comment or a job's summary: counts, then a table of each kind of finding, the worst first.
 */
#include "engine/export/export_escape.h"
#include "engine/export/export_ranked.h"

static int markdown_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    *ret_state = export_ranked_new(err);
    return *ret_state == NULL ? -1 : 0;
}

static int markdown_row(void *state, const struct exporter_options *options, const struct row_view *view,
                        struct err *err) {
    (void)options;
    return export_ranked_row(state, view, err);
}

static void summary_add(struct buf *out, const struct export_ranked *ranked) {
    size_t images = ranked->maker.images.list.count;
    buf_format(out, "# Scan of %zu image%s\n\n| Severity | Vulnerabilities | Secrets | Misconfigurations |\n", images,
               images == 1 ? "" : "s");
    buf_text(out, "|---|---:|---:|---:|\n");
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
        buf_format(out, "| %s ", severity_name((enum severity)severity));
        for (const enum table *table = ranked_tables; *table != TABLE_COUNT; table++)
            buf_format(out, "| %" PRIu64 " ", ranked->buckets[*table][severity].count);
        buf_text(out, "|\n");
    }
    if (ranked->suppressed > 0)
        buf_format(out, "\n%" PRIu64 " more are suppressed.\n", ranked->suppressed);
}

static int table_write(struct export_ranked *ranked, enum table table, FILE *file, struct err *err) {
    struct buf *out = &ranked->text;
    const char *heading;
    const struct ranked_column *columns = ranked_columns(table, &heading);
    uint64_t count = export_ranked_count(ranked, table), shown = 0;
    if (count == 0)
        return 0;
    buf_format(out, "\n## %s\n\n| Severity |", heading);
    for (const struct ranked_column *column = columns; column->title != NULL; column++)
        buf_format(out, " %s |", column->title);
    buf_text(out, "\n|---|");
    for (const struct ranked_column *column = columns; column->title != NULL; column++)
        buf_text(out, "---|");
    buf_byte(out, '\n');
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
        for (const struct ranked_line *line = ranked->buckets[table][severity].first; line != NULL; line = line->next) {
            shown++;
            buf_format(out, "| %s |", severity_name((enum severity)severity));
            for (const struct ranked_column *column = columns; column->title != NULL; column++) {
                buf_byte(out, ' ');
                escape_markdown(out, line->cells[column->cell]);
                buf_text(out, " |");
            }
            buf_byte(out, '\n');
            if (export_write(file, buf_span(out), err) < 0)
                return -1;
            buf_reset(out);
        }
    }
    if (shown < count)
        buf_format(out, "\nand %" PRIu64 " more.\n", count - shown);
    return 0;
}

static int markdown_end(void *state, const struct exporter_options *options, struct err *err) {
    struct export_ranked *ranked = state;
    struct buf *out = &ranked->text;
    buf_reset(out);
    summary_add(out, ranked);
    for (const enum table *table = ranked_tables; *table != TABLE_COUNT; table++) {
        if (table_write(ranked, *table, options->out, err) < 0)
            return -1;
    }
    if (ranked->error_count > 0)
        buf_format(out, "\n## Errors\n\n%" PRIu64 " in all.\n\n| Target | What |\n|---|---|\n", ranked->error_count);
    for (const struct ranked_error *error = ranked->error_first; error != NULL; error = error->next) {
        buf_text(out, "| ");
        escape_markdown(out, error->target);
        buf_text(out, " | ");
        escape_markdown(out, error->message);
        buf_text(out, " |\n");
    }
    if (out->failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return export_write(options->out, buf_span(out), err);
}

static void markdown_release(void *state) { export_ranked_free(state); }

const struct exporter_kind exporter_markdown = {
    .name = "markdown",
    .is_ordered = true,
    .begin = markdown_begin,
    .row = markdown_row,
    .end = markdown_end,
    .release = markdown_release,
};
