/* Which distribution this is: os-release and its older relatives.
 *
 * An image can hold several of these files, some of them symlinks to each other. The engine parses each that has a
 * rank, keeps the one of the highest rank, and completes it from the others. */
#ifndef TRAWL_OS_RELEASE_H
#define TRAWL_OS_RELEASE_H

#include "base/model/package.h"

/* How much the file at this path is to be believed: 0 for paths that are no release file, else the higher the better.
 * etc/os-release comes before usr/lib/os-release, as os-release(5) says, then files of one distribution, then the
 * general ones that derivatives also carry (etc/lsb-release, etc/redhat-release, etc/debian_version). */
unsigned os_release_rank(struct span path);

/* The paths that have a rank, best first, ended by NULL. */
extern const char *const os_release_paths[];

/* Reads a release file of any of the kinds; `path` chooses the grammar, an unknown one (the target of a symlink) is
 * told by its content. Spans live in `arena`. NOTFOUND when the content names no distribution, FORMAT when it is not
 * text, LIMIT, NOMEM. Spec: os-release(5): shell-like assignments with quotes and escapes; no expansion. */
int os_release_parse(struct span path, struct span body, struct arena *arena, struct distro *ret_distro,
                     struct err *err);

/* Fills what `distro` does not say from another file of the same image, if that is of the same `id`: Debian testing has
 * no VERSION_ID, but a debian_version. */
void os_release_complete(struct distro *distro, const struct distro *other);

#endif
