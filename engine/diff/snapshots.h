/* Finished sweeps side by side in one folder: which there are, which are to stay, and how one is removed. */
#ifndef TRAWL_SNAPSHOTS_H
#define TRAWL_SNAPSHOTS_H

#include "base/vec.h"
#include "engine/diff/trend.h"

#define TRENDS_NAME "trends.ndjson" /* in the snapshots' folder: the numbers of those that were removed */

struct snapshot {
    const char *name; /* of its folder */
    const char *path;
    struct shard_manifest manifest;
    uint64_t bytes;      /* of its parts */
    const char *kept_by; /* "newest", "daily", "weekly"; NULL: not to be kept */
};

struct snapshots {
    const char *folder;
    VEC(struct snapshot) list; /* the oldest first */
    VEC(struct trend) trends;  /* of those that are no more, the oldest first */
};

/* Subfolders that hold a finished sweep; others are left alone. Texts live in the arena. NOTFOUND, IO, FORMAT (the
 * numbers of old ones), NOMEM. */
int snapshots_read(struct arena *arena, const char *folder, struct snapshots *ret_snapshots, struct err *err);
void snapshots_release(struct snapshots *snapshots);

/* Says of each whether it stays: the newest always, the last one of each of the last `daily` days and `weekly` weeks
 * (Monday to Sunday, UTC) that have any. */
void snapshots_judge(struct snapshots *snapshots, uint64_t daily, uint64_t weekly);

/* Removes those that are not kept, after their numbers were added to TRENDS_NAME. What is no file of a sweep stays, and
 * its folder with it. One that cannot be counted is an error, and nothing is removed. */
int snapshots_prune(struct snapshots *snapshots, struct err *err);

#endif
