/* Makes ZIP archives for tests. */
#ifndef TRAWL_ZIP_MAKE_H
#define TRAWL_ZIP_MAKE_H

#include "base/buf.h"

struct zip_make {
    struct buf out;
    struct buf directory;
    uint16_t count;
};

void zip_make_init(struct zip_make *make);
void zip_make_release(struct zip_make *make);
/* Raw deflate data of the bytes, appended to `out`. */
void deflate_make(struct span bytes, struct buf *out);
void zip_make_add(struct zip_make *make, const char *name, struct span body, bool deflated);
/* Writes directory and end record; the archive is in `out` then. */
struct span zip_make_end(struct zip_make *make);

#endif
