#include "matchers/vuln/range.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* AVX2 compares signed only: adding 2^63 to both sides turns unsigned order into signed order. "Out" is what the
 * instruction offers (greater than); the mask is its complement. */
static inline uint64_t four(const uint64_t *lower, const uint64_t *upper, __m256i key, __m256i bias) {
    __m256i low = _mm256_xor_si256(_mm256_loadu_si256((const void *)lower), bias);
    __m256i high = _mm256_xor_si256(_mm256_loadu_si256((const void *)upper), bias);
    __m256i out = _mm256_or_si256(_mm256_cmpgt_epi64(low, key), _mm256_cmpgt_epi64(key, high));
    return (uint64_t)(~_mm256_movemask_pd(_mm256_castsi256_pd(out)) & 15);
}

void range_candidates_avx2(const uint64_t *lower, const uint64_t *upper, size_t count, uint64_t key, uint64_t *mask) {
    const __m256i bias = _mm256_set1_epi64x(INT64_MIN);
    const __m256i key4 = _mm256_xor_si256(_mm256_set1_epi64x((long long)key), bias);
    size_t whole = count & ~(size_t)63;
    for (size_t base = 0; base < whole; base += 64) {
        uint64_t word = 0;
        for (size_t i = 0; i < 64; i += 4)
            word |= four(lower + base + i, upper + base + i, key4, bias) << i;
        mask[base / 64] = word;
    }
    if (whole == count)
        return;
    uint64_t word = 0;
    size_t i = 0;
    for (; i + 4 <= count - whole; i += 4)
        word |= four(lower + whole + i, upper + whole + i, key4, bias) << i;
    for (; i < count - whole; i++)
        word |= (uint64_t)((lower[whole + i] <= key) & (key <= upper[whole + i])) << i;
    mask[whole / 64] = word;
}
#else
typedef int range_avx2_is_empty_here;
#endif
