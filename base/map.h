/* A hash map from byte strings to pointers. Open addressing, keyed with a seed so that nobody can prepare collisions.
 * Keys are borrowed: they must live as long as the map. No removal (nothing in trawl needs it). Not thread-safe. */
#ifndef TRAWL_MAP_H
#define TRAWL_MAP_H

#include "base/span.h"

struct map_entry {
    struct span key;
    uint64_t hash; /* 0 marks a free slot */
    void *value;
};

struct map {
    struct map_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t seed;
};

void map_init(struct map *map, uint64_t seed);
void map_release(struct map *map);

/* The value, or NULL when the key is not there. */
void *map_get(const struct map *map, struct span key);

/* The place of the key's value, made with NULL in it where the key is new; NULL when memory is short. Valid until the
 * next call. `*ret_new` (may be NULL) says whether it was new. */
void **map_put(struct map *map, struct span key, bool *ret_new);

#endif
