#include "matchers/vuln/range.h"

void range_candidates_scalar(const uint64_t *lower, const uint64_t *upper, size_t count, uint64_t key, uint64_t *mask) {
    for (size_t base = 0; base < count; base += 64) {
        size_t stop = count - base < 64 ? count - base : 64;
        uint64_t word = 0;
        for (size_t i = 0; i < stop; i++)
            word |= (uint64_t)((lower[base + i] <= key) & (key <= upper[base + i])) << i;
        mask[base / 64] = word;
    }
}

range_candidates_fn range_candidates_for(enum cpu_level level) {
#if defined(__x86_64__)
    if (level == CPU_AVX512)
        return range_candidates_avx512;
    if (level == CPU_AVX2)
        return range_candidates_avx2;
#endif
    (void)level;
    return range_candidates_scalar;
}
