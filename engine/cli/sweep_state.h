/* `unfinished` in a sweep's folder: what the sweep is, so that `--resume` goes on with it. Written when the sweep
 * begins and again when its plan is made, each time whole; removed when manifest.json is there. The layers that are
 * done are in the cache that it names. */
#ifndef TRAWL_SWEEP_STATE_H
#define TRAWL_SWEEP_STATE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash/xxh.h"

#define SWEEP_STATE_NAME "unfinished"

struct sweep_state {
    struct span sweep_id;
    int64_t started_at;
    struct hash128 conditions; /* what decides the rows besides the targets */
    struct span cache;         /* its folder; empty: the private one in the sweep's folder */
    const struct span *targets;
    size_t target_count;
    struct span plan; /* empty: not made yet */
};

/* IO, NOMEM. */
int sweep_state_write(const char *folder, const struct sweep_state *state, struct err *err);
/* Everything lives in the arena. NOTFOUND, IO, FORMAT (also one of another version), NOMEM. */
int sweep_state_read(struct arena *arena, const char *folder, struct sweep_state *ret_state, struct err *err);
/* And what a write that was killed has left beside it. */
void sweep_state_remove(const char *folder);

#endif
