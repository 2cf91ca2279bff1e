/* What the worst input costs: bodies made of each rule's own literals and examples (tests/support/secret_hostile.h),
 * in ns a byte, beside the median of them all and what an ordinary text costs.
 *
 * usage: bench_hostile [KIB [RULE]]   bodies of KIB (64) KiB; RULE: only this rule's
 * Exit status 1 when one costs more than 20 times the median. */
#include <time.h>

#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "matchers/secret/secret_engine.h"
#include "tests/support/secret_hostile.h"

#define SHOWN 25
#define RATIO_MAX 20.0
#define SLOW_NS 15.0

struct cost {
    double ns; /* a byte */
    const struct secret_rule *rule;
    const char *name;
    size_t index;
    bool truncated;
    double work; /* a byte */
};

struct bench {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct buf body;
    VEC(struct cost) costs;
};

static int on_hit(void *context, const struct secret_hit *hit) {
    (void)context;
    (void)hit;
    return 0;
}

/* Of this thread alone: what other processes take is not ours. */
static uint64_t own_ns(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* cannot fail on Linux */
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* The best of three where the first was slow: caches were cold, or another process took them. */
static double body_cost(struct bench *bench, struct cost *cost) {
    double best = 0;
    for (int i = 0; i < 3 && (i == 0 || best > SLOW_NS); i++) {
        struct secret_outcome outcome = {0};
        struct secret_input input = {.body = buf_span(&bench->body)};
        uint64_t begin = own_ns();
        (void)secret_scan(bench->engine, bench->scratch, &input, on_hit, NULL, &outcome, NULL);
        double ns = (double)(own_ns() - begin) / (double)bench->body.size;
        best = i == 0 || ns < best ? ns : best;
        cost->truncated = outcome.truncated;
        cost->work = (double)outcome.work / (double)bench->body.size;
    }
    return best;
}

static bool rule_cost(struct bench *bench, const struct secret_rule *rule, size_t bytes) {
    for (size_t i = 0; i < secret_hostile_count(rule); i++) {
        struct cost cost = {.rule = rule, .index = i};
        if (!secret_hostile_make(rule, i, bytes, &bench->body, &cost.name))
            return false;
        cost.ns = body_cost(bench, &cost);
        if (!vec_push(&bench->costs, cost))
            return false;
    }
    return true;
}

static int costs_order(const void *a, const void *b) {
    double x = ((const struct cost *)a)->ns, y = ((const struct cost *)b)->ns;
    return (x < y) - (x > y);
}

static int report(struct bench *bench) {
    size_t count = bench->costs.count, beyond = 0, truncated = 0;
    if (count == 0)
        return 1;
    qsort(bench->costs.data, count, sizeof *bench->costs.data, costs_order);
    double median = bench->costs.data[count / 2].ns;
    for (size_t i = 0; i < count; i++) {
        const struct cost *cost = &bench->costs.data[i];
        beyond += cost->ns > RATIO_MAX * median;
        truncated += cost->truncated;
        if (i < SHOWN)
            (void)printf("%8.2f ns/B  work %6.2f/B  %-36.*s %s%s\n", cost->ns, cost->work, SPAN_FORMAT(cost->rule->id),
                         cost->name, cost->truncated ? " (truncated)" : "");
    }
    (void)printf(
        "bodies %zu  median %.2f ns/B  99%% %.2f  worst %.2f (%.1f times)  beyond %.0f times: %zu  truncated %zu\n",
        count, median, bench->costs.data[count / 100].ns, bench->costs.data[0].ns, bench->costs.data[0].ns / median,
        RATIO_MAX, beyond, truncated);
    return beyond > 0;
}

int main(int argc, char **argv) {
    struct bench bench = {0};
    struct err err = {0};
    uint64_t kib = 64;
    if (argc > 1 && (!text_u64(span_text(argv[1]), 10, 4096, &kib) || kib == 0)) {
        (void)fprintf(stderr, "usage: bench_hostile [KIB [RULE]]\n");
        return 2;
    }
    buf_init(&bench.body, LIMIT_GIB);
    if (secret_rules_load(true, NULL, 0, &bench.rules, &err) < 0 ||
        secret_engine_new(bench.rules, span_text("bench"), &bench.engine, &err) < 0 ||
        secret_scratch_new(bench.engine, &bench.scratch, &err) < 0) {
        (void)fprintf(stderr, "bench_hostile: %s\n", err.text);
        return 2;
    }
    bool good = true;
    for (size_t i = 0; i < secret_rules_count(bench.rules) && good; i++) {
        const struct secret_rule *rule = secret_rules_at(bench.rules, i);
        if (argc < 3 || span_is(rule->id, argv[2]))
            good = rule_cost(&bench, rule, (size_t)kib * LIMIT_KIB);
    }
    int status = good ? report(&bench) : 2;
    vec_release(&bench.costs);
    buf_release(&bench.body);
    secret_scratch_free(bench.scratch);
    secret_engine_free(bench.engine);
    secret_rules_free(bench.rules);
    return status;
}
