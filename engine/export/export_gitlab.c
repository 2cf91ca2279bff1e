/* GitLab's security reports: container scanning 15.2.1 (vulnerabilities), and SAST of the same generation (secrets and
 * misconfigurations, which have a file and a line). Texts are cut to what the schema allows; times carry no zone. */
#include "base/clock.h"
#include "engine/export/export_escape.h"
#include "engine/export/export_finding.h"

#define NAME_MAX_BYTES ((size_t)255)
#define SOLUTION_MAX_BYTES ((size_t)7000)
#define VERSION_TEXT "15.2.1"

static const char *gitlab_severity(enum severity severity) {
    static const char *const names[SEVERITY_COUNT] = {"Unknown", "Info",     "Low",     "Medium",
                                                      "High",    "Critical", "Critical"};
    return names[severity];
}

static int gitlab_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    struct finding_document *document = finding_document_new(err);
    if (document == NULL)
        return -1;
    json_out_open(&document->json, NULL, '{');
    json_out_text(&document->json, "version", span_text(VERSION_TEXT));
    json_out_open(&document->json, "vulnerabilities", '[');
    *ret_state = document;
    return 0;
}

static void gitlab_release(void *state) { finding_document_free(state); }

static void identifier_add(struct finding_document *document, const char *type, struct span value, bool linked) {
    struct json_out *json = &document->json;
    json_out_open(json, NULL, '{');
    json_out_text(json, "type", span_text(type));
    json_out_text(json, "name", value);
    json_out_text(json, "value", value);
    if (linked) {
        buf_reset(&document->text);
        finding_link_add(&document->text, value);
        json_out_text(json, "url", buf_span(&document->text));
    }
    json_out_close(json);
}

static const char *identifier_type(struct span id) {
    return span_starts(id, "CVE-") ? "cve" : span_starts(id, "GHSA-") ? "ghsa" : "trawl_advisory";
}

static void common_add(struct finding_document *document, const struct finding *finding) {
    struct json_out *json = &document->json;
    json_out_text(json, "id", span_text(finding->key));
    json_out_text(json, "name", escape_cut(finding->title, NAME_MAX_BYTES));
    json_out_text(json, "description", escape_cut(finding->description, 64 * SOLUTION_MAX_BYTES));
    json_out_text(json, "severity", span_text(gitlab_severity(finding->severity)));
    json_out_text(json, "solution", escape_cut(finding->remedy, SOLUTION_MAX_BYTES));
    if (finding_is_suppressed(finding)) {
        json_out_open(json, "flags", '[');
        json_out_open(json, NULL, '{');
        json_out_text(json, "type", span_text("flagged-as-likely-false-positive"));
        json_out_text(json, "origin", span_text("trawl"));
        json_out_text(json, "description",
                      finding->suppressed_by.size > 0 ? finding->suppressed_by : finding->vex_status);
        json_out_close(json);
        json_out_close(json);
    }
}

static void vulnerability_add(struct finding_document *document, const struct finding *finding) {
    struct json_out *json = &document->json;
    json_out_open(json, NULL, '{');
    common_add(document, finding);
    json_out_open(json, "identifiers", '[');
    identifier_add(document, identifier_type(finding->id), finding->id, true);
    struct row_items aliases = row_view_list(finding->view, table_column(TABLE_VULNERABILITY, span_text("aliases")));
    for (struct span alias; row_items_next(&aliases, &alias);) {
        if (alias.size > 0)
            identifier_add(document, identifier_type(alias), alias, true);
    }
    json_out_close(json);
    json_out_open(json, "links", '[');
    json_out_open(json, NULL, '{');
    buf_reset(&document->text);
    finding_link_add(&document->text, finding->id);
    json_out_text(json, "url", buf_span(&document->text));
    json_out_close(json);
    json_out_close(json);
    json_out_open(json, "location", '{');
    json_out_open(json, "dependency", '{');
    json_out_open(json, "package", '{');
    json_out_text(json, "name", finding->name);
    json_out_close(json);
    json_out_text(json, "version", finding->version);
    json_out_close(json);
    struct span os = finding->image == NULL ? span_text("") : finding->image->os;
    json_out_text(json, "operating_system", os.size > 0 ? os : span_text("unknown"));
    json_out_text(json, "image", finding->target.size > 0 ? finding->target : span_text("unknown"));
    json_out_close(json);
    json_out_close(json);
}

