/* Files that are packed as a whole and lie in memory: gzip, xz, zstd, bzip2, told by their first bytes. For what stands
 * packed inside of layers; layers themselves are unpacked by io/codec, members of ZIP archives by inflate.h. Over
 * libarchive, which reads all of them and is there for other reasons. */
#ifndef TRAWL_UNPACK_H
#define TRAWL_UNPACK_H

#include "base/buf.h"
#include "base/err.h"

/* Whether these are the first bytes of such a file. */
bool unpack_is_packed(struct span head);

/* Appends the unpacked bytes to `out`, whose ceiling (`size_max`, not 0) bounds them; what came out before a failure
 * stays there. LIMIT: there is more than the ceiling. FORMAT: damaged, cut off, or none of the four. NOMEM. */
int unpack_bytes(struct span packed, struct buf *out, struct err *err);

#endif
