/* What the processor can do, for the choice of a vectorised twin at start-up. */
#ifndef TRAWL_CPU_H
#define TRAWL_CPU_H

#include "base/err.h"
#include "base/span.h"

enum cpu_level { CPU_SCALAR, CPU_AVX2, CPU_AVX512, CPU_LEVEL_COUNT };

/* The best level that this machine runs. AVX512 means F, BW, DQ and VL. */
enum cpu_level cpu_level_best(void);
const char *cpu_level_name(enum cpu_level level);
/* "auto", "scalar", "avx2", "avx512"; USAGE when unknown or not to be had on this machine. */
int cpu_level_parse(struct span text, enum cpu_level *ret_level, struct err *err);

/* Processors this process may run on, at least 1. */
size_t cpu_count(void);

#endif
