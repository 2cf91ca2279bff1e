/* Ranges tested per second by each twin of the range test, on columns that fit the second-level cache and on ones that
 * do not. Prints the median of seven runs. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "matchers/vuln/range.h"

enum { RUNS = 7 };

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int compare_u64(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Ranges per second; the masks' sum keeps the work from being dropped. */
static double measure(range_candidates_fn test, const uint64_t *lower, const uint64_t *upper, size_t count,
                      uint64_t *mask, uint64_t *sum) {
    uint64_t times[RUNS];
    size_t rounds = 200000000 / count;
    for (size_t run = 0; run < RUNS; run++) {
        uint64_t seed = 99;
        uint64_t start_ns = clock_ns();
        for (size_t i = 0; i < rounds; i++) {
            test(lower, upper, count, next_random(&seed), mask);
            *sum += mask[i % ((count + 63) / 64)];
        }
        times[run] = clock_ns() - start_ns;
    }
    qsort(times, RUNS, sizeof *times, compare_u64);
    return (double)rounds * (double)count / ((double)times[RUNS / 2] / 1e9);
}

int main(void) {
    static const size_t counts[] = {4, 64, 4096, 1000000};
    size_t most = counts[ARRAY_COUNT(counts) - 1];
    AUTO_FREE uint64_t *lower = mem_array(most, sizeof *lower);
    AUTO_FREE uint64_t *upper = mem_array(most, sizeof *upper);
    AUTO_FREE uint64_t *mask = mem_array((most + 63) / 64, sizeof *mask);
    uint64_t seed = 1;
    uint64_t sum = 0;
    if (lower == NULL || upper == NULL || mask == NULL)
        return 1;
    for (size_t i = 0; i < most; i++) {
        lower[i] = next_random(&seed);
        upper[i] = lower[i] + (UINT64_MAX - lower[i]) / 64;
    }
    (void)printf("%-8s %10s %14s\n", "twin", "ranges", "million/s");
    for (size_t c = 0; c < ARRAY_COUNT(counts); c++) {
        for (enum cpu_level level = CPU_SCALAR; level <= cpu_level_best(); level++)
            (void)printf("%-8s %10zu %14.0f\n", cpu_level_name(level), counts[c],
                         measure(range_candidates_for(level), lower, upper, counts[c], mask, &sum) / 1e6);
    }
    (void)printf("sum %" PRIx64 "\n", sum);
    return 0;
}
