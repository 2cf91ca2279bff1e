/* Which references led to which images when they were last swept: for whoever has packages and no targets to name
 * (`trawl rematch`). One value of the cache for each repository, and one for each target that has none: a layout's tag,
 * an archive's image. A tag that leads elsewhere now has left what it led to before; what no sweep has met for 30 days
 * is forgotten. */
#ifndef TRAWL_REFERENCE_STORE_H
#define TRAWL_REFERENCE_STORE_H

#include "engine/pipeline/plan.h"
#include "io/cache/cache.h"

/* Keeps the plan's. NOMEM. */
int references_keep(struct cache *cache, struct cache_reader *reader, const struct plan *plan, int64_t swept_at_utc_s,
                    struct err *err);

struct kept_reference {
    struct span text, registry, repository, tag, kind; /* as the image table has them */
    struct digest digest;                              /* of the manifest */
    int64_t swept_at_utc_s;
};
/* All of them. Texts are valid during the call. Errors as cache_walk(), and `each`'s own. */
typedef int (*references_walk_fn)(void *context, const struct kept_reference *reference, struct err *err);
int references_walk(struct cache_reader *reader, references_walk_fn each, void *context, struct err *err);

/* Appends one, as values are made of them; a value begins with references_begin(). For benches that make up a cache. */
void reference_pack(const struct kept_reference *reference, struct buf *value);
void references_begin(struct buf *value);
/* The key of a group: of a repository, or of a text. */
struct hash128 references_key(const struct cache *cache, struct span registry, struct span repository,
                              struct span text);

#endif
