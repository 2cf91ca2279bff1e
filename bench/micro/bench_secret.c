/* What the secret engine costs on a file: Hyperscan alone on the same literals, the engine's literal search, and the
 * whole.
 *
 * usage: bench_secret FILE [RUNS]     prints a line each: name, GB/s (median of RUNS, default 7), counts
 *
 * The file is searched in pieces of LIMIT_BODY_BYTES, as the pipeline hands bodies over; it is in memory before the
 * clock starts. */
#include "base/prelude.h"

#include <hs/hs.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/file/file.h"
#include "matchers/secret/secret_dig.h"

#define RUNS_MAX 64

struct bench {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct secret_dig *dig;
    hs_database_t *bare;
    hs_scratch_t *bare_scratch;
    struct span bytes;
    uint64_t work; /* of the last scan of all */
};

static int on_bare(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    (void)id, (void)from, (void)to, (void)flags;
    ++*(uint64_t *)context;
    return 0;
}

static int on_hit(void *context, const struct secret_hit *hit) {
    (void)context;
    (void)hit;
    return 0;
}

/* The same literals as the engine's, in a database of our own: what Hyperscan does without us. */
static bool bare_make(struct bench *bench) {
    VEC(const char *) texts = {0};
    VEC(unsigned) flags = {0};
    VEC(unsigned) ids = {0};
    VEC(size_t) sizes = {0};
    bool good = true;
    for (size_t i = 0; i < secret_rules_count(bench->rules); i++) {
        const struct secret_rule *rule = secret_rules_at(bench->rules, i);
        for (size_t j = 0; j < rule->literal_count && good; j++) {
            unsigned id = (unsigned)ids.count;
            bool seen = false;
            for (size_t k = 0; k < texts.count; k++)
                seen = seen || (text_equal_nocase(span_make(texts.data[k], sizes.data[k]), rule->literals[j]) &&
                                flags.data[k] == (rule->nocase ? HS_FLAG_CASELESS : 0U));
            if (!seen)
                good = vec_push(&texts, (const char *)rule->literals[j].data) &&
                       vec_push(&sizes, rule->literals[j].size) &&
                       vec_push(&flags, rule->nocase ? HS_FLAG_CASELESS : 0U) && vec_push(&ids, id);
        }
    }
    hs_compile_error_t *error = NULL;
    good = good &&
           hs_compile_lit_multi(texts.data, flags.data, ids.data, sizes.data, (unsigned)texts.count, HS_MODE_BLOCK,
                                NULL, &bench->bare, &error) == HS_SUCCESS &&
           hs_alloc_scratch(bench->bare, &bench->bare_scratch) == HS_SUCCESS;
    (void)printf("rules %zu  literals %zu  bytes %zu\n", secret_rules_count(bench->rules), texts.count,
                 bench->bytes.size);
    vec_release(&texts);
    vec_release(&flags);
    vec_release(&ids);
    vec_release(&sizes);
    return good;
}

static uint64_t run_bare(struct bench *bench, struct span piece) {
    uint64_t hits = 0;
    (void)hs_scan(bench->bare, (const char *)piece.data, (unsigned)piece.size, 0, bench->bare_scratch, on_bare, &hits);
    return hits;
}

static uint64_t run_literals(struct bench *bench, struct span piece) {
    uint64_t hits = 0;
    (void)secret_scan_literals(bench->engine, bench->scratch, piece, &hits, NULL);
    return hits;
}

static uint64_t run_scan(struct bench *bench, struct span piece) {
    struct secret_outcome outcome = {0};
    struct secret_input input = {.body = piece};
    (void)secret_scan(bench->engine, bench->scratch, &input, on_hit, NULL, &outcome, NULL);
    bench->work += outcome.work;
    return outcome.hit_count;
}

/* With what is encoded in it; archives are told by their beginning, and these are windows. */
static uint64_t run_dig(struct bench *bench, struct span piece) {
    struct secret_outcome outcome = {0};
    struct secret_input input = {.body = piece, .path = span_text("file")};
    (void)secret_dig(bench->dig, &input, false, on_hit, NULL, &outcome, NULL);
    return outcome.hit_count;
}

