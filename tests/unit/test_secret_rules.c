#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "matchers/secret/secret_example.h"
#include "matchers/secret/secret_rule.h"

static void on_failure(void *context, const struct secret_rule *rule, struct span example, const char *reason) {
    (void)context;
    print_error("%s:%u: %.*s: %s: %.*s\n", rule->file, rule->line, SPAN_FORMAT(rule->id), reason, SPAN_FORMAT(example));
}

static void every_example_of_every_rule_holds(void **state) {
    (void)state;
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    struct err err = {0};
    size_t examples = 0, failures = 0;
    assert_int_equal(secret_rules_load(true, NULL, 0, &rules, &err), 0);
    assert_true(secret_rules_count(rules) >= 40);
    assert_int_equal(secret_rules_test(rules, NULL, on_failure, NULL, &examples, &failures, &err), 0);
    assert_int_equal(failures, 0);
    assert_true(examples >= 5 * secret_rules_count(rules));
}

/* A good file; the cases below replace a piece of it. */
static const char good[] = "provider: acme\n"
                           "rules:\n"
                           "- id: acme-key\n"
                           "  description: a key\n"
                           "  severity: high\n"
                           "  confidence: 0.9\n"
                           "  literals: [acme_]\n"
                           "  expression: '{{start}}(?<secret>acme_[0-9a-f]{20}){{end}}'\n"
                           "  examples:\n"
                           "    positive: ['k=acme_{{hex:20}}', 'acme_{{hex:20}}']\n"
                           "    negative: ['acme_', 'acme_{{hex:19}}', 'xacme_{{hex:20}}']\n";

static void count_failure(void *context, const struct secret_rule *rule, struct span example, const char *reason) {
    (void)rule;
    (void)example;
    (void)reason;
    ++*(size_t *)context;
}

static int load(const char *text, struct secret_rules **ret_rules, struct err *err) {
    struct secret_rule_file file = {"acme.yaml", span_text(text)};
    return secret_rules_load(false, &file, 1, ret_rules, err);
}

/* `good` with its first `from` replaced by `to`. */
static void edit(struct buf *out, const char *from, const char *to) {
    struct span text = span_text(good), needle = span_text(from);
    size_t at = span_find(text, needle, 0);
    assert_true(at != SIZE_MAX);
    buf_reset(out);
    buf_add(out, span_slice(text, 0, at));
    buf_text(out, to);
    buf_add(out, span_from(text, at + needle.size));
    buf_byte(out, 0);
    assert_false(out->failed);
}

