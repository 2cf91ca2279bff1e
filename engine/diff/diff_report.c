#include "engine/diff/diff_report.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/export/export.h"
#include "engine/export/export_escape.h"
#include "engine/export/json_out.h"

#define CELLS 6

struct line {
    struct line *next;
    struct span cells[CELLS];
};

struct bucket {
    struct line *first, *last;
    uint64_t count, images; /* findings, and the sum of the images that have them */
};

enum report_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_HTML };

struct diff_report {
    struct diff_report_options options;
    enum report_format format;
    struct arena arena;
    struct buf text;
    struct json_out json;
    bool in_findings; /* the JSON document's second list */
    struct bucket images[DIFF_CHANGE_COUNT];
    struct bucket findings[DIFF_CHANGE_COUNT][SEVERITY_COUNT];
    uint64_t causes[DIFF_CHANGE_COUNT][DIFF_CAUSE_COUNT];
    enum severity worst;
    bool has_worst;
};

int diff_report_begin(const struct diff_report_options *options, struct diff_report **ret_report, struct err *err) {
    static const char *const formats[] = {"table", "json", "html"};
    size_t format = 0;
    while (format < ARRAY_COUNT(formats) && strcmp(options->format, formats[format]) != 0)
        format++;
    if (format == ARRAY_COUNT(formats))
        return err_set(err, ERR_USAGE, 0, "format '%.40s': expected table, json or html", options->format);
    struct diff_report *report = mem_zalloc(sizeof *report);
    if (report == NULL)
        return err_set(err, ERR_NOMEM, 0, "diff: out of memory");
    report->options = *options;
    report->format = (enum report_format)format;
    arena_init(&report->arena, 0, 0);
    if (report->format == FORMAT_JSON) {
        static const char *const names[] = {"old", "new"};
        json_out_open(&report->json, NULL, '{');
        for (size_t i = 0; i < 2; i++) {
            json_out_open(&report->json, names[i], '{');
            json_out_text(&report->json, "sweep_id", options->manifests[i]->sweep_id);
            json_out_time(&report->json, "started_at", options->manifests[i]->started_at);
            json_out_text(&report->json, "feed_version", options->manifests[i]->feed_version);
            json_out_text(&report->json, "rules_digest", options->manifests[i]->rules_digest);
            json_out_close(&report->json);
        }
        json_out_open(&report->json, "images", '[');
    }
    *ret_report = report;
    return 0;
}

void diff_report_free(struct diff_report *report) {
    if (report == NULL)
        return;
    arena_release(&report->arena);
    buf_release(&report->text);
    buf_release(&report->json.text);
    mem_free(report);
}

bool diff_report_has(const struct diff_report *report, enum severity severity) {
    return report->has_worst && report->worst >= severity;
}

static int bucket_add(struct diff_report *report, struct bucket *bucket, const struct span *cells, size_t count,
                      uint64_t images, struct err *err) {
    bucket->images += images;
    if (bucket->count++ >= LIMIT_EXPORT_TABLE_ROWS)
        return 0;
    struct line *line = arena_zalloc(&report->arena, sizeof *line);
    for (size_t i = 0; line != NULL && i < count; i++) {
        line->cells[i] = arena_copy(&report->arena, cells[i]);
        if (line->cells[i].data == NULL)
            line = NULL;
    }
    if (line == NULL)
        return err_set(err, ERR_NOMEM, 0, "diff: out of memory");
    if (bucket->last == NULL)
        bucket->first = line;
    else
        bucket->last->next = line;
    bucket->last = line;
    return 0;
}

static const char *image_change_name(enum diff_change change) {
    return change == DIFF_FIXED ? "gone" : diff_change_name(change);
}

static int image_take(void *context, const struct diff_image *image, struct err *err) {
    struct diff_report *report = context;
    struct json_out *json = &report->json;
    if (report->format == FORMAT_JSON) {
        json_out_open(json, NULL, '{');
        json_out_text(json, "change", span_text(image_change_name(image->change)));
        json_out_text(json, "reference", image->reference);
        json_out_text(json, "platform", image->platform);
        json_out_text_if(json, "old_digest", image->old_digest);
        json_out_text_if(json, "new_digest", image->new_digest);
        json_out_text_if(json, "old_status", image->old_status);
        json_out_text_if(json, "new_status", image->new_status);
        json_out_close(json);
        report->images[image->change].count++;
        return json_out_flush(json, report->options.out, false, err);
    }
    const struct span cells[] = {image->reference, image->platform, image->new_status};
    return bucket_add(report, &report->images[image->change], cells, ARRAY_COUNT(cells), 1, err);
}

