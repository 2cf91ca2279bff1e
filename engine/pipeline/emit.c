#include "engine/pipeline/emit.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "engine/image/compose.h"
#include "engine/pipeline/image_secrets.h"
#include "engine/pipeline/package_set.h"

struct emit_run {
    struct plan *plan;
    const struct emit_options *options;
    const struct row_sink *sink;
    struct totals *totals;
    struct row row;
    struct package_sets *sets;
    struct image_secrets *config_secrets;
    struct map fingerprints; /* secrets that the summary has */
};

static const struct span nothing = {NULL, 0};

static struct span digest_span(const struct digest *digest, char text[DIGEST_TEXT_SIZE]) {
    return digest->algorithm == DIGEST_NONE ? nothing : span_text(digest_text(digest, text));
}

/* ---- errors ---- */

struct error_row {
    struct span target;
    const struct digest *image_digest; /* or NULL */
    const struct digest *layer_digest;
    enum stage stage;
    struct span path;
    const uint64_t *byte_offset;
    enum err_code code;
    struct span message;
};

static int error_emit(struct emit_run *run, const struct error_row *error, struct err *err) {
    struct row *row = &run->row;
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_ERROR, run->options->sweep_id);
    row_text(row, error->target);
    row_text_or_nil(row, error->image_digest == NULL ? nothing : digest_span(error->image_digest, text));
    row_text_or_nil(row, error->layer_digest == NULL ? nothing : digest_span(error->layer_digest, text));
    row_text(row, span_text(stage_name(error->stage)));
    row_text(row, error->path);
    if (error->byte_offset == NULL)
        row_nil(row);
    else
        row_u64(row, *error->byte_offset);
    row_text(row, span_text(err_code_name(error->code)));
    row_text(row, error->message);
    row_bool(row, err_is_retryable(error->code));
    struct totals *totals = run->totals;
    totals->errors++;
    if (totals->first_error_count < TOTALS_ERRORS_MAX)
        totals->first_errors[totals->first_error_count++] =
            (struct total_error){error->target, span_text(stage_name(error->stage)), error->message};
    return row_put(run->sink, row, err);
}

/* ---- layers ---- */

static int secret_emit(struct emit_run *run, const struct digest *layer_digest, const struct layer_secret *secret,
                       struct err *err) {
    struct row *row = &run->row;
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_SECRET, run->options->sweep_id);
    row_text(row, digest_span(layer_digest, text));
    row_text(row, secret->path);
    row_u64(row, secret->line);
    row_u64(row, secret->column);
    row_u64(row, secret->byte_offset);
    row_u64(row, secret->byte_length);
    row_text(row, secret->rule);
    row_text(row, secret->provider);
    row_text(row, span_text(severity_name(secret->severity)));
    row_f64(row, secret->confidence);
    row_text(row, secret->validated);
    row_text(row, secret->redacted);
    row_text(row, secret->fingerprint);
    row_text(row, secret->encoding);
    row_nil(row);
    row_text(row, secret->evidence);
    row_text(row, nothing);
    if (secret->confidence >= TOTALS_CONFIDENCE)
        run->totals->secrets[secret->severity]++;
    else
        run->totals->secrets_unlikely++;
    return row_put(run->sink, row, err);
}

