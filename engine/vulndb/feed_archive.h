/* The documents in a feed's file: members of a zip or tar, what a compressed file holds, or the file itself. Over
 * libarchive. */
#ifndef TRAWL_FEED_ARCHIVE_H
#define TRAWL_FEED_ARCHIVE_H

#include "base/buf.h"
#include "base/err.h"

/* `bytes` are valid during the call. Negative with `err` set stops the walk. */
typedef int (*feed_archive_walk_fn)(void *context, const char *name, struct span bytes, struct err *err);

/* Whether the bytes begin like an archive or a compressed file. */
bool feed_archive_is(struct span bytes);

/* Hands over every regular member, in the archive's order. `name` is the file's, for messages and for the member of a
 * file that is only compressed. FORMAT (damaged), LIMIT (members, bytes of a member, bytes in all), NOMEM, the
 * callback's own. */
int feed_archive_walk(const char *name, struct span bytes, feed_archive_walk_fn each, void *context, struct err *err);

#endif
