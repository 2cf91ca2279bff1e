/* What is kept of an image's manifest and configuration: in the cache under the manifest's digest, so that neither is
 * asked for again, and out of memory, where a fleet's configurations do not fit. */
#ifndef TRAWL_IMAGE_RECORD_H
#define TRAWL_IMAGE_RECORD_H

#include "base/buf.h"
#include "io/source/manifest.h"

struct image_record {
    struct span media_type;
    struct digest config_digest;
    struct platform platform; /* as the configuration has it */
    int64_t created;          /* UTC seconds; INT64_MIN when the configuration does not say */
    struct descriptor *layers;
    struct digest *diff_ids; /* one for each layer; DIGEST_NONE where it is not known */
    size_t layer_count;
    bool is_schema1;    /* `config` is the manifest itself, which has the configuration in it */
    struct span config; /* JSON, verified */
};

/* Appends. */
void image_record_pack(const struct image_record *record, struct buf *buf);
/* Texts borrow `bytes`, arrays live in the arena. False when the bytes are no record or memory is short. */
bool image_record_unpack(struct arena *arena, struct span bytes, struct image_record *ret_record);

#endif
