/* Time: monotonic for durations, UTC seconds for records, and RFC 3339 text in both directions; HTTP's
 * dates are read. */
#ifndef TRAWL_CLOCK_H
#define TRAWL_CLOCK_H

#include "base/span.h"

uint64_t clock_ns(void);   /* monotonic nanoseconds */
int64_t clock_utc_s(void); /* seconds since 1970-01-01T00:00:00Z */

/* "2024-05-01T12:00:00Z", with fractions and offsets accepted, or a date alone. False when it is not one. */
bool clock_parse(struct span text, int64_t *ret_utc_s);

/* "Sun, 06 Nov 1994 08:49:37 GMT": IMF-fixdate of RFC 9110 §5.6.7, the one form that servers may write. The day's name
 * is not looked at. */
bool clock_parse_http(struct span text, int64_t *ret_utc_s);

/* The years 0000 to 9999, which is what RFC 3339 can write. */
#define CLOCK_TEXT_MIN INT64_C(-62167219200)
#define CLOCK_TEXT_MAX INT64_C(253402300799)
#define CLOCK_TEXT_SIZE 32
/* "2024-05-01T12:00:00Z" into `out` of CLOCK_TEXT_SIZE bytes; returns `out`. A time beyond those years is written as
 * the nearest that they have. */
const char *clock_text(int64_t utc_s, char *out);

#endif
