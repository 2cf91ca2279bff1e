/* SPDX 2.3 in JSON: a package for each image and each package in one, what contains what, and the licences that are
 * declared. What is no SPDX expression becomes a LicenseRef whose text is what the package says. */
#include "base/clock.h"
#include "engine/export/export_finding.h"
#include "engine/export/export_graph.h"
#include "engine/export/export_license.h"

struct spdx {
    struct finding_document *document;
    struct export_graph graph;
    const struct exporter_options *options;
    struct arena arena;
    struct map texts; /* licences in words that are no ids: seen */
    VEC(struct span) extracted;
    bool is_begun;       /* the list of packages */
    size_t image_number; /* while its packages are written */
};

static void spdx_release(void *state) {
    struct spdx *spdx = state;
    if (spdx == NULL)
        return;
    finding_document_free(spdx->document);
    export_graph_release(&spdx->graph);
    arena_release(&spdx->arena);
    map_release(&spdx->texts);
    vec_release(&spdx->extracted);
    mem_free(spdx);
}

static int spdx_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    struct spdx *spdx = mem_zalloc(sizeof *spdx);
    if (spdx == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    spdx->options = options;
    arena_init(&spdx->arena, 0, 0);
    map_init(&spdx->texts, clock_ns());
    bool ok = export_graph_init(&spdx->graph, err) == 0;
    spdx->document = ok ? finding_document_new(err) : NULL;
    if (spdx->document == NULL) {
        spdx_release(spdx);
        return -1;
    }
    struct json_out *json = &spdx->document->json;
    json_out_open(json, NULL, '{');
    json_out_text(json, "spdxVersion", span_text("SPDX-2.3"));
    json_out_text(json, "dataLicense", span_text("CC0-1.0"));
    json_out_text(json, "SPDXID", span_text("SPDXRef-DOCUMENT"));
    *ret_state = spdx;
    return 0;
}

static void constants_add(struct json_out *json) {
    json_out_text(json, "downloadLocation", span_text("NOASSERTION"));
    json_out_bool(json, "filesAnalyzed", false);
    json_out_text(json, "licenseConcluded", span_text("NOASSERTION"));
    json_out_text(json, "copyrightText", span_text("NOASSERTION"));
}

static void reference_add(struct json_out *json, const char *category, const char *type, struct span locator) {
    json_out_open(json, NULL, '{');
    json_out_text(json, "referenceCategory", span_text(category));
    json_out_text(json, "referenceType", span_text(type));
    json_out_text(json, "referenceLocator", locator);
    json_out_close(json);
}

static void images_add(struct spdx *spdx) {
    struct json_out *json = &spdx->document->json;
    const struct export_images *images = &spdx->document->maker.images;
    for (size_t i = 0; i < images->list.count; i++) {
        const struct export_image *image = images->list.data[i];
        json_out_open(json, NULL, '{');
        json_out_format(json, "SPDXID", "SPDXRef-Image-%zu", i);
        json_out_text(json, "name", image->reference);
        json_out_text_if(json, "versionInfo", image->digest.size > 0 ? image->digest : image->tag);
        json_out_text(json, "primaryPackagePurpose", span_text("CONTAINER"));
        constants_add(json);
        json_out_text(json, "licenseDeclared", span_text("NOASSERTION"));
        json_out_close(json);
    }
}

static void packages_begin(struct spdx *spdx) {
    const struct export_images *images = &spdx->document->maker.images;
    struct json_out *json = &spdx->document->json;
    if (spdx->is_begun)
        return;
    spdx->is_begun = true;
    bool single = images->list.count == 1;
    json_out_text(json, "name", single ? images->list.data[0]->reference : span_text("trawl sweep"));
    struct buf *name = &spdx->document->text;
    buf_reset(name);
    buf_text(name, "urn:trawl:spdx:");
    buf_percent(name, spdx->options->run.sweep_id);
    buf_format(name, ":%" PRId64 ":", finding_run_start(&spdx->document->maker, &spdx->options->run));
    if (single)
        buf_percent(name, images->list.data[0]->reference);
    json_out_text(json, "documentNamespace", buf_span(name));
    json_out_open(json, "creationInfo", '{');
    json_out_time(json, "created", finding_run_end(&spdx->document->maker, &spdx->options->run));
    json_out_open(json, "creators", '[');
    json_out_text(json, NULL, span_text("Tool: trawl-" TRAWL_VERSION));
    json_out_close(json);
    json_out_close(json);
    json_out_open(json, "packages", '[');
    images_add(spdx);
}

