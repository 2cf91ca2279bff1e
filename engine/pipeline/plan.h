/* What a sweep is about to do: every image that was listed, and every distinct layer that has to be scanned for them.
 * Built by resolve, read by everything after it. One thread. */
#ifndef TRAWL_PLAN_H
#define TRAWL_PLAN_H

#include "base/map.h"
#include "engine/image/layer_result.h"
#include "io/source/source.h"

struct image_error {
    enum stage stage;
    enum err_code code;
    struct span message;
};

struct planned_image {
    struct source *source; /* NULL: the target could not be opened */
    const char *kind;      /* target_kind */
    struct source_reference reference;
    struct digest digest; /* of the manifest; DIGEST_NONE when it never came */
    struct span media_type;
    struct platform platform;
    struct descriptor config_descriptor;
    bool has_config;
    struct image_config config;
    size_t *layers; /* indexes into the plan's layers, lowest first */
    size_t layer_count;
    enum scan_status status;
    struct span reason; /* why it is not done */
    VEC(struct image_error) errors;
};

struct planned_layer {
    struct descriptor descriptor;
    struct digest diff_id; /* DIGEST_NONE: not known */
    struct source *source; /* one of those that hold it */
    const struct source_reference *reference;
    const struct tree_root *tree; /* a folder in place of a blob, or NULL */
    struct span first_reference;  /* the smallest reference that holds it: the `target` of its error rows */
    size_t image_count;           /* that hold it */
    struct layer_result *result;  /* owned; NULL until scanned */
};

struct plan {
    struct arena arena;
    VEC(struct planned_image *) images;
    VEC(struct planned_layer *) layers;
    struct map layers_by_digest;    /* digest's bytes → planned_layer */
    struct map image_keys;          /* reference NUL digest: what was listed twice is swept once */
    VEC(struct image_error) errors; /* of targets that could not be listed; `message` names the target */
    VEC(struct span) error_targets; /* one for each */
};

void plan_init(struct plan *plan);
void plan_release(struct plan *plan);

/* `source` may be NULL for a target that could not be opened. NULL when memory is short. */
struct planned_image *plan_image_add(struct plan *plan, struct source *source,
                                     const struct source_reference *reference);

/* Attaches an error to an image and sets its status. Reason is the first error's text. */
void plan_image_error(struct plan *plan, struct planned_image *image, enum stage stage, const struct err *err,
                      enum scan_status status);
/* A target that could not be listed. Where it names one image, that is in the plan as a failed one. */
void plan_target_error(struct plan *plan, struct span target, enum stage stage, const struct err *err);

/* The index of the layer with that digest, made where it is new. `diff_id` may be DIGEST_NONE. SIZE_MAX: out of memory.
 */
size_t plan_layer_add(struct plan *plan, struct planned_image *image, const struct descriptor *descriptor,
                      const struct digest *diff_id);
/* The layer that stands for a folder on disk. `diff_id` is what a local store's layer is called: such a layer is one of
 * its source alone, for a folder cannot be checked against its name, and a store must not answer for another source's
 * layers. DIGEST_NONE: a layer of its own. */
size_t plan_tree_add(struct plan *plan, struct planned_image *image, const struct tree_root *root,
                     const struct digest *diff_id, uint64_t size);

/* Sorts images by reference and digest, and layers so that the largest come first (then by digest): no straggler ends
 * the night. Layer indexes of images follow. False when memory is short. */
bool plan_order(struct plan *plan);

#endif
