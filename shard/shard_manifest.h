/* manifest.json of a sweep's folder: what it holds, made by which tool, from which rules and feed. It is written last,
 * by rename, so a folder with one is finished and immutable, and a folder without one is an unfinished sweep. FORMAT.md
 * has the members. (io/source/manifest.h is about image manifests: another thing.) */
#ifndef TRAWL_SHARD_MANIFEST_H
#define TRAWL_SHARD_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/model/table.h"

#define SHARD_PATH_SIZE 64 /* "misconfiguration/part-00000.msgpack.lz4" and a NUL */

/* One part: TABLE/part-<part>.msgpack.lz4. */
struct shard_file {
    uint32_t part;
    uint64_t rows;
    uint64_t bytes;
    uint64_t xxh64; /* classic XXH64 of the file, seed 0 */
};

struct shard_files {
    struct shard_file *files; /* in order of parts: 0, 1, 2, … */
    size_t count;
    uint64_t rows; /* their sum */
};

/* A number that the sweep wants to be remembered: images listed, layers scanned, bytes read. */
struct shard_total {
    struct span name; /* lower case, digits, underscore */
    uint64_t value;
};

struct shard_manifest {
    uint64_t schema_version; /* TABLE_SCHEMA_VERSION of the writer */
    struct span sweep_id;
    struct span tool_version;
    struct span rules_digest; /* or empty */
    struct span feed_version; /* or empty */
    int64_t feed_at;          /* UTC seconds, 0 when there was no feed */
    int64_t started_at;
    int64_t finished_at;
    struct span *targets; /* as the user named them */
    size_t target_count;
    struct shard_total *totals;
    size_t total_count;
    struct shard_files tables[TABLE_COUNT];
};

/* "secret/part-00000.msgpack.lz4" into `out` of SHARD_PATH_SIZE bytes; returns `out`. */
const char *shard_path(enum table table, uint32_t part, char *out);

#define SHARD_MANIFEST_NAME "manifest.json"

/* Writes FOLDER/manifest.json: temporary name, fsync, rename, fsync of the folder. Call it after shard_set_finish(),
 * whose totals are `tables`. IO, NOMEM. */
int shard_manifest_write(const char *folder, const struct shard_manifest *manifest, struct err *err);

/* Text and lists live in the arena. NOTFOUND "…: unfinished sweep (no manifest.json)", FORMAT (a member missing or of
 * another type, a file outside the known layout), UNSUPPORTED (newer schema), LIMIT (LIMIT_SHARD_MANIFEST_BYTES), IO,
 * NOMEM. */
int shard_manifest_read(struct arena *arena, const char *folder, struct shard_manifest *ret_manifest, struct err *err);

/* The text alone, both ways; what the two above are made of. */
int shard_manifest_parse(struct arena *arena, struct span json, struct shard_manifest *ret_manifest, struct err *err);
void shard_manifest_format(struct buf *buf, const struct shard_manifest *manifest); /* check `buf->failed` */

#endif