static int layer_errors_emit(struct emit_run *run, const struct planned_layer *layer, struct err *err) {
    const struct layer_result *result = layer->result;
    for (size_t i = 0; i < result->errors.count; i++) {
        const struct layer_error *error = &result->errors.data[i];
        struct error_row row = {.target = layer->first_reference,
                                .layer_digest = &result->digest,
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

static int layer_emit(struct emit_run *run, const struct planned_layer *layer, struct err *err) {
    const struct layer_result *result = layer->result;
    struct totals *totals = run->totals;
    struct row *row = &run->row;
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_LAYER, run->options->sweep_id);
    row_text(row, digest_span(&result->digest, text));
    row_text(row, result->media_type);
    row_u64(row, result->compressed_bytes);
    row_u64(row, result->unpacked_bytes);
    row_u64(row, result->file_count);
    row_u64(row, result->body_count);
    row_u64(row, result->body_seen_count);
    row_text(row, span_text(scan_status_name(result->status)));
    row_u64(row, result->scan_ms);
    totals->layers++;
    totals->layer_references += layer->image_count;
    totals->bytes_read += result->compressed_bytes;
    totals->bytes_saved += result->compressed_bytes * (layer->image_count - 1);
    totals->bytes_unpacked += result->unpacked_bytes;
    totals->files += result->file_count;
    totals->bodies += result->body_count;
    if (row_put(run->sink, row, err) < 0)
        return -1;
    for (size_t i = 0; i < result->secrets.count; i++) {
        if (secret_emit(run, &result->digest, &result->secrets.data[i], err) < 0)
            return -1;
    }
    return layer_errors_emit(run, layer, err);
}

/* ---- images ---- */

static bool secret_is_worse(const struct total_secret *a, const struct total_secret *b) {
    return a->severity != b->severity ? a->severity > b->severity : a->confidence > b->confidence;
}

/* The summary names each secret once, wherever it is; the worst ones win a place. */
static void secret_note(struct emit_run *run, const struct planned_image *image, const struct layer_secret *secret,
                        const char *state, struct span location) {
    struct totals *totals = run->totals;
    bool is_new = false;
    if (secret->confidence < TOTALS_CONFIDENCE || map_put(&run->fingerprints, secret->fingerprint, &is_new) == NULL ||
        !is_new)
        return;
    struct total_secret entry = {secret->rule,     secret->redacted, location,          image->reference.text,
                                 span_text(state), secret->severity, secret->confidence};
    size_t place = totals->top_secret_count;
    while (place > 0 && secret_is_worse(&entry, &totals->top_secrets[place - 1]))
        place--;
    if (place == TOTALS_SECRETS_MAX)
        return;
    size_t moved = size_min(totals->top_secret_count, TOTALS_SECRETS_MAX - 1) - place;
    memmove(&totals->top_secrets[place + 1], &totals->top_secrets[place], moved * sizeof entry);
    totals->top_secrets[place] = entry;
    totals->top_secret_count = size_min(totals->top_secret_count + 1, TOTALS_SECRETS_MAX);
}

static int image_secret_emit(struct emit_run *run, const struct planned_image *image, const struct digest *image_digest,
                             const struct layer_secret *secret, struct span location, const char *state,
                             const struct digest *layer_digest, struct err *err) {
    struct row *row = &run->row;
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_IMAGE_SECRET, run->options->sweep_id);
    row_text(row, digest_span(image_digest, text));
    row_text(row, secret->fingerprint);
    row_text(row, secret->rule);
    row_text(row, location);
    row_text(row, span_text(state));
    row_text_or_nil(row, layer_digest == NULL ? nothing : digest_span(layer_digest, text));
    run->totals->has_findings = true;
    if (secret->severity > run->totals->worst && secret->confidence >= TOTALS_CONFIDENCE)
        run->totals->worst = secret->severity;
    secret_note(run, image, secret, state, location);
    return row_put(run->sink, row, err);
}

static int image_layers_emit(struct emit_run *run, const struct planned_image *image, const struct digest *image_digest,
                             struct err *err) {
    struct row *row = &run->row;
    size_t history = 0, ordinal = 0;
    struct digest none = {.algorithm = DIGEST_NONE};
    const struct image_config *config = &image->config;
    char text[DIGEST_TEXT_SIZE];
    /* History has a line for each step; those without a layer are kept as empty layers, in their place. */
    for (size_t i = 0; i < image->layer_count || history < config->history_count;) {
        const struct history_entry *step = history < config->history_count ? &config->history[history] : NULL;
        bool empty = step != NULL && step->empty_layer;
        if (!empty && i >= image->layer_count)
            break; /* more steps than layers: a squashed image that kept its history */
        const struct planned_layer *layer = empty ? NULL : run->plan->layers.data[image->layers[i]];
        const struct digest *diff_id = !empty && i < config->diff_id_count ? &config->diff_ids[i] : &none;
        row_begin(row, TABLE_IMAGE_LAYER, run->options->sweep_id);
        row_text(row, digest_span(image_digest, text));
        row_u64(row, ordinal++);
        row_text(row, layer == NULL ? nothing : digest_span(&layer->result->digest, text));
        row_text(row, digest_span(diff_id, text));
        row_text(row, step == NULL ? nothing : step->created_by);
        row_bool(row, empty);
        if (row_put(run->sink, row, err) < 0)
            return -1;
        i += !empty;
        history++;
    }
    return 0;
}

/* What the layers' results make of the image's own status. */
static void image_status_settle(struct plan *plan, struct planned_image *image) {
    size_t failed = 0;
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct layer_result *result = plan->layers.data[image->layers[i]]->result;
        enum scan_status status = result->status;
        if (status == SCAN_DONE)
            continue;
        failed += status == SCAN_FAILED;
        if (image->status == SCAN_DONE)
            image->status = SCAN_PARTIAL;
        if (image->reason.size == 0 && result->errors.count > 0)
            image->reason = result->errors.data[0].message;
    }
    if (failed > 0 && failed == image->layer_count)
        image->status = SCAN_FAILED;
}

