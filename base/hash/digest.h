/* Content digests as the OCI image specification writes them: "sha256:" and 64 hex digits, or "sha512:" and 128.
 * Spec: OCI image-spec, descriptor.md, "Digests". */
#ifndef TRAWL_DIGEST_H
#define TRAWL_DIGEST_H

#include "base/err.h"
#include "base/span.h"

enum digest_algorithm { DIGEST_NONE, DIGEST_SHA256, DIGEST_SHA512, DIGEST_ALGORITHM_COUNT };

struct digest {
    enum digest_algorithm algorithm;
    uint8_t bytes[64]; /* 32 or 64 in use; the rest is zero, so that structs compare with memcmp */
};

#define DIGEST_TEXT_SIZE 136 /* "sha512:" + 128 + NUL */

/* Bytes of the algorithm's value: 32, 64, or 0 for none. */
size_t digest_size(enum digest_algorithm algorithm);

/* FORMAT when the text is not `algorithm:hex` in lower case of the right length; UNSUPPORTED when the syntax is right
 * and the algorithm is not one of ours. Anything else, paths included, never passes. */
int digest_parse(struct span text, struct digest *ret_digest, struct err *err);
/* Into `out` of DIGEST_TEXT_SIZE bytes; returns `out`. */
const char *digest_text(const struct digest *digest, char *out);
bool digest_equal(const struct digest *a, const struct digest *b);
int digest_compare(const struct digest *a, const struct digest *b);

/* SHA-256 or SHA-512 of a stream, by OpenSSL (which uses the SHA instructions where there are any). */
struct digest_stream;
int digest_stream_new(enum digest_algorithm algorithm, struct digest_stream **ret_stream, struct err *err);
void digest_stream_free(struct digest_stream *stream);
/* Starts over; the algorithm may change. */
int digest_stream_begin(struct digest_stream *stream, enum digest_algorithm algorithm, struct err *err);
void digest_stream_add(struct digest_stream *stream, struct span s);
/* Makes `to` stand where `from` stands: what many streams begin with is hashed once. `to` needs no begin. */
int digest_stream_copy(struct digest_stream *to, const struct digest_stream *from, struct err *err);
/* The value; the stream must be begun again before it is used again. */
struct digest digest_stream_end(struct digest_stream *stream);
int digest_of(enum digest_algorithm algorithm, struct span s, struct digest *ret_digest, struct err *err);

/* HMAC-SHA256, for fingerprints that only the holder of the key can make. */
int digest_hmac(struct span key, struct span s, struct digest *ret_digest, struct err *err);

#endif
