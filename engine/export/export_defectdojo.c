/* DefectDojo's "Generic Findings Import" in JSON: an object with a list of findings. */
#include "base/clock.h"
#include "engine/export/export_escape.h"
#include "engine/export/export_finding.h"

#define TITLE_MAX_BYTES ((size_t)511) /* the column of its database */

static int defectdojo_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    struct finding_document *document = finding_document_new(err);
    if (document == NULL)
        return -1;
    json_out_open(&document->json, NULL, '{');
    json_out_open(&document->json, "findings", '[');
    *ret_state = document;
    return 0;
}

static void vulnerability_add(struct finding_document *document, const struct finding *finding) {
    struct json_out *json = &document->json;
    json_out_text(json, "component_name", finding->name);
    json_out_text_if(json, "component_version", finding->version);
    json_out_text_if(json, "fix_version", finding->fixed_version);
    json_out_open(json, "vulnerability_ids", '[');
    json_out_text(json, NULL, finding->id);
    struct row_items aliases = row_view_list(finding->view, table_column(TABLE_VULNERABILITY, span_text("aliases")));
    for (struct span alias; row_items_next(&aliases, &alias);)
        json_out_text(json, NULL, alias);
    json_out_close(json);
    struct span vector = export_text(finding->view, "cvss_vector");
    if (span_starts(vector, "CVSS:3."))
        json_out_text(json, "cvssv3", vector);
    if (finding->score > 0 && span_starts(vector, "CVSS:3."))
        json_out_f64(json, "cvssv3_score", finding->score);
    if (!export_is_nil(finding->view, "epss"))
        json_out_f64(json, "epss_score", export_f64_of(finding->view, "epss"));
    if (!export_is_nil(finding->view, "epss_percentile"))
        json_out_f64(json, "epss_percentile", export_f64_of(finding->view, "epss_percentile"));
    buf_reset(&document->text);
    finding_link_add(&document->text, finding->id);
    json_out_text(json, "references", buf_span(&document->text));
}

static int defectdojo_row(void *state, const struct exporter_options *options, const struct row_view *view,
                          struct err *err) {
    static const char *const names[SEVERITY_COUNT] = {"Info", "Info", "Low", "Medium", "High", "Critical", "Critical"};
    struct finding_document *document = state;
    struct json_out *json = &document->json;
    struct finding finding;
    char date[CLOCK_TEXT_SIZE];
    if (export_images_row(&document->maker.images, view, err) < 0)
        return -1;
    if (!finding_make(&document->maker, view, &finding))
        return 0;
    json_out_open(json, NULL, '{');
    json_out_text(json, "title", escape_cut(finding.title, TITLE_MAX_BYTES));
    buf_reset(&document->text);
    buf_add(&document->text, finding.title);
    buf_text(&document->text, finding.description.size > 0 ? ": " : "");
    buf_add(&document->text, finding.description);
    json_out_text(json, "description", buf_span(&document->text));
    json_out_text(json, "severity", span_text(names[finding.severity]));
    json_out_text(json, "mitigation", finding.remedy);
    json_out_text(json, "date", span_make(clock_text(finding_run_start(&document->maker, &options->run), date), 10));
    json_out_text_if(json, "file_path", finding.path);
    if (finding.line > 0)
        json_out_u64(json, "line", finding.line);
    if (finding.table == TABLE_VULNERABILITY)
        vulnerability_add(document, &finding);
    json_out_text(json, "vuln_id_from_tool", finding.id);
    json_out_text(json, "unique_id_from_tool", span_text(finding.key));
    json_out_text_if(json, "service", finding.target);
    json_out_bool(json, "static_finding", true);
    json_out_bool(json, "dynamic_finding", false);
    json_out_bool(json, "active", !finding_is_suppressed(&finding));
    json_out_bool(json, "verified", finding.table == TABLE_SECRET && span_is(export_text(view, "validated"), "valid"));
    json_out_bool(json, "false_p", span_is(finding.vex_status, "not_affected"));
    json_out_bool(json, "risk_accepted", finding.suppressed_by.size > 0);
    json_out_open(json, "tags", '[');
    json_out_text(json, NULL, span_text(table_info(finding.table)->name));
    json_out_close(json);
    json_out_close(json);
    return finding_document_flush(document, options->out, false, err);
}

static int defectdojo_end(void *state, const struct exporter_options *options, struct err *err) {
    struct finding_document *document = state;
    json_out_close(&document->json);
    json_out_close(&document->json);
    return finding_document_flush(document, options->out, true, err);
}

static void defectdojo_release(void *state) { finding_document_free(state); }

const struct exporter_kind exporter_defectdojo = {
    .name = "defectdojo",
    .is_ordered = true,
    .begin = defectdojo_begin,
    .row = defectdojo_row,
    .end = defectdojo_end,
    .release = defectdojo_release,
};
