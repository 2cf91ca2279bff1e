/* Which advisories came, changed and went between two databases. */
#ifndef TRAWL_VULNDB_DIFF_H
#define TRAWL_VULNDB_DIFF_H

#include "matchers/vuln/vuln_db.h"

enum vulndb_change { VULNDB_ADDED, VULNDB_CHANGED, VULNDB_REMOVED, VULNDB_CHANGE_COUNT };
const char *vulndb_change_name(enum vulndb_change change); /* "added", "changed", "removed" */

struct vulndb_difference {
    enum vulndb_change change;
    struct span id;
    struct span summary; /* the newer one's */
    struct span package; /* "ecosystem NUL name", folded, the first that it is about; empty without one */
    size_t package_count;
};
typedef int (*vulndb_diff_fn)(void *context, const struct vulndb_difference *difference, struct err *err);

/* Calls `each` for every advisory that differs in what it says or in what it is about, in the order of ids. Scores that
 * come from elsewhere (EPSS, KEV) count too when `scores`. Borrows both databases. FORMAT (damaged), NOMEM, the
 * callback's own. */
int vulndb_diff(const struct vuln_db *old, const struct vuln_db *fresh, bool scores, vulndb_diff_fn each, void *context,
                struct err *err);

#endif
