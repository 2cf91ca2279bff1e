#include "base/cpu.h"

#include <sched.h>

#include "base/text.h"

enum cpu_level cpu_level_best(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return CPU_AVX512;
    if (__builtin_cpu_supports("avx2"))
        return CPU_AVX2;
#endif
    return CPU_SCALAR;
}

const char *cpu_level_name(enum cpu_level level) {
    static const char *const names[CPU_LEVEL_COUNT] = {"scalar", "avx2", "avx512"};
    return level < CPU_LEVEL_COUNT ? names[level] : "unknown";
}

int cpu_level_parse(struct span text, enum cpu_level *ret_level, struct err *err) {
    enum cpu_level best = cpu_level_best();
    if (span_is(text, "auto")) {
        *ret_level = best;
        return 0;
    }
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        if (!span_is(text, cpu_level_name(level)))
            continue;
        if (level > best)
            return err_set(err, ERR_USAGE, 0, "simd level %s: this machine has %s at most", cpu_level_name(level),
                           cpu_level_name(best));
        *ret_level = level;
        return 0;
    }
    char quoted[64];
    return err_set(err, ERR_USAGE, 0, "simd level '%s': expected auto, scalar, avx2 or avx512",
                   text_quote(text, quoted, sizeof quoted));
}

size_t cpu_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (size_t)count;
}
