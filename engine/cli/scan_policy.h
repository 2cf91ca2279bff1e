/* Reads what --ignorefile, --vex, --baseline and --min-confidence ask for. */
#ifndef TRAWL_SCAN_POLICY_H
#define TRAWL_SCAN_POLICY_H

#include "engine/cli/options.h"
#include "engine/pipeline/policy.h"

/* As given; NULL where they are not. */
struct scan_policy_options {
    const char *ignore_file, *baseline, *confidence_min;
    struct text_list vex;
};

/* Fills `*policy`, which policy_release(), `*ret_ignore`, which ignore_free(), and `*ret_vex` (NULL where nobody takes
 * --vex), which vex_free() end.
 * `*ret_expired` counts the entries whose day is over. USAGE: a number out of range, a file that cannot be read or is
 * wrong, a folder that holds no finished sweep; NOMEM. */
int scan_policy_read(const struct scan_policy_options *options, int64_t now_utc_s, struct policy *policy,
                     struct ignore **ret_ignore, struct vex **ret_vex, size_t *ret_expired, struct err *err);

#endif
