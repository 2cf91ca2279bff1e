/* Whole files: read, map, and write so that a reader sees the old one or the new one, never half of one. */
#ifndef TRAWL_FILE_H
#define TRAWL_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Reads a whole regular file or pipe into `buf` (appending); LIMIT when it is larger than the buffer's ceiling,
 * NOTFOUND, IO. */
int file_read(const char *path, struct buf *buf, struct err *err);
/* The same relative to a directory. Without `follow` the name is a stranger's: a link at its last component is not
 * followed, and only a regular file is read, for a pipe would keep us waiting. */
int file_read_at(int directory, const char *path, bool follow, struct buf *buf, struct err *err);

/* The same of a file that is open; `name` is for texts. The descriptor stays the caller's. */
int file_read_open(int fd, const char *name, struct buf *buf, struct err *err);

/* Up to `size` bytes at `offset` of an open file; fewer only at its end. IO, with the offset in the text. */
int file_read_part(int fd, uint64_t offset, uint8_t *out, size_t size, size_t *ret_size, struct err *err);

/* Opens what stands beneath a folder when every name on the way is a stranger's: no link is followed at any component,
 * and "..", "." and absolute paths are refused, so that nothing leads out of the folder. `flags` as open() takes them.
 * Returns the descriptor, or -1: NOTFOUND, FORMAT (a link, or a path that climbs), IO. */
int file_open_beneath(int directory, const char *path, int flags, struct err *err);
/* Reads a whole regular file found so. Errors of file_read_at() too. */
int file_read_beneath(int directory, const char *path, struct buf *buf, struct err *err);

struct file_map {
    struct span bytes;
};
/* Maps a regular file read-only. An empty file gives an empty span. Truncation by others while mapped raises SIGBUS:
 * map only files that are replaced by rename. */
int file_map_open(const char *path, struct file_map *ret_map, struct err *err);
void file_map_close(struct file_map *map);

/* Writes to `path` with a temporary name beside it, fsync, rename, fsync of the folder. The old file stays on any
 * error. */
int file_replace(const char *path, struct span bytes, struct err *err);
/* The same of several runs of bytes, one behind the other. */
int file_replace_parts(const char *path, const struct span *parts, size_t count, struct err *err);

/* All bytes, with EINTR and short writes handled. */
int file_write_all(int fd, struct span bytes, const char *name, struct err *err);

/* mkdir -p; an existing folder is fine. */
int file_make_folder(const char *path, struct err *err);

#endif
