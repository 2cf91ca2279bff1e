#include "engine/pipeline/reference_store.h"

#include "base/limits.h"
#include "base/map.h"
#include "engine/image/layer_pack.h"

#define FORMAT 1 /* of a value */
#define KEEP_S ((int64_t)30 * 86400)

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "references: out of memory"); }

void references_begin(struct buf *value) {
    buf_reset(value);
    buf_byte(value, FORMAT);
}

void reference_pack(const struct kept_reference *reference, struct buf *value) {
    text_pack(reference->text, value);
    text_pack(reference->registry, value);
    text_pack(reference->repository, value);
    text_pack(reference->tag, value);
    text_pack(reference->kind, value);
    digest_pack(&reference->digest, value);
    buf_le64(value, (uint64_t)reference->swept_at_utc_s);
}

static bool reference_unpack(struct reader *reader, struct kept_reference *ret_reference) {
    struct kept_reference reference = {.text = text_unpack(reader)};
    reference.registry = text_unpack(reader);
    reference.repository = text_unpack(reader);
    reference.tag = text_unpack(reader);
    reference.kind = text_unpack(reader);
    bool good = digest_unpack(reader, &reference.digest);
    reference.swept_at_utc_s = (int64_t)read_le64(reader);
    *ret_reference = reference;
    return good && !reader->failed;
}

/* A reader behind the value's first byte; nothing is left of a value of another format. */
static struct reader value_open(struct span value) {
    struct reader reader = reader_init(value);
    return read_u8(&reader) == FORMAT ? reader : reader_init((struct span){NULL, 0});
}

struct hash128 references_key(const struct cache *cache, struct span registry, struct span repository,
                              struct span text) {
    struct buf key;
    struct hash128 hash = {0, 0};
    buf_init(&key, 0);
    if (repository.size > 0 && registry.size > 0) {
        text_pack(registry, &key);
        text_pack(repository, &key);
    } else {
        buf_add(&key, text);
    }
    if (!key.failed)
        hash = body_hash_once(cache_secret(cache), buf_span(&key));
    buf_release(&key);
    return hash;
}

static bool is_of_repository(const struct planned_image *image) {
    return image->registry.size > 0 && image->repository.size > 0;
}

/* Groups together, and in them the same text: of an index' manifests. */
static int image_order(const void *left, const void *right, void *context) {
    const struct planned_image *images = context;
    const struct planned_image *a = &images[*(const uint32_t *)left], *b = &images[*(const uint32_t *)right];
    int order = span_compare(a->registry, b->registry);
    if (order == 0)
        order = span_compare(a->repository, b->repository);
    return order != 0 ? order : span_compare(a->text, b->text);
}

static bool is_same_group(const struct planned_image *a, const struct planned_image *b) {
    bool alone = !is_of_repository(a);
    return span_equal(a->registry, b->registry) && span_equal(a->repository, b->repository) &&
           (!alone || span_equal(a->text, b->text));
}

/* What the cache has of the group, but for the texts that are new, and what is too old. */
static void rest_add(struct cache_reader *reader, struct span key, const struct map *fresh, int64_t oldest,
                     struct buf *value) {
    struct span kept;
    if (!cache_get(reader, CACHE_REFERENCE, key, &kept))
        return;
    struct reader old = value_open(kept);
    struct kept_reference reference;
    while (reader_left(&old) > 0 && reference_unpack(&old, &reference)) {
        if (map_get(fresh, reference.text) == NULL && reference.swept_at_utc_s >= oldest)
            reference_pack(&reference, value);
    }
}

static int group_keep(struct cache *cache, struct cache_reader *reader, const struct plan *plan, const uint32_t *order,
                      size_t count, int64_t now, struct buf *value, struct err *err) {
    const struct planned_image *first = &plan->images.data[order[0]];
    struct hash128 key = references_key(cache, first->registry, first->repository, first->text);
    struct map fresh;
    int result = 0;
    map_init(&fresh, 0);
    references_begin(value);
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct planned_image *image = &plan->images.data[order[i]];
        void **place = map_put(&fresh, image->text, NULL);
        if (place == NULL)
            result = memory_short(err);
        else
            *place = value;
        struct kept_reference reference = {.text = image->text,
                                           .registry = image->registry,
                                           .repository = image->repository,
                                           .tag = image->tag,
                                           .kind = span_text(planned_image_kind(image)),
                                           .digest = image->facts->digest,
                                           .swept_at_utc_s = now};
        if (image->facts->digest.algorithm != DIGEST_NONE)
            reference_pack(&reference, value);
    }
    struct span key_span = span_make(&key, sizeof key);
    if (result == 0)
        rest_add(reader, key_span, &fresh, now - KEEP_S, value);
    if (result == 0 && value->failed)
        result = memory_short(err);
    if (result == 0)
        cache_put(cache, CACHE_REFERENCE, key_span, buf_span(value));
    cache_reader_reset(reader);
    map_release(&fresh);
    return result;
}

int references_keep(struct cache *cache, struct cache_reader *reader, const struct plan *plan, int64_t swept_at_utc_s,
                    struct err *err) {
    size_t count = plan->images.count;
    AUTO_FREE uint32_t *order = mem_array(count == 0 ? 1 : count, sizeof *order);
    AUTO_BUF struct buf value;
    buf_init(&value, 0);
    if (order == NULL)
        return memory_short(err);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    if (count > 1)
        qsort_r(order, count, sizeof *order, image_order, plan->images.data);
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count; next++) {
            if (!is_same_group(&plan->images.data[order[first]], &plan->images.data[order[next]]))
                break;
        }
        if (group_keep(cache, reader, plan, &order[first], next - first, swept_at_utc_s, &value, err) < 0)
            return -1;
    }
    return 0;
}

struct walk {
    references_walk_fn each;
    void *context;
};

static int value_walk(void *context, struct span key, struct span value, struct err *err) {
    const struct walk *walk = context;
    struct reader reader = value_open(value);
    struct kept_reference reference;
    (void)key;
    while (reader_left(&reader) > 0 && reference_unpack(&reader, &reference)) {
        if (walk->each(walk->context, &reference, err) < 0)
            return -1;
    }
    return 0;
}

int references_walk(struct cache_reader *reader, references_walk_fn each, void *context, struct err *err) {
    struct walk walk = {each, context};
    return cache_walk(reader, CACHE_REFERENCE, 0, 1, value_walk, &walk, err);
}
