/* Scope-bound release: declare, initialise and mark on one line, leave by return, hand over with STEAL.
 * Handlers keep errno. Each module with a free or release offers its own AUTO_<TYPE> in its header, made with
 * CLEANUP_DEFINE. */
#ifndef TRAWL_CLEANUP_H
#define TRAWL_CLEANUP_H

#include <dirent.h>

#include "base/alloc.h"

static inline void cleanup_free(void *pointer) {
    int saved = errno;
    mem_free(*(void **)pointer);
    errno = saved;
}

static inline void cleanup_close(int *fd) {
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd); /* nothing to do about a failing close of a file that was only read */
    errno = saved;
}

static inline void cleanup_file(FILE **file) {
    int saved = errno;
    if (*file != NULL)
        (void)fclose(*file);
    errno = saved;
}

static inline void cleanup_dir(DIR **directory) {
    int saved = errno;
    if (*directory != NULL)
        (void)closedir(*directory);
    errno = saved;
}

#define AUTO(function) __attribute__((cleanup(function)))
#define AUTO_FREE AUTO(cleanup_free)
#define AUTO_CLOSE AUTO(cleanup_close)
#define AUTO_FILE AUTO(cleanup_file)
#define AUTO_DIR AUTO(cleanup_dir)

/* Defines cleanup_<name>(T **), which calls `release` on the pointee: for `X_free`-like functions. */
#define CLEANUP_DEFINE(name, type, release)                                                                            \
    static inline void cleanup_##name(type **object) {                                                                 \
        int saved = errno;                                                                                             \
        release(*object);                                                                                              \
        errno = saved;                                                                                                 \
    }

/* Hands a pointer over and leaves NULL behind. */
#define STEAL(pointer)                                                                                                 \
    ({                                                                                                                 \
        __typeof__(pointer) stolen_ = (pointer);                                                                       \
        (pointer) = NULL;                                                                                              \
        stolen_;                                                                                                       \
    })

#endif
