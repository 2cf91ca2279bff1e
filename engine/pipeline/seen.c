#include "engine/pipeline/seen.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "engine/image/layer_pack.h"
#include "engine/pipeline/found_secret.h"

#define STRIPE_COUNT ((size_t)64)

struct slot {
    struct hash128 hash; /* both 0: free */
    const struct layer_secret *secrets;
    size_t count;
};

struct stripe {
    pthread_mutex_t lock; /* a leaf lock */
    struct slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    struct arena arena; /* the findings' texts */
    struct cache_reader *reader;
    struct buf packed; /* a body's findings on their way to the cache */
};

struct seen {
    struct cache *cache;
    struct hash128 profile;
    size_t stripe_bytes_max;
    struct stripe stripes[STRIPE_COUNT];
};

int seen_new(size_t bytes_max, struct cache *cache, struct hash128 profile, struct seen **ret_seen, struct err *err) {
    struct seen *seen = mem_zalloc(sizeof *seen);
    if (seen == NULL)
        return err_set(err, ERR_NOMEM, 0, "seen bodies: out of memory");
    seen->cache = cache;
    seen->profile = profile;
    seen->stripe_bytes_max = bytes_max / STRIPE_COUNT;
    for (size_t i = 0; i < STRIPE_COUNT; i++) {
        (void)pthread_mutex_init(&seen->stripes[i].lock, NULL);
        arena_init(&seen->stripes[i].arena, 4096, seen->stripe_bytes_max / 4);
        buf_init(&seen->stripes[i].packed, 0);
    }
    for (size_t i = 0; i < STRIPE_COUNT; i++) {
        if (cache_reader_new(cache, &seen->stripes[i].reader, err) < 0) {
            seen_free(seen);
            return -1;
        }
    }
    *ret_seen = seen;
    return 0;
}

void seen_free(struct seen *seen) {
    if (seen == NULL)
        return;
    for (size_t i = 0; i < STRIPE_COUNT; i++) {
        arena_release(&seen->stripes[i].arena);
        mem_free(seen->stripes[i].slots);
        buf_release(&seen->stripes[i].packed);
        cache_reader_free(seen->stripes[i].reader);
        (void)pthread_mutex_destroy(&seen->stripes[i].lock);
    }
    mem_free(seen);
}

const struct hash_key *seen_key(const struct seen *seen) { return cache_secret(seen->cache); }

static struct stripe *stripe_of(struct seen *seen, struct hash128 hash) {
    return &seen->stripes[hash.high % STRIPE_COUNT];
}

static bool is_free(const struct slot *slot) { return slot->hash.low == 0 && slot->hash.high == 0; }

static struct slot *slot_find(struct slot *slots, size_t capacity, struct hash128 hash) {
    size_t i = hash.low & (capacity - 1);
    while (!is_free(&slots[i]) && !hash128_equal(slots[i].hash, hash))
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

/* False when the table may not or cannot grow. */
static bool table_grow(struct seen *seen, struct stripe *stripe) {
    size_t capacity = stripe->capacity == 0 ? 64 : stripe->capacity * 2;
    if (capacity * sizeof(struct slot) > seen->stripe_bytes_max)
        return false;
    struct slot *slots = mem_array(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < stripe->capacity; i++) {
        if (!is_free(&stripe->slots[i]))
            *slot_find(slots, capacity, stripe->slots[i].hash) = stripe->slots[i];
    }
    mem_free(stripe->slots);
    stripe->slots = slots;
    stripe->capacity = capacity;
    return true;
}

static const struct layer_secret *secrets_copy(struct arena *arena, const struct layer_secret *secrets, size_t count) {
    struct layer_secret *copies = arena_array(arena, count, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < count; i++) {
        if (!found_secret_copy(arena, &secrets[i], &copies[i]))
            return NULL;
        copies[i].path = (struct span){NULL, 0};
    }
    return copies;
}

/* Puts a body into the table; NULL when there is no room. Under the stripe's lock. */
static const struct slot *slot_add(struct seen *seen, struct stripe *stripe, struct hash128 hash,
                                   const struct layer_secret *secrets, size_t count) {
    bool room = stripe->count + 1 <= stripe->capacity / 2 || table_grow(seen, stripe);
    struct slot *slot = room ? slot_find(stripe->slots, stripe->capacity, hash) : NULL;
    if (slot == NULL || !is_free(slot))
        return slot;
    const struct layer_secret *copies = count == 0 ? NULL : secrets_copy(&stripe->arena, secrets, count);
    if (count > 0 && copies == NULL)
        return NULL;
    *slot = (struct slot){.hash = hash, .secrets = copies, .count = count};
    stripe->count++;
    return slot;
}

/* ---- the cache ---- */

struct body_key {
    struct hash128 hash, profile;
};

static struct span key_span(const struct body_key *key) { return span_make(key, sizeof *key); }

/* From the cache into the table. Under the stripe's lock. */
static const struct slot *slot_load(struct seen *seen, struct stripe *stripe, struct hash128 hash) {
    struct body_key key = {hash, seen->profile};
    struct layer_secret secrets[64];
    struct span value;
    const struct slot *slot = NULL;
    if (cache_get(stripe->reader, CACHE_BODY, key_span(&key), &value)) {
        struct reader reader = reader_init(value);
        size_t count = read_le32(&reader), i = 0;
        while (i < count && count <= sizeof secrets / sizeof secrets[0] && secret_unpack(&reader, &secrets[i]))
            i++;
        if (!reader.failed && i == count)
            slot = slot_add(seen, stripe, hash, secrets, count);
        if (slot != NULL && cache_is_stale(value))
            cache_put(seen->cache, CACHE_BODY, key_span(&key), value);
    }
    cache_reader_reset(stripe->reader);
    return slot;
}

static void body_store(struct seen *seen, struct stripe *stripe, struct hash128 hash,
                       const struct layer_secret *secrets, size_t count) {
    struct body_key key = {hash, seen->profile};
    buf_reset(&stripe->packed);
    buf_le32(&stripe->packed, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        secret_pack(&secrets[i], &stripe->packed);
    if (!stripe->packed.failed)
        cache_put(seen->cache, CACHE_BODY, key_span(&key), buf_span(&stripe->packed));
}

/* ---- the interface ---- */

bool seen_find(struct seen *seen, struct hash128 hash, size_t body_bytes, const struct layer_secret **ret_secrets,
               size_t *ret_count) {
    struct stripe *stripe = stripe_of(seen, hash);
    (void)pthread_mutex_lock(&stripe->lock);
    const struct slot *slot = stripe->count == 0 ? NULL : slot_find(stripe->slots, stripe->capacity, hash);
    if (slot != NULL && is_free(slot))
        slot = NULL;
    if (slot == NULL && body_bytes >= SEEN_KEEP_BYTES)
        slot = slot_load(seen, stripe, hash);
    if (slot != NULL) {
        *ret_secrets = slot->secrets;
        *ret_count = slot->count;
    }
    (void)pthread_mutex_unlock(&stripe->lock);
    return slot != NULL;
}

void seen_add(struct seen *seen, struct hash128 hash, size_t body_bytes, const struct layer_secret *secrets,
              size_t count) {
    struct stripe *stripe = stripe_of(seen, hash);
    if (hash.low == 0 && hash.high == 0)
        return; /* one body in 2^128 is never remembered */
    (void)pthread_mutex_lock(&stripe->lock);
    (void)slot_add(seen, stripe, hash, secrets, count);
    if (body_bytes >= SEEN_KEEP_BYTES)
        body_store(seen, stripe, hash, secrets, count);
    (void)pthread_mutex_unlock(&stripe->lock);
}
