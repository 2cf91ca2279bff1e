/* A growable array of one type. VEC(struct x) is an anonymous struct type for a field or a variable; zero-initialised
 * it is an empty array. Elements move on growth. */
#ifndef TRAWL_VEC_H
#define TRAWL_VEC_H

#include "base/alloc.h"

#define VEC(type)                                                                                                      \
    struct {                                                                                                           \
        type *data;                                                                                                    \
        size_t count;                                                                                                  \
        size_t capacity;                                                                                               \
    }

/* Grows by half; false when memory is short, the array is then as it was. Works on any VEC through its three fields. */
static inline bool vec_grow(void **data, size_t *capacity, size_t needed, size_t item_size) {
    if (needed <= *capacity)
        return true;
    size_t capacity_new = *capacity < 8 ? 8 : *capacity + *capacity / 2;
    if (capacity_new < needed)
        capacity_new = needed;
    void *grown = mem_resize(*data, capacity_new, item_size);
    if (grown == NULL)
        return false;
    *data = grown;
    *capacity = capacity_new;
    return true;
}

#define vec_reserve(vec, more)                                                                                         \
    ({                                                                                                                 \
        void *data_ = (vec)->data;                                                                                     \
        bool ok_ = vec_grow(&data_, &(vec)->capacity, (vec)->count + (more), sizeof *(vec)->data);                     \
        (vec)->data = data_;                                                                                           \
        ok_;                                                                                                           \
    })

/* Appends a value; false when memory is short. */
#define vec_push(vec, ...) (vec_reserve(vec, 1) ? ((vec)->data[(vec)->count++] = (__VA_ARGS__), true) : false)

#define vec_release(vec)                                                                                               \
    do {                                                                                                               \
        mem_free((vec)->data);                                                                                         \
        (vec)->data = NULL;                                                                                            \
        (vec)->count = (vec)->capacity = 0;                                                                            \
    } while (0)

#endif
