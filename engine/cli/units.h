/* Numbers for people. Each writes into `out` of UNITS_SIZE bytes and returns it. */
#ifndef TRAWL_UNITS_H
#define TRAWL_UNITS_H

#include "base/span.h"

#define UNITS_SIZE 32

const char *units_bytes(uint64_t bytes, char *out);           /* "312 B", "41.2 GiB" */
const char *units_count(uint64_t count, char *out);           /* "1,204" */
const char *units_duration(uint64_t milliseconds, char *out); /* "0.3 s", "58 s", "12 min", "3 h 20 min" */

/* "30d", "12h", "90m", "45s" or "2w": seconds. False when it is none. */
bool duration_parse(struct span text, uint64_t *ret_seconds);

#endif
