/* `trawl shards repair`: what can still be read of a sweep's folder, or of one shard, as a folder of its own. */
#ifndef TRAWL_SHARDS_REPAIR_H
#define TRAWL_SHARDS_REPAIR_H

#include "base/arena.h"
#include "base/err.h"

/* Prints each loss on standard output. `*ret_lost` says whether there was any. What the manifest of `path` says carries
 * over; where it is missing or damaged itself the parts that are there are taken. USAGE, IO, NOTFOUND, NOMEM. */
int shards_repair(struct arena *arena, const char *path, const char *output, bool *ret_lost, struct err *err);

#endif
