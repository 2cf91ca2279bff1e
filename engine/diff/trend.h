/* The numbers of one snapshot, small enough to be kept for ever. Findings are counted for each image that has them,
 * without what is suppressed. */
#ifndef TRAWL_TREND_H
#define TRAWL_TREND_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/model/severity.h"
#include "base/parse/doc.h"
#include "shard/shard_manifest.h"

struct trend {
    struct span sweep_id;
    int64_t started_at;
    uint64_t images, images_done, images_failed;
    uint64_t vulnerabilities[SEVERITY_COUNT];
    uint64_t fixable, kev;
    uint64_t secrets, images_with_secrets; /* that are in effect */
    uint64_t misconfigurations, controls_passed, controls_failed;
    double critical_age_days; /* mean, of criticals with a date; 0 where there are none */
};

/* Reads what it needs of a finished sweep; texts borrow the manifest. As shard_table_next(). */
int trend_count(const char *folder, const struct shard_manifest *manifest, struct trend *ret_trend, struct err *err);

/* One line of trends.ndjson, and back; texts live in the arena. FORMAT. */
void trend_format(struct buf *buf, const struct trend *trend);
int trend_parse(struct arena *arena, struct span line, struct trend *ret_trend, struct err *err);

#endif
