/* PCRE2 behind our own header: expressions on bytes, JIT-compiled, with bounded work. */
#ifndef TRAWL_SECRET_PATTERN_H
#define TRAWL_SECRET_PATTERN_H

#include "base/err.h"
#include "base/span.h"

struct secret_pattern;

enum secret_pattern_use {
    SECRET_PATTERN_AT,   /* matches only at the offset given; needs the group `secret` */
    SECRET_PATTERN_NEAR, /* may begin anywhere from the offset to a limit; needs the group `secret` */
    SECRET_PATTERN_ALLOW /* anywhere in the subject; plain groups capture, since only these may refer back */
};

/* FORMAT with PCRE2's message and place. Shared by threads: its machine code is made under a lock when it is first
 * tried, nothing else changes. */
int secret_pattern_new(struct span expression, enum secret_pattern_use use, struct secret_pattern **ret_pattern,
                       struct err *err);
void secret_pattern_free(struct secret_pattern *pattern);

/* What one thread needs to match: block, limits, JIT stack. */
struct secret_matcher;
struct secret_matcher *secret_matcher_new(void); /* NULL: out of memory */
void secret_matcher_free(struct secret_matcher *matcher);

struct secret_match {
    size_t begin, end;               /* of the whole match */
    size_t secret_begin, secret_end; /* of the group; the whole match for SECRET_PATTERN_ALLOW */
};

/* Matches in `subject` from offset `from`, the match beginning at `last` or before (NEAR only). `cut` says that the
 * subject goes on after its end, so that `$` does not hold there. Takes from `*work_left` what it cost, in units of
 * about a nanosecond, the same for the same bytes; at 0 nothing is left. Returns 1 found, 0 not, -1 a limit was met. */
int secret_pattern_match(struct secret_pattern *pattern, struct secret_matcher *matcher, struct span subject,
                         size_t from, size_t last, bool cut, uint64_t *work_left, struct secret_match *ret_match);

#endif
