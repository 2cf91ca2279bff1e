#include "engine/pipeline/emit.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "engine/image/compose.h"
#include "engine/pipeline/image_record.h"
#include "engine/pipeline/image_rows.h"
#include "engine/pipeline/image_secrets.h"
#include "engine/pipeline/package_set.h"
#include "engine/pipeline/reference_store.h"
#include "engine/pipeline/scan_rows.h"

struct emit_run {
    struct plan *plan;
    const struct emit_options *options;
    const struct row_sink *sink;
    struct totals *totals;
    struct row row;
    struct package_sets *sets;
    struct image_secrets *config_secrets;
    struct cache_reader *reader;
    struct image_rows rows;                          /* of the image at hand, to be kept */
    struct row_block_writer layer_rows;              /* of the image at hand */
    struct buf blocks;                               /* they, packed */
    struct arena scratch;                            /* one image's configuration */
    const struct layer_result *layers[LIMIT_LAYERS]; /* of the image at hand */
};

static const struct span nothing = {NULL, 0};

static int block_rows_put(const struct row_sink *sink, struct row *row, struct span sweep_id,
                          const struct row_block *block, struct err *err) {
    AUTO_BUF struct buf rows = {0};
    if (row_block_unpack(block, &rows, err) < 0)
        return -1;
    struct reader reader = reader_init(buf_span(&rows));
    for (struct span columns; row_block_row(&reader, &columns);) {
        row_begin(row, block->table, sweep_id);
        row_encoded(row, columns, table_info(block->table)->column_count - 1);
        if (row_put(sink, row, err) < 0)
            return -1;
    }
    return row_block_end_check(&reader, block, err);
}

int blocks_put(const struct row_sink *sink, struct row *row, struct span sweep_id, struct span blocks,
               uint64_t *ret_rows, struct err *err) {
    *ret_rows = 0;
    for (struct row_block block; row_block_next(&blocks, &block);) {
        *ret_rows += block.row_count;
        if (sink->add_block != NULL ? sink->add_block(sink->context, sweep_id, &block, err) < 0
                                    : block_rows_put(sink, row, sweep_id, &block, err) < 0)
            return -1;
    }
    return blocks.size == 0 ? 0 : err_set(err, ERR_FORMAT, 0, "rows: expected a block, found none");
}

/* ---- errors ---- */

static int error_emit(struct emit_run *run, const struct error_row *error, struct err *err) {
    error_row(&run->row, run->options->sweep_id, error);
    struct totals *totals = run->totals;
    totals->errors++;
    if (totals->first_error_count < TOTALS_ERRORS_MAX)
        totals->first_errors[totals->first_error_count++] = (struct total_error){
            error->target, span_text(stage_name(error->stage)), plan_intern(run->plan, error->message)};
    return row_put(run->sink, &run->row, err);
}

/* ---- layers ---- */

/* How a layer is named in rows: a folder has no digest of its own but that of what is in it. */
static const struct digest *layer_digest(const struct planned_layer *layer) {
    return layer->descriptor.digest.algorithm == DIGEST_NONE ? &layer->result->digest : &layer->descriptor.digest;
}

static void secret_count(struct totals *totals, const struct layer_secret *secret) {
    if (secret->confidence >= TOTALS_CONFIDENCE)
        totals->secrets[secret->severity]++;
    else
        totals->secrets_unlikely++;
}

/* Whether the secret becomes a row; counts what is left out or suppressed where `is_row`: once for each row. */
static bool secret_is_wanted(struct emit_run *run, const struct layer_secret *secret, bool is_row,
                             struct span *ret_suppressed_by) {
    enum policy_verdict verdict = policy_secret(run->options->policy, secret, secret->path, ret_suppressed_by);
    struct totals *totals = run->totals;
    totals->secrets_below += is_row && verdict == POLICY_UNLIKELY;
    totals->secrets_baseline += is_row && verdict == POLICY_KNOWN;
    totals->secrets_suppressed += is_row && verdict == POLICY_SUPPRESSED;
    return verdict == POLICY_REPORT || verdict == POLICY_SUPPRESSED;
}

