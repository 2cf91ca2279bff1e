/* The builder's inside, shared by vulndb.c (takes in), vulndb_intervals.c (events to intervals) and vulndb_write.c
 * (lays out). */
#ifndef TRAWL_VULNDB_BUILD_H
#define TRAWL_VULNDB_BUILD_H

#include <pthread.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/vulndb/vulndb_draft.h"

/* One number for each distinct text; 0 is the empty one. */
struct intern {
    struct arena arena;
    struct map map;
    VEC(struct span) texts;
};

/* A row of the range columns, before it has a place. Texts and keys are numbers of their interns. */
struct build_row {
    uint32_t package;
    uint32_t entry;
    uint32_t lower_key, upper_key;
    uint32_t lower_text, upper_text;
    uint8_t flags;   /* VULN_RANGE_* */
    bool text_space; /* keys are the version's text itself */
};

struct build_entry {
    uint32_t advisory;
    uint32_t vector;
    uint16_t score10;
    uint8_t severity;
    uint8_t status;
    uint8_t flags;
};

struct build_advisory {
    uint32_t id, summary, source;
    uint32_t
        ecosystem; /* of its first package, without the release: copies of one id in other worlds are other records */
    uint32_t *aliases; /* in the builder's arena, sorted by nothing: as the record has them */
    uint32_t *upstream;
    uint32_t alias_count, upstream_count;
    uint32_t next; /* another record of the same id, + 1 */
    int64_t published_utc_s, modified_utc_s;
    uint64_t digest;
    uint8_t flags; /* VULN_ADVISORY_* */
    bool dead;     /* withdrawn, or an older copy */
    bool withdrawn;
    bool partial;
    VEC(uint32_t) entries; /* of a partial one: they come with several documents */
    bool is_distro;        /* its aliases do not make it the same flaw as others: one record has many CVEs */
};

struct build_score {
    uint64_t cve; /* cve_number() */
    uint32_t epss, percentile;
};
struct build_kev {
    uint64_t cve;
    bool ransomware;
};

struct build_denial {
    uint32_t package;
    uint64_t cve;
};

struct crew;

struct vulndb {
    pthread_mutex_t lock; /* guards everything but `scratch` and `crew` while documents are read by several threads; a
                           * leaf lock: nothing else is taken under it. Counts of the summary are added atomically */
    struct crew *crew;    /* who reads documents while a path is added; NULL: the caller */
    struct intern texts;
    struct intern keys;
    struct arena arena;   /* alias lists */
    struct arena scratch; /* the document at hand */
    struct map by_id;     /* id → number of its first advisory + 1 */
    VEC(struct build_row) rows;
    VEC(struct build_entry) entries;
    VEC(struct build_advisory) advisories;
    VEC(struct build_score) scores;
    VEC(struct build_kev) kevs;
    VEC(struct build_denial) denials;
    struct vulndb_summary summary;
};

/* Adds to a count of the summary, from any thread. */
#define VULNDB_TALLY(build, count, number) __atomic_fetch_add(&(build)->summary.count, (number), __ATOMIC_RELAXED)

/* Reads one document with a scratch arena of the caller's. NOMEM, LIMIT. */
int vulndb_read_document(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                         struct err *err);

/* Threads that read the documents of archives and folders: small ones go to them in batches, by copy; while they are
 * behind, the caller waits. `threads` at least 1. */
int crew_open(struct vulndb *build, unsigned threads, struct crew **ret_crew, struct err *err);
/* Any document; large ones are read here and now. Fails with what a thread failed with before. */
int crew_add(struct crew *crew, const char *name, struct span bytes, struct err *err);
/* Waits for all that was added; the first error of a thread is the result. Frees the crew. */
int crew_close(struct crew *crew, struct err *err);

/* The number of a text, made where it is new. False when memory is short. */
bool intern_put(struct intern *intern, struct span text, uint32_t *ret_number);

/* "CVE-2021-44228" as a number of its own; also the CVE at the end of "UBUNTU-CVE-2021-44228". */
bool cve_number(struct span text, uint64_t *ret_number);

/* An interval of versions. Bounds that are not there are empty, with the flag set. */
struct interval {
    struct version_point lower, upper;
    uint8_t flags;
};

struct intervals {
    struct interval *data;
    size_t count;
};

/* Sorts the events by version (those of equal versions stay in the document's order) and walks them. Keys live in
 * `arena`. Returns 1, 0 when a version cannot be parsed, <0 NOMEM. Spec: OSV schema, "Evaluation"; limit as in
 * "BeforeLimits". */
int intervals_make(struct arena *arena, enum version_scheme scheme, const struct draft_range *range,
                   struct intervals *ret_intervals, struct err *err);
bool interval_holds(enum version_scheme scheme, const struct interval *interval, const struct version_point *version);

/* version_key() into the arena. 1, 0 when it cannot be parsed (or is too long), <0 NOMEM. */
int arena_version_key(struct arena *arena, enum version_scheme scheme, struct span version, struct span *ret_key,
                      struct err *err);

#endif
