#include "matchers/secret/secret_score.h"

#include <math.h>

#include "base/base64.h"
#include "base/overflow.h"
#include "base/text.h"

static const char *const names[SECRET_FEATURE_COUNT] = {
    "rule",     "path",   "generic",    "opaque",   "passed",  "failed",  "entropy", "words",
    "sequence", "period", "length",     "stopword", "context", "named",   "quoted",  "long-line",
    "comment",  "hashed", "local-host", "hex",      "uuid",    "decodes", "call",
};

#define LINE_BYTES ((size_t)500) /* how far a line is looked at on either side */
#define NEAR_BYTES ((size_t)64)
#define LENGTH_MAX ((size_t)64) /* longer ones are no more a secret than others */
/* What a path of tests or documentation leaves of a confidence that no model weighs. */
#define TEST_PATH_FACTOR 0.8
#define MODEL_UNIT 1000.0 /* numbers in the file are thousandths: whole ones read the same everywhere */

/* ---- the file ---- */

static int bad(struct err *err, const char *what) {
    return err_set(err, ERR_FORMAT, 0, "'model': %s: scripts/train_confidence.py writes it", what);
}

static int numbers_read(const struct doc *object, double out[SECRET_FEATURE_COUNT], struct err *err) {
    for (size_t i = 0; i < SECRET_FEATURE_COUNT; i++) {
        int64_t value = 0;
        if (!doc_i64(doc_get(object, names[i]), &value))
            return bad(err, "expected a whole number for each feature");
        out[i] = (double)value / MODEL_UNIT;
    }
    return object->count == SECRET_FEATURE_COUNT ? 0 : bad(err, "a feature that nobody knows");
}

static int bigrams_read(const struct doc *rows, struct secret_model *model, struct err *err) {
    size_t row = 0;
    for (const struct doc *item = doc_first(rows); item != NULL; item = item->next, row++) {
        struct span rest = doc_text(item);
        for (size_t column = 0; row < SECRET_BIGRAM_CLASSES && column < SECRET_BIGRAM_CLASSES; column++) {
            struct span text = text_cut(&rest, ' ');
            bool negative = span_starts(text, "-");
            uint64_t value = 0;
            if (!text_u64(span_from(text, negative), 10, 100000, &value))
                return bad(err, "expected 37 rows of 37 whole numbers under 'bigrams'");
            model->bigrams[row][column] = (negative ? -1.0 : 1.0) * (double)value / MODEL_UNIT;
        }
    }
    return row == SECRET_BIGRAM_CLASSES ? 0 : bad(err, "expected 37 rows of 37 whole numbers under 'bigrams'");
}

int secret_model_read(const struct doc *value, struct secret_model *model, struct err *err) {
    int64_t bias = 0;
    const struct doc *weights = doc_get(value, "weights"), *means = doc_get(value, "means");
    if (!doc_i64(doc_get(value, "bias"), &bias) || !doc_is(weights, DOC_OBJECT) || !doc_is(means, DOC_OBJECT))
        return bad(err, "expected bias, weights, means and bigrams");
    model->bias = (double)bias / MODEL_UNIT;
    if (numbers_read(weights, model->weights, err) < 0 || numbers_read(means, model->means, err) < 0 ||
        bigrams_read(doc_get(value, "bigrams"), model, err) < 0)
        return -1;
    model->is_trained = true;
    return 0;
}

/* ---- features ---- */

static size_t bigram_class(uint8_t c) {
    c = text_lower_byte(c);
    return text_is_lower(c) ? (size_t)(c - 'a') : text_is_digit(c) ? (size_t)(c - '0') + 26 : SECRET_BIGRAM_CLASSES - 1;
}

static double bigrams_of(const struct secret_model *model, struct span s) {
    double sum = 0;
    for (size_t i = 1; i < s.size; i++)
        sum += model->bigrams[bigram_class(s.data[i - 1])][bigram_class(s.data[i])];
    return s.size < 2 ? 0 : sum / (double)(s.size - 1);
}

