/* Opaque bytes by key, kept on disk from one run to the next and shared by processes: LMDB behind our own header.
 *
 * What is put is written by a thread of the cache's own, in batches of one transaction each: a process that is killed
 * loses at most the last batch, and what is there is whole. Every value carries a checksum over table, key and bytes,
 * so that a damaged one is told from a good one; a damaged file is set aside when it is opened and a new one begun.
 *
 * Folder: data-2.mdb and data-2.mdb-lock (LMDB's own formats; the number is FORMAT in cache.c), users.lock (flock:
 * shared by whoever has it open, exclusive while it is compacted; not empty when the last of them died). */
#ifndef TRAWL_CACHE_H
#define TRAWL_CACHE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/hash/xxh.h"

enum cache_table {
    CACHE_INDEX,       /* digest → an index' bytes */
    CACHE_IMAGE,       /* digest → manifest and configuration, packed */
    CACHE_LAYER,       /* digest and profile → what a scan found */
    CACHE_BODY,        /* keyed hash → what a search found */
    CACHE_COMPOSITION, /* digest and profile → an image's rows */
    CACHE_SET,         /* id and profile → a package set */
    CACHE_SET_ROWS,    /* id and profile → its rows */
    CACHE_REFERENCE,   /* keyed hash → what a repository's references led to last */
    CACHE_TABLE_COUNT
};
const char *cache_table_name(enum cache_table table);

#define CACHE_KEY_MAX ((size_t)255) /* bytes of a key; LMDB's own ceiling is 511 */

struct cache;

struct cache_options {
    bool private_use; /* of one unfinished sweep: no need to survive a crash of the machine */
    bool existing;    /* NOTFOUND where there is none, instead of a new one */
};

/* Makes the folder where it is missing. A damaged cache is renamed to data-2.mdb.damaged and `ret_set_aside` says so.
 * Forks once to look at the file, so call it before threads are started. IO, NOTFOUND, NOMEM. */
int cache_open(const char *folder, const struct cache_options *options, struct cache **ret_cache, bool *ret_set_aside,
               struct err *err);
/* Writes what was put, as far as it can. NULL is accepted. */
void cache_close(struct cache *cache);
CLEANUP_DEFINE(cache, struct cache, cache_close)
#define AUTO_CACHE AUTO(cleanup_cache)

/* Removes a cache's files, and the folder where nothing else is in it. Nobody may have it open. */
void cache_remove(const char *folder);

/* A random key of this cache's own, made with it: for hashes that nobody shall be able to prepare. */
const struct hash_key *cache_secret(const struct cache *cache);

/* One for each thread that reads; it sees what was committed when it was last reset. */
struct cache_reader;
int cache_reader_new(struct cache *cache, struct cache_reader **ret_reader, struct err *err);
void cache_reader_free(struct cache_reader *reader);
/* Whether it is there and whole; `*ret_value` is valid until the reader is reset. A damaged value is as good as none:
 * the next cache_put() replaces it. */
bool cache_get(struct cache_reader *reader, enum cache_table table, struct span key, struct span *ret_value);
/* The same of a value that was put in this run and has to be there: 0, or -1: IO (lost, or damaged), NOMEM. */
int cache_need(struct cache_reader *reader, enum cache_table table, struct span key, struct span *ret_value,
               struct err *err);
/* Every whole value of a table in the order of keys, or one in `parts` of them by a hash of their first eight bytes: so
 * many threads share the work. Key and value are valid during the call; other reads go through another reader. A
 * negative return of `each` stops the walk and is returned. IO, NOMEM. Resets the reader. */
typedef int (*cache_walk_fn)(void *context, struct span key, struct span value, struct err *err);
int cache_walk(struct cache_reader *reader, enum cache_table table, size_t part, size_t parts, cache_walk_fn each,
               void *context, struct err *err);
/* Lets go of the values, and of old pages of the file that are kept for them: between units of work. */
void cache_reader_reset(struct cache_reader *reader);
/* A value that was found when it was last put longer ago than a week: putting it again keeps it from being pruned. */
bool cache_is_stale(struct span value);

/* How much of the file may be in this process' memory at a time (16 MiB unless told); before other threads use it. Less
 * means that pages are fetched again from the system's page cache. */
void cache_resident_limit(struct cache *cache, size_t bytes);

/* Copies both; any thread. Waits while more than 64 MiB wait to be written. Failures come with cache_flush(). */
void cache_put(struct cache *cache, enum cache_table table, struct span key, struct span value);
/* Waits until everything put before is durable. IO (no space left: what was put is lost, what was there stays),
 * LIMIT (the address space is used up). After an error all further puts are ignored and this call fails again. */
int cache_flush(struct cache *cache, struct err *err);
/* The same answer without waiting: whether writing has failed. */
bool cache_has_failed(struct cache *cache);

/* ---- care ---- */

struct cache_info {
    uint64_t entries[CACHE_TABLE_COUNT];
    uint64_t bytes[CACHE_TABLE_COUNT]; /* of pages in use */
    uint64_t file_bytes;
};
int cache_info(struct cache *cache, struct cache_info *ret_info, struct err *err);

/* Reads everything: how many values are whole, and how many are damaged; those are removed. */
int cache_verify(struct cache *cache, uint64_t *ret_whole, uint64_t *ret_damaged, struct err *err);

/* Removes what was put before `older_than_utc_s`, then the oldest until at most `bytes_max` of values are left (0: no
 * ceiling), then gives the space back where no other process has the cache open. `*ret_shrunk` says whether. */
int cache_prune(struct cache *cache, int64_t older_than_utc_s, uint64_t bytes_max, uint64_t *ret_removed,
                bool *ret_shrunk, struct err *err);

#endif
