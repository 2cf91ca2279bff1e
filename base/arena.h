/* A bump allocator: many small allocations, one release. Lifetimes are places: run, image, layer, scratch; an arena
 * is passed as a parameter, never through a global. Not thread-safe: one owner at a time.
 *
 * An arena has a ceiling in bytes: past it arena_alloc() returns NULL, which callers report as ERR_NOMEM or ERR_LIMIT.
 * Memory is aligned to 16 bytes. Pointers die at arena_reset() and arena_release(). */
#ifndef TRAWL_ARENA_H
#define TRAWL_ARENA_H

#include "base/prelude.h"
#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first */
    size_t block_bytes;        /* size of an ordinary block */
    size_t bytes;              /* handed out since init or reset */
    size_t bytes_max;          /* the ceiling on the blocks' sum */
    size_t reserved;           /* the blocks' sum */
};

/* `block_bytes` 0 means 64 KiB; `bytes_max` 0 means no ceiling but the machine's. Allocates nothing yet. */
void arena_init(struct arena *arena, size_t block_bytes, size_t bytes_max);
void arena_release(struct arena *arena);

/* Releases what may hold a secret: every byte is overwritten first. */
void arena_wipe(struct arena *arena);

/* Forgets everything but keeps one block for reuse. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size);               /* uninitialised */
void *arena_zalloc(struct arena *arena, size_t size);              /* zeroed */
void *arena_array(struct arena *arena, size_t count, size_t size); /* zeroed, overflow-checked */

/* A copy of the bytes that lives as long as the arena. On failure `data` is NULL and size 0; an empty span copies to a
 * non-NULL empty one, so `copy.data == NULL` is always the failure. The copy is NUL-terminated for C interfaces. */
struct span arena_copy(struct arena *arena, struct span s);

/* The same as a C string: NULL on failure. An embedded NUL ends it early for its readers. */
char *arena_text(struct arena *arena, struct span s);

/* printf into the arena; NULL on failure. */
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
