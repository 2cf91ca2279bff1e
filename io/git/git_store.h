/* Every object of a git repository, once: loose and packed, of alternates too.
 *
 *     git_store_open(folder, &store, err);
 *     while (git_store_next(store, GIT_BLOB, &object, err) > 0) …
 *     git_store_rewind(store);                  begins again, perhaps with another kind
 *
 * Memory: packs are mapped; an object's contents up to LIMIT_GIT_OBJECT_BYTES, its base and a delta beside it; bases
 * that were made lately, LIMIT_GIT_CACHE_BYTES; 12 bytes for each object of the pack at hand.
 * Spec: gitformat-pack(5), gitrepository-layout(5). */
#ifndef TRAWL_GIT_STORE_H
#define TRAWL_GIT_STORE_H

#include "base/cleanup.h"
#include "base/parse/git_pack.h"

#define GIT_HASH_TEXT_SIZE 65

struct git_object {
    enum git_kind kind;
    struct span hash;              /* 20 bytes, or 32 */
    char text[GIT_HASH_TEXT_SIZE]; /* the same in hexadecimal digits */
    struct span body;              /* valid until the next call */
    struct err problem;            /* why there is no body, or only its beginning; ERR_NONE where it is whole */
};

struct git_store;

/* NOTFOUND: no repository; UNSUPPORTED: a pack index of another version; IO, NOMEM, LIMIT. */
int git_store_open(const char *folder, struct git_store **ret_store, struct err *err);
void git_store_free(struct git_store *store);
CLEANUP_DEFINE(git_store, struct git_store, git_store_free)
#define AUTO_GIT_STORE AUTO(cleanup_git_store)

/* The next object of the kind. 1, or 0 after the last. An object that is damaged is told with its problem, and the walk
 * goes on. -1: IO, NOMEM. */
int git_store_next(struct git_store *store, enum git_kind kind, struct git_object *ret_object, struct err *err);
void git_store_rewind(struct git_store *store);

#endif
