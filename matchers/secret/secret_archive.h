/* Members of what may lie in a body: gzip, zip (jar, wheel, …), tar, ar (deb), a git object and a git pack. One after
 * the other, from bytes that are there as a whole. */
#ifndef TRAWL_SECRET_ARCHIVE_H
#define TRAWL_SECRET_ARCHIVE_H

#include "base/parse/zip.h"

enum secret_archive_kind {
    SECRET_GZIP,
    SECRET_ZIP,
    SECRET_TAR,
    SECRET_AR,
    SECRET_GIT_OBJECT,
    SECRET_GIT_PACK,
    SECRET_ARCHIVE_COUNT
};
const char *secret_archive_name(enum secret_archive_kind kind);

struct secret_archive {
    enum secret_archive_kind kind;
    struct span bytes;
    struct zip zip;
    size_t at;      /* where the next member begins */
    uint64_t count; /* of members told */
};

struct secret_member {
    struct span name; /* untrusted; valid until the next call */
    size_t offset;    /* where it begins in the archive */
    struct span body; /* in the archive, or in the buffer given */
    bool truncated;   /* `body` is its beginning: it goes on beyond the ceiling */
};

/* Whether the bytes begin as an archive does. */
bool secret_archive_is(struct span bytes);
/* Borrows the bytes; false where they are none of these. */
bool secret_archive_open(struct span bytes, struct secret_archive *ret_archive);
/* The next member that can be read, unpacked into the emptied `out`, whose ceiling it keeps. 1, or 0 after the last:
 * what is damaged, encrypted or packed in another way is passed over, for its bytes were searched as they are. -1:
 * NOMEM. */
int secret_archive_next(struct secret_archive *archive, struct buf *out, struct secret_member *ret_member,
                        struct err *err);

#endif
