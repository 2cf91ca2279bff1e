/* The bodies that this sweep has searched, with what was found in each: a body met again costs a look-up.
 *
 * Keyed by XXH3-128 under a random key of the cache's own, so that nobody can prepare two bodies that collide. Bodies
 * with findings keep them; most have none. Shared by all scan threads: 64 stripes, each under its own lock. When the
 * memory it was given is used up it stops learning, which costs time and changes no result.
 *
 * Large bodies go into the cache as well, for the sweeps of other nights: from SEEN_KEEP_BYTES on a look-up on disk
 * costs less than the search. */
#ifndef TRAWL_SEEN_H
#define TRAWL_SEEN_H

#include "base/err.h"
#include "base/hash/xxh.h"
#include "engine/image/layer_result.h"
#include "io/cache/cache.h"

#define SEEN_KEEP_BYTES ((size_t)64 * 1024)

struct seen;

/* `profile` names what else decides what is found: see profile.h. */
int seen_new(size_t bytes_max, struct cache *cache, struct hash128 profile, struct seen **ret_seen, struct err *err);
void seen_free(struct seen *seen);

/* The key under which bodies are hashed. */
const struct hash_key *seen_key(const struct seen *seen);

/* Whether the body was searched before; then `*ret_secrets` are its findings: without path, constant, and gone with
 * the set: copy what has to outlive it. */
bool seen_find(struct seen *seen, struct hash128 hash, size_t body_bytes, const struct layer_secret **ret_secrets,
               size_t *ret_count);

/* Remembers a body and copies of its findings. Of two threads that searched the same body at once the first stays. */
void seen_add(struct seen *seen, struct hash128 hash, size_t body_bytes, const struct layer_secret *secrets,
              size_t count);

#endif
