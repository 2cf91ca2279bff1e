/* Package sets: what two images with the same packages from the same layers share. Each distinct set is written and
 * matched against the vulnerability database once, however many images have it. */
#ifndef TRAWL_PACKAGE_SET_H
#define TRAWL_PACKAGE_SET_H

#include "engine/image/compose.h"
#include "engine/pipeline/emit.h"

struct package_sets;

/* `arena` holds what outlives the call: the sets' ids and counts. */
int package_sets_new(const struct emit_options *options, const struct row_sink *sink, struct totals *totals,
                     struct arena *arena, struct package_sets **ret_sets, struct err *err);
void package_sets_free(struct package_sets *sets);

struct package_set_outcome {
    struct span id; /* 32 hex digits: of the distribution, and of every package's purl, path, layer and owner */
    const uint64_t *vulnerabilities; /* by severity */
};

/* Writes the set's rows when it is new. `keeps`: so that package_sets_recall() finds it another night; not for what
 * comes of folders, which nobody has checked. `image`: that VEX statements name, whose set is one of its own then, or
 * NULL. The composition's packages are sorted on the way. */
int package_sets_emit(struct package_sets *sets, struct composition *composition,
                      const struct layer_result *const *layers, bool keeps, const struct vex_image *image,
                      struct package_set_outcome *ret_outcome, struct err *err);

/* The same for a set that is known by its id: 1 when it was written in this sweep or its packages are in the cache, 0
 * when the image has to be composed. */
int package_sets_recall(struct package_sets *sets, struct span id, struct package_set_outcome *ret_outcome,
                        struct err *err);

/* Matches a set as cache_walk() hands it over, and writes its vulnerabilities alone: 1, 0 when `value` is no set that
 * this analyser kept, -1. Nothing is remembered of the set; the outcome's counts are valid until the next call. */
int package_sets_rematch(struct package_sets *sets, struct span id, struct span value,
                         struct package_set_outcome *ret_outcome, struct err *err);

#endif
