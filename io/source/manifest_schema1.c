#include "io/source/manifest_schema1.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/text.h"

#define LAYER_MEDIA_TYPE "application/vnd.docker.image.rootfs.diff.tar.gzip"

/* A gzip of 1024 zero bytes: an empty tar, which Docker pushed for each step that changed no file. */
#define EMPTY_LAYER "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "manifest: out of memory"); }

/* ["/bin/sh","-c","#(nop) …"] as one line, as Docker writes a history's created_by. */
static struct span command_text(struct arena *arena, const struct doc *command) {
    struct buf line;
    buf_init(&line, 0);
    for (const struct doc *word = doc_first(command); word != NULL; word = word->next) {
        if (line.size > 0)
            buf_byte(&line, ' ');
        buf_add(&line, doc_text(word));
    }
    struct span copy = arena_copy(arena, line.failed ? (struct span){NULL, 0} : buf_span(&line));
    buf_release(&line);
    return copy;
}

/* One step: its blob and its own configuration. Steps are written from the end of both lists: they come newest first.
 */
static int step_read(struct arena *arena, struct span blob_sum, struct span compatibility, struct manifest *manifest,
                     struct image_config *config, struct err *err) {
    struct doc *root = NULL;
    struct digest digest;
    if (digest_parse(blob_sum, &digest, err) < 0 ||
        json_parse(arena, compatibility, doc_limits_default(), &root, err) < 0)
        return -1;
    const struct doc *throwaway = doc_get_last(root, "throwaway");
    bool empty = (doc_is(throwaway, DOC_BOOL) && throwaway->boolean) || span_is(blob_sum, EMPTY_LAYER);
    struct span command = command_text(arena, doc_get_last(doc_get_last(root, "container_config"), "Cmd"));
    if (command.data == NULL)
        return memory_short(err);
    config->history[config->history_count++] = (struct history_entry){.created_by = command, .empty_layer = empty};
    if (!empty)
        manifest->entries[manifest->entry_count++] =
            (struct descriptor){.digest = digest, .media_type = span_text(LAYER_MEDIA_TYPE), .size_unknown = true};
    return 0;
}

/* The steps of two lists, oldest first. */
static int steps_read(struct arena *arena, const struct doc *const *layers, const struct doc *const *history,
                      size_t count, struct manifest *manifest, struct image_config *config, struct err *err) {
    for (size_t i = count; i-- > 0;) {
        struct span blob_sum = doc_text(doc_get_last(layers[i], "blobSum"));
        struct span compatibility = doc_text(doc_get_last(history[i], "v1Compatibility"));
        if (step_read(arena, blob_sum, compatibility, manifest, config, err) < 0)
            return err_wrap(err, "schema 1 manifest, step %zu", i);
    }
    return 0;
}