/* What is missing to the entropy that so many characters out of that alphabet can have. */
static double entropy_missing(struct span s) {
    bool digit = false, hex = false, lower = false, upper = false, other = false;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i], folded = text_lower_byte(c);
        digit = digit || text_is_digit(c);
        hex = hex || (folded >= 'a' && folded <= 'f');
        lower = lower || (text_is_lower(c) && c > 'f');
        upper = upper || (text_is_upper(c) && c > 'F');
        other = other || !text_is_alnum(c);
    }
    size_t alphabet = (digit ? 10u : 0u) + (lower ? 26u : 0u) + (upper ? 26u : 0u) +
                      (!lower && !upper && hex ? 6u : 0u) + (other ? 8u : 0u);
    double possible = log2((double)size_min(s.size, alphabet == 0 ? 1 : alphabet)), found = text_entropy(s);
    /* Chance reaches some nine tenths of it. */
    double missing = 0.9 * possible - found;
    return missing > 0 ? missing : 0;
}

static double sequence_share(struct span s) {
    size_t longest = 0, run = 0;
    int step = 0;
    for (size_t i = 1; i < s.size; i++) {
        int next = (int)s.data[i] - (int)s.data[i - 1];
        if (next < -1 || next > 1) {
            run = 0;
            continue;
        }
        run = next == step && run > 0 ? run + 1 : 1;
        step = next;
        longest = size_max(longest, run);
    }
    return longest < 3 ? 0 : (double)(longest + 1) / (double)s.size;
}

static double period_share(struct span s) {
    size_t best = 0;
    for (size_t period = 1; period <= 24 && period * 2 <= s.size; period++) {
        size_t same = 0;
        for (size_t i = period; i < s.size; i++)
            same += s.data[i] == s.data[i - period];
        best = size_max(best, same);
    }
    return s.size < 8 || best * 3 < s.size ? 0 : (double)best / (double)s.size;
}

/* Whether the secret is the base64 of text that people write: nothing but letters, blanks and ordinary signs. */
static bool decodes_to_words(struct span s) {
    uint32_t group = 0;
    size_t digits = 0, letters = 0;
    while (s.size > 0 && s.data[s.size - 1] == '=')
        s.size--;
    for (size_t i = 0; i < s.size; i++) {
        int value = base64_value(s.data[i]);
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
        if (++digits % 4 == 1)
            continue;
        uint8_t c = (uint8_t)(group >> (2 * (3 - (digits - 1) % 4)));
        if (!text_is_alpha(c) && c != ' ' && c != '-' && c != '_' && c != '.' && c != ',')
            return false;
        letters++;
    }
    return letters >= 8;
}

static bool is_uuid(struct span s) {
    if (s.size != 36)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.data[i] != '-' : text_hex_value(s.data[i]) < 0)
            return false;
    }
    return true;
}

static bool is_hex(struct span s) {
    for (size_t i = 0; i < s.size; i++)
        if (text_hex_value(s.data[i]) < 0)
            return false;
    return s.size > 0;
}

/* Any of the words, in any case; they begin at a letter's boundary or at a change of case where `whole` is set. */
static bool has_word(struct span s, const struct span *words, size_t count) {
    for (size_t i = 0; i < s.size; i++) {
        for (size_t word = 0; word < count; word++)
            if (text_lower_byte(s.data[i]) == words[word].data[0] &&
                text_equal_nocase(span_slice(s, i, words[word].size), words[word]))
                return true;
    }
    return false;
}