static int secret_emit(struct emit_run *run, const struct digest *layer_digest, const struct layer_secret *secret,
                       struct span suppressed_by, struct err *err) {
    char text[DIGEST_TEXT_SIZE];
    secret_row(&run->row, run->options->sweep_id, digest_span(layer_digest, text), secret, suppressed_by);
    if (suppressed_by.size == 0)
        secret_count(run->totals, secret);
    return row_put(run->sink, &run->row, err);
}

static int layer_errors_emit(struct emit_run *run, const struct planned_layer *layer, const struct layer_result *result,
                             struct err *err) {
    for (size_t i = 0; i < result->errors.count; i++) {
        const struct layer_error *error = &result->errors.data[i];
        struct error_row row = {.target = layer->first_reference,
                                .layer_digest = layer_digest(layer),
                                .stage = error->stage,
                                .path = error->path,
                                .byte_offset = error->has_offset ? &error->byte_offset : NULL,
                                .code = error->code,
                                .message = error->message};
        if (error_emit(run, &row, err) < 0)
            return -1;
    }
    return 0;
}

static int layer_emit(struct emit_run *run, size_t index, struct err *err) {
    const struct planned_layer *layer = run->plan->layers.data[index];
    const struct layer_result *result = NULL;
    if (layer_store_get(run->options->layers, index, &result, err) < 0)
        return -1;
    struct totals *totals = run->totals;
    struct row *row = &run->row;
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_LAYER, run->options->sweep_id);
    row_text(row, digest_span(layer_digest(layer), text));
    row_text(row, layer->descriptor.media_type);
    row_u64(row, result->compressed_bytes);
    row_u64(row, result->unpacked_bytes);
    row_u64(row, result->file_count);
    row_u64(row, result->body_count);
    row_u64(row, result->body_seen_count);
    row_text(row, span_text(scan_status_name(result->status)));
    row_u64(row, result->scan_ms);
    totals->layers++;
    totals->layer_references += layer->image_count;
    totals->bytes_read += layer->is_known ? 0 : result->compressed_bytes;
    totals->bytes_saved += result->compressed_bytes * (layer->image_count - !layer->is_known);
    totals->bytes_unpacked += layer->is_known ? 0 : result->unpacked_bytes;
    totals->files += result->file_count;
    totals->bodies += result->body_count;
    if (row_put(run->sink, row, err) < 0)
        return -1;
    for (size_t i = 0; i < result->secrets.count; i++) {
        const struct layer_secret *secret = &result->secrets.data[i];
        struct span suppressed_by;
        if (secret_is_wanted(run, secret, true, &suppressed_by) &&
            secret_emit(run, layer_digest(layer), secret, suppressed_by, err) < 0)
            return -1;
    }
    return layer_errors_emit(run, layer, result, err);
}

/* ---- images ---- */

static bool secret_is_worse(const struct total_secret *a, const struct total_secret *b) {
    return a->severity != b->severity ? a->severity > b->severity : a->confidence > b->confidence;
}

/* The summary names each secret once, wherever it is; the worst ones win a place. */
static void secret_note(struct emit_run *run, const struct planned_image *image, const struct layer_secret *secret,
                        struct span state, struct span location) {
    struct totals *totals = run->totals;
    struct plan *plan = run->plan;
    totals->has_findings = true;
    if (secret->severity > totals->worst && secret->confidence >= TOTALS_CONFIDENCE)
        totals->worst = secret->severity;
    if (secret->confidence < TOTALS_CONFIDENCE)
        return;
    for (size_t i = 0; i < totals->top_secret_count; i++) {
        if (span_equal(totals->top_secrets[i].fingerprint, secret->fingerprint))
            return;
    }
    struct total_secret entry = {
        .reference = image->text, .severity = secret->severity, .confidence = secret->confidence};
    size_t place = totals->top_secret_count;
    while (place > 0 && secret_is_worse(&entry, &totals->top_secrets[place - 1]))
        place--;
    if (place == TOTALS_SECRETS_MAX)
        return;
    /* What they borrow may give way before the summary is printed: what stays is copied. */
    entry.rule = plan_intern(plan, secret->rule);
    entry.redacted = plan_intern(plan, secret->redacted);
    entry.fingerprint = plan_intern(plan, secret->fingerprint);
    entry.location = plan_intern(plan, location);
    entry.state = plan_intern(plan, state);
    size_t moved = size_min(totals->top_secret_count, TOTALS_SECRETS_MAX - 1) - place;
    memmove(&totals->top_secrets[place + 1], &totals->top_secrets[place], moved * sizeof entry);
    totals->top_secrets[place] = entry;
    totals->top_secret_count = size_min(totals->top_secret_count + 1, TOTALS_SECRETS_MAX);
}

