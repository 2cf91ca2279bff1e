/* The secret engine with its databases from the cache's folder, where an earlier run left them: a start is then a map
 * and not a compile. */
#ifndef TRAWL_RULES_CACHE_H
#define TRAWL_RULES_CACHE_H

#include "base/hash/digest.h"
#include "matchers/secret/secret_engine.h"

/* What the files are called: rules.hsdb, and one more for each set of rules of the user's. */
#define RULES_CACHE_PREFIX "rules"
#define RULES_CACHE_SUFFIX ".hsdb"

/* `folder` is the cache's, or NULL for none; `rules_digest` names the user's rules, DIGEST_NONE where there are none.
 * What cannot be read or written costs time, never the run: a file that is damaged is set aside as NAME.damaged, one
 * that somebody else owns or may write is not used; both are told on standard error unless `quiet`. Errors are
 * secret_engine_new()'s. */
int rules_cache_engine(const struct secret_rules *rules, const struct digest *rules_digest, struct span fingerprint_key,
                       const char *folder, bool quiet, struct secret_engine **ret_engine, struct err *err);

#endif