static const struct span stop_words[] = {
    SPAN_LITERAL("example"), SPAN_LITERAL("sample"), SPAN_LITERAL("dummy"), SPAN_LITERAL("fake"),
    SPAN_LITERAL("test"),    SPAN_LITERAL("demo"),   SPAN_LITERAL("foo"),   SPAN_LITERAL("placeholder"),
    SPAN_LITERAL("invalid"), SPAN_LITERAL("mock"),   SPAN_LITERAL("todo"),  SPAN_LITERAL("secret"),
    SPAN_LITERAL("passw"),   SPAN_LITERAL("your"),   SPAN_LITERAL("token"), SPAN_LITERAL("abc123"),
};
/* The last four may well stand beside a secret: only what says "not real" counts there. */
#define STOP_WORDS_NEAR (ARRAY_COUNT(stop_words) - 5)
static const struct span name_words[] = {SPAN_LITERAL("key"),  SPAN_LITERAL("token"), SPAN_LITERAL("secret"),
                                         SPAN_LITERAL("pass"), SPAN_LITERAL("pwd"),   SPAN_LITERAL("cred"),
                                         SPAN_LITERAL("auth")};
static const struct span hash_words[] = {SPAN_LITERAL("sha1"),   SPAN_LITERAL("sha256"),   SPAN_LITERAL("sha512"),
                                         SPAN_LITERAL("md5"),    SPAN_LITERAL("digest"),   SPAN_LITERAL("integrity"),
                                         SPAN_LITERAL("commit"), SPAN_LITERAL("checksum"), SPAN_LITERAL("hash"),
                                         SPAN_LITERAL("etag"),   SPAN_LITERAL("revision")};
static const struct span local_hosts[] = {SPAN_LITERAL("@localhost"), SPAN_LITERAL("@127.0.0.1"),
                                          SPAN_LITERAL("@example."), SPAN_LITERAL("@host"), SPAN_LITERAL("@server")};

/* The line around the secret, at most LINE_BYTES of it on either side. */
static void line_of(const struct secret_scored *scored, struct span *ret_before, struct span *ret_after) {
    size_t from = scored->begin - size_min(scored->begin, LINE_BYTES);
    struct span before = span_slice(scored->body, from, scored->begin - from);
    struct span after = span_slice(scored->body, scored->end, LINE_BYTES);
    size_t newline = span_index_last(before, '\n');
    *ret_before = newline == SIZE_MAX ? before : span_from(before, newline + 1);
    newline = span_index(after, '\n', 0);
    *ret_after = newline == SIZE_MAX ? after : span_slice(after, 0, newline);
}

static bool is_quote(uint8_t c) { return c == '"' || c == '\'' || c == '`'; }

static bool is_comment(struct span line) {
    line = text_trim(line);
    return span_starts(line, "#") || span_starts(line, "//") || span_starts(line, "*") || span_starts(line, "/*") ||
           span_starts(line, "<!--") || span_starts(line, "--") || span_starts(line, ";") || span_starts(line, "rem ");
}

