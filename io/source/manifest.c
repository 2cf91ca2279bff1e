#include "io/source/manifest.h"

#include "base/limits.h"
#include "base/text.h"

#define MEDIA_SCHEMA1 "application/vnd.docker.distribution.manifest.v1"

static int field_bad(const char *where, const char *field, const char *expected, struct err *err) {
    return err_set(err, ERR_FORMAT, 0, "%s: field %s: expected %s", where, field, expected);
}

static struct platform platform_read(const struct doc *object) {
    return (struct platform){.os = doc_text(doc_get_last(object, "os")),
                             .architecture = doc_text(doc_get_last(object, "architecture")),
                             .variant = doc_text(doc_get_last(object, "variant"))};
}

static int descriptor_read(const struct doc *object, const char *where, struct descriptor *ret_descriptor,
                           struct err *err) {
    struct descriptor d = {.media_type = doc_text(doc_get_last(object, "mediaType"))};
    int64_t size = 0;
    if (!doc_is(object, DOC_OBJECT))
        return err_set(err, ERR_FORMAT, 0, "%s: expected a descriptor object", where);
    const struct doc *digest = doc_get_last(object, "digest");
    if (!doc_is(digest, DOC_STRING))
        return field_bad(where, "digest", "text", err);
    if (digest_parse(digest->text, &d.digest, err) < 0)
        return err_wrap(err, "%s", where);
    const struct doc *size_field = doc_get_last(object, "size");
    if (!doc_i64(size_field, &size) || size < 0) {
        char quoted[64];
        return err_set(err, ERR_FORMAT, 0, "%s: field size: expected bytes, found '%s'", where,
                       text_quote(doc_scalar(size_field), quoted, sizeof quoted));
    }
    d.size = (uint64_t)size;
    d.platform = platform_read(doc_get_last(object, "platform"));
    d.is_foreign = span_find(d.media_type, span_text(".foreign."), 0) != SIZE_MAX ||
                   span_find(d.media_type, span_text(".nondistributable."), 0) != SIZE_MAX;
    const struct doc *annotations = doc_get_last(object, "annotations");
    d.ref_name = doc_text(doc_get_last(annotations, "org.opencontainers.image.ref.name"));
    d.is_attestation =
        (span_is(d.platform.os, "unknown") && span_is(d.platform.architecture, "unknown")) ||
        span_is(doc_text(doc_get_last(annotations, "vnd.docker.reference.type")), "attestation-manifest");
    *ret_descriptor = d;
    return 0;
}

static int descriptors_read(struct arena *arena, const struct doc *array, const char *where, size_t count_max,
                            struct manifest *manifest, struct err *err) {
    if (doc_is(array, DOC_NULL))
        return 0; /* Go's encoder writes an empty list so: new layouts of umoci and images without layers have it */
    if (!doc_is(array, DOC_ARRAY))
        return field_bad(where, "list", "an array", err);
    if (array->count > count_max)
        return err_set(err, ERR_LIMIT, 0, "%s: expected at most %zu entries, found %zu", where, count_max,
                       array->count);
    manifest->entries = arena_array(arena, array->count, sizeof *manifest->entries);
    if (manifest->entries == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", where);
    for (const struct doc *item = doc_first(array); item != NULL; item = item->next) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s %zu", where, manifest->entry_count);
        if (descriptor_read(item, name, &manifest->entries[manifest->entry_count], err) < 0)
            return -1;
        manifest->entry_count++;
    }
    return 0;
}

/* An image's configuration is one of these two; every other type of configuration makes the manifest an artifact. */
static bool config_is_image(struct span media_type) {
    return media_type.size == 0 || span_is(media_type, "application/vnd.oci.image.config.v1+json") ||
           span_is(media_type, "application/vnd.docker.container.image.v1+json");
}

