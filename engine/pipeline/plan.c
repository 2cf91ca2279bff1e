#include "engine/pipeline/plan.h"

#include "base/alloc.h"
#include "base/hash/xxh.h"
#include "base/overflow.h"

void plan_init(struct plan *plan) {
    *plan = (struct plan){0};
    arena_init(&plan->arena, 256 * 1024, 0);
    /* Manifests name whatever digests they like: keyed, so that they cannot be chosen to collide. Nothing that is
     * written depends on the order in a map. */
    struct hash_key key;
    uint64_t seed =
        hash_key_random(&key, NULL) < 0 ? (uint64_t)(uintptr_t)plan : xxh64_seeded(span_make(&key, sizeof key), 0);
    map_init(&plan->facts_by_digest, seed);
    map_init(&plan->layers_by_digest, seed);
    map_init(&plan->texts, seed);
    map_init(&plan->platforms, seed);
}

void plan_release(struct plan *plan) {
    for (size_t i = 0; i < plan->facts.count; i++)
        vec_release(&plan->facts.data[i]->errors);
    for (size_t i = 0; i < plan->layers.count; i++) {
        layer_result_free(plan->layers.data[i]->result);
        mem_free(plan->layers.data[i]->reason);
    }
    vec_release(&plan->images);
    vec_release(&plan->facts);
    vec_release(&plan->layers);
    vec_release(&plan->errors);
    vec_release(&plan->error_targets);
    map_release(&plan->facts_by_digest);
    map_release(&plan->layers_by_digest);
    map_release(&plan->texts);
    map_release(&plan->platforms);
    arena_release(&plan->arena);
}

/* ---- texts ---- */

struct span plan_intern(struct plan *plan, struct span text) {
    if (text.size == 0)
        return span_text("");
    struct span *known = map_get(&plan->texts, text);
    if (known != NULL)
        return *known;
    struct span *kept = arena_alloc(&plan->arena, sizeof *kept);
    struct span copy = kept == NULL ? (struct span){NULL, 0} : arena_copy(&plan->arena, text);
    void **place = copy.data == NULL ? NULL : map_put(&plan->texts, copy, NULL);
    if (place == NULL)
        return (struct span){NULL, 0};
    *kept = copy;
    *place = kept;
    return copy;
}

const struct platform *plan_intern_platform(struct plan *plan, const struct platform *platform) {
    const struct span parts[] = {platform->os, platform->architecture, platform->variant};
    struct buf key;
    buf_init(&key, 0);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        buf_add(&key, parts[i]);
        buf_byte(&key, '\0');
    }
    struct platform *known = key.failed ? NULL : map_get(&plan->platforms, buf_span(&key));
    if (known == NULL && !key.failed) {
        struct span name = arena_copy(&plan->arena, buf_span(&key));
        struct platform *kept = arena_alloc(&plan->arena, sizeof *kept);
        void **place = name.data == NULL || kept == NULL ? NULL : map_put(&plan->platforms, name, NULL);
        if (place != NULL) {
            *kept = (struct platform){plan_intern(plan, parts[0]), plan_intern(plan, parts[1]),
                                      plan_intern(plan, parts[2])};
            *place = known = kept;
        }
    }
    buf_release(&key);
    return known;
}

/* ---- images ---- */

static struct span digest_key(const struct digest *digest) {
    return span_make(digest->bytes, digest_size(digest->algorithm));
}

struct image_facts *plan_facts_new(struct plan *plan) {
    struct image_facts *facts = arena_zalloc(&plan->arena, sizeof *facts);
    if (facts == NULL || !vec_push(&plan->facts, facts))
        return NULL;
    static const struct platform unknown;
    facts->created = PLAN_TIME_UNKNOWN;
    facts->platform = &unknown;
    return facts;
}

struct image_facts *plan_facts_find(const struct plan *plan, const struct digest *digest) {
    return map_get(&plan->facts_by_digest, digest_key(digest));
}

struct image_facts *plan_facts_of(struct plan *plan, const struct digest *digest, bool *ret_new) {
    struct image_facts *facts = plan_facts_find(plan, digest);
    *ret_new = facts == NULL;
    if (facts != NULL)
        return facts;
    facts = plan_facts_new(plan);
    if (facts == NULL)
        return NULL;
    facts->digest = *digest;
    void **place = map_put(&plan->facts_by_digest, digest_key(&facts->digest), NULL);
    if (place == NULL)
        return NULL;
    *place = facts;
    return facts;
}

static void facts_skip(struct image_facts *facts, struct span media_type, struct span reason) {
    facts->media_type = media_type;
    facts->status = SCAN_SKIPPED;
    facts->is_skipped = true;
    facts->reason = reason;
}

