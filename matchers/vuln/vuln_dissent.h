/* Where records contradict each other: those of the same flaw that name the package and leave this version out. */
#ifndef TRAWL_VULN_DISSENT_H
#define TRAWL_VULN_DISSENT_H

#include "matchers/vuln/vuln_match.h"

typedef int (*vuln_dissent_emit_fn)(void *context, struct span id, struct span source, struct err *err);

/* Calls `emit` for each advisory of that group that has ranges of the queried package and does not hold its version, in
 * the order of ids. Walks all ranges of the package: for languages, where a name has hundreds at most. Errors as
 * vuln_match(). */
int vuln_dissent(const struct vuln_db *db, const struct vuln_query *query, uint32_t group, vuln_dissent_emit_fn emit,
                 void *context, struct err *err);

#endif
