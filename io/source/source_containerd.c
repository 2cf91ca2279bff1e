/* containerd's own store, read without the daemon: `containerd:` (io/source/store.h says what may follow).
 *
 *     io.containerd.metadata.v1.bolt/meta.db           v1/NAMESPACE/images/NAME/target/digest, in bbolt's format
 *     io.containerd.content.v1.content/blobs/sha256/…  the blobs, as in an OCI layout
 *
 * Kubernetes' images are in the namespace k8s.io, Docker's in moby; all are read when none is named. An index names
 * images for platforms that nobody pulled: what of it is not in the store is not an image of the store. Layers are
 * blobs; where containerd was told to discard them after unpacking (discard_unpacked_layers) they are failed layers
 * that say so. Spec: containerd core/metadata/buckets.go, docs/content-flow.md. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/file/file.h"
#include "io/source/bolt.h"
#include "io/source/containerd.h"
#include "io/source/file_stream.h"
#include "io/source/layout.h"

/* How often a database that is being written is read from the beginning. */
#define ATTEMPTS_MAX 8

struct known_image {
    struct span namespace_name;
    struct span name;
    struct digest digest; /* of the manifest or index */
    unsigned rank;        /* 0: a name with a tag, 1: one with a digest, 2: the id by which Kubernetes knows it */
};

struct containerd_source {
    struct source source;
    struct span prefix;             /* "containerd:" */
    struct store_location location; /* as typed */
    int content;                    /* the folder with "blobs" */
    VEC(struct known_image) images;
};

static void containerd_close(struct source *source) {
    struct containerd_source *store = (struct containerd_source *)source;
    if (store == NULL)
        return;
    if (store->content >= 0)
        (void)close(store->content);
    vec_release(&store->images);
    mem_free(store);
}

/* ---- the database ---- */

/* Where a walk down the buckets is. */
struct reading {
    struct containerd_source *store;
    struct bolt *bolt;
    struct span namespace_name; /* lives in the run's arena */
    struct known_image image;
};

/* Walks the bucket that a value is. */
static int value_each(const struct reading *reading, struct span value, bolt_each_fn each, void *context,
                      struct err *err) {
    struct bolt_bucket bucket;
    if (bolt_bucket_of(value, &bucket, err) < 0)
        return -1;
    return bolt_each(reading->bolt, &bucket, each, context, err);
}

static int on_target(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct reading *reading = context;
    (void)err;
    if (!is_bucket && span_is(key, "digest"))
        (void)digest_parse(value, &reading->image.digest, NULL);
    return 0;
}

static int on_image_field(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct reading *reading = context;
    return is_bucket && span_is(key, "target") ? value_each(reading, value, on_target, context, err) : 0;
}

static int on_image(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct reading *reading = context;
    struct containerd_source *store = reading->store;
    struct span nothing = {NULL, 0};
    if (!is_bucket || !store_name_matches(store->location.name, key, nothing))
        return 0;
    reading->image = (struct known_image){.namespace_name = reading->namespace_name,
                                          .name = arena_copy(store->source.context->arena, key),
                                          .rank = span_starts(key, "sha256:")           ? 2
                                                  : span_index(key, '@', 0) != SIZE_MAX ? 1
                                                                                        : 0};
    if (reading->image.name.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "containerd: out of memory");
    if (store->images.count >= LIMIT_STORE_IMAGES)
        return err_set(err, ERR_LIMIT, 0, "containerd: expected at most %zu images", LIMIT_STORE_IMAGES);
    if (value_each(reading, value, on_image_field, context, err) < 0)
        return -1;
    char quoted[96];
    if (reading->image.digest.algorithm == DIGEST_NONE)
        return err_set(err, ERR_FORMAT, 0, "containerd: image %s: expected target/digest, found none",
                       text_quote(key, quoted, sizeof quoted));
    return vec_push(&store->images, reading->image) ? 0 : err_set(err, ERR_NOMEM, 0, "containerd: out of memory");
}

static int on_object(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct reading *reading = context;
    return is_bucket && span_is(key, "images") ? value_each(reading, value, on_image, context, err) : 0;
}

static int on_namespace(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct reading *reading = context;
    struct span wanted = reading->store->location.qualifier;
    if (!is_bucket || (wanted.size > 0 && !span_equal(wanted, key)))
        return 0;
    reading->namespace_name = arena_copy(reading->store->source.context->arena, key);
    if (reading->namespace_name.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "containerd: out of memory");
    return value_each(reading, value, on_object, context, err);
}

static int on_version(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct reading *reading = context;
    return is_bucket && span_is(key, "v1") ? value_each(reading, value, on_namespace, context, err) : 0;
}

