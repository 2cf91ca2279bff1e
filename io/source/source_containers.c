/* The store of podman, CRI-O, buildah and skopeo, read without any of them: containers/storage with its overlay and vfs
 * drivers, `containers-storage:` or `podman:` (io/source/store.h says what may follow).
 *
 *     DRIVER-images/images.json       the images: id, names, digest of the manifest, uppermost layer
 *     DRIVER-images/ID/…              manifest and configuration, "big data": names that are not plain are "=" and
 * base64 DRIVER-layers/layers.json       the layers: id, parent, diff_id overlay/LAYER/diff              a layer's
 * files, as overlay mounts want them vfs/dir/LAYER                   the whole root file system up to that layer
 *
 * An image's layers are those from its uppermost one down the parents; each is a folder, walked in place and called by
 * its diff_id. The configuration must name the same diff_ids as the store does. Nothing can be locked, for the store is
 * not ours to write to: what changes meanwhile shows as layers that are not there. No link is followed below the
 * store's folder. Spec: containers/storage docs, and its images.go, layers.go, drivers/{overlay,vfs}. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/file/file.h"
#include "io/source/source.h"
#include "io/source/storage_conf.h"
#include "io/source/store.h"

/* A graph root: the store itself, or an additional one. */
struct graph_root {
    const char *folder;
    int fd;
};

struct stored_layer {
    struct span id;
    struct span parent; /* or empty */
    struct digest diff_id;
    const struct graph_root *root;
};

struct driver {
    const char *name;
    enum tree_kind kind;
    struct map layers; /* id → stored_layer */
};

struct stored_image {
    struct span id;
    struct span layer; /* the uppermost, or empty */
    struct digest digest;
    bool has_digest;
    const struct graph_root *root;
    const struct driver *driver;
    bool is_prepared;                  /* the next ones are made */
    const struct stored_layer **chain; /* lowest first */
    size_t chain_count;
    struct err err; /* why there is no chain */
};

/* A name of an image, or an image without names. */
struct stored_name {
    struct span name;
    struct stored_image *image;
};

struct containers_source {
    struct source source;
    const char *prefix; /* of references */
    struct span wanted; /* a name, or empty */
    struct graph_root roots[LIMIT_STORE_ROOTS + 1];
    size_t root_count;
    struct driver drivers[2];
    VEC(struct stored_name) names;
    size_t found; /* files of images */
};

static void containers_close(struct source *source) {
    struct containers_source *store = (struct containers_source *)source;
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->root_count; i++)
        (void)close(store->roots[i].fd);
    for (size_t i = 0; i < ARRAY_COUNT(store->drivers); i++)
        map_release(&store->drivers[i].layers);
    vec_release(&store->names);
    mem_free(store);
}

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "store: out of memory"); }

/* ---- the store's files ---- */

/* Parses DRIVER-KIND/KIND.json, an array. 1, or 0 when it is not there. */
static int list_read(const struct graph_root *root, const struct driver *driver, const char *kind,
                     struct arena *scratch, struct doc **ret_array, struct err *err) {
    char path[64];
    struct err missing = {0};
    AUTO_BUF struct buf json;
    buf_init(&json, LIMIT_STORE_JSON_BYTES);
    (void)snprintf(path, sizeof path, "%s-%s/%s.json", driver->name, kind, kind);
    if (file_read_beneath(root->fd, path, &json, &missing) < 0) {
        if (missing.code == ERR_NOTFOUND)
            return 0;
        *err = missing;
        return err_wrap(err, "%s", root->folder);
    }
    if (json_parse(scratch, buf_span(&json), doc_limits_default(), ret_array, err) < 0)
        return err_wrap(err, "%s/%s", root->folder, path);
    if (!doc_is(*ret_array, DOC_ARRAY) && !doc_is(*ret_array, DOC_NULL))
        return err_set(err, ERR_FORMAT, 0, "%s/%s: expected an array", root->folder, path);
    return 1;
}

/* A text of the file's; a missing one is empty. False when memory is short. */
static bool text_keep(struct arena *arena, const struct doc *object, const char *field, struct span *ret_text) {
    *ret_text = arena_copy(arena, doc_text(doc_get_last(object, field)));
    return ret_text->data != NULL;
}

