/* All heap use of trawl: overflow-checked, counted, and able to fail on demand in tests.
 * Returns NULL when memory is short; callers turn that into ERR_NOMEM. Memory from here is freed with mem_free(). */
#ifndef TRAWL_ALLOC_H
#define TRAWL_ALLOC_H

#include "base/prelude.h"

void *mem_alloc(size_t size);                            /* uninitialised; size 0 gives a valid pointer */
void *mem_zalloc(size_t size);                           /* zeroed */
void *mem_array(size_t count, size_t size);              /* zeroed array; NULL on overflow of count × size */
void *mem_resize(void *data, size_t count, size_t size); /* like realloc of an array; `data` stays valid on NULL */
void mem_free(void *data);                               /* accepts NULL */
char *mem_text(const void *data, size_t size);           /* NUL-terminated copy */

/* Bytes that trawl itself holds now, as the allocator counts them (malloc_usable_size). */
size_t mem_in_use(void);

/* Tests only: the allocation number `countdown` from now on fails (1 = the next one), and with `forever` all after it.
 * 0 turns it off. Process-wide. */
void mem_fail_after(uint64_t countdown, bool forever);

#endif