struct image_facts *plan_facts_told(struct plan *plan, const struct digest *digest, struct span media_type,
                                    struct span reason) {
    char text[DIGEST_TEXT_SIZE];
    struct span type = plan_intern(plan, media_type), why = plan_intern(plan, reason);
    /* Longer than any digest's bytes: the map has both. */
    const char *key =
        arena_format(&plan->arena, "%s %.*s %.*s", digest_text(digest, text), SPAN_FORMAT(why), SPAN_FORMAT(type));
    void **place = type.data == NULL || why.data == NULL || key == NULL
                       ? NULL
                       : map_put(&plan->facts_by_digest, span_text(key), NULL);
    if (place == NULL || *place != NULL)
        return place == NULL ? NULL : *place;
    struct image_facts *facts = plan_facts_new(plan);
    if (facts == NULL)
        return NULL;
    facts->digest = *digest;
    facts->is_told = true;
    facts_skip(facts, type, why);
    *place = facts;
    return facts;
}

struct image_facts *plan_facts_skipped(struct plan *plan, const struct digest *digest, struct span media_type,
                                       struct span reason) {
    bool fresh = false;
    struct span type = plan_intern(plan, media_type), why = plan_intern(plan, reason);
    struct image_facts *facts = type.data == NULL || why.data == NULL ? NULL : plan_facts_of(plan, digest, &fresh);
    if (fresh && facts != NULL)
        facts_skip(facts, type, why);
    return facts;
}

bool plan_image_add(struct plan *plan, struct source *source, const struct source_reference *reference,
                    struct image_facts *facts) {
    struct planned_image image = {source, reference->text, reference->registry, reference->repository, reference->tag,
                                  facts};
    return vec_push(&plan->images, image);
}

const char *planned_image_kind(const struct planned_image *image) {
    return image->source == NULL ? source_kind(image->text) : image->source->ops->kind;
}

static struct image_error error_make(struct plan *plan, enum stage stage, const struct err *err) {
    struct span message = plan_intern(plan, span_text(err->text));
    return (struct image_error){stage, err->code, message.data == NULL ? span_text("out of memory") : message};
}

void plan_facts_error(struct plan *plan, struct image_facts *facts, enum stage stage, const struct err *err,
                      enum scan_status status) {
    struct image_error error = error_make(plan, stage, err);
    if (facts->reason.size == 0)
        facts->reason = error.message;
    if (status > facts->status || facts->status == SCAN_SKIPPED)
        facts->status = status;
    (void)vec_push(&facts->errors, error); /* out of memory: the status has been lowered all the same */
}

void plan_target_error(struct plan *plan, struct span target, enum stage stage, const struct err *err) {
    struct source_reference reference = {
        .text = target, .registry = span_text(""), .repository = target, .tag = {NULL, 0}};
    struct image_facts *facts = source_is_registry(target) ? NULL : plan_facts_new(plan);
    if (facts != NULL && plan_image_add(plan, NULL, &reference, facts))
        plan_facts_error(plan, facts, stage, err, SCAN_FAILED);
    else if (vec_push(&plan->errors, error_make(plan, stage, err)) && !vec_push(&plan->error_targets, target))
        plan->errors.count--;
}

/* ---- layers ---- */

static size_t layer_place(struct plan *plan, struct planned_layer *layer) {
    if (plan->layers.count == UINT32_MAX || !vec_push(&plan->layers, layer))
        return SIZE_MAX;
    return plan->layers.count - 1;
}

/* What another image says of a layer that is planned already. Whichever was read first, the same comes out, and none
 * can spoil the layer for the others. */
static void layer_unite(struct planned_layer *layer, struct source *source, const struct source_reference *reference,
                        const struct descriptor *descriptor, const struct digest *diff_id) {
    struct descriptor *known = &layer->descriptor;
    /* Where diff_ids differ there is none to hold the bytes against: the digest alone decides. */
    if (diff_id->algorithm != DIGEST_NONE && layer->diff_id.algorithm == DIGEST_NONE && !layer->diff_ids_differ)
        layer->diff_id = *diff_id;
    if (diff_id->algorithm != DIGEST_NONE && !digest_equal(diff_id, &layer->diff_id)) {
        layer->diff_id = (struct digest){.algorithm = DIGEST_NONE};
        layer->diff_ids_differ = true;
    }
    if (span_compare(descriptor->media_type, known->media_type) < 0)
        known->media_type = descriptor->media_type;
    known->is_foreign = known->is_foreign && descriptor->is_foreign;
    /* Likewise where sizes differ; the smaller one stands for its place in the order. */
    bool told = !descriptor->size_unknown, first = known->size_unknown && known->size == 0;
    if (told && first) {
        known->size = descriptor->size;
        known->size_unknown = false;
    } else if (told && descriptor->size != known->size) {
        known->size = u64_min(descriptor->size, known->size);
        known->size_unknown = true;
    }
    /* Read where it is a blob rather than where it is called by its diff_id, then by the smallest reference. */
    bool better = known->is_unpacked_digest != descriptor->is_unpacked_digest
                      ? known->is_unpacked_digest
                      : span_compare(reference->text, layer->reference.text) < 0;
    if (better) {
        known->is_unpacked_digest = descriptor->is_unpacked_digest;
        layer->source = source;
        layer->reference = *reference;
    }
}