int manifest_parse(struct arena *arena, struct span json, struct manifest *ret_manifest, struct err *err) {
    struct doc *root = NULL;
    if (json_parse(arena, json, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "manifest");
    if (!doc_is(root, DOC_OBJECT))
        return err_set(err, ERR_FORMAT, 0, "manifest: expected a JSON object");
    struct manifest manifest = {.media_type = doc_text(doc_get_last(root, "mediaType"))};
    bool is_artifact = doc_text(doc_get_last(root, "artifactType")).size > 0;
    int64_t schema = 0;
    const struct doc *manifests = doc_get_last(root, "manifests");
    const struct doc *layers = doc_get_last(root, "layers");
    const struct doc *config = doc_get_last(root, "config");
    if (span_starts(manifest.media_type, MEDIA_SCHEMA1) || doc_get_last(root, "fsLayers") != NULL ||
        (doc_i64(doc_get_last(root, "schemaVersion"), &schema) && schema == 1)) {
        manifest.kind = MANIFEST_SCHEMA1;
    } else if (manifests != NULL && layers == NULL && config == NULL) {
        manifest.kind = MANIFEST_INDEX;
        if (descriptors_read(arena, manifests, "index manifest", LIMIT_INDEX_MANIFESTS, &manifest, err) < 0)
            return -1;
    } else if (config != NULL && manifests == NULL) {
        if (descriptor_read(config, "manifest config", &manifest.config, err) < 0 ||
            descriptors_read(arena, layers, "manifest layer", LIMIT_LAYERS, &manifest, err) < 0)
            return -1;
        bool artifact = is_artifact || !config_is_image(manifest.config.media_type);
        manifest.kind = artifact ? MANIFEST_ARTIFACT : MANIFEST_IMAGE;
    } else if (is_artifact || doc_get_last(root, "blobs") != NULL) {
        manifest.kind = MANIFEST_ARTIFACT; /* the ORAS artifact manifest, now withdrawn */
    } else {
        return err_set(err, ERR_FORMAT, 0,
                       "manifest: expected either config and layers (an image) or manifests (an index), found neither");
    }
    *ret_manifest = manifest;
    return 0;
}

/* An array of text into spans; NULL and absent are empty. */
static int texts_read(struct arena *arena, const struct doc *array, const char *field, struct span **ret_items,
                      size_t *ret_count, struct err *err) {
    *ret_items = NULL;
    *ret_count = 0;
    if (array == NULL || doc_is(array, DOC_NULL))
        return 0;
    if (!doc_is(array, DOC_ARRAY))
        return field_bad("image configuration", field, "an array of text", err);
    struct span *items = arena_array(arena, array->count, sizeof *items);
    if (items == NULL)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    size_t count = 0;
    for (const struct doc *item = doc_first(array); item != NULL; item = item->next) {
        if (!doc_is(item, DOC_STRING))
            return field_bad("image configuration", field, "an array of text", err);
        items[count++] = item->text;
    }
    *ret_items = items;
    *ret_count = count;
    return 0;
}

static int label_compare(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static int labels_read(struct arena *arena, const struct doc *object, struct image_config *config, struct err *err) {
    if (object == NULL || doc_is(object, DOC_NULL))
        return 0;
    if (!doc_is(object, DOC_OBJECT))
        return field_bad("image configuration", "Labels", "an object", err);
    config->labels = arena_array(arena, object->count, 2 * sizeof(struct span));
    if (config->labels == NULL)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    for (const struct doc *member = doc_first(object); member != NULL; member = member->next) {
        config->labels[2 * config->label_count] = member->key;
        config->labels[2 * config->label_count + 1] = doc_scalar(member);
        config->label_count++;
    }
    qsort(config->labels, config->label_count, 2 * sizeof(struct span), label_compare);
    return 0;
}

static int history_read(struct arena *arena, const struct doc *array, struct image_config *config, struct err *err) {
    if (array == NULL || doc_is(array, DOC_NULL))
        return 0;
    if (!doc_is(array, DOC_ARRAY))
        return field_bad("image configuration", "history", "an array", err);
    config->history = arena_array(arena, array->count, sizeof *config->history);
    if (config->history == NULL)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    for (const struct doc *item = doc_first(array); item != NULL; item = item->next) {
        const struct doc *empty = doc_get_last(item, "empty_layer");
        config->history[config->history_count++] = (struct history_entry){
            .created_by = doc_text(doc_get_last(item, "created_by")),
            .empty_layer = doc_is(empty, DOC_BOOL) && empty->boolean,
        };
    }
    return 0;
}

int image_config_parse(struct arena *arena, struct span json, struct image_config *ret_config, struct err *err) {
    struct doc *root = NULL;
    if (json_parse(arena, json, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "image configuration");
    if (!doc_is(root, DOC_OBJECT))
        return err_set(err, ERR_FORMAT, 0, "image configuration: expected a JSON object");
    struct image_config config = {.platform = platform_read(root), .created = doc_text(doc_get_last(root, "created"))};
    const struct doc *run = doc_get_last(root, "config");
    config.run = run;
    config.user = doc_text(doc_get_last(run, "User"));
    struct span *diff_ids = NULL;
    if (texts_read(arena, doc_get_last(doc_get_last(root, "rootfs"), "diff_ids"), "rootfs.diff_ids", &diff_ids,
                   &config.diff_id_count, err) < 0 ||
        texts_read(arena, doc_get_last(run, "Env"), "config.Env", &config.env, &config.env_count, err) < 0 ||
        labels_read(arena, doc_get_last(run, "Labels"), &config, err) < 0 ||
        history_read(arena, doc_get_last(root, "history"), &config, err) < 0)
        return -1;
    if (config.diff_id_count > LIMIT_LAYERS)
        return err_set(err, ERR_LIMIT, 0, "image configuration: expected at most %zu diff_ids, found %zu", LIMIT_LAYERS,
                       config.diff_id_count);
    config.diff_ids = arena_array(arena, config.diff_id_count, sizeof *config.diff_ids);
    if (config.diff_ids == NULL)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    for (size_t i = 0; i < config.diff_id_count; i++)
        (void)digest_parse(diff_ids[i], &config.diff_ids[i], NULL); /* DIGEST_NONE stays: only --verify-diff-id minds */
    *ret_config = config;
    return 0;
}
