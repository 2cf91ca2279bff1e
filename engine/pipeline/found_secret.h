/* From a hit of the secret engine, which lives for a callback, to a finding that lives with its arena. */
#ifndef TRAWL_FOUND_SECRET_H
#define TRAWL_FOUND_SECRET_H

#include "engine/image/layer_result.h"
#include "matchers/secret/secret_engine.h"

/* Everything but the path. `show` puts the clear text in place of the redacted one. False when memory is short. */
bool found_secret_make(struct arena *arena, const struct secret_hit *hit, bool show, struct layer_secret *ret_secret);

/* A finding with copies of its texts in another arena; the path is not copied. False when memory is short. */
bool found_secret_copy(struct arena *arena, const struct layer_secret *from, struct layer_secret *ret_secret);

#endif
