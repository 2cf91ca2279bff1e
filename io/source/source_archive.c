/* Images in one tar file, packed or not: OCI layouts (`oci-archive:`) and what `docker save` writes
 * (`docker-archive:`). "-" is standard input. Opening reads the member list, which blocks; so does a small blob. Layers
 * are pulled by the scan thread that wants them. What is packed or comes through a pipe goes into a temporary file
 * without a name first, for manifests and layers stand in any order.
 *
 * A docker archive has no manifests: manifest.json names a configuration and layer members. One OCI-like manifest is
 * made of each item, so that nothing behind this file knows the difference; layers are named by the diff_ids of the
 * configuration. Format: moby image/tarexport, "manifest.json". */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/archive/tar_index.h"
#include "io/source/layout.h"
#include "io/source/reference.h"
#include "io/source/source.h"
#include "io/source/store.h"

struct archive_layer {
    struct digest digest;
    const struct tar_member *member;
};

/* One image of a docker archive. */
struct archive_item {
    struct span config; /* the member's bytes; live in the run's arena */
    struct digest config_digest;
    struct archive_layer *layers;
    size_t layer_count;
    const struct doc *tags; /* RepoTags */
    struct err err;         /* why this item cannot be read */
};

struct archive_source {
    struct source source;
    struct span text;
    struct tar_index *index;
    struct buf layout_index;    /* oci-archive: index.json */
    struct archive_item *items; /* docker-archive */
    size_t item_count;
};

static void archive_close(struct source *source) {
    struct archive_source *archive = (struct archive_source *)source;
    if (archive == NULL)
        return;
    tar_index_close(archive->index);
    buf_release(&archive->layout_index);
    mem_free(archive);
}

static int member_read(const struct archive_source *archive, struct span path, size_t bytes_max, struct buf *bytes,
                       struct err *err) {
    const struct tar_member *member;
    char quoted[96];
    bytes->size_max = bytes_max;
    if (tar_index_find(archive->index, path, &member, err) < 0 ||
        tar_index_read(archive->index, member, bytes, err) < 0)
        return err_wrap(err, "member %s", text_quote(path, quoted, sizeof quoted));
    return 0;
}

static int member_pull(void *context, struct span *ret_bytes, struct err *err) {
    return tar_member_read(context, ret_bytes, err);
}

static void member_pull_close(void *context) { tar_member_close(context); }

static void member_stream(const struct archive_source *archive, const struct tar_member *member,
                          struct stream *stream) {
    struct err err = {0};
    struct tar_stream *pulled = NULL;
    if (tar_member_open(archive->index, member, &pulled, &err) == 0) {
        stream->pull = member_pull;
        stream->pull_close = member_pull_close;
        stream->pull_context = pulled;
        stream_end(stream, NULL); /* nobody will put anything */
    } else {
        stream_end(stream, &err);
    }
}

static int archive_new(const struct source_context *context, const struct source_ops *ops, struct span target,
                       struct span location, struct archive_source **ret_archive, struct err *err) {
    struct archive_source *archive = mem_zalloc(sizeof *archive);
    AUTO_FREE char *path = mem_text(location.data, location.size);
    if (archive == NULL || path == NULL) {
        mem_free(archive);
        return err_set(err, ERR_NOMEM, 0, "archive: out of memory");
    }
    *archive = (struct archive_source){.source = {ops, context}, .text = arena_copy(context->arena, target)};
    buf_init(&archive->layout_index, LIMIT_PAGE_BYTES);
    bool piped = span_is(location, "-");
    if ((piped ? tar_index_open_fd(STDIN_FILENO, "standard input", &archive->index, err)
               : tar_index_open(path, &archive->index, err)) < 0) {
        archive_close(&archive->source);
        return piped ? -1 : err_wrap(err, "archive %s", path);
    }
    *ret_archive = archive;
    return 0;
}

/* ---- oci-archive ---- */

static int oci_archive_open(const struct source_context *context, struct span target, struct span location,
                            struct source **ret_source, struct err *err) {
    struct archive_source *archive = NULL;
    if (archive_new(context, &source_oci_archive_ops, target, location, &archive, err) < 0)
        return -1;
    if (member_read(archive, span_text("index.json"), LIMIT_PAGE_BYTES, &archive->layout_index, err) < 0) {
        archive_close(&archive->source);
        return -1;
    }
    *ret_source = &archive->source;
    return 0;
}

static void oci_archive_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct archive_source *archive = (struct archive_source *)source;
    struct err err = {0};
    bool failed = layout_list(source, archive->text, (struct span){NULL, 0}, buf_span(&archive->layout_index), each,
                              context, &err) < 0;
    done(context, failed ? &err : NULL);
}

static void oci_archive_blob(struct source *source, const struct source_reference *reference,
                             const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn, void *context) {
    struct archive_source *archive = (struct archive_source *)source;
    (void)reference;
    char path[LAYOUT_PATH_SIZE];
    struct err err = {0};
    AUTO_BUF struct buf bytes;
    buf_init(&bytes, bytes_max);
    if (member_read(archive, span_text(layout_blob_path(&descriptor->digest, path)), bytes_max, &bytes, &err) < 0 ||
        source_verify(descriptor, buf_span(&bytes), &err) < 0)
        fn(context, (struct span){NULL, 0}, NULL, &err);
    else
        fn(context, buf_span(&bytes), &descriptor->digest, NULL);
}

