/* The pages of one listing that were read, as hashes: finds a listing that goes round in circles, however long the way
 * round is. Costs at most 32 bytes a page that has a next one. The hashes are keyed by the caller, so that no server
 * can prepare two pages of one hash. */
#ifndef TRAWL_PAGE_SET_H
#define TRAWL_PAGE_SET_H

#include "base/prelude.h"

/* Zero-initialised it is empty. */
struct page_set {
    uint64_t *hashes; /* open addressing; 0 is a free slot */
    size_t capacity;  /* a power of two, or 0 */
    size_t count;
};

void page_set_release(struct page_set *set);

/* 1 new, 0 known, -1 out of memory. */
int page_set_add(struct page_set *set, uint64_t hash);

#endif