static int image_row_emit(struct emit_run *run, const struct planned_image *image, const struct digest *image_digest,
                          struct span package_set, struct err *err) {
    struct row *row = &run->row;
    const struct image_config *config = &image->config;
    char text[DIGEST_TEXT_SIZE];
    uint64_t packed = 0, unpacked = 0;
    int64_t created;
    for (size_t i = 0; i < image->layer_count; i++) {
        packed += run->plan->layers.data[image->layers[i]]->result->compressed_bytes;
        unpacked += run->plan->layers.data[image->layers[i]]->result->unpacked_bytes;
    }
    row_begin(row, TABLE_IMAGE, run->options->sweep_id);
    row_text(row, image->reference.text);
    row_text(row, image->reference.registry);
    row_text(row, image->reference.repository);
    row_text_or_nil(row, image->reference.tag);
    row_text(row, digest_span(image_digest, text));
    row_text(row, span_text(image->kind));
    row_text(row, image->media_type);
    row_text(row, image->platform.os);
    row_text(row, image->platform.architecture);
    row_text(row, image->platform.variant);
    row_text(row, digest_span(&image->config_descriptor.digest, text));
    /* Reproducible builds write year 1 or 0; warehouses' times begin in 1970. */
    if (clock_parse(config->created, &created) && created >= 0)
        row_time(row, created);
    else
        row_nil(row);
    row_text(row, config->user);
    row_u64(row, image->layer_count);
    row_u64(row, packed);
    row_u64(row, unpacked);
    row_text(row, package_set);
    row_nil(row);
    row_map(row, config->labels, config->label_count);
    row_text(row, span_text(scan_status_name(image->status)));
    row_text(row, image->reason);
    row_time(row, run->options->scanned_at);
    return row_put(run->sink, row, err);
}

