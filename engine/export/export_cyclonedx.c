/* CycloneDX 1.6 in JSON: a component for each package with its licences, place and layer, the vulnerabilities that
 * affect them, and who depends on whom: an image on its packages, an owner on what came with it. One image is what the
 * document is about; several are components of type container. */
#include "engine/export/export_escape.h"
#include "engine/export/export_finding.h"
#include "engine/export/export_graph.h"
#include "engine/export/export_license.h"

#define VERSION_MAX_BYTES ((size_t)1024) /* the schema's */

struct cyclonedx {
    struct finding_document *document;
    struct export_graph graph;
    enum { PART_NONE, PART_COMPONENTS, PART_VULNERABILITIES } part;
    bool owner_is_open; /* a dependency whose list is being written */
    struct hash128 owner;
    const struct exporter_options *options;
};

static void cyclonedx_release(void *state) {
    struct cyclonedx *bom = state;
    if (bom == NULL)
        return;
    finding_document_free(bom->document);
    export_graph_release(&bom->graph);
    mem_free(bom);
}

static int cyclonedx_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    struct cyclonedx *bom = mem_zalloc(sizeof *bom);
    if (bom == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    bom->options = options;
    bool ok = export_graph_init(&bom->graph, err) == 0;
    bom->document = ok ? finding_document_new(err) : NULL;
    if (bom->document == NULL) {
        cyclonedx_release(bom);
        return -1;
    }
    struct json_out *json = &bom->document->json;
    json_out_open(json, NULL, '{');
    json_out_text(json, "bomFormat", span_text("CycloneDX"));
    json_out_text(json, "specVersion", span_text("1.6"));
    json_out_u64(json, "version", 1);
    *ret_state = bom;
    return 0;
}

static void property_add(struct json_out *json, const char *name, struct span value) {
    if (value.size == 0)
        return;
    json_out_open(json, NULL, '{');
    json_out_text(json, "name", span_text(name));
    json_out_text(json, "value", value);
    json_out_close(json);
}

static void image_members_add(struct json_out *json, const struct export_image *image, size_t index) {
    json_out_text(json, "type", span_text("container"));
    json_out_format(json, "bom-ref", "image-%zu", index);
    json_out_text(json, "name", image->repository.size > 0 ? image->repository : image->reference);
    json_out_text_if(json, "version",
                     escape_cut(image->digest.size > 0 ? image->digest : image->tag, VERSION_MAX_BYTES));
    json_out_open(json, "properties", '[');
    property_add(json, "trawl:reference", image->reference);
    property_add(json, "trawl:kind", image->kind);
    property_add(json, "trawl:os", image->os);
    property_add(json, "trawl:architecture", image->architecture);
    property_add(json, "trawl:status", image->status);
    property_add(json, "trawl:reason", image->reason);
    json_out_close(json);
}

/* The images are known: what the document is about, and the beginning of its components. */
static void components_begin(struct cyclonedx *bom) {
    const struct export_images *images = &bom->document->maker.images;
    struct json_out *json = &bom->document->json;
    if (bom->part != PART_NONE)
        return;
    bom->part = PART_COMPONENTS;
    json_out_open(json, "metadata", '{');
    json_out_time(json, "timestamp", finding_run_end(&bom->document->maker, &bom->options->run));
    json_out_open(json, "tools", '{');
    json_out_open(json, "components", '[');
    json_out_open(json, NULL, '{');
    json_out_text(json, "type", span_text("application"));
    json_out_text(json, "name", span_text("trawl"));
    json_out_text(json, "version", span_text(TRAWL_VERSION));
    json_out_close(json);
    json_out_close(json);
    json_out_close(json);
    if (images->list.count == 1) {
        json_out_open(json, "component", '{');
        image_members_add(json, images->list.data[0], 0);
        json_out_close(json);
    }
    json_out_close(json);
    json_out_open(json, "components", '[');
    for (size_t i = 0; images->list.count > 1 && i < images->list.count; i++) {
        json_out_open(json, NULL, '{');
        image_members_add(json, images->list.data[i], i);
        json_out_close(json);
    }
}