static int database_read(struct containerd_source *store, int fd, struct err *err) {
    for (int attempt = 1;; attempt++) {
        struct bolt bolt;
        struct err failure = {0};
        store->images.count = 0;
        if (bolt_open(fd, (struct span){NULL, 0}, &bolt, err) < 0)
            return -1;
        struct bolt_bucket root = bolt_root(&bolt);
        int result = bolt_each(&bolt, &root, on_version, &(struct reading){.store = store, .bolt = &bolt}, &failure);
        if (bolt_is_unchanged(&bolt)) {
            if (result < 0)
                *err = failure;
            return result;
        }
        if (attempt == ATTEMPTS_MAX)
            return err_set(err, ERR_IO, 0,
                           "containerd: meta.db was written to in each of %d attempts to read it; try again later",
                           ATTEMPTS_MAX);
    }
}

static int image_order(const void *left, const void *right) {
    const struct known_image *a = left, *b = right;
    int order = span_compare(a->namespace_name, b->namespace_name);
    if (order == 0)
        order = digest_compare(&a->digest, &b->digest);
    if (order == 0 && a->rank != b->rank)
        order = a->rank < b->rank ? -1 : 1;
    return order != 0 ? order : span_compare(a->name, b->name);
}

/* Kubernetes writes each image down three times: by tag, by digest and by its id. The best kind of name stays. */
static void names_thin(struct containerd_source *store) {
    size_t kept = 0, first = 0;
    struct known_image *images = store->images.data;
    if (store->images.count == 0 || store->location.name.size > 0)
        return;
    qsort(images, store->images.count, sizeof *images, image_order);
    for (size_t i = 0; i < store->images.count; i++) {
        bool same = i > 0 && span_equal(images[i].namespace_name, images[first].namespace_name) &&
                    digest_equal(&images[i].digest, &images[first].digest);
        if (!same)
            first = kept; /* where this one goes: nothing before it is moved any more */
        if (!same || images[i].rank == images[first].rank)
            images[kept++] = images[i];
    }
    store->images.count = kept;
}

static int store_read(struct containerd_source *store, const char *folder, struct err *err) {
    AUTO_CLOSE int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    char quoted[96];
    if (root < 0)
        return err_set(err, err_code_of_open(errno), errno, "containerd store %s: %s; containerd:[DIR] names another",
                       folder, strerror(errno));
    AUTO_CLOSE int fd = file_open_beneath(root, "io.containerd.metadata.v1.bolt/meta.db", O_RDONLY | O_NONBLOCK, err);
    store->content =
        fd < 0 ? -1 : file_open_beneath(root, "io.containerd.content.v1.content", O_RDONLY | O_DIRECTORY, err);
    if (fd < 0 || store->content < 0)
        return err_wrap(err, "containerd store %s", folder);
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return err_set(err, ERR_FORMAT, 0, "containerd store %s: meta.db: expected a regular file", folder);
    if (database_read(store, fd, err) < 0)
        return err_wrap(err, "containerd store %s: meta.db", folder);
    names_thin(store);
    if (store->images.count == 0 && store->location.name.size > 0)
        return err_set(err, ERR_NOTFOUND, 0, "containerd store %s: no image is named '%s'", folder,
                       text_quote(store->location.name, quoted, sizeof quoted));
    return 0;
}

int containerd_open(const struct source_context *context, const struct source_ops *ops, struct span prefix,
                    const struct store_location *location, const char *folder, struct source **ret_source,
                    struct err *err) {
    struct containerd_source *store = mem_zalloc(sizeof *store);
    if (store == NULL)
        return err_set(err, ERR_NOMEM, 0, "containerd: out of memory");
    store->source = (struct source){ops, context};
    store->prefix = prefix;
    store->location = *location;
    store->content = -1;
    if (store_read(store, folder, err) < 0) {
        containerd_close(&store->source);
        return -1;
    }
    *ret_source = &store->source;
    return 0;
}

static int target_open(const struct source_context *context, struct span target, struct span location,
                       struct source **ret_source, struct err *err) {
    struct store_location parsed;
    struct span kept = arena_copy(context->arena, target);
    size_t prefix_size = target.size - location.size;
    if (kept.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "containerd: out of memory");
    if (store_location_parse(context->arena, span_from(kept, prefix_size), false, &parsed, err) < 0)
        return -1;
    return containerd_open(context, &source_containerd_ops, span_slice(kept, 0, prefix_size), &parsed,
                           parsed.folder == NULL ? "/var/lib/containerd" : parsed.folder, ret_source, err);
}

/* ---- images ---- */

static void containerd_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct containerd_source *store = (struct containerd_source *)source;
    struct err err = {0};
    for (size_t i = 0; i < store->images.count; i++) {
        const struct known_image *image = &store->images.data[i];
        struct store_location location = {.qualifier = image->namespace_name, .folder = store->location.folder};
        const char *prefix = store_prefix(source->context->arena, store->prefix, (struct span){NULL, 0}, &location);
        struct source_reference reference;
        if (prefix == NULL)
            (void)err_set(&err, ERR_NOMEM, 0, "containerd: out of memory");
        if (prefix == NULL || store_reference_make(source, prefix, image->name, image->name, &reference, &err) < 0) {
            done(context, &err);
            return;
        }
        reference.has_digest = true;
        reference.digest = image->digest;
        reference.item = i;
        (void)each(context, source, &reference); /* all is at hand: nothing to hold back */
    }
    done(context, NULL);
}