static int compare_times(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of this thread alone: what other processes take is not ours. */
static uint64_t own_ns(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* cannot fail on Linux */
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

struct mode {
    const char *name;
    uint64_t (*run)(struct bench *, struct span);
    uint64_t count;
    double times[RUNS_MAX], rate;
};

/* Each mode in turn over one piece after the other, so that a change of the machine's pace meets all of them alike. */
static void measure(struct bench *bench, struct mode *modes, size_t mode_count, uint64_t runs) {
    for (uint64_t i = 0; i < runs; i++) {
        bench->work = 0;
        for (size_t mode = 0; mode < mode_count; mode++)
            modes[mode].count = 0;
        for (size_t at = 0; at < bench->bytes.size; at += LIMIT_BODY_BYTES)
            for (size_t mode = 0; mode < mode_count; mode++) {
                uint64_t begin = own_ns();
                modes[mode].count += modes[mode].run(bench, span_slice(bench->bytes, at, LIMIT_BODY_BYTES));
                modes[mode].times[i] += (double)(own_ns() - begin) / 1e9;
            }
    }
    for (size_t i = 0; i < mode_count; i++) {
        struct mode *mode = &modes[i];
        qsort(mode->times, runs, sizeof *mode->times, compare_times);
        mode->rate = (double)bench->bytes.size / 1e9 / mode->times[runs / 2];
        (void)printf("%-16s %6.3f GB/s  (slowest %.3f)  count %" PRIu64 "\n", mode->name, mode->rate,
                     (double)bench->bytes.size / 1e9 / mode->times[runs - 1], mode->count);
    }
}

int main(int argc, char **argv) {
    struct bench bench = {0};
    struct err err = {0};
    struct buf bytes;
    uint64_t runs = 7;
    buf_init(&bytes, 4 * LIMIT_GIB);
    if (argc < 2 || (argc > 2 && !text_u64(span_text(argv[2]), 10, RUNS_MAX, &runs)) || runs == 0) {
        (void)fprintf(stderr, "usage: bench_secret FILE [RUNS]\n");
        return 2;
    }
    uint64_t begin = clock_ns();
    if (file_read(argv[1], &bytes, &err) < 0 || secret_rules_load(true, NULL, 0, &bench.rules, &err) < 0 ||
        secret_engine_new(bench.rules, span_text("bench"), &bench.engine, &err) < 0 ||
        secret_scratch_new(bench.engine, &bench.scratch, &err) < 0 ||
        secret_dig_new(bench.engine, &SECRET_DIG_DEFAULT, &bench.dig, &err) < 0) {
        (void)fprintf(stderr, "bench_secret: %s\n", err.text);
        return 1;
    }
    bench.bytes = buf_span(&bytes);
    if (!bare_make(&bench))
        return 1;
    (void)printf("start %.0f ms\n", (double)(clock_ns() - begin) / 1e6);
    struct mode modes[] = {{.name = "hyperscan", .run = run_bare},
                           {.name = "literals", .run = run_literals},
                           {.name = "scan", .run = run_scan},
                           {.name = "scan and decode", .run = run_dig}};
    measure(&bench, modes, ARRAY_COUNT(modes), runs);
    (void)printf(
        "literals/hyperscan %.2f (wanted 0.80)  scan/literals %.2f (wanted 0.60)  with decoding/literals %.2f  "
        "work %.3f per byte\n",
        modes[1].rate / modes[0].rate, modes[2].rate / modes[1].rate, modes[3].rate / modes[1].rate,
        (double)bench.work / (double)bench.bytes.size);
    secret_dig_free(bench.dig);
    secret_scratch_free(bench.scratch);
    secret_engine_free(bench.engine);
    secret_rules_free(bench.rules);
    (void)hs_free_scratch(bench.bare_scratch);
    (void)hs_free_database(bench.bare);
    buf_release(&bytes);
    return 0;
}