static void license_add(struct json_out *json, const char *key, struct span text) {
    json_out_open(json, NULL, '{');
    json_out_open(json, "license", '{');
    json_out_text(json, key, text);
    json_out_close(json);
    json_out_close(json);
}

/* Either one expression or a list of licences, never both: so says the format. */
static void licenses_add(struct cyclonedx *bom, const struct row_view *view) {
    struct json_out *json = &bom->document->json;
    struct buf *text = &bom->document->text;
    struct row_items items = row_view_list(view, table_column(TABLE_PACKAGE, span_text("licenses")));
    struct row_items again = items;
    size_t count = items.left, known = 0;
    enum license_kind kind = LICENSE_UNKNOWN;
    if (count == 0)
        return;
    buf_reset(text);
    for (struct span item; row_items_next(&items, &item); known += kind != LICENSE_UNKNOWN) {
        buf_text(text, text->size > 0 ? " AND " : "");
        buf_text(text, count > 1 ? "(" : "");
        kind = license_expression(text, item);
        buf_text(text, count > 1 ? ")" : "");
    }
    json_out_open(json, "licenses", '[');
    if (known == count && (count > 1 || kind == LICENSE_EXPRESSION)) {
        json_out_open(json, NULL, '{');
        json_out_text(json, "expression", buf_span(text));
        json_out_close(json);
    } else {
        for (struct span item; row_items_next(&again, &item);) {
            buf_reset(text);
            kind = license_expression(text, item);
            license_add(json, kind == LICENSE_ID ? "id" : "name", kind == LICENSE_ID ? buf_span(text) : item);
        }
    }
    json_out_close(json);
}

static void package_add(struct cyclonedx *bom, const struct row_view *view) {
    struct json_out *json = &bom->document->json;
    char id[GRAPH_ID_SIZE];
    json_out_open(json, NULL, '{');
    json_out_text(json, "type", span_text("library"));
    json_out_text(json, "bom-ref", span_text(graph_id(view, id)));
    json_out_text(json, "name", export_text(view, "name"));
    json_out_text_if(json, "version", escape_cut(export_text(view, "version"), VERSION_MAX_BYTES));
    json_out_text_if(json, "purl", export_text(view, "purl"));
    licenses_add(bom, view);
    if (export_text(view, "path").size > 0) {
        json_out_open(json, "evidence", '{');
        json_out_open(json, "occurrences", '[');
        json_out_open(json, NULL, '{');
        json_out_text(json, "location", export_text(view, "path"));
        json_out_close(json);
        json_out_close(json);
        json_out_close(json);
    }
    json_out_open(json, "properties", '[');
    property_add(json, "trawl:layer", export_text(view, "layer_digest"));
    property_add(json, "trawl:path", export_text(view, "path"));
    property_add(json, "trawl:type", export_text(view, "type"));
    property_add(json, "trawl:architecture", export_text(view, "architecture"));
    property_add(json, "trawl:evidence", export_text(view, "evidence"));
    property_add(json, "trawl:source-name", export_text(view, "source_name"));
    property_add(json, "trawl:source-version", export_text(view, "source_version"));
    property_add(json, "trawl:owner", export_text(view, "owner_purl"));
    json_out_close(json);
    json_out_close(json);
}

static const char *score_method(struct span vector) {
    return span_starts(vector, "CVSS:4.")     ? "CVSSv4"
           : span_starts(vector, "CVSS:3.1/") ? "CVSSv31"
           : span_starts(vector, "CVSS:3.")   ? "CVSSv3"
           : vector.size > 0                  ? "CVSSv2"
                                              : "other";
}

static const char *cyclonedx_severity(enum severity severity) {
    return severity == SEVERITY_NEGLIGIBLE  ? "info"
           : severity == SEVERITY_MALICIOUS ? "critical"
                                            : severity_name(severity);
}