static void findings_begin(struct diff_report *report) {
    if (report->format != FORMAT_JSON || report->in_findings)
        return;
    report->in_findings = true;
    json_out_close(&report->json);
    json_out_open(&report->json, "findings", '[');
}

static int finding_json(struct diff_report *report, const struct diff_finding *finding, struct err *err) {
    struct json_out *json = &report->json;
    json_out_open(json, NULL, '{');
    json_out_text(json, "change", span_text(diff_change_name(finding->change)));
    json_out_text(json, "cause", span_text(diff_cause_name(finding->cause)));
    json_out_text(json, "kind",
                  span_text(finding->table == TABLE_IMAGE_SECRET ? "secret" : table_info(finding->table)->name));
    json_out_text(json, "severity", span_text(severity_name(finding->severity)));
    if (finding->old_severity != finding->severity)
        json_out_text(json, "old_severity", span_text(severity_name(finding->old_severity)));
    json_out_text(json, "id", finding->id);
    json_out_text_if(json, "name", finding->name);
    json_out_text_if(json, "version", finding->version);
    if (!span_equal(finding->old_version, finding->version))
        json_out_text_if(json, "old_version", finding->old_version);
    json_out_text_if(json, "fixed_version", finding->fixed_version);
    json_out_text_if(json, "path", finding->path);
    json_out_text_if(json, "state", finding->state);
    if (!span_equal(finding->old_state, finding->state))
        json_out_text_if(json, "old_state", finding->old_state);
    json_out_text(json, "image", finding->reference);
    json_out_u64(json, "image_count", finding->image_count);
    json_out_close(json);
    return json_out_flush(json, report->options.out, false, err);
}

static int finding_take(void *context, const struct diff_finding *finding, struct err *err) {
    struct diff_report *report = context;
    struct bucket *bucket = &report->findings[finding->change][finding->severity];
    findings_begin(report);
    report->causes[finding->change][finding->cause]++;
    bool worse =
        finding->change == DIFF_NEW || (finding->change == DIFF_CHANGED && finding->severity > finding->old_severity);
    if (worse && (!report->has_worst || finding->severity > report->worst)) {
        report->worst = finding->severity;
        report->has_worst = true;
    }
    if (report->format == FORMAT_JSON) {
        bucket->count++;
        bucket->images += finding->image_count;
        return finding_json(report, finding, err);
    }
    struct buf *text = &report->text;
    buf_reset(text);
    buf_add(text, finding->name.size > 0 ? finding->name : finding->path);
    if (finding->version.size > 0) {
        buf_byte(text, ' ');
        buf_add(text, finding->version);
    }
    size_t what = text->size;
    if (finding->change == DIFF_CHANGED && finding->old_severity != finding->severity)
        buf_format(text, "%s → %s", severity_name(finding->old_severity), severity_name(finding->severity));
    if (finding->change == DIFF_CHANGED && !span_equal(finding->old_state, finding->state)) {
        buf_text(text, text->size > what ? ", " : "");
        buf_add(text, finding->old_state);
        buf_text(text, " → ");
        buf_add(text, finding->state);
    }
    size_t changed = text->size;
    buf_add(text, finding->reference);
    if (finding->image_count > 1)
        buf_format(text, " and %" PRIu64 " more", finding->image_count - 1);
    if (text->failed)
        return err_set(err, ERR_NOMEM, 0, "diff: out of memory");
    const struct span cells[CELLS] = {finding->id, span_slice(buf_span(text), 0, what),
                                      finding->change == DIFF_CHANGED ? span_slice(buf_span(text), what, changed - what)
                                                                      : finding->fixed_version,
                                      span_text(diff_cause_name(finding->cause)), span_from(buf_span(text), changed)};
    return bucket_add(report, bucket, cells, CELLS - 1, finding->image_count, err);
}

struct diff_sink diff_report_sink(struct diff_report *report) {
    return (struct diff_sink){image_take, finding_take, report};
}

/* ---- the end ---- */

static uint64_t change_count(const struct diff_report *report, enum diff_change change) {
    uint64_t count = 0;
    for (enum severity severity = 0; severity < SEVERITY_COUNT; severity++)
        count += report->findings[change][severity].count;
    return count;
}

