/* Numbers that a seed fixes: the fleet is the same on every machine and in every run. */
#ifndef TRAWL_FLEET_RANDOM_H
#define TRAWL_FLEET_RANDOM_H

#include "base/prelude.h"

/* One number of what was asked for: a pure function, so that no table of them is kept. (splitmix64's finaliser.) */
static inline uint64_t fleet_hash(uint64_t seed, uint64_t a, uint64_t b) {
    uint64_t x = seed + a * 0x9E3779B97F4A7C15U + b * 0xD1B54A32D192ED03U;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
    x = (x ^ x >> 27) * 0x94D049BB133111EBU;
    return x ^ x >> 31;
}

struct fleet_random {
    uint64_t state;
};

static inline uint64_t fleet_next(struct fleet_random *random) {
    random->state += 0x9E3779B97F4A7C15U;
    return fleet_hash(random->state, 0, 0);
}

/* 0 to `bound` - 1. */
static inline uint64_t fleet_below(struct fleet_random *random, uint64_t bound) { return fleet_next(random) % bound; }

/* Zipf's law by halves: 0 with half the weight, 1 with a quarter, …, then evenly over all of `count`. */
static inline uint64_t fleet_favourite(uint64_t number, uint64_t count) {
    uint64_t rank = (uint64_t)__builtin_ctzll(number | (uint64_t)1 << 63);
    return rank < 4 && rank < count ? rank : (number >> 16) % count;
}

#endif
