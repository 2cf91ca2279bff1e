/* The folders of Nix' and Guix' stores: "<hash>-name-1.0-output". */
#ifndef TRAWL_STORE_PATH_H
#define TRAWL_STORE_PATH_H

#include "matchers/package/cataloguer.h"

/* Adds the package of such a folder, found at `path`, which ends in a slash. Nothing where it is none, or names no
 * version: sources, patches and scripts lie there too. Several outputs of a build are one package each, under their own
 * path. */
int store_path_add(struct catalogue *run, enum package_type type, struct span folder, struct span path,
                   struct err *err);

#endif
