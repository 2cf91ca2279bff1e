/* Docker's store, read without the daemon: `docker:` (io/source/store.h says what may follow).
 *
 *     image/DRIVER/repositories.json                names and what they mean: "sha256:" and the configuration's digest
 *     image/DRIVER/imagedb/content/sha256/ID        the configuration
 *     image/DRIVER/imagedb/metadata/sha256/ID/parent  of images that were built on another one here
 *     image/DRIVER/layerdb/sha256/CHAIN_ID/…        diff, size, cache-id of the layer on top of that stack
 *     overlay2/CACHE_ID/diff, vfs/dir/CACHE_ID      its files
 *     containerd/daemon/                            a whole containerd, which newer versions keep images in
 *
 * There are no manifests: one is made of the configuration as for a docker archive, and the image is called by the
 * digest of its configuration, which is Docker's image id. A layer is found by its chain_id, which is made of the
 * configuration's diff_ids: SHA-256 of the lower chain_id, a space and the diff_id. Images without a name are listed
 * too unless another one was built on them. No link is followed below the store's folder. Spec: moby image/fs.go,
 * image/store.go, layer/filestore.go, reference/store.go, daemon/graphdriver/{overlay2,vfs}; OCI image-spec config.md,
 * "Layer ChainID". */
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/file/file.h"
#include "io/source/containerd.h"

/* A graph driver: the folder of image/, and where a layer's files are. */
struct graph_driver {
    const char *name;
    enum tree_kind kind;
    const char *before, *after; /* the cache id */
};

static const struct graph_driver drivers[] = {
    {"overlay2", TREE_OVERLAY, "overlay2/", "/diff"},
    {"fuse-overlayfs", TREE_OVERLAY, "fuse-overlayfs/", "/diff"},
    {"vfs", TREE_DIFFERENCE, "vfs/dir/", ""},
};

struct docker_image {
    const struct graph_driver *driver;
    struct digest id;
    struct span name; /* or empty */
    struct digest *diff_ids;
    struct digest *chain_ids; /* NULL until the manifest was made */
    size_t layer_count;
};

/* Why a layer has no folder: for stream() to say. */
struct layer_failure {
    const struct docker_image *image;
    struct digest diff_id;
    struct err err;
};

struct docker_source {
    struct source source;
    const char *folder;
    int fd;
    const char *prefix; /* of references */
    struct span wanted; /* a name, or empty */
    VEC(struct docker_image) images;
    VEC(struct layer_failure) failures;
    struct source *containerd; /* Docker's own one, or NULL */
};

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "docker store: out of memory"); }

static void docker_close(struct source *source) {
    struct docker_source *docker = (struct docker_source *)source;
    if (docker == NULL)
        return;
    source_close(docker->containerd);
    if (docker->fd >= 0)
        (void)close(docker->fd);
    vec_release(&docker->images);
    vec_release(&docker->failures);
    mem_free(docker);
}

/* ---- names ---- */

static int image_add(struct docker_source *docker, const struct graph_driver *driver, struct span name,
                     const struct digest *id, struct err *err) {
    if (docker->images.count >= LIMIT_STORE_IMAGES)
        return err_set(err, ERR_LIMIT, 0, "docker store: expected at most %zu images", LIMIT_STORE_IMAGES);
    struct docker_image image = {.driver = driver, .id = *id, .name = arena_copy(docker->source.context->arena, name)};
    return image.name.data != NULL && vec_push(&docker->images, image) ? 0 : memory_short(err);
}

static struct span id_hex(const struct digest *id, char text[DIGEST_TEXT_SIZE]) {
    return span_from(span_text(digest_text(id, text)), strlen("sha256:"));
}

/* The names of one repository: "app:1" and "app@sha256:…". A digest is a name only where there is no tag, for Docker
 * writes one down for each image that it pulls. */
