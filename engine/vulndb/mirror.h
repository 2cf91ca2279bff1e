/* A folder that follows a bucket of advisories in OSV's layout, and moves only what is new:
 *
 *     BASE/ecosystems.txt                names, one a line
 *     BASE/ECOSYSTEM/all.zip             every advisory
 *     BASE/ECOSYSTEM/modified_id.csv     "time,id" of each, the latest first
 *     BASE/ECOSYSTEM/ID.json
 *
 * BASE is http, https or file. In the folder lies ECOSYSTEM/all.zip with, in ECOSYSTEM/newer, the advisories that
 * changed since; hidden files hold what the next request is conditional on. vulndb_add_path() of the folder reads all
 * of it. Every file is replaced as a whole, and what was reached is written down last: an update that breaks off is
 * taken up by the next one. Loop thread: the caller's; nothing else may use the folder meanwhile. */
#ifndef TRAWL_MIRROR_H
#define TRAWL_MIRROR_H

#include "base/err.h"
#include "base/span.h"
#include "io/http/http.h"

#define MIRROR_BASE_OSV "https://osv-vulnerabilities.storage.googleapis.com"

struct mirror_options {
    const char *base;              /* MIRROR_BASE_OSV */
    const char *folder;            /* made where it is missing */
    const char *const *ecosystems; /* as OSV writes them, without releases; "all": what ecosystems.txt names */
    size_t ecosystem_count;
    const char *const *extra_urls; /* whole documents, such as KEV's and EPSS's; http, https or file */
    size_t extra_count;
    struct http_options http;
};

struct mirror_summary {
    uint64_t unchanged;  /* files that the server says are as they were */
    uint64_t archives;   /* fetched whole */
    uint64_t advisories; /* fetched alone */
    uint64_t bytes;      /* written to the folder */
};

/* Brings the folder up to date. USAGE (a name or address that cannot be), and what http_start() and the file functions
 * give; the text names the address. */
int mirror_update(const struct mirror_options *options, struct mirror_summary *ret_summary, struct err *err);

#endif
