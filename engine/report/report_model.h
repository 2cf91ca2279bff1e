/* What a report is made of, between reading and writing. */
#ifndef TRAWL_REPORT_MODEL_H
#define TRAWL_REPORT_MODEL_H

#include "engine/export/export_images.h"
#include "engine/report/report.h"

enum report_age { AGE_MONTH, AGE_QUARTER, AGE_HALF, AGE_YEAR, AGE_OLDER, AGE_UNKNOWN, AGE_COUNT };

/* Of a package set, or of an image's own. */
struct report_counts {
    uint64_t severities[SEVERITY_COUNT];
    uint64_t kev, fixable, secrets;
};

struct report_package {
    struct span type, name, upgrade;
    struct span last_set; /* whose images were counted last */
    enum severity worst;
    uint64_t findings, removes, images;
    struct buf versions, ids; /* some of them, to be shown and searched */
    struct span last_version;
};

struct report_finding {
    enum severity severity;
    enum table table;
    struct span id, what, fixed_version, path, image;
    uint64_t images;
    int64_t age_days; /* -1: not known */
    bool kev;
    struct report_finding *next;
};

struct report_secret {
    enum severity severity;
    struct span fingerprint, rule, redacted, path, image;
    uint64_t images, places;
    uint32_t states; /* bits of report_state_names */
    struct span last_image;
};

struct report_control {
    struct span specification, control;
    uint64_t passed, failed;
};

struct report_error {
    struct span target, stage, path, code, message;
};

struct report_image {
    const struct export_image *image;
    struct span labels;
    struct report_counts counts;
};

struct report {
    const struct report_options *options;
    struct arena arena;
    struct export_images images;
    struct map sets;             /* package set → struct report_counts */
    struct map own;              /* image digest → the same, of what is no package's */
    VEC(struct span) label_list; /* of the images, in their order */
    struct map packages, lines, secrets, controls;
    VEC(struct report_package *) package_list;
    VEC(struct report_secret *) secret_list;
    VEC(struct report_control *) control_list;
    struct report_finding *findings[SEVERITY_COUNT];
    uint64_t finding_counts[SEVERITY_COUNT]; /* kept */
    uint64_t findings_left;                  /* not kept */
    VEC(struct report_error) errors;
    uint64_t error_count;
    uint64_t totals[TABLE_COUNT][SEVERITY_COUNT];
    uint64_t ages[AGE_COUNT][SEVERITY_COUNT];
    struct buf key, text;
};

extern const char *const report_state_names[]; /* ended by NULL */

#define REPORT_IMAGES_MAX ((size_t)5000)
#define REPORT_PACKAGES_MAX ((size_t)5000)
#define REPORT_FINDINGS_MAX ((size_t)50000)
#define REPORT_SECRETS_MAX ((size_t)10000)
#define REPORT_ERRORS_MAX ((size_t)2000)
#define REPORT_LINES_MAX ((uint64_t)500000) /* kinds of findings that are held, some 400 bytes each */

void report_init(struct report *report, const struct report_options *options);
int report_collect(struct report *report, struct err *err);
void report_release(struct report *report);

#endif