static const struct {
    const char *from, *to, *message; /* the message has this in it, and file and line before */
} malformed[] = {
    {"provider: acme\n", "", "'provider' is missing"},
    {"provider: acme", "provider: Acme Inc", "'provider' must be lower case"},
    {"  severity", "  sevirity", "acme.yaml:5: unknown key 'sevirity'"},
    {"severity: high", "severity: dire", "acme.yaml:5: 'severity' must be"},
    {"id: acme-key", "id: other-key", "must begin with 'acme-'"},
    {"id: acme-key", "id: Acme_Key", "needs an 'id' of lower case"},
    {"confidence: 0.9", "confidence: 1.9", "acme.yaml:6: 'confidence' must be a number from 0 to 1"},
    {"confidence: 0.9", "confidence: high", "'confidence' must be a number"},
    {"  confidence: 0.9\n", "", "needs description, severity and confidence"},
    {"[acme_]", "[ac]", "literal 'ac' must have 3 to 64 bytes"},
    {"[acme_]", "acme_", "'literals' must be a list"},
    {"(?<secret>", "(?<other>", "no group named secret"},
    {"(?<secret>", "(?<secret>(", "does not compile"},
    {"{{end}}", "{{finish}}", "unknown {{finish}} in an expression"},
    {"  literals", "  literals: [acme_]\n  literals", "'literals' stands twice"},
    {"  literals", "  validator: none_such\n  literals", "unknown validator 'none_such'"},
    {"  literals", "  confidence_valid: 0.9\n  literals", "need a 'validator'"},
    {"  literals", "  pair: acme-other\n  literals", "'pair' needs 'confidence_pair'"},
    {"  literals", "  pair: acme-other\n  confidence_pair: 1\n  literals", "'pair' names no rule: 'acme-other'"},
    {"  literals", "  max_bytes: 99999\n  literals", "'max_bytes' must be a whole number from 0 to 16384"},
    {"  literals", "  max_bytes: 0\n  literals", "'max_bytes' must be at least 1"},
    {"  literals", "  nocase: maybe\n  literals", "'nocase' must be true or false"},
    {"  literals", "  behind: true\n  before_bytes: 4\n  literals", "'behind' needs 'literals' and no 'before_bytes'"},
    {"  literals", "  yields: 1\n  literals", "'yields' must be true or false"},
    {"  literals", "  require: [vowel]\n  literals", "'require' knows"},
    {"  literals", "  allow: ['(']\n  literals", "allow: expression does not compile"},
    {", 'acme_{{hex:20}}'", "", "needs 2 positive and 3 negative examples"},
    {", 'xacme_{{hex:20}}'", "", "needs 2 positive and 3 negative examples"},
    {"    positive", "    postive", "'examples' holds only positive and negative"},
    {"rules:", "rule:", "unknown key 'rule'"},
    {"  severity: high", "  severity: [high", "acme.yaml"},
};

static void a_malformed_rule_says_where_and_what(void **state) {
    (void)state;
    AUTO_BUF struct buf text;
    buf_init(&text, LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++) {
        struct secret_rules *rules = NULL;
        struct err err = {0};
        edit(&text, malformed[i].from, malformed[i].to);
        if (load((const char *)text.data, &rules, &err) == 0)
            fail_msg("accepted: %s", malformed[i].to);
        if (strstr(err.text, malformed[i].message) == NULL || strstr(err.text, "acme.yaml") == NULL)
            fail_msg("'%s' should say '%s'", err.text, malformed[i].message);
        assert_int_equal(err.code, ERR_FORMAT);
        assert_null(rules);
    }
}

static void an_id_is_taken_once(void **state) {
    (void)state;
    struct secret_rule_file files[] = {{"a.yaml", span_text(good)}, {"b.yaml", span_text(good)}};
    struct secret_rules *rules = NULL;
    struct err err = {0};
    assert_int_equal(secret_rules_load(false, files, 2, &rules, &err), -1);
    assert_non_null(strstr(err.text, "is taken by"));
}

static void a_file_replaces_its_builtin_namesake(void **state) {
    (void)state;
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    AUTO_BUF struct buf text;
    struct err err = {0};
    buf_init(&text, LIMIT_MIB);
    edit(&text, "acme-key", "acme-other-key");
    struct secret_rule_file file = {"mine/github.yaml", span_text((const char *)text.data)};
    assert_int_equal(secret_rules_load(true, &file, 1, &rules, &err), 0);
    assert_non_null(secret_rules_find(rules, span_text("acme-other-key")));
    assert_null(secret_rules_find(rules, span_text("github-personal-access-token")));
    assert_non_null(secret_rules_find(rules, span_text("npm-access-token")));
}

static void a_list_without_rules_loads_and_finds_nothing(void **state) {
    (void)state;
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    struct err err = {0};
    size_t examples = 1, failures = 1;
    assert_int_equal(load("values: [a]\nexpressions: ['^x+$']\ngeneric: [b, c]\n", &rules, &err), 0);
    assert_int_equal(secret_rules_count(rules), 0);
    struct secret_allow allow = secret_rules_allow(rules);
    assert_int_equal(allow.value_count, 1);
    assert_int_equal(allow.expression_count, 1);
    assert_int_equal(allow.generic_count, 2);
    assert_int_equal(secret_rules_test(rules, NULL, count_failure, &failures, &examples, &failures, &err), 0);
    assert_int_equal(examples, 0);
}

