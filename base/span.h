/* A borrowed run of bytes. Not NUL-terminated, not owned; whoever hands one out says how long it lives.
 * Everything that comes from outside is handled as a span and parsed through base/reader.h or base/text.h. */
#ifndef TRAWL_SPAN_H
#define TRAWL_SPAN_H

#include "base/prelude.h"

struct span {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;         /* bytes */
};

/* For printf: "%.*s", SPAN_FORMAT(s). Only for text that is ours or went through text_quote(). */
#define SPAN_FORMAT(s) (int)((s).size > INT_MAX ? INT_MAX : (s).size), (const char *)(s).data

/* A span over a string literal, usable in static initialisers. */
#define SPAN_LITERAL(literal)                                                                                          \
    { (const uint8_t *)(literal), sizeof(literal) - 1 }

static inline struct span span_make(const void *data, size_t size) {
    return (struct span){(const uint8_t *)data, size};
}

static inline struct span span_text(const char *text) {
    return (struct span){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

/* The bytes from `offset` on, at most `size` of them; empty when out of range. */
static inline struct span span_slice(struct span s, size_t offset, size_t size) {
    if (offset >= s.size)
        return (struct span){NULL, 0};
    size_t left = s.size - offset;
    return (struct span){s.data + offset, size < left ? size : left};
}

static inline struct span span_from(struct span s, size_t offset) { return span_slice(s, offset, SIZE_MAX); }

/* Moves bytes from the front of `input` to `to`, of whose `want` bytes `*have` are there. Returns how many. */
static inline size_t span_gather(struct span *input, uint8_t *to, size_t *have, size_t want) {
    size_t size = want - *have < input->size ? want - *have : input->size;
    if (size > 0)
        memcpy(to + *have, input->data, size);
    *have += size;
    *input = span_from(*input, size);
    return size;
}

static inline bool span_equal(struct span a, struct span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_is(struct span s, const char *text) { return span_equal(s, span_text(text)); }

static inline bool span_starts(struct span s, const char *prefix) {
    size_t size = strlen(prefix);
    return s.size >= size && memcmp(s.data, prefix, size) == 0;
}

static inline bool span_ends(struct span s, const char *suffix) {
    size_t size = strlen(suffix);
    return s.size >= size && (size == 0 || memcmp(s.data + s.size - size, suffix, size) == 0);
}

/* Byte order, the shorter first when one is a prefix of the other: <0, 0, >0. */
static inline int span_compare(struct span a, struct span b) {
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* How many bytes both begin with. */
static inline size_t span_common(struct span a, struct span b) {
    size_t shared = a.size < b.size ? a.size : b.size, at = 0;
    for (uint64_t x, y; at + sizeof x <= shared; at += sizeof x) {
        memcpy(&x, a.data + at, sizeof x);
        memcpy(&y, b.data + at, sizeof y);
        if (x != y)
            break;
    }
    while (at < shared && a.data[at] == b.data[at])
        at++;
    return at;
}

/* The index of the first `byte` at or after `from`, or SIZE_MAX. */
static inline size_t span_index(struct span s, uint8_t byte, size_t from) {
    if (from >= s.size)
        return SIZE_MAX;
    const uint8_t *hit = memchr(s.data + from, byte, s.size - from);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - s.data);
}

/* The index of the last `byte`, or SIZE_MAX. */
static inline size_t span_index_last(struct span s, uint8_t byte) {
    if (s.size == 0)
        return SIZE_MAX;
    const uint8_t *hit = memrchr(s.data, byte, s.size);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - s.data);
}

/* The index of the first occurrence of `needle` at or after `from`, or SIZE_MAX. An empty needle is found at once. */
static inline size_t span_find(struct span s, struct span needle, size_t from) {
    if (from > s.size)
        return SIZE_MAX;
    if (needle.size == 0)
        return from;
    if (needle.size > s.size - from) /* also where `s` has no data to add an offset to */
        return SIZE_MAX;
    const uint8_t *hit = memmem(s.data + from, s.size - from, needle.data, needle.size);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - s.data);
}

#endif
