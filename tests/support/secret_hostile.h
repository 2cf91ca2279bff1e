/* Bodies that cost a secret rule the most it can be made to cost: its literals and examples, whole, cut and bent,
 * repeated without end. Made from the rule alone, so every new rule is tried as well. */
#ifndef TRAWL_SECRET_HOSTILE_H
#define TRAWL_SECRET_HOSTILE_H

#include "base/buf.h"
#include "matchers/secret/secret_rule.h"

/* How many bodies there are for the rule: `index` below runs from 0 to this. */
size_t secret_hostile_count(const struct secret_rule *rule);

/* Replaces `out` with a body of `bytes` bytes; `*ret_name` says what it is made of. False: no memory, or an example
 * that does not fill. */
bool secret_hostile_make(const struct secret_rule *rule, size_t index, size_t bytes, struct buf *out,
                         const char **ret_name);

#endif
