/* A page without a script, for a mail or an archive: counts, then a table of each kind of finding, the worst first.
 * What a person works with is `trawl report`. */
#include "engine/export/export_escape.h"
#include "engine/export/export_ranked.h"

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>trawl</title>\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:80rem;padding:1rem}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8884;"
    "overflow-wrap:anywhere}\n"
    "th{white-space:nowrap}\ntd.n{text-align:right}\n"
    ".critical,.malicious{color:#b00020;font-weight:600}.high{color:#c2410c;font-weight:600}\n"
    "@media(prefers-color-scheme:dark){.critical,.malicious{color:#ff7b8a}.high{color:#ffa46b}}\n"
    "</style>\n</head>\n<body>\n";

static int html_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    *ret_state = export_ranked_new(err);
    return *ret_state == NULL ? -1 : 0;
}

static int html_row(void *state, const struct exporter_options *options, const struct row_view *view, struct err *err) {
    (void)options;
    return export_ranked_row(state, view, err);
}

static void summary_add(struct buf *out, const struct export_ranked *ranked) {
    size_t images = ranked->maker.images.list.count;
    buf_format(out, "<h1>Scan of %zu image%s</h1>\n<table>\n<thead><tr><th>Severity", images, images == 1 ? "" : "s");
    for (const enum table *table = ranked_tables; *table != TABLE_COUNT; table++) {
        const char *heading;
        (void)ranked_columns(*table, &heading);
        buf_format(out, "<th>%s", heading);
    }
    buf_text(out, "</thead>\n<tbody>\n");
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
        const char *name = severity_name((enum severity)severity);
        buf_format(out, "<tr><td class=\"%s\">%s", name, name);
        for (const enum table *table = ranked_tables; *table != TABLE_COUNT; table++)
            buf_format(out, "<td class=\"n\">%" PRIu64, ranked->buckets[*table][severity].count);
        buf_byte(out, '\n');
    }
    buf_text(out, "</tbody>\n</table>\n");
    if (ranked->suppressed > 0)
        buf_format(out, "<p>%" PRIu64 " more are suppressed.</p>\n", ranked->suppressed);
}

static int table_write(struct export_ranked *ranked, enum table table, FILE *file, struct err *err) {
    struct buf *out = &ranked->text;
    const char *heading;
    const struct ranked_column *columns = ranked_columns(table, &heading);
    uint64_t count = export_ranked_count(ranked, table), shown = 0;
    if (count == 0)
        return 0;
    buf_format(out, "<h2>%s</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>Severity", heading);
    for (const struct ranked_column *column = columns; column->title != NULL; column++)
        buf_format(out, "<th>%s", column->title);
    buf_text(out, "</thead>\n<tbody>\n");
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
        const char *name = severity_name((enum severity)severity);
        for (const struct ranked_line *line = ranked->buckets[table][severity].first; line != NULL; line = line->next) {
            shown++;
            buf_format(out, "<tr><td class=\"%s\">%s", name, name);
            for (const struct ranked_column *column = columns; column->title != NULL; column++) {
                buf_text(out, "<td>");
                escape_markup(out, line->cells[column->cell], false);
            }
            buf_byte(out, '\n');
            if (export_write(file, buf_span(out), err) < 0)
                return -1;
            buf_reset(out);
        }
    }
    buf_text(out, "</tbody>\n</table></div>\n");
    if (shown < count)
        buf_format(out, "<p>and %" PRIu64 " more.</p>\n", count - shown);
    return 0;
}

static int html_end(void *state, const struct exporter_options *options, struct err *err) {
    struct export_ranked *ranked = state;
    struct buf *out = &ranked->text;
    buf_reset(out);
    buf_text(out, page_head);
    summary_add(out, ranked);
    for (const enum table *table = ranked_tables; *table != TABLE_COUNT; table++) {
        if (table_write(ranked, *table, options->out, err) < 0)
            return -1;
    }
    if (ranked->error_count > 0)
        buf_format(out,
                   "<h2>Errors</h2>\n<p>%" PRIu64 " in all.</p>\n<div class=\"wide\"><table>\n<thead><tr><th>Target"
                   "<th>What</thead>\n<tbody>\n",
                   ranked->error_count);
    for (const struct ranked_error *error = ranked->error_first; error != NULL; error = error->next) {
        buf_text(out, "<tr><td>");
        escape_markup(out, error->target, false);
        buf_text(out, "<td>");
        escape_markup(out, error->message, false);
        buf_byte(out, '\n');
    }
    buf_text(out, ranked->error_count > 0 ? "</tbody>\n</table></div>\n</body>\n</html>\n" : "</body>\n</html>\n");
    if (out->failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return export_write(options->out, buf_span(out), err);
}

static void html_release(void *state) { export_ranked_free(state); }

const struct exporter_kind exporter_html = {
    .name = "html",
    .is_ordered = true,
    .begin = html_begin,
    .row = html_row,
    .end = html_end,
    .release = html_release,
};
