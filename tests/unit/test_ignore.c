/* Entries of an ignore file: which findings they hold for, and what is said of a file that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/pipeline/ignore.h"

static int64_t at(const char *time) {
    int64_t utc_s = 0;
    assert_true(clock_parse(span_text(time), &utc_s));
    return utc_s;
}

static struct ignore *parsed(const char *text, const char *now) {
    struct ignore *ignore = NULL;
    struct err err = {0};
    if (ignore_parse(span_text(text), "ignore.yaml", at(now), &ignore, &err) < 0)
        fail_msg("%s", err.text);
    return ignore;
}

static void entries(void **state) {
    (void)state;
    static const char text[] = "ignore:\n"
                               "- id: CVE-2024-1\n"
                               "  purl: pkg:deb/debian/openssl*\n"
                               "  until: 2027-01-31\n"
                               "  reason: not reachable\n"
                               "- rule: [github-*, aws-access-key-id]\n"
                               "  path: usr/share/doc/**\n"
                               "  reason: documentation\n"
                               "- fingerprint: 01234567890123456789012345678901\n"
                               "  reason: revoked\n";
    static const struct {
        const char *id, *alias, *purl, *rule, *fingerprint, *path, *suppressed_by;
    } cases[] = {
        {"CVE-2024-1", "GHSA-1", "pkg:deb/debian/openssl@3.0", "", "", "x", "ignored until 2027-01-31: not reachable"},
        {"GHSA-1", "cve-2024-1", "pkg:deb/debian/openssl@3.0", "", "", "",
         "ignored until 2027-01-31: not reachable"}, /* by its alias, in any case */
        {"CVE-2024-1", "", "pkg:deb/debian/zlib1g@1", "", "", "", ""},
        {"CVE-2024-10", "", "pkg:deb/debian/openssl@3.0", "", "", "", ""},
        {"CVE-2024-1", "", "", "", "", "", ""}, /* a finding without a package */
        {"", "", "", "github-app-token", "f", "usr/share/doc/git/x", "ignored: documentation"},
        {"", "", "", "aws-access-key-id", "f", "usr/share/doc/git/x", "ignored: documentation"},
        {"", "", "", "aws-secret", "f", "usr/share/doc/git/x", ""},
        {"", "", "", "github-app-token", "f", "app/usr/share/doc/x", ""},
        {"", "", "", "other", "01234567890123456789012345678901", "app/x", "ignored: revoked"},
        {"", "", "", "other", "11234567890123456789012345678901", "app/x", ""},
    };
    AUTO_IGNORE struct ignore *ignore = parsed(text, "2027-01-31T23:59:59Z");
    assert_int_equal(ignore_count(ignore), 3);
    assert_int_equal(ignore_expired_count(ignore), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct span ids[] = {span_text(cases[i].id), span_text(cases[i].alias)};
        struct ignore_finding finding = {.ids = ids,
                                         .id_count = ARRAY_COUNT(ids),
                                         .purl = span_text(cases[i].purl),
                                         .rule = span_text(cases[i].rule),
                                         .fingerprint = span_text(cases[i].fingerprint),
                                         .path = span_text(cases[i].path)};
        struct span found = ignore_find(ignore, &finding);
        if (!span_is(found, cases[i].suppressed_by))
            fail_msg("case %zu: '%.*s'", i, SPAN_FORMAT(found));
        assert_int_equal(ignore_find(NULL, &finding).size, 0);
    }
}

static void expiry(void **state) {
    (void)state;
    AUTO_IGNORE struct ignore *ignore =
        parsed("ignore: [{path: '**', until: 2027-01-31, reason: until the move}]", "2027-02-01");
    struct ignore_finding finding = {.path = span_text("a")};
    assert_int_equal(ignore_count(ignore), 0);
    assert_int_equal(ignore_expired_count(ignore), 1);
    assert_int_equal(ignore_find(ignore, &finding).size, 0);
    AUTO_IGNORE struct ignore *empty = parsed("", "2027-02-01"), *null = parsed("ignore:\n", "2027-02-01");
    assert_int_equal(ignore_count(empty) + ignore_count(null), 0);
}

static void mistakes(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"- id: CVE-1\n", "expected a list of entries under 'ignore'"},
        {"ignore: CVE-1\n", "expected a list of entries under 'ignore'"},
        {"ignored: []\n", "unknown key 'ignored'"},
        {"ignore:\n- CVE-1\n", "expected an entry"},
        {"ignore:\n- reason: x\n", "would hide everything"},
        {"ignore:\n- id: CVE-1\n", "without a reason"},
        {"ignore:\n- id: CVE-1\n  reason: ''\n", "without a reason"},
        {"ignore:\n- id: []\n  reason: x\n", "empty list"},
        {"ignore:\n- id: {a: b}\n  reason: x\n", "expected a text or a list of texts"},
        {"ignore:\n- id: CVE-1\n  untill: 2027-01-01\n  reason: x\n", "unknown key 'untill'"},
        {"ignore:\n- id: CVE-1\n  until: tomorrow\n  reason: x\n", "until: expected a day"},
        {"ignore: [\n", "ignore.yaml"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ignore *ignore = NULL;
        struct err err = {0};
        assert_int_equal(ignore_parse(span_text(cases[i][0]), "ignore.yaml", 0, &ignore, &err), -1);
        if (err.code != ERR_FORMAT || strstr(err.text, cases[i][1]) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void entries_at_the_limit(void **state) {
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        AUTO_BUF struct buf text;
        buf_init(&text, 0);
        buf_format(&text, "ignore:\n");
        for (size_t i = 0; i < LIMIT_IGNORE_ENTRIES + more; i++)
            buf_format(&text, "- {rule: x%zu, reason: y}\n", i);
        struct ignore *ignore = NULL;
        struct err err = {0};
        int result = ignore_parse(buf_span(&text), "x", 0, &ignore, &err);
        assert_int_equal(result, more == 0 ? 0 : -1);
        assert_int_equal(more == 0 ? ERR_LIMIT : err.code, ERR_LIMIT);
        ignore_free(ignore);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),
        cmocka_unit_test(expiry),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(entries_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
