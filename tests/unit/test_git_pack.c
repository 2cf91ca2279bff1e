#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/parse/git_pack.h"

static void entries_are_read(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
        enum git_kind kind;
        uint64_t unpacked, distance;
        size_t head;
    } cases[] = {
        {"\x35", 1, GIT_BLOB, 5, 0, 1},
        {"\xB5\x01", 2, GIT_BLOB, 21, 0, 2},             /* 5 + (1 << 4) */
        {"\x95\x80\x01", 3, GIT_COMMIT, 5 + 2048, 0, 3}, /* 1 << 11 */
        {"\x65\x07", 2, GIT_OFFSET_DELTA, 5, 7, 2},
        {"\x65\x80\x00", 3, GIT_OFFSET_DELTA, 5, 128, 3}, /* each further byte adds one: no two ways to write it */
        {"uaaaaaaaaaaaaaaaaaaaa", 21, GIT_HASH_DELTA, 5, 0, 21},
    };
    static const char *const bad[] = {"",     "\x05",   "\x55",
                                      "\x65", "ushort", "\xB5\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"};
    struct git_entry entry;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_true(git_entry_read(span_make(cases[i].bytes, cases[i].size), 0, 20, &entry));
        assert_int_equal(entry.kind, cases[i].kind);
        assert_int_equal(entry.size, cases[i].unpacked);
        assert_int_equal(entry.base_distance, cases[i].distance);
        assert_int_equal(entry.head_bytes, cases[i].head);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(git_entry_read(span_text(bad[i]), 0, 20, &entry));
}

static void deltas_are_applied(void **state) {
    static const struct {
        const char *delta;
        size_t size;
        const char *made; /* NULL: refused */
        enum err_code code;
    } cases[] = {
        {"\x0A\x0F\x90\x0A\x05hello", 10, "0123456789hello", ERR_NONE},
        {"\x0A\x04\x91\x03\x04", 5, "3456", ERR_NONE},
        {"\x0A\x06\x03xyz\x91\x00\x03", 9, "xyz012", ERR_NONE},
        {"\x0A\x14\x91\x03\x14", 5, NULL, ERR_FORMAT}, /* copies from beyond the base */
        {"\x0B\x04\x91\x03\x04", 5, NULL, ERR_FORMAT}, /* of another base */
        {"\x0A\x05\x91\x03\x04", 5, NULL, ERR_FORMAT}, /* less than it says */
        {"\x0A\x03\x91\x03\x04", 5, NULL, ERR_FORMAT}, /* more than it says */
        {"\x0A\x04\x00", 3, NULL, ERR_FORMAT},         /* a reserved instruction */
        {"\x0A\x04\x04xy", 5, NULL, ERR_FORMAT},       /* cut off */
        {"\x0A\xFF\x7F\x90\x0A", 5, NULL, ERR_LIMIT},  /* larger than the buffer may be */
        {"", 0, NULL, ERR_FORMAT},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = {0};
        AUTO_BUF struct buf out;
        buf_init(&out, 100);
        int result = git_delta_apply(span_text("0123456789"), span_make(cases[i].delta, cases[i].size), &out, &err);
        assert_int_equal(result, cases[i].made == NULL ? -1 : 0);
        assert_int_equal(err.code, cases[i].code);
        if (cases[i].made != NULL)
            assert_true(span_is(buf_span(&out), cases[i].made));
    }
}

static void inserts_are_told_without_a_base(void **state) {
    AUTO_BUF struct buf out;
    (void)state;
    buf_init(&out, 100);
    git_delta_inserts(span_make("\x0A\x0B\x03xyz\x91\x00\x03\x05hello\x04xy", 18), &out);
    assert_true(span_is(buf_span(&out), "xyzhello"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_read),
        cmocka_unit_test(deltas_are_applied),
        cmocka_unit_test(inserts_are_told_without_a_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
