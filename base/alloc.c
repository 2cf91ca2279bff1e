#include "base/alloc.h"

#include <malloc.h>
#include <stdatomic.h>

#include "base/overflow.h"

/* The only writable process-wide state of base: two counters for tests and one for statistics. Relaxed order is
 * enough, nothing is published through them. */
static _Atomic size_t bytes_in_use;
static _Atomic uint64_t fail_countdown;
static _Atomic bool fail_forever;

static bool must_fail(void) {
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (__builtin_expect(left == 0, 1))
        return false;
    if (left > 1) {
        atomic_store_explicit(&fail_countdown, left - 1, memory_order_relaxed);
        return false;
    }
    if (!atomic_load_explicit(&fail_forever, memory_order_relaxed))
        atomic_store_explicit(&fail_countdown, 0, memory_order_relaxed);
    return true;
}

static void *account(void *data) {
    if (data != NULL)
        atomic_fetch_add_explicit(&bytes_in_use, malloc_usable_size(data), memory_order_relaxed);
    return data;
}

void *mem_alloc(size_t size) { return must_fail() ? NULL : account(malloc(size == 0 ? 1 : size)); }

void *mem_zalloc(size_t size) { return must_fail() ? NULL : account(calloc(1, size == 0 ? 1 : size)); }

void *mem_array(size_t count, size_t size) {
    size_t bytes;
    return size_mul(count, size, &bytes) ? mem_zalloc(bytes) : NULL;
}

void *mem_resize(void *data, size_t count, size_t size) {
    size_t bytes;
    if (!size_mul(count, size, &bytes) || must_fail())
        return NULL;
    size_t before = data == NULL ? 0 : malloc_usable_size(data);
    void *grown = realloc(data, bytes == 0 ? 1 : bytes);
    if (grown == NULL)
        return NULL;
    atomic_fetch_sub_explicit(&bytes_in_use, before, memory_order_relaxed);
    return account(grown);
}

void mem_free(void *data) {
    if (data == NULL)
        return;
    atomic_fetch_sub_explicit(&bytes_in_use, malloc_usable_size(data), memory_order_relaxed);
    free(data);
}

char *mem_text(const void *data, size_t size) {
    size_t bytes;
    if (!size_add(size, 1, &bytes))
        return NULL;
    char *text = mem_alloc(bytes);
    if (text == NULL)
        return NULL;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

size_t mem_in_use(void) { return atomic_load_explicit(&bytes_in_use, memory_order_relaxed); }

void mem_fail_after(uint64_t countdown, bool forever) {
    atomic_store_explicit(&fail_forever, forever, memory_order_relaxed);
    atomic_store_explicit(&fail_countdown, countdown, memory_order_relaxed);
}