/* A store that has lost a layer's folder knows that alone: others have the layer perhaps. */
static struct span layer_key(struct plan *plan, const struct source *source, const struct digest *digest) {
    char text[DIGEST_TEXT_SIZE];
    if (source->ops->tree == NULL)
        return digest_key(digest);
    const char *key = arena_format(&plan->arena, "%p blob %s", (const void *)source, digest_text(digest, text));
    return key == NULL ? (struct span){NULL, 0} : span_text(key);
}

/* A layer knows its index through the map: the value is the index + 1, so that NULL stays "not there". */
size_t plan_layer_add(struct plan *plan, struct source *source, const struct source_reference *reference,
                      const struct descriptor *descriptor, const struct digest *diff_id) {
    struct span media_type = plan_intern(plan, descriptor->media_type);
    struct span key = layer_key(plan, source, &descriptor->digest);
    if (media_type.data == NULL || key.data == NULL)
        return SIZE_MAX;
    void *known = map_get(&plan->layers_by_digest, key);
    if (known != NULL) {
        struct descriptor other = *descriptor;
        other.media_type = media_type;
        layer_unite(plan->layers.data[(uintptr_t)known - 1], source, reference, &other, diff_id);
        return (uintptr_t)known - 1;
    }
    struct planned_layer *layer = arena_zalloc(&plan->arena, sizeof *layer);
    if (layer == NULL)
        return SIZE_MAX;
    layer->descriptor = (struct descriptor){.digest = descriptor->digest,
                                            .media_type = media_type,
                                            .size = descriptor->size,
                                            .size_unknown = descriptor->size_unknown,
                                            .is_foreign = descriptor->is_foreign,
                                            .is_unpacked_digest = descriptor->is_unpacked_digest};
    layer->diff_id = *diff_id;
    layer->source = source;
    layer->reference = *reference;
    if (source->ops->tree == NULL)
        key = digest_key(&layer->descriptor.digest); /* lives as long as the map */
    void **place = map_put(&plan->layers_by_digest, key, NULL);
    size_t index = place == NULL ? SIZE_MAX : layer_place(plan, layer);
    if (index != SIZE_MAX)
        *place = (void *)(uintptr_t)(index + 1);
    return index;
}

size_t plan_tree_add(struct plan *plan, struct source *source, const struct source_reference *reference,
                     const struct tree_root *root, const struct digest *diff_id, uint64_t size) {
    bool is_named = diff_id->algorithm != DIGEST_NONE;
    char text[DIGEST_TEXT_SIZE];
    /* A difference depends on what is below it: the same diff_id over another parent is another layer. */
    const char *place_name = root->kind == TREE_DIFFERENCE ? root->path : "";
    const char *key = arena_format(&plan->arena, "%p %s %s", (const void *)source,
                                   is_named ? digest_text(diff_id, text) : "", place_name);
    void *known = is_named && key != NULL ? map_get(&plan->layers_by_digest, span_text(key)) : NULL;
    if (known != NULL)
        return (uintptr_t)known - 1;
    struct planned_layer *layer = arena_zalloc(&plan->arena, sizeof *layer);
    void **place =
        layer == NULL || key == NULL || !is_named ? NULL : map_put(&plan->layers_by_digest, span_text(key), NULL);
    if (layer == NULL || key == NULL || (is_named && place == NULL))
        return SIZE_MAX;
    layer->tree = root;
    layer->source = source;
    layer->reference = *reference;
    layer->descriptor = (struct descriptor){.digest = *diff_id, .media_type = span_text(""), .size = size};
    layer->diff_id = *diff_id;
    size_t index = layer_place(plan, layer);
    if (place != NULL && index != SIZE_MAX)
        *place = (void *)(uintptr_t)(index + 1);
    return index;
}

/* ---- order ---- */

static int image_order(const void *left, const void *right) {
    const struct planned_image *a = left, *b = right;
    int order = span_compare(a->text, b->text);
    if (order == 0)
        order = digest_compare(&a->facts->digest, &b->facts->digest);
    /* What an index says of a digest beside the image itself; two failures without a digest. */
    return order != 0 ? order : span_compare(a->facts->reason, b->facts->reason);
}

