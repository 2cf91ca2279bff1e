#include "base/hash/signature.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/base64.h"
#include "base/reader.h"
#include "base/text.h"

enum { SIGN_SIZE = 64, HASH_SIZE = 64, CHECK_SIZE = 32, COMMENT_MAX = 1024 };

static const char untrusted_prefix[] = "untrusted comment: ";
static const char trusted_prefix[] = "trusted comment: ";

static int crypto_failed(const char *what, struct err *err) {
    return err_set(err, ERR_IO, 0, "signature: OpenSSL cannot %s", what);
}

static int hash_make(struct span bytes, uint8_t *hash, struct err *err) {
    unsigned size = 0;
    if (EVP_Digest(bytes.data, bytes.size, hash, &size, EVP_blake2b512(), NULL) != 1 || size != HASH_SIZE)
        return crypto_failed("hash", err);
    return 0;
}

static void pkey_close(EVP_PKEY **key) { EVP_PKEY_free(*key); }
static void md_close(EVP_MD_CTX **context) { EVP_MD_CTX_free(*context); }

static int sign_bytes(const struct signature_secret *secret, struct span bytes, uint8_t *signature, struct err *err) {
    AUTO(pkey_close)
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret->seed, sizeof secret->seed);
    AUTO(md_close) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = SIGN_SIZE;
    bool made = key != NULL && context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, &size, bytes.data, bytes.size) == 1 && size == SIGN_SIZE;
    return made ? 0 : crypto_failed("sign", err);
}

static bool verify_bytes(const struct signature_public *public_key, struct span bytes, struct span signature) {
    AUTO(pkey_close)
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key->key, sizeof public_key->key);
    AUTO(md_close) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return key != NULL && context != NULL && signature.size == SIGN_SIZE &&
           EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature.data, signature.size, bytes.data, bytes.size) == 1;
}

static bool public_of(struct signature_secret *secret) {
    AUTO(pkey_close)
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret->seed, sizeof secret->seed);
    size_t size = sizeof secret->key;
    return key != NULL && EVP_PKEY_get_raw_public_key(key, secret->key, &size) == 1 && size == sizeof secret->key;
}

int signature_make_keys(struct signature_secret *ret_secret, struct err *err) {
    struct signature_secret secret;
    if (RAND_bytes(secret.id, sizeof secret.id) != 1 || RAND_priv_bytes(secret.seed, sizeof secret.seed) != 1 ||
        !public_of(&secret))
        return crypto_failed("make a key", err);
    *ret_secret = secret;
    explicit_bzero(&secret, sizeof secret);
    return 0;
}

void signature_secret_wipe(struct signature_secret *secret) { explicit_bzero(secret, sizeof *secret); }

/* minisign prints the id as a number. */
static void id_write(struct buf *out, const uint8_t *id) {
    for (size_t i = SIGNATURE_ID_SIZE; i-- > 0;)
        buf_format(out, "%02X", id[i]);
}

void signature_write_public(struct buf *out, const struct signature_secret *secret) {
    AUTO_BUF struct buf raw = {0};
    buf_text(out, untrusted_prefix);
    buf_text(out, "minisign public key ");
    id_write(out, secret->id);
    buf_byte(out, '\n');
    buf_text(&raw, "Ed");
    buf_add(&raw, span_make(secret->id, sizeof secret->id));
    buf_add(&raw, span_make(secret->key, sizeof secret->key));
    base64_encode(out, buf_span(&raw));
    buf_byte(out, '\n');
    out->failed = out->failed || raw.failed;
}

void signature_write_secret(struct buf *out, const struct signature_secret *secret) {
    AUTO_BUF struct buf raw = {0};
    buf_text(out, untrusted_prefix);
    buf_text(out, "trawl signing key without a password\n");
    buf_text(&raw, "Ed");
    buf_fill(&raw, 0, 2); /* no derivation */
    buf_text(&raw, "B2");
    buf_fill(&raw, 0, 32 + 8 + 8);
    buf_add(&raw, span_make(secret->id, sizeof secret->id));
    buf_add(&raw, span_make(secret->seed, sizeof secret->seed));
    buf_add(&raw, span_make(secret->key, sizeof secret->key));
    buf_fill(&raw, 0, CHECK_SIZE);
    base64_encode(out, buf_span(&raw));
    buf_byte(out, '\n');
    out->failed = out->failed || raw.failed;
    if (raw.data != NULL)
        explicit_bzero(raw.data, raw.capacity);
}

