/* Which advisories apply to one version of one package. */
#ifndef TRAWL_VULN_MATCH_H
#define TRAWL_VULN_MATCH_H

#include "base/buf.h"
#include "base/model/severity.h"
#include "matchers/vuln/vuln_db.h"

/* What can be done about it. */
enum vuln_status {
    VULN_AFFECTED,    /* affected, nothing said about a fix */
    VULN_FIXED,       /* affected, `fixed_version` has the fix */
    VULN_NO_FIX,      /* affected, and no later version is known to be free of it */
    VULN_WONT_FIX,    /* the vendor decided not to */
    VULN_END_OF_LIFE, /* the vendor no longer looks */
    VULN_STATUS_COUNT
};
const char *vuln_status_name(enum vuln_status status); /* "affected", "fixed", "no_fix", "wont_fix", "end_of_life" */

struct vuln_query {
    struct span ecosystem; /* as OSV writes it: "Debian:12", "PyPI"; vuln_ecosystem() makes it */
    struct span name;      /* the source package's where vuln_ecosystem_names_source() */
    struct span version;   /* with epoch and release */
    /* The OSV evaluation rules and nothing else. Without it the policy on top applies: advisories that are not
     * vulnerabilities (ALBA, ALEA, unmaintained crates) are left out, a fix in an rpm module is only compared with
     * packages of a module build of the same platform, and an enumerated version is met by every spelling of it. */
    bool plain;
};

/* One advisory that applies. Everything borrows the database. */
struct vuln_match {
    struct span id;
    struct vuln_list aliases;  /* the same flaw elsewhere: CVE, GHSA, … */
    struct vuln_list upstream; /* the CVEs that a distribution's record is about */
    uint32_t group;            /* advisories with the same group are the same flaw by their aliases */
    struct span summary;
    struct span source; /* who says so: "GitHub", "Debian", or what a converted record was made from */
    enum severity severity;
    struct span cvss_vector; /* or empty */
    double cvss_score;       /* negative when there is none */
    double epss;             /* negative when there is none; the highest of its CVEs */
    double epss_percentile;
    bool kev; /* one of its CVEs is known to be exploited */
    bool kev_ransomware;
    bool informational; /* not a vulnerability; only with `plain` */
    bool disputed;      /* its vendor says that it is no flaw */
    bool coarse;        /* the record itself says that its range is wider than the truth */
    bool exact;         /* the version is one that the record enumerates */
    enum vuln_status status;
    struct span introduced;    /* empty: from the first version on */
    struct span fixed_version; /* of the range that the version lies in, or empty */
    struct span last_affected; /* or empty */
    int64_t published_utc_s;   /* 0 when unknown */
    int64_t modified_utc_s;
};

/* Returns 0 to go on, negative (with `err` set) to stop. */
typedef int (*vuln_match_emit_fn)(void *context, const struct vuln_match *match, struct err *err);

/* Calls `emit` once for each advisory that applies, in the order of their ids. A version that the ecosystem's order
 * cannot parse is affected where a record enumerates it or names every version. Errors: NOMEM, LIMIT (version longer
 * than LIMIT_FIELD_BYTES), FORMAT (damaged database), emit's own. Evaluation: OSV schema, "Evaluation". */
int vuln_match(const struct vuln_db *db, const struct vuln_query *query, vuln_match_emit_fn emit, void *context,
               struct err *err);

/* Whether the database has any range of that package: 1, 0, or <0 as vuln_match(). */
int vuln_match_known(const struct vuln_db *db, const struct vuln_query *query, struct err *err);

/* Appends why it applies: "Debian:12 openssl 3.0.9-1 is in [0, 3.0.11-1~deb12u1)". */
void vuln_match_evidence(const struct vuln_query *query, const struct vuln_match *match, struct buf *text);

#endif
