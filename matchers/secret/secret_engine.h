/* Searches bytes for secrets.
 *
 * Literals first: one Hyperscan database of all rules' literals runs over the body; only where a literal stands is
 * the rule's own
 * expression (PCRE2, JIT) tried, in a window bounded by the rule. Then come the checks that need no pattern: entropy,
 * classes,
 * keywords, allow lists, checksums and structure.
 *
 *     secret_rules_load(true, NULL, 0, &rules, err);
 *     secret_engine_new(rules, key, &engine, err);          shared by all threads
 *     secret_scratch_new(engine, &scratch, err);            one per thread
 *     secret_scan(engine, scratch, &input, on_hit, context, &outcome, err);
 *
 * Large bodies are searched in windows: the caller hands over windows that overlap by LIMIT_WINDOW_OVERLAP on both
 * sides of
 * [report_from, report_to), and the reported ranges follow one another without a gap. Then the hits are those of a
 * whole search. */
#ifndef TRAWL_SECRET_ENGINE_H
#define TRAWL_SECRET_ENGINE_H

#include "base/buf.h"
#include "base/hash/xxh.h"
#include "matchers/secret/secret_rule.h"

struct secret_engine;
struct secret_scratch;

/* `fingerprint_key` keys the fingerprints (copied, at most 64 bytes used as they are by HMAC-SHA256): the same key
 * gives the same
 * fingerprint of the same secret anywhere. `rules` must outlive the engine. UNSUPPORTED: the CPU is too old for
 * Hyperscan. */
int secret_engine_new(const struct secret_rules *rules, struct span fingerprint_key, struct secret_engine **ret_engine,
                      struct err *err);
/* The same with what secret_engine_save() wrote in an earlier run; where that is empty, of other rules, of another
 * library or processor, or damaged, the databases are compiled, which takes 0.1 s and more. */
int secret_engine_new_saved(const struct secret_rules *rules, struct span fingerprint_key, struct span saved,
                            struct secret_engine **ret_engine, struct err *err);
/* Whether `saved` was used. */
bool secret_engine_is_saved(const struct secret_engine *engine);
/* Appends the compiled databases. NOMEM. */
int secret_engine_save(const struct secret_engine *engine, struct buf *out, struct err *err);
/* Whether the bytes are what secret_engine_save() wrote, of whatever rules. */
bool secret_saved_is_whole(struct span saved);
void secret_engine_free(struct secret_engine *engine);
CLEANUP_DEFINE(secret_engine, struct secret_engine, secret_engine_free)
#define AUTO_SECRET_ENGINE AUTO(cleanup_secret_engine)

int secret_scratch_new(const struct secret_engine *engine, struct secret_scratch **ret_scratch, struct err *err);
void secret_scratch_free(struct secret_scratch *scratch);
CLEANUP_DEFINE(secret_scratch, struct secret_scratch, secret_scratch_free)
#define AUTO_SECRET_SCRATCH AUTO(cleanup_secret_scratch)

struct secret_input {
    struct span body;      /* less than 4 GiB */
    struct span path;      /* of the file; may be empty. A path of tests or documentation lowers the confidence */
    uint64_t offset;       /* of body[0] in the file */
    uint64_t line, column; /* of body[0], both 1-based; 0 means 1 */
    size_t report_from;    /* only secrets that begin in body[report_from .. report_to) are reported; */
    size_t report_to;      /* 0: the body's end */
    uint64_t work_max;     /* a ceiling below the body's own; 0: none */
};

/* Whether the path says that the file tests or documents something. Together with the body this is all that a hit's
 * confidence depends on: who remembers results by body has to remember this with it. */
bool secret_path_is_test(struct span path);

#define SECRET_REDACTED_SIZE 48
#define SECRET_FINGERPRINT_SIZE 33 /* 32 hex digits and NUL */
#define SECRET_EVIDENCE_SIZE 256

/* Valid during the callback. */
struct secret_hit {
    const struct secret_rule *rule;
    enum severity severity;              /* the rule's, or lower: an encrypted private key opens nothing by itself */
    uint64_t offset, length;             /* of the secret, in the file */
    uint64_t line, column;               /* 1-based; columns count bytes */
    double confidence;                   /* 0 to 1 */
    const char *validated;               /* "", "checksum" or "structure" */
    char redacted[SECRET_REDACTED_SIZE]; /* "ghp_…(40)…x9Qz": see secret_redact() */
    char fingerprint[SECRET_FINGERPRINT_SIZE]; /* of provider and secret */
    char evidence[SECRET_EVIDENCE_SIZE];       /* "entropy 4.6, github_crc32 passed": see secret_score.h for the rest */
    double features[SECRET_FEATURE_COUNT];     /* what the score was made of */
    double prior;                              /* the confidence before it was scored */
    const char *encoding;                      /* "plain", or how it was written: see secret_dig.h */
    struct span secret;                        /* the clear text, for --show-secrets only: never log it */
};

/* Return non-zero to stop the scan (secret_scan() then succeeds). */
typedef int (*secret_hit_fn)(void *context, const struct secret_hit *hit);

struct secret_outcome {
    size_t hit_count;     /* reported */
    size_t allowed_count; /* suppressed by allow lists: documented examples and placeholders */
    bool truncated;       /* LIMIT_FINDINGS_PER_FILE or a work limit cut the search: say so in an error row */
    uint64_t work;        /* on the places of literals, in units of about a nanosecond; the same for the same bytes */
    bool inside_limited;  /* secret_dig() only: more is packed or encoded inside than its options allow */
    const struct secret_rule *truncated_rule; /* whose work limit was met first, or NULL */
};

/* Reports hits by offset, then rule id. Of two rules that hit the same bytes one is reported: not `generic`, then the
 * higher
 * confidence, then the id. Errors: NOMEM; IO never. */
int secret_scan(const struct secret_engine *engine, struct secret_scratch *scratch, const struct secret_input *input,
                secret_hit_fn fn, void *context, struct secret_outcome *ret_outcome, struct err *err);

/* Only the literal search, for measurements: the count of literal hits. */
int secret_scan_literals(const struct secret_engine *engine, struct secret_scratch *scratch, struct span body,
                         uint64_t *ret_hits, struct err *err);

/* Writes prefix, length and suffix of a secret: at most 4 + 4 characters and together never more than a third of it,
 * so a secret
 * of less than 3 bytes shows nothing. Bytes that do not print are shown as '?'. */
void secret_redact(struct span secret, char out[SECRET_REDACTED_SIZE]);

#endif
