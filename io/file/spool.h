/* Bytes that can be read only once, kept on disk so that they can be read in any order: an archive that comes through a
 * pipe, or packed. The file has no name from the beginning on, so nothing stays behind however the process ends; it
 * is in $TMPDIR, else in /var/tmp, for /tmp is memory on many machines.
 *
 * At most LIMIT_SPOOL_BYTES, and at most half of what the file system has free when the spool is opened: a bomb must
 * not fill a disk that others need. */
#ifndef TRAWL_SPOOL_H
#define TRAWL_SPOOL_H

#include "base/err.h"
#include "base/span.h"

struct spool {
    int fd; /* -1: closed. Whoever wants to keep it takes it and puts -1 in its place */
    uint64_t size;
    uint64_t size_max;
};

/* IO where no file can be made: the text names the folder. */
int spool_open(struct spool *ret_spool, struct err *err);
void spool_close(struct spool *spool);

/* Appends. LIMIT past the ceiling, IO (the disk is full). */
int spool_add(struct spool *spool, struct span bytes, struct err *err);

#endif
