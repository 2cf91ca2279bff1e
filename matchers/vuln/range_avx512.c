#include "matchers/vuln/range.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* The lanes beyond `lanes` are not read: a masked load does not touch them. */
static inline uint64_t eight(const uint64_t *lower, const uint64_t *upper, __m512i key, __mmask8 lanes) {
    __m512i low = _mm512_maskz_loadu_epi64(lanes, lower);
    __m512i high = _mm512_maskz_loadu_epi64(lanes, upper);
    __mmask8 above = _mm512_mask_cmple_epu64_mask(lanes, low, key);
    return _mm512_mask_cmple_epu64_mask(above, key, high);
}

void range_candidates_avx512(const uint64_t *lower, const uint64_t *upper, size_t count, uint64_t key, uint64_t *mask) {
    const __m512i key8 = _mm512_set1_epi64((long long)key);
    size_t whole = count & ~(size_t)63;
    for (size_t base = 0; base < whole; base += 64) {
        uint64_t word = 0;
        for (size_t i = 0; i < 64; i += 8)
            word |= eight(lower + base + i, upper + base + i, key8, 0xff) << i;
        mask[base / 64] = word;
    }
    if (whole == count)
        return;
    uint64_t word = 0;
    for (size_t i = 0; i < count - whole; i += 8) {
        size_t left = count - whole - i;
        word |= eight(lower + whole + i, upper + whole + i, key8, (__mmask8)(left >= 8 ? 0xff : (1u << left) - 1)) << i;
    }
    mask[whole / 64] = word;
}
#else
typedef int range_avx512_is_empty_here;
#endif
