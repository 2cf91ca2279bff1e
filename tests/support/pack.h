/* gzip and zstd for tests: appends one member or frame to `out`. Out of memory ends the test. */
#ifndef TRAWL_PACK_H
#define TRAWL_PACK_H

#include "base/buf.h"

/* A gzip member by zlib; `name` (may be NULL) goes into its header. */
void pack_gzip(struct buf *out, struct span bytes, const char *name);
/* A zstd frame, with a checksum. `window_log` 0 leaves it to the library. */
void pack_zstd(struct buf *out, struct span bytes, int window_log);
/* A skippable zstd frame, as zstd:chunked appends. */
void pack_zstd_skippable(struct buf *out, struct span bytes);

#endif