/* A row that is of the image alone: written, and kept with it. */
static int image_row_put(struct emit_run *run, struct row *row, struct err *err) {
    if (row_put(run->sink, row, err) < 0)
        return -1;
    image_rows_add(&run->rows, row);
    return 0;
}

static int image_secret_emit(struct emit_run *run, const struct digest *image_digest, const struct layer_secret *secret,
                             struct span location, const char *state, const struct digest *layer_digest,
                             struct err *err) {
    struct row *row = &run->row;
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_IMAGE_SECRET, run->options->sweep_id);
    row_text(row, digest_span(image_digest, text));
    row_text(row, secret->fingerprint);
    row_text(row, secret->rule);
    row_text(row, location);
    row_text(row, span_text(state));
    row_text_or_nil(row, layer_digest == NULL ? nothing : digest_span(layer_digest, text));
    return image_row_put(run, row, err);
}

/* An image while its rows are written. */
struct image_view {
    const struct planned_image *image;
    struct image_facts *facts;
    struct digest digest;       /* the manifest's, or what stands for it */
    struct image_config config; /* empty when it has none */
    struct digest config_digest;
    struct composition composition;
    uint64_t secret_count;
};

static int image_layers_emit(struct emit_run *run, const struct image_view *view, struct err *err) {
    struct row *row = &run->row;
    size_t history = 0, ordinal = 0;
    buf_reset(&run->blocks);
    struct digest none = {.algorithm = DIGEST_NONE};
    const struct image_facts *facts = view->facts;
    const struct image_config *config = &view->config;
    char text[DIGEST_TEXT_SIZE];
    /* History has a line for each step; those without a layer are kept as empty layers, in their place. */
    for (size_t i = 0; i < facts->layer_count || history < config->history_count;) {
        const struct history_entry *step = history < config->history_count ? &config->history[history] : NULL;
        bool empty = step != NULL && step->empty_layer;
        if (!empty && i >= facts->layer_count)
            break; /* more steps than layers: a squashed image that kept its history */
        const struct planned_layer *layer = empty ? NULL : run->plan->layers.data[facts->layers[i]];
        const struct digest *diff_id = !empty && i < config->diff_id_count ? &config->diff_ids[i] : &none;
        row_begin(row, TABLE_IMAGE_LAYER, run->options->sweep_id);
        row_text(row, digest_span(&view->digest, text));
        row_u64(row, ordinal++);
        row_text(row, layer == NULL ? nothing : digest_span(layer_digest(layer), text));
        row_text(row, digest_span(diff_id, text));
        row_text(row, step == NULL ? nothing : step->created_by);
        row_bool(row, empty);
        if (row_end(row, err) < 0)
            return -1;
        row_block_add(&run->layer_rows, row);
        if (row_block_is_full(&run->layer_rows))
            row_block_end(&run->layer_rows, &run->blocks);
        i += !empty;
        history++;
    }
    row_block_end(&run->layer_rows, &run->blocks);
    if (run->blocks.failed)
        return err_set(err, ERR_NOMEM, 0, "image: out of memory");
    image_rows_blocks(&run->rows, buf_span(&run->blocks));
    uint64_t rows;
    return blocks_put(run->sink, row, run->options->sweep_id, buf_span(&run->blocks), &rows, err);
}

