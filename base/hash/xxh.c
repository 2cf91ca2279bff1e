/* XXH3_generateSecret stands in the part of the header that the library keeps for callers who link it statically; it is
 * exported all the same since 0.8.0. */
#define XXH_STATIC_LINKING_ONLY

#include "base/hash/xxh.h"

#include <sys/random.h>
#include <xxhash.h>

#include "base/alloc.h"

_Static_assert(sizeof(struct hash_key) == XXH3_SECRET_DEFAULT_SIZE, "the key is XXH3's default secret size");

uint64_t xxh64_seeded(struct span s, uint64_t seed) { return XXH3_64bits_withSeed(s.data, s.size, seed); }

uint64_t xxh64_file(struct span s, uint64_t seed) { return XXH64(s.data, s.size, seed); }

static int hash_key_init(struct hash_key *ret_key, struct span seed, struct err *err) {
    struct hash_key key;
    if (XXH3_generateSecret(key.bytes, sizeof key.bytes, seed.data, seed.size) != XXH_OK)
        return err_set(err, ERR_NOMEM, 0, "hash key: XXH3 refused a seed of %zu bytes", seed.size);
    *ret_key = key;
    return 0;
}

int hash_key_random(struct hash_key *ret_key, struct err *err) {
    uint8_t seed[64];
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return err_set(err, ERR_IO, errno, "random bytes: %s", strerror(errno));
    return hash_key_init(ret_key, span_make(seed, sizeof seed), err);
}

struct body_hash {
    XXH3_state_t *state;
    const struct hash_key *key;
};

struct body_hash *body_hash_new(const struct hash_key *key) {
    struct body_hash *hash = mem_zalloc(sizeof *hash);
    if (hash == NULL)
        return NULL;
    hash->key = key;
    hash->state = XXH3_createState(); /* wants 64-byte alignment, which it arranges itself */
    if (hash->state == NULL) {
        mem_free(hash);
        return NULL;
    }
    body_hash_begin(hash);
    return hash;
}

void body_hash_free(struct body_hash *hash) {
    if (hash == NULL)
        return;
    (void)XXH3_freeState(hash->state);
    mem_free(hash);
}

void body_hash_begin(struct body_hash *hash) {
    (void)XXH3_128bits_reset_withSecret(hash->state, hash->key->bytes, sizeof hash->key->bytes);
}

void body_hash_add(struct body_hash *hash, struct span s) { (void)XXH3_128bits_update(hash->state, s.data, s.size); }

struct hash128 body_hash_end(const struct body_hash *hash) {
    XXH128_hash_t value = XXH3_128bits_digest(hash->state);
    return (struct hash128){.low = value.low64, .high = value.high64};
}

struct hash128 body_hash_once(const struct hash_key *key, struct span s) {
    XXH128_hash_t value = XXH3_128bits_withSecret(s.data, s.size, key->bytes, sizeof key->bytes);
    return (struct hash128){.low = value.low64, .high = value.high64};
}

struct file_hash {
    XXH64_state_t *state;
};

struct file_hash *file_hash_new(void) {
    struct file_hash *hash = mem_zalloc(sizeof *hash);
    if (hash == NULL)
        return NULL;
    hash->state = XXH64_createState();
    if (hash->state == NULL) {
        mem_free(hash);
        return NULL;
    }
    (void)XXH64_reset(hash->state, 0);
    return hash;
}

void file_hash_free(struct file_hash *hash) {
    if (hash == NULL)
        return;
    (void)XXH64_freeState(hash->state);
    mem_free(hash);
}

void file_hash_add(struct file_hash *hash, struct span s) { (void)XXH64_update(hash->state, s.data, s.size); }

uint64_t file_hash_end(const struct file_hash *hash) { return XXH64_digest(hash->state); }
