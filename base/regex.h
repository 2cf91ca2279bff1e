/* PCRE2 behind our own header: expressions on bytes, JIT-compiled, with bounded work. */
#ifndef TRAWL_REGEX_H
#define TRAWL_REGEX_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/span.h"

struct regex;

enum regex_use {
    REGEX_AT,   /* matches only at the offset given; needs its group */
    REGEX_NEAR, /* may begin anywhere from the offset to a limit; needs its group */
    REGEX_ALLOW /* anywhere in the subject; plain groups capture, since only these may refer back */
};

/* `group` is the name of the group that a match reports; unused by REGEX_ALLOW. FORMAT with PCRE2's message and place.
 * Shared by threads: its machine code is made under a lock when it is first tried, nothing else changes. */
int regex_new(struct span expression, enum regex_use use, const char *group, struct regex **ret_regex, struct err *err);
void regex_free(struct regex *regex);

/* What one thread needs to match: block, limits, JIT stack. */
struct regex_matcher;
struct regex_matcher *regex_matcher_new(void); /* NULL: out of memory */
void regex_matcher_free(struct regex_matcher *matcher);

struct regex_match {
    size_t begin, end;             /* of the whole match */
    size_t group_begin, group_end; /* of the group; the whole match for REGEX_ALLOW */
};

/* Matches in `subject` from offset `from`, the match beginning at `last` or before (NEAR only). `cut` says that the
 * subject goes on after its end, so that `$` does not hold there. Takes from `*work_left` what it cost, in units of
 * about a nanosecond, the same for the same bytes; at 0 nothing is left. Returns 1 found, 0 not, -1 a limit was met. */
int regex_match(struct regex *regex, struct regex_matcher *matcher, struct span subject, size_t from, size_t last,
                bool cut, uint64_t *work_left, struct regex_match *ret_match);

#endif
