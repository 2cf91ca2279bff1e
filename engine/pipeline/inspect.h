/* What a scan thread does with the body of one file: hash it, search it for secrets unless that was done before, hand
 * it to the cataloguers that want its path. Bodies come in pieces; small ones and wanted ones are looked at whole,
 * larger ones in windows, so memory does not depend on the size of a file.
 *
 * One object per scan thread, used for one layer after another. */
#ifndef TRAWL_INSPECT_H
#define TRAWL_INSPECT_H

#include "engine/image/layer_result.h"
#include "engine/pipeline/seen.h"
#include "matchers/classify/classify.h"
#include "matchers/package/product_signature.h"
#include "matchers/secret/secret_dig.h"

/* What is asked for, and the ceilings: one for all threads, constant during the sweep. */
struct inspect_options {
    bool packages;
    bool secrets;
    bool show_secrets;          /* clear text in place of the redacted one */
    unsigned decode_depth;      /* encodings and archives inside each other that are looked into; 0: none */
    uint64_t decode_bytes_max;  /* decoded and unpacked of one file */
    size_t body_bytes_max;      /* looked at whole up to here, in windows of this size beyond */
    size_t catalogue_bytes_max; /* the largest file that a cataloguer gets */
    const struct classify *classify;
    const struct signatures *signatures;       /* NULL: programs are not searched for the products they are */
    const struct secret_engine *secret_engine; /* NULL without `secrets` */
    struct seen *seen;                         /* NULL: no deduplication of bodies across layers */
};

struct inspect;

int inspect_new(const struct inspect_options *options, struct inspect **ret_inspect, struct err *err);
void inspect_free(struct inspect *inspect);

/* Everything that follows goes into this result, until the next call. */
void inspect_layer(struct inspect *inspect, struct layer_result *result);

/* A regular file: its path, its size in bytes, and where its body begins in the unpacked layer (for error rows). The
 * body follows through inspect_data(); inspect_end() comes when it is whole, or never when it broke off. The path must
 * live until then. */
void inspect_begin(struct inspect *inspect, struct span path, uint64_t size, uint64_t layer_offset);
void inspect_data(struct inspect *inspect, struct span bytes);
void inspect_end(struct inspect *inspect);

/* The layer has ended: counts that need all of it. */
void inspect_layer_end(struct inspect *inspect);

#endif
