/* What a user wants to see of what was found: applied when rows are written, so that the cache keeps everything and
 * another policy reads no layer again.
 *
 * Left out of the rows is what is below `confidence_min`, and what the baseline knows. What the ignore file names stays
 * a row with `suppressed_by`, and counts no longer. All of it is counted in the totals: silence can be audited. */
#ifndef TRAWL_POLICY_H
#define TRAWL_POLICY_H

#include "base/hash/xxh.h"
#include "base/vec.h"
#include "engine/image/layer_result.h"
#include "engine/pipeline/ignore.h"
#include "engine/pipeline/vex.h"

/* The 128 bits of a secret's fingerprint. */
struct policy_known {
    uint64_t high, low;
};

/* Zero-initialised it wants everything. */
struct policy {
    const struct ignore *ignore;    /* or NULL */
    const struct vex *vex;          /* or NULL */
    VEC(struct policy_known) known; /* fingerprints of the baseline; sorted by policy_sort() */
    double confidence_min;
    struct hash128
        identity; /* of all of the above: what is kept of rows is kept under it; zero when nothing is asked */
};

void policy_release(struct policy *policy);

/* Adds a fingerprint as rows have it; false when memory is short. A text that is none is passed over. */
bool policy_know(struct policy *policy, struct span fingerprint);
/* After the last policy_know(). */
void policy_sort(struct policy *policy);

enum policy_verdict {
    POLICY_REPORT,     /* a row that counts */
    POLICY_SUPPRESSED, /* a row with suppressed_by */
    POLICY_KNOWN,      /* no row: in the baseline */
    POLICY_UNLIKELY    /* no row: below confidence_min */
};

/* `*ret_suppressed_by` is empty but for POLICY_SUPPRESSED; it lives as long as the ignore file. */
enum policy_verdict policy_secret(const struct policy *policy, const struct layer_secret *secret, struct span path,
                                  struct span *ret_suppressed_by);

#endif