/* What the layers make of the image's own status: once for all references that share it. */
static void status_settle(struct plan *plan, struct image_facts *facts) {
    size_t failed = 0;
    if (facts->is_settled)
        return;
    facts->is_settled = true;
    for (size_t i = 0; i < facts->layer_count; i++) {
        const struct layer_summary *layer = &plan->layers.data[facts->layers[i]]->summary;
        if (layer->status == SCAN_DONE)
            continue;
        failed += layer->status == SCAN_FAILED;
        if (facts->status == SCAN_DONE)
            facts->status = SCAN_PARTIAL;
        if (facts->reason.size == 0)
            facts->reason = plan_intern(plan, layer->reason);
    }
    if (failed > 0 && failed == facts->layer_count)
        facts->status = SCAN_FAILED;
}

/* What the image's own row begins with: the reference. */
static void image_row_begin(struct emit_run *run, const struct image_view *view) {
    struct row *row = &run->row;
    const struct planned_image *image = view->image;
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_IMAGE, run->options->sweep_id);
    row_text(row, image->text);
    row_text(row, image->registry);
    row_text(row, image->repository);
    row_text_or_nil(row, image->tag);
    row_text(row, digest_span(&view->digest, text));
    row_text(row, span_text(planned_image_kind(image)));
}

static int image_row_emit(struct emit_run *run, const struct image_view *view, struct span package_set,
                          struct err *err) {
    struct row *row = &run->row;
    const struct image_facts *facts = view->facts;
    const struct image_config *config = &view->config;
    char text[DIGEST_TEXT_SIZE];
    uint64_t packed = 0, unpacked = 0;
    for (size_t i = 0; i < facts->layer_count; i++) {
        packed += run->plan->layers.data[facts->layers[i]]->summary.compressed_bytes;
        unpacked += run->plan->layers.data[facts->layers[i]]->summary.unpacked_bytes;
    }
    image_row_begin(run, view);
    row_text(row, facts->media_type);
    row_text(row, facts->platform->os);
    row_text(row, facts->platform->architecture);
    row_text(row, facts->platform->variant);
    row_text(row, digest_span(&view->config_digest, text));
    /* Reproducible builds write year 1 or 0; warehouses' times begin in 1970. */
    if (facts->created >= 0)
        row_time(row, facts->created);
    else
        row_nil(row);
    row_text(row, config->user);
    row_u64(row, facts->layer_count);
    row_u64(row, packed);
    row_u64(row, unpacked);
    row_text(row, package_set);
    row_nil(row);
    row_map(row, config->labels, config->label_count);
    row_text(row, span_text(scan_status_name(facts->status)));
    row_text(row, facts->is_skipped ? manifest_artifact_text_of_tag(&run->scratch, facts->reason, view->image->tag)
                                    : facts->reason);
    row_time(row, run->options->scanned_at);
    return row_put(run->sink, row, err);
}

/* The first thing that went wrong: with the image itself, else with a layer of it. */
static void image_cause(struct emit_run *run, const struct image_view *view) {
    const struct image_facts *facts = view->facts;
    enum stage stage = STAGE_RESOLVE;
    enum err_code code = ERR_NONE;
    bool found = facts->errors.count > 0;
    if (found) {
        stage = facts->errors.data[0].stage;
        code = facts->errors.data[0].code;
    }
    for (size_t i = 0; !found && i < facts->layer_count; i++) {
        const struct layer_result *result = run->layers[i];
        found = result->status != SCAN_DONE && result->errors.count > 0;
        if (found) {
            stage = result->errors.data[0].stage;
            code = result->errors.data[0].code;
        }
    }
    totals_cause(run->totals, facts->status, stage, code, view->image->text, facts->reason);
}

