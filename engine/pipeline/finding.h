/* What a database says about one package, as the columns of the vulnerability table want it: all its records matched,
 * those of one flaw merged, policy and filters applied, and the answer remembered, since fleets hold the same package
 * again and again. docs/vulnerabilities.md tells users what happens here. */
#ifndef TRAWL_FINDING_H
#define TRAWL_FINDING_H

#include "base/model/package.h"
#include "matchers/vuln/vuln_match.h"

/* Which findings are wanted. All zero: every one. */
struct finding_filter {
    bool ignore_unfixed;    /* only those with a version to update to */
    bool only_kev;          /* only what is known to be exploited */
    unsigned severities;    /* bits 1 << severity; 0 means all */
    double min_epss;        /* at least; a finding without a score has 0 */
    const struct span *ids; /* only those that one of them names, as id or alias; any case */
    size_t id_count;
};

struct finding {
    struct span id;
    const struct span *aliases; /* sorted: all other ids of the flaw */
    size_t alias_count;
    enum severity severity;
    struct span cvss_vector;
    double cvss_score; /* negative: none; also the next two */
    double epss, epss_percentile;
    bool kev;
    enum vuln_status status;
    struct span introduced, fixed_version, source;
    int64_t published_utc_s; /* 0 unknown */
    double confidence;
    struct span evidence;
    double priority;
};

struct finding_options {
    const struct vuln_db *db;
    const struct vuln_db *old; /* or NULL: only what this one did not know of the same package */
    struct finding_filter filter;
    size_t memo_bytes; /* what answers may take before they are forgotten; 0: 16 MiB */
};

struct findings;

/* Borrows the databases and the filter's ids. One thread. NOMEM. */
int findings_new(const struct finding_options *options, struct findings **ret_findings, struct err *err);
void findings_free(struct findings *findings);

/* In the order of ids. Valid until the next call. NOMEM, FORMAT (a damaged database), LIMIT. */
int findings_of(struct findings *findings, const struct distro *distro, const struct package *package,
                const struct finding **ret_list, size_t *ret_count, struct err *err);

/* The distribution itself: one finding when it is past its end of life on the day of the database, else none. */
int findings_of_distro(struct findings *findings, const struct distro *distro, const struct finding **ret_list,
                       size_t *ret_count, struct err *err);

#endif
