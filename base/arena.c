#include "base/arena.h"

#include <stdarg.h>

#include "base/alloc.h"
#include "base/overflow.h"

#define ARENA_ALIGN ((size_t)16)
#define ARENA_BLOCK_BYTES ((size_t)64 * 1024)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    size_t used;
    size_t pad; /* keeps data 16-aligned */
    uint8_t data[];
};

void arena_init(struct arena *arena, size_t block_bytes, size_t bytes_max) {
    *arena = (struct arena){.block_bytes = block_bytes == 0 ? ARENA_BLOCK_BYTES : block_bytes,
                            .bytes_max = bytes_max == 0 ? SIZE_MAX : bytes_max};
}

static void blocks_free(struct arena_block *block) {
    while (block != NULL) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
}

void arena_release(struct arena *arena) {
    if (arena == NULL)
        return;
    blocks_free(arena->block);
    arena->block = NULL;
    arena->bytes = 0;
    arena->reserved = 0;
}

void arena_wipe(struct arena *arena) {
    if (arena == NULL)
        return;
    for (struct arena_block *block = arena->block; block != NULL; block = block->next)
        explicit_bzero(block->data, block->size);
    arena_release(arena);
}

void arena_reset(struct arena *arena) {
    struct arena_block *kept = NULL;
    struct arena_block *block = arena->block;
    while (block != NULL) {
        struct arena_block *next = block->next;
        if (kept == NULL && block->size == arena->block_bytes) {
            kept = block;
            kept->next = NULL;
            kept->used = 0;
        } else {
            mem_free(block);
        }
        block = next;
    }
    arena->block = kept;
    arena->bytes = 0;
    arena->reserved = kept == NULL ? 0 : kept->size;
}

static struct arena_block *block_add(struct arena *arena, size_t size) {
    size_t total;
    if (arena->reserved > arena->bytes_max || size > arena->bytes_max - arena->reserved ||
        !size_add(sizeof(struct arena_block), size, &total))
        return NULL;
    struct arena_block *block = mem_alloc(total);
    if (block == NULL)
        return NULL;
    *block = (struct arena_block){.size = size};
    arena->reserved += size;
    /* A block made for one large allocation goes behind the current one, whose rest stays usable. */
    if (size > arena->block_bytes && arena->block != NULL) {
        block->next = arena->block->next;
        arena->block->next = block;
    } else {
        block->next = arena->block;
        arena->block = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size) {
    size_t rounded;
    if (!size_add(size == 0 ? 1 : size, ARENA_ALIGN - 1, &rounded))
        return NULL;
    rounded &= ~(ARENA_ALIGN - 1);
    struct arena_block *block = arena->block;
    if (block == NULL || rounded > block->size - block->used) {
        size_t least = size_min(arena->block_bytes, arena->bytes_max - size_min(arena->reserved, arena->bytes_max));
        block = block_add(arena, size_max(least, rounded));
        if (block == NULL)
            return NULL;
    }
    void *data = block->data + block->used;
    block->used += rounded;
    arena->bytes += rounded;
    return data;
}

void *arena_zalloc(struct arena *arena, size_t size) {
    void *data = arena_alloc(arena, size);
    if (data != NULL)
        memset(data, 0, size);
    return data;
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
    size_t bytes;
    return size_mul(count, size, &bytes) ? arena_zalloc(arena, bytes) : NULL;
}

struct span arena_copy(struct arena *arena, struct span s) {
    size_t bytes;
    if (!size_add(s.size, 1, &bytes))
        return (struct span){NULL, 0};
    uint8_t *data = arena_alloc(arena, bytes);
    if (data == NULL)
        return (struct span){NULL, 0};
    if (s.size > 0)
        memcpy(data, s.data, s.size);
    data[s.size] = '\0';
    return (struct span){data, s.size};
}

char *arena_text(struct arena *arena, struct span s) {
    struct span copy = arena_copy(arena, s);
    return (char *)(uintptr_t)copy.data;
}

char *arena_format(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return NULL;
    char *text = arena_alloc(arena, (size_t)size + 1);
    if (text == NULL)
        return NULL;
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}
