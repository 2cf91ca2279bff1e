/* What is no longer looked after: distributions and language runtimes by the end of their security support.
 *
 * The dates are facts of the projects' own announcements, one row each in eol.def: for Debian the end of LTS, for
 * Ubuntu the end of standard support, for SUSE general support. What is not listed has no known end. */
#ifndef TRAWL_EOL_H
#define TRAWL_EOL_H

#include "base/model/package.h"

struct eol {
    const char *product; /* "debian", "python" */
    const char *cycle;   /* "10", "3.8" */
    int64_t end_utc_s;   /* midnight before the last day with support */
    bool is_runtime;
};

/* The release's row; false when the table has none for it. */
bool eol_of_distro(const struct distro *distro, struct eol *ret_eol);
/* The same for a runtime: programs that are known by their name (python, node, php, ruby), Go's standard library, .NET.
 */
bool eol_of_runtime(const struct package *package, struct eol *ret_eol);

#endif
