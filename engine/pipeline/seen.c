#include "engine/pipeline/seen.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/arena.h"
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
};

struct seen {
    struct hash_key key;
    size_t stripe_bytes_max;
    struct stripe stripes[STRIPE_COUNT];
};

int seen_new(size_t bytes_max, struct seen **ret_seen, struct err *err) {
    struct seen *seen = mem_zalloc(sizeof *seen);
    if (seen == NULL)
        return err_set(err, ERR_NOMEM, 0, "seen bodies: out of memory");
    if (hash_key_random(&seen->key, err) < 0) {
        mem_free(seen);
        return -1;
    }
    seen->stripe_bytes_max = bytes_max / STRIPE_COUNT;
    for (size_t i = 0; i < STRIPE_COUNT; i++) {
        (void)pthread_mutex_init(&seen->stripes[i].lock, NULL);
        arena_init(&seen->stripes[i].arena, 4096, seen->stripe_bytes_max / 4);
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
        (void)pthread_mutex_destroy(&seen->stripes[i].lock);
    }
    mem_free(seen);
}

const struct hash_key *seen_key(const struct seen *seen) { return &seen->key; }

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

bool seen_find(struct seen *seen, struct hash128 hash, const struct layer_secret **ret_secrets, size_t *ret_count) {
    struct stripe *stripe = stripe_of(seen, hash);
    bool found = false;
    (void)pthread_mutex_lock(&stripe->lock);
    if (stripe->count > 0) {
        const struct slot *slot = slot_find(stripe->slots, stripe->capacity, hash);
        found = !is_free(slot);
        if (found) {
            *ret_secrets = slot->secrets;
            *ret_count = slot->count;
        }
    }
    (void)pthread_mutex_unlock(&stripe->lock);
    return found;
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

void seen_add(struct seen *seen, struct hash128 hash, const struct layer_secret *secrets, size_t count) {
    struct stripe *stripe = stripe_of(seen, hash);
    if (hash.low == 0 && hash.high == 0)
        return; /* one body in 2^128 is never remembered */
    (void)pthread_mutex_lock(&stripe->lock);
    bool room = stripe->count + 1 <= stripe->capacity / 2 || table_grow(seen, stripe);
    struct slot *slot = room ? slot_find(stripe->slots, stripe->capacity, hash) : NULL;
    if (slot != NULL && is_free(slot)) {
        const struct layer_secret *copies = count == 0 ? NULL : secrets_copy(&stripe->arena, secrets, count);
        if (count == 0 || copies != NULL) {
            *slot = (struct slot){.hash = hash, .secrets = copies, .count = count};
            stripe->count++;
        }
    }
    (void)pthread_mutex_unlock(&stripe->lock);
}
