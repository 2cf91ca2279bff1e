/* Composer's range language, apart from its order for length. Private to this folder. */
#ifndef TRAWL_VERSION_COMPOSER_H
#define TRAWL_VERSION_COMPOSER_H

#include "matchers/version/version_rules.h"

int composer_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                      struct err *err);

#endif
