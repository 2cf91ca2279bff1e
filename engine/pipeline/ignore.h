/* What a user has decided to live with: the entries of `.trawlignore.yaml` (`--ignorefile FILE`). A finding that an
 * entry names stays a row, with `suppressed_by` saying why, and counts no longer: not in the summary, not for
 * --fail-on.
 *
 *     ignore:
 *     - id: CVE-2024-1234                 # a vulnerability's id, or one of its aliases
 *       purl: pkg:deb/debian/openssl*     # of the package, with its version
 *       until: 2027-01-31                 # the last day (UTC) on which the entry holds; for ever without it
 *       reason: not reachable, the service never parses certificates
 *     - rule: github-*                    # of a secret or a configuration check
 *       path: "**.example"
 *       reason: documentation
 *     - fingerprint: 0123456789abcdef0123456789abcdef
 *       reason: revoked
 *
 * An entry holds where all that it names holds; it names at least one of id, purl, rule, fingerprint and path, and
 * always a reason. `purl`, `rule` and `path` are globs of text_glob(): `*` stays within a component, `**` does not; the
 * others are taken as they stand, ids in any case. A value may be a list: one of them has to hold. A path has no slash
 * at its beginning, as in rows. Unknown keys are errors, so that no misspelt restriction makes an entry wider. */
#ifndef TRAWL_IGNORE_H
#define TRAWL_IGNORE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/span.h"

/* Immutable after parsing: shared by all threads. */
struct ignore;

/* Reads the text of a file; `name` is for messages. An entry whose last day is before `now_utc_s` is left out and
 * counted: ignore_expired_count(). FORMAT (name, line, what was found and what to write), LIMIT (entries), NOMEM. */
int ignore_parse(struct span text, const char *name, int64_t now_utc_s, struct ignore **ret_ignore, struct err *err);
void ignore_free(struct ignore *ignore);
CLEANUP_DEFINE(ignore, struct ignore, ignore_free)
#define AUTO_IGNORE AUTO(cleanup_ignore)

/* A finding, as entries see it. What a kind of finding has not is empty: an entry that names it does not hold. */
struct ignore_finding {
    const struct span *ids; /* a vulnerability's id and its aliases */
    size_t id_count;
    struct span purl, rule, fingerprint, path;
};

/* What goes into the row's `suppressed_by`, "ignored until 2027-01-31: REASON", by the first entry that holds; empty
 * when none does. NULL has no entries. The text lives as long as `ignore`. */
struct span ignore_find(const struct ignore *ignore, const struct ignore_finding *finding);

size_t ignore_count(const struct ignore *ignore); /* entries that hold today */
size_t ignore_expired_count(const struct ignore *ignore);

#endif
