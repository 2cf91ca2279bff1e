/* How likely a hit is a secret: a logistic model over evidence, its weights in rules/model.yaml (see rules/README.md).
 * Whoever trains it (scripts/train_confidence.py) takes the features from here, so that both sides mean the same. */
#ifndef TRAWL_SECRET_SCORE_H
#define TRAWL_SECRET_SCORE_H

#include "base/err.h"
#include "base/parse/doc.h"
#include "base/span.h"

/* Each is 0 where it does not apply; shares are from 0 to 1. The names in model.yaml are those in secret_score.c. */
enum secret_feature {
    SECRET_FEATURE_PRIOR,      /* log odds of what the rule, its validator and a pair make of it */
    SECRET_FEATURE_PATH,       /* the path is one of tests or documentation */
    SECRET_FEATURE_GENERIC,    /* the rule speaks of names, of no service */
    SECRET_FEATURE_OPAQUE,     /* the rule knows no form of the secret */
    SECRET_FEATURE_PASSED,     /* a structure was checked and holds */
    SECRET_FEATURE_FAILED,     /* a validator failed */
    SECRET_FEATURE_ENTROPY,    /* bits per byte that are missing to what its length and characters allow */
    SECRET_FEATURE_BIGRAMS,    /* how much more its pairs of characters are those of words than of chance */
    SECRET_FEATURE_SEQUENCE,   /* the longest run such as abcd, 4321 or aaaa, as a share */
    SECRET_FEATURE_PERIOD,     /* the share of bytes that repeat what stood some bytes before */
    SECRET_FEATURE_LENGTH,     /* log2 */
    SECRET_FEATURE_STOPWORD,   /* "example", "dummy", … in the secret */
    SECRET_FEATURE_CONTEXT,    /* such a word near it */
    SECRET_FEATURE_NAMED,      /* "key", "token", "password", … before it */
    SECRET_FEATURE_QUOTED,     /* quotes on both sides */
    SECRET_FEATURE_LONG_LINE,  /* in a line of more than 500 bytes: minified */
    SECRET_FEATURE_COMMENT,    /* the line begins as a comment does */
    SECRET_FEATURE_HASHED,     /* "sha", "digest", "integrity", … before it on its line */
    SECRET_FEATURE_LOCAL_HOST, /* for localhost or an example's host */
    SECRET_FEATURE_HEX,        /* hexadecimal digits only */
    SECRET_FEATURE_UUID,
    SECRET_FEATURE_DECODES, /* it is the base64 of words */
    SECRET_FEATURE_CALL,    /* a bracket, an operator or a member behind it: code */
    SECRET_FEATURE_COUNT
};

/* Letters in one case, digits, everything else. */
#define SECRET_BIGRAM_CLASSES ((size_t)37)

struct secret_model {
    double bias;
    double weights[SECRET_FEATURE_COUNT], means[SECRET_FEATURE_COUNT];
    double bigrams[SECRET_BIGRAM_CLASSES][SECRET_BIGRAM_CLASSES]; /* log odds: word against chance */
    bool is_trained;                                              /* else the rule's confidence is all there is */
};

/* The `model` of a file. FORMAT: `err` says what is missing; the caller adds the file. */
int secret_model_read(const struct doc *value, struct secret_model *model, struct err *err);

/* What is asked about. */
struct secret_scored {
    struct span body; /* of which the secret is body[begin, end) */
    size_t begin, end;
    double confidence; /* so far */
    double offset;     /* the rule's own, as trained */
    uint32_t cases;    /* of how many hits of the rule; 0: of none */
    bool test_path;
    bool generic, opaque, passed, failed, certain; /* certain: a checksum passed */
};

void secret_features(const struct secret_model *model, const struct secret_scored *scored,
                     double ret_features[SECRET_FEATURE_COUNT]);

/* Of a rule without cases, and without a model, the confidence is its author's estimate; a path of tests takes a fifth
 * of it. Of a passed checksum it is what the rule says, wherever it stands. Else
 *
 * the probability, in whole hundredths from 0.01 to 0.99, the same on every machine; of what is certain and without a
 * model the confidence as it was. `why` gets the two or three features that moved it most, "words -1.2, context -0.4"
 * in log odds, or "". */
double secret_score(const struct secret_model *model, const struct secret_scored *scored,
                    const double features[SECRET_FEATURE_COUNT], char *why, size_t why_size);

#endif
