/* Entries of a git pack that lies in memory: what stands before an object's zlib stream, and deltas.
 * Spec: gitformat-pack(5). */
#ifndef TRAWL_GIT_PACK_H
#define TRAWL_GIT_PACK_H

#include "base/buf.h"
#include "base/err.h"

enum git_kind {
    GIT_NONE,
    GIT_COMMIT = 1,
    GIT_TREE = 2,
    GIT_BLOB = 3,
    GIT_TAG = 4,
    GIT_OFFSET_DELTA = 6,
    GIT_HASH_DELTA = 7,
    GIT_KIND_COUNT = 8
};
/* "commit", "tree", "blob", "tag", "delta"; "" where there is no such kind. */
const char *git_kind_name(enum git_kind kind);
/* GIT_NONE where it is none of the four. */
enum git_kind git_kind_parse(struct span name);

struct git_entry {
    enum git_kind kind;
    uint64_t size;          /* unpacked; of a delta's instructions */
    size_t head_bytes;      /* the zlib stream begins so many bytes behind `at` */
    uint64_t base_distance; /* GIT_OFFSET_DELTA: the base begins so many bytes before `at` */
    struct span base_hash;  /* GIT_HASH_DELTA */
};

/* The entry that begins at `at`; false where there is none. `hash_bytes` is 20, or 32 of SHA-256 repositories. */
bool git_entry_read(struct span pack, size_t at, size_t hash_bytes, struct git_entry *ret_entry);

/* Appends what a delta makes of its base. FORMAT: damaged; LIMIT: beyond the buffer's ceiling; NOMEM. */
int git_delta_apply(struct span base, struct span delta, struct buf *out, struct err *err);

/* The text that a delta brings along, without what it copies from its base: appended. Stops where it is damaged. */
void git_delta_inserts(struct span delta, struct buf *out);

#endif
