/* The package sets that a cache knows against a database, without a registry and without a layer: which images does a
 * new advisory touch? Rows of the vulnerability table for every set that an image has, and the image rows of those sets
 * that have any.
 *
 * An image counts under every reference that led to it when that was last swept (reference_store.h). */
#ifndef TRAWL_REMATCH_H
#define TRAWL_REMATCH_H

#include "engine/pipeline/emit.h"
#include "io/cache/cache.h"

struct rematch_options {
    struct cache *cache;
    struct span sweep_id;
    const struct vuln_db *db;
    const struct vuln_db *old; /* or NULL: only what this one did not know */
    struct finding_filter filter;
    const struct policy *policy;
    size_t threads;    /* 1 or more */
    size_t memo_bytes; /* of each thread's; 0: as struct finding_options has it */
};

struct rematch_totals {
    uint64_t images, images_hit; /* references */
    uint64_t sets, sets_hit, sets_unused, packages;
    uint64_t vulnerabilities[SEVERITY_COUNT];
    uint64_t suppressed;
    enum severity worst;
    bool has_findings;
};

/* The sink is called by one thread at a time, in no order. IO, NOMEM, FORMAT (a damaged database), the sink's own. */
int rematch(const struct rematch_options *options, const struct row_sink *sink, struct rematch_totals *ret_totals,
            struct err *err);

#endif