/* The name of a licence that is no SPDX id: the same words have the same name. */
static void license_ref(struct buf *buf, struct span text) {
    static const struct hash_key no_key;
    struct hash128 hash = body_hash_once(&no_key, text);
    buf_format(buf, "LicenseRef-trawl-%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

static int license_note(struct spdx *spdx, struct span text, struct err *err) {
    if (map_get(&spdx->texts, text) != NULL)
        return 0;
    struct span copy = arena_copy(&spdx->arena, text);
    void **place = copy.data == NULL ? NULL : map_put(&spdx->texts, copy, NULL);
    if (place == NULL || !vec_push(&spdx->extracted, copy))
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    *place = spdx;
    return 0;
}

static int license_add(struct spdx *spdx, const struct row_view *view, struct err *err) {
    struct buf *text = &spdx->document->text;
    struct row_items items = row_view_list(view, table_column(TABLE_PACKAGE, span_text("licenses")));
    size_t count = items.left;
    buf_reset(text);
    for (struct span item; row_items_next(&items, &item);) {
        buf_text(text, text->size > 0 ? " AND " : "");
        size_t bracket = text->size;
        buf_text(text, count > 1 ? "(" : "");
        enum license_kind kind = license_expression(text, item);
        if (kind == LICENSE_EXPRESSION || count == 1) {
            buf_text(text, count > 1 ? ")" : "");
        } else if (kind == LICENSE_ID && !text->failed) {
            memmove(text->data + bracket, text->data + bracket + 1, text->size - bracket - 1);
            text->size--;
        } else {
            text->size = bracket;
        }
        if (kind != LICENSE_UNKNOWN)
            continue;
        license_ref(text, item);
        if (license_note(spdx, item, err) < 0)
            return -1;
    }
    json_out_text(&spdx->document->json, "licenseDeclared", text->size > 0 ? buf_span(text) : span_text("NOASSERTION"));
    return 0;
}

static int package_add(struct spdx *spdx, const struct row_view *view, struct err *err) {
    struct json_out *json = &spdx->document->json;
    struct buf *text = &spdx->document->text;
    char id[GRAPH_ID_SIZE];
    json_out_open(json, NULL, '{');
    json_out_format(json, "SPDXID", "SPDXRef-Package-%s", graph_id(view, id));
    json_out_text(json, "name", export_text(view, "name"));
    json_out_text_if(json, "versionInfo", export_text(view, "version"));
    json_out_text(json, "primaryPackagePurpose", span_text("LIBRARY"));
    constants_add(json);
    if (license_add(spdx, view, err) < 0)
        return -1;
    buf_reset(text);
    buf_text(text, "found at ");
    buf_add(text, export_text(view, "path"));
    buf_text(text, " in layer ");
    buf_add(text, export_text(view, "layer_digest"));
    json_out_text(json, "sourceInfo", buf_span(text));
    if (export_text(view, "purl").size > 0) {
        json_out_open(json, "externalRefs", '[');
        reference_add(json, "PACKAGE-MANAGER", "purl", export_text(view, "purl"));
        json_out_close(json);
    }
    json_out_close(json);
    return 0;
}

static int spdx_row(void *state, const struct exporter_options *options, const struct row_view *view, struct err *err) {
    struct spdx *spdx = state;
    if (export_images_row(&spdx->document->maker.images, view, err) < 0)
        return -1;
    if (view->table != TABLE_PACKAGE)
        return 0;
    packages_begin(spdx);
    if (export_graph_row(&spdx->graph, view, err) < 0 || package_add(spdx, view, err) < 0)
        return -1;
    return finding_document_flush(spdx->document, options->out, false, err);
}

static int relation_add(struct spdx *spdx, const char *from, const char *type, const char *to, struct err *err) {
    struct json_out *json = &spdx->document->json;
    json_out_open(json, NULL, '{');
    json_out_format(json, "spdxElementId", "SPDXRef-%s", from);
    json_out_text(json, "relationshipType", span_text(type));
    json_out_format(json, "relatedSpdxElement", "SPDXRef-%s", to);
    json_out_close(json);
    return finding_document_flush(spdx->document, spdx->options->out, false, err);
}

static int member_add(void *context, struct hash128 member, struct err *err) {
    struct spdx *spdx = context;
    char image[48], package[64], id[GRAPH_ID_SIZE];
    (void)snprintf(image, sizeof image, "Image-%zu", spdx->image_number);
    (void)snprintf(package, sizeof package, "Package-%s", graph_id_text(member, id));
    return relation_add(spdx, image, "CONTAINS", package, err);
}

static int edge_add(void *context, const struct graph_edge *edge, struct err *err) {
    char owner[64], owned[64], id[GRAPH_ID_SIZE];
    (void)snprintf(owner, sizeof owner, "Package-%s", graph_id_text(edge->owner, id));
    (void)snprintf(owned, sizeof owned, "Package-%s", graph_id_text(edge->owned, id));
    return relation_add(context, owner, "CONTAINS", owned, err);
}

static int relations_add(struct spdx *spdx, struct err *err) {
    const struct export_images *images = &spdx->document->maker.images;
    json_out_open(&spdx->document->json, "relationships", '[');
    for (size_t i = 0; i < images->list.count; i++) {
        char image[48];
        (void)snprintf(image, sizeof image, "Image-%zu", i);
        spdx->image_number = i;
        if (relation_add(spdx, "DOCUMENT", "DESCRIBES", image, err) < 0 ||
            export_graph_members(&spdx->graph, images->list.data[i]->package_set, member_add, spdx, err) < 0)
            return -1;
    }
    if (export_graph_edges(&spdx->graph, edge_add, spdx, err) < 0)
        return -1;
    json_out_close(&spdx->document->json);
    return 0;
}

static int spdx_end(void *state, const struct exporter_options *options, struct err *err) {
    struct spdx *spdx = state;
    struct json_out *json = &spdx->document->json;
    packages_begin(spdx);
    json_out_close(json);
    if (export_graph_finish(&spdx->graph, err) < 0 || relations_add(spdx, err) < 0)
        return -1;
    if (spdx->extracted.count > 0) {
        json_out_open(json, "hasExtractedLicensingInfos", '[');
        for (size_t i = 0; i < spdx->extracted.count; i++) {
            buf_reset(&spdx->document->text);
            license_ref(&spdx->document->text, spdx->extracted.data[i]);
            json_out_open(json, NULL, '{');
            json_out_text(json, "licenseId", buf_span(&spdx->document->text));
            json_out_text(json, "extractedText", spdx->extracted.data[i]);
            json_out_close(json);
        }
        json_out_close(json);
    }
    json_out_close(json);
    return finding_document_flush(spdx->document, options->out, true, err);
}

const struct exporter_kind exporter_spdx = {
    .name = "spdx",
    .is_ordered = true,
    .begin = spdx_begin,
    .row = spdx_row,
    .end = spdx_end,
    .release = spdx_release,
};