static void oci_archive_manifest(struct source *source, const struct source_reference *reference,
                                 const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct descriptor named = {.digest = reference->digest};
    oci_archive_blob(source, reference, descriptor == NULL ? &named : descriptor, LIMIT_MANIFEST_BYTES, fn, context);
}

static void oci_archive_stream(struct source *source, const struct source_reference *reference,
                               const struct descriptor *descriptor, struct stream *stream) {
    struct archive_source *archive = (struct archive_source *)source;
    (void)reference;
    char path[LAYOUT_PATH_SIZE];
    struct err err = {0};
    const struct tar_member *member;
    if (tar_index_find(archive->index, span_text(layout_blob_path(&descriptor->digest, path)), &member, &err) < 0)
        stream_end(stream, &err);
    else
        member_stream(archive, member, stream);
}

/* ---- docker-archive ---- */

static int item_layers(struct archive_source *archive, const struct doc *layers, const struct image_config *config,
                       struct archive_item *item, struct err *err) {
    if (!doc_is(layers, DOC_ARRAY) && !doc_is(layers, DOC_NULL) && layers != NULL)
        return err_set(err, ERR_FORMAT, 0, "manifest.json: field Layers: expected an array");
    size_t count = layers == NULL ? 0 : layers->count;
    if (count != config->diff_id_count)
        return err_set(err, ERR_FORMAT, 0, "manifest.json: expected as many layers as diff_ids, found %zu and %zu",
                       count, config->diff_id_count);
    item->layers = arena_array(archive->source.context->arena, count, sizeof *item->layers);
    if (item->layers == NULL)
        return err_set(err, ERR_NOMEM, 0, "manifest.json: out of memory");
    for (const struct doc *layer = doc_first(layers); layer != NULL; layer = layer->next) {
        struct archive_layer *to = &item->layers[item->layer_count];
        char quoted[96];
        to->digest = config->diff_ids[item->layer_count];
        if (to->digest.algorithm == DIGEST_NONE)
            return err_set(err, ERR_FORMAT, 0, "image configuration: diff_id %zu is no digest", item->layer_count);
        if (tar_index_find(archive->index, doc_text(layer), &to->member, err) < 0)
            return err_wrap(err, "layer %s", text_quote(doc_text(layer), quoted, sizeof quoted));
        item->layer_count++;
    }
    return 0;
}

static int item_read(struct archive_source *archive, const struct doc *object, struct archive_item *item,
                     struct err *err) {
    struct arena *arena = archive->source.context->arena;
    AUTO_BUF struct buf bytes;
    struct image_config config; /* asked for its diff_ids alone */
    AUTO(arena_release) struct arena scratch;
    arena_init(&scratch, 0, 0);
    buf_init(&bytes, LIMIT_CONFIG_BYTES);
    if (!doc_is(object, DOC_OBJECT))
        return err_set(err, ERR_FORMAT, 0, "manifest.json: expected an object for each image");
    item->tags = doc_get_last(object, "RepoTags");
    if (member_read(archive, doc_text(doc_get_last(object, "Config")), LIMIT_CONFIG_BYTES, &bytes, err) < 0)
        return -1;
    item->config = arena_copy(arena, buf_span(&bytes));
    if (item->config.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "manifest.json: out of memory");
    if (digest_of(DIGEST_SHA256, item->config, &item->config_digest, err) < 0 ||
        image_config_parse(&scratch, item->config, &config, err) < 0)
        return -1;
    return item_layers(archive, doc_get_last(object, "Layers"), &config, item, err);
}

static int docker_archive_open(const struct source_context *context, struct span target, struct span location,
                               struct source **ret_source, struct err *err) {
    struct archive_source *archive = NULL;
    AUTO_BUF struct buf json;
    struct doc *root = NULL;
    buf_init(&json, LIMIT_MANIFEST_BYTES);
    if (archive_new(context, &source_docker_archive_ops, target, location, &archive, err) < 0)
        return -1;
    int result = member_read(archive, span_text("manifest.json"), LIMIT_MANIFEST_BYTES, &json, err);
    if (result == 0)
        result = json_parse(context->arena, buf_span(&json), doc_limits_default(), &root, err);
    if (result == 0 && !doc_is(root, DOC_ARRAY))
        result = err_set(err, ERR_FORMAT, 0, "manifest.json: expected an array of images");
    if (result == 0 && root->count > LIMIT_INDEX_MANIFESTS)
        result = err_set(err, ERR_LIMIT, 0, "manifest.json: expected at most %zu images, found %zu",
                         LIMIT_INDEX_MANIFESTS, root->count);
    if (result == 0) {
        archive->items = arena_array(context->arena, root->count, sizeof *archive->items);
        if (archive->items == NULL)
            result = err_set(err, ERR_NOMEM, 0, "manifest.json: out of memory");
    }
    if (result < 0) {
        archive_close(&archive->source);
        return err_wrap(err, "docker archive");
    }
    for (const struct doc *object = doc_first(root); object != NULL; object = object->next) {
        struct archive_item *item = &archive->items[archive->item_count++];
        (void)item_read(archive, object, item, &item->err); /* one bad image leaves the others alone */
    }
    *ret_source = &archive->source;
    return 0;
}

