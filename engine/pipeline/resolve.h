/* Targets to images: opens sources, lists references, expands indexes to platforms, reads manifests and configurations,
 * and fills the plan. Runs on the loop with many requests in flight; every failure becomes an error of its image or
 * target. */
#ifndef TRAWL_RESOLVE_H
#define TRAWL_RESOLVE_H

#include "engine/pipeline/plan.h"
#include "engine/pipeline/selection.h"
#include "io/cache/cache.h"

struct resolve_options {
    const struct source_context *context;
    const struct span *targets; /* as targets_read() gives them */
    size_t target_count;
    struct span saved;   /* of an unfinished sweep over the same targets: what resolve_save() wrote; or empty */
    struct cache *cache; /* what was resolved before, and where what is resolved now is kept */
    const struct span *platforms; /* "os/architecture[/variant]"; none: all */
    size_t platform_count;
    const struct selection *selection; /* of registries' images; NULL: all */
};

struct resolve;

/* Called in the loop thread when everything is resolved. */
typedef void (*resolve_done_fn)(void *context);

/* Starts. `plan` and `options` must live until resolve_free(). FORMAT (`saved` is damaged), NOMEM. Targets that cannot
 * be opened are errors of the plan, not of this call. */
int resolve_start(const struct resolve_options *options, struct plan *plan, resolve_done_fn done, void *context,
                  struct resolve **ret_resolve, struct err *err);

/* Appends what a sweep needs to go on from here, once everything is resolved. */
void resolve_save(const struct resolve *resolve, struct buf *buf);

/* References found and images read so far: for the progress line. */
void resolve_progress(const struct resolve *resolve, size_t *ret_found, size_t *ret_read);

/* Closes the sources too: not before the layers have been scanned. */
void resolve_free(struct resolve *resolve);

#endif
