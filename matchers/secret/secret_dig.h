/* Searches a body for secrets, and what it holds encoded or packed: base64 in a manifest in a tar in a gzip. One object
 * per thread.
 *
 * What is found inside keeps its place in the outer body: `offset` is where the outermost run or member begins, line
 * and column are that place's, and `encoding` tells the way in: "base64", "gzip!/dump.sql", "zip!/a.jar,zip!/b.txt". */
#ifndef TRAWL_SECRET_DIG_H
#define TRAWL_SECRET_DIG_H

#include "matchers/secret/secret_engine.h"

struct secret_dig_options {
    unsigned depth;     /* encodings and archives inside each other; 0: only the body as it is */
    uint64_t bytes_max; /* decoded and unpacked of one body, in all */
    size_t memory_max;  /* the largest member, and what is unpacked at a time */
};
#define SECRET_DIG_DEFAULT                                                                                             \
    ((struct secret_dig_options){LIMIT_SECRET_DECODE_DEPTH_DEFAULT, LIMIT_SECRET_DECODE_BYTES, LIMIT_CATALOGUE_BYTES})

struct secret_dig;
/* `engine` must outlive it. LIMIT: a depth beyond LIMIT_SECRET_DECODE_DEPTH. */
int secret_dig_new(const struct secret_engine *engine, const struct secret_dig_options *options,
                   struct secret_dig **ret_dig, struct err *err);
void secret_dig_free(struct secret_dig *dig);
CLEANUP_DEFINE(secret_dig, struct secret_dig, secret_dig_free)
#define AUTO_SECRET_DIG AUTO(cleanup_secret_dig)

/* Whether a file of that name is looked through for short encoded values. Like secret_path_is_test(): what is found in
 * the same bytes depends on it. */
bool secret_path_is_document(struct span path);

/* What secret_scan() does, then the inside. A body that is a window of a file (`is_whole` false) is no archive.
 * `ret_outcome->inside_limited` says that there was more inside than the options allow. */
int secret_dig(struct secret_dig *dig, const struct secret_input *input, bool is_whole, secret_hit_fn fn, void *context,
               struct secret_outcome *ret_outcome, struct err *err);

#endif
