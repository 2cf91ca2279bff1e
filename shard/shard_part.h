/* One table's parts as they are written: rows in order go into frames, frames into files of bounded size. A part is
 * written under a temporary name and renamed when it is whole and synced. */
#ifndef TRAWL_SHARD_PART_H
#define TRAWL_SHARD_PART_H

#include "base/buf.h"
#include "base/vec.h"
#include "shard/shard_manifest.h"

struct file_hash;

struct shard_part {
    enum table table;
    uint64_t bytes_max;
    int folder;             /* the table's own */
    int fd;                 /* of the part being written, or -1 */
    struct file_hash *hash; /* of its bytes */
    struct shard_file file; /* what it will be listed as */
    struct buf rows;        /* of the frame to come */
    uint64_t row_count;     /* in `rows` */
    struct buf frame;
    VEC(struct shard_file) files; /* whole ones */
};

/* `sweep_folder` is only used during the call. */
int shard_part_begin(struct shard_part *part, int sweep_folder, enum table table, uint64_t bytes_max, struct err *err);
/* The row is `head` and `rest`, one after the other. */
int shard_part_add(struct shard_part *part, struct span head, struct span rest, struct err *err);
/* Closes the last part and syncs the folder. `files` are the caller's to take. */
int shard_part_end(struct shard_part *part, struct err *err);
/* Also after a failure: removes the temporary file. */
void shard_part_release(struct shard_part *part);

#endif
