/* One self-contained page about a finished sweep: what `trawl report` writes.
 *
 * Memory: about a KiB for each image, 300 bytes for each package set, vulnerable package, secret and kind of finding.
 * The page itself is bounded: the worst images, packages, findings and secrets, and how many more there are. */
#ifndef TRAWL_REPORT_H
#define TRAWL_REPORT_H

#include "engine/diff/trend.h"

struct report_options {
    const char *folder;
    const struct shard_manifest *manifest;
    const struct trend *trends; /* of earlier sweeps, the oldest first; this one is added */
    size_t trend_count;
    FILE *out;
};

/* As shard_table_next(), and IO where the page cannot be written. */
int report_write(const struct report_options *options, struct err *err);

#endif
