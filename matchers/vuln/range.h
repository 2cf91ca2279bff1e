/* Which ranges may hold a version: the one loop over a package's ranges, on the leading bytes of keys only.
 *
 * Bit i of `mask` is set when lower[i] <= key <= upper[i], unsigned. `mask` has (count + 63) / 64 words, all written.
 * Where key differs from both bounds the answer is final; on a tie the caller compares whole keys. All twins give equal
 * results. */
#ifndef TRAWL_RANGE_H
#define TRAWL_RANGE_H

#include "base/cpu.h"

typedef void (*range_candidates_fn)(const uint64_t *lower, const uint64_t *upper, size_t count, uint64_t key,
                                    uint64_t *mask);

/* The reference. */
void range_candidates_scalar(const uint64_t *lower, const uint64_t *upper, size_t count, uint64_t key, uint64_t *mask);

/* The twin for that level; scalar where this build has no other. Levels beyond the machine's must not be asked for. */
range_candidates_fn range_candidates_for(enum cpu_level level);

#if defined(__x86_64__)
void range_candidates_avx2(const uint64_t *lower, const uint64_t *upper, size_t count, uint64_t key, uint64_t *mask);
void range_candidates_avx512(const uint64_t *lower, const uint64_t *upper, size_t count, uint64_t key, uint64_t *mask);
#endif

#endif