static void image_count(struct emit_run *run, const struct image_view *view,
                        const uint64_t vulnerabilities[SEVERITY_COUNT]) {
    struct totals *totals = run->totals;
    enum scan_status status = view->facts->status;
    totals->images++;
    totals->images_done += status == SCAN_DONE;
    totals->images_partial += status == SCAN_PARTIAL;
    totals->images_failed += status == SCAN_FAILED;
    totals->images_skipped += status == SCAN_SKIPPED;
    if (status != SCAN_DONE)
        image_cause(run, view);
    struct worst_image entry = {.reference = view->image->text,
                                .architecture = view->facts->platform->architecture,
                                .secrets = view->secret_count};
    uint64_t weight = view->secret_count;
    for (size_t s = 0; s < SEVERITY_COUNT; s++) {
        entry.vulnerabilities[s] = vulnerabilities[s];
        weight += vulnerabilities[s];
    }
    if (weight == 0)
        return;
    size_t place = totals->worst_image_count;
    while (place > 0) {
        const struct worst_image *other = &totals->worst_images[place - 1];
        int order = 0;
        for (size_t s = SEVERITY_COUNT; order == 0 && s-- > 0;)
            order = (entry.vulnerabilities[s] > other->vulnerabilities[s]) -
                    (entry.vulnerabilities[s] < other->vulnerabilities[s]);
        if (order < 0 || (order == 0 && entry.secrets <= other->secrets))
            break;
        place--;
    }
    if (place == TOTALS_WORST_MAX)
        return;
    size_t moved = size_min(totals->worst_image_count, TOTALS_WORST_MAX - 1) - place;
    memmove(&totals->worst_images[place + 1], &totals->worst_images[place], moved * sizeof entry);
    totals->worst_images[place] = entry;
    totals->worst_image_count = size_min(totals->worst_image_count + 1, TOTALS_WORST_MAX);
}

/* What counts of a secret, besides its rows. `is_row` says that a row of the secret table is the image's own. */
static void image_secret_count(struct emit_run *run, struct image_view *view, const struct layer_secret *secret,
                               const char *state, bool is_row) {
    view->secret_count += secret->confidence >= TOTALS_CONFIDENCE;
    image_rows_secret(&run->rows, secret, secret->path, state, is_row);
    secret_note(run, view->image, secret, span_text(state), secret->path);
}

