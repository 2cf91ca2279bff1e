/* Shared by the engine's files; nobody else includes it. */
#ifndef TRAWL_SECRET_INTERNAL_H
#define TRAWL_SECRET_INTERNAL_H

#include <hs/hs.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash/xxh.h"
#include "base/vec.h"
#include "matchers/secret/secret_engine.h"
#include "base/regex.h"
#include "matchers/secret/secret_validator.h"

/* A literal of one or more rules; or, with `size` 0, the place where a rule without literals is searched for. */
struct ready_literal {
    struct span text;
    bool nocase;
    bool bounded;              /* all its rules are: no hit behind a letter or digit */
    enum secret_follow follow; /* what all its rules want behind it; ANY where they differ */
    uint8_t follow_byte;
    size_t follow_bytes;
    VEC(uint32_t) rules; /* indexes into the rule set, ascending */
};

struct secret_engine {
    struct secret_allow allow;
    const struct secret_model *model;
    const struct secret_rule *rules; /* the rule set's array */
    size_t rule_count;
    VEC(struct ready_literal) literals;
    hs_database_t *literal_db; /* NULL: no rule has a literal */
    hs_database_t *shape_db;   /* NULL: all rules have one */
    struct hash128 identity;   /* of what the databases are made of and by */
    bool was_saved;            /* they were not compiled by this run */
    uint8_t key[64];
    size_t key_size;
};

/* A rule's state during one scan; valid when `scan` is the scratch's. */
struct rule_state {
    uint64_t scan;
    uint64_t work_left; /* of what one body may cost it, in regex_match()'s units */
    size_t next;        /* no match begins before this: the end of the last one */
};

/* What was last seen behind a literal with SECRET_FOLLOW_BYTE: literals that follow closely on one another have the
 * same behind them, and a body of nothing else would be read once for each. Valid when `scan` is the scratch's. */
struct follow_state {
    uint64_t scan;
    size_t from, until; /* the byte is in none of [from, until) */
    bool ends;          /* at `until` stands the byte, or white space */
    bool found;         /* it is the byte */
};

struct candidate {
    uint32_t rule;
    enum severity severity;
    size_t begin, end; /* of the secret, in the body */
    double confidence, entropy;
    const char *validated;
    const char *validator; /* that was asked, or NULL */
    bool keyword;
    bool paired;
    char note[SECRET_NOTE_SIZE];
};

struct secret_scratch {
    hs_scratch_t *hs;
    struct regex_matcher *matcher;
    struct arena arena; /* validators; reset per use */
    struct buf bytes;   /* what a fingerprint is made of; wiped */
    uint64_t *hits;     /* begin << 32 | literal index; LIMIT_SECRET_LITERAL_HITS at most */
    size_t hit_count, hit_capacity;
    struct rule_state *states;
    struct follow_state *follows; /* one for each literal */
    uint64_t scan;
    uint64_t work_left; /* of what all rules together may cost */
    VEC(struct candidate) candidates;
};

/* Fills in `identity`, once all literals are collected. NOMEM. */
int secret_databases_identify(struct secret_engine *engine, struct err *err);
/* The databases from what secret_engine_save() wrote; false where it is of another identity or not whole. */
bool secret_databases_load(struct secret_engine *engine, struct span saved);

enum confirm_result { CONFIRM_NO, CONFIRM_ALLOWED, CONFIRM_YES };

/* The steps after the expression matched: fills in all of `*ret_candidate`. */
enum confirm_result secret_confirm(const struct secret_engine *engine, struct secret_scratch *scratch,
                                   uint32_t rule_index, const struct secret_input *input,
                                   const struct regex_match *match, struct candidate *ret_candidate);

/* secret_scan() that also reports what another rule's hit covers: for the check of examples. */
int secret_scan_all(const struct secret_engine *engine, struct secret_scratch *scratch,
                    const struct secret_input *input, bool overlaps, secret_hit_fn fn, void *context,
                    struct secret_outcome *ret_outcome, struct err *err);

#endif
