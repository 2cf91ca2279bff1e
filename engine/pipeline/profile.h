/* Under which keys the cache holds what. A result may be used again where the same analyser would look at the same
 * bytes under the same options: all of that is in the key, so that nothing ever has to be thrown away by hand. */
#ifndef TRAWL_PROFILE_H
#define TRAWL_PROFILE_H

#include "base/hash/digest.h"
#include "base/hash/xxh.h"

/* What changes a layer's result besides its bytes. */
struct profile_parts {
    bool packages, secrets, show_secrets, verify_diff_id, with_declared;
    struct span rules;           /* names the rules: a digest's text */
    struct span fingerprint_key; /* only a hash of it leaves this function */
    uint64_t unpacked_bytes_max, ratio_max, catalogue_bytes_max, body_bytes_max, decode_depth, decode_bytes_max;
};

/* The analyser itself: who walks the cache tells by it what it can read. */
struct hash128 profile_analyser(void);

/* The analyser's own identity (a hash over its sources, made at build time) is part of it. */
struct hash128 profile_of(const struct profile_parts *parts);

#define PROFILE_KEY_SIZE ((size_t)1 + 64 + 16)
struct profile_key {
    uint8_t bytes[PROFILE_KEY_SIZE];
    size_t size;
};
/* Of a digest alone where `profile` is NULL: of its bytes themselves. */
struct profile_key profile_key(const struct digest *digest, const struct hash128 *profile);
/* Of what this analyser reads in a digest's bytes under any options. */
struct profile_key profile_record_key(const struct digest *digest);
static inline struct span profile_key_span(const struct profile_key *key) { return span_make(key->bytes, key->size); }

#endif
