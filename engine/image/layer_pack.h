/* A layer's result as bytes, for the cache: little-endian, lengths before texts, in the order of struct layer_result.
 * Nothing but this program's own analyser reads them: whoever changes the struct changes both functions, and the
 * cache's key with it (engine/pipeline/profile.h). They are checked all the same: a disk is not to be trusted. */
#ifndef TRAWL_LAYER_PACK_H
#define TRAWL_LAYER_PACK_H

#include "base/buf.h"
#include "base/reader.h"
#include "engine/image/layer_result.h"

/* Appends; `buf->failed` says when memory was short. */
void layer_pack(const struct layer_result *result, struct buf *buf);
/* A result that owns all of its texts. FORMAT, NOMEM. */
int layer_unpack(struct span bytes, struct layer_result **ret_result, struct err *err);

/* What an image's own row needs of a layer. */
struct layer_summary {
    enum scan_status status;
    uint64_t compressed_bytes, unpacked_bytes;
    struct span reason; /* the first error's message, or empty */
};
/* Reads no more than that and the diff_id, where it was asked for; `reason` borrows `bytes`. False when they are no
 * layer's result. */
bool layer_unpack_summary(struct span bytes, struct layer_summary *ret_summary, struct digest *ret_diff_id);

/* Parts of it that are kept apart as well. */
void digest_pack(const struct digest *digest, struct buf *buf);
bool digest_unpack(struct reader *reader, struct digest *ret_digest);
void text_pack(struct span text, struct buf *buf);
struct span text_unpack(struct reader *reader); /* borrows the reader's bytes */
void secret_pack(const struct layer_secret *secret, struct buf *buf);
bool secret_unpack(struct reader *reader, struct layer_secret *ret_secret); /* borrows */
void package_pack(const struct package *package, struct buf *buf);
bool package_unpack(struct reader *reader, struct package *ret_package); /* borrows */
void distro_pack(const struct distro *distro, struct buf *buf);
void distro_unpack(struct reader *reader, struct distro *ret_distro); /* borrows */

#endif
