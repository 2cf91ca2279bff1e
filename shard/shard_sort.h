/* An external merge sort of rows within a memory budget. Rows of all tables go in in any order; they come out table
 * after table, each in its order (shard/sort_key.h), exact duplicates once. A block of rows (shard/row_block.h) moves
 * as one record.
 *
 * Rows gather in memory; when the budget is full they are sorted and spilled as one run: LZ4 frames in a file of the
 * sweep's folder whose name is removed as soon as it is open, so that no path of failure, not even a kill, leaves one
 * behind. SHARD_MERGE_WAYS runs of one level are merged into a run of the next, so that both open files and read
 * buffers stay few and each row is rewritten only once per level: 16 × 16 runs of 256 MiB are 64 GiB of rows. */
#ifndef TRAWL_SHARD_SORT_H
#define TRAWL_SHARD_SORT_H

#include "shard/row_block.h"
#include "shard/row_view.h"

#define SHARD_MERGE_WAYS ((size_t)16)

struct shard_sort;

/* `folder` is borrowed and must outlive the sort. NOMEM. */
int shard_sort_new(int folder, size_t memory_bytes, struct shard_sort **ret_sort, struct err *err);
void shard_sort_free(struct shard_sort *sort);

/* Copies the row. IO, NOMEM. */
int shard_sort_add(struct shard_sort *sort, const struct row_view *view, struct err *err);
int shard_sort_add_block(struct shard_sort *sort, const struct row_block *block, struct err *err);

/* Ends the adding; once. IO, NOMEM. */
int shard_sort_finish(struct shard_sort *sort, struct err *err);

struct shard_sorted {
    enum table table;
    bool is_block;
    struct span row; /* else */
    struct row_block block;
};
/* After that: 1 and the next row or block, valid until the next call; 0 at the end; <0 IO, FORMAT (a run that changed
 * under us), NOMEM. */
int shard_sort_next(struct shard_sort *sort, struct shard_sorted *ret_sorted, struct err *err);

uint64_t shard_sort_duplicates(const struct shard_sort *sort);
/* Runs spilled so far, for tests and logs. */
uint64_t shard_sort_spills(const struct shard_sort *sort);

#endif
