/* A folder on disk as the same events that a tar gives (io/archive/tar.h): what scans layers scans root file systems
 * and the unpacked layers of local stores too.
 *
 * Entries come in byte order of their names, a folder before what is in it. Symbolic links are told and never followed,
 * devices, pipes and sockets are never opened. Other file systems are entered, but for those that the kernel makes up
 * (/proc, /sys and their like): files there have no end, or wait for events. A file with several names is told under
 * each as a file of its own, where a tar has hard links: a name may tell what the file is that the first one did not.
 * Blocking: for scan threads. Memory: the names of one folder for each level of depth (of two with TREE_DIFFERENCE).
 *
 * TREE_OVERLAY is the upper folder of an overlay mount. What it removes is told as whiteouts: devices 0/0 and empty
 * files with the attribute overlay.whiteout, opaque folders by overlay.opaque = "y" (trusted.* with root's overlay,
 * user.* without; fuse-overlayfs has its own name for it), and the ".wh." files of fuse-overlayfs. What its folder
 * alone cannot say, a folder renamed by redirect_dir and a file whose body metacopy left below, is a problem. Spec:
 * Linux, Documentation/filesystems/overlayfs.rst; fuse-overlayfs(1).
 *
 * TREE_DIFFERENCE is what the vfs driver keeps, a whole root file system for each layer: told is what differs from the
 * one below, and as whiteouts what is gone. Files of the same size, mode, owner and time are compared byte by byte: an
 * image's author chooses all of these, and a scanner that believes them does not see what he has hidden so. */
#ifndef TRAWL_TREE_H
#define TRAWL_TREE_H

#include <stdatomic.h>

#include "io/archive/tar.h"

enum tree_kind { TREE_PLAIN, TREE_OVERLAY, TREE_DIFFERENCE };

struct tree_root {
    enum tree_kind kind;
    const char *folder; /* as the user named it: links on the way to it are followed */
    const char *path;   /* the tree beneath it, where nothing is followed; NULL: `folder` is the tree */
    /* TREE_DIFFERENCE: the tree of the layer below, likewise; NULL: there is none. */
    const char *below_folder;
    const char *below;
};

/* What cannot be read (permissions, vanished files, folders too deep, paths too long) goes to the handler's problem()
 * and the walk goes on. `stop` may be NULL; when another thread sets it the walk ends with CANCELED. Errors: NOTFOUND,
 * IO or FORMAT (a link where none may be) for the roots themselves, NOMEM, CANCELED, or a callback's own. Offsets in
 * entries are 0. */
int tree_walk(const struct tree_root *root, const struct tar_handler *handler, void *context, const _Atomic bool *stop,
              struct err *err);

#endif