static int json_end(struct diff_report *report, struct err *err) {
    struct json_out *json = &report->json;
    findings_begin(report);
    json_out_close(json);
    json_out_open(json, "summary", '{');
    json_out_open(json, "images", '{');
    for (enum diff_change change = 0; change < DIFF_CHANGE_COUNT; change++)
        json_out_u64(json, image_change_name(change), report->images[change].count);
    json_out_close(json);
    json_out_open(json, "findings", '{');
    for (enum diff_change change = 0; change < DIFF_CHANGE_COUNT; change++) {
        json_out_open(json, diff_change_name(change), '{');
        for (size_t severity = SEVERITY_COUNT; severity-- > 0;)
            json_out_u64(json, severity_name((enum severity)severity), report->findings[change][severity].count);
        json_out_close(json);
    }
    json_out_close(json);
    json_out_open(json, "causes", '{');
    for (enum diff_cause cause = 0; cause < DIFF_CAUSE_COUNT; cause++) {
        json_out_open(json, diff_cause_name(cause), '{');
        for (enum diff_change change = 0; change < DIFF_CHANGE_COUNT; change++)
            json_out_u64(json, diff_change_name(change), report->causes[change][cause]);
        json_out_close(json);
    }
    for (size_t open = json->depth; open > 0; open--)
        json_out_close(json);
    return json_out_flush(json, report->options.out, true, err);
}

/* The width that a column of the terminal's table gets: what it needs, within its share of what there is. */
static void cell_text(struct buf *out, struct span cell, size_t width, bool last) {
    AUTO_BUF struct buf plain = {0};
    escape_plain(&plain, cell);
    size_t used = 0, at = 0;
    struct span text = buf_span(&plain);
    while (at < text.size) {
        size_t next = at + 1;
        while (next < text.size && (text.data[next] & 0xc0) == 0x80)
            next++;
        if (width > 0 && used + 1 == width && next < text.size) {
            buf_text(out, "…");
            used++;
            break;
        }
        buf_add(out, span_slice(text, at, next - at));
        used++;
        at = next;
    }
    if (!last && used < width)
        buf_fill(out, ' ', width - used);
    out->failed = out->failed || plain.failed;
}

static void line_text(struct buf *out, const struct diff_report *report, const char *first, const struct line *line,
                      size_t count) {
    /* Of a hundred columns: id 22, package 24, fix or change 16, cause 14, image what is left. */
    static const size_t shares[CELLS] = {22, 24, 16, 14, 0};
    size_t width = report->options.width;
    size_t left = width > 100 ? (width - 100) / 2 : 0;
    buf_format(out, "  %-10s ", first);
    size_t used = 13;
    for (size_t i = 0; i < count; i++) {
        size_t share = i + 1 < count ? shares[i] + (i == 1 ? left : 0) : width > used + 8 ? width - used : 0;
        cell_text(out, line->cells[i], share, i + 1 == count);
        used += share + 1;
        if (i + 1 < count)
            buf_byte(out, ' ');
    }
    buf_byte(out, '\n');
}

static int text_flush(struct diff_report *report, struct err *err) {
    if (report->text.failed)
        return err_set(err, ERR_NOMEM, 0, "diff: out of memory");
    int result = export_write(report->options.out, buf_span(&report->text), err);
    buf_reset(&report->text);
    return result;
}

static int table_end(struct diff_report *report, struct err *err) {
    struct buf *out = &report->text;
    char times[2][CLOCK_TEXT_SIZE];
    const char *bold = report->options.color ? "\x1b[1m" : "", *plain = report->options.color ? "\x1b[0m" : "";
    buf_reset(out);
    buf_format(out, "%s → %s\n\n", clock_text(report->options.manifests[0]->started_at, times[0]),
               clock_text(report->options.manifests[1]->started_at, times[1]));
    buf_format(out, "%simages%s: %" PRIu64 " new, %" PRIu64 " gone, %" PRIu64 " changed\n", bold, plain,
               report->images[DIFF_NEW].count, report->images[DIFF_FIXED].count, report->images[DIFF_CHANGED].count);
    for (enum diff_change change = 0; change < DIFF_CHANGE_COUNT; change++) {
        for (const struct line *line = report->images[change].first; line != NULL; line = line->next)
            line_text(out, report, image_change_name(change), line, 1);
    }
    for (enum diff_change change = 0; change < DIFF_CHANGE_COUNT; change++) {
        uint64_t count = change_count(report, change), shown = 0;
        buf_format(out, "\n%s%s findings%s: %" PRIu64 "\n", bold, diff_change_name(change), plain, count);
        for (enum diff_cause cause = 0; cause < DIFF_CAUSE_COUNT; cause++) {
            if (report->causes[change][cause] > 0)
                buf_format(out, "  %" PRIu64 " by %s\n", report->causes[change][cause], diff_cause_name(cause));
        }
        for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
            const char *name = severity_name((enum severity)severity);
            for (const struct line *line = report->findings[change][severity].first; line != NULL; line = line->next) {
                shown++;
                line_text(out, report, name, line, CELLS - 1);
                if (out->size > 64 * LIMIT_KIB && text_flush(report, err) < 0)
                    return -1;
            }
        }
        if (shown < count)
            buf_format(out, "  and %" PRIu64 " more: --format json has all\n", count - shown);
    }
    return text_flush(report, err);
}

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>What changed</title>\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:80rem;padding:1rem}\n.wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8884;"
    "overflow-wrap:anywhere}\nth{white-space:nowrap}\n"
    ".critical,.malicious{color:#b00020;font-weight:600}.high{color:#c2410c;font-weight:600}\n"
    "@media(prefers-color-scheme:dark){.critical,.malicious{color:#ff7b8a}.high{color:#ffa46b}}\n"
    "</style>\n</head>\n<body>\n";