/* The line of base64 behind an untrusted comment, or the only line. */
static int key_line(struct span text, struct buf *raw, struct err *err) {
    struct reader r = reader_init(text);
    struct span line;
    bool any = read_line(&r, &line);
    if (any && span_starts(line, "untrusted comment:"))
        any = read_line(&r, &line);
    if (!any || !base64_decode(raw, text_trim(line)))
        return err_set(err, ERR_FORMAT, 0, "key: a line of base64 is expected, as minisign writes it");
    return raw->failed ? err_set(err, ERR_NOMEM, 0, "key: out of memory") : 0;
}

int signature_read_public(struct span text, struct signature_public *ret_public, struct err *err) {
    AUTO_BUF struct buf raw = {0};
    if (key_line(text, &raw, err) < 0)
        return -1;
    struct reader r = reader_init(buf_span(&raw));
    struct span algorithm = read_bytes(&r, 2);
    struct span id = read_bytes(&r, SIGNATURE_ID_SIZE);
    struct span key = read_bytes(&r, SIGNATURE_KEY_SIZE);
    if (r.failed || r.offset != raw.size || !span_is(algorithm, "Ed"))
        return err_set(err, ERR_FORMAT, 0, "key: a minisign public key of 42 bytes is expected, found %zu", raw.size);
    memcpy(ret_public->id, id.data, sizeof ret_public->id);
    memcpy(ret_public->key, key.data, sizeof ret_public->key);
    return 0;
}

static int secret_parse(struct span raw, struct signature_secret *ret_secret, struct err *err) {
    struct reader r = reader_init(raw);
    struct span algorithm = read_bytes(&r, 2);
    uint16_t derivation = read_le16(&r);
    struct span check = read_bytes(&r, 2);
    (void)read_bytes(&r, 32 + 8 + 8);
    struct span id = read_bytes(&r, SIGNATURE_ID_SIZE);
    struct span seed = read_bytes(&r, SIGNATURE_KEY_SIZE);
    struct span key = read_bytes(&r, SIGNATURE_KEY_SIZE);
    (void)read_bytes(&r, CHECK_SIZE);
    if (r.failed || r.offset != raw.size || !span_is(algorithm, "Ed") || !span_is(check, "B2"))
        return err_set(err, ERR_FORMAT, 0, "key: a minisign secret key of 158 bytes is expected, found %zu", raw.size);
    if (derivation != 0)
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "key: it has a password; make one without (minisign -G -W, or trawl db keygen)");
    memcpy(ret_secret->id, id.data, sizeof ret_secret->id);
    memcpy(ret_secret->seed, seed.data, sizeof ret_secret->seed);
    if (!public_of(ret_secret))
        return crypto_failed("read the key", err);
    if (!span_equal(key, span_make(ret_secret->key, sizeof ret_secret->key)))
        return err_set(err, ERR_FORMAT, 0, "key: its two halves do not belong together: damaged");
    return 0;
}

int signature_read_secret(struct span text, struct signature_secret *ret_secret, struct err *err) {
    AUTO_BUF struct buf raw = {0};
    struct signature_secret secret = {{0}, {0}, {0}};
    int result = key_line(text, &raw, err);
    if (result == 0)
        result = secret_parse(buf_span(&raw), &secret, err);
    if (result == 0)
        *ret_secret = secret;
    explicit_bzero(&secret, sizeof secret);
    if (raw.data != NULL)
        explicit_bzero(raw.data, raw.capacity);
    return result;
}

