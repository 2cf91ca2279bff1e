/* Which images are wanted: patterns, dates, the newest of each repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/pipeline/selection.h"

static void names(void **state) {
    (void)state;
    static const struct {
        const char *include, *exclude; /* or NULL */
        const char *repository, *tag;
        bool wanted;
    } cases[] = {
        {NULL, NULL, "team/app", "1", true},
        {"team/*", NULL, "team/app", "1", true},
        {"team/*", NULL, "team/app", "", true},
        {"team/*", NULL, "team/a/b", "1", false}, /* `*` stays in its component */
        {"team/*", NULL, "team/a/b", "", false},
        {"team/**", NULL, "team/a/b", "1", true},
        {"**/app", NULL, "app", "1", true},
        {"team", NULL, "team/app", "1", false},
        {"team/a*1", NULL, "team/app", "1", false}, /* no colon: the tag takes no part */
        {"team/app:1.*", NULL, "team/app", "1.2", true},
        {"team/app:1.*", NULL, "team/app", "2.0", false},
        {"team/app:1.*", NULL, "team/app", "", true}, /* some tag may match */
        {"team/app:1.*", NULL, "team/other", "", false},
        {"**:latest", NULL, "a/b/c", "latest", true},
        {"**:latest", NULL, "a/b/c", "", true},
        {"team/[a:]pp", NULL, "other/app", "", true}, /* a class: cannot be told before the tag is known */
        {NULL, "team/*", "team/app", "1", false},
        {NULL, "team/*", "team/app", "", false},
        {NULL, "**:dev-*", "team/app", "dev-3", false},
        {NULL, "**:dev-*", "team/app", "1", true},
        {NULL, "**:dev-*", "team/app", "", true},
        {NULL, "**:*", "team/app", "", true}, /* no tag is wanted, and only the tags tell */
        {NULL, "**:*", "team/app", "1", false},
        {"team/*", "team/app", "team/app", "1", false}, /* exclusion wins */
        {"team/*", "team/app", "team/b", "1", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct span include = span_text(cases[i].include), exclude = span_text(cases[i].exclude);
        struct selection selection = {.includes = &include,
                                      .include_count = cases[i].include != NULL,
                                      .excludes = &exclude,
                                      .exclude_count = cases[i].exclude != NULL};
        if (selection_wants_name(&selection, span_text(cases[i].repository), span_text(cases[i].tag)) !=
            cases[i].wanted)
            fail_msg("case %zu: %s:%s", i, cases[i].repository, cases[i].tag);
    }
    assert_true(selection_wants_name(NULL, span_text("a"), span_text("b")));
}

static void several_patterns(void **state) {
    (void)state;
    struct span includes[] = {SPAN_LITERAL("a/*"), SPAN_LITERAL("b/*:1")},
                excludes[] = {SPAN_LITERAL("a/x"), SPAN_LITERAL("a/y:2")};
    struct selection selection = {.includes = includes, .include_count = 2, .excludes = excludes, .exclude_count = 2};
    assert_true(selection_wants_name(&selection, span_text("a/z"), span_text("9")));
    assert_true(selection_wants_name(&selection, span_text("b/z"), span_text("1")));
    assert_false(selection_wants_name(&selection, span_text("b/z"), span_text("2")));
    assert_false(selection_wants_name(&selection, span_text("a/x"), span_text("1")));
    assert_false(selection_wants_name(&selection, span_text("a/y"), span_text("2")));
    assert_true(selection_wants_name(&selection, span_text("a/y"), span_text("1")));
    assert_false(selection_wants_name(&selection, span_text("c/z"), span_text("1")));
}

static void times(void **state) {
    (void)state;
    struct selection selection = {.has_since = true, .since_utc_s = 1000};
    assert_false(selection_wants_time(&selection, 999));
    assert_true(selection_wants_time(&selection, 1000));
    assert_true(selection_wants_time(NULL, INT64_MIN));
    selection.has_since = false;
    assert_true(selection_wants_time(&selection, 0));
}

static void natural_order(void **state) {
    (void)state;
    static const char *const ascending[] = {"",   "1",      "1.2", "1.9", "1.10", "2",
                                            "10", "latest", "v1",  "v01", "v2",   "v10"};
    for (size_t i = 0; i < ARRAY_COUNT(ascending); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(ascending); j++) {
            int order = selection_natural_compare(span_text(ascending[i]), span_text(ascending[j]));
            int expected = (i > j) - (i < j);
            if (strcmp(ascending[i], "v01") == 0 && strcmp(ascending[j], "v1") == 0)
                expected = -1; /* the same number: byte order */
            else if (strcmp(ascending[i], "v1") == 0 && strcmp(ascending[j], "v01") == 0)
                expected = 1;
            if ((order > 0) - (order < 0) != expected)
                fail_msg("%s and %s: %d", ascending[i], ascending[j], order);
        }
    }
}

static void newest(void **state) {
    (void)state;
    struct selection selection = {.newest = 2};
    static const struct {
        const char *repository, *tag;
        int64_t created; /* -1: unknown */
        bool stays;
    } cases[] = {
        {"a", "old", 10, false},   {"a", "new", 30, true},   {"a", "middle", 20, true}, /* by time */
        {"a", "none", -1, false},                                                       /* unknown is oldest */
        {"b", "1.9", 5, false},    {"b", "1.10", 5, true},   {"b", "1.11", 5, true},    /* by natural order */
        {"c", "only", -1, true},                                                        /* fewer than there is room */
        {"d", "multi", 1, true},   {"d", "multi", 50, true}, {"d", "two", 40, true},
        {"d", "three", 30, false}, /* the platforms of a tag are one tag */
        {"d", "", 0, true},        /* by digest: somebody named it */
        {"e", "2", -1, true},      {"e", "10", -1, true},    {"e", "1", -1, false},
    };
    struct selection_item items[ARRAY_COUNT(cases)];
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        items[i] = (struct selection_item){.repository = span_text(cases[i].repository),
                                           .tag = span_text(cases[i].tag),
                                           .has_created = cases[i].created >= 0,
                                           .created_utc_s = cases[i].created};
    assert_true(selection_newest(&selection, items, ARRAY_COUNT(cases)));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (items[i].stays != cases[i].stays)
            fail_msg("%s:%s", cases[i].repository, cases[i].tag);
    }
    selection.newest = 0;
    assert_true(selection_newest(&selection, items, ARRAY_COUNT(cases)));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_true(items[i].stays);
    assert_true(selection_newest(&selection, NULL, 0));
}

static void newest_out_of_memory(void **state) {
    (void)state;
    struct selection selection = {.newest = 1};
    struct selection_item items[2] = {{.repository = SPAN_LITERAL("a"), .tag = SPAN_LITERAL("1")},
                                      {.repository = SPAN_LITERAL("a"), .tag = SPAN_LITERAL("2")}};
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_after(n, false);
        assert_false(selection_newest(&selection, items, 2));
    }
    mem_fail_after(0, false);
    assert_true(selection_newest(&selection, items, 2));
    assert_true(!items[0].stays && items[1].stays);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),  cmocka_unit_test(several_patterns), cmocka_unit_test(times),
        cmocka_unit_test(newest), cmocka_unit_test(natural_order),    cmocka_unit_test(newest_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
