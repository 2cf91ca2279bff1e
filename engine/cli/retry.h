/* What --retry-failed sweeps: the images of a finished sweep that are not done, and registries whose listing broke off.
 */
#ifndef TRAWL_RETRY_H
#define TRAWL_RETRY_H

#include "engine/cli/options.h"

/* Appends a target for each image of the folder that failed or is partial. Where its digest is known, that of a
 * registry is named exactly, HOST/REPOSITORY:TAG@DIGEST: one platform of several is swept alone, and its row has the
 * same reference as before. A registry that could not be listed to its end is one as a whole. USAGE where the folder
 * holds no finished sweep; FORMAT, IO, NOMEM. */
int retry_targets(struct arena *arena, const char *folder, struct text_list *targets, struct err *err);

#endif
