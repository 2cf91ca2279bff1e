/* Who wants this file, told by its path alone.
 *
 * The patterns live with the cataloguers; this builds one table of them. It is called for every path of every layer,
 * and nearly all are wanted by nobody: such a path costs three probes of a small table, no pattern match. */
#ifndef TRAWL_CLASSIFY_H
#define TRAWL_CLASSIFY_H

#include "base/span.h"
#include "matchers/package/cataloguer.h"

/* Those who may want a file: each cataloguer under its own number (enum cataloguer_id), and one for release files. */
enum classify_member { CLASSIFY_RELEASE = CATALOGUER_COUNT, CLASSIFY_MEMBER_COUNT };

#define CLASSIFY_WORDS ((CLASSIFY_MEMBER_COUNT + 63) / 64)

/* A set of them, by value. All zeros is the empty one; it grows with cataloguer.def. */
struct classify_set {
    uint64_t words[CLASSIFY_WORDS];
};

#define CLASSIFY_PATTERNS_MAX 512 /* of all cataloguers together; asserted by classify_init() */
#define CLASSIFY_SLOTS 1024       /* a power of two, at least twice as many */

static inline bool classify_set_is_empty(const struct classify_set *set) {
    uint64_t any = 0;
    for (size_t i = 0; i < CLASSIFY_WORDS; i++)
        any |= set->words[i];
    return any == 0;
}

static inline bool classify_set_has(const struct classify_set *set, unsigned member) {
    return (set->words[member / 64] >> member % 64 & 1) != 0;
}

static inline void classify_set_add(struct classify_set *set, unsigned member) {
    set->words[member / 64] |= (uint64_t)1 << member % 64;
}

static inline void classify_set_remove(struct classify_set *set, unsigned member) {
    set->words[member / 64] &= ~((uint64_t)1 << member % 64);
}

/* Takes those of `part` out of the set and returns them. */
static inline struct classify_set classify_set_split(struct classify_set *set, const struct classify_set *part) {
    struct classify_set taken = *set;
    for (size_t i = 0; i < CLASSIFY_WORDS; i++) {
        taken.words[i] &= part->words[i];
        set->words[i] &= ~part->words[i];
    }
    return taken;
}

static inline void classify_set_join(struct classify_set *set, const struct classify_set *more) {
    for (size_t i = 0; i < CLASSIFY_WORDS; i++)
        set->words[i] |= more->words[i];
}

/* For the loop over a set: takes its lowest cataloguer out of it. False when it holds none; CLASSIFY_RELEASE stays. */
static inline bool classify_set_take(struct classify_set *set, enum cataloguer_id *ret_id) {
    for (unsigned i = 0; i < CLASSIFY_WORDS; i++) {
        unsigned member = 64 * i + (set->words[i] == 0 ? 64 : (unsigned)__builtin_ctzll(set->words[i]));
        if (set->words[i] == 0)
            continue;
        if (member >= CATALOGUER_COUNT)
            return false;
        classify_set_remove(set, member);
        *ret_id = (enum cataloguer_id)member;
        return true;
    }
    return false;
}

enum classify_key { CLASSIFY_BASENAME, CLASSIFY_EXTENSION, CLASSIFY_FOLDER, CLASSIFY_TOP, CLASSIFY_KEY_COUNT };

struct classify_pattern {
    struct span glob;
    uint16_t member; /* who wants what it matches */
    uint16_t next;   /* 1-based index of the next pattern of the same key, 0 for none */
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
    struct classify_set programs;   /* those who want every program */
    struct classify_set by_path;    /* those who need no body */
    struct classify_set by_head;    /* those who need no more than its begin */
    struct classify_set by_content; /* those who may well not want it once they see it */
};

void classify_init(struct classify *classify);

/* Those who want the file at this path (no leading slash): nearly always nobody. */
struct classify_set classify_path(const struct classify *classify, struct span path);

/* Whether its path says that its body is package data. */
bool classify_wants(const struct classify *classify, struct span path);

/* Those who want a file that begins so, whatever its path: four bytes are enough to tell. */
struct classify_set classify_head(const struct classify *classify, struct span head);

#endif
