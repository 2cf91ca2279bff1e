/* What a person reads after a sweep. */
#ifndef TRAWL_SUMMARY_H
#define TRAWL_SUMMARY_H

#include "engine/pipeline/totals.h"

/* `with_database`: vulnerabilities were looked for. The last line is the one that people quote. */
void summary_print(FILE *out, const struct totals *totals, const char *folder, bool with_database, uint64_t elapsed_ms);

#endif
