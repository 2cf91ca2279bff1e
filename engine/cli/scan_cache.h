/* Which cache a run uses: `--cache DIR`, else a sweep ${XDG_CACHE_HOME:-~/.cache}/trawl; with `--no-cache`, and `image`
 * and `fs`, one of the run's own that is removed at its end. A cache that cannot be used costs time, not the run. */
#ifndef TRAWL_SCAN_CACHE_H
#define TRAWL_SCAN_CACHE_H

#include "base/arena.h"
#include "io/cache/cache.h"

struct scan_cache {
    struct cache *cache;
    char *folder;    /* NULL until opened */
    bool is_private; /* to be removed */
    bool is_kept;    /* a private one that an unfinished sweep goes on with */
};

/* `folder` is what was asked for, or NULL; `none` says `--no-cache`; `own` is where a private one goes: a folder that
 * is made there, or NULL for the system's temporary folder. What was done instead of what was asked for is told on
 * standard error unless `quiet`. IO, USAGE (a cache that was named and cannot be used), NOMEM. */
int scan_cache_open(struct scan_cache *scan, const char *folder, bool none, const char *own, bool quiet,
                    struct err *err);
/* Removes a private one unless it is kept. */
void scan_cache_close(struct scan_cache *scan);

/* The folder of the cache that all runs share unless told otherwise; NULL without a home. Freed by the caller. */
char *scan_cache_default(void);

#endif
