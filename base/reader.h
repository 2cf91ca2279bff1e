/* The bounds-checked reader through which all foreign bytes are parsed.
 *
 * A read past the end returns zero or an empty span, sets `failed`, and every later read fails too: check once per
 * group of reads. `offset` is where the next read begins, and stays at the place of the first failure. */
#ifndef TRAWL_READER_H
#define TRAWL_READER_H

#include "base/span.h"

struct reader {
    struct span bytes;
    size_t offset;
    bool failed;
};

static inline struct reader reader_init(struct span bytes) { return (struct reader){.bytes = bytes}; }

static inline size_t reader_left(const struct reader *r) { return r->failed ? 0 : r->bytes.size - r->offset; }

static inline struct span read_bytes(struct reader *r, size_t size) {
    if (r->failed || size > r->bytes.size - r->offset) {
        r->failed = true;
        return (struct span){NULL, 0};
    }
    struct span s = {r->bytes.data == NULL ? NULL : r->bytes.data + r->offset, size};
    r->offset += size;
    return s;
}

static inline void read_skip(struct reader *r, size_t size) { (void)read_bytes(r, size); }

/* Moves to an absolute offset; the end itself is allowed. */
static inline void read_seek(struct reader *r, size_t offset) {
    if (r->failed || offset > r->bytes.size)
        r->failed = true;
    else
        r->offset = offset;
}

static inline uint64_t reader_integer(struct reader *r, size_t size, bool big_endian) {
    struct span s = read_bytes(r, size);
    if (s.data == NULL)
        return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < s.size; i++)
        value = value << 8 | s.data[big_endian ? i : s.size - 1 - i];
    return value;
}

static inline uint8_t read_u8(struct reader *r) { return (uint8_t)reader_integer(r, 1, false); }
static inline uint16_t read_le16(struct reader *r) { return (uint16_t)reader_integer(r, 2, false); }
static inline uint32_t read_le32(struct reader *r) { return (uint32_t)reader_integer(r, 4, false); }
static inline uint64_t read_le64(struct reader *r) { return reader_integer(r, 8, false); }
static inline uint16_t read_be16(struct reader *r) { return (uint16_t)reader_integer(r, 2, true); }
static inline uint32_t read_be32(struct reader *r) { return (uint32_t)reader_integer(r, 4, true); }
static inline uint64_t read_be64(struct reader *r) { return reader_integer(r, 8, true); }

/* The bytes up to the next `byte`, which is consumed and not part of the result; fails where there is none. */
static inline struct span read_until(struct reader *r, uint8_t byte) {
    size_t end = r->failed ? SIZE_MAX : span_index(r->bytes, byte, r->offset);
    if (end == SIZE_MAX) {
        r->failed = true;
        return (struct span){NULL, 0};
    }
    struct span s = read_bytes(r, end - r->offset);
    read_skip(r, 1);
    return s;
}

/* The next line without its "\n" or "\r\n"; the last line needs none. False at the end of the bytes. */
static inline bool read_line(struct reader *r, struct span *ret_line) {
    if (reader_left(r) == 0)
        return false;
    size_t end = span_index(r->bytes, '\n', r->offset);
    size_t stop = end == SIZE_MAX ? r->bytes.size : end;
    struct span line = {r->bytes.data + r->offset, stop - r->offset};
    r->offset = end == SIZE_MAX ? stop : stop + 1;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    *ret_line = line;
    return true;
}

#endif
