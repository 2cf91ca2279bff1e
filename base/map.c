#include "base/map.h"

#include "base/alloc.h"
#include "base/hash/xxh.h"
#include "base/overflow.h"

void map_init(struct map *map, uint64_t seed) { *map = (struct map){.seed = seed}; }

void map_release(struct map *map) {
    if (map == NULL)
        return;
    mem_free(map->entries);
    map->entries = NULL;
    map->capacity = map->count = 0;
}

static uint64_t key_hash(const struct map *map, struct span key) { return xxh64_seeded(key, map->seed) | 1; }

/* The slot that holds the key or the free one where it belongs. The table is never full. */
static struct map_entry *slot_find(struct map_entry *entries, size_t capacity, struct span key, uint64_t hash) {
    size_t i = (hash >> 1) & (capacity - 1);
    while (entries[i].hash != 0 && !(entries[i].hash == hash && span_equal(entries[i].key, key)))
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

void *map_get(const struct map *map, struct span key) {
    if (map->count == 0)
        return NULL;
    return slot_find(map->entries, map->capacity, key, key_hash(map, key))->value;
}

static bool table_grow(struct map *map) {
    size_t capacity = map->capacity == 0 ? 16 : 0;
    if (capacity == 0 && !size_mul(map->capacity, 2, &capacity))
        return false;
    struct map_entry *entries = mem_array(capacity, sizeof *entries);
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].hash != 0)
            *slot_find(entries, capacity, map->entries[i].key, map->entries[i].hash) = map->entries[i];
    }
    mem_free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return true;
}

void **map_put(struct map *map, struct span key, bool *ret_new) {
    if (map->count + 1 > map->capacity - map->capacity / 4 && !table_grow(map))
        return NULL;
    uint64_t hash = key_hash(map, key);
    struct map_entry *slot = slot_find(map->entries, map->capacity, key, hash);
    bool is_new = slot->hash == 0;
    if (is_new) {
        *slot = (struct map_entry){.key = key, .hash = hash};
        map->count++;
    }
    if (ret_new != NULL)
        *ret_new = is_new;
    return &slot->value;
}
