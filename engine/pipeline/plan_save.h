/* What an unfinished sweep has planned, as bytes: so that it ends with the rows of one that was never killed, although
 * the registry goes on changing. Images of registries are saved by their digests; what was refused or broke is saved to
 * be asked for again; local targets are listed again, which costs nothing. */
#ifndef TRAWL_PLAN_SAVE_H
#define TRAWL_PLAN_SAVE_H

#include "engine/pipeline/plan.h"

/* Appends the images, and for each target whether its listing is complete and need not be repeated. */
void plan_save(const struct plan *plan, const bool *listed, size_t target_count, struct buf *buf);

/* One saved image. Texts borrow the saved bytes. */
struct saved_image {
    struct span text, registry, repository, tag;
    struct digest digest; /* DIGEST_NONE: the tag is to be asked for again */
    bool is_skipped;      /* no image, or not one that was asked for */
    bool is_told;         /* see struct image_facts */
    struct span media_type, reason;
};
typedef int (*saved_image_fn)(void *context, const struct saved_image *image, struct err *err);

/* Hands out each image; `listed` has `target_count` places. FORMAT (also: another number of targets), and what `fn`
 * fails with. */
int plan_restore(struct span bytes, bool *listed, size_t target_count, saved_image_fn fn, void *context,
                 struct err *err);

#endif
