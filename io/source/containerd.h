/* containerd's image store, for the sources that stand on it: containerd itself and Docker. */
#ifndef TRAWL_CONTAINERD_H
#define TRAWL_CONTAINERD_H

#include "io/source/store.h"

/* The store as Docker has it: source_containerd_ops but for what the image table calls it. */
extern const struct source_ops containerd_of_docker_ops;

/* Opens the store in `folder` as a source of `ops`, one of the two.
 * `prefix`: how targets of it begin ("containerd:"); `location` with the namespace as its qualifier. NOTFOUND where
 * there is no metadata database. */
int containerd_open(const struct source_context *context, const struct source_ops *ops, struct span prefix,
                    const struct store_location *location, const char *folder, struct source **ret_source,
                    struct err *err);

#endif
