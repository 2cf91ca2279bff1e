/* What a sweep did and found, in numbers: for the summary on the terminal, manifest.json and the exit status. */
#ifndef TRAWL_TOTALS_H
#define TRAWL_TOTALS_H

#include "base/arena.h"
#include "base/model/severity.h"
#include "engine/image/layer_result.h"

#define TOTALS_WORST_MAX ((size_t)10)
#define TOTALS_SECRETS_MAX ((size_t)10)
#define TOTALS_ERRORS_MAX ((size_t)20)
#define TOTALS_CAUSES_MAX ((size_t)32) /* what is beyond is counted with the last one; real sweeps have ten */
#define TOTALS_CONFIDENCE 0.5 /* below it a secret is in the rows, and neither counted nor named in a summary */

struct worst_image {
    struct span reference;
    struct span architecture;
    uint64_t vulnerabilities[SEVERITY_COUNT];
    uint64_t secrets;
};

struct total_secret {
    struct span rule, redacted, fingerprint, location, reference, state;
    enum severity severity;
    double confidence;
};

struct total_error {
    struct span target, stage, message;
};

/* Why images are not done: how many there are of the same status, stage and error code. Each image counts once, by the
 * first thing that went wrong; of skipped ones the cause is the reason's first words, and there is no code. */
struct total_cause {
    enum scan_status status;
    struct span what; /* the stage, or the reason's first words; empty for all others together */
    struct span code; /* or empty */
    uint64_t images;
    struct span example; /* the first image's reference */
    struct span message; /* and its reason */
};

struct totals {
    uint64_t images, images_done, images_partial, images_failed, images_skipped;
    uint64_t layers_known;     /* of the next, from the cache: not read */
    uint64_t layers;           /* distinct ones that were scanned or tried */
    uint64_t layer_references; /* layers of all images together */
    uint64_t bytes_read;       /* packed */
    uint64_t bytes_saved;      /* packed bytes that sharing and the cache spared */
    uint64_t bytes_unpacked;   /* of the layers that were read */
    uint64_t files, bodies;
    uint64_t packages; /* rows: distinct in each package set */
    uint64_t package_sets;
    uint64_t vulnerabilities[SEVERITY_COUNT]; /* rows */
    uint64_t vulnerabilities_suppressed;      /* rows that the ignore file or a VEX statement names */
    uint64_t secrets[SEVERITY_COUNT];         /* rows of at least TOTALS_CONFIDENCE */
    uint64_t secrets_unlikely;                /* the other rows */
    uint64_t secrets_below;                   /* left out: below --min-confidence */
    uint64_t secrets_baseline;                /* left out: known from the baseline */
    uint64_t secrets_suppressed;              /* rows that the ignore file names */
    uint64_t errors;
    uint64_t plan_ms, scan_ms; /* listing and manifests; layers */
    enum severity worst;       /* the highest severity of any finding */
    bool has_findings;
    struct worst_image worst_images[TOTALS_WORST_MAX]; /* worst first */
    size_t worst_image_count;
    struct total_secret top_secrets[TOTALS_SECRETS_MAX]; /* one for each fingerprint, most severe first */
    size_t top_secret_count;
    struct total_error first_errors[TOTALS_ERRORS_MAX];
    size_t first_error_count;
    struct total_cause causes[TOTALS_CAUSES_MAX]; /* in the order in which they were met */
    size_t cause_count;
};

/* Counts an image that is not done. `stage` and `code` do not matter for skipped ones. The texts are borrowed. */
void totals_cause(struct totals *totals, enum scan_status status, enum stage stage, enum err_code code,
                  struct span reference, struct span reason);

/* With copies of all text in the arena; false when memory is short. */
bool totals_copy(struct arena *arena, const struct totals *from, struct totals *ret_copy);

#endif
