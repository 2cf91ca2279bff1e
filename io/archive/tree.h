/* A folder on disk as the same events that a tar gives (io/archive/tar.h): what scans layers scans root file systems
 * too.
 *
 * Entries come in byte order of their names, a folder before what is in it. Symbolic links are told and never followed,
 * other file systems are entered, devices, pipes and sockets are never opened. Blocking: for scan threads. Memory: the
 * names of one folder for each level of depth. */
#ifndef TRAWL_TREE_H
#define TRAWL_TREE_H

#include <stdatomic.h>

#include "io/archive/tar.h"

/* What cannot be read (permissions, vanished files, folders too deep, paths too long) goes to the handler's problem()
 * and the walk goes on. `stop` may be NULL; when another thread sets it the walk ends with CANCELED. Errors: NOTFOUND
 * or IO for the root itself, NOMEM, CANCELED, or a callback's own. Offsets in entries are 0. */
int tree_walk(const char *root, const struct tar_handler *handler, void *context, const _Atomic bool *stop,
              struct err *err);

#endif
