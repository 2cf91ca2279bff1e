/* base/text, base/clock, base/span: the small readers that everything foreign goes through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/reader.h"
#include "base/text.h"

static void numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned base;
        uint64_t max;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"0", 10, 9, true, 0},
        {"007", 10, 9, true, 7},
        {"9", 10, 9, true, 9},
        {"10", 10, 9, false, 0},
        {"", 10, 9, false, 0},
        {"-1", 10, 9, false, 0},
        {" 1", 10, 9, false, 0},
        {"1 ", 10, 9, false, 0},
        {"0x1", 16, 99, false, 0},
        {"ff", 16, 255, true, 255},
        {"FF", 16, 255, true, 255},
        {"8", 8, 99, false, 0},
        {"18446744073709551615", 10, UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", 10, UINT64_MAX, false, 0},
        {"99999999999999999999999", 10, UINT64_MAX, false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t value = 4711;
        assert_int_equal(text_u64(span_text(cases[i].text), cases[i].base, cases[i].max, &value), cases[i].ok);
        assert_true(value == (cases[i].ok ? cases[i].value : 4711));
    }
}

static void sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"512", true, 512},
        {"1K", true, 1024},
        {"256M", true, 256U << 20},
        {"2g", true, 2ULL << 30},
        {"1TiB", true, 1ULL << 40},
        {"3kb", true, 3072},
        {"7B", true, 7},
        {"1.5G", false, 0},
        {"M", false, 0},
        {"", false, 0},
        {"10X", false, 0},
        {"1Mx", false, 0},
        {"17179869184T", false, 0},
        {"1BB", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t value = 0;
        assert_int_equal(text_size(span_text(cases[i].text), &value), cases[i].ok);
        assert_true(value == cases[i].value);
    }
}

static void globs(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        {"*.py", "a.py", true},
        {"*.py", "d/a.py", false},
        {"**/*.py", "d/e/a.py", true},
        {"**/*.py", "a.py", true},
        {"**", "", true},
        {"**", "a/b", true},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "ab", false},
        {"**/b", "ab", false},
        {"?", "x", true},
        {"?", "/", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[!a-c]x", "dx", true},
        {"[", "[", true},
        {"[]]", "]", true},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "axxbyy", false},
        {"x/*/y", "x/z/y", true},
        {"x/*/y", "x/y", false},
        {"", "", true},
        {"", "a", false},
        {"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"lib/**", "lib/x/y", true},
        {"**/lib/dpkg/status", "var/lib/dpkg/status", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        bool match = text_glob(span_text(cases[i].pattern), span_text(cases[i].text));
        if (match != cases[i].match)
            fail_msg("glob %s on %s", cases[i].pattern, cases[i].text);
    }
}

static void utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"a", 1},
        {"\xc3\xa4", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"", 0},
        {"\x80", 0},
        {"\xc0\xaf", 0},
        {"\xed\xa0\x80", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xe2\x82", 0},
        {"\xf8\x88\x80\x80\x80", 0},
        {"\xe0\x80\xaf", 0},
        {"\xf0\x80\x80\x80", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(text_utf8_length(span_text(cases[i].text)), cases[i].length);
    assert_true(text_is_utf8(span_text("gr\xc3\xbc\xc3\x9f")));
    assert_false(text_is_utf8(span_text("gr\xfc\xdf")));
}

static void quoting(void **state) {
    (void)state;
    char out[16];
    assert_string_equal(text_quote(span_text("plain"), out, sizeof out), "plain");
    assert_string_equal(text_quote(span_text("a\nb\t\\"), out, sizeof out), "a\\nb\\t\\\\");
    assert_string_equal(text_quote(span_text("\x1b[31m"), out, sizeof out), "\\x1b[31m");
    assert_string_equal(text_quote(span_text("\xff"), out, sizeof out), "\\xff");
    assert_string_equal(text_quote(span_text("\xc2\x9b"), out, sizeof out), "\\xc2\\x9b"); /* C1 CSI drives terminals */
    assert_string_equal(text_quote(span_text("0123456789abcdefgh"), out, sizeof out), "0123456789ab\xe2\x80\xa6");
    assert_string_equal(text_quote(span_make("a\0b", 3), out, sizeof out), "a\\x00b");
}

static void cutting(void **state) {
    (void)state;
    struct span rest = span_text("a,b,");
    assert_true(span_is(text_cut(&rest, ','), "a"));
    assert_true(span_is(text_cut(&rest, ','), "b"));
    assert_non_null(rest.data); /* an empty last item is still an item */
    assert_true(span_is(text_cut(&rest, ','), ""));
    assert_null(rest.data);
}

static void times(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"2024-02-29T12:34:56Z", true, 1709210096},
        {"2024-02-29T12:34:56.789Z", true, 1709210096},
        {"2024-02-29T14:34:56+02:00", true, 1709210096},
        {"2024-02-29", true, 1709164800},
        {"0001-01-01T00:00:00Z", true, -62135596800},
        {"2024-13-01", false, 0},
        {"2024-02-29T25:00:00Z", false, 0},
        {"yesterday", false, 0},
        {"", false, 0},
        {"2024-02-29T12:34:56+2:00", false, 0},
        {"2024-02-29T12:34", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t value = 0;
        char text[CLOCK_TEXT_SIZE], again[CLOCK_TEXT_SIZE];
        assert_int_equal(clock_parse(span_text(cases[i].text), &value), cases[i].ok);
        assert_true(value == cases[i].value);
        if (cases[i].ok && cases[i].value >= 0) {
            int64_t back;
            assert_true(clock_parse(span_text(clock_text(value, text)), &back));
            assert_true(back == value);
            assert_string_equal(clock_text(back, again), text);
        }
    }
}

static void reading(void **state) {
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct reader r = reader_init(span_make(bytes, sizeof bytes));
    assert_int_equal(read_be16(&r), 0x0102);
    assert_int_equal(read_le16(&r), 0x0403);
    assert_int_equal(read_be32(&r), 0x05060708);
    assert_int_equal(reader_left(&r), 1);
    assert_int_equal(read_le32(&r), 0); /* does not fit */
    assert_true(r.failed);
    assert_int_equal(r.offset, 8);    /* the place of the failure */
    assert_int_equal(read_u8(&r), 0); /* sticky */
    struct reader lines = reader_init(span_text("a\r\n\nlast"));
    struct span line;
    assert_true(read_line(&lines, &line) && span_is(line, "a"));
    assert_true(read_line(&lines, &line) && span_is(line, ""));
    assert_true(read_line(&lines, &line) && span_is(line, "last"));
    assert_false(read_line(&lines, &line));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(sizes),   cmocka_unit_test(globs), cmocka_unit_test(utf8),
        cmocka_unit_test(quoting), cmocka_unit_test(cutting), cmocka_unit_test(times), cmocka_unit_test(reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
