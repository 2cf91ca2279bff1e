#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/vec.h"
#include "matchers/secret/secret_engine.h"
#include "tests/support/secret_hostile.h"

#define BODY_BYTES ((size_t)4 * LIMIT_KIB)
#define RATIO_MAX 20.0
#define FLOOR_NS 40.0 /* a byte: below this nothing is slow, whatever the median is */

static int on_hit(void *context, const struct secret_hit *hit) {
    (void)context;
    (void)hit;
    return 0;
}

static uint64_t own_ns(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

struct fixture {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct buf body;
};

static double cost_of(struct fixture *fixture, struct secret_outcome *ret_outcome) {
    struct secret_input input = {.body = buf_span(&fixture->body)};
    struct err err = {0};
    uint64_t begin = own_ns();
    if (secret_scan(fixture->engine, fixture->scratch, &input, on_hit, NULL, ret_outcome, &err) < 0)
        fail_msg("%s", err.text);
    return (double)(own_ns() - begin) / (double)input.body.size;
}

static int doubles_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* For every rule one body made against it, another one in turn: bench/micro/bench_hostile tries them all. The work that
 * is counted stays within what a body may cost, and what is counted is what it takes. */
static void test_no_rule_can_be_made_slow(void **state) {
    (void)state;
    struct fixture fixture = {0};
    struct err err = {0};
    VEC(double) costs = {0};
    buf_init(&fixture.body, LIMIT_MIB);
    if (secret_rules_load(true, NULL, 0, &fixture.rules, &err) < 0 ||
        secret_engine_new(fixture.rules, span_text("test"), &fixture.engine, &err) < 0 ||
        secret_scratch_new(fixture.engine, &fixture.scratch, &err) < 0)
        fail_msg("%s", err.text);
    for (int pass = 0; pass < 2; pass++) {
        double median = costs.count == 0 ? 0 : costs.data[costs.count / 2];
        for (size_t i = 0; i < secret_rules_count(fixture.rules); i++) {
            const struct secret_rule *rule = secret_rules_at(fixture.rules, i);
            const char *name = NULL;
            struct secret_outcome outcome = {0};
            assert_true(secret_hostile_make(rule, i % secret_hostile_count(rule), BODY_BYTES, &fixture.body, &name));
            double cost = cost_of(&fixture, &outcome);
            assert_true(outcome.work <= LIMIT_SECRET_WORK_FLOOR + LIMIT_SECRET_WORK_RATIO * BODY_BYTES);
            if (pass == 0) {
                assert_true(vec_push(&costs, cost));
                continue;
            }
            /* Another process may have taken the processor's caches: it has to be slow each time. */
            for (int again = 0; again < 5 && cost > RATIO_MAX * median && cost > FLOOR_NS; again++)
                cost = cost_of(&fixture, &outcome);
            if (cost > RATIO_MAX * median && cost > FLOOR_NS)
                fail_msg("%.*s: %s: %.1f ns a byte, the median is %.1f", SPAN_FORMAT(rule->id), name, cost, median);
        }
        qsort(costs.data, costs.count, sizeof *costs.data, doubles_order);
    }
    vec_release(&costs);
    buf_release(&fixture.body);
    secret_scratch_free(fixture.scratch);
    secret_engine_free(fixture.engine);
    secret_rules_free(fixture.rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_rule_can_be_made_slow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