static void rating_add(struct json_out *json, const struct finding *finding) {
    struct span vector = export_text(finding->view, "cvss_vector");
    json_out_open(json, "ratings", '[');
    json_out_open(json, NULL, '{');
    if (finding->score > 0)
        json_out_f64(json, "score", finding->score);
    json_out_text(json, "severity", span_text(cyclonedx_severity(finding->severity)));
    json_out_text(json, "method", span_text(score_method(vector)));
    json_out_text_if(json, "vector", vector);
    json_out_close(json);
    json_out_close(json);
}

static void analysis_add(struct json_out *json, const struct finding *finding) {
    const char *state = span_is(finding->vex_status, "not_affected")          ? "not_affected"
                        : span_is(finding->vex_status, "fixed")               ? "resolved"
                        : span_is(finding->vex_status, "affected")            ? "exploitable"
                        : span_is(finding->vex_status, "under_investigation") ? "in_triage"
                                                                              : NULL;
    if (state == NULL && finding->suppressed_by.size == 0)
        return;
    json_out_open(json, "analysis", '{');
    if (state != NULL)
        json_out_text(json, "state", span_text(state));
    json_out_text_if(json, "detail", finding->suppressed_by);
    json_out_close(json);
}

static void vulnerability_add(struct cyclonedx *bom, const struct finding *finding) {
    struct json_out *json = &bom->document->json;
    const struct row_view *view = finding->view;
    size_t published = table_column(TABLE_VULNERABILITY, span_text("published_at"));
    char id[GRAPH_ID_SIZE];
    json_out_open(json, NULL, '{');
    json_out_text(json, "id", finding->id);
    json_out_open(json, "source", '{');
    json_out_text(json, "name", export_text(view, "source"));
    buf_reset(&bom->document->text);
    finding_link_add(&bom->document->text, finding->id);
    json_out_text(json, "url", buf_span(&bom->document->text));
    json_out_close(json);
    struct row_items aliases = row_view_list(view, table_column(TABLE_VULNERABILITY, span_text("aliases")));
    if (aliases.left > 0) {
        json_out_open(json, "references", '[');
        for (struct span alias; row_items_next(&aliases, &alias);) {
            json_out_open(json, NULL, '{');
            json_out_text(json, "id", alias);
            json_out_open(json, "source", '{');
            json_out_text(json, "name", export_text(view, "source"));
            json_out_close(json);
            json_out_close(json);
        }
        json_out_close(json);
    }
    rating_add(json, finding);
    json_out_text_if(json, "detail", finding->description);
    json_out_text(json, "recommendation", finding->remedy);
    if (!row_view_is_nil(view, published))
        json_out_time(json, "published", row_view_time(view, published));
    analysis_add(json, finding);
    json_out_open(json, "affects", '[');
    json_out_open(json, NULL, '{');
    json_out_text(json, "ref", span_text(graph_id(view, id)));
    if (finding->version.size > 0) {
        json_out_open(json, "versions", '[');
        json_out_open(json, NULL, '{');
        json_out_text(json, "version", escape_cut(finding->version, VERSION_MAX_BYTES));
        json_out_text(json, "status", span_text("affected"));
        json_out_close(json);
        json_out_close(json);
    }
    json_out_close(json);
    json_out_close(json);
    json_out_open(json, "properties", '[');
    property_add(json, "trawl:status", export_text(view, "status"));
    property_add(json, "trawl:fixed-version", finding->fixed_version);
    property_add(json, "trawl:kev",
                 span_text(row_view_bool(view, table_column(view->table, span_text("kev"))) ? "true" : ""));
    json_out_close(json);
    json_out_close(json);
}

static int cyclonedx_row(void *state, const struct exporter_options *options, const struct row_view *view,
                         struct err *err) {
    struct cyclonedx *bom = state;
    struct finding finding;
    if (export_images_row(&bom->document->maker.images, view, err) < 0)
        return -1;
    if (view->table == TABLE_PACKAGE) {
        components_begin(bom);
        if (export_graph_row(&bom->graph, view, err) < 0)
            return -1;
        package_add(bom, view);
    } else if (view->table == TABLE_VULNERABILITY && finding_make(&bom->document->maker, view, &finding)) {
        components_begin(bom);
        if (bom->part == PART_COMPONENTS) {
            bom->part = PART_VULNERABILITIES;
            json_out_close(&bom->document->json);
            json_out_open(&bom->document->json, "vulnerabilities", '[');
        }
        vulnerability_add(bom, &finding);
    }
    return finding_document_flush(bom->document, options->out, false, err);
}