static void image_count(struct emit_run *run, const struct planned_image *image,
                        const uint64_t vulnerabilities[SEVERITY_COUNT], uint64_t secrets) {
    struct totals *totals = run->totals;
    totals->images++;
    totals->images_done += image->status == SCAN_DONE;
    totals->images_partial += image->status == SCAN_PARTIAL;
    totals->images_failed += image->status == SCAN_FAILED;
    totals->images_skipped += image->status == SCAN_SKIPPED;
    struct worst_image entry = {
        .reference = image->reference.text, .architecture = image->platform.architecture, .secrets = secrets};
    uint64_t weight = secrets;
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

static int image_secrets_emit(struct emit_run *run, struct planned_image *image, const struct digest *image_digest,
                              const struct composition *composition, uint64_t *secret_count, struct err *err) {
    for (size_t i = 0; i < composition->secrets.count; i++) {
        const struct composed_secret *composed = &composition->secrets.data[i];
        const struct digest *layer = &run->plan->layers.data[image->layers[composed->layer_index]]->result->digest;
        *secret_count += composed->secret->confidence >= TOTALS_CONFIDENCE;
        if (image_secret_emit(run, image, image_digest, composed->secret, composed->secret->path,
                              secret_state_name(composed->state), layer, err) < 0)
            return -1;
    }
    if (!run->options->secrets || !image->has_config)
        return 0;
    const struct config_secret *found = NULL;
    size_t count = 0;
    if (image_secrets_search(run->config_secrets, &image->config, &found, &count, err) < 0 ||
        image_secrets_redact(run->config_secrets, &image->config, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        *secret_count += found[i].secret.confidence >= TOTALS_CONFIDENCE;
        if (secret_emit(run, &image->config_descriptor.digest, &found[i].secret, err) < 0 ||
            image_secret_emit(run, image, image_digest, &found[i].secret, found[i].secret.path, found[i].state, NULL,
                              err) < 0)
            return -1;
    }
    return 0;
}

static int image_errors_emit(struct emit_run *run, const struct planned_image *image, const struct digest *image_digest,
                             struct err *err) {
    for (size_t i = 0; i < image->errors.count; i++) {
        struct error_row row = {.target = image->reference.text,
                                .image_digest = image_digest,
                                .stage = image->errors.data[i].stage,
                                .code = image->errors.data[i].code,
                                .message = image->errors.data[i].message};
        if (error_emit(run, &row, err) < 0)
            return -1;
    }
    return 0;
}

static int image_emit(struct emit_run *run, struct planned_image *image, struct err *err) {
    static const uint64_t no_vulnerabilities[SEVERITY_COUNT] = {0};
    const struct layer_result *layers[LIMIT_LAYERS];
    struct composition composition = {0};
    struct package_set_outcome set = {.id = nothing, .vulnerabilities = no_vulnerabilities};
    uint64_t secret_count = 0;
    for (size_t i = 0; i < image->layer_count; i++)
        layers[i] = run->plan->layers.data[image->layers[i]]->result;
    /* A folder has no manifest: what stands for the image's digest is the digest of the folder's contents. */
    bool is_tree = image->source != NULL && image->source->ops->manifest == NULL;
    const struct digest *image_digest = is_tree ? &layers[0]->digest : &image->digest;
    image_status_settle(run->plan, image);
    int result = compose(layers, image->layer_count, run->options->with_declared, &composition, err);
    if (result == 0 && composition.packages.count > 0)
        result = package_sets_emit(run->sets, &composition, layers, &set, err);
    if (result == 0)
        result = image_secrets_emit(run, image, image_digest, &composition, &secret_count, err);
    if (result == 0 && image->status != SCAN_SKIPPED && !is_tree)
        result = image_layers_emit(run, image, image_digest, err);
    if (result == 0)
        result = image_errors_emit(run, image, image_digest, err);
    if (result == 0)
        result = image_row_emit(run, image, image_digest, set.id, err);
    image_count(run, image, set.vulnerabilities, secret_count);
    composition_release(&composition);
    return result;
}

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
        if (layer_emit(run, plan->layers.data[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < plan->images.count; i++) {
        if (run->options->stop != NULL && run->options->stop(run->options->stop_context))
            return err_set(err, ERR_CANCELED, 0, "canceled");
        if (image_emit(run, plan->images.data[i], err) < 0)
            return -1;
    }
    return 0;
}

int emit(struct plan *plan, const struct emit_options *options, const struct row_sink *sink, struct totals *ret_totals,
         struct err *err) {
    struct totals totals = {0};
    struct emit_run run = {.plan = plan, .options = options, .sink = sink, .totals = &totals};
    row_init(&run.row);
    map_init(&run.fingerprints, (uint64_t)(uintptr_t)plan);
    int result = package_sets_new(options, sink, &totals, &plan->arena, &run.sets, err);
    if (result == 0 && options->secrets)
        result =
            image_secrets_new(options->secret_engine, options->show_secrets, &plan->arena, &run.config_secrets, err);
    if (result == 0)
        result = plan_emit(&run, err);
    package_sets_free(run.sets);
    image_secrets_free(run.config_secrets);
    map_release(&run.fingerprints);
    row_release(&run.row);
    if (result == 0)
        *ret_totals = totals;
    return result;
}
