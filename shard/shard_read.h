/* Reads shards: one file, or all parts of one table of a finished sweep. Input is hostile: every frame's checksum is
 * verified before a row of it is handed out, every row is checked against the table's schema, and no length is
 * believed. */
#ifndef TRAWL_SHARD_READ_H
#define TRAWL_SHARD_READ_H

#include "base/cleanup.h"
#include "shard/row_view.h"
#include "shard/shard_manifest.h"

struct shard_reader;

/* IO, NOTFOUND, NOMEM. */
int shard_reader_open(const char *path, enum table table, struct shard_reader **ret_reader, struct err *err);
/* Over bytes in memory, which must outlive the reader; `name` is for errors. */
int shard_reader_open_bytes(struct span bytes, const char *name, enum table table, struct shard_reader **ret_reader,
                            struct err *err);

/* The next row, valid until the next call. Returns 1 row, 0 end of the file, <0 error: FORMAT (a torn or damaged frame:
 * its text says "torn at offset N", and all rows of whole frames before it were handed out; a row that does not follow
 * the schema), LIMIT (LIMIT_SHARD_FRAME_BYTES), IO, NOMEM. An error repeats on every later call. */
int shard_reader_next(struct shard_reader *reader, struct row_view *ret_view, struct err *err);

/* Rows handed out so far, and the file offset behind the last whole frame. */
uint64_t shard_reader_rows(const struct shard_reader *reader);
uint64_t shard_reader_offset(const struct shard_reader *reader);

void shard_reader_close(struct shard_reader *reader);
CLEANUP_DEFINE(shard_reader, struct shard_reader, shard_reader_close)
#define AUTO_SHARD_READER AUTO(cleanup_shard_reader)

/* The table of a shard by its path: the folder that it lies in, "…/secret/part-00000.msgpack.lz4". False when that is
 * no table. */
bool shard_path_table(const char *path, enum table *ret_table);

/* All rows of one table of a finished sweep, part after part, in the table's order. `folder` and `manifest` must
 * outlive it. shard_table_next() is FORMAT where a part has other than the manifest's number of rows. */
struct shard_table {
    const char *folder;
    const struct shard_manifest *manifest;
    enum table table;
    size_t file;                 /* the next one to open */
    struct shard_reader *reader; /* of the file before it, or NULL */
};

void shard_table_init(struct shard_table *rows, const char *folder, const struct shard_manifest *manifest,
                      enum table table);
int shard_table_next(struct shard_table *rows, struct row_view *ret_view, struct err *err);
void shard_table_release(struct shard_table *rows);

/* Whether a part is what the manifest says: bytes, XXH64, rows, schema, and sorted without duplicates. DIGEST (bytes or
 * hash), FORMAT, and as shard_reader_next(). */
int shard_file_verify(const char *folder, enum table table, const struct shard_file *file, struct err *err);

#endif