static int layers_read(struct containers_source *store, const struct graph_root *root, struct driver *driver,
                       struct err *err) {
    struct arena *arena = store->source.context->arena;
    AUTO(arena_release) struct arena scratch;
    struct doc *array = NULL;
    arena_init(&scratch, 0, 0);
    int found = list_read(root, driver, "layers", &scratch, &array, err);
    if (found <= 0)
        return found;
    for (const struct doc *object = doc_first(array); object != NULL; object = object->next) {
        struct stored_layer *layer = arena_zalloc(arena, sizeof *layer);
        if (layer == NULL || !text_keep(arena, object, "id", &layer->id) ||
            !text_keep(arena, object, "parent", &layer->parent))
            return memory_short(err);
        layer->root = root;
        /* A layer that was made here and never pushed has none. */
        (void)digest_parse(doc_text(doc_get_last(object, "diff-digest")), &layer->diff_id, NULL);
        bool is_new = false;
        void **place = map_put(&driver->layers, layer->id, &is_new);
        if (place == NULL)
            return memory_short(err);
        if (is_new) /* the store's own come before those of additional ones */
            *place = layer;
    }
    return 1;
}

static int name_add(struct containers_source *store, struct stored_image *image, struct span name, struct err *err) {
    if (store->names.count >= LIMIT_STORE_IMAGES)
        return err_set(err, ERR_LIMIT, 0, "store: expected at most %zu names of images", LIMIT_STORE_IMAGES);
    struct stored_name entry = {arena_copy(store->source.context->arena, name), image};
    if (entry.name.data == NULL || !vec_push(&store->names, entry))
        return memory_short(err);
    return 0;
}

static int image_add(struct containers_source *store, const struct graph_root *root, const struct driver *driver,
                     const struct doc *object, struct err *err) {
    struct arena *arena = store->source.context->arena;
    struct stored_image *image = arena_zalloc(arena, sizeof *image);
    if (image == NULL || !text_keep(arena, object, "id", &image->id) ||
        !text_keep(arena, object, "layer", &image->layer))
        return memory_short(err);
    image->root = root;
    image->driver = driver;
    image->has_digest = digest_parse(doc_text(doc_get_last(object, "digest")), &image->digest, NULL) == 0;
    size_t named = 0;
    for (const struct doc *name = doc_first(doc_get_last(object, "names")); name != NULL; name = name->next) {
        if (!store_name_matches(store->wanted, doc_text(name), image->id))
            continue;
        named++;
        if (name_add(store, image, doc_text(name), err) < 0)
            return -1;
    }
    struct span nothing = {NULL, 0};
    if (named == 0 && doc_first(doc_get_last(object, "names")) == NULL &&
        store_name_matches(store->wanted, nothing, image->id))
        return name_add(store, image, nothing, err);
    return 0;
}

