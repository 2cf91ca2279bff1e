/* The member list of a tar file on disk (docker-archive, oci-archive), and its members' bytes. A plain tar
 * is indexed by seeking from header to header; a gzip or zstd one is unpacked once to find out what is in
 * it, into a temporary file without a name (io/file/spool.h) that members are then read from. Where there
 * is no room for that, reading a member unpacks everything before it once more: slow, and the same bytes.
 * Nothing is extracted.
 *
 * The file must not change while the index is open. An index is read-only once open: any number of threads
 * may find, read and stream members at the same time; each stream belongs to one thread at a time.
 * Indexing blocks on disk reads: not for loop callbacks.
 *
 * Memory: about 100 bytes and the path per member, at most LIMIT_ARCHIVE_MEMBERS members and
 * LIMIT_ARCHIVE_INDEX_BYTES. */
#ifndef TRAWL_TAR_INDEX_H
#define TRAWL_TAR_INDEX_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "io/archive/tar.h"

struct tar_index;

struct tar_member {
    enum tar_kind kind;
    bool sparse;           /* not readable here */
    struct span path;      /* normalised, as in struct tar_entry */
    struct span link_path; /* symlinks and hard links: the target's path inside the archive */
    uint64_t offset;       /* of the first body byte in the unpacked tar */
    uint64_t size;
};

/* Opens `path` and lists it. NOTFOUND, IO, FORMAT (not a tar, damaged), LIMIT (members, paths),
 * UNSUPPORTED (packing). */
int tar_index_open(const char *path, struct tar_index **ret_index, struct err *err);
/* The same of what is read from `fd`, which stays the caller's: standard input. A pipe is read to its end, into a
 * temporary file. `name` is for texts. LIMIT and IO also where there is no room for it. */
int tar_index_open_fd(int fd, const char *name, struct tar_index **ret_index, struct err *err);
/* The same for who wants the list alone: nothing is kept of a packed archive. */
int tar_index_open_list(const char *path, struct tar_index **ret_index, struct err *err);
void tar_index_close(struct tar_index *index);
CLEANUP_DEFINE(tar_index, struct tar_index, tar_index_close)
#define AUTO_TAR_INDEX AUTO(cleanup_tar_index)

/* All members in the archive's order; a path that comes twice is there twice. */
size_t tar_index_count(const struct tar_index *index);
const struct tar_member *tar_index_get(const struct tar_index *index, size_t number);

/* The member of that path (the last one where it comes twice), links followed inside the archive: old
 * `docker save` writes a repeated layer as a symlink. NOTFOUND also for a dangling link; LIMIT past
 * LIMIT_LINK_DEPTH links. `path` is normalised first. The member is borrowed from the index. */
int tar_index_find(const struct tar_index *index, struct span path, const struct tar_member **ret_member,
                   struct err *err);

/* Appends a whole file member to `buf`: LIMIT when it is larger than what the buffer's ceiling leaves;
 * UNSUPPORTED for a member that is not a plain file. */
int tar_index_read(const struct tar_index *index, const struct tar_member *member, struct buf *buf, struct err *err);

/* One member's bytes, pulled. The index must outlive the stream. */
struct tar_stream;
int tar_member_open(const struct tar_index *index, const struct tar_member *member, struct tar_stream **ret_stream,
                    struct err *err);
/* Returns 1 with a chunk (at most CODEC_PIECE_BYTES, valid until the next call), 0 at the member's end, -1
 * error. */
int tar_member_read(struct tar_stream *stream, struct span *ret_chunk, struct err *err);
void tar_member_close(struct tar_stream *stream);
CLEANUP_DEFINE(tar_stream, struct tar_stream, tar_member_close)
#define AUTO_TAR_STREAM AUTO(cleanup_tar_stream)

/* "gzip", "zstd" or "plain". */
const char *tar_index_packing(const struct tar_index *index);

#endif
