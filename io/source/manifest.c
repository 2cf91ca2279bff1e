#include "io/source/manifest.h"

#include "base/limits.h"
#include "base/text.h"
#include "io/source/manifest_schema1.h"

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

/* ---- artifacts ---- */

/* Media types by which artifacts are told: of artifactType, the configuration or a layer. Beginnings; the first that
 * fits counts. Sources: cosign, notation, in-toto, SPDX, CycloneDX, Syft, Helm, the WASM working group's OCI layout,
 * Open Policy Agent, the model specifications of CNCF and Docker. */
static const struct {
    const char *media_type;
    enum artifact_kind kind;
} artifact_types[] = {
    {"application/vnd.dev.cosign.simplesigning.", ARTIFACT_SIGNATURE},
    {"application/vnd.dev.cosign.artifact.sig.", ARTIFACT_SIGNATURE},
    {"application/vnd.dev.cosign.artifact.att.", ARTIFACT_ATTESTATION},
    {"application/vnd.dev.cosign.artifact.sbom.", ARTIFACT_SBOM},
    {"application/vnd.dev.sigstore.bundle", ARTIFACT_SIGNATURE},
    {"application/vnd.cncf.notary.signature", ARTIFACT_SIGNATURE},
    {"application/jose+json", ARTIFACT_SIGNATURE},
    {"application/vnd.in-toto", ARTIFACT_ATTESTATION},
    {"application/vnd.dsse.envelope.", ARTIFACT_ATTESTATION},
    {"application/spdx", ARTIFACT_SBOM},
    {"text/spdx", ARTIFACT_SBOM},
    {"application/vnd.cyclonedx", ARTIFACT_SBOM},
    {"application/vnd.syft", ARTIFACT_SBOM},
    {"application/vnd.cncf.helm.", ARTIFACT_HELM_CHART},
    {"application/vnd.wasm.", ARTIFACT_WASM_MODULE},
    {"application/vnd.module.wasm.", ARTIFACT_WASM_MODULE},
    {"application/wasm", ARTIFACT_WASM_MODULE},
    {"application/vnd.cncf.openpolicyagent.", ARTIFACT_POLICY},
    {"application/vnd.cncf.model.", ARTIFACT_MODEL},
    {"application/vnd.docker.ai.", ARTIFACT_MODEL},
};

static const char *const artifact_names[ARTIFACT_KIND_COUNT] = {
    [ARTIFACT_SIGNATURE] = "signature",          [ARTIFACT_SBOM] = "SBOM",     [ARTIFACT_ATTESTATION] = "attestation",
    [ARTIFACT_HELM_CHART] = "Helm chart",        [ARTIFACT_POLICY] = "policy", [ARTIFACT_WASM_MODULE] = "WASM module",
    [ARTIFACT_MODEL] = "machine-learning model", [ARTIFACT_OTHER] = "artifact"};

static enum artifact_kind artifact_kind_of(struct span media_type) {
    for (size_t i = 0; i < ARRAY_COUNT(artifact_types); i++) {
        if (span_starts(media_type, artifact_types[i].media_type))
            return artifact_types[i].kind;
    }
    return ARTIFACT_OTHER;
}

/* Kind and type, from the most telling field that names a known one. */
static void artifact_read(struct manifest *manifest, struct span artifact_type) {
    struct span config = manifest->config.media_type;
    manifest->kind = MANIFEST_ARTIFACT;
    manifest->artifact_type = artifact_type.size > 0 ? artifact_type : config;
    manifest->artifact = artifact_kind_of(manifest->artifact_type);
    if (manifest->artifact == ARTIFACT_OTHER)
        manifest->artifact = artifact_kind_of(config);
    for (size_t i = 0; i < manifest->entry_count && manifest->artifact == ARTIFACT_OTHER; i++)
        manifest->artifact = artifact_kind_of(manifest->entries[i].media_type);
}

/* Layers that an engine unpacks. Without a type they are taken for such. */
static bool layer_is_tar(struct span media_type) {
    return media_type.size == 0 || span_starts(media_type, "application/vnd.oci.image.layer.") ||
           span_starts(media_type, "application/vnd.docker.image.rootfs.");
}

/* Cosign and buildkit give their artifacts the configuration of an image. An image is what an engine can run, whatever
 * it says of itself: one layer to unpack is enough, or else anybody could hide an image by calling it an artifact. */
