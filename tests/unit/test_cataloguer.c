/* What all cataloguers share, and the template that new ones are copied from. */
#include "base/limits.h"
#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

extern const struct cataloguer cataloguer_skeleton;

static const struct catalogue_case skeleton_cases[] = {
    {"lines", "x/skeleton.list", "# comment\na 1\n\n b  2 # more\n", "generic a 1\ngeneric b 2\n"},
    {"a fault in the middle", "x/skeleton.list", "a 1\nb\nc 3\n", "generic a 1\ngeneric c 3\n! FORMAT has no version"},
};

static void test_skeleton(void **state) {
    (void)state;
    assert_true(
        catalogue_case_run(&cataloguer_skeleton, CATALOGUER_COUNT, skeleton_cases, ARRAY_COUNT(skeleton_cases)));
}

struct tally {
    size_t count;
    size_t stop_at;
};

static int count_package(void *context, const struct package *package, struct err *err) {
    struct tally *tally = context;
    assert_true(package->name.size > 0 && package->version.size > 0 && package->path.size > 0);
    tally->count++;
    return tally->count == tally->stop_at ? err_set(err, ERR_CANCELED, 0, "enough") : 0;
}

static int run(const struct buf *body, struct tally *tally, struct err *err) {
    struct arena scratch;
    arena_init(&scratch, 0, 0);
    const struct catalogue_input input = {.path = span_text("lib/apk/db/installed"), .body = buf_span(body)};
    int result = catalogue_file(CATALOGUER_APK, &input, &scratch, count_package, tally, err);
    arena_release(&scratch);
    return result;
}

static void test_package_limit(void **state) {
    AUTO_BUF struct buf body;
    struct err err = {0};
    struct tally tally = {0};
    (void)state;
    buf_init(&body, 0);
    for (size_t i = 0; i < LIMIT_PACKAGES_PER_FILE; i++)
        buf_text(&body, "P:a\nV:1\n\n");
    assert_int_equal(run(&body, &tally, &err), 0);
    assert_int_equal(tally.count, LIMIT_PACKAGES_PER_FILE);
    buf_text(&body, "P:a\nV:1\n\n");
    tally.count = 0;
    assert_int_equal(run(&body, &tally, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(tally.count, LIMIT_PACKAGES_PER_FILE);
}

static void test_field_limit(void **state) {
    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        AUTO_BUF struct buf body;
        struct err err = {0};
        struct tally tally = {0};
        buf_init(&body, 0);
        buf_text(&body, "P:");
        buf_fill(&body, 'a', LIMIT_FIELD_BYTES + more);
        buf_text(&body, "\nV:1\n\nP:b\nV:1\n\n");
        assert_int_equal(run(&body, &tally, &err), more == 0 ? 0 : -1);
        assert_int_equal(tally.count, more == 0 ? 2 : 1);
        if (more == 1)
            assert_int_equal(err.code, ERR_LIMIT);
    }
}

/* A licence field of megabytes costs the licence, not the package. */
static void test_license_limit(void **state) {
    AUTO_BUF struct buf body;
    struct err err = {0};
    struct tally tally = {0};
    (void)state;
    buf_init(&body, 0);
    buf_text(&body, "P:b\nV:1\nL:");
    buf_fill(&body, 'x', 1 << 20);
    buf_text(&body, "\n\n");
    assert_int_equal(run(&body, &tally, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(tally.count, 1);
}

static void test_emitter_stops(void **state) {
    AUTO_BUF struct buf body;
    struct err err = {0};
    struct tally tally = {.stop_at = 2};
    (void)state;
    buf_init(&body, 0);
    buf_text(&body, "P:a\nV:1\n\nP:b\nV:1\n\nP:c\nV:1\n\n");
    assert_int_equal(run(&body, &tally, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(tally.count, 2);
}

/* Names in errors come from the file: they are quoted. */
static void test_error_is_printable(void **state) {
    AUTO_BUF struct buf body;
    struct err err = {0};
    struct tally tally = {0};
    (void)state;
    buf_init(&body, 0);
    buf_text(&body, "P:a\033[2Jb\n\n");
    assert_int_equal(run(&body, &tally, &err), -1);
    assert_null(strchr(err.text, '\033'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skeleton),      cmocka_unit_test(test_package_limit),
        cmocka_unit_test(test_field_limit),   cmocka_unit_test(test_license_limit),
        cmocka_unit_test(test_emitter_stops), cmocka_unit_test(test_error_is_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