/* The check of examples must be able to fail, in each of its ways. */
static void an_example_that_does_not_hold_is_reported(void **state) {
    (void)state;
    static const char *const edits[][2] = {
        {"'k=acme_{{hex:20}}'", "'k=acme_{{hex:19}}'"}, /* a positive that is not found */
        {"'acme_{{hex:19}}'", "'acme_{{hex:20}}'"},     /* a negative that is */
        {"acme_[0-9a-f]{20})", "acme_[0-9a-f]{20}'')"}, /* a group that takes a quote along */
    };
    AUTO_BUF struct buf text;
    buf_init(&text, LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_COUNT(edits); i++) {
        AUTO_SECRET_RULES struct secret_rules *rules = NULL;
        struct err err = {0};
        size_t examples = 0, failures = 0, reported = 0;
        edit(&text, edits[i][0], edits[i][1]);
        assert_int_equal(load((const char *)text.data, &rules, &err), 0);
        assert_int_equal(secret_rules_test(rules, NULL, count_failure, &reported, &examples, &failures, &err), 0);
        assert_int_equal(examples, 5);
        assert_true(failures >= 1);
        assert_int_equal(reported, failures);
    }
}

static void examples_are_filled_the_same_way_each_time(void **state) {
    (void)state;
    AUTO_BUF struct buf a, b;
    struct err err = {0};
    buf_init(&a, LIMIT_MIB);
    buf_init(&b, LIMIT_MIB);
    struct span text = SPAN_LITERAL("x={{hex:8}} {{ value }} {{uuid}} {{repeat:ab:3}}");
    assert_int_equal(secret_example_fill(text, 7, &a, &err), 0);
    assert_int_equal(secret_example_fill(text, 7, &b, &err), 0);
    assert_true(span_equal(buf_span(&a), buf_span(&b)));
    assert_int_equal(a.size, 2 + 8 + 1 + 11 + 1 + 36 + 1 + 6);
    assert_true(span_ends(buf_span(&a), " ababab"));
    assert_true(span_find(buf_span(&a), span_text(" {{ value }} "), 0) == 10);
    buf_reset(&b);
    assert_int_equal(secret_example_fill(text, 8, &b, &err), 0);
    assert_false(span_equal(buf_span(&a), buf_span(&b)));
    static const char *const bad[] = {"{{hex}}", "{{nothing:3}}", "{{hex:x}}", "{{hex:99999999}}", "{{repeat:3}}"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        buf_reset(&b);
        assert_int_equal(secret_example_fill(span_text(bad[i]), 1, &b, &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
    }
}

/* Whatever allocation fails, loading reports it and leaks nothing (the sanitizer build looks). */
static void loading_survives_short_memory(void **state) {
    (void)state;
    bool done = false;
    for (uint64_t n = 1; n < 200 && !done; n++) {
        struct secret_rules *rules = NULL;
        struct err err = {0};
        mem_fail_after(n, true);
        int result = load(good, &rules, &err);
        mem_fail_after(0, false);
        if (result == 0)
            done = true;
        else
            assert_int_equal(err.code, ERR_NOMEM);
        secret_rules_free(rules);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_of_every_rule_holds),
        cmocka_unit_test(a_malformed_rule_says_where_and_what),
        cmocka_unit_test(an_id_is_taken_once),
        cmocka_unit_test(a_file_replaces_its_builtin_namesake),
        cmocka_unit_test(a_list_without_rules_loads_and_finds_nothing),
        cmocka_unit_test(an_example_that_does_not_hold_is_reported),
        cmocka_unit_test(examples_are_filled_the_same_way_each_time),
        cmocka_unit_test(loading_survives_short_memory),
    };
    return cmocka_run_group_tests_name("secret_rules", tests, NULL, NULL);
}