static void docker_archive_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct archive_source *archive = (struct archive_source *)source;
    struct arena *arena = source->context->arena;
    struct err err = {0};
    for (size_t i = 0; i < archive->item_count; i++) {
        const struct archive_item *item = &archive->items[i];
        struct span tag = doc_text(doc_first(item->tags)); /* one row an image: the first name */
        char *text = tag.size > 0 ? arena_format(arena, "%.*s:%.*s", SPAN_FORMAT(archive->text), SPAN_FORMAT(tag))
                                  : arena_format(arena, "%.*s#%zu", SPAN_FORMAT(archive->text), i);
        if (text == NULL) {
            done(context, (err_set(&err, ERR_NOMEM, 0, "docker archive: out of memory"), &err));
            return;
        }
        struct reference parsed;
        bool named = tag.size > 0 && reference_parse(tag, &parsed, NULL) == 0;
        struct source_reference reference = {.text = span_text(text),
                                             .registry = span_text(""),
                                             .repository = named ? parsed.repository : archive->text,
                                             .tag = named ? parsed.tag : (struct span){NULL, 0},
                                             .item = i};
        (void)each(context, source, &reference); /* all is at hand: nothing to hold back */
    }
    done(context, NULL);
}

static void docker_archive_manifest(struct source *source, const struct source_reference *reference,
                                    const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct archive_source *archive = (struct archive_source *)source;
    const struct archive_item *item = &archive->items[reference->item];
    struct err err = item->err;
    (void)descriptor; /* there are no indexes in a docker archive */
    if (err.code != ERR_NONE) {
        fn(context, (struct span){NULL, 0}, NULL, &err);
        return;
    }
    AUTO_BUF struct buf json;
    buf_init(&json, LIMIT_MANIFEST_BYTES);
    struct digest *diff_ids = arena_array(source->context->arena, item->layer_count, sizeof *diff_ids);
    uint64_t *sizes = arena_array(source->context->arena, item->layer_count, sizeof *sizes);
    for (size_t i = 0; diff_ids != NULL && sizes != NULL && i < item->layer_count; i++) {
        diff_ids[i] = item->layers[i].digest;
        sizes[i] = item->layers[i].member->size;
    }
    if (diff_ids == NULL || sizes == NULL)
        json.failed = true;
    else
        store_manifest_write(&json, &item->config_digest, item->config.size, diff_ids, sizes, item->layer_count);
    if (json.failed)
        fn(context, (struct span){NULL, 0}, NULL, (err_set(&err, ERR_NOMEM, 0, "docker archive: out of memory"), &err));
    else
        fn(context, buf_span(&json), &item->config_digest, NULL);
}

static void docker_archive_blob(struct source *source, const struct source_reference *reference,
                                const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn,
                                void *context) {
    struct archive_source *archive = (struct archive_source *)source;
    const struct archive_item *item = &archive->items[reference->item];
    struct err err = {0};
    if (!digest_equal(&descriptor->digest, &item->config_digest) || item->config.size > bytes_max)
        fn(context, (struct span){NULL, 0}, NULL,
           (err_set(&err, ERR_NOTFOUND, 0, "docker archive: only the configuration is a small blob"), &err));
    else
        fn(context, item->config, &item->config_digest, NULL);
}

static void docker_archive_stream(struct source *source, const struct source_reference *reference,
                                  const struct descriptor *descriptor, struct stream *stream) {
    struct archive_source *archive = (struct archive_source *)source;
    const struct archive_item *item = &archive->items[reference->item];
    for (size_t i = 0; i < item->layer_count; i++) {
        if (digest_equal(&item->layers[i].digest, &descriptor->digest)) {
            member_stream(archive, item->layers[i].member, stream);
            return;
        }
    }
    struct err err = {0};
    (void)err_set(&err, ERR_NOTFOUND, 0, "docker archive: no layer of that diff_id");
    stream_end(stream, &err);
}

static const char *const oci_prefixes[] = {"oci-archive:", NULL};
static const char *const docker_prefixes[] = {"docker-archive:", NULL};

const struct source_ops source_oci_archive_ops = {
    .kind = "archive",
    .prefixes = oci_prefixes,
    .open = oci_archive_open,
    .list = oci_archive_list,
    .manifest = oci_archive_manifest,
    .blob = oci_archive_blob,
    .stream = oci_archive_stream,
    .close = archive_close,
};

const struct source_ops source_docker_archive_ops = {
    .kind = "archive",
    .prefixes = docker_prefixes,
    .digests_are_unpacked = true,
    .open = docker_archive_open,
    .list = docker_archive_list,
    .manifest = docker_archive_manifest,
    .blob = docker_archive_blob,
    .stream = docker_archive_stream,
    .close = archive_close,
};
