/* Who wants this file, told by its path alone.
 *
 * The patterns live with the cataloguers; this builds one table of them. It is called for every path of every layer,
 * and nearly all are wanted by nobody: such a path costs three probes of a small table, no pattern match. */
#ifndef TRAWL_CLASSIFY_H
#define TRAWL_CLASSIFY_H

#include "base/span.h"
#include "matchers/package/cataloguer.h"

/* What classify_path() answers: bit `id` for each cataloguer (enum cataloguer_id), and this bit for release files. */
#define CLASSIFY_RELEASE ((uint64_t)1 << 63)

#define CLASSIFY_PATTERNS_MAX 512 /* of all cataloguers together; asserted by classify_init() */
#define CLASSIFY_SLOTS 1024       /* a power of two, at least twice as many */

enum classify_key { CLASSIFY_BASENAME, CLASSIFY_EXTENSION, CLASSIFY_FOLDER, CLASSIFY_KEY_COUNT };

struct classify_pattern {
    struct span glob;
    uint64_t bit;
    uint16_t next; /* 1-based index of the next pattern of the same key, 0 for none */
};

struct classify_slot {
    struct span key;
    enum classify_key kind;
    uint16_t first; /* 1-based index of the key's first pattern; 0 marks a free slot */
};

/* Read-only after classify_init(), so all threads share one. No pointers of its own to release. */
struct classify {
    struct classify_slot slots[CLASSIFY_SLOTS];
    struct classify_pattern patterns[CLASSIFY_PATTERNS_MAX];
    size_t pattern_count;
    uint64_t sizes[CLASSIFY_KEY_COUNT]; /* bit n: some key has n bytes */
    struct classify_pattern excluded[CLASSIFY_PATTERNS_MAX];
    size_t excluded_count;
    uint64_t program_set; /* of those who want every program */
};

void classify_init(struct classify *classify);

/* The set of those who want the file at this path (no leading slash). 0: nobody. */
uint64_t classify_path(const struct classify *classify, struct span path);

/* The set of those who want a file that begins so, whatever its path: four bytes are enough to tell. */
uint64_t classify_head(const struct classify *classify, struct span head);

/* For the loop over a set: the lowest cataloguer of `*set`, which is taken out of it. `*set` must hold one. */
static inline enum cataloguer_id classify_next(uint64_t *set) {
    unsigned id = (unsigned)__builtin_ctzll(*set);
    *set &= *set - 1;
    return (enum cataloguer_id)id;
}

#endif
