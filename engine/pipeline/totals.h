/* What a sweep did and found, in numbers: for the summary on the terminal, manifest.json and the exit status. */
#ifndef TRAWL_TOTALS_H
#define TRAWL_TOTALS_H

#include "base/arena.h"
#include "base/model/severity.h"

#define TOTALS_WORST_MAX ((size_t)10)
#define TOTALS_SECRETS_MAX ((size_t)10)
#define TOTALS_ERRORS_MAX ((size_t)20)
#define TOTALS_CONFIDENCE 0.5 /* below it a secret is in the rows, and neither counted nor named in a summary */

struct worst_image {
    struct span reference;
    struct span architecture;
    uint64_t vulnerabilities[SEVERITY_COUNT];
    uint64_t secrets;
};

struct total_secret {
    struct span rule, redacted, location, reference, state;
    enum severity severity;
    double confidence;
};

struct total_error {
    struct span target, stage, message;
};

struct totals {
    uint64_t images, images_done, images_partial, images_failed, images_skipped;
    uint64_t layers_known;     /* of the next, from the cache: not read */
    uint64_t layers;           /* distinct ones that were scanned or tried */
    uint64_t layer_references; /* layers of all images together */
    uint64_t bytes_read;       /* packed */
    uint64_t bytes_saved;      /* packed bytes that sharing spared */
    uint64_t bytes_unpacked;
    uint64_t files, bodies;
    uint64_t packages; /* rows: distinct in each package set */
    uint64_t package_sets;
    uint64_t vulnerabilities[SEVERITY_COUNT]; /* rows */
    uint64_t secrets[SEVERITY_COUNT];         /* rows of at least TOTALS_CONFIDENCE */
    uint64_t secrets_unlikely;                /* the other rows */
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
};

/* With copies of all text in the arena; false when memory is short. */
bool totals_copy(struct arena *arena, const struct totals *from, struct totals *ret_copy);

#endif
