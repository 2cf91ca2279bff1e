/* Writes a sweep's rows: sorts each table by its key within a memory budget, drops exact duplicates, and cuts the
 * result into parts of bounded size. FORMAT.md is the contract of the files.
 *
 *     shard_set_open(folder, &options, &set, err)
 *     shard_add(set, &row, err) …                         any table, any order
 *     shard_set_finish(set, &totals, err)                 the parts and ddl/ are there, and durable
 *     manifest.tables[i] = totals.tables[i] …
 *     shard_manifest_write(folder, &manifest, err)        the sweep is finished
 *     shard_set_free(set)                                 gives up the lock
 *
 * One thread at a time. The same rows in any order give the same bytes. Memory: `memory_bytes` while rows are added;
 * while runs are merged some 16 read buffers of 200 KiB and one frame each way (shard_sort.h has the reckoning). */
#ifndef TRAWL_SHARD_WRITE_H
#define TRAWL_SHARD_WRITE_H

#include "base/cleanup.h"
#include "base/model/row.h"
#include "shard/shard_manifest.h"

struct shard_options {
    size_t memory_bytes;     /* for sorting, over all tables; 0 means 256 MiB */
    uint64_t part_bytes_max; /* a part is cut before the frame that would pass this; 0 means 256 MiB */
};

struct shard_totals {
    struct shard_files tables[TABLE_COUNT]; /* borrowed from the set */
    uint64_t rows;                          /* written */
    uint64_t bytes;                         /* of all parts */
    uint64_t duplicates;                    /* rows that were there already, byte for byte */
};

struct shard_set;

/* Makes the folder where it is missing, takes its lock, and removes what an unfinished sweep left: only files of the
 * known layout, others stay. USAGE "…: holds a finished sweep; choose another folder", IO (also: another process is
 * writing there), NOMEM. */
int shard_set_open(const char *folder, const struct shard_options *options, struct shard_set **ret_set,
                   struct err *err);

/* Takes a finished row (after row_end()), copying it. LIMIT (LIMIT_ROW_BYTES), IO (spilling), NOMEM. After an error of
 * spilling the set is only good for shard_set_free(). */
int shard_add(struct shard_set *set, const struct row *row, struct err *err);
/* The same for rows that come out of a reader. */
struct row_view;
int shard_add_view(struct shard_set *set, const struct row_view *view, struct err *err);
/* The same for a block of rows, which `sweep_id` completes: the same id in every call. A block whose first key was
 * there already is dropped. What is wrong with it shows when it is unpacked, in shard_set_finish(): FORMAT. */
struct row_block;
int shard_add_block(struct shard_set *set, struct span sweep_id, const struct row_block *block, struct err *err);

/* Writes all parts and the DDL. Once per set. `ret_totals` borrows from the set. IO, NOMEM. */
int shard_set_finish(struct shard_set *set, struct shard_totals *ret_totals, struct err *err);

/* Without a successful finish, temporary files are gone afterwards and no part is there. Accepts NULL. */
void shard_set_free(struct shard_set *set);
CLEANUP_DEFINE(shard_set, struct shard_set, shard_set_free)
#define AUTO_SHARD_SET AUTO(cleanup_shard_set)

#endif
