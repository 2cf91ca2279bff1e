/* OpenVEX 0.2.0: a statement for each vulnerability of a package in the images that hold it. What a VEX document said
 * is repeated; everything else is "affected" with what to do. */
#include "engine/export/export_finding.h"

static int openvex_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    struct finding_document *document = finding_document_new(err);
    if (document == NULL)
        return -1;
    json_out_open(&document->json, NULL, '{');
    json_out_text(&document->json, "@context", span_text("https://openvex.dev/ns/v0.2.0"));
    json_out_open(&document->json, "statements", '[');
    *ret_state = document;
    return 0;
}

/* An image as a purl where it is one of a registry, else as a name of its own. */
static void image_id_add(struct buf *buf, const struct export_image *image) {
    if (image == NULL) {
        buf_text(buf, "urn:trawl:image:unknown");
        return;
    }
    size_t slash = span_index_last(image->repository, '/');
    if (image->registry.size == 0 || image->digest.size == 0) {
        buf_text(buf, "urn:trawl:image:");
        buf_percent(buf, image->reference);
        return;
    }
    buf_text(buf, "pkg:oci/");
    buf_percent(buf, span_from(image->repository, slash == SIZE_MAX ? 0 : slash + 1));
    buf_byte(buf, '@');
    buf_percent(buf, image->digest);
    buf_text(buf, "?repository_url=");
    buf_percent(buf, image->registry);
    buf_text(buf, "%2F");
    buf_percent(buf, image->repository);
    if (image->tag.size > 0) {
        buf_text(buf, "&tag=");
        buf_percent(buf, image->tag);
    }
}

static void products_add(struct finding_document *document, const struct finding *finding) {
    struct json_out *json = &document->json;
    const struct export_image *image = finding->image;
    json_out_open(json, "products", '[');
    do {
        json_out_open(json, NULL, '{');
        buf_reset(&document->text);
        image_id_add(&document->text, image);
        json_out_text(json, "@id", buf_span(&document->text));
        json_out_open(json, "subcomponents", '[');
        json_out_open(json, NULL, '{');
        json_out_open(json, "identifiers", '{');
        json_out_text(json, "purl", finding->purl);
        json_out_close(json);
        json_out_close(json);
        json_out_close(json);
        json_out_close(json);
        image = image == NULL ? NULL : image->next_of_set;
    } while (image != NULL);
    json_out_close(json);
}

static void vulnerability_add(struct json_out *json, const struct finding *finding) {
    json_out_open(json, "vulnerability", '{');
    json_out_text(json, "name", finding->id);
    struct row_items aliases = row_view_list(finding->view, table_column(TABLE_VULNERABILITY, span_text("aliases")));
    if (aliases.left > 0) {
        json_out_open(json, "aliases", '[');
        for (struct span alias; row_items_next(&aliases, &alias);)
            json_out_text(json, NULL, alias);
        json_out_close(json);
    }
    json_out_close(json);
}

static bool status_is_known(struct span status) {
    return span_is(status, "not_affected") || span_is(status, "affected") || span_is(status, "fixed") ||
           span_is(status, "under_investigation");
}

static int openvex_row(void *state, const struct exporter_options *options, const struct row_view *view,
                       struct err *err) {
    struct finding_document *document = state;
    struct json_out *json = &document->json;
    struct finding finding;
    if (export_images_row(&document->maker.images, view, err) < 0)
        return -1;
    if (view->table != TABLE_VULNERABILITY || !finding_make(&document->maker, view, &finding))
        return 0;
    struct span status = status_is_known(finding.vex_status) ? finding.vex_status : span_text("affected");
    json_out_open(json, NULL, '{');
    vulnerability_add(json, &finding);
    products_add(document, &finding);
    json_out_text(json, "status", status);
    buf_reset(&document->text);
    buf_add(&document->text, finding.description);
    buf_text(&document->text, "; found at ");
    buf_add(&document->text, finding.path);
    json_out_text(json, "status_notes", buf_span(&document->text));
    if (span_is(status, "affected"))
        json_out_text(json, "action_statement", finding.remedy);
    if (span_is(status, "not_affected"))
        json_out_text(json, "impact_statement",
                      finding.suppressed_by.size > 0 ? finding.suppressed_by : span_text("stated by a VEX document"));
    json_out_close(json);
    document->count++;
    return finding_document_flush(document, options->out, false, err);
}

static int openvex_end(void *state, const struct exporter_options *options, struct err *err) {
    struct finding_document *document = state;
    struct json_out *json = &document->json;
    if (document->count == 0)
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "openvex: there is no vulnerability to speak of, and a document without a statement is none");
    json_out_close(json);
    buf_reset(&document->text);
    buf_text(&document->text, "urn:trawl:openvex:");
    buf_percent(&document->text, options->run.sweep_id);
    buf_format(&document->text, "%s%" PRId64, options->run.sweep_id.size > 0 ? ":" : "",
               finding_run_start(&document->maker, &options->run));
    json_out_text(json, "@id", buf_span(&document->text));
    json_out_text(json, "author", span_text("trawl"));
    json_out_text(json, "role", span_text("scanner"));
    json_out_time(json, "timestamp", finding_run_end(&document->maker, &options->run));
    json_out_u64(json, "version", 1);
    json_out_text(json, "tooling", span_text("trawl " TRAWL_VERSION));
    json_out_close(json);
    return finding_document_flush(document, options->out, true, err);
}

static void openvex_release(void *state) { finding_document_free(state); }

const struct exporter_kind exporter_openvex = {
    .name = "openvex",
    .is_ordered = true,
    .begin = openvex_begin,
    .row = openvex_row,
    .end = openvex_end,
    .release = openvex_release,
};