int manifest_schema1_read(struct arena *arena, const struct doc *root, struct manifest *manifest, struct err *err) {
    const struct doc *layers = doc_get_last(root, "fsLayers"), *history = doc_get_last(root, "history");
    if (!doc_is(layers, DOC_ARRAY) || !doc_is(history, DOC_ARRAY) || layers->count != history->count ||
        layers->count == 0)
        return err_set(err, ERR_FORMAT, 0,
                       "schema 1 manifest: expected fsLayers and history of the same length, found %zu and %zu",
                       layers == NULL ? 0 : layers->count, history == NULL ? 0 : history->count);
    size_t count = layers->count;
    if (count > LIMIT_LAYERS)
        return err_set(err, ERR_LIMIT, 0, "schema 1 manifest: expected at most %zu layers, found %zu", LIMIT_LAYERS,
                       count);
    const struct doc **ordered = arena_array(arena, 2 * count, sizeof(struct doc *));
    struct history_entry *steps = arena_array(arena, count, sizeof *steps);
    struct image_config *config = arena_zalloc(arena, sizeof *config);
    manifest->entries = arena_array(arena, count, sizeof *manifest->entries);
    if (ordered == NULL || steps == NULL || config == NULL || manifest->entries == NULL)
        return memory_short(err);
    const struct doc *layer = doc_first(layers), *step = doc_first(history);
    for (size_t i = 0; i < count; i++, layer = layer->next, step = step->next) {
        ordered[i] = layer;
        ordered[count + i] = step;
    }
    if (image_config_parse(arena, doc_text(doc_get_last(ordered[count], "v1Compatibility")), config, err) < 0)
        return err_wrap(err, "schema 1 manifest");
    config->history = steps; /* what the text itself may have of later formats does not count */
    config->history_count = 0;
    if (config->platform.architecture.size == 0)
        config->platform.architecture = doc_text(doc_get_last(root, "architecture"));
    if (steps_read(arena, ordered, ordered + count, count, manifest, config, err) < 0)
        return -1;
    config->diff_id_count = manifest->entry_count;
    config->diff_ids = arena_array(arena, manifest->entry_count, sizeof *config->diff_ids);
    if (config->diff_ids == NULL)
        return memory_short(err);
    manifest->kind = MANIFEST_SCHEMA1;
    manifest->converted = config;
    return 0;
}

/* ---- signatures ---- */

/* RFC 4648 §5 without padding, as RFC 7515 has it: two signs differ from base64's. False when it is not that or memory
 * is short. */
static bool base64url_decode(struct span text, struct buf *out) {
    struct buf plain;
    buf_init(&plain, LIMIT_MANIFEST_BYTES);
    for (size_t i = 0; i < text.size; i++)
        buf_byte(&plain, text.data[i] == '-' ? '+' : text.data[i] == '_' ? '/' : text.data[i]);
    bool ok = !plain.failed && base64_decode(out, buf_span(&plain)) && !out->failed;
    buf_release(&plain);
    return ok;
}

/* `protected` of the first signature says where the signatures were put in and how the bytes went on before that. */
static bool tail_read(struct arena *arena, const struct doc *root, struct buf *tail, uint64_t *ret_length) {
    const struct doc *signature = doc_first(doc_get_last(root, "signatures"));
    struct buf text;
    struct doc *header = NULL;
    int64_t length = 0;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = base64url_decode(doc_text(doc_get_last(signature, "protected")), &text) &&
              json_parse(arena, buf_span(&text), doc_limits_default(), &header, NULL) == 0 &&
              doc_i64(doc_get_last(header, "formatLength"), &length) && length >= 0 &&
              base64url_decode(doc_text(doc_get_last(header, "formatTail")), tail);
    buf_release(&text);
    *ret_length = ok ? (uint64_t)length : 0;
    return ok;
}

struct span manifest_signed_part(struct arena *arena, struct span json) {
    struct doc *root = NULL;
    struct buf tail;
    uint64_t length = 0;
    int64_t schema = 0;
    /* Nearly all manifests are of other kinds: they are not parsed twice. */
    if (span_find(json, span_text("\"signatures\""), 0) == SIZE_MAX ||
        json_parse(arena, json, doc_limits_default(), &root, NULL) < 0 ||
        !doc_i64(doc_get_last(root, "schemaVersion"), &schema) || schema != 1)
        return json;
    buf_init(&tail, LIMIT_MANIFEST_BYTES);
    struct span whole = json;
    if (tail_read(arena, root, &tail, &length) && length <= json.size) {
        size_t size = (size_t)length + tail.size; /* both are below LIMIT_MANIFEST_BYTES */
        uint8_t *bytes = arena_alloc(arena, size + 1);
        if (bytes != NULL) {
            memcpy(bytes, json.data, (size_t)length);
            if (tail.size > 0)
                memcpy(bytes + length, tail.data, tail.size);
            whole = span_make(bytes, size);
        }
    }
    buf_release(&tail);
    return whole;
}