static int repository_read(struct docker_source *docker, const struct graph_driver *driver, const struct doc *names,
                           struct map *named, struct err *err) {
    char text[DIGEST_TEXT_SIZE];
    for (unsigned pass = 0; pass < 2; pass++) {
        for (const struct doc *entry = doc_first(names); entry != NULL; entry = entry->next) {
            struct digest id;
            bool is_new = true;
            bool by_digest = span_index(entry->key, '@', 0) != SIZE_MAX;
            if (by_digest != (pass == 1) || digest_parse(doc_text(entry), &id, NULL) < 0)
                continue;
            bool wanted = store_name_matches(docker->wanted, entry->key, id_hex(&id, text));
            void **place = map_put(named, doc_text(entry), &is_new); /* the key lives as long as the document */
            if (place == NULL)
                return memory_short(err);
            *place = docker;
            bool redundant = by_digest && !is_new && docker->wanted.size == 0;
            if (wanted && !redundant && image_add(docker, driver, entry->key, &id, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* 1, or 0 when there are no images of that driver. */
static int names_read(struct docker_source *docker, const struct graph_driver *driver, struct arena *scratch,
                      struct map *named, struct err *err) {
    char path[64];
    struct err failure = {0};
    struct doc *root = NULL;
    AUTO_BUF struct buf json;
    buf_init(&json, LIMIT_STORE_JSON_BYTES);
    (void)snprintf(path, sizeof path, "image/%s/repositories.json", driver->name);
    if (file_read_beneath(docker->fd, path, &json, &failure) < 0) {
        if (failure.code == ERR_NOTFOUND)
            return 0;
        *err = failure;
        return err_wrap(err, "%s", docker->folder);
    }
    if (json_parse(scratch, buf_span(&json), doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "%s/%s", docker->folder, path);
    const struct doc *repositories = doc_get_last(root, "Repositories");
    for (const struct doc *names = doc_first(repositories); names != NULL; names = names->next) {
        if (repository_read(docker, driver, names, named, err) < 0)
            return -1;
    }
    return 1;
}

/* ---- images without a name ---- */

static int id_order(const void *left, const void *right) { return digest_compare(left, right); }

/* The parent that was noted for an image; DIGEST_NONE when there is none. */
static struct digest parent_read(const struct docker_source *docker, const struct graph_driver *driver,
                                 const char *hex) {
    char path[PATH_MAX];
    struct err missing = {0};
    struct digest parent = {.algorithm = DIGEST_NONE};
    AUTO_BUF struct buf text;
    buf_init(&text, DIGEST_TEXT_SIZE);
    (void)snprintf(path, sizeof path, "image/%s/imagedb/metadata/sha256/%s/parent", driver->name, hex);
    if (file_read_beneath(docker->fd, path, &text, &missing) == 0)
        (void)digest_parse(text_trim(buf_span(&text)), &parent, NULL);
    return parent;
}

struct id_list {
    VEC(struct digest) ids;
    VEC(struct digest) parents;
};

static int ids_read(struct docker_source *docker, const struct graph_driver *driver, struct id_list *list,
                    struct err *err) {
    char path[64], text[DIGEST_TEXT_SIZE];
    (void)snprintf(path, sizeof path, "image/%s/imagedb/content/sha256", driver->name);
    int fd = file_open_beneath(docker->fd, path, O_RDONLY | O_DIRECTORY, err);
    AUTO_DIR DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (folder == NULL)
        return fd < 0 ? err_wrap(err, "%s", docker->folder) : err_set(err, ERR_IO, errno, "%s", strerror(errno));
    while ((entry = readdir(folder)) != NULL) {
        struct digest id;
        (void)snprintf(text, sizeof text, "sha256:%.64s", entry->d_name);
        if (strlen(entry->d_name) != 64 || digest_parse(span_text(text), &id, NULL) < 0)
            continue; /* what is being written has another name */
        struct digest parent = parent_read(docker, driver, entry->d_name);
        if (list->ids.count >= LIMIT_STORE_IMAGES)
            return err_set(err, ERR_LIMIT, 0, "%s: expected at most %zu images", docker->folder, LIMIT_STORE_IMAGES);
        if (!vec_push(&list->ids, id) || (parent.algorithm != DIGEST_NONE && !vec_push(&list->parents, parent)))
            return memory_short(err);
    }
    if (list->ids.count > 0)
        qsort(list->ids.data, list->ids.count, sizeof *list->ids.data, id_order);
    if (list->parents.count > 0)
        qsort(list->parents.data, list->parents.count, sizeof *list->parents.data, id_order);
    return 0;
}

static int nameless_add(struct docker_source *docker, const struct graph_driver *driver, const struct map *named,
                        const struct id_list *list, struct err *err) {
    char text[DIGEST_TEXT_SIZE];
    struct span nothing = {NULL, 0};
    for (size_t i = 0; i < list->ids.count; i++) {
        const struct digest *id = &list->ids.data[i];
        bool is_parent = list->parents.count > 0 &&
                         bsearch(id, list->parents.data, list->parents.count, sizeof *id, id_order) != NULL;
        bool asked = docker->wanted.size > 0; /* for one image, and by its id: whatever it is to others */
        struct span hex = id_hex(id, text);
        if ((asked ? !store_name_matches(docker->wanted, nothing, hex) : is_parent) ||
            map_get(named, span_text(text)) != NULL)
            continue;
        if (image_add(docker, driver, nothing, id, err) < 0)
            return -1;
    }
    return 0;
}

static int driver_read(struct docker_source *docker, const struct graph_driver *driver, struct err *err) {
    AUTO(arena_release) struct arena scratch;
    AUTO(map_release) struct map named;
    struct id_list list = {{0}, {0}};
    arena_init(&scratch, 0, 0);
    map_init(&named, (uint64_t)(uintptr_t)docker);
    int found = names_read(docker, driver, &scratch, &named, err);
    if (found > 0 && (ids_read(docker, driver, &list, err) < 0 || nameless_add(docker, driver, &named, &list, err) < 0))
        found = -1;
    vec_release(&list.ids);
    vec_release(&list.parents);
    return found;
}

/* ---- the store ---- */

/* Docker's own containerd, and for the usual place that of the system, which Docker uses when it is there. */
static int containerd_read(struct docker_source *docker, const struct store_location *location, struct span prefix,
                           struct err *err) {
    const char *own = arena_format(docker->source.context->arena, "%s/containerd/daemon", docker->folder);
    const char *places[] = {own, location->folder == NULL ? "/var/lib/containerd" : NULL};
    struct store_location inside = *location;
    if (own == NULL)
        return memory_short(err);
    if (inside.qualifier.size == 0)
        inside.qualifier = span_text("moby");
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        struct err failure = {0};
        if (places[i] == NULL)
            continue;
        if (containerd_open(docker->source.context, &containerd_of_docker_ops, prefix, &inside, places[i],
                            &docker->containerd, &failure) == 0)
            return 1;
        if (failure.code != ERR_NOTFOUND) {
            *err = failure;
            return -1;
        }
    }
    return 0;
}

static int store_read(struct docker_source *docker, const struct store_location *location, struct span prefix,
                      struct err *err) {
    char quoted[96];
    size_t found = 0;
    docker->folder = location->folder == NULL ? "/var/lib/docker" : location->folder;
    docker->fd = open(docker->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (docker->fd < 0)
        return err_set(err, err_code_of_open(errno), errno,
                       "docker store %s: %s; docker:[DIR] names another, docker.io/library/docker:TAG the image",
                       docker->folder, strerror(errno));
    for (size_t i = 0; i < ARRAY_COUNT(drivers); i++) {
        int result = driver_read(docker, &drivers[i], err);
        if (result < 0)
            return -1;
        found += (size_t)result;
    }
    int contained = containerd_read(docker, location, prefix, err);
    if (contained < 0)
        return -1;
    if (found == 0 && contained == 0 && docker->wanted.size == 0)
        return err_set(err, ERR_NOTFOUND, 0,
                       "docker store %s: expected image/overlay2/repositories.json or containerd/daemon, found neither",
                       docker->folder);
    if (docker->images.count == 0 && contained == 0)
        return err_set(err, ERR_NOTFOUND, 0, "docker store %s: no image is named '%s'", docker->folder,
                       text_quote(docker->wanted, quoted, sizeof quoted));
    return 0;
}

static int docker_open(const struct source_context *context, struct span target, struct span location,
                       struct source **ret_source, struct err *err) {
    struct store_location parsed;
    struct span kept = arena_copy(context->arena, target);
    size_t prefix_size = target.size - location.size;
    struct docker_source *docker = mem_zalloc(sizeof *docker);
    if (kept.data == NULL || docker == NULL) {
        mem_free(docker);
        return memory_short(err);
    }
    docker->source = (struct source){&source_docker_ops, context};
    docker->fd = -1;
    int result = store_location_parse(context->arena, span_from(kept, prefix_size), false, &parsed, err);
    if (result == 0) {
        docker->wanted = parsed.name;
        docker->prefix = store_prefix(context->arena, kept, span_from(kept, prefix_size), &parsed);
        result = docker->prefix == NULL ? memory_short(err)
                                        : store_read(docker, &parsed, span_slice(kept, 0, prefix_size), err);
    }
    if (result < 0) {
        docker_close(&docker->source);
        return -1;
    }
    *ret_source = &docker->source;
    return 0;
}

static void docker_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct docker_source *docker = (struct docker_source *)source;
    struct err err = {0};
    char text[DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < docker->images.count; i++) {
        const struct docker_image *image = &docker->images.data[i];
        struct source_reference reference;
        if (store_reference_make(source, docker->prefix, image->name, id_hex(&image->id, text), &reference, &err) < 0) {
            done(context, &err);
            return;
        }
        reference.item = i;
        (void)each(context, source, &reference); /* all is at hand: nothing to hold back */
    }
    if (docker->containerd != NULL)
        docker->containerd->ops->list(docker->containerd, each, done, context);
    else
        done(context, NULL);
}

/* ---- images ---- */

static struct docker_image *image_of(struct source *source, const struct source_reference *reference) {
    struct docker_source *docker = (struct docker_source *)source;
    assert(reference->item < docker->images.count);
    return &docker->images.data[reference->item];
}

static int config_read(const struct docker_source *docker, const struct docker_image *image, struct buf *bytes,
                       struct err *err) {
    char path[160], text[DIGEST_TEXT_SIZE];
    struct descriptor named = {.digest = image->id};
    (void)snprintf(path, sizeof path, "image/%s/imagedb/content/sha256/%.*s", image->driver->name,
                   SPAN_FORMAT(id_hex(&image->id, text)));
    if (file_read_beneath(docker->fd, path, bytes, err) < 0)
        return -1;
    return source_verify(&named, buf_span(bytes), err);
}

/* A small text file of the layer on top of that stack. */
static int layer_text_read(const struct docker_source *docker, const struct docker_image *image, size_t layer,
                           const char *name, struct buf *text, struct err *err) {
    char path[200], chain[DIGEST_TEXT_SIZE];
    buf_reset(text);
    (void)snprintf(path, sizeof path, "image/%s/layerdb/sha256/%.*s/%s", image->driver->name,
                   SPAN_FORMAT(id_hex(&image->chain_ids[layer], chain)), name);
    return file_read_beneath(docker->fd, path, text, err);
}

static int chain_ids_make(struct arena *arena, struct docker_image *image, const struct image_config *config,
                          struct err *err) {
    struct digest *diff_ids = arena_array(arena, config->diff_id_count, sizeof *diff_ids);
    struct digest *chain_ids = arena_array(arena, config->diff_id_count, sizeof *chain_ids);
    if (diff_ids == NULL || chain_ids == NULL)
        return memory_short(err);
    for (size_t i = 0; i < config->diff_id_count; i++) {
        char below[DIGEST_TEXT_SIZE], text[DIGEST_TEXT_SIZE], both[2 * DIGEST_TEXT_SIZE];
        diff_ids[i] = chain_ids[i] = config->diff_ids[i];
        if (diff_ids[i].algorithm != DIGEST_SHA256)
            return err_set(err, ERR_FORMAT, 0, "image configuration: diff_id %zu is no SHA-256", i);
        if (i == 0)
            continue;
        (void)snprintf(both, sizeof both, "%s %s", digest_text(&chain_ids[i - 1], below),
                       digest_text(&diff_ids[i], text));
        if (digest_of(DIGEST_SHA256, span_text(both), &chain_ids[i], err) < 0)
            return -1;
    }
    image->diff_ids = diff_ids;
    image->chain_ids = chain_ids;
    image->layer_count = config->diff_id_count;
    return 0;
}

static int manifest_make(struct docker_source *docker, struct docker_image *image, struct buf *json, struct err *err) {
    AUTO(arena_release) struct arena scratch;
    AUTO_BUF struct buf bytes, text;
    struct image_config config;
    arena_init(&scratch, 0, 0);
    buf_init(&bytes, LIMIT_CONFIG_BYTES);
    buf_init(&text, 64);
    if (config_read(docker, image, &bytes, err) < 0 ||
        image_config_parse(&scratch, buf_span(&bytes), &config, err) < 0 ||
        chain_ids_make(docker->source.context->arena, image, &config, err) < 0)
        return -1;
    uint64_t *sizes = arena_array(&scratch, image->layer_count, sizeof *sizes);
    if (sizes == NULL)
        return memory_short(err);
    for (size_t i = 0; i < image->layer_count; i++) {
        struct err missing = {0}; /* it orders the work and no more */
        if (layer_text_read(docker, image, i, "size", &text, &missing) < 0 ||
            !text_u64(text_trim(buf_span(&text)), 10, INT64_MAX, &sizes[i]))
            sizes[i] = 0;
    }
    store_manifest_write(json, &image->id, bytes.size, image->diff_ids, sizes, image->layer_count);
    return json->failed ? memory_short(err) : 0;
}

static void docker_manifest(struct source *source, const struct source_reference *reference,
                            const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct docker_image *image = image_of(source, reference);
    struct err err = {0};
    AUTO_BUF struct buf json;
    buf_init(&json, LIMIT_MANIFEST_BYTES);
    (void)descriptor; /* there are no indexes */
    if (manifest_make((struct docker_source *)source, image, &json, &err) < 0)
        fn(context, (struct span){NULL, 0}, NULL, &err);
    else
        fn(context, buf_span(&json), &image->id, NULL);
}

static void docker_blob(struct source *source, const struct source_reference *reference,
                        const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn, void *context) {
    struct docker_image *image = image_of(source, reference);
    struct err err = {0};
    AUTO_BUF struct buf bytes;
    buf_init(&bytes, bytes_max);
    if (!digest_equal(&descriptor->digest, &image->id))
        (void)err_set(&err, ERR_NOTFOUND, 0, "docker store: only the configuration is a small blob");
    if (err.code != ERR_NONE || config_read((struct docker_source *)source, image, &bytes, &err) < 0)
        fn(context, (struct span){NULL, 0}, NULL, &err);
    else
        fn(context, buf_span(&bytes), &image->id, NULL);
}

/* ---- layers ---- */

/* The path of a layer's files below the store's folder; NULL with `err` set. */
static const char *layer_path(struct docker_source *docker, const struct docker_image *image, size_t layer,
                              struct err *err) {
    char expected[DIGEST_TEXT_SIZE], quoted[96];
    AUTO_BUF struct buf text;
    buf_init(&text, 256);
    if (layer_text_read(docker, image, layer, "diff", &text, err) < 0)
        return NULL;
    if (!span_is(text_trim(buf_span(&text)), digest_text(&image->diff_ids[layer], expected))) {
        (void)err_set(err, ERR_DIGEST, 0, "docker store: layer %zu: expected the diff_id %.26s…, found '%s'", layer,
                      expected, text_quote(buf_span(&text), quoted, sizeof quoted));
        return NULL;
    }
    if (layer_text_read(docker, image, layer, "cache-id", &text, err) < 0)
        return NULL;
    struct span cache_id = text_trim(buf_span(&text));
    if (!store_id_is_plain(cache_id)) {
        (void)err_set(err, ERR_FORMAT, 0, "docker store: layer %zu: expected a cache-id, found '%s'", layer,
                      text_quote(cache_id, quoted, sizeof quoted));
        return NULL;
    }
    const char *path = arena_format(docker->source.context->arena, "%s%.*s%s", image->driver->before,
                                    SPAN_FORMAT(cache_id), image->driver->after);
    if (path == NULL)
        (void)memory_short(err);
    return path;
}

static const struct tree_root *docker_tree(struct source *source, const struct source_reference *reference,
                                           size_t layer) {
    struct docker_source *docker = (struct docker_source *)source;
    const struct docker_image *image = image_of(source, reference);
    struct err err = {0};
    if (layer >= image->layer_count)
        return NULL;
    struct tree_root *root = arena_zalloc(source->context->arena, sizeof *root);
    if (root == NULL)
        return NULL;
    root->kind = image->driver->kind;
    root->folder = root->below_folder = docker->folder;
    root->path = layer_path(docker, image, layer, &err);
    if (root->path != NULL && root->kind == TREE_DIFFERENCE && layer > 0)
        root->below = layer_path(docker, image, layer - 1, &err);
    if (err.code == ERR_NONE)
        return root;
    struct layer_failure failure = {image, image->diff_ids[layer], err};
    (void)vec_push(&docker->failures, failure); /* out of memory: stream() has a text of its own */
    return NULL;
}

/* Only for layers that have no folder. */
static void docker_stream(struct source *source, const struct source_reference *reference,
                          const struct descriptor *descriptor, struct stream *stream) {
    struct docker_source *docker = (struct docker_source *)source;
    const struct docker_image *image = image_of(source, reference);
    struct err err = {0};
    (void)err_set(&err, ERR_NOTFOUND, 0, "layer: the store has no folder for it");
    for (size_t i = 0; i < docker->failures.count; i++) {
        const struct layer_failure *failure = &docker->failures.data[i];
        if (failure->image == image && digest_equal(&failure->diff_id, &descriptor->digest))
            err = failure->err;
    }
    stream_end(stream, &err);
}

static const char *const prefixes[] = {"docker:", NULL};

const struct source_ops source_docker_ops = {
    .kind = "docker",
    .prefixes = prefixes,
    .location_is_optional = true,
    .digests_are_unpacked = true,
    .open = docker_open,
    .list = docker_list,
    .manifest = docker_manifest,
    .blob = docker_blob,
    .stream = docker_stream,
    .tree = docker_tree,
    .close = docker_close,
};