static int root_read(struct containers_source *store, const struct graph_root *root, struct driver *driver,
                     struct err *err) {
    AUTO(arena_release) struct arena scratch;
    struct doc *array = NULL;
    arena_init(&scratch, 0, 0);
    if (layers_read(store, root, driver, err) < 0)
        return -1;
    int found = list_read(root, driver, "images", &scratch, &array, err);
    if (found <= 0)
        return found;
    store->found++;
    for (const struct doc *object = doc_first(array); object != NULL; object = object->next) {
        if (image_add(store, root, driver, object, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- where the store is ---- */

static int root_add(struct containers_source *store, const char *folder, struct err *err) {
    if (store->root_count == ARRAY_COUNT(store->roots))
        return err_set(err, ERR_LIMIT, 0, "store: expected at most %zu additional stores", LIMIT_STORE_ROOTS);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, err_code_of_open(errno), errno,
                       "store %s: %s; containers-storage:[DIR] names another folder", folder, strerror(errno));
    store->roots[store->root_count++] = (struct graph_root){folder, fd};
    return 0;
}

/* The configuration that podman itself would read; one that is not there leaves everything empty. */
static int conf_read(struct arena *arena, struct storage_conf *conf, struct err *err) {
    const char *named = getenv("CONTAINERS_STORAGE_CONF"), *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
    const char *user = xdg != NULL    ? arena_format(arena, "%s/containers/storage.conf", xdg)
                       : home != NULL ? arena_format(arena, "%s/.config/containers/storage.conf", home)
                                      : NULL;
    const char *places[] = {named, named != NULL || geteuid() == 0 ? NULL : user,
                            named != NULL ? NULL : "/etc/containers/storage.conf",
                            named != NULL ? NULL : "/usr/share/containers/storage.conf"};
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        AUTO_BUF struct buf toml;
        struct err missing = {0};
        buf_init(&toml, LIMIT_MIB);
        if (places[i] == NULL || file_read(places[i], &toml, &missing) < 0)
            continue;
        return storage_conf_parse(arena, buf_span(&toml), conf, err);
    }
    return 0;
}

/* "$HOME" and "$UID" at the beginning of a part, as rootless_storage_path has them. */
static const char *variables_expand(struct arena *arena, struct span path) {
    AUTO_BUF struct buf text;
    const char *home = getenv("HOME");
    buf_init(&text, PATH_MAX);
    for (size_t i = 0; i < path.size; i++) {
        struct span rest = span_from(path, i);
        if (span_starts(rest, "$HOME")) {
            buf_text(&text, home == NULL ? "" : home);
            i += strlen("$HOME") - 1;
        } else if (span_starts(rest, "$UID")) {
            buf_format(&text, "%u", (unsigned)geteuid());
            i += strlen("$UID") - 1;
        } else {
            buf_byte(&text, path.data[i]);
        }
    }
    return text.failed ? NULL : arena_text(arena, buf_span(&text));
}

static int usual_roots_add(struct containers_source *store, struct err *err) {
    struct arena *arena = store->source.context->arena;
    struct storage_conf conf = {.additional_count = 0};
    const char *folder = "/var/lib/containers/storage";
    const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME");
    if (conf_read(arena, &conf, err) < 0)
        return -1;
    bool named = getenv("CONTAINERS_STORAGE_CONF") != NULL;
    if (geteuid() != 0 && conf.rootless_path.size > 0)
        folder = variables_expand(arena, conf.rootless_path);
    else if (conf.graph_root.size > 0 && (geteuid() == 0 || named))
        folder = variables_expand(arena, conf.graph_root);
    else if (geteuid() != 0)
        folder = data != NULL ? arena_format(arena, "%s/containers/storage", data)
                              : arena_format(arena, "%s/.local/share/containers/storage", home == NULL ? "" : home);
    if (folder == NULL)
        return memory_short(err);
    if (root_add(store, folder, err) < 0)
        return -1;
    for (size_t i = 0; i < conf.additional_count; i++) {
        const char *additional = variables_expand(arena, conf.additional[i]);
        if (additional == NULL)
            return memory_short(err);
        if (root_add(store, additional, err) < 0)
            return err_wrap(err, "additionalimagestores");
    }
    return 0;
}

/* skopeo's "+RUNROOT:driver.imagestore=DIR,…": the additional stores of it. */
static int options_read(struct containers_source *store, struct span options, struct err *err) {
    size_t colon = span_index(options, ':', 0);
    struct span rest = colon == SIZE_MAX ? (struct span){NULL, 0} : span_from(options, colon + 1);
    while (rest.size > 0) {
        struct span value = text_cut(&rest, ','), key = text_cut(&value, '=');
        if (!span_ends(key, "imagestore") || value.size == 0)
            continue;
        const char *folder = arena_text(store->source.context->arena, value);
        if (folder == NULL)
            return memory_short(err);
        if (root_add(store, folder, err) < 0)
            return -1;
    }
    return 0;
}

static int store_read(struct containers_source *store, const struct store_location *location, struct err *err) {
    if (location->folder == NULL) {
        if (usual_roots_add(store, err) < 0)
            return -1;
    } else if (root_add(store, location->folder, err) < 0 || options_read(store, location->options, err) < 0) {
        return -1;
    }
    size_t read = 0;
    for (size_t d = 0; d < ARRAY_COUNT(store->drivers); d++) {
        struct driver *driver = &store->drivers[d];
        if (location->qualifier.size > 0 && !span_is(location->qualifier, driver->name))
            continue;
        read++;
        for (size_t r = 0; r < store->root_count; r++) {
            if (root_read(store, &store->roots[r], driver, err) < 0)
                return -1;
        }
    }
    char quoted[64];
    if (read == 0)
        return err_set(err, ERR_UNSUPPORTED, 0, "store %s: expected the driver overlay or vfs, found '%s'",
                       store->roots[0].folder, text_quote(location->qualifier, quoted, sizeof quoted));
    if (store->found == 0)
        return err_set(err, ERR_NOTFOUND, 0,
                       "store %s: expected overlay-images/images.json or vfs-images/images.json, found neither",
                       store->roots[0].folder);
    if (store->names.count == 0 && store->wanted.size > 0)
        return err_set(err, ERR_NOTFOUND, 0, "store %s: no image is named '%s'", store->roots[0].folder,
                       text_quote(store->wanted, quoted, sizeof quoted));
    return 0;
}

static int containers_open(const struct source_context *context, struct span target, struct span location,
                           struct source **ret_source, struct err *err) {
    struct store_location parsed;
    struct span kept = arena_copy(context->arena, target);
    struct span behind = span_from(kept, target.size - location.size);
    struct containers_source *store = mem_zalloc(sizeof *store);
    if (kept.data == NULL || store == NULL) {
        mem_free(store);
        return memory_short(err);
    }
    store->source = (struct source){&source_containers_ops, context};
    store->drivers[0] = (struct driver){.name = "overlay", .kind = TREE_OVERLAY};
    store->drivers[1] = (struct driver){.name = "vfs", .kind = TREE_DIFFERENCE};
    for (size_t i = 0; i < ARRAY_COUNT(store->drivers); i++)
        map_init(&store->drivers[i].layers, (uint64_t)(uintptr_t)store);
    int result = store_location_parse(context->arena, behind, true, &parsed, err);
    if (result == 0) {
        store->wanted = parsed.name;
        store->prefix = store_prefix(context->arena, kept, behind, &parsed);
        result = store->prefix == NULL ? memory_short(err) : store_read(store, &parsed, err);
    }
    if (result < 0) {
        containers_close(&store->source);
        return -1;
    }
    *ret_source = &store->source;
    return 0;
}

/* ---- images ---- */

/* A big data file's path: names of other bytes than ".", digits and lower case letters are "=" and base64. */
static const char *big_data_path(const struct stored_image *image, const char *name, char *out, size_t out_size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char encoded[DIGEST_TEXT_SIZE * 2];
    size_t size = strlen(name), at = 0;
    bool plain = true;
    for (size_t i = 0; i < size; i++)
        plain = plain && (name[i] == '.' || text_is_digit((uint8_t)name[i]) || text_is_lower((uint8_t)name[i]));
    for (size_t i = 0; !plain && i < size && at + 5 < sizeof encoded; i += 3) {
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (i + j < size ? (uint8_t)name[i + j] : 0U);
        for (size_t j = 0; j < 4; j++)
            encoded[at++] = i + j > size ? '=' : digits[bits >> (18 - 6 * j) & 63];
    }
    encoded[at] = '\0';
    (void)snprintf(out, out_size, "%s-images/%.*s/%s%s", image->driver->name, SPAN_FORMAT(image->id), plain ? "" : "=",
                   plain ? name : encoded);
    return out;
}

static int big_data_read(const struct stored_image *image, const char *name, struct buf *bytes, struct err *err) {
    char path[NAME_MAX + DIGEST_TEXT_SIZE * 2 + 32], quoted[96];
    if (!store_id_is_plain(image->id))
        return err_set(err, ERR_FORMAT, 0, "images.json: expected an id, found '%s'",
                       text_quote(image->id, quoted, sizeof quoted));
    buf_reset(bytes);
    return file_read_beneath(image->root->fd, big_data_path(image, name, path, sizeof path), bytes, err);
}

/* The manifest under the digest that the store has for it; stores of old versions only have "manifest". */
static int manifest_bytes_read(const struct stored_image *image, struct buf *bytes, struct digest *ret_digest,
                               struct err *err) {
    char digest[DIGEST_TEXT_SIZE], name[DIGEST_TEXT_SIZE + 16];
    struct err missing = {0};
    bool found = false;
    if (image->has_digest) {
        (void)snprintf(name, sizeof name, "manifest-%s", digest_text(&image->digest, digest));
        found = big_data_read(image, name, bytes, &missing) == 0;
    }
    if (!found && big_data_read(image, "manifest", bytes, err) < 0)
        return -1;
    if (image->has_digest) {
        struct descriptor named = {.digest = image->digest};
        *ret_digest = image->digest;
        return source_verify(&named, buf_span(bytes), err);
    }
    return digest_of(DIGEST_SHA256, buf_span(bytes), ret_digest, err);
}

/* A manifest list that was put together here has no layers: the images it names are images of their own. */
static bool is_list(const struct stored_image *image) {
    AUTO(arena_release) struct arena scratch;
    AUTO_BUF struct buf bytes;
    struct manifest manifest;
    struct err err = {0};
    arena_init(&scratch, 0, 0);
    buf_init(&bytes, LIMIT_MANIFEST_BYTES);
    return image->layer.size == 0 && big_data_read(image, "manifest", &bytes, &err) == 0 &&
           manifest_parse(&scratch, buf_span(&bytes), &manifest, &err) == 0 && manifest.kind == MANIFEST_INDEX;
}

static void containers_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct containers_source *store = (struct containers_source *)source;
    struct err err = {0};
    for (size_t i = 0; i < store->names.count; i++) {
        const struct stored_name *entry = &store->names.data[i];
        struct source_reference reference;
        if (is_list(entry->image))
            continue;
        if (store_reference_make(source, store->prefix, entry->name, entry->image->id, &reference, &err) < 0) {
            done(context, &err);
            return;
        }
        reference.has_digest = entry->image->has_digest;
        reference.digest = entry->image->digest;
        reference.item = i;
        (void)each(context, source, &reference); /* all is at hand: nothing to hold back */
    }
    done(context, NULL);
}

static struct stored_image *image_of(struct source *source, const struct source_reference *reference) {
    struct containers_source *store = (struct containers_source *)source;
    assert(reference->item < store->names.count);
    return store->names.data[reference->item].image;
}

static void containers_manifest(struct source *source, const struct source_reference *reference,
                                const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct stored_image *image = image_of(source, reference);
    struct err err = {0};
    struct digest digest;
    AUTO_BUF struct buf bytes;
    buf_init(&bytes, LIMIT_MANIFEST_BYTES);
    (void)descriptor; /* no index is listed */
    if (manifest_bytes_read(image, &bytes, &digest, &err) < 0)
        fn(context, (struct span){NULL, 0}, NULL, &err);
    else
        fn(context, buf_span(&bytes), &digest, NULL);
}

/* ---- layers ---- */

/* The layers from the uppermost one down, turned around. */
static int chain_make(struct containers_source *store, struct stored_image *image, struct err *err) {
    const struct stored_layer *found[LIMIT_LAYERS];
    size_t count = 0;
    char quoted[96];
    for (struct span id = image->layer; id.size > 0; id = found[count - 1]->parent) {
        if (count == LIMIT_LAYERS)
            return err_set(err, ERR_LIMIT, 0, "layers.json: expected at most %zu layers on each other", LIMIT_LAYERS);
        const struct stored_layer *layer = map_get(&image->driver->layers, id);
        if (layer == NULL)
            return err_set(err, ERR_NOTFOUND, 0, "layers.json: no layer is called '%s'",
                           text_quote(id, quoted, sizeof quoted));
        if (!store_id_is_plain(layer->id))
            return err_set(err, ERR_FORMAT, 0, "layers.json: expected an id, found '%s'",
                           text_quote(id, quoted, sizeof quoted));
        found[count++] = layer;
    }
    image->chain = arena_array(store->source.context->arena, count, sizeof *image->chain);
    if (image->chain == NULL)
        return memory_short(err);
    for (size_t i = 0; i < count; i++)
        image->chain[i] = found[count - 1 - i];
    image->chain_count = count;
    return 0;
}

/* The layers of the store are those of the configuration, or none: a folder has no digest to check it by. */
static int chain_check(const struct stored_image *image, struct span config_json, struct err *err) {
    AUTO(arena_release) struct arena scratch;
    struct image_config config;
    char expected[DIGEST_TEXT_SIZE], found[DIGEST_TEXT_SIZE];
    arena_init(&scratch, 0, 0);
    if (image_config_parse(&scratch, config_json, &config, err) < 0)
        return -1;
    if (config.diff_id_count != image->chain_count)
        return err_set(err, ERR_FORMAT, 0, "store: expected %zu layers as the image's configuration, found %zu",
                       config.diff_id_count, image->chain_count);
    for (size_t i = 0; i < image->chain_count; i++) {
        const struct digest *diff_id = &image->chain[i]->diff_id;
        if (diff_id->algorithm != DIGEST_NONE && !digest_equal(diff_id, &config.diff_ids[i]))
            return err_set(err, ERR_DIGEST, 0, "store: expected layer %zu to be %.26s…, found %.26s…", i,
                           digest_text(&config.diff_ids[i], expected), digest_text(diff_id, found));
    }
    return 0;
}

static int config_read(const struct stored_image *image, const struct descriptor *descriptor, struct buf *bytes,
                       struct err *err) {
    char name[DIGEST_TEXT_SIZE];
    if (big_data_read(image, digest_text(&descriptor->digest, name), bytes, err) < 0)
        return -1;
    return source_verify(descriptor, buf_span(bytes), err);
}

static void containers_blob(struct source *source, const struct source_reference *reference,
                            const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn, void *context) {
    struct err err = {0};
    AUTO_BUF struct buf bytes;
    buf_init(&bytes, bytes_max);
    if (config_read(image_of(source, reference), descriptor, &bytes, &err) < 0)
        fn(context, (struct span){NULL, 0}, NULL, &err);
    else
        fn(context, buf_span(&bytes), &descriptor->digest, NULL);
}

/* Once for each image, and from the store itself: who asks for a layer may know manifest and configuration from a
 * cache. A configuration that cannot be read leaves nothing to compare with; the layers are then called by their
 * contents. */
static void chain_prepare(struct containers_source *store, struct stored_image *image) {
    AUTO(arena_release) struct arena scratch;
    AUTO_BUF struct buf bytes, config;
    struct manifest manifest;
    struct digest digest;
    struct err missing = {0};
    arena_init(&scratch, 0, 0);
    buf_init(&bytes, LIMIT_MANIFEST_BYTES);
    buf_init(&config, LIMIT_CONFIG_BYTES);
    int result = chain_make(store, image, &image->err);
    if (result == 0 && manifest_bytes_read(image, &bytes, &digest, &missing) == 0 &&
        manifest_parse(&scratch, buf_span(&bytes), &manifest, &missing) == 0 && manifest.kind == MANIFEST_IMAGE &&
        config_read(image, &manifest.config, &config, &missing) == 0)
        result = chain_check(image, buf_span(&config), &image->err);
    if (result < 0)
        image->chain_count = 0;
    image->is_prepared = true;
}

static const char *layer_path(struct arena *arena, const struct driver *driver, const struct stored_layer *layer) {
    return driver->kind == TREE_OVERLAY ? arena_format(arena, "overlay/%.*s/diff", SPAN_FORMAT(layer->id))
                                        : arena_format(arena, "vfs/dir/%.*s", SPAN_FORMAT(layer->id));
}

/* With composefs the folder holds files by their digests, and the tree is in an image of a file system of its own. */
static bool is_composefs(const struct stored_layer *layer) {
    char path[NAME_MAX + 64];
    struct stat status;
    (void)snprintf(path, sizeof path, "overlay/%.*s/composefs-data", SPAN_FORMAT(layer->id));
    return fstatat(layer->root->fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static const struct tree_root *containers_tree(struct source *source, const struct source_reference *reference,
                                               size_t layer) {
    struct stored_image *image = image_of(source, reference);
    struct arena *arena = source->context->arena;
    if (!image->is_prepared)
        chain_prepare((struct containers_source *)source, image);
    if (layer >= image->chain_count)
        return NULL;
    const struct stored_layer *stored = image->chain[layer], *below = layer == 0 ? NULL : image->chain[layer - 1];
    if (image->driver->kind == TREE_OVERLAY && is_composefs(stored)) {
        (void)err_set(&image->err, ERR_UNSUPPORTED, 0, "layer: kept as composefs, which is not read");
        return NULL;
    }
    struct tree_root *root = arena_zalloc(arena, sizeof *root);
    if (root == NULL)
        return NULL;
    *root = (struct tree_root){
        .kind = image->driver->kind, .folder = stored->root->folder, .path = layer_path(arena, image->driver, stored)};
    if (root->kind == TREE_DIFFERENCE && below != NULL) {
        root->below_folder = below->root->folder;
        root->below = layer_path(arena, image->driver, below);
        if (root->below == NULL)
            return NULL;
    }
    return root->path == NULL ? NULL : root;
}

/* Only for layers that have no folder. */
static void containers_stream(struct source *source, const struct source_reference *reference,
                              const struct descriptor *descriptor, struct stream *stream) {
    struct err err = image_of(source, reference)->err;
    (void)descriptor;
    if (err.code == ERR_NONE)
        (void)err_set(&err, ERR_NOTFOUND, 0, "layer: the store has no folder for it");
    stream_end(stream, &err);
}

static const char *const prefixes[] = {"containers-storage:", "podman:", NULL};

const struct source_ops source_containers_ops = {
    .kind = "containers-storage",
    .prefixes = prefixes,
    .location_is_optional = true,
    .open = containers_open,
    .list = containers_list,
    .manifest = containers_manifest,
    .blob = containers_blob,
    .stream = containers_stream,
    .tree = containers_tree,
    .close = containers_close,
};
