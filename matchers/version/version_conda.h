/* What Conda's order and its specifications share. Private to this folder. */
#ifndef TRAWL_VERSION_CONDA_H
#define TRAWL_VERSION_CONDA_H

#include "matchers/version/version_rules.h"

/* Whether `version` begins with all components of `begin`, the last run of which may be a part of a word; missing ones
 * are zero. */
int conda_starts(struct span version, struct span begin, bool *ret_starts, struct err *err);

int conda_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                   struct err *err);

#endif
