/* Runs the examples of rules: a rule's own test. */
#include "base/hash/xxh.h"
#include "base/limits.h"
#include "base/text.h"
#include "matchers/secret/secret_example.h"
#include "matchers/secret/secret_internal.h"

#define CONFIDENCE_MIN 0.5

struct test_run {
    const struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct buf text;
    secret_rules_test_report_fn report;
    void *context;
    size_t examples, failures;
};

struct expectation {
    const struct secret_rule *rule;
    double confidence; /* the best of the rule's own hits; < 0: none */
    bool ragged;       /* a secret with white space or quotes at an end: the group is too wide */
};

static bool is_ragged_byte(uint8_t c) { return text_is_space(c) || c == '"' || c == '\'' || c == '`'; }

static int on_hit(void *context, const struct secret_hit *hit) {
    struct expectation *expectation = context;
    if (hit->rule != expectation->rule)
        return 0;
    if (hit->confidence > expectation->confidence)
        expectation->confidence = hit->confidence;
    if (is_ragged_byte(hit->secret.data[0]) || is_ragged_byte(hit->secret.data[hit->secret.size - 1]))
        expectation->ragged = true;
    return 0;
}

static double confidence_highest(const struct secret_rule *rule) {
    double highest = rule->confidence > rule->confidence_valid ? rule->confidence : rule->confidence_valid;
    return highest > rule->confidence_pair ? highest : rule->confidence_pair;
}

static void fail(struct test_run *run, const struct secret_rule *rule, struct span example, const char *reason) {
    run->failures++;
    run->report(run->context, rule, example, reason);
}

static int example_run(struct test_run *run, const struct secret_rule *rule, struct span example, size_t index,
                       bool positive, struct err *err) {
    struct expectation expectation = {.rule = rule, .confidence = -1};
    struct secret_outcome outcome;
    buf_reset(&run->text);
    uint64_t seed = xxh64_seeded(rule->id, index + 1);
    if (secret_example_fill(example, seed, &run->text, err) < 0)
        return err_wrap(err, "%s:%" PRIu32 ": rule %.*s", rule->file, rule->line, SPAN_FORMAT(rule->id));
    struct secret_input input = {.body = buf_span(&run->text)};
    if (secret_scan_all(run->engine, run->scratch, &input, true, on_hit, &expectation, &outcome, err) < 0)
        return -1;
    run->examples++;
    /* What a rule that is unlikely by itself scores is the evidence's affair. */
    double wanted = confidence_highest(rule) < CONFIDENCE_MIN ? 0 : CONFIDENCE_MIN;
    if (!positive && expectation.confidence >= 0)
        fail(run, rule, example, "a negative example is found");
    else if (positive && expectation.confidence < 0)
        fail(run, rule, example,
             outcome.allowed_count > 0 ? "a positive example is not found: an allow list suppresses it"
                                       : "a positive example is not found");
    else if (positive && expectation.confidence < wanted)
        fail(run, rule, example, "a positive example is found with too little confidence");
    else if (positive && expectation.ragged)
        fail(run, rule, example, "the group `secret` takes quotes or white space along");
    return 0;
}

static int rule_run(struct test_run *run, const struct secret_rule *rule, struct err *err) {
    for (size_t i = 0; i < rule->positive_count; i++)
        if (example_run(run, rule, rule->positives[i], i, true, err) < 0)
            return -1;
    for (size_t i = 0; i < rule->negative_count; i++)
        if (example_run(run, rule, rule->negatives[i], rule->positive_count + i, false, err) < 0)
            return -1;
    return 0;
}

int secret_rules_test(const struct secret_rules *rules, const char *file, secret_rules_test_report_fn report,
                      void *context, size_t *ret_examples, size_t *ret_failures, struct err *err) {
    AUTO_SECRET_ENGINE struct secret_engine *engine = NULL;
    AUTO_SECRET_SCRATCH struct secret_scratch *scratch = NULL;
    AUTO_BUF struct buf text = {0};
    buf_init(&text, 8 * LIMIT_SECRET_EXAMPLE_BYTES);
    if (secret_engine_new(rules, span_text("examples"), &engine, err) < 0 ||
        secret_scratch_new(engine, &scratch, err) < 0)
        return -1;
    struct test_run run = {.engine = engine, .scratch = scratch, .text = text, .report = report, .context = context};
    int result = 0;
    for (size_t i = 0; i < secret_rules_count(rules) && result == 0; i++) {
        const struct secret_rule *rule = secret_rules_at(rules, i);
        if (file == NULL || strcmp(rule->file, file) == 0)
            result = rule_run(&run, rule, err);
    }
    text = run.text; /* it grew */
    if (result < 0)
        return -1;
    *ret_examples = run.examples;
    *ret_failures = run.failures;
    return 0;
}
