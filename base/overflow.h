/* Arithmetic on sizes that come from input: each returns false instead of wrapping. */
#ifndef TRAWL_OVERFLOW_H
#define TRAWL_OVERFLOW_H

#include "base/prelude.h"

static inline bool size_add(size_t a, size_t b, size_t *ret_sum) { return !__builtin_add_overflow(a, b, ret_sum); }

static inline bool size_mul(size_t a, size_t b, size_t *ret_product) {
    return !__builtin_mul_overflow(a, b, ret_product);
}

static inline bool u64_add(uint64_t a, uint64_t b, uint64_t *ret_sum) { return !__builtin_add_overflow(a, b, ret_sum); }

static inline bool u64_mul(uint64_t a, uint64_t b, uint64_t *ret_product) {
    return !__builtin_mul_overflow(a, b, ret_product);
}

static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }

static inline uint64_t u64_min(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* For qsort() and bsearch(). */
static inline int u64_order(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static inline uint64_t u64_max(uint64_t a, uint64_t b) { return a > b ? a : b; }
static inline size_t size_max(size_t a, size_t b) { return a > b ? a : b; }

#endif
