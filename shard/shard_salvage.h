/* Reads what is left of a damaged shard: the rows of every whole frame, before and behind what is torn. A frame whose
 * checksum is wrong, or that is cut off, or whose rows do not follow the schema, is lost from the first byte to where
 * the next whole frame begins. Input is hostile, as for shard/shard_read.h. */
#ifndef TRAWL_SHARD_SALVAGE_H
#define TRAWL_SHARD_SALVAGE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "shard/row_view.h"

struct shard_loss {
    uint64_t begin, end; /* offsets in the file */
    struct err why;
};

struct shard_salvage;

/* NOTFOUND, IO, NOMEM. */
int shard_salvage_open(const char *path, enum table table, struct shard_salvage **ret_salvage, struct err *err);
void shard_salvage_close(struct shard_salvage *salvage);
CLEANUP_DEFINE(shard_salvage, struct shard_salvage, shard_salvage_close)
#define AUTO_SHARD_SALVAGE AUTO(cleanup_shard_salvage)

/* 1 and the next row, valid until the next call; 0 at the end of the file; <0: IO, NOMEM. */
int shard_salvage_next(struct shard_salvage *salvage, struct row_view *ret_view, struct err *err);

/* After the end: what was lost, in order. Borrowed. */
const struct shard_loss *shard_salvage_losses(const struct shard_salvage *salvage, size_t *ret_count);
uint64_t shard_salvage_rows(const struct shard_salvage *salvage);

#endif
