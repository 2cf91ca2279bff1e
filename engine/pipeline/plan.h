/* What a sweep is about to do: every image that was listed, and every distinct layer that has to be scanned for them.
 * Built by resolve, read by everything after it. One thread.
 *
 * A fleet has many images and few bytes for each of them: an image is its names and a pointer to what its manifest's
 * digest stands for, which all references to the same digest share; texts that repeat are kept once; what only the rows
 * need of a configuration stays in the cache (engine/pipeline/image_record.h). `make bench-fleet` prints the bytes. */
#ifndef TRAWL_PLAN_H
#define TRAWL_PLAN_H

#include "base/map.h"
#include "engine/image/layer_pack.h"
#include "engine/pipeline/selection.h"
#include "io/source/source.h"

struct image_error {
    enum stage stage;
    enum err_code code;
    struct span message;
};

/* What a manifest's digest stands for. */
struct image_facts {
    struct digest digest;   /* of the manifest; DIGEST_NONE when it never came, and for folders */
    struct span media_type; /* interned, as the platform */
    const struct platform *platform;
    const struct digest *config_digest; /* of one that could not be read; NULL: it has none, or its record knows */
    bool has_config;                    /* its record is in the cache */
    bool is_skipped;                    /* it is no image, or not one that was asked for: `reason` says which */
    bool is_told;                       /* skipped by what an index says of it, unread */
    bool is_named;                      /* a reference gives the digest, so that its tag is not to be asked for it */
    bool is_listed;                     /* some reference in the plan leads to it (plan_order) */
    bool is_settled;                    /* `status` has heard of the layers (emit) */
    enum scan_status status;
    uint32_t layer_count;
    uint32_t *layers;   /* indexes into the plan's layers, lowest first */
    int64_t created;    /* UTC seconds; PLAN_TIME_UNKNOWN when the configuration does not say */
    struct span reason; /* why it is not done */
    VEC(struct image_error) errors;
};
#define PLAN_TIME_UNKNOWN INT64_MIN

/* A reference and what it leads to. */
struct planned_image {
    struct source *source; /* NULL: the target could not be opened */
    struct span text, registry, repository, tag;
    struct image_facts *facts;
};

struct planned_layer {
    struct descriptor descriptor;
    struct digest diff_id; /* DIGEST_NONE: not known, or told differently */
    bool diff_ids_differ;
    struct source *source; /* one of those that hold it */
    struct source_reference reference;
    const struct tree_root *tree; /* a folder in place of a blob, or NULL */
    struct span first_reference;  /* the smallest reference that holds it: the `target` of its error rows */
    size_t image_count;           /* that hold it */
    /* A registry's image elsewhere that holds it as well (plan_order): asked where `source` cannot give it; or NULL. */
    const struct planned_image *other;
    struct layer_summary summary; /* once it was scanned or found in the cache */
    char *reason;                 /* owned; what `summary.reason` shows of a stored one, or NULL */
    bool is_stored;               /* its result is in the cache */
    bool is_known;                /* and was there before this sweep: not read again */
    struct layer_result *result;  /* owned; NULL until scanned, and while it is only in the cache */
    size_t result_bytes;          /* of `result`, about: layer_store's own, as the next ones */
    size_t used, next, previous;
};

struct plan {
    struct arena arena;
    VEC(struct planned_image) images;
    VEC(struct image_facts *) facts;
    VEC(struct planned_layer *) layers;
    struct map facts_by_digest;  /* digest's bytes → image_facts */
    struct map layers_by_digest; /* digest's bytes → planned_layer */
    struct map texts;            /* interned ones */
    struct map platforms;
    VEC(struct image_error) errors; /* of targets that could not be listed; `message` names the target */
    VEC(struct span) error_targets; /* one for each */
};

void plan_init(struct plan *plan);
void plan_release(struct plan *plan);

/* The one copy of a text, or of a platform, that many images share; NULL data, or NULL, when memory is short. */
struct span plan_intern(struct plan *plan, struct span text);
const struct platform *plan_intern_platform(struct plan *plan, const struct platform *platform);

/* Facts of their own: of what has no digest, or failed before it had one. NULL when memory is short. */
struct image_facts *plan_facts_new(struct plan *plan);
/* Those of a digest, or NULL. */
struct image_facts *plan_facts_find(const struct plan *plan, const struct digest *digest);
/* Those of a digest, made where they are new; NULL when memory is short. */
struct image_facts *plan_facts_of(struct plan *plan, const struct digest *digest, bool *ret_new);

/* Those of a digest whose manifest was read and is no image: skipped where they are new. */
struct image_facts *plan_facts_skipped(struct plan *plan, const struct digest *digest, struct span media_type,
                                       struct span reason);
/* Those of what an index says of a digest, where that is believed and the manifest never read. Apart from those of the
 * digest itself: an index could hide another's image by what it calls it. Skipped, with that reason. */
struct image_facts *plan_facts_told(struct plan *plan, const struct digest *digest, struct span media_type,
                                    struct span reason);

/* Adds a reference; texts must live as long as the plan. `source` may be NULL for a target that could not be opened.
 * False when memory is short. */
bool plan_image_add(struct plan *plan, struct source *source, const struct source_reference *reference,
                    struct image_facts *facts);
/* The kind of target: the image table's target_kind. */
const char *planned_image_kind(const struct planned_image *image);

/* Attaches an error and sets the status. The reason is the first error's text. */
void plan_facts_error(struct plan *plan, struct image_facts *facts, enum stage stage, const struct err *err,
                      enum scan_status status);
/* A target that could not be listed. Where it names one image, that is in the plan as a failed one. */
void plan_target_error(struct plan *plan, struct span target, enum stage stage, const struct err *err);

/* The index of the layer with that digest, made where it is new. `diff_id` may be DIGEST_NONE. Of a source that keeps
 * layers as folders (and has none for this one) it is a layer of that source alone. SIZE_MAX: out of memory. */
size_t plan_layer_add(struct plan *plan, struct source *source, const struct source_reference *reference,
                      const struct descriptor *descriptor, const struct digest *diff_id);
/* The layer that stands for a folder on disk. `diff_id` is what a local store's layer is called: such a layer is one of
 * its source alone, for a folder cannot be checked against its name, and a store must not answer for another source's
 * layers. DIGEST_NONE: a layer of its own, named by its contents. */
size_t plan_tree_add(struct plan *plan, struct source *source, const struct source_reference *reference,
                     const struct tree_root *root, const struct digest *diff_id, uint64_t size);

/* Drops what is too old or not among the newest of its repository. Before plan_order(); false when memory is short. */
bool plan_select(struct plan *plan, const struct selection *selection);

/* Sorts images by reference and digest and drops what was listed twice; sorts layers so that the largest come first
 * (then by digest): no straggler ends the night; counts which images hold which layer. False when memory is short. */
bool plan_order(struct plan *plan);

#endif
