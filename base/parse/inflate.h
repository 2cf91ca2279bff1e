/* Deflate data that lies in memory as a whole: members of ZIP archives, sections of programs. What streams is unpacked
 * by io/codec. */
#ifndef TRAWL_INFLATE_H
#define TRAWL_INFLATE_H

#include "base/buf.h"
#include "base/err.h"

enum inflate_form {
    INFLATE_RAW, /* RFC 1951, as ZIP has it: its checksum is the caller's */
    INFLATE_ZLIB /* RFC 1950, with header and Adler-32, which is checked */
};

/* Appends the unpacked bytes to `out`, which grows as they come and whose ceiling (`size_max`, not 0) bounds them; what
 * came out before a failure stays there. LIMIT: the data goes on beyond the ceiling. FORMAT: damaged or cut off.
 * NOMEM. Bytes after the end of the data are ignored. */
int inflate_bytes(struct span packed, enum inflate_form form, struct buf *out, struct err *err);
/* The same; `*ret_used` is how many of the bytes the data took, with its Adler-32. */
int inflate_used(struct span packed, enum inflate_form form, struct buf *out, size_t *ret_used, struct err *err);

/* The CRC-32 of ZIP and gzip. */
uint32_t inflate_crc32(struct span bytes);

#endif