void secret_features(const struct secret_model *model, const struct secret_scored *scored,
                     double ret_features[SECRET_FEATURE_COUNT]) {
    struct span secret = span_slice(scored->body, scored->begin, scored->end - scored->begin);
    struct span before, after;
    line_of(scored, &before, &after);
    size_t near_from = scored->begin - size_min(scored->begin, NEAR_BYTES);
    struct span near_before = span_slice(scored->body, near_from, scored->begin - near_from);
    struct span near_after = span_slice(scored->body, scored->end, NEAR_BYTES);
    struct span name = before.size <= NEAR_BYTES ? before : span_from(before, before.size - NEAR_BYTES);
    double odds = scored->confidence < 0.02 ? 0.02 : scored->confidence > 0.98 ? 0.98 : scored->confidence;
    uint8_t left = before.size == 0 ? 0 : before.data[before.size - 1], right = after.size == 0 ? 0 : after.data[0];
    double *x = ret_features;
    x[SECRET_FEATURE_PRIOR] = log(odds / (1 - odds));
    x[SECRET_FEATURE_PATH] = scored->test_path;
    x[SECRET_FEATURE_GENERIC] = scored->generic;
    x[SECRET_FEATURE_OPAQUE] = scored->opaque;
    x[SECRET_FEATURE_PASSED] = scored->passed;
    x[SECRET_FEATURE_FAILED] = scored->failed;
    x[SECRET_FEATURE_ENTROPY] = entropy_missing(secret);
    x[SECRET_FEATURE_BIGRAMS] = bigrams_of(model, secret);
    x[SECRET_FEATURE_SEQUENCE] = sequence_share(secret);
    x[SECRET_FEATURE_PERIOD] = period_share(secret);
    x[SECRET_FEATURE_LENGTH] = log2((double)size_min(size_max(secret.size, 1), LENGTH_MAX));
    x[SECRET_FEATURE_STOPWORD] = has_word(secret, stop_words, ARRAY_COUNT(stop_words));
    x[SECRET_FEATURE_CONTEXT] =
        has_word(near_before, stop_words, STOP_WORDS_NEAR) || has_word(near_after, stop_words, STOP_WORDS_NEAR);
    x[SECRET_FEATURE_NAMED] = has_word(near_before, name_words, ARRAY_COUNT(name_words));
    x[SECRET_FEATURE_QUOTED] = is_quote(left) && left == right;
    x[SECRET_FEATURE_LONG_LINE] = before.size + after.size >= LINE_BYTES;
    x[SECRET_FEATURE_COMMENT] = is_comment(before);
    x[SECRET_FEATURE_HASHED] = has_word(name, hash_words, ARRAY_COUNT(hash_words));
    x[SECRET_FEATURE_LOCAL_HOST] = has_word(span_slice(after, 0, 16), local_hosts, ARRAY_COUNT(local_hosts));
    x[SECRET_FEATURE_HEX] = is_hex(secret);
    x[SECRET_FEATURE_UUID] = is_uuid(secret);
    x[SECRET_FEATURE_DECODES] = decodes_to_words(secret);
    x[SECRET_FEATURE_CALL] = right == '(' || right == '[' || right == '.' || right == '{' || right == '$';
}

/* ---- the score ---- */

/* The features that moved it most, in log odds against the mean of what was trained on. */
static void why_make(const struct secret_model *model, const double *features, char *why, size_t why_size) {
    bool told[SECRET_FEATURE_COUNT] = {false};
    size_t used = 0;
    for (int count = 0; count < 3; count++) {
        size_t most = SECRET_FEATURE_COUNT;
        double moved = 0.2; /* what is less is not worth a word */
        for (size_t i = 0; i < SECRET_FEATURE_COUNT; i++) {
            double by = fabs(model->weights[i] * (features[i] - model->means[i]));
            if (!told[i] && by > moved) {
                most = i;
                moved = by;
            }
        }
        if (most == SECRET_FEATURE_COUNT || used >= why_size)
            break;
        told[most] = true;
        bool less = model->weights[most] * (features[most] - model->means[most]) < 0;
        unsigned tenths = (unsigned)(moved * 10 + 0.5);
        int size = snprintf(why + used, why_size - used, "%s%s %s%u.%u", used == 0 ? "" : ", ", names[most],
                            less ? "-" : "+", tenths / 10, tenths % 10);
        if (size < 0 || used + (size_t)size >= why_size) {
            why[used] = '\0';
            break;
        }
        used += (size_t)size;
    }
}

double secret_score(const struct secret_model *model, const struct secret_scored *scored,
                    const double features[SECRET_FEATURE_COUNT], char *why, size_t why_size) {
    why[0] = '\0';
    if (scored->certain)
        return scored->confidence;
    if (!model->is_trained || scored->cases == 0)
        return scored->test_path ? scored->confidence * TEST_PATH_FACTOR : scored->confidence;
    double sum = model->bias + scored->offset;
    for (size_t i = 0; i < SECRET_FEATURE_COUNT; i++)
        sum += model->weights[i] * (features[i] - model->means[i]);
    why_make(model, features, why, why_size);
    double percent = floor(100 / (1 + exp(-sum)) + 0.5);
    return percent < 1 ? 0.01 : percent > 99 ? 0.99 : percent / 100;
}