int signature_sign(const struct signature_secret *secret, struct span bytes, struct span comment, struct buf *out,
                   struct err *err) {
    uint8_t hash[HASH_SIZE];
    uint8_t signature[SIGN_SIZE];
    uint8_t global[SIGN_SIZE];
    AUTO_BUF struct buf raw = {0};
    AUTO_BUF struct buf whole = {0};
    if (comment.size > COMMENT_MAX || span_index(comment, '\n', 0) != SIZE_MAX)
        return err_set(err, ERR_USAGE, 0, "signature: a comment is one line of at most %d bytes", COMMENT_MAX);
    if (hash_make(bytes, hash, err) < 0 || sign_bytes(secret, span_make(hash, sizeof hash), signature, err) < 0)
        return -1;
    buf_add(&whole, span_make(signature, sizeof signature));
    buf_add(&whole, comment);
    if (whole.failed || sign_bytes(secret, buf_span(&whole), global, err) < 0)
        return whole.failed ? err_set(err, ERR_NOMEM, 0, "signature: out of memory") : -1;
    buf_text(&raw, "ED");
    buf_add(&raw, span_make(secret->id, sizeof secret->id));
    buf_add(&raw, span_make(signature, sizeof signature));
    buf_text(out, untrusted_prefix);
    buf_text(out, "signature from trawl\n");
    base64_encode(out, buf_span(&raw));
    buf_byte(out, '\n');
    buf_text(out, trusted_prefix);
    buf_add(out, comment);
    buf_byte(out, '\n');
    base64_encode(out, span_make(global, sizeof global));
    buf_byte(out, '\n');
    return out->failed || raw.failed ? err_set(err, ERR_NOMEM, 0, "signature: out of memory") : 0;
}

int signature_verify(const struct signature_public *public_key, struct span bytes, struct span text, struct err *err) {
    struct reader lines = reader_init(text);
    struct span untrusted, encoded, trusted, encoded_global;
    AUTO_BUF struct buf raw = {0};
    AUTO_BUF struct buf global = {0};
    AUTO_BUF struct buf whole = {0};
    uint8_t hash[HASH_SIZE];
    if (!read_line(&lines, &untrusted) || !read_line(&lines, &encoded) || !read_line(&lines, &trusted) ||
        !read_line(&lines, &encoded_global) || !span_starts(trusted, trusted_prefix) ||
        !base64_decode(&raw, text_trim(encoded)) || !base64_decode(&global, text_trim(encoded_global)))
        return err_set(err, ERR_FORMAT, 0, "signature: the four lines of minisign's format are expected");
    struct reader r = reader_init(buf_span(&raw));
    struct span algorithm = read_bytes(&r, 2);
    struct span id = read_bytes(&r, SIGNATURE_ID_SIZE);
    struct span signature = read_bytes(&r, SIGN_SIZE);
    if (r.failed || r.offset != raw.size || global.size != SIGN_SIZE ||
        !(span_is(algorithm, "ED") || span_is(algorithm, "Ed")))
        return err_set(err, ERR_FORMAT, 0, "signature: not one of Ed25519");
    if (!span_equal(id, span_make(public_key->id, sizeof public_key->id))) {
        AUTO_BUF struct buf ids = {0};
        id_write(&ids, id.data);
        buf_text(&ids, ", the key is ");
        id_write(&ids, public_key->id);
        return err_set(err, ERR_DIGEST, 0, "signature: made with key %.*s: another key", (int)ids.size,
                       (const char *)ids.data);
    }
    bool prehashed = span_is(algorithm, "ED");
    if (prehashed && hash_make(bytes, hash, err) < 0)
        return -1;
    if (!verify_bytes(public_key, prehashed ? span_make(hash, sizeof hash) : bytes, signature))
        return err_set(err, ERR_DIGEST, 0, "signature: not of these bytes: they were changed, or the key is another");
    buf_add(&whole, signature);
    buf_add(&whole, span_from(trusted, strlen(trusted_prefix)));
    if (whole.failed)
        return err_set(err, ERR_NOMEM, 0, "signature: out of memory");
    if (!verify_bytes(public_key, buf_span(&whole), buf_span(&global)))
        return err_set(err, ERR_DIGEST, 0, "signature: its trusted comment was changed");
    return 0;
}
