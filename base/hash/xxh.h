/* XXH3 and XXH64 behind our own header. Not for trust: nobody may choose the input of a seeded table without the seed.
 */
#ifndef TRAWL_XXH_H
#define TRAWL_XXH_H

#include "base/err.h"
#include "base/span.h"

struct hash128 {
    uint64_t low, high;
};

static inline bool hash128_equal(struct hash128 a, struct hash128 b) { return a.low == b.low && a.high == b.high; }

uint64_t xxh64_seeded(struct span s, uint64_t seed); /* XXH3-64 with a seed: tables and path fingerprints */
uint64_t xxh64_file(struct span s, uint64_t seed);   /* classic XXH64, the checksum of `xxhsum -H64`: the manifest's */

/* A 192-byte key: keyed hashes of bodies. */
struct hash_key {
    uint8_t bytes[192];
};
/* A key from the system's random source. */
int hash_key_random(struct hash_key *ret_key, struct err *err);

/* Streaming XXH3-128 under a key. The object is reused: begin, add…, end. `key` must outlive the stream. */
struct body_hash;
struct body_hash *body_hash_new(const struct hash_key *key); /* NULL: out of memory */
void body_hash_free(struct body_hash *hash);
void body_hash_begin(struct body_hash *hash);
void body_hash_add(struct body_hash *hash, struct span s);
struct hash128 body_hash_end(const struct body_hash *hash);
struct hash128 body_hash_once(const struct hash_key *key, struct span s);

/* Streaming XXH64 for files as they are written. */
struct file_hash;
struct file_hash *file_hash_new(void);
void file_hash_free(struct file_hash *hash);
void file_hash_add(struct file_hash *hash, struct span s);
uint64_t file_hash_end(const struct file_hash *hash);

#endif