static void weakness_add(struct finding_document *document, const struct finding *finding) {
    struct json_out *json = &document->json;
    json_out_open(json, NULL, '{');
    common_add(document, finding);
    json_out_open(json, "identifiers", '[');
    identifier_add(document, finding->table == TABLE_SECRET ? "trawl_secret_rule" : "trawl_check", finding->id, false);
    json_out_close(json);
    json_out_open(json, "location", '{');
    json_out_text(json, "file", finding->path.size > 0 ? finding->path : finding->target);
    if (finding->line > 0) {
        json_out_u64(json, "start_line", finding->line);
        json_out_u64(json, "end_line", finding->end_line > finding->line ? finding->end_line : finding->line);
    }
    json_out_close(json);
    json_out_close(json);
}

static int gitlab_row(struct finding_document *document, const struct exporter_options *options,
                      const struct row_view *view, bool weaknesses, struct err *err) {
    struct finding finding;
    if (export_images_row(&document->maker.images, view, err) < 0)
        return -1;
    if ((view->table == TABLE_VULNERABILITY) == weaknesses || !finding_make(&document->maker, view, &finding))
        return 0;
    if (weaknesses)
        weakness_add(document, &finding);
    else
        vulnerability_add(document, &finding);
    return finding_document_flush(document, options->out, false, err);
}

static int container_row(void *state, const struct exporter_options *options, const struct row_view *view,
                         struct err *err) {
    return gitlab_row(state, options, view, false, err);
}

static int sast_row(void *state, const struct exporter_options *options, const struct row_view *view, struct err *err) {
    return gitlab_row(state, options, view, true, err);
}

static void time_add(struct json_out *json, const char *key, int64_t utc_s) {
    char text[CLOCK_TEXT_SIZE];
    json_out_text(json, key, span_make(clock_text(utc_s, text), 19)); /* without the Z */
}

static void tool_add(struct json_out *json, const char *key) {
    json_out_open(json, key, '{');
    json_out_text(json, "id", span_text("trawl"));
    json_out_text(json, "name", span_text("trawl"));
    json_out_text(json, "version", span_text(TRAWL_VERSION));
    json_out_open(json, "vendor", '{');
    json_out_text(json, "name", span_text("trawl"));
    json_out_close(json);
    json_out_close(json);
}

static int gitlab_end(struct finding_document *document, const struct exporter_options *options, const char *type,
                      struct err *err) {
    struct json_out *json = &document->json;
    bool failed = false;
    for (size_t i = 0; i < document->maker.images.list.count; i++)
        failed = failed || span_is(document->maker.images.list.data[i]->status, "failed");
    json_out_close(json);
    json_out_open(json, "scan", '{');
    tool_add(json, "analyzer");
    tool_add(json, "scanner");
    time_add(json, "start_time", finding_run_start(&document->maker, &options->run));
    time_add(json, "end_time", finding_run_end(&document->maker, &options->run));
    json_out_text(json, "status", span_text(failed ? "failure" : "success"));
    json_out_text(json, "type", span_text(type));
    json_out_close(json);
    json_out_close(json);
    return finding_document_flush(document, options->out, true, err);
}

static int container_end(void *state, const struct exporter_options *options, struct err *err) {
    return gitlab_end(state, options, "container_scanning", err);
}

static int sast_end(void *state, const struct exporter_options *options, struct err *err) {
    return gitlab_end(state, options, "sast", err);
}

const struct exporter_kind exporter_gitlab_container = {
    .name = "gitlab-container-scanning",
    .is_ordered = true,
    .begin = gitlab_begin,
    .row = container_row,
    .end = container_end,
    .release = gitlab_release,
};

const struct exporter_kind exporter_gitlab_sast = {
    .name = "gitlab-sast",
    .is_ordered = true,
    .begin = gitlab_begin,
    .row = sast_row,
    .end = sast_end,
    .release = gitlab_release,
};
