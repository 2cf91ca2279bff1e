/* Causes: each image once, alike ones together, a bound on how many are told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/pipeline/totals.h"

static void grouped(void **state) {
    (void)state;
    struct totals totals = {0};
    totals_cause(&totals, SCAN_FAILED, STAGE_MANIFEST, ERR_AUTH, span_text("r/a:1"),
                 span_text("expected 200, found 401"));
    totals_cause(&totals, SCAN_FAILED, STAGE_MANIFEST, ERR_AUTH, span_text("r/b:1"), span_text("something else"));
    totals_cause(&totals, SCAN_PARTIAL, STAGE_MANIFEST, ERR_AUTH, span_text("r/c:1"), span_text("x"));
    totals_cause(&totals, SCAN_FAILED, STAGE_FETCH, ERR_AUTH, span_text("r/d:1"), span_text("x"));
    totals_cause(&totals, SCAN_FAILED, STAGE_FETCH, ERR_NET, span_text("r/e:1"), span_text("x"));
    totals_cause(&totals, SCAN_SKIPPED, STAGE_RESOLVE, ERR_NONE, span_text("r/f:1"),
                 span_text("signature of sha256:1"));
    totals_cause(&totals, SCAN_SKIPPED, STAGE_FETCH, ERR_NET, span_text("r/g:1"), span_text("signature of sha256:2"));
    totals_cause(&totals, SCAN_SKIPPED, STAGE_RESOLVE, ERR_NONE, span_text("r/h:1"),
                 span_text("Helm chart, not an image"));
    totals_cause(&totals, SCAN_SKIPPED, STAGE_RESOLVE, ERR_NONE, span_text("r/i:1"), span_text("other platform"));
    static const struct {
        const char *what, *code, *example;
        uint64_t images;
    } expected[] = {{"manifest", "AUTH", "r/a:1", 2},  {"manifest", "AUTH", "r/c:1", 1}, {"fetch", "AUTH", "r/d:1", 1},
                    {"fetch", "NET", "r/e:1", 1},      {"signature", "", "r/f:1", 2},    {"Helm chart", "", "r/h:1", 1},
                    {"other platform", "", "r/i:1", 1}};
    assert_int_equal(totals.cause_count, ARRAY_COUNT(expected));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_true(span_is(totals.causes[i].what, expected[i].what));
        assert_true(span_is(totals.causes[i].code, expected[i].code));
        assert_true(span_is(totals.causes[i].example, expected[i].example));
        assert_int_equal(totals.causes[i].images, expected[i].images);
    }
}

/* Artifacts of a thousand types: every image is counted, and nothing grows. */
static void bounded(void **state) {
    (void)state;
    struct totals totals = {0};
    static char reasons[1000][32];
    for (size_t i = 0; i < 1000; i++) {
        (void)snprintf(reasons[i], sizeof reasons[i], "artifact %zu", i);
        totals_cause(&totals, SCAN_SKIPPED, STAGE_RESOLVE, ERR_NONE, span_text("r"), span_text(reasons[i]));
    }
    assert_int_equal(totals.cause_count, TOTALS_CAUSES_MAX);
    assert_int_equal(totals.causes[TOTALS_CAUSES_MAX - 1].images, 1000 - (TOTALS_CAUSES_MAX - 1));
    assert_int_equal(totals.causes[TOTALS_CAUSES_MAX - 1].what.size, 0);
    struct arena arena;
    static struct totals copy;
    arena_init(&arena, 0, 0);
    assert_true(totals_copy(&arena, &totals, &copy));
    memset(reasons, 'x', sizeof reasons);
    assert_true(span_is(copy.causes[0].what, "artifact 0"));
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(grouped), cmocka_unit_test(bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
