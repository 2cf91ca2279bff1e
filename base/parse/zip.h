/* ZIP archives that lie in memory as a whole: jars, wheels, eggs. Members are told by the central directory; data
 * before the archive (a start script) is allowed, and Zip64 is read. Stored and deflated members can be opened;
 * encrypted ones and other methods are told and refused. Spec: PKWARE APPNOTE 6.3.10. */
#ifndef TRAWL_ZIP_H
#define TRAWL_ZIP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/reader.h"

struct zip {
    struct span bytes;
    struct reader directory; /* behind the last member that was told */
    uint64_t shift;          /* bytes before the archive: offsets are counted from behind them */
    uint64_t member_count;   /* told so far */
};

struct zip_member {
    struct span name; /* as it is written, untrusted: may be empty, may climb */
    uint64_t packed_size, size;
    uint64_t offset; /* of the local header in `bytes` */
    uint32_t crc32;
    uint16_t method, flags;
};

/* Finds the directory. Borrows `bytes`. FORMAT where they are no ZIP archive, or its end is missing. */
int zip_open(struct span bytes, struct zip *ret_zip, struct err *err);

/* Moves to the next member of the directory: 1, or 0 after the last one. FORMAT where the directory is damaged, LIMIT
 * beyond LIMIT_ZIP_MEMBERS; both end the archive. A copy of the struct made before remembers the place. */
int zip_next(struct zip *zip, struct zip_member *ret_member, struct err *err);

/* The member's bytes: borrowed from the archive where they are stored, else unpacked into `out`, which is emptied
 * first and whose ceiling is at least `size_max`. They are checked against size and checksum. LIMIT: larger than
 * `size_max`; FORMAT: damaged, or not what the directory says; UNSUPPORTED: encrypted, or another method; NOMEM. */
int zip_read(const struct zip *zip, const struct zip_member *member, struct buf *out, size_t size_max,
             struct span *ret_body, struct err *err);

#endif
