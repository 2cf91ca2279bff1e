#include "engine/pipeline/plan.h"

#include "base/alloc.h"

void plan_init(struct plan *plan) {
    *plan = (struct plan){0};
    arena_init(&plan->arena, 256 * 1024, 0);
    map_init(&plan->layers_by_digest, 0);
    map_init(&plan->image_keys, (uint64_t)(uintptr_t)plan);
}

void plan_release(struct plan *plan) {
    for (size_t i = 0; i < plan->images.count; i++)
        vec_release(&plan->images.data[i]->errors);
    for (size_t i = 0; i < plan->layers.count; i++)
        layer_result_free(plan->layers.data[i]->result);
    vec_release(&plan->images);
    vec_release(&plan->layers);
    vec_release(&plan->errors);
    vec_release(&plan->error_targets);
    map_release(&plan->layers_by_digest);
    map_release(&plan->image_keys);
    arena_release(&plan->arena);
}

struct planned_image *plan_image_add(struct plan *plan, struct source *source,
                                     const struct source_reference *reference) {
    struct planned_image *image = arena_zalloc(&plan->arena, sizeof *image);
    if (image == NULL || !vec_push(&plan->images, image))
        return NULL;
    image->source = source;
    image->kind = source == NULL ? source_kind(reference->text) : source->ops->kind;
    image->reference = *reference;
    return image;
}

static struct image_error error_make(struct plan *plan, enum stage stage, const struct err *err) {
    struct span message = arena_copy(&plan->arena, span_text(err->text));
    return (struct image_error){stage, err->code, message.data == NULL ? span_text("out of memory") : message};
}

void plan_image_error(struct plan *plan, struct planned_image *image, enum stage stage, const struct err *err,
                      enum scan_status status) {
    struct image_error error = error_make(plan, stage, err);
    if (image->reason.size == 0)
        image->reason = error.message;
    if (status > image->status || image->status == SCAN_SKIPPED)
        image->status = status;
    (void)vec_push(&image->errors, error); /* out of memory: the status has been lowered all the same */
}

void plan_target_error(struct plan *plan, struct span target, enum stage stage, const struct err *err) {
    struct source_reference reference = {.text = target, .registry = span_text(""), .repository = target};
    struct planned_image *image = source_is_registry(target) ? NULL : plan_image_add(plan, NULL, &reference);
    if (image != NULL)
        plan_image_error(plan, image, stage, err, SCAN_FAILED);
    else if (vec_push(&plan->errors, error_make(plan, stage, err)) && !vec_push(&plan->error_targets, target))
        plan->errors.count--;
}

static size_t layer_place(struct plan *plan, struct planned_image *image, struct planned_layer *layer) {
    layer->source = image->source;
    layer->reference = &image->reference;
    if (!vec_push(&plan->layers, layer))
        return SIZE_MAX;
    return plan->layers.count - 1;
}

/* A layer knows its index through the map: the value is the index + 1, so that NULL stays "not there". */
size_t plan_layer_add(struct plan *plan, struct planned_image *image, const struct descriptor *descriptor,
                      const struct digest *diff_id) {
    struct span key = span_make(descriptor->digest.bytes, digest_size(descriptor->digest.algorithm));
    void *known = map_get(&plan->layers_by_digest, key);
    struct planned_layer *layer =
        known == NULL ? arena_zalloc(&plan->arena, sizeof *layer) : plan->layers.data[(uintptr_t)known - 1];
    if (layer == NULL)
        return SIZE_MAX;
    layer->image_count++;
    if (layer->diff_id.algorithm == DIGEST_NONE)
        layer->diff_id = *diff_id;
    if (known != NULL) {
        if (span_compare(image->reference.text, layer->first_reference) < 0)
            layer->first_reference = image->reference.text;
        return (uintptr_t)known - 1;
    }
    layer->descriptor = *descriptor;
    layer->first_reference = image->reference.text;
    void **place = map_put(&plan->layers_by_digest,
                           span_make(layer->descriptor.digest.bytes, digest_size(descriptor->digest.algorithm)), NULL);
    size_t index = place == NULL ? SIZE_MAX : layer_place(plan, image, layer);
    if (index != SIZE_MAX)
        *place = (void *)(uintptr_t)(index + 1);
    return index;
}

