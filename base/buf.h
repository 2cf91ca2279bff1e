/* A growable byte buffer with a ceiling.
 *
 * Appends never half-happen: when memory or the ceiling is short the bytes stay as they were, `failed` is set, and
 * every later append is ignored. Check `failed` once at the end of a group, as with struct reader. The data moves on
 * growth: keep offsets, not pointers. */
#ifndef TRAWL_BUF_H
#define TRAWL_BUF_H

#include "base/cleanup.h"
#include "base/span.h"

struct buf {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t size_max; /* ceiling; 0 means none */
    bool failed;
};

void buf_init(struct buf *buf, size_t size_max);
void buf_release(struct buf *buf);
/* Empties the buffer, keeps its memory, clears `failed`. */
void buf_reset(struct buf *buf);

/* Room for `size` more bytes; false, with `failed` set, where there is none. */
bool buf_reserve(struct buf *buf, size_t size);
void buf_add(struct buf *buf, struct span s);
void buf_text(struct buf *buf, const char *text);
void buf_byte(struct buf *buf, uint8_t byte);
void buf_le16(struct buf *buf, uint16_t value);
void buf_le32(struct buf *buf, uint32_t value);
void buf_le64(struct buf *buf, uint64_t value);
void buf_be16(struct buf *buf, uint16_t value);
void buf_be32(struct buf *buf, uint32_t value);
void buf_be64(struct buf *buf, uint64_t value);
void buf_fill(struct buf *buf, uint8_t byte, size_t count);
void buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text as a JSON string literal with its quotes; bytes that are not UTF-8 become U+FFFD, and
 * what text_hidden_length() names is escaped, so that a document may be shown on a terminal. */
void buf_json_text(struct buf *buf, struct span s);

/* The text with everything but RFC 3986's unreserved characters percent-encoded, and a byte so encoded. */
void buf_percent(struct buf *buf, struct span s);
void buf_percent_byte(struct buf *buf, uint8_t byte);

static inline struct span buf_span(const struct buf *buf) { return (struct span){buf->data, buf->size}; }

#define AUTO_BUF AUTO(buf_release)

#endif
