/* What a finished folder says of one vulnerability: its rows, the package's, the images and layers that hold it. Texts
 * live in the arena. */
#ifndef TRAWL_EXPLAIN_H
#define TRAWL_EXPLAIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/model/package.h"
#include "base/vec.h"
#include "shard/shard_manifest.h"

#define EXPLAIN_FINDINGS_MAX ((size_t)20) /* the rest is counted: a name narrows it down */
#define EXPLAIN_IMAGES_MAX ((size_t)10)   /* of one finding that are named */

struct explain_image {
    struct span reference, digest;
    /* Of the layer that has the package: its place, how many there are, and the step that made it. */
    uint64_t ordinal, layer_count;
    struct span created_by;
    bool has_layer;
};

struct explain_finding {
    struct span id, purl, name, version, path, layer_digest, severity, cvss_vector, status, introduced, fixed_version,
        source, evidence, vex_status, suppressed_by;
    struct span *aliases;
    size_t alias_count;
    double cvss_score, epss, epss_percentile, confidence, priority; /* negative: none */
    bool kev;
    int64_t published_utc_s;
    struct package package; /* with source, licenses, evidence; name empty where there is no row of it */
    struct span owner_purl;
    VEC(struct span) sets; /* that have it at this path in this layer */
    struct explain_image images[EXPLAIN_IMAGES_MAX];
    size_t image_count; /* in all */
};

struct explain {
    struct explain_finding *findings;
    size_t finding_count, left_out;
};

/* `id` is an id or alias, in any case; `what` a package's name or the beginning of its package URL, or empty. What
 * shard_table_next() says; NOMEM. explain_release() in any case. */
int explain_read(struct arena *arena, const char *folder, const struct shard_manifest *manifest, struct span id,
                 struct span what, struct explain *ret_explain, struct err *err);
void explain_release(struct explain *explain);

#endif
