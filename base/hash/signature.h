/* Signatures of files, in minisign's format: Ed25519 over BLAKE2b-512 of the bytes, and over the signature with its
 * trusted comment. What is signed here is verified by `minisign -V`, and the other way round.
 *
 * A key file is two lines: an untrusted comment, and base64 of
 *   public   "Ed", key id (8), key (32)
 *   secret   "Ed", key derivation (2), "B2", salt (32), operations (8), memory (8), key id (8), seed and key (64),
 *            a checksum against typing errors (32): OpenSSL 3.0 has no BLAKE2b of 32 bytes, so that it is neither
 *            checked nor made, and minisign does not take a secret key that was made here
 * A signature is four: a comment; "ED", key id (8), signature (64); "trusted comment: TEXT"; the signature over the
 * signature and TEXT (64). Spec: https://jedisct1.github.io/minisign/ */
#ifndef TRAWL_SIGNATURE_H
#define TRAWL_SIGNATURE_H

#include "base/buf.h"
#include "base/err.h"

#define SIGNATURE_KEY_SIZE ((size_t)32)
#define SIGNATURE_ID_SIZE ((size_t)8)

struct signature_public {
    uint8_t id[SIGNATURE_ID_SIZE];
    uint8_t key[SIGNATURE_KEY_SIZE];
};
struct signature_secret {
    uint8_t id[SIGNATURE_ID_SIZE];
    uint8_t seed[SIGNATURE_KEY_SIZE];
    uint8_t key[SIGNATURE_KEY_SIZE]; /* the public one */
};

/* A new pair. IO when the system gives no randomness. */
int signature_make_keys(struct signature_secret *ret_secret, struct err *err);
/* Append the two lines of a key file; the secret one is not encrypted, as `minisign -G -W` writes it. */
void signature_write_public(struct buf *out, const struct signature_secret *secret);
void signature_write_secret(struct buf *out, const struct signature_secret *secret);

/* FORMAT; UNSUPPORTED for a secret key with a password: trawl asks for none. A public key may be its base64 line
 * alone. */
int signature_read_public(struct span text, struct signature_public *ret_public, struct err *err);
int signature_read_secret(struct span text, struct signature_secret *ret_secret, struct err *err);
/* Forgets the key. */
void signature_secret_wipe(struct signature_secret *secret);

/* Appends the four lines. `comment` is one line of text that is signed too. IO (OpenSSL fails), NOMEM. */
int signature_sign(const struct signature_secret *secret, struct span bytes, struct span comment, struct buf *out,
                   struct err *err);
/* 0 when `text` is a signature of `bytes` by that key. FORMAT (no signature), DIGEST (not of these bytes, or by another
 * key: the text says which), IO. */
int signature_verify(const struct signature_public *public_key, struct span bytes, struct span text, struct err *err);

#endif
