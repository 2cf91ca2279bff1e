/* A look at the pages of an LMDB file from outside, before they are believed. Internal to io/cache: it shows LMDB's
 * types. For a process of its own: a page may be so wrong that reading it is a bus error. */
#ifndef TRAWL_CACHE_PROBE_H
#define TRAWL_CACHE_PROBE_H

#include <lmdb.h>

#include "base/span.h"

struct cache_probe {
    bool knows_format; /* LMDB is 0.9; of another we can only walk */
    size_t page_bytes;
    uint64_t deadline_ns; /* of clock_ns(): what was not looked at by then counts as sound */
    /* zero at first: */
    const uint8_t *map;  /* where page 0 is, going by the first page seen; NULL before */
    const uint8_t *leaf; /* the page of the last node, or NULL */
    size_t leaf_used;    /* bytes of its nodes so far */
};

/* Whether a table is what LMDB would have written. Values are checked when they are read: one that is damaged costs
 * itself alone. `free_seen` of the table of free pages, a bit a page; NULL for all others. */
bool cache_probe_table(struct cache_probe *probe, MDB_txn *transaction, MDB_dbi handle, uint64_t last_page,
                       uint8_t *free_seen);

#endif
