/* Checks of a secret that need no network: checksums and structure, by the name that rule files use. */
#ifndef TRAWL_SECRET_VALIDATOR_H
#define TRAWL_SECRET_VALIDATOR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

#define SECRET_NOTE_SIZE 96

/* What a validator may use and tell. */
struct secret_verdict {
    struct arena *arena;         /* scratch; reset by the caller */
    bool encrypted;              /* the secret is a key under a passphrase */
    bool unsure;                 /* with a result of false: not of the form that can be checked, which says nothing */
    char note[SECRET_NOTE_SIZE]; /* what it says about itself: "account 123456789012", "alg HS256"; or "" */
};

struct secret_validator {
    const char *name;
    const char *kind; /* "checksum" or "structure" */
    bool (*check)(struct span secret, struct secret_verdict *verdict);
};

/* NULL when there is none of that name. */
const struct secret_validator *secret_validator_find(struct span name);

/* CRC-32 (IEEE 802.3, reflected), and its six base62 digits as GitHub and npm put them at a token's end. */
uint32_t secret_crc32(struct span s);
void secret_crc32_base62(struct span s, char out[6]);

/* Marvin32, as Microsoft's identifiable keys use it for their last four bytes. */
uint32_t secret_marvin32(struct span s, uint64_t seed);

/* The four characters at the end of a common annotated key, over the 60 bytes that its first 80 are in base64. */
void secret_annotated_checksum(struct span bytes, char out[4]);

/* Base64 of either alphabet, with or without padding; white space and escaped line ends are skipped. False on other
 * bytes, a length
 * that no encoder makes, or short memory. */
bool secret_base64_decode(struct span s, struct arena *arena, struct span *ret_bytes);

#endif
