/* The folder of a sweep, through its descriptor: nothing is followed out of it, and what becomes visible is whole and
 * durable. `name` arguments are single components, relative to `folder`. */
#ifndef TRAWL_SHARD_FOLDER_H
#define TRAWL_SHARD_FOLDER_H

#include "base/buf.h"
#include "base/err.h"

/* mkdir -p and open. IO. */
int folder_make(const char *path, int *ret_folder, struct err *err);
/* Makes and opens a subfolder; a symlink of that name is an error. */
int folder_make_at(int folder, const char *name, int *ret_folder, struct err *err);
/* Opens an existing one; NOTFOUND, IO. */
int folder_open_at(int folder, const char *name, int *ret_folder, struct err *err);
bool folder_has(int folder, const char *name);
int folder_sync(int folder, const char *name, struct err *err);

/* Makes a new empty file for writing and reading; one of that name is replaced. */
int folder_create(int folder, const char *name, int *ret_fd, struct err *err);
int folder_write_all(int fd, struct span bytes, const char *name, struct err *err);
/* fsync and rename of a file written under `temporary`; folder_sync() makes the name durable. */
int folder_commit(int folder, int fd, const char *temporary, const char *name, struct err *err);
/* A whole small file, all of the above. */
int folder_replace(int folder, const char *name, struct span bytes, struct err *err);
/* Appends the file's bytes. NOTFOUND; LIMIT past the buffer's ceiling; IO. */
int folder_read(int folder, const char *name, struct buf *buf, struct err *err);

#endif