static int html_lines(struct diff_report *report, const struct bucket *bucket, const char *first, size_t cells,
                      struct err *err) {
    struct buf *out = &report->text;
    for (const struct line *line = bucket->first; line != NULL; line = line->next) {
        buf_format(out, "<tr><td class=\"%s\">%s", first, first);
        for (size_t i = 0; i < cells; i++) {
            buf_text(out, "<td>");
            escape_markup(out, line->cells[i], false);
        }
        buf_byte(out, '\n');
        if (out->size > 64 * LIMIT_KIB && text_flush(report, err) < 0)
            return -1;
    }
    return 0;
}

static int html_end(struct diff_report *report, struct err *err) {
    struct buf *out = &report->text;
    char times[2][CLOCK_TEXT_SIZE];
    buf_reset(out);
    buf_text(out, page_head);
    buf_format(out, "<h1>What changed</h1>\n<p>From %s to %s.</p>\n<h2>Images</h2>\n",
               clock_text(report->options.manifests[0]->started_at, times[0]),
               clock_text(report->options.manifests[1]->started_at, times[1]));
    buf_format(out,
               "<p>%" PRIu64 " new, %" PRIu64 " gone, %" PRIu64
               " changed.</p>\n<div class=\"wide\"><table>\n<thead><tr><th>Change<th>Image<th>Platform<th>Status"
               "</thead>\n<tbody>\n",
               report->images[DIFF_NEW].count, report->images[DIFF_FIXED].count, report->images[DIFF_CHANGED].count);
    for (enum diff_change change = 0; change < DIFF_CHANGE_COUNT; change++) {
        if (html_lines(report, &report->images[change], image_change_name(change), 3, err) < 0)
            return -1;
    }
    buf_text(out, "</tbody>\n</table></div>\n");
    for (enum diff_change change = 0; change < DIFF_CHANGE_COUNT; change++) {
        static const char *const headings[] = {"New findings", "Fixed findings", "Changed findings"};
        uint64_t count = change_count(report, change);
        buf_format(out, "<h2>%s</h2>\n<p>%" PRIu64 " in all", headings[change], count);
        for (enum diff_cause cause = 0; cause < DIFF_CAUSE_COUNT; cause++) {
            if (report->causes[change][cause] > 0)
                buf_format(out, ", %" PRIu64 " by %s", report->causes[change][cause], diff_cause_name(cause));
        }
        buf_format(out,
                   ".</p>\n<div class=\"wide\"><table>\n<thead><tr><th>Severity<th>Id<th>Where<th>%s<th>Cause<th>Image"
                   "</thead>\n<tbody>\n",
                   change == DIFF_CHANGED ? "Change" : "Fixed in");
        for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
            if (html_lines(report, &report->findings[change][severity], severity_name((enum severity)severity),
                           CELLS - 1, err) < 0)
                return -1;
        }
        buf_text(out, "</tbody>\n</table></div>\n");
    }
    buf_text(out, "</body>\n</html>\n");
    return text_flush(report, err);
}

int diff_report_end(struct diff_report *report, struct err *err) {
    int result = report->format == FORMAT_JSON   ? json_end(report, err)
                 : report->format == FORMAT_HTML ? html_end(report, err)
                                                 : table_end(report, err);
    if (result == 0 && fflush(report->options.out) != 0)
        return err_set(err, ERR_IO, errno, "diff: write: %s", strerror(errno));
    return result;
}
