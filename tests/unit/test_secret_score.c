/* From evidence to a probability: what the features see, what the model makes of them, and what a file of it may not
 * be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "matchers/secret/secret_rule.h"

static struct secret_scored scored(const char *before, const char *secret, const char *after, char *body, size_t size) {
    int length = snprintf(body, size, "%s%s%s", before, secret, after);
    assert_true(length > 0 && (size_t)length < size);
    size_t begin = strlen(before);
    return (struct secret_scored){.body = span_make(body, (size_t)length),
                                  .begin = begin,
                                  .end = begin + strlen(secret),
                                  .confidence = 0.6,
                                  .cases = 9};
}

static void features(void **state) {
    (void)state;
    static const struct secret_model untrained;
    static const struct {
        const char *before, *secret, *after;
        enum secret_feature feature;
        double from, to;
    } cases[] = {
        {"key = \"", "q8Zr2Lw0", "\"", SECRET_FEATURE_QUOTED, 1, 1},
        {"key = ", "q8Zr2Lw0", "\n", SECRET_FEATURE_QUOTED, 0, 0},
        {"api_key = ", "q8Zr2Lw0", "", SECRET_FEATURE_NAMED, 1, 1},
        {"value = ", "q8Zr2Lw0", "", SECRET_FEATURE_NAMED, 0, 0},
        {"", "my-example-1", "", SECRET_FEATURE_STOPWORD, 1, 1},
        {"# an EXAMPLE: ", "q8Zr2Lw0", "", SECRET_FEATURE_CONTEXT, 1, 1},
        {"x\n# old: ", "q8Zr2Lw0", "", SECRET_FEATURE_COMMENT, 1, 1},
        {"# old\nx: ", "q8Zr2Lw0", "", SECRET_FEATURE_COMMENT, 0, 0},
        {"\"integrity\": \"", "q8Zr2Lw0", "\"", SECRET_FEATURE_HASHED, 1, 1},
        {"://u:", "q8Zr2Lw0", "@localhost/x", SECRET_FEATURE_LOCAL_HOST, 1, 1},
        {"", "0123456789", "", SECRET_FEATURE_SEQUENCE, 1, 1},
        {"", "q8Zr2Lw0", "", SECRET_FEATURE_SEQUENCE, 0, 0},
        {"", "abcXYabcXYabcXY", "", SECRET_FEATURE_PERIOD, 0.6, 0.7},
        {"", "deadBEEF01", "", SECRET_FEATURE_HEX, 1, 1},
        {"", "deadBEEF0g", "", SECRET_FEATURE_HEX, 0, 0},
        {"", "123e4567-e89b-42d3-a456-426614174000", "", SECRET_FEATURE_UUID, 1, 1},
        {"", "bm90IGEgc2VjcmV0", "", SECRET_FEATURE_DECODES, 1, 1}, /* "not a secret" */
        {"", "q8Zr2Lw0q8Zr2Lw0", "", SECRET_FEATURE_DECODES, 0, 0},
        {"x = ", "q8Zr2Lw0", "(1)", SECRET_FEATURE_CALL, 1, 1},
        {"", "aaaaaaaabbbbbbbb", "", SECRET_FEATURE_ENTROPY, 1, 4},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char body[256];
        double found[SECRET_FEATURE_COUNT];
        struct secret_scored asked = scored(cases[i].before, cases[i].secret, cases[i].after, body, sizeof body);
        secret_features(&untrained, &asked, found);
        if (found[cases[i].feature] < cases[i].from || found[cases[i].feature] > cases[i].to)
            fail_msg("case %zu: %s: %f", i, cases[i].secret, found[cases[i].feature]);
    }
}

/* Where nothing was learned the author's estimate stands, but for the path; a checksum stands everywhere. */
static void without_cases(void **state) {
    (void)state;
    static const struct secret_model untrained, trained = {.bias = -9, .is_trained = true};
    char body[64], why[96];
    double x[SECRET_FEATURE_COUNT] = {0};
    struct secret_scored asked = scored("k=", "q8Zr2Lw0", "", body, sizeof body);
    asked.confidence = 0.75;
    assert_int_equal((int)(1000 * secret_score(&untrained, &asked, x, why, sizeof why) + 0.5),
                     (int)(1000 * 0.75 + 0.5));
    asked.test_path = true;
    assert_int_equal((int)(1000 * secret_score(&untrained, &asked, x, why, sizeof why) + 0.5), (int)(1000 * 0.6 + 0.5));
    asked.cases = 0;
    assert_int_equal((int)(1000 * secret_score(&trained, &asked, x, why, sizeof why) + 0.5), (int)(1000 * 0.6 + 0.5));
    asked.cases = 9;
    assert_int_equal((int)(1000 * secret_score(&trained, &asked, x, why, sizeof why) + 0.5), (int)(1000 * 0.01 + 0.5));
    asked.certain = true;
    assert_int_equal((int)(1000 * secret_score(&trained, &asked, x, why, sizeof why) + 0.5), (int)(1000 * 0.75 + 0.5));
}

static void a_score_says_why(void **state) {
    (void)state;
    struct secret_model model = {.is_trained = true};
    char body[64], why[96], small[12];
    double x[SECRET_FEATURE_COUNT] = {0};
    struct secret_scored asked = scored("k=", "q8Zr2Lw0", "", body, sizeof body);
    model.weights[SECRET_FEATURE_CONTEXT] = -2;
    model.weights[SECRET_FEATURE_NAMED] = 1;
    model.means[SECRET_FEATURE_NAMED] = 0.5;
    x[SECRET_FEATURE_CONTEXT] = x[SECRET_FEATURE_NAMED] = 1;
    /* -2 + 0.5 of log odds */
    assert_int_equal((int)(1000 * secret_score(&model, &asked, x, why, sizeof why) + 0.5), (int)(1000 * 0.18 + 0.5));
    assert_string_equal(why, "context -2.0, named +0.5");
    (void)secret_score(&model, &asked, x, small, sizeof small);
    assert_string_equal(small, ""); /* no half sentences */
    asked.offset = 9;
    assert_int_equal((int)(1000 * secret_score(&model, &asked, x, why, sizeof why) + 0.5), (int)(1000 * 0.99 + 0.5));
}

static void mistakes(void **state) {
    (void)state;
    static const char *const cases[] = {
        "model: {}\n",
        "model: {bias: 1, weights: {}, means: {}, bigrams: []}\n",
        "model: {bias: 0.5, weights: {rule: 1}, means: {rule: 1}, bigrams: []}\n",
        "model: []\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct secret_rule_file file = {"model.yaml", span_text(cases[i])};
        struct secret_rules *rules = NULL;
        struct err err = {0};
        assert_int_equal(secret_rules_load(false, &file, 1, &rules, &err), -1);
        if (err.code != ERR_FORMAT || strstr(err.text, "model.yaml") == NULL ||
            strstr(err.text, "train_confidence.py") == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

/* The binary's own model: whole, and rules that it knows are there. */
static void the_model_is_whole(void **state) {
    (void)state;
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    struct err err = {0};
    if (secret_rules_load(true, NULL, 0, &rules, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(secret_rules_model(rules)->is_trained);
    size_t known = 0;
    for (size_t i = 0; i < secret_rules_count(rules); i++)
        known += secret_rules_at(rules, i)->score_cases > 0;
    assert_true(known > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features), cmocka_unit_test(without_cases),      cmocka_unit_test(a_score_says_why),
        cmocka_unit_test(mistakes), cmocka_unit_test(the_model_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
