/* bbolt databases, read-only: containerd keeps in one which images it has. A file of pages that form a tree of buckets,
 * each a B+ tree of keys and values; a value may itself be a bucket. Numbers are as the machine that wrote them has
 * them: little-endian here.
 *
 * The daemon may be writing: a page that the newest transaction does not need any more may be used for another one two
 * transactions later. Whoever has read what he wants asks bolt_is_unchanged(), and starts over when it is not; what was
 * read meanwhile may be damaged, never dangerous. No lock is taken, for the daemon could not start while we have it.
 *
 * Errors: FORMAT (where, expected and found), LIMIT (pages, depth), IO, NOMEM, or a callback's own. Memory: one page
 * and its overflow for each level of a tree, at most LIMIT_BOLT_PAGE_BYTES each. No recursion. Spec: go.etcd.io/bbolt,
 * internal/common/{meta,page,bucket}.go. */
#ifndef TRAWL_BOLT_H
#define TRAWL_BOLT_H

#include "base/err.h"
#include "base/span.h"

/* Where the bytes are: a file, or (`fd` -1) memory. Constant after bolt_open() but for what walks count. */
struct bolt {
    int fd;
    struct span bytes;
    uint64_t size;
    uint32_t page_size;
    uint64_t page_count; /* the newest transaction's high water mark */
    uint64_t root;       /* page of the root bucket */
    uint64_t transaction;
    /* Of the walk under way and those inside of it: a right database has each page and each element in one place. */
    unsigned walks;
    uint64_t pages_left, elements_left;
};

/* A bucket: a page of the file, or a page inside of a value, which is borrowed. */
struct bolt_bucket {
    uint64_t root; /* 0: `page` is it */
    struct span page;
};

/* Reads the two meta pages and takes the newer one that is right. `fd` stays the caller's. */
int bolt_open(int fd, struct span bytes, struct bolt *ret_bolt, struct err *err);

/* Whether no transaction was written since bolt_open(). */
bool bolt_is_unchanged(const struct bolt *bolt);

struct bolt_bucket bolt_root(const struct bolt *bolt);

/* One item of a bucket; `is_bucket`: bolt_bucket_of() its value. Spans are valid until it returns. 0 to go on, 1 to end
 * the walk, -1 with `err` set to fail. */
typedef int (*bolt_each_fn)(void *context, struct span key, struct span value, bool is_bucket, struct err *err);

/* All items in the order of their keys; the callback may walk a bucket among them. Returns 0, 1 when the callback ended
 * it, -1. What is read in all is bounded by the file's size: buckets that share their contents, of which a small file
 * could hold a thousand inside of a thousand, are FORMAT. */
int bolt_each(struct bolt *bolt, const struct bolt_bucket *bucket, bolt_each_fn each, void *context, struct err *err);

/* The bucket that a value is; FORMAT when it is too short. Borrows the value. */
int bolt_bucket_of(struct span value, struct bolt_bucket *ret_bucket, struct err *err);

#endif
