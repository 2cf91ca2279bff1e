/* A temporary folder for an external sort: in $TMPDIR, else in /var/tmp. Its files have no names, so that what a kill
 * leaves is an empty folder at most. */
#ifndef TRAWL_SCRATCH_H
#define TRAWL_SCRATCH_H

#include "base/arena.h"
#include "base/err.h"

struct scratch {
    const char *path; /* NULL: closed */
    int fd;
};

int scratch_open(struct arena *arena, struct scratch *ret_scratch, struct err *err);
void scratch_close(struct scratch *scratch); /* also a zeroed one */

#endif
