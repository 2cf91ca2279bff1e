/* Text that is written in another way: base64, hexadecimal digits, percent-encoding, escapes of JSON, UTF-16. What a
 * body holds of it becomes one text, a view, which can be searched like any other. */
#ifndef TRAWL_SECRET_DECODE_H
#define TRAWL_SECRET_DECODE_H

#include "base/buf.h"
#include "base/vec.h"

enum secret_encoding { SECRET_BASE64, SECRET_HEX, SECRET_PERCENT, SECRET_ESCAPED, SECRET_UTF16, SECRET_ENCODING_COUNT };
const char *secret_encoding_name(enum secret_encoding encoding);

/* A run that was decoded: view[at …] came from body[begin .. begin + size). */
struct secret_segment {
    size_t at, begin, size;
    enum secret_encoding encoding;
};

struct secret_view {
    struct buf bytes; /* segments, a blank line between them */
    VEC(struct secret_segment) segments;
    bool truncated; /* the buffer's ceiling was met: the rest was not decoded */
    bool failed;    /* no memory */
};

/* `size_max` is the ceiling of what is decoded, in bytes. */
void secret_view_init(struct secret_view *view, size_t size_max);
void secret_view_release(struct secret_view *view);

/* Puts into the emptied view what decodes to text, or to the beginning of an archive, of runs that begin in
 * body[from .. to). Runs of 48 bytes and more are found; `close` finds those of 12, for documents that are known to
 * hold encoded secrets. A value's name on the same line stands before it in the view, as in `name: "value"`. */
void secret_decode(struct span body, size_t from, size_t to, bool close, struct secret_view *view);

/* The segment that holds the view's byte; NULL before the first. */
const struct secret_segment *secret_view_segment(const struct secret_view *view, size_t at);

#endif