static bool layers_are_artifact(const struct manifest *manifest, bool is_artifact) {
    bool known = is_artifact;
    for (size_t i = 0; i < manifest->entry_count; i++) {
        if (layer_is_tar(manifest->entries[i].media_type))
            return false;
        known = known || artifact_kind_of(manifest->entries[i].media_type) != ARTIFACT_OTHER;
    }
    return known;
}

struct digest manifest_tag_subject(struct span tag) {
    static const char *const suffixes[] = {".sig", ".att", ".sbom"};
    struct digest digest, none = {.algorithm = DIGEST_NONE};
    char text[DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
        if (span_ends(tag, suffixes[i])) {
            tag.size -= strlen(suffixes[i]);
            break;
        }
    }
    size_t dash = span_index(tag, '-', 0);
    if (dash == SIZE_MAX || tag.size >= sizeof text)
        return none;
    memcpy(text, tag.data, tag.size);
    text[dash] = ':';
    return digest_parse(span_make(text, tag.size), &digest, NULL) < 0 ? none : digest;
}

#define NO_IMAGE ", not an image"

char *manifest_artifact_text(struct arena *arena, const struct manifest *manifest) {
    char digest[DIGEST_TEXT_SIZE], quoted[128], name[sizeof quoted + 32];
    (void)snprintf(name, sizeof name, "%s", artifact_names[manifest->artifact]);
    if (manifest->artifact == ARTIFACT_OTHER && manifest->artifact_type.size > 0)
        (void)snprintf(name, sizeof name, "artifact with type %s",
                       text_quote(manifest->artifact_type, quoted, sizeof quoted));
    if (manifest->subject.algorithm == DIGEST_NONE)
        return arena_format(arena, "%s" NO_IMAGE, name);
    return arena_format(arena, "%s of %s", name, digest_text(&manifest->subject, digest));
}

struct span manifest_artifact_text_of_tag(struct arena *arena, struct span text, struct span tag) {
    struct digest subject = manifest_tag_subject(tag);
    char digest[DIGEST_TEXT_SIZE];
    if (subject.algorithm == DIGEST_NONE || !span_ends(text, NO_IMAGE))
        return text;
    char *whole = arena_format(arena, "%.*s of %s", SPAN_FORMAT(span_slice(text, 0, text.size - strlen(NO_IMAGE))),
                               digest_text(&subject, digest));
    return whole == NULL ? text : span_text(whole);
}

/* ---- manifests ---- */

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
    struct span artifact_type = doc_text(doc_get_last(root, "artifactType"));
    bool is_artifact = artifact_type.size > 0;
    struct span subject = doc_text(doc_get_last(doc_get_last(root, "subject"), "digest"));
    if (digest_parse(subject, &manifest.subject, NULL) < 0)
        manifest.subject =
            (struct digest){.algorithm = DIGEST_NONE}; /* engines do not look at it: no reason to refuse */
    int64_t schema = 0;
    const struct doc *manifests = doc_get_last(root, "manifests");
    const struct doc *layers = doc_get_last(root, "layers");
    const struct doc *config = doc_get_last(root, "config");
    if (span_starts(manifest.media_type, MEDIA_SCHEMA1) || doc_get_last(root, "fsLayers") != NULL ||
        (doc_i64(doc_get_last(root, "schemaVersion"), &schema) && schema == 1)) {
        if (manifest_schema1_read(arena, root, &manifest, err) < 0)
            return -1;
    } else if (manifests != NULL && layers == NULL && config == NULL) {
        manifest.kind = MANIFEST_INDEX;
        if (descriptors_read(arena, manifests, "index manifest", LIMIT_INDEX_MANIFESTS, &manifest, err) < 0)
            return -1;
    } else if (config != NULL && manifests == NULL) {
        if (descriptor_read(config, "manifest config", &manifest.config, err) < 0 ||
            descriptors_read(arena, layers, "manifest layer", LIMIT_LAYERS, &manifest, err) < 0)
            return -1;
        manifest.kind = MANIFEST_IMAGE;
        if (!config_is_image(manifest.config.media_type) || layers_are_artifact(&manifest, is_artifact))
            artifact_read(&manifest, artifact_type);
    } else if (is_artifact || doc_get_last(root, "blobs") != NULL) {
        artifact_read(&manifest, artifact_type); /* the ORAS artifact manifest, now withdrawn */
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