static int member_add(void *context, struct hash128 member, struct err *err) {
    struct cyclonedx *bom = context;
    char id[GRAPH_ID_SIZE];
    json_out_text(&bom->document->json, NULL, span_text(graph_id_text(member, id)));
    return finding_document_flush(bom->document, bom->options->out, false, err);
}

static int edge_add(void *context, const struct graph_edge *edge, struct err *err) {
    struct cyclonedx *bom = context;
    struct json_out *json = &bom->document->json;
    char id[GRAPH_ID_SIZE];
    if (!bom->owner_is_open || !hash128_equal(bom->owner, edge->owner)) {
        if (bom->owner_is_open) {
            json_out_close(json);
            json_out_close(json);
        }
        json_out_open(json, NULL, '{');
        json_out_text(json, "ref", span_text(graph_id_text(edge->owner, id)));
        json_out_open(json, "dependsOn", '[');
        bom->owner_is_open = true;
        bom->owner = edge->owner;
    }
    return member_add(bom, edge->owned, err);
}

/* A name of the document: made of what it is about, so that the same input gives the same bytes. */
static void serial_add(struct cyclonedx *bom) {
    static const struct hash_key no_key;
    const struct export_images *images = &bom->document->maker.images;
    struct buf *text = &bom->document->text;
    buf_reset(text);
    buf_add(text, bom->options->run.sweep_id);
    buf_format(text, " %" PRId64, finding_run_start(&bom->document->maker, &bom->options->run));
    for (size_t i = 0; i < images->list.count; i++) {
        buf_byte(text, ' ');
        buf_add(text, images->list.data[i]->digest);
        buf_add(text, images->list.data[i]->reference);
    }
    struct hash128 hash = body_hash_once(&no_key, buf_span(text));
    /* A version 8 UUID (RFC 9562): the bits are ours to choose. */
    json_out_format(&bom->document->json, "serialNumber", "urn:uuid:%08" PRIx32 "-%04x-8%03x-%04x-%012" PRIx64,
                    (uint32_t)(hash.high >> 32), (unsigned)(hash.high >> 16 & 0xffff), (unsigned)(hash.high & 0xfff),
                    (unsigned)(0x8000 | (hash.low >> 48 & 0x3fff)), hash.low & UINT64_C(0xffffffffffff));
}

static int cyclonedx_end(void *state, const struct exporter_options *options, struct err *err) {
    struct cyclonedx *bom = state;
    struct json_out *json = &bom->document->json;
    const struct export_images *images = &bom->document->maker.images;
    components_begin(bom);
    json_out_close(json);
    if (export_graph_finish(&bom->graph, err) < 0)
        return -1;
    json_out_open(json, "dependencies", '[');
    for (size_t i = 0; i < images->list.count; i++) {
        json_out_open(json, NULL, '{');
        json_out_format(json, "ref", "image-%zu", i);
        json_out_open(json, "dependsOn", '[');
        if (export_graph_members(&bom->graph, images->list.data[i]->package_set, member_add, bom, err) < 0)
            return -1;
        json_out_close(json);
        json_out_close(json);
    }
    if (export_graph_edges(&bom->graph, edge_add, bom, err) < 0)
        return -1;
    if (bom->owner_is_open) {
        json_out_close(json);
        json_out_close(json);
    }
    json_out_close(json);
    serial_add(bom);
    json_out_close(json);
    return finding_document_flush(bom->document, options->out, true, err);
}

const struct exporter_kind exporter_cyclonedx = {
    .name = "cyclonedx",
    .is_ordered = true,
    .begin = cyclonedx_begin,
    .row = cyclonedx_row,
    .end = cyclonedx_end,
    .release = cyclonedx_release,
};
