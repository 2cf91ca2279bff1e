/* What a person reads after a sweep. */
#ifndef TRAWL_SUMMARY_H
#define TRAWL_SUMMARY_H

#include "engine/pipeline/totals.h"

/* `unmatched` says why vulnerabilities were not looked for; NULL when they were. The last line is the one that people
 * quote. */
void summary_print(FILE *out, const struct totals *totals, const char *folder, const char *unmatched,
                   uint64_t elapsed_ms);

#endif
