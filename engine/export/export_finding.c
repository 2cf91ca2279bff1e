#include "engine/export/export_finding.h"

#include "base/hash/xxh.h"

void finding_maker_init(struct finding_maker *maker) {
    *maker = (struct finding_maker){.title = {0}};
    export_images_init(&maker->images);
}

void finding_maker_release(struct finding_maker *maker) {
    export_images_release(&maker->images);
    buf_release(&maker->title);
    buf_release(&maker->description);
    buf_release(&maker->remedy);
    buf_release(&maker->key);
}

bool finding_maker_failed(const struct finding_maker *maker) {
    return maker->title.failed || maker->description.failed || maker->remedy.failed || maker->key.failed;
}

static void status_describe(struct buf *buf, struct span status) {
    buf_text(buf, span_is(status, "wont_fix")      ? "The vendor will not fix it: remove or replace the package"
                  : span_is(status, "end_of_life") ? "The release gets no more fixes: move to one that does"
                                                   : "No fixed version is known yet");
}

/* printf would end a text at a NUL, and names may hold one. */
static void join(struct buf *buf, const struct span *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        buf_add(buf, parts[i]);
}
#define JOIN(buf, ...) join(buf, (const struct span[]){__VA_ARGS__}, ARRAY_COUNT(((const struct span[]){__VA_ARGS__})))

static void vulnerability_make(struct finding_maker *maker, struct finding *finding) {
    const struct row_view *view = finding->view;
    finding->id = export_text(view, "id");
    finding->purl = export_text(view, "purl");
    finding->name = export_text(view, "name");
    finding->version = export_text(view, "version");
    finding->fixed_version = export_text(view, "fixed_version");
    finding->layer_digest = export_text(view, "layer_digest");
    finding->vex_status = export_text(view, "vex_status");
    finding->score = export_f64_of(view, "cvss_score");
    JOIN(&maker->title, finding->id, span_text(" in "), finding->name, span_text(" "), finding->version);
    buf_add(&maker->description, export_text(view, "evidence"));
    if (finding->fixed_version.size > 0)
        JOIN(&maker->remedy, span_text("Update "), finding->name, span_text(" to "), finding->fixed_version);
    else
        status_describe(&maker->remedy, export_text(view, "status"));
}

static void secret_make(struct finding_maker *maker, struct finding *finding) {
    const struct row_view *view = finding->view;
    finding->id = export_text(view, "rule");
    finding->line = export_u64(view, "line");
    finding->layer_digest = export_text(view, "layer_digest");
    JOIN(&maker->title, finding->id, span_text(" in "), finding->path);
    buf_add(&maker->description, export_text(view, "redacted"));
    if (export_text(view, "evidence").size > 0)
        JOIN(&maker->description, span_text(": "), export_text(view, "evidence"));
    buf_text(&maker->remedy, "Revoke the secret, then remove it from the image: a later layer only hides it");
}

static void misconfiguration_make(struct finding_maker *maker, struct finding *finding) {
    const struct row_view *view = finding->view;
    finding->id = export_text(view, "rule");
    finding->line = export_u64(view, "line");
    finding->end_line = export_u64(view, "end_line");
    finding->layer_digest = export_text(view, "layer_digest");
    buf_add(&maker->title, export_text(view, "title"));
    buf_add(&maker->description, export_text(view, "message"));
    buf_add(&maker->remedy, export_text(view, "remediation"));
}

static void key_part(struct buf *buf, struct span text) {
    buf_add(buf, text);
    buf_byte(buf, 0);
}

/* What makes a finding the same one tomorrow: kind, id, where it is and in what. */
static void key_make(struct finding_maker *maker, struct finding *finding) {
    static const struct hash_key no_key;
    struct buf *key = &maker->key;
    const struct row_view *view = finding->view;
    const struct export_image *image = finding->image;
    key_part(key, span_text(table_info(finding->table)->name));
    key_part(key, finding->id);
    key_part(key, finding->path);
    key_part(key, image == NULL ? finding->target : image->repository);
    if (finding->table == TABLE_VULNERABILITY) {
        key_part(key, export_text(view, "type"));
        key_part(key, finding->name);
        key_part(key, finding->version); /* two versions of one package in one lock file are two findings */
    } else if (finding->table == TABLE_SECRET) {
        key_part(key, export_text(view, "fingerprint"));
    } else {
        key_part(key, export_text(view, "resource"));
    }
    struct hash128 hash = body_hash_once(&no_key, buf_span(key));
    (void)snprintf(finding->key, sizeof finding->key, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

bool finding_make(struct finding_maker *maker, const struct row_view *view, struct finding *ret_finding) {
    struct finding *finding = ret_finding;
    if (view->table != TABLE_VULNERABILITY && view->table != TABLE_SECRET && view->table != TABLE_MISCONFIGURATION)
        return false;
    buf_reset(&maker->title);
    buf_reset(&maker->description);
    buf_reset(&maker->remedy);
    buf_reset(&maker->key);
    *finding = (struct finding){.view = view, .table = view->table, .path = export_text(view, "path")};
    const struct export_holders *holders = export_images_of(&maker->images, view);
    if (holders != NULL) {
        finding->image = holders->first;
        finding->image_count = holders->count;
    }
    if (finding->image != NULL)
        finding->target = finding->image->reference;
    else if (view->table == TABLE_MISCONFIGURATION)
        finding->target = export_text(view, "target");
    finding->suppressed_by = export_text(view, "suppressed_by");
    if (!severity_parse(export_text(view, "severity"), &finding->severity))
        finding->severity = SEVERITY_UNKNOWN;
    if (view->table == TABLE_VULNERABILITY)
        vulnerability_make(maker, finding);
    else if (view->table == TABLE_SECRET)
        secret_make(maker, finding);
    else
        misconfiguration_make(maker, finding);
    key_make(maker, finding);
    finding->title = buf_span(&maker->title);
    finding->description = buf_span(&maker->description);
    finding->remedy = buf_span(&maker->remedy);
    return true;
}

bool finding_is_suppressed(const struct finding *finding) {
    return finding->suppressed_by.size > 0 || span_is(finding->vex_status, "not_affected") ||
           span_is(finding->vex_status, "fixed");
}

void finding_link_add(struct buf *buf, struct span id) {
    /* One place that knows the ids of every database. */
    buf_text(buf, "https://osv.dev/vulnerability/");
    buf_percent(buf, id);
}

static int64_t first_scan(const struct finding_maker *maker) {
    return maker->images.list.count == 0 ? 0 : maker->images.list.data[0]->scanned_at;
}

int64_t finding_run_start(const struct finding_maker *maker, const struct export_run *run) {
    return run->started_at != 0 ? run->started_at : first_scan(maker);
}

int64_t finding_run_end(const struct finding_maker *maker, const struct export_run *run) {
    return run->finished_at != 0 ? run->finished_at : finding_run_start(maker, run);
}

struct finding_document *finding_document_new(struct err *err) {
    struct finding_document *document = mem_zalloc(sizeof *document);
    if (document == NULL)
        err_fill(err, ERR_NOMEM, 0, "export: out of memory");
    else
        finding_maker_init(&document->maker);
    return document;
}

void finding_document_free(struct finding_document *document) {
    if (document == NULL)
        return;
    finding_maker_release(&document->maker);
    buf_release(&document->json.text);
    buf_release(&document->text);
    mem_free(document);
}

int finding_document_flush(struct finding_document *document, FILE *out, bool all, struct err *err) {
    if (finding_maker_failed(&document->maker) || document->text.failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return json_out_flush(&document->json, out, all, err);
}
