/* What changed between two finished sweeps: images, and findings of images, each with its cause.
 *
 * A finding is the same one when its image (reference and platform), id, package or path are the same; versions, lines
 * and layers may move. Its cause is the image where what it was found in changed with the image, the feed where the
 * same version of the same package is in both, the rules where the same layer is. */
#ifndef TRAWL_DIFF_H
#define TRAWL_DIFF_H

#include "base/model/severity.h"
#include "shard/shard_manifest.h"

enum diff_change { DIFF_NEW, DIFF_FIXED, DIFF_CHANGED, DIFF_CHANGE_COUNT };
enum diff_cause {
    DIFF_IMAGE_NEW,
    DIFF_IMAGE_GONE,
    DIFF_IMAGE_CHANGED,
    DIFF_FEED_CHANGED,
    DIFF_RULES_CHANGED,
    DIFF_CAUSE_COUNT
};

/* "new", "fixed", "changed"; "image new", "image gone", …. */
const char *diff_change_name(enum diff_change change);
const char *diff_cause_name(enum diff_cause cause);

/* Texts are valid during the call. */
struct diff_image {
    enum diff_change change; /* DIFF_FIXED: it is gone */
    struct span reference, platform;
    struct span old_digest, new_digest, old_status, new_status;
};

struct diff_finding {
    enum diff_change change;
    enum diff_cause cause;
    enum table table; /* vulnerability, image_secret, misconfiguration */
    enum severity severity, old_severity;
    struct span id, name, path;
    struct span old_version, version, fixed_version;
    struct span old_state, state; /* of a vulnerability its status, of a secret its state */
    struct span reference;        /* of the first image */
    uint64_t image_count;
};

struct diff_sink {
    int (*image)(void *context, const struct diff_image *image, struct err *err);
    int (*finding)(void *context, const struct diff_finding *finding, struct err *err);
    void *context;
};

/* Folders and manifests must outlive the call. `scratch_folder` is an open folder for the sort's runs, which have no
 * names. As shard_table_next(), and the sink's errors. */
struct diff_sweep {
    const char *folder;
    const struct shard_manifest *manifest;
};
int diff_run(const struct diff_sweep *old_sweep, const struct diff_sweep *new_sweep, int scratch_folder,
             const struct diff_sink *sink, struct err *err);

#endif
