#include "engine/pipeline/profile.h"

#include "base/buf.h"

struct hash128 profile_of(const struct profile_parts *parts) {
    static const struct hash_key no_key; /* nobody gains by two profiles that collide: they are the user's own */
    struct buf text;
    struct digest key = {.algorithm = DIGEST_NONE};
    struct hash128 hash = {0, 0};
    buf_init(&text, 0);
    (void)digest_of(DIGEST_SHA256, parts->fingerprint_key, &key, NULL);
    buf_format(&text, "%s\n%d%d%d%d%d\n%.*s\n%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
               TRAWL_ANALYSER, parts->packages, parts->secrets, parts->show_secrets, parts->verify_diff_id,
               parts->with_declared, SPAN_FORMAT(parts->rules), parts->unpacked_bytes_max, parts->ratio_max,
               parts->catalogue_bytes_max, parts->body_bytes_max, parts->decode_depth, parts->decode_bytes_max);
    buf_add(&text, span_make(key.bytes, sizeof key.bytes));
    if (!text.failed)
        hash = body_hash_once(&no_key, buf_span(&text));
    buf_release(&text);
    return hash;
}

struct hash128 profile_analyser(void) {
    static const struct hash_key no_key;
    return body_hash_once(&no_key, span_text(TRAWL_ANALYSER));
}

struct profile_key profile_record_key(const struct digest *digest) {
    struct hash128 analyser = profile_analyser();
    return profile_key(digest, &analyser);
}

struct profile_key profile_key(const struct digest *digest, const struct hash128 *profile) {
    struct profile_key key = {.size = 1 + digest_size(digest->algorithm)};
    key.bytes[0] = (uint8_t)digest->algorithm;
    memcpy(key.bytes + 1, digest->bytes, key.size - 1);
    if (profile != NULL) {
        memcpy(key.bytes + key.size, profile, sizeof *profile);
        key.size += sizeof *profile;
    }
    return key;
}
