/* Builds the vulnerability database out of advisories. The order of the input does not matter: two builds of the same
 * advisories give the same bytes, and nothing of the machine or the time of day is in them.
 *
 *     vulndb_new(&build, err)
 *     vulndb_add_path(build, "all.zip", err) …      feeds, in any order
 *     vulndb_finish(build, &bytes, err)             the file's bytes, as matchers/vuln/FORMAT.md has them
 *
 * Memory: the compact rows and one copy of each text; documents are parsed one at a time in an arena of their own.
 * Calls come from one thread. */
#ifndef TRAWL_VULNDB_H
#define TRAWL_VULNDB_H

#include "base/buf.h"
#include "base/err.h"

#define VULNDB_PROBLEMS_MAX ((size_t)10)

/* What a build saw. Nothing of it ends a build; an unreadable archive does. */
struct vulndb_summary {
    uint64_t documents;        /* read */
    uint64_t advisories;       /* in the database */
    uint64_t packages;         /* names in the database */
    uint64_t ranges;           /* in the database, with enumerated versions */
    uint64_t withdrawn;        /* left out */
    uint64_t not_affected;     /* ranges left out, because the vendor says that its package does not have the flaw */
    uint64_t superseded;       /* older copies of an advisory, left out */
    uint64_t malformed;        /* documents that are not what they seem: see `problems` */
    uint64_t unrecognised;     /* files that are no feed of ours */
    uint64_t git_ranges;       /* left out: they name commits */
    uint64_t invalid_ranges;   /* left out: a bound that the version order cannot parse */
    uint64_t unordered_ranges; /* left out: an ecosystem without a version order in this build */
    uint64_t empty_affected;   /* affected packages that say nothing usable */
    uint64_t kev;              /* CVEs read */
    uint64_t epss;
    int64_t data_time_utc_s;                 /* the newest `modified` */
    char problems[VULNDB_PROBLEMS_MAX][320]; /* the first of the malformed, "name: why" */
};

struct vulndb;
int vulndb_new(struct vulndb **ret_build, struct err *err);
void vulndb_free(struct vulndb *build);

/* Reads a feed: an archive (zip, tar, also compressed), a compressed or plain document, or a folder of them. Which kind
 * of feed a document belongs to is recognised by its content (feed.def). Errors: IO, NOTFOUND, FORMAT (damaged
 * archive), LIMIT, NOMEM. */
int vulndb_add_path(struct vulndb *build, const char *path, struct err *err);

/* The same of many paths, their documents read by so many threads; what comes out does not depend on how many. */
int vulndb_add_paths(struct vulndb *build, const char *const *paths, size_t count, unsigned threads, struct err *err);

/* Reads one document; `name` is for messages. NOMEM and LIMIT only: everything else is counted. */
int vulndb_add_document(struct vulndb *build, const char *name, struct span bytes, struct err *err);

/* Appends the database to `bytes`. NOMEM, LIMIT (a section beyond 4 GiB). Call it once. */
int vulndb_finish(struct vulndb *build, struct buf *bytes, struct err *err);

const struct vulndb_summary *vulndb_summary(const struct vulndb *build);

CLEANUP_DEFINE(vulndb, struct vulndb, vulndb_free)
#define AUTO_VULNDB AUTO(cleanup_vulndb)

#endif
