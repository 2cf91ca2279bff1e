/* What can be scanned below a folder: OCI layouts, OCI and docker archives, the stores of podman, Docker and
 * containerd, and root file systems. Told by what is in them and never by their names.
 *
 * No symbolic link is followed and no other file system is entered. A layout and a store are looked into no further; a
 * root file system is, for stores stand in it. Its own scan reads the stores' files once more: were they left out, any
 * folder could be hidden by a file that makes it look like a store. Archives are recognised by their first members, so
 * a packed one need not be unpacked to be passed over; what looks like one is listed once. Blocking: not for loop
 * callbacks. Memory: the targets, and a descriptor for each level of depth. */
#ifndef TRAWL_DISCOVER_H
#define TRAWL_DISCOVER_H

#include "base/arena.h"
#include "base/err.h"

struct discover_list {
    const char **targets; /* "oci:PATH" …, in byte order; live in the arena */
    size_t count;
};

/* `notice` (may be NULL) is told in one line each what could not be looked into. NOTFOUND and IO for the folder itself,
 * LIMIT for more than LIMIT_DISCOVER_ENTRIES names or LIMIT_TARGETS targets, NOMEM. */
int discover(struct arena *arena, const char *folder, void (*notice)(void *context, const char *text), void *context,
             struct discover_list *ret_list, struct err *err);

#endif
