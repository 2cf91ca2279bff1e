#include "engine/export/export_images.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/export/export.h"

void export_images_init(struct export_images *images) {
    *images = (struct export_images){.list = {0}};
    arena_init(&images->arena, 0, 0);
    map_init(&images->sets, clock_ns());
    map_init(&images->digests, clock_ns());
    map_init(&images->layers, clock_ns());
}

void export_images_release(struct export_images *images) {
    vec_release(&images->list);
    map_release(&images->sets);
    map_release(&images->digests);
    map_release(&images->layers);
    arena_release(&images->arena);
}

/* The holders of a digest, made where there were none; NULL when memory is short. */
static struct export_holders *holders_of(struct export_images *images, struct map *map, struct span key) {
    struct export_holders *found = map_get(map, key);
    if (found != NULL)
        return found;
    struct export_holders *made = arena_zalloc(&images->arena, sizeof *made);
    struct span copy = arena_copy(&images->arena, key);
    void **place = made == NULL || copy.data == NULL ? NULL : map_put(map, copy, NULL);
    if (place == NULL)
        return NULL;
    *place = made;
    return made;
}

static int image_take(struct export_images *images, const struct row_view *view, struct err *err) {
    struct export_image *image = arena_zalloc(&images->arena, sizeof *image);
    const struct {
        const char *column;
        size_t offset;
    } texts[] = {
        {"reference", offsetof(struct export_image, reference)},
        {"registry", offsetof(struct export_image, registry)},
        {"repository", offsetof(struct export_image, repository)},
        {"tag", offsetof(struct export_image, tag)},
        {"image_digest", offsetof(struct export_image, digest)},
        {"target_kind", offsetof(struct export_image, kind)},
        {"os", offsetof(struct export_image, os)},
        {"architecture", offsetof(struct export_image, architecture)},
        {"package_set", offsetof(struct export_image, package_set)},
        {"status", offsetof(struct export_image, status)},
        {"reason", offsetof(struct export_image, reason)},
    };
    bool ok = image != NULL;
    for (size_t i = 0; ok && i < ARRAY_COUNT(texts); i++) {
        struct span copy = arena_copy(&images->arena, export_text(view, texts[i].column));
        memcpy((uint8_t *)image + texts[i].offset, &copy, sizeof copy);
        ok = copy.data != NULL;
    }
    ok = ok && vec_push(&images->list, image);
    struct export_holders *set = ok ? holders_of(images, &images->sets, image->package_set) : NULL;
    struct export_holders *digest = set == NULL ? NULL : holders_of(images, &images->digests, image->digest);
    struct export_holders *config =
        digest == NULL ? NULL : holders_of(images, &images->layers, export_text(view, "config_digest"));
    if (config == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    image->scanned_at = row_view_time(view, table_column(TABLE_IMAGE, span_text("scanned_at")));
    if (set->last != NULL)
        set->last->next_of_set = image;
    set->first = set->first == NULL ? image : set->first;
    set->last = image;
    set->count++;
    if (digest->last != NULL)
        digest->last->next_of_digest = image;
    digest->first = digest->first == NULL ? image : digest->first;
    digest->last = image;
    digest->count++;
    config->first = config->first == NULL ? image : config->first;
    config->count++;
    return 0;
}

static int layer_take(struct export_images *images, const struct row_view *view, struct err *err) {
    const struct export_holders *image = map_get(&images->digests, export_text(view, "image_digest"));
    struct span layer = export_text(view, "layer_digest");
    if (image == NULL || layer.size == 0)
        return 0;
    struct export_holders *holders = holders_of(images, &images->layers, layer);
    if (holders == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    holders->first = holders->first == NULL ? image->first : holders->first;
    holders->count += image->count;
    return 0;
}

int export_images_row(struct export_images *images, const struct row_view *view, struct err *err) {
    if (view->table == TABLE_IMAGE)
        return image_take(images, view, err);
    return view->table == TABLE_IMAGE_LAYER ? layer_take(images, view, err) : 0;
}

const struct export_holders *export_images_of(const struct export_images *images, const struct row_view *view) {
    const struct export_holders *found = NULL;
    if (table_column(view->table, span_text("package_set")) != SIZE_MAX)
        return map_get(&images->sets, export_text(view, "package_set"));
    if (table_column(view->table, span_text("image_digest")) != SIZE_MAX)
        found = map_get(&images->digests, export_text(view, "image_digest"));
    if (found == NULL && table_column(view->table, span_text("layer_digest")) != SIZE_MAX)
        found = map_get(&images->layers, export_text(view, "layer_digest"));
    /* A folder that was scanned is an image of one layer, under one digest. */
    if (found == NULL && table_column(view->table, span_text("layer_digest")) != SIZE_MAX)
        found = map_get(&images->digests, export_text(view, "layer_digest"));
    return found;
}
