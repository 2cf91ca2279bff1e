#include "base/hash/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/alloc.h"
#include "base/text.h"

static const struct {
    const char *name;
    size_t size;
} algorithms[DIGEST_ALGORITHM_COUNT] = {
    [DIGEST_NONE] = {"none", 0},
    [DIGEST_SHA256] = {"sha256", 32},
    [DIGEST_SHA512] = {"sha512", 64},
};

size_t digest_size(enum digest_algorithm algorithm) {
    return algorithm < DIGEST_ALGORITHM_COUNT ? algorithms[algorithm].size : 0;
}

/* algorithm ::= component (separator component)*; component ::= [a-z0-9]+; separator ::= [+._-] */
static bool algorithm_is_well_formed(struct span name) {
    bool after_letter = false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = text_is_lower(c) || text_is_digit(c);
        bool separator = c == '+' || c == '.' || c == '_' || c == '-';
        if (!letter && !(separator && after_letter))
            return false;
        after_letter = letter;
    }
    return after_letter;
}

int digest_parse(struct span text, struct digest *ret_digest, struct err *err) {
    char quoted[96];
    struct span hex = text;
    struct span name = text_cut(&hex, ':');
    if (hex.size == 0 || !algorithm_is_well_formed(name))
        return err_set(err, ERR_FORMAT, 0, "digest '%s': expected algorithm:hex",
                       text_quote(text, quoted, sizeof quoted));
    struct digest digest = {.algorithm = DIGEST_NONE};
    for (enum digest_algorithm a = DIGEST_SHA256; a < DIGEST_ALGORITHM_COUNT; a++) {
        if (span_is(name, algorithms[a].name))
            digest.algorithm = a;
    }
    for (size_t i = 0; i < hex.size; i++) {
        uint8_t c = hex.data[i];
        bool allowed = digest.algorithm == DIGEST_NONE ? text_is_alnum(c) || c == '=' || c == '_' || c == '-'
                                                       : text_hex_value(c) >= 0 && !text_is_upper(c);
        if (!allowed)
            return err_set(err, ERR_FORMAT, 0, "digest '%s': expected lower-case hex after the colon",
                           text_quote(text, quoted, sizeof quoted));
    }
    if (digest.algorithm == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, 0, "digest '%s': expected sha256 or sha512",
                       text_quote(text, quoted, sizeof quoted));
    size_t size = algorithms[digest.algorithm].size;
    if (hex.size != 2 * size)
        return err_set(err, ERR_FORMAT, 0, "digest '%s': expected %zu hex digits, found %zu",
                       text_quote(text, quoted, sizeof quoted), 2 * size, hex.size);
    for (size_t i = 0; i < size; i++)
        digest.bytes[i] = (uint8_t)(text_hex_value(hex.data[2 * i]) << 4 | text_hex_value(hex.data[2 * i + 1]));
    *ret_digest = digest;
    return 0;
}

const char *digest_text(const struct digest *digest, char *out) {
    static const char digits[] = "0123456789abcdef";
    size_t used = (size_t)snprintf(out, DIGEST_TEXT_SIZE, "%s:", algorithms[digest->algorithm].name);
    for (size_t i = 0; i < algorithms[digest->algorithm].size; i++) {
        out[used++] = digits[digest->bytes[i] >> 4];
        out[used++] = digits[digest->bytes[i] & 15];
    }
    out[used] = '\0';
    return out;
}

bool digest_equal(const struct digest *a, const struct digest *b) { return digest_compare(a, b) == 0; }

int digest_compare(const struct digest *a, const struct digest *b) {
    if (a->algorithm != b->algorithm)
        return a->algorithm < b->algorithm ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

struct digest_stream {
    EVP_MD_CTX *context;
    enum digest_algorithm algorithm;
};

static const EVP_MD *message_digest(enum digest_algorithm algorithm) {
    return algorithm == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();
}

int digest_stream_new(enum digest_algorithm algorithm, struct digest_stream **ret_stream, struct err *err) {
    struct digest_stream *stream = mem_zalloc(sizeof *stream);
    if (stream == NULL)
        return err_set(err, ERR_NOMEM, 0, "digest: out of memory");
    stream->context = EVP_MD_CTX_new();
    if (stream->context == NULL || digest_stream_begin(stream, algorithm, NULL) < 0) {
        digest_stream_free(stream);
        return err_set(err, ERR_NOMEM, 0, "digest: OpenSSL gave no context");
    }
    *ret_stream = stream;
    return 0;
}

void digest_stream_free(struct digest_stream *stream) {
    if (stream == NULL)
        return;
    EVP_MD_CTX_free(stream->context);
    mem_free(stream);
}

int digest_stream_begin(struct digest_stream *stream, enum digest_algorithm algorithm, struct err *err) {
    assert(algorithm == DIGEST_SHA256 || algorithm == DIGEST_SHA512);
    stream->algorithm = algorithm;
    if (EVP_DigestInit_ex(stream->context, message_digest(algorithm), NULL) != 1)
        return err_set(err, ERR_NOMEM, 0, "digest %s: OpenSSL refused", algorithms[algorithm].name);
    return 0;
}

void digest_stream_add(struct digest_stream *stream, struct span s) {
    if (s.size > 0)
        (void)EVP_DigestUpdate(stream->context, s.data, s.size); /* fails only on a context that was never begun */
}

int digest_stream_copy(struct digest_stream *to, const struct digest_stream *from, struct err *err) {
    if (EVP_MD_CTX_copy_ex(to->context, from->context) != 1)
        return err_set(err, ERR_NOMEM, 0, "digest %s: OpenSSL gave no copy", algorithms[from->algorithm].name);
    to->algorithm = from->algorithm;
    return 0;
}

struct digest digest_stream_end(struct digest_stream *stream) {
    struct digest digest = {.algorithm = stream->algorithm};
    unsigned size = 0;
    (void)EVP_DigestFinal_ex(stream->context, digest.bytes, &size);
    assert(size == algorithms[stream->algorithm].size);
    return digest;
}

int digest_of(enum digest_algorithm algorithm, struct span s, struct digest *ret_digest, struct err *err) {
    struct digest digest = {.algorithm = algorithm};
    unsigned size = 0;
    if (EVP_Digest(s.data, s.size, digest.bytes, &size, message_digest(algorithm), NULL) != 1)
        return err_set(err, ERR_NOMEM, 0, "digest %s: OpenSSL refused", algorithms[algorithm].name);
    *ret_digest = digest;
    return 0;
}

int digest_hmac(struct span key, struct span s, struct digest *ret_digest, struct err *err) {
    struct digest digest = {.algorithm = DIGEST_SHA256};
    unsigned size = 0;
    if (key.size > INT_MAX || HMAC(EVP_sha256(), key.data, (int)key.size, s.data, s.size, digest.bytes, &size) == NULL)
        return err_set(err, ERR_NOMEM, 0, "hmac: OpenSSL refused");
    *ret_digest = digest;
    return 0;
}