size_t plan_tree_add(struct plan *plan, struct planned_image *image, const struct tree_root *root,
                     const struct digest *diff_id, uint64_t size) {
    bool is_named = diff_id->algorithm != DIGEST_NONE;
    char text[DIGEST_TEXT_SIZE];
    /* A difference depends on what is below it: the same diff_id over another parent is another layer. */
    const char *place_name = root->kind == TREE_DIFFERENCE ? root->path : "";
    const char *key = arena_format(&plan->arena, "%p %s %s", (const void *)image->source,
                                   is_named ? digest_text(diff_id, text) : "", place_name);
    void *known = is_named && key != NULL ? map_get(&plan->layers_by_digest, span_text(key)) : NULL;
    if (known != NULL) {
        struct planned_layer *layer = plan->layers.data[(uintptr_t)known - 1];
        layer->image_count++;
        if (span_compare(image->reference.text, layer->first_reference) < 0)
            layer->first_reference = image->reference.text;
        return (uintptr_t)known - 1;
    }
    struct planned_layer *layer = arena_zalloc(&plan->arena, sizeof *layer);
    void **place =
        layer == NULL || key == NULL || !is_named ? NULL : map_put(&plan->layers_by_digest, span_text(key), NULL);
    if (layer == NULL || key == NULL || (is_named && place == NULL))
        return SIZE_MAX;
    layer->tree = root;
    layer->image_count = 1;
    layer->first_reference = image->reference.text;
    layer->descriptor = (struct descriptor){.digest = *diff_id, .media_type = span_text(""), .size = size};
    layer->diff_id = *diff_id;
    size_t index = layer_place(plan, image, layer);
    if (place != NULL && index != SIZE_MAX)
        *place = (void *)(uintptr_t)(index + 1);
    return index;
}

static int image_order(const void *left, const void *right) {
    const struct planned_image *a = *(struct planned_image *const *)left, *b = *(struct planned_image *const *)right;
    int order = span_compare(a->reference.text, b->reference.text);
    return order != 0 ? order : digest_compare(&a->digest, &b->digest);
}

struct ranked_layer {
    struct planned_layer *layer;
    size_t index;
};

static int layer_order(const void *left, const void *right) {
    const struct planned_layer *a = ((const struct ranked_layer *)left)->layer,
                               *b = ((const struct ranked_layer *)right)->layer;
    if (a->descriptor.size != b->descriptor.size)
        return a->descriptor.size > b->descriptor.size ? -1 : 1;
    return digest_compare(&a->descriptor.digest, &b->descriptor.digest);
}

bool plan_order(struct plan *plan) {
    size_t count = plan->layers.count;
    if (plan->images.count > 0)
        qsort(plan->images.data, plan->images.count, sizeof *plan->images.data, image_order);
    if (count == 0)
        return true;
    struct ranked_layer *ranked = mem_array(count, sizeof *ranked);
    size_t *moved = mem_array(count, sizeof *moved);
    bool ok = ranked != NULL && moved != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ranked[i] = (struct ranked_layer){plan->layers.data[i], i};
    if (ok)
        qsort(ranked, count, sizeof *ranked, layer_order);
    for (size_t i = 0; ok && i < count; i++) {
        plan->layers.data[i] = ranked[i].layer;
        moved[ranked[i].index] = i;
    }
    for (size_t i = 0; ok && i < plan->images.count; i++) {
        for (size_t j = 0; j < plan->images.data[i]->layer_count; j++)
            plan->images.data[i]->layers[j] = moved[plan->images.data[i]->layers[j]];
    }
    mem_free(ranked);
    mem_free(moved);
    return ok;
}