/* Secrets of the configuration, which have no layer: their rows of the secret table are written here. */
static int config_secrets_emit(struct emit_run *run, struct image_view *view, struct err *err) {
    const struct config_secret *found = NULL;
    size_t count = 0;
    if (image_secrets_search(run->config_secrets, &view->config, &found, &count, err) < 0 ||
        image_secrets_redact(run->config_secrets, &view->config, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct layer_secret *secret = &found[i].secret;
        struct span suppressed_by;
        if (!secret_is_wanted(run, secret, true, &suppressed_by))
            continue;
        if (secret_emit(run, &view->config_digest, secret, suppressed_by, err) < 0)
            return -1;
        image_rows_add(&run->rows, &run->row);
        if (suppressed_by.size == 0)
            image_secret_count(run, view, secret, found[i].state, true);
        if (image_secret_emit(run, &view->digest, secret, secret->path, found[i].state, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int image_secrets_emit(struct emit_run *run, struct image_view *view, struct err *err) {
    const struct composition *composition = &view->composition;
    for (size_t i = 0; i < composition->secrets.count; i++) {
        const struct composed_secret *composed = &composition->secrets.data[i];
        const struct digest *layer = layer_digest(run->plan->layers.data[view->facts->layers[composed->layer_index]]);
        const char *state = secret_state_name(composed->state);
        struct span suppressed_by;
        if (!secret_is_wanted(run, composed->secret, false, &suppressed_by))
            continue;
        if (suppressed_by.size == 0)
            image_secret_count(run, view, composed->secret, state, false);
        if (image_secret_emit(run, &view->digest, composed->secret, composed->secret->path, state, layer, err) < 0)
            return -1;
    }
    if (!run->options->secrets || !view->facts->has_config)
        return 0;
    return config_secrets_emit(run, view, err);
}

static int image_errors_emit(struct emit_run *run, const struct image_view *view, struct err *err) {
    const struct image_facts *facts = view->facts;
    for (size_t i = 0; i < facts->errors.count; i++) {
        struct error_row row = {.target = view->image->text,
                                .image_digest = &view->digest,
                                .stage = facts->errors.data[i].stage,
                                .code = facts->errors.data[i].code,
                                .message = facts->errors.data[i].message};
        if (error_emit(run, &row, err) < 0)
            return -1;
    }
    return 0;
}

/* The configuration comes back out of the cache: a fleet's do not fit into memory. */
static int config_load(struct emit_run *run, struct image_view *view, struct err *err) {
    struct profile_key key = profile_record_key(&view->facts->digest);
    struct image_record record;
    struct span value;
    if (view->facts->config_digest != NULL)
        view->config_digest = *view->facts->config_digest;
    if (!view->facts->has_config)
        return 0;
    if (cache_need(run->reader, CACHE_IMAGE, profile_key_span(&key), &value, err) < 0)
        return err_wrap(err, "%.*s", SPAN_FORMAT(view->image->text));
    /* It is whole, and of this analyser: only memory can be in the way. */
    if (!image_record_unpack(&run->scratch, value, &record))
        return err_set(err, ERR_NOMEM, 0, "image: out of memory");
    view->config_digest = record.config_digest;
    struct span config = arena_copy(&run->scratch, record.config); /* texts of the configuration may borrow it */
    cache_reader_reset(run->reader);
    if (config.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "image: out of memory");
    if (!record.is_schema1)
        return image_config_parse(&run->scratch, config, &view->config, err);
    struct manifest manifest;
    if (manifest_parse(&run->scratch, config, &manifest, err) < 0)
        return -1;
    assert(manifest.kind == MANIFEST_SCHEMA1);
    view->config = *manifest.converted;
    return 0;
}

/* ---- an image that was written before ---- */

static struct profile_key rows_key(const struct emit_run *run, const struct image_facts *facts) {
    const struct hash128 *policy = &run->options->policy->identity;
    struct hash128 profile = run->options->profile; /* rows depend on the policy too, layers do not */
    profile.high ^= policy->high;
    profile.low ^= policy->low;
    return profile_key(&facts->digest, &profile);
}

/* Only what another sweep would find the same: everything there, nothing wrong. */
static bool rows_may_be_kept(const struct image_view *view) {
    const struct image_facts *facts = view->facts;
    return facts->has_config && facts->status == SCAN_DONE && facts->errors.count == 0 &&
           view->image->source->ops->tree == NULL;
}

static void rows_keep(struct emit_run *run, const struct image_view *view) {
    struct profile_key key = rows_key(run, view->facts);
    image_rows_end(&run->rows, &run->row);
    if (!run->rows.bytes.failed)
        cache_put(run->options->cache, CACHE_COMPOSITION, profile_key_span(&key), buf_span(&run->rows.bytes));
}

static int rows_write(struct emit_run *run, struct image_view *view, struct image_rows_reader *rows, struct err *err) {
    struct row *row = &run->row;
    struct image_rows_item item;
    while (image_rows_next(rows, &item)) {
        uint64_t count;
        if (item.kind == IMAGE_ROWS_BLOCKS) {
            if (blocks_put(run->sink, row, run->options->sweep_id, item.blocks, &count, err) < 0)
                return -1;
            continue;
        }
        if (item.kind == IMAGE_ROWS_SECRET) {
            view->secret_count += item.secret.confidence >= TOTALS_CONFIDENCE;
            if (item.is_row)
                secret_count(run->totals, &item.secret);
            secret_note(run, view->image, &item.secret, item.state, item.secret.path);
            continue;
        }
        row_begin(row, item.table, run->options->sweep_id);
        row_encoded(row, item.columns, table_info(item.table)->column_count - 1);
        if (row_put(run->sink, row, err) < 0)
            return -1;
    }
    size_t first, count;
    image_rows_columns(&first, &count);
    image_row_begin(run, view);
    row_encoded(row, rows->image_columns, count);
    row_text(row, span_text(scan_status_name(SCAN_DONE)));
    row_text(row, nothing);
    row_time(row, run->options->scanned_at);
    return row_put(run->sink, row, err);
}

/* 1 when the image's rows were kept and are written now, 0 when it has to be composed, -1 as the sink. */
static int rows_recall(struct emit_run *run, struct image_view *view, struct package_set_outcome *set,
                       struct err *err) {
    struct profile_key key = rows_key(run, view->facts);
    struct image_rows_reader rows;
    struct span value;
    int result = 0;
    if (rows_may_be_kept(view) && cache_get(run->reader, CACHE_COMPOSITION, profile_key_span(&key), &value) &&
        image_rows_open(value, &rows)) {
        result = rows.package_set.size == 0 ? 1 : package_sets_recall(run->sets, rows.package_set, set, err);
        if (result > 0 && cache_is_stale(value))
            cache_put(run->options->cache, CACHE_COMPOSITION, profile_key_span(&key), value);
        if (result > 0)
            result = rows_write(run, view, &rows, err) < 0 ? -1 : 1;
    }
    cache_reader_reset(run->reader);
    return result;
}

/* ---- one image ---- */

/* The image as VEX statements may name it; NULL when none does. */
static const struct vex_image *image_named(struct emit_run *run, const struct image_view *view,
                                           struct vex_image *place) {
    const struct planned_image *image = view->image;
    const struct vex *vex = run->options->policy->vex;
    char text[DIGEST_TEXT_SIZE];
    if (vex_count(vex) == 0)
        return NULL;
    *place = (struct vex_image){.registry = image->registry,
                                .repository = image->repository,
                                .tag = image->tag,
                                .reference = image->text,
                                .digest = arena_copy(&run->scratch, digest_span(&view->digest, text))};
    return vex_names_image(vex, place) ? place : NULL;
}

static int image_compose(struct emit_run *run, struct image_view *view, struct package_set_outcome *set,
                         struct err *err) {
    struct image_facts *facts = view->facts;
    for (size_t i = 0; i < facts->layer_count; i++) {
        if (layer_store_get(run->options->layers, facts->layers[i], &run->layers[i], err) < 0)
            return -1;
    }
    /* A folder has no manifest: what stands for the image's digest is the digest of the folder's contents. */
    bool is_tree = view->image->source != NULL && view->image->source->ops->manifest == NULL;
    bool keeps = view->image->source != NULL && rows_may_be_kept(view);
    if (is_tree)
        view->digest = run->layers[0]->digest;
    if (config_load(run, view, err) < 0 ||
        compose(run->layers, facts->layer_count, run->options->with_declared, &view->composition, err) < 0)
        return -1;
    struct vex_image place;
    const struct vex_image *named = image_named(run, view, &place);
    keeps = keeps && named == NULL; /* another night's VEX may not name it */
    if (view->composition.packages.count > 0 &&
        package_sets_emit(run->sets, &view->composition, run->layers, keeps, named, set, err) < 0)
        return -1;
    if (keeps)
        image_rows_begin(&run->rows, set->id);
    if (image_secrets_emit(run, view, err) < 0 ||
        (facts->status != SCAN_SKIPPED && !is_tree && image_layers_emit(run, view, err) < 0) ||
        image_errors_emit(run, view, err) < 0 || image_row_emit(run, view, set->id, err) < 0)
        return -1;
    if (run->rows.open)
        rows_keep(run, view);
    return 0;
}

static int image_emit(struct emit_run *run, const struct planned_image *image, struct err *err) {
    static const uint64_t no_vulnerabilities[SEVERITY_COUNT] = {0};
    struct image_view view = {.image = image, .facts = image->facts, .digest = image->facts->digest};
    struct package_set_outcome set = {.id = nothing, .vulnerabilities = no_vulnerabilities};
    arena_reset(&run->scratch);
    layer_store_release(run->options->layers);
    status_settle(run->plan, view.facts);
    run->rows.open = false;
    struct vex_image place;
    bool is_named = image_named(run, &view, &place) != NULL;
    int result = image->source == NULL || is_named ? 0 : rows_recall(run, &view, &set, err);
    if (result == 0)
        result = image_compose(run, &view, &set, err);
    if (result >= 0) /* else not all layers may be at hand, and nobody sees the totals */
        image_count(run, &view, set.vulnerabilities);
    composition_release(&view.composition);
    return result < 0 ? -1 : 0;
}

static int digest_order(const void *left, const void *right, void *context) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const struct planned_image *images = context;
    int order = digest_compare(&images[a].facts->digest, &images[b].facts->digest);
    return order != 0 ? order : (a > b) - (a < b);
}

/* A sink that takes blocks sorts what it gets: images may come as what is kept of them lies in the cache, so that what
 * is read next is at hand. NULL when memory is short. */
static uint32_t *order_by_digest(const struct plan *plan) {
    size_t count = plan->images.count;
    uint32_t *order = mem_array(size_max(count, 1), sizeof *order);
    for (size_t i = 0; order != NULL && i < count; i++)
        order[i] = (uint32_t)i;
    if (order != NULL)
        qsort_r(order, count, sizeof *order, digest_order, plan->images.data);
    return order;
}

static void order_free(uint32_t **order) { mem_free(*order); }
#define AUTO_ORDER AUTO(order_free)

static int plan_emit(struct emit_run *run, struct err *err) {
    struct plan *plan = run->plan;
    const struct err *damage = run->options->db_damage;
    if (damage != NULL) {
        struct error_row row = {.target = run->options->db_name,
                                .stage = STAGE_MATCH,
                                .code = damage->code,
                                .message = span_text(damage->text)};
        if (error_emit(run, &row, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < plan->errors.count; i++) {
        struct error_row row = {.target = plan->error_targets.data[i],
                                .stage = plan->errors.data[i].stage,
                                .code = plan->errors.data[i].code,
                                .message = plan->errors.data[i].message};
        if (error_emit(run, &row, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < plan->layers.count; i++) {
        if (run->options->stop != NULL && run->options->stop(run->options->stop_context))
            return err_set(err, ERR_CANCELED, 0, "canceled");
        layer_store_release(run->options->layers);
        if (layer_emit(run, i, err) < 0)
            return -1;
    }
    AUTO_ORDER uint32_t *order = NULL;
    if (run->sink->add_block != NULL && (order = order_by_digest(plan)) == NULL)
        return err_set(err, ERR_NOMEM, 0, "images: out of memory");
    for (size_t i = 0; i < plan->images.count; i++) {
        if (run->options->stop != NULL && run->options->stop(run->options->stop_context))
            return err_set(err, ERR_CANCELED, 0, "canceled");
        if (image_emit(run, &plan->images.data[order == NULL ? i : order[i]], err) < 0)
            return -1;
    }
    return references_keep(run->options->cache, run->reader, plan, run->options->scanned_at, err);
}

int emit(struct plan *plan, const struct emit_options *options, const struct row_sink *sink, struct totals *ret_totals,
         struct err *err) {
    struct emit_run run = {.plan = plan, .options = options, .sink = sink, .totals = ret_totals};
    *ret_totals = (struct totals){0};
    row_init(&run.row);
    arena_init(&run.scratch, 0, 0);
    buf_init(&run.rows.bytes, LIMIT_KEPT_ROWS_BYTES);
    int result = cache_reader_new(options->cache, &run.reader, err);
    if (result == 0)
        result = package_sets_new(options, sink, ret_totals, &plan->arena, &run.sets, err);
    if (result == 0 && options->secrets)
        result =
            image_secrets_new(options->secret_engine, options->show_secrets, &run.scratch, &run.config_secrets, err);
    if (result == 0)
        result = plan_emit(&run, err);
    package_sets_free(run.sets);
    image_secrets_free(run.config_secrets);
    cache_reader_free(run.reader);
    arena_release(&run.scratch);
    buf_release(&run.rows.bytes);
    buf_release(&run.blocks);
    row_block_writer_release(&run.layer_rows);
    row_release(&run.row);
    return result;
}
