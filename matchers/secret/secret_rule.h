/* Secret rules as data: loading, and the check of a rule's own examples. The file format is in rules/README.md. */
#ifndef TRAWL_SECRET_RULE_H
#define TRAWL_SECRET_RULE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/hash/digest.h"
#include "base/model/severity.h"
#include "base/span.h"
#include "matchers/secret/secret_score.h"

struct secret_validator;

enum secret_class {
    SECRET_CLASS_DIGIT = 1,
    SECRET_CLASS_LOWER = 2,
    SECRET_CLASS_UPPER = 4,
    SECRET_CLASS_LETTER = 8,
    SECRET_CLASS_SYMBOL = 16
};

struct regex;

/* What a look at the bytes behind a literal can rule out before the expression is tried. */
enum secret_follow {
    SECRET_FOLLOW_ANY,
    SECRET_FOLLOW_ASSIGN, /* {{assign}} */
    SECRET_FOLLOW_IS,     /* {{is}} */
    SECRET_FOLLOW_BYTE
};

/* All spans live as long as the rule set. */
struct secret_rule {
    struct span id, provider, description;
    enum severity severity;
    double confidence;
    double confidence_valid, confidence_invalid; /* equal to `confidence` where the file says nothing */
    double confidence_pair;
    const struct span *literals;
    size_t literal_count;
    bool nocase;
    bool bounded;              /* {{start}} stands right before the literal */
    bool behind;               /* the expression begins behind the literal */
    enum secret_follow follow; /* what must stand behind the literal */
    uint8_t follow_byte;       /* SECRET_FOLLOW_BYTE: before any white space, within `max_bytes` */
    bool opaque;               /* {{credential}} or {{setting}}: the secret has no shape, so it has to stand in text */
    bool yields;               /* gives way to every other rule but `generic` ones, and leaves it its confidence */
    bool generic;              /* provider `generic`: gives way to every other rule, off in very long lines */
    struct span expression;    /* with its {{…}} replaced; NUL-terminated */
    struct regex *pattern;     /* the expression, compiled */
    const struct span *keywords; /* lower case */
    size_t keyword_count, keyword_bytes;
    size_t before_bytes, max_bytes;
    double entropy_min;                       /* 0: any */
    unsigned require;                         /* of enum secret_class */
    const struct secret_validator *validator; /* or NULL */
    struct span pair_id;                      /* or empty */
    const struct secret_rule *pair;           /* or NULL */
    size_t pair_bytes;
    const struct span *allow; /* expressions; NUL-terminated */
    struct regex *const *allow_patterns;
    size_t allow_count;
    const struct span *references;
    size_t reference_count;
    const struct span *positives, *negatives; /* examples, with their {{…}} */
    size_t positive_count, negative_count;
    double score_offset;  /* what the model knows of this rule, in log odds */
    uint32_t score_cases; /* of how many hits; 0: of none, its confidence is its author's estimate */
    const char *file;     /* the file's name, and the line where the rule begins */
    uint32_t line;
};

struct secret_rule_file {
    const char *name; /* for messages; borrowed during loading only */
    struct span bytes;
};

/* Immutable after loading: shared by all threads. */
struct secret_rules;

/* Reads rule files. `builtin` adds the embedded ones, but for those that have the name of one of `files`: a file of
 * one's own replaces
 * its namesake. FORMAT names file, line and what to do: unknown key, bad value,
 * expression that does not compile or has no group `secret`, duplicate id, too few examples. LIMIT: too many rules. */
int secret_rules_load(bool builtin, const struct secret_rule_file *files, size_t file_count,
                      struct secret_rules **ret_rules, struct err *err);
void secret_rules_free(struct secret_rules *rules);
CLEANUP_DEFINE(secret_rules, struct secret_rules, secret_rules_free)
#define AUTO_SECRET_RULES AUTO(cleanup_secret_rules)

/* Sorted by id, and one array: behind the rule at 0 stand the others. */
size_t secret_rules_count(const struct secret_rules *rules);
const struct secret_rule *secret_rules_at(const struct secret_rules *rules, size_t index);
/* NULL when there is none of that id. */
const struct secret_rule *secret_rules_find(const struct secret_rules *rules, struct span id);

/* The list of allow.yaml: exact secrets, SHA-256 digests of such that nobody should have to store, expressions on every
 * secret, and expressions on the secrets of `generic` rules only. */
struct secret_allow {
    const struct span *values;
    const struct digest *digests; /* sorted */
    struct regex *const *expressions, *const *generic;
    size_t value_count, digest_count, expression_count, generic_count;
};
struct secret_allow secret_rules_allow(const struct secret_rules *rules);

/* Lives as long as the rules. */
const struct secret_model *secret_rules_model(const struct secret_rules *rules);

/* What the check of the examples tells about each failure; `reason` is a sentence without its full stop. */
typedef void (*secret_rules_test_report_fn)(void *context, const struct secret_rule *rule, struct span example,
                                            const char *reason);

/* Runs the examples of every rule whose file is `file` (NULL: all). A positive has to be found by its own rule with
 * confidence
 * of at least 0.5 (any, where the rule's own highest is lower), a negative must not be found by it.
 * `*ret_failures` counts what
 * was reported. Compiles an engine: some 100 ms for all rules. */
int secret_rules_test(const struct secret_rules *rules, const char *file, secret_rules_test_report_fn report,
                      void *context, size_t *ret_examples, size_t *ret_failures, struct err *err);

#endif
