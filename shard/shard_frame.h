/* LZ4 frames, whole ones in and whole ones out.
 * Spec: LZ4 Frame Format 1.6.x. Ours always carry a content checksum, and the reader insists on one. */
#ifndef TRAWL_SHARD_FRAME_H
#define TRAWL_SHARD_FRAME_H

#include "base/buf.h"
#include "base/err.h"

/* Appends one frame holding `content`. NOMEM. */
int frame_encode(struct buf *out, struct span content, struct err *err);

struct frame_reader;

/* Reads from `fd` at its present offset, or, when `fd` is negative, from `bytes`, which must outlive the reader. `name`
 * (copied) is for errors. The descriptor is the caller's. */
int frame_reader_new(int fd, struct span bytes, const char *name, struct frame_reader **ret_reader, struct err *err);
void frame_reader_free(struct frame_reader *reader);

/* The next frame's content, verified and valid until the next call. Returns 1, 0 at the end, or <0: FORMAT "NAME: torn
 * at offset N: …", LIMIT (LIMIT_SHARD_FRAME_BYTES of content), IO, NOMEM. After an error the reader is only good for
 * freeing. */
int frame_next(struct frame_reader *reader, struct span *ret_content, struct err *err);

/* The offset behind the last whole frame, counted from where reading began. */
uint64_t frame_offset(const struct frame_reader *reader);

#endif
