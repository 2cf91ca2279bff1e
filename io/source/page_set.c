#include "io/source/page_set.h"

#include "base/alloc.h"

void page_set_release(struct page_set *set) {
    mem_free(set->hashes);
    *set = (struct page_set){0};
}

/* The hash's place: where it is, or the free slot where it belongs. There is one: the table is never full. */
static uint64_t *place_of(const struct page_set *set, uint64_t hash) {
    size_t i = (size_t)hash & (set->capacity - 1);
    while (set->hashes[i] != 0 && set->hashes[i] != hash)
        i = (i + 1) & (set->capacity - 1);
    return &set->hashes[i];
}

static bool grow(struct page_set *set) {
    struct page_set larger = {.capacity = set->capacity == 0 ? 8 : 2 * set->capacity, .count = set->count};
    larger.hashes = mem_array(larger.capacity, sizeof *larger.hashes);
    if (larger.hashes == NULL)
        return false;
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->hashes[i] != 0)
            *place_of(&larger, set->hashes[i]) = set->hashes[i];
    }
    mem_free(set->hashes);
    *set = larger;
    return true;
}

int page_set_add(struct page_set *set, uint64_t hash) {
    hash = hash == 0 ? 1 : hash;
    if (2 * (set->count + 1) > set->capacity && !grow(set))
        return -1;
    uint64_t *place = place_of(set, hash);
    if (*place == hash)
        return 0;
    *place = hash;
    set->count++;
    return 1;
}
