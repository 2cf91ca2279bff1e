/* Layers' results between the scan and the rows: in the cache, and as many as the ceiling allows in memory.
 *
 * A scan thread hands its result over and forgets it; the writer asks for one layer after another, images that follow
 * each other share most of theirs, and the least recently used one gives way. Results that may not be kept for another
 * sweep (a transfer that broke, a folder on disk) stay in memory: they are few, or have nothing in them. */
#ifndef TRAWL_LAYER_STORE_H
#define TRAWL_LAYER_STORE_H

#include "engine/pipeline/plan.h"
#include "engine/pipeline/profile.h"
#include "io/cache/cache.h"

struct layer_store;

/* `bytes_max`: what results in memory may take. */
int layer_store_new(struct plan *plan, struct cache *cache, struct hash128 profile, bool verify_diff_id,
                    size_t bytes_max, struct layer_store **ret_store, struct err *err);
void layer_store_free(struct layer_store *store);

/* Before the scan, in the plan's thread: whether the cache has this layer; then its summary is filled in. Not where the
 * manifest tells another size, or the configuration another diff_id, than the layer has: that is for the scan to say.
 */
bool layer_store_recall(struct layer_store *store, struct planned_layer *layer);

/* After the scan, in any thread: puts the result in the cache where it may be kept, and fills in the summary.
 * `scratch` is the thread's own. `layer->result` may be NULL (memory was short): then nothing happens. */
void layer_store_keep(struct cache *cache, struct hash128 profile, struct planned_layer *layer, struct buf *scratch);

/* The result of one layer; constant, and valid until layer_store_release(). IO: the cache lost it meanwhile. */
int layer_store_get(struct layer_store *store, size_t layer, const struct layer_result **ret_result, struct err *err);
/* Everything that was asked for may give way. */
void layer_store_release(struct layer_store *store);

#endif