/* What was listed twice, under the same name with the same digest, is swept once. */
static void images_unite(struct plan *plan) {
    size_t kept = 0;
    for (size_t i = 0; i < plan->images.count; i++) {
        const struct planned_image *image = &plan->images.data[i];
        /* A local store's facts are its own each time that it is opened: there, the text and the digest say it all. */
        bool same = kept > 0 && image->facts->digest.algorithm != DIGEST_NONE &&
                    (image->facts == image[-1].facts ||
                     (image->source != NULL && image[-1].source != NULL && image->source->ops->tree != NULL &&
                      image->source->ops == image[-1].source->ops &&
                      digest_equal(&image->facts->digest, &image[-1].facts->digest)));
        if (same && span_equal(image->text, image[-1].text))
            continue;
        plan->images.data[kept++] = *image;
    }
    plan->images.count = kept;
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
    int order = digest_compare(&a->descriptor.digest, &b->descriptor.digest);
    return order != 0 ? order : span_compare(a->first_reference, b->first_reference); /* of different stores */
}

static bool is_elsewhere(const struct planned_image *image, const struct planned_layer *layer) {
    return image->source != NULL && image->source->ops->head != NULL &&
           !(span_equal(image->registry, layer->reference.registry) &&
             span_equal(image->repository, layer->reference.repository));
}

/* Counts which images hold which layer, and forgets what no image holds any more. */
static void facts_count(struct plan *plan) {
    size_t kept = 0;
    for (size_t i = 0; i < plan->images.count; i++) {
        const struct planned_image *image = &plan->images.data[i];
        image->facts->is_listed = true;
        for (size_t j = 0; j < image->facts->layer_count; j++) {
            struct planned_layer *layer = plan->layers.data[image->facts->layers[j]];
            if (layer->image_count++ == 0)
                layer->first_reference = image->text;
            if (is_elsewhere(image, layer))
                layer->other = image;
        }
    }
    for (size_t i = 0; i < plan->facts.count; i++) {
        if (plan->facts.data[i]->is_listed)
            plan->facts.data[kept++] = plan->facts.data[i];
        else
            vec_release(&plan->facts.data[i]->errors);
    }
    plan->facts.count = kept;
}

static bool layers_order(struct plan *plan) {
    size_t count = plan->layers.count, kept = 0;
    if (count == 0)
        return true;
    struct ranked_layer *ranked = mem_array(count, sizeof *ranked);
    uint32_t *moved = mem_array(count, sizeof *moved);
    bool ok = ranked != NULL && moved != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        if (plan->layers.data[i]->image_count > 0)
            ranked[kept++] = (struct ranked_layer){plan->layers.data[i], i};
    }
    if (kept > 0)
        qsort(ranked, kept, sizeof *ranked, layer_order);
    for (size_t i = 0; i < kept; i++) {
        plan->layers.data[i] = ranked[i].layer;
        moved[ranked[i].index] = (uint32_t)i;
    }
    if (ok)
        plan->layers.count = kept;
    for (size_t i = 0; ok && i < plan->facts.count; i++) {
        struct image_facts *facts = plan->facts.data[i];
        for (size_t j = 0; j < facts->layer_count; j++)
            facts->layers[j] = moved[facts->layers[j]];
    }
    mem_free(ranked);
    mem_free(moved);
    return ok;
}

bool plan_order(struct plan *plan) {
    if (plan->images.count > 0)
        qsort(plan->images.data, plan->images.count, sizeof *plan->images.data, image_order);
    images_unite(plan);
    facts_count(plan);
    return layers_order(plan);
}

/* ---- selection ---- */

bool plan_select(struct plan *plan, const struct selection *selection) {
    if (selection == NULL || (!selection->has_since && selection->newest == 0))
        return true;
    size_t count = plan->images.count, kept = 0;
    struct selection_item *items = mem_array(count == 0 ? 1 : count, sizeof *items);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct planned_image *image = &plan->images.data[i];
        /* Local images, and what failed, are in nobody's order. */
        bool ranks = image->registry.size > 0 && image->facts->has_config;
        struct span repository = span_slice(image->text, 0, image->registry.size + 1 + image->repository.size);
        items[i] = (struct selection_item){.repository = ranks ? repository : span_text(""),
                                           .tag = ranks ? image->tag : span_text(""),
                                           .has_created = image->facts->created != PLAN_TIME_UNKNOWN,
                                           .created_utc_s = image->facts->created};
    }
    bool ok = selection_newest(selection, items, count);
    for (size_t i = 0; ok && i < count; i++) {
        bool in_time = !items[i].has_created || selection_wants_time(selection, items[i].created_utc_s);
        if (items[i].stays && in_time)
            plan->images.data[kept++] = plan->images.data[i];
    }
    if (ok)
        plan->images.count = kept;
    mem_free(items);
    return ok;
}
