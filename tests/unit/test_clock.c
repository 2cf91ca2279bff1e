#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_both_ways(void **state) {
    (void)state;
    static const struct {
        int64_t utc_s;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {1714564800, "2024-05-01T12:00:00Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {-48135859142, "0444-08-20T00:00:58Z"},
        {-62135596800, "0001-01-01T00:00:00Z"},
        {CLOCK_TEXT_MIN, "0000-01-01T00:00:00Z"},
        {CLOCK_TEXT_MAX, "9999-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[CLOCK_TEXT_SIZE];
        int64_t utc_s;
        assert_string_equal(clock_text(cases[i].utc_s, text), cases[i].text);
        assert_true(clock_parse(span_text(cases[i].text), &utc_s));
        assert_true(utc_s == cases[i].utc_s);
    }
}

static void test_http_dates(void **state) {
    (void)state;
    int64_t utc_s = 0;
    assert_true(clock_parse_http(span_text("Sun, 06 Nov 1994 08:49:37 GMT"), &utc_s));
    assert_true(utc_s == 784111777);
    assert_true(clock_parse_http(span_text("Thu, 29 Feb 2024 23:59:60 GMT"), &utc_s));
    assert_true(utc_s == 1709251200);
    static const char *const bad[] = {"",
                                      "Sun",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      "Sun, 00 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 anF 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 94 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 24:49:37 GMT"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        if (clock_parse_http(span_text(bad[i]), &utc_s))
            fail_msg("'%s' passed", bad[i]);
    }
}

static void test_edges(void **state) {
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    int64_t utc_s;
    assert_string_equal(clock_text(CLOCK_TEXT_MAX + 1, text), "9999-12-31T23:59:59Z");
    assert_string_equal(clock_text(INT64_MAX, text), "9999-12-31T23:59:59Z");
    assert_string_equal(clock_text(INT64_MIN, text), "0000-01-01T00:00:00Z");
    assert_false(clock_parse(span_text("0000-01-01T00:00:00+00:01"), &utc_s));
    assert_false(clock_parse(span_text("9999-12-31T23:59:59-00:01"), &utc_s));
    assert_false(clock_parse(span_text("2024-13-01"), &utc_s));
    assert_false(clock_parse(span_text("2024-05-01T12:00:00Zx"), &utc_s));
    assert_false(clock_parse(span_text(""), &utc_s));
    assert_true(clock_parse(span_text("2024-05-01t14:00:00.123+02:00"), &utc_s) && utc_s == 1714564800);
    assert_true(clock_parse(span_text("2024-05-01"), &utc_s) && utc_s == 1714521600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_http_dates),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
