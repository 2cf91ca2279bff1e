/* Gitleaks configurations as rules of ours: what becomes of each key, and what is said of those that have no like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "matchers/secret/secret_engine.h"
#include "matchers/secret/secret_gitleaks.h"

/* Made up, as every secret here. */
static const char toml[] =
    "title = 'made up'\n"
    "[extend]\nuseDefault = true\n"
    "[allowlist]\nstopwords = ['not+real']\n"
    "[[rules]]\nid = 'acme_Key'\ndescription = 'ACME \"key\"'\n"
    "regex = '''(?i)(acme|apex)_([a-z0-9]{8})\\b'''\nsecretGroup = 2\nentropy = 2\nkeywords = ['acme']\n"
    "[rules.allowlist]\nregexes = ['''^test''']\npaths = ['doc']\n"
    "[[rules]]\nid = 'whole'\nregex = '''zz-(?:[0-9(]{6})'''\nkeywords = ['elsewhere']\n"
    "[[rules]]\nid = 'first'\nregex = '''yy=([0-9]{6})'''\n"
    "[[rules.allowlists]]\nregexTarget = 'line'\nregexes = ['x']\n"
    "[[rules]]\nid = 'files'\npath = '''\\.pem$'''\n";

static int on_hit(void *context, const struct secret_hit *hit) {
    struct buf *found = context;
    buf_format(found, "%.*s=%.*s ", SPAN_FORMAT(hit->rule->id), SPAN_FORMAT(hit->secret));
    return 0;
}

static void rules_find(void **state) {
    (void)state;
    AUTO_BUF struct buf out, notes, found;
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    AUTO_SECRET_ENGINE struct secret_engine *engine = NULL;
    AUTO_SECRET_SCRATCH struct secret_scratch *scratch = NULL;
    struct secret_outcome outcome;
    struct err err = {0};
    buf_init(&out, LIMIT_MIB);
    buf_init(&notes, LIMIT_MIB);
    buf_init(&found, LIMIT_MIB);
    if (secret_gitleaks_convert(span_text(toml), "g.toml", &out, &notes, &err) < 0)
        fail_msg("%s", err.text);
    struct secret_rule_file file = {"g.toml", buf_span(&out)};
    if (secret_rules_load(false, &file, 1, &rules, &err) < 0 ||
        secret_engine_new(rules, span_text("k"), &engine, &err) < 0 || secret_scratch_new(engine, &scratch, &err) < 0)
        fail_msg("%s\n%.*s", err.text, SPAN_FORMAT(buf_span(&out)));
    static const char body[] = "a ACME_q8zr2lw0 b\nacme_test2lw0 acme_not+real apex_q8zr2lw1\n"
                               "elsewhere zz-12(456\nyy=123456 yy=12345\n";
    struct secret_input input = {.body = span_text(body)};
    assert_int_equal(secret_scan(engine, scratch, &input, on_hit, &found, &outcome, &err), 0);
    buf_byte(&found, 0);
    assert_string_equal((const char *)found.data,
                        "gitleaks-acme-key=q8zr2lw0 gitleaks-whole=zz-12(456 gitleaks-first=123456 ");
    static const char *const said[] = {"'extend' is left out", "allow list on paths", "within 4096 bytes",
                                       "no keywords: the rule", "match or the line"};
    buf_byte(&notes, 0);
    for (size_t i = 0; i < ARRAY_COUNT(said); i++)
        if (strstr((const char *)notes.data, said[i]) == NULL)
            fail_msg("'%s' is not in %s", said[i], (const char *)notes.data);
    assert_non_null(strstr((const char *)notes.data, "files: a rule by path alone"));
}

static void mistakes(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"rules = 1\n", "[[rules]]"}, {"[[rules]\n", "g.toml"}, {"", "[[rules]]"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf out, notes;
        struct err err = {0};
        buf_init(&out, LIMIT_MIB);
        buf_init(&notes, LIMIT_MIB);
        assert_int_equal(secret_gitleaks_convert(span_text(cases[i][0]), "g.toml", &out, &notes, &err), -1);
        if (err.code != ERR_FORMAT || strstr(err.text, cases[i][1]) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rules_find), cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