/* What an answer goes through on its way: indexes are cut to what the store has. */
struct manifest_answer {
    struct containerd_source *store;
    source_bytes_fn fn;
    void *context;
};

static bool blob_is_there(const struct containerd_source *store, const struct digest *digest) {
    char path[LAYOUT_PATH_SIZE];
    struct stat status;
    return fstatat(store->content, layout_blob_path(digest, path), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void entry_write(struct buf *json, const struct descriptor *entry, bool is_first) {
    char digest[DIGEST_TEXT_SIZE];
    buf_text(json, is_first ? "{\"mediaType\":" : ",{\"mediaType\":");
    buf_json_text(json, entry->media_type);
    buf_format(json,
               ",\"digest\":\"%s\",\"size\":%" PRIu64 ",\"platform\":{\"os\":", digest_text(&entry->digest, digest),
               entry->size);
    buf_json_text(json, entry->platform.os);
    buf_text(json, ",\"architecture\":");
    buf_json_text(json, entry->platform.architecture);
    buf_text(json, ",\"variant\":");
    buf_json_text(json, entry->platform.variant);
    buf_format(json, "},\"annotations\":{%s}}",
               entry->is_attestation ? "\"vnd.docker.reference.type\":\"attestation-manifest\"" : "");
}

static int index_cut(const struct containerd_source *store, const struct manifest *index, struct buf *json,
                     struct err *err) {
    size_t there = 0;
    buf_text(json, "{\"schemaVersion\":2,\"mediaType\":");
    buf_json_text(json, index->media_type);
    buf_text(json, ",\"manifests\":[");
    for (size_t i = 0; i < index->entry_count; i++) {
        if (blob_is_there(store, &index->entries[i].digest))
            entry_write(json, &index->entries[i], there++ == 0);
    }
    buf_text(json, "]}");
    if (json->failed)
        return err_set(err, ERR_NOMEM, 0, "index: out of memory");
    if (there == 0 && index->entry_count > 0)
        return err_set(err, ERR_NOTFOUND, 0, "index: none of its %zu images is in the store", index->entry_count);
    return 0;
}

static void on_manifest(void *context, struct span bytes, const struct digest *digest, const struct err *failure) {
    struct manifest_answer *answer = context;
    struct manifest manifest;
    struct err err = {0};
    AUTO_BUF struct buf json;
    AUTO(arena_release) struct arena scratch;
    arena_init(&scratch, 0, 0);
    buf_init(&json, 2 * LIMIT_MANIFEST_BYTES);
    /* What is not an index, or not even a manifest, is for the caller to judge. */
    if (failure != NULL || manifest_parse(&scratch, bytes, &manifest, &err) < 0 || manifest.kind != MANIFEST_INDEX) {
        answer->fn(answer->context, bytes, digest, failure);
        return;
    }
    if (index_cut(answer->store, &manifest, &json, &err) < 0)
        answer->fn(answer->context, (struct span){NULL, 0}, NULL, &err);
    else
        answer->fn(answer->context, buf_span(&json), digest, NULL);
}

static void containerd_manifest(struct source *source, const struct source_reference *reference,
                                const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct containerd_source *store = (struct containerd_source *)source;
    struct descriptor named = {.digest = reference->digest};
    struct manifest_answer answer = {store, fn, context};
    layout_blob_answer(store->content, descriptor == NULL ? &named : descriptor, true, LIMIT_MANIFEST_BYTES,
                       on_manifest, &answer); /* answers before it returns */
}

static void containerd_blob(struct source *source, const struct source_reference *reference,
                            const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn, void *context) {
    (void)reference;
    layout_blob_answer(((struct containerd_source *)source)->content, descriptor, true, bytes_max, fn, context);
}

static void containerd_stream(struct source *source, const struct source_reference *reference,
                              const struct descriptor *descriptor, struct stream *stream) {
    struct containerd_source *store = (struct containerd_source *)source;
    struct err err = {0};
    char path[LAYOUT_PATH_SIZE];
    (void)reference;
    int fd = layout_blob_open(store->content, &descriptor->digest, true, &err);
    if (fd >= 0) {
        file_stream_start(source->context->loop, fd, layout_blob_path(&descriptor->digest, path), stream);
        return;
    }
    if (err.code == ERR_NOTFOUND)
        (void)err_set(&err, ERR_NOTFOUND, err.sys,
                      "layer: its blob is not in the content store: never pulled, or discarded after unpacking "
                      "(discard_unpacked_layers); `ctr content fetch` brings it back");
    stream_end(stream, &err);
}

static const char *const prefixes[] = {"containerd:", NULL};

#define CONTAINERD_OPS                                                                                                 \
    .prefixes = prefixes, .location_is_optional = true, .open = target_open, .list = containerd_list,                  \
    .manifest = containerd_manifest, .blob = containerd_blob, .stream = containerd_stream, .close = containerd_close

const struct source_ops source_containerd_ops = {.kind = "containerd", CONTAINERD_OPS};
const struct source_ops containerd_of_docker_ops = {.kind = "docker", CONTAINERD_OPS};
