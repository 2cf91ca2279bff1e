/* Reads a Gitleaks configuration (TOML) as rules of ours, so that users bring theirs along. Format: the tool's README,
 * "Configuration". */
#ifndef TRAWL_SECRET_GITLEAKS_H
#define TRAWL_SECRET_GITLEAKS_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the rules to `out` as a rule file with the provider `gitleaks`, marked as converted: no examples are asked
 * for. `name` is for messages. `notes` gets a line for each thing that has no like here and is left out: rules by path
 * alone, allow lists on paths, commits or lines, rules that need others, `extend`. FORMAT: no TOML, or no rules in it;
 * LIMIT, NOMEM. A regular expression that PCRE2 does not take is secret_rules_load()'s to refuse.
 *
 * A rule's literals are its keywords where its expression holds them all, else it has none, and the keywords have to
 * stand within 4 KiB of the match instead of anywhere in the file. The group that is the secret gets its name. */
int secret_gitleaks_convert(struct span toml, const char *name, struct buf *out, struct buf *notes, struct err *err);

#endif
