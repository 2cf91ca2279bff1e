/* Between feeds and the builder: an advisory as a feed states it. Everything borrows; the builder copies. */
#ifndef TRAWL_VULNDB_DRAFT_H
#define TRAWL_VULNDB_DRAFT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/model/severity.h"
#include "base/parse/doc.h"
#include "engine/vulndb/vulndb.h"
#include "matchers/vuln/vuln_match.h"

enum draft_event_kind { DRAFT_INTRODUCED, DRAFT_FIXED, DRAFT_LAST_AFFECTED, DRAFT_LIMIT };

struct draft_event {
    enum draft_event_kind kind;
    struct span version; /* introduced "0": before everything; limit "*": none */
};

/* Events of one range, in the order of the document. */
struct draft_range {
    struct draft_event *events;
    size_t count;
};

struct draft_affected {
    struct span ecosystem;
    struct span name;
    struct draft_range *ranges;
    size_t range_count;
    struct span *versions; /* enumerated */
    size_t version_count;
    enum severity severity;
    struct span vector;
    int score10; /* or -1 */
    enum vuln_status status;
    uint8_t flags; /* VULN_ENTRY_* */
};

struct draft {
    struct span id;
    struct span summary;
    struct span source;
    struct span *aliases;
    size_t alias_count;
    struct span *upstream;
    size_t upstream_count;
    int64_t published_utc_s;
    int64_t modified_utc_s;
    uint64_t digest; /* of the document: decides between copies of equal `modified` */
    uint8_t flags;   /* VULN_ADVISORY_* */
    bool withdrawn;
    bool partial; /* one of many documents that together say what is known of this id in this world: they add up, and a
                   * whole record of the same id takes the place of all of them */
    struct draft_affected *affected;
    size_t affected_count;
};

/* Takes an advisory in. `scratch` may be used for the time of the call. NOMEM, LIMIT. */
int vulndb_add(struct vulndb *build, struct arena *scratch, const struct draft *draft, struct err *err);
/* What is known about a CVE; `cve` is its text, anything else is ignored. NOMEM. */
int vulndb_add_kev(struct vulndb *build, struct span cve, bool ransomware, struct err *err);
int vulndb_add_epss(struct vulndb *build, struct span cve, uint32_t epss, uint32_t percentile, struct err *err);
/* The vendor says that its package does not have this flaw: rows of the package whose CVEs are all denied are left out,
 * whoever states them. 1, 0 when one of the three is none, <0 NOMEM. */
int vulndb_add_not_affected(struct vulndb *build, struct span ecosystem, struct span package, struct span cve,
                            struct err *err);
/* A text's first line, cut at a character's end. */
struct span vulndb_summary_cut(struct span text);
/* Parses a document: 1, 0 when it is no JSON or too large (counted as a problem then), <0 NOMEM. */
int vulndb_parse(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                 struct doc **ret_root, struct err *err);
/* Counts a document as malformed and keeps why. */
void vulndb_problem(struct vulndb *build, const char *name, const char *why);
/* The same of `count` lines that `what` ("are no scores"); nothing where there are none. */
void vulndb_problem_lines(struct vulndb *build, const char *name, uint64_t count, const char *what);
/* Counts of the summary that a feed knows, from any thread. */
void vulndb_count_git_range(struct vulndb *build);
void vulndb_count_documents(struct vulndb *build, int more);

/* A kind of feed. `recognise` looks at the first bytes only; `read` counts what is wrong with a document, and fails for
 * NOMEM and LIMIT alone. `scratch` is reset by the caller before each document. */
struct feed {
    const char *name;
    bool (*recognise)(struct span bytes);
    int (*read)(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes, struct err *err);
};
#define FEED(name) extern const struct feed feed_##name;
#include "engine/vulndb/feed.def"
#undef FEED

#endif
