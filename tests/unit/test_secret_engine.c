#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/vec.h"
#include "matchers/secret/secret_engine.h"
#include "matchers/secret/secret_example.h"

/* Rules made for these tests: a prefix token, an assignment, a literal in the middle, a shape without a literal, a
 * pair, a
 * generic one that overlaps, a long one. */
static const char rules_text[] =
    "provider: acme\n"
    "rules:\n"
    "- {id: acme-token, description: d, severity: high, confidence: 0.9, literals: [acme_], pair: acme-id, pair_bytes: 64,\n"
    "   confidence_pair: 0.99, expression: '{{start}}(?<secret>acme_[0-9a-f]{20}){{end}}', allow: ['^acme_0'],\n"
    "   examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: acme-id, description: d, severity: low, confidence: 0.3, literals: [ACID],\n"
    "   expression: '{{start}}(?<secret>ACID[0-9]{6}){{end}}', examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: acme-assigned, description: d, severity: high, confidence: 0.7, literals: [acmekey], nocase: true,\n"
    "   expression: '(?i)acmekey{{assign}}(?<secret>[0-9a-f]{32}){{end}}', entropy_min: 3,\n"
    "   examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: acme-host, description: d, severity: high, confidence: 0.7, literals: ['@acme.example'], before_bytes: 40,\n"
    "   expression: '//[a-z]{1,8}:(?<secret>[a-z0-9]{6,20})@acme\\.example', examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: acme-shape, description: d, severity: high, confidence: 0.7, keywords: [Zebra], keyword_bytes: 32,\n"
    "   expression: '(?<![0-9A-Z-])(?<secret>[A-Z]{4}-[0-9]{4}-[A-Z]{4})(?![0-9A-Z-])', examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: acme-long, description: d, severity: high, confidence: 0.7, literals: ['BEGIN:'], max_bytes: 16384,\n"
    "   expression: '(?<secret>BEGIN:[a-z]{1,16000}:END)', examples: {positive: [a, b], negative: [a, b, c]}}\n";
static const char generic_text[] =
    "provider: generic\n"
    "rules:\n"
    "- {id: generic-secret, description: d, severity: high, confidence: 0.95, literals: [secret], nocase: true,\n"
    "   expression: '(?i)secret ?= ?(?<secret>[0-9a-z_]{8,40})', examples: {positive: [a, b], negative: [a, b, c]}}\n";

struct fixture {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct secret_scratch *scratch;
};

struct found {
    char rule[24];
    uint64_t offset, length, line, column;
    double confidence;
    char redacted[SECRET_REDACTED_SIZE], fingerprint[SECRET_FINGERPRINT_SIZE], evidence[SECRET_EVIDENCE_SIZE];
};

struct found_list {
    struct found *data;
    size_t count;
    size_t capacity;
};

static int on_hit(void *context, const struct secret_hit *hit) {
    struct found_list *list = context;
    struct found found = {.offset = hit->offset,
                          .length = hit->length,
                          .line = hit->line,
                          .column = hit->column,
                          .confidence = hit->confidence};
    (void)snprintf(found.rule, sizeof found.rule, "%.*s", SPAN_FORMAT(hit->rule->id));
    memcpy(found.redacted, hit->redacted, sizeof found.redacted);
    memcpy(found.fingerprint, hit->fingerprint, sizeof found.fingerprint);
    memcpy(found.evidence, hit->evidence, sizeof found.evidence);
    assert_int_equal(hit->secret.size, hit->length);
    assert_true(vec_push(list, found));
    return 0;
}

static struct secret_outcome scan(struct fixture *fixture, struct secret_input input, struct found_list *list) {
    struct secret_outcome outcome;
    struct err err = {0};
    if (secret_scan(fixture->engine, fixture->scratch, &input, on_hit, list, &outcome, &err) < 0)
        fail_msg("%s", err.text);
    return outcome;
}

static struct secret_outcome scan_text(struct fixture *fixture, const char *text, struct found_list *list) {
    list->count = 0;
    return scan(fixture, (struct secret_input){.body = span_text(text)}, list);
}

#define TOKEN                                                                                                          \
    "acme_"                                                                                                            \
    "f0e1d2c3b4a5968778ab"
#define TOKEN_OTHER                                                                                                    \
    "acme_"                                                                                                            \
    "f0e1d2c3b4a5968778ac"
#define HEX32 "f0e1d2c3b4a5968778690a1b2c3d4e5f"

static const struct {
    const char *text, *rule; /* NULL: nothing is found */
    uint64_t offset, line, column;
} cases[] = {
    {TOKEN, "acme-token", 0, 1, 1},
    {"a\nbb\n  x=" TOKEN, "acme-token", 9, 3, 5},
    {"x" TOKEN, NULL, 0, 0, 0},
    {TOKEN "0", NULL, 0, 0, 0},
    {"\\n" TOKEN, "acme-token", 2, 1, 3}, /* an escaped line end is a boundary */
    {"\0\1\2" TOKEN, NULL, 0, 0, 0},      /* the C string ends at once: see binaries below */
    {"ACMEKEY=" HEX32, "acme-assigned", 8, 1, 9},
    {"acmeKey_name => '" HEX32 "'", "acme-assigned", 17, 1, 18},
    {"\"acmekey\": \"" HEX32 "\"", "acme-assigned", 12, 1, 13},
    {"<acmekey>" HEX32 "</acmekey>", "acme-assigned", 9, 1, 10},
    {"name: ACMEKEY\n  value: " HEX32, "acme-assigned", 23, 2, 10},
    {"acmekey " HEX32, NULL, 0, 0, 0},                           /* no operator */
    {"acmekey=00000000000000001111111111111111", NULL, 0, 0, 0}, /* entropy */
    {"http://joe:hunter2x@acme.example/", "acme-host", 11, 1, 12},
    {"http://joe:hunter2x@acme.exbmple/", NULL, 0, 0, 0},
    {"zebra ABCD-1234-WXYZ", "acme-shape", 6, 1, 7}, /* no literal; the keyword in any case */
    {"horse ABCD-1234-WXYZ", NULL, 0, 0, 0},
    {"ABCD-1234-WXYZ                                             zebra", NULL, 0, 0, 0}, /* too far */
    {"secret = " TOKEN, "acme-token", 9, 1, 10}, /* the specific rule wins although it is less sure */
    {"secret = abcdefgh12", "generic-secret", 9, 1, 10},
    {"acme_ffffffffffffffffffff", NULL, 0, 0, 0}, /* a repetition */
    {"acme_0e1d2c3b4a5968778690", NULL, 0, 0, 0}, /* the rule's own allow list */
    {"", NULL, 0, 0, 0},
};

static void finds_what_and_where(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        scan_text(fixture, cases[i].text, &list);
        if (list.count != (cases[i].rule != NULL))
            fail_msg("'%s': %zu hits, first %s", cases[i].text, list.count, list.count == 0 ? "-" : list.data[0].rule);
        if (cases[i].rule == NULL)
            continue;
        assert_string_equal(list.data[0].rule, cases[i].rule);
        assert_int_equal(list.data[0].offset, cases[i].offset);
        assert_int_equal(list.data[0].line, cases[i].line);
        assert_int_equal(list.data[0].column, cases[i].column);
    }
    vec_release(&list);
}

static void a_binary_is_searched_by_specific_rules_only(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    static const char body[] = "\x7f"
                               "ELF\0\0\0" TOKEN "\0secret = abcdefgh12\0";
    scan(fixture, (struct secret_input){.body = {(const uint8_t *)body, sizeof body}}, &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.data[0].rule, "acme-token");
    assert_int_equal(list.data[0].offset, 7);
    vec_release(&list);
}

static void generic_rules_leave_long_lines_alone(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    AUTO_BUF struct buf body;
    buf_init(&body, 0);
    buf_fill(&body, 'a', 1500);
    buf_text(&body, " secret = abcdefgh12 ");
    size_t half = body.size;
    buf_fill(&body, 'b', 1500);
    scan(fixture, (struct secret_input){.body = buf_span(&body)}, &list);
    assert_int_equal(list.count, 0);
    scan(fixture, (struct secret_input){.body = span_slice(buf_span(&body), 0, half)}, &list);
    assert_int_equal(list.count, 1);
    vec_release(&list);
}

static void a_pair_raises_confidence(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    scan_text(fixture, "ACID123456 " TOKEN, &list);
    assert_int_equal(list.count, 2);
    assert_true(list.data[1].confidence > 0.98);
    assert_non_null(strstr(list.data[1].evidence, "pair"));
    scan_text(fixture, "ACID123456 .............................................................. " TOKEN, &list);
    assert_int_equal(list.count, 2);
    assert_true(list.data[1].confidence < 0.91);
    vec_release(&list);
}

static void a_test_path_lowers_confidence(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    static const char *const low[] = {"src/tests/a.py", "Examples/x",  "docs/a",
                                      "a/test_x.py",    "a/x_test.go", "x.test.js"};
    static const char *const plain[] = {"app/a.py", "latest/a", "contest", "usr/share/x", ""};
    for (size_t i = 0; i < ARRAY_COUNT(low); i++)
        scan(fixture, (struct secret_input){.body = span_text(TOKEN), .path = span_text(low[i])}, &list);
    for (size_t i = 0; i < list.count; i++)
        assert_true(list.data[i].confidence < 0.75);
    assert_int_equal(list.count, ARRAY_COUNT(low));
    list.count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        scan(fixture, (struct secret_input){.body = span_text(TOKEN), .path = span_text(plain[i])}, &list);
    for (size_t i = 0; i < list.count; i++)
        assert_true(list.data[i].confidence > 0.89);
    vec_release(&list);
}

/* A body with secrets of every rule strewn over it, many of them across the windows' edges. */
static void body_make(struct buf *body, size_t size) {
    static const char *const pieces[] = {
        " " TOKEN " ",  "\nACMEKEY=" HEX32 "\n",   " //joe:hunter2x@acme.example ", " zebra ABCD-1234-WXYZ ",
        " ACID123456 ", "\n secret = abcdefgh12\n"};
    uint32_t seed = 1;
    while (body->size < size) {
        seed = seed * 1664525 + 1013904223;
        for (uint32_t i = 0; i < (seed >> 16) % 24; i++)
            buf_text(body, "The quick brown fox jumps over the lazy dog, acme_ and so.\n");
        buf_text(body, pieces[(seed >> 24) % ARRAY_COUNT(pieces)]);
    }
    buf_text(body, " BEGIN:");
    buf_fill(body, 'q', 15000);
    buf_text(body, ":END\n");
    assert_false(body->failed);
}

static void assert_same(const struct found_list *a, const struct found_list *b) {
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->data[i].rule, b->data[i].rule);
        assert_int_equal(a->data[i].offset, b->data[i].offset);
        assert_int_equal(a->data[i].line, b->data[i].line);
        assert_int_equal(a->data[i].column, b->data[i].column);
        assert_string_equal(a->data[i].fingerprint, b->data[i].fingerprint);
        assert_string_equal(a->data[i].evidence, b->data[i].evidence);
    }
}

static void windows_agree_with_the_whole(void **state) {
    struct fixture *fixture = *state;
    struct found_list whole = {0}, windows = {0};
    AUTO_BUF struct buf body;
    buf_init(&body, 0);
    body_make(&body, 400000);
    scan(fixture, (struct secret_input){.body = buf_span(&body)}, &whole);
    assert_true(whole.count > 100);
    static const size_t steps[] = {1000, 65536, 100001};
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        windows.count = 0;
        uint64_t line = 1, column = 1; /* of the window's begin */
        size_t begin = 0;
        for (size_t from = 0; from < body.size; from += steps[i]) {
            size_t window = from < LIMIT_WINDOW_OVERLAP ? 0 : from - LIMIT_WINDOW_OVERLAP;
            for (; begin < window; begin++) {
                column = body.data[begin] == '\n' ? 1 : column + 1;
                line += body.data[begin] == '\n';
            }
            struct secret_input input = {
                .body = span_slice(buf_span(&body), window, from - window + steps[i] + LIMIT_WINDOW_OVERLAP),
                .offset = window,
                .line = line,
                .column = column,
                .report_from = from - window,
                .report_to = from - window + steps[i],
            };
            scan(fixture, input, &windows);
        }
        assert_same(&whole, &windows);
    }
    vec_release(&whole);
    vec_release(&windows);
}

static void two_scratches_and_two_runs_agree(void **state) {
    struct fixture *fixture = *state;
    struct found_list a = {0}, b = {0};
    AUTO_SECRET_SCRATCH struct secret_scratch *other = NULL;
    AUTO_BUF struct buf body;
    struct err err = {0};
    buf_init(&body, 0);
    body_make(&body, 50000);
    assert_int_equal(secret_scratch_new(fixture->engine, &other, &err), 0);
    scan(fixture, (struct secret_input){.body = buf_span(&body)}, &a);
    struct fixture second = {fixture->rules, fixture->engine, other};
    scan(&second, (struct secret_input){.body = buf_span(&body)}, &b);
    assert_same(&a, &b);
    vec_release(&a);
    vec_release(&b);
}

static void too_many_findings_are_cut_and_said(void **state) {
    struct fixture *fixture = *state;
    for (size_t more = 0; more < 2; more++) {
        struct found_list list = {0};
        AUTO_BUF struct buf body;
        buf_init(&body, 0);
        for (size_t i = 0; i < LIMIT_FINDINGS_PER_FILE + more; i++)
            buf_text(&body, TOKEN "\n");
        struct secret_outcome outcome = scan(fixture, (struct secret_input){.body = buf_span(&body)}, &list);
        assert_int_equal(list.count, LIMIT_FINDINGS_PER_FILE);
        assert_int_equal(outcome.hit_count, LIMIT_FINDINGS_PER_FILE);
        assert_int_equal(outcome.truncated, more == 1);
        vec_release(&list);
    }
}

/* A body of nothing but literals: the work is bounded, not quadratic. Ten times the body takes about ten times as
 * long; without
 * the bound this test runs for minutes. */
static void a_flood_of_literals_is_linear(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    AUTO_BUF struct buf body;
    buf_init(&body, 0);
    for (size_t i = 0; i < 300000; i++)
        buf_text(&body, "BEGIN:acme_acmekey=@acme.example");
    scan(fixture, (struct secret_input){.body = buf_span(&body)}, &list);
    buf_reset(&body);
    for (size_t i = 0; i < 100000; i++)
        buf_text(&body, "acmekey acmekey-key = ");
    struct secret_outcome outcome = scan(fixture, (struct secret_input){.body = buf_span(&body)}, &list);
    assert_int_equal(outcome.hit_count, 0);
    assert_true(outcome.truncated);
    assert_non_null(outcome.truncated_rule);
    assert_true(span_is(outcome.truncated_rule->id, "acme-assigned"));
    assert_true(outcome.work <= LIMIT_SECRET_WORK_FLOOR + LIMIT_SECRET_WORK_RATIO * body.size);
    /* The same again: work is counted, not timed. */
    assert_true(outcome.work == scan(fixture, (struct secret_input){.body = buf_span(&body)}, &list).work);
    vec_release(&list);
}

static void allowed_secrets_are_counted(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    struct secret_outcome outcome = scan_text(fixture, "acme_ffffffffffffffffffff " TOKEN, &list);
    assert_int_equal(outcome.allowed_count, 1);
    assert_int_equal(outcome.hit_count, 1);
    vec_release(&list);
}

/* A service known by its name only, a form that yields to it, and a key that its owner publishes (made up here; the
 * list holds the digest of acme_0123456789abcdef0123). */
static const char opaque_text[] =
    "provider: zeta\n"
    "rules:\n"
    "- {id: zeta-form, description: d, severity: high, confidence: 0.8, literals: [ey_], yields: true, validator: hex,\n"
    "   confidence_valid: 0.9, expression: '{{start}}ey_(?<secret>[0-9a-f]{20}){{end}}',\n"
    "   examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: zeta-any, description: d, severity: high, confidence: 0.6, literals: [zetaco], nocase: true, behind: true,\n"
    "   expression: '{{credential}}', require: [digit, letter], examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: zeta-word, description: d, severity: high, confidence: 0.6, literals: [wave], nocase: true, behind: true,\n"
    "   expression: '{{start}}{{setting}}', require: [digit, letter], examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: zeta-token, description: d, severity: high, confidence: 0.9, literals: [acme_],\n"
    "   expression: '{{start}}(?<secret>acme_[0-9a-f]{20}){{end}}', examples: {positive: [a, b], negative: [a, b, c]}}\n";
static const char published_text[] =
    "digests: ['sha256:8b7220be8eddbf97a72dd86ee58633c807fa6f457bc0cf12c7483e36cbffad82',\n"
    "  'sha256:0000000000000000000000000000000000000000000000000000000000000000']\n";

static const struct {
    const char *text, *rule; /* NULL: nothing is found */
    double confidence;
} opaque_cases[] = {
    {"ZETACO_API_KEY=a1b2c3d4e5f6", "zeta-any", 0.6},
    {"zetaco:\n  url: x\n  secret: 'a1b2c3d4e5f6'", "zeta-any", 0.6},
    {"{\"zetaco\": {\"token\": \"a1b2c3d4e5f6\"}}", "zeta-any", 0.6},
    {"curl zetaco.example/x -H 'Authorization: Bearer a1b2c3d4e5f6'", "zeta-any", 0.6},
    {"zetaco = '" HEX32 "'", "zeta-any", 0.6},
    {"zetaco " HEX32, "zeta-any", 0.6},
    {"zetaco " HEX32 ".js", NULL, 0},
    {"zetaco_commit = '" HEX32 "'", NULL, 0},
    {"zetaco_key = config.zeta2.key3", NULL, 0},     /* an attribute */
    {"zetaco_key = make_key_2_of_3(name)", NULL, 0}, /* a call */
    {"zetaco_key = abcdefghijklmnop", NULL, 0},      /* no digit */
    {"a key of zetaco is long", NULL, 0},
    {"wave_token: a1b2c3d4e5f6", "zeta-word", 0.6},
    {"waveToken = \"a1b2c3d4e5f6\"", "zeta-word", 0.6},
    {"heatwave_token: a1b2c3d4e5f6", NULL, 0}, /* {{start}} */
    {"wavelet_token: a1b2c3d4e5f6", NULL, 0},  /* another word */
    {"ey_a1b2c3d4e5f6a7b8c9d0", "zeta-form", 0.9},
    {"zetaco_key: ey_a1b2c3d4e5f6a7b8c9d0", "zeta-any", 0.9}, /* whose it is, as sure as the form */
    {"acme_0123456789abcdef0124", "zeta-token", 0.9},
    {"acme_0123456789abcdef0123", NULL, 0}, /* published */
};

static void a_name_gives_a_key_away(void **state) {
    (void)state;
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    AUTO_SECRET_ENGINE struct secret_engine *engine = NULL;
    AUTO_SECRET_SCRATCH struct secret_scratch *scratch = NULL;
    struct err err = {0};
    struct secret_rule_file files[] = {{"zeta.yaml", span_text(opaque_text)},
                                       {"allow.yaml", span_text(published_text)}};
    assert_int_equal(secret_rules_load(false, files, ARRAY_COUNT(files), &rules, &err), 0);
    assert_int_equal(secret_engine_new(rules, span_text("key"), &engine, &err), 0);
    assert_int_equal(secret_scratch_new(engine, &scratch, &err), 0);
    struct fixture fixture = {rules, engine, scratch};
    struct found_list list = {0};
    for (size_t i = 0; i < ARRAY_COUNT(opaque_cases); i++) {
        scan_text(&fixture, opaque_cases[i].text, &list);
        if (list.count != (opaque_cases[i].rule != NULL))
            fail_msg("'%s': %zu hits, first %s", opaque_cases[i].text, list.count,
                     list.count == 0 ? "-" : list.data[0].rule);
        if (list.count == 0)
            continue;
        assert_string_equal(list.data[0].rule, opaque_cases[i].rule);
        assert_float_equal((float)list.data[0].confidence, (float)opaque_cases[i].confidence, 0.001F);
    }
    /* An opaque value in a binary is no setting. */
    static const char binary[] = "\0zetaco_key=a1b2c3d4e5f6\0";
    list.count = 0;
    scan(&fixture, (struct secret_input){.body = span_make((const uint8_t *)binary, sizeof binary - 1)}, &list);
    assert_int_equal(list.count, 0);
    vec_release(&list);
    files[1].bytes = span_text("digests: ['sha256:00']\n");
    AUTO_SECRET_RULES struct secret_rules *bad = NULL;
    assert_int_equal(secret_rules_load(false, files, ARRAY_COUNT(files), &bad, &err), -1);
    assert_non_null(strstr(err.text, "allow.yaml:1"));
}

/* For every length: what is shown is a prefix and a suffix of at most four bytes each, a third of the secret at most,
 * and the
 * length. */
/* What is saved is the same engine; what is damaged or of other rules is not used, and the engine is made all the same.
 * Every byte of the head and some of the rest is bent in turn. */
static void databases_are_saved(void **state) {
    struct fixture *fixture = *state;
    struct err err = {0};
    AUTO_BUF struct buf saved;
    buf_init(&saved, 0);
    assert_false(secret_engine_is_saved(fixture->engine));
    assert_int_equal(secret_engine_save(fixture->engine, &saved, &err), 0);
    assert_true(secret_saved_is_whole(buf_span(&saved)));
    for (size_t at = 0; at <= saved.size; at += at < 72 ? 1 : 997) {
        struct secret_engine *engine = NULL;
        struct secret_scratch *scratch = NULL;
        struct found_list list = {0};
        bool bent = at < saved.size;
        if (bent)
            saved.data[at] ^= 0x10;
        assert_int_equal(secret_engine_new_saved(fixture->rules, span_text("key"), buf_span(&saved), &engine, &err), 0);
        assert_int_equal(secret_engine_is_saved(engine), !bent);
        assert_int_equal(secret_scratch_new(engine, &scratch, &err), 0);
        struct fixture other = {fixture->rules, engine, scratch};
        scan_text(&other, "x " TOKEN " y", &list);
        assert_int_equal(list.count, 1);
        vec_release(&list);
        secret_scratch_free(scratch);
        secret_engine_free(engine);
        if (bent)
            saved.data[at] ^= 0x10;
        if (at + 997 > saved.size && bent)
            at = saved.size - 997; /* the last turn: whole */
    }
    for (size_t size = 0; size < saved.size; size += 1 + size / 2)
        assert_false(secret_saved_is_whole(span_slice(buf_span(&saved), 0, size)));
    struct secret_rules *others = NULL;
    struct secret_engine *engine = NULL;
    struct secret_rule_file file = {"generic.yaml", span_text(generic_text)};
    assert_int_equal(secret_rules_load(false, &file, 1, &others, &err), 0);
    assert_int_equal(secret_engine_new_saved(others, span_text("key"), buf_span(&saved), &engine, &err), 0);
    assert_false(secret_engine_is_saved(engine));
    secret_engine_free(engine);
    secret_rules_free(others);
}

static void redaction_shows_little(void **state) {
    (void)state;
    uint8_t secret[300];
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)('A' + i % 26);
    for (size_t size = 0; size <= sizeof secret; size++) {
        char text[SECRET_REDACTED_SIZE], expected[32];
        secret_redact(span_make(secret, size), text);
        (void)snprintf(expected, sizeof expected, "…(%zu)…", size);
        const char *middle = strstr(text, expected);
        assert_non_null(middle);
        size_t prefix = (size_t)(middle - text), suffix = strlen(middle) - strlen(expected);
        assert_true(prefix <= 4 && suffix <= 4 && 3 * (prefix + suffix) <= size);
        assert_memory_equal(text, secret, prefix);
        assert_memory_equal(middle + strlen(expected), secret + size - suffix, suffix);
    }
    char text[SECRET_REDACTED_SIZE];
    secret_redact(span_text("\x1b[31m\n\xff\x01zzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), text);
    assert_string_equal(text, "?[31…(37)…zzzz");
}

static void fingerprints_know_a_secret_again(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    scan_text(fixture, "x " TOKEN "\nsomewhere else " TOKEN " and " TOKEN_OTHER, &list);
    assert_int_equal(list.count, 3);
    assert_int_equal(strlen(list.data[0].fingerprint), 32);
    assert_string_equal(list.data[0].fingerprint, list.data[1].fingerprint);
    assert_string_not_equal(list.data[0].fingerprint, list.data[2].fingerprint);
    AUTO_SECRET_ENGINE struct secret_engine *engine = NULL;
    AUTO_SECRET_SCRATCH struct secret_scratch *scratch = NULL;
    struct err err = {0};
    assert_int_equal(secret_engine_new(fixture->rules, span_text("another key"), &engine, &err), 0);
    assert_int_equal(secret_scratch_new(engine, &scratch, &err), 0);
    struct fixture other = {fixture->rules, engine, scratch};
    char before[SECRET_FINGERPRINT_SIZE];
    memcpy(before, list.data[0].fingerprint, sizeof before);
    scan_text(&other, TOKEN, &list);
    assert_string_not_equal(before, list.data[0].fingerprint);
    vec_release(&list);
}

static int on_nothing(void *context, const struct secret_hit *hit) {
    (void)context;
    (void)hit;
    return 0;
}

static void an_engine_survives_short_memory(void **state) {
    struct fixture *fixture = *state;
    bool done = false;
    for (uint64_t n = 1; n < 400 && !done; n++) {
        struct secret_engine *engine = NULL;
        struct secret_scratch *scratch = NULL;
        struct err err = {0};
        struct secret_outcome outcome;
        struct secret_input input = {.body = span_text("secret = " TOKEN)};
        mem_fail_after(n, true);
        done = secret_engine_new(fixture->rules, span_text("k"), &engine, &err) == 0 &&
               secret_scratch_new(engine, &scratch, &err) == 0 &&
               secret_scan(engine, scratch, &input, on_nothing, NULL, &outcome, &err) == 0;
        mem_fail_after(0, false);
        if (!done)
            assert_int_equal(err.code, ERR_NOMEM);
        secret_scratch_free(scratch);
        secret_engine_free(engine);
    }
    assert_true(done);
}

static int setup(void **state) {
    static struct fixture fixture;
    struct err err = {0};
    struct secret_rule_file files[] = {{"acme.yaml", span_text(rules_text)}, {"generic.yaml", span_text(generic_text)}};
    if (secret_rules_load(false, files, 2, &fixture.rules, &err) < 0 ||
        secret_engine_new(fixture.rules, span_text("a key for tests"), &fixture.engine, &err) < 0 ||
        secret_scratch_new(fixture.engine, &fixture.scratch, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    secret_scratch_free(fixture->scratch);
    secret_engine_free(fixture->engine);
    secret_rules_free(fixture->rules);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_and_where),
        cmocka_unit_test(a_binary_is_searched_by_specific_rules_only),
        cmocka_unit_test(generic_rules_leave_long_lines_alone),
        cmocka_unit_test(a_pair_raises_confidence),
        cmocka_unit_test(a_test_path_lowers_confidence),
        cmocka_unit_test(windows_agree_with_the_whole),
        cmocka_unit_test(two_scratches_and_two_runs_agree),
        cmocka_unit_test(too_many_findings_are_cut_and_said),
        cmocka_unit_test(a_flood_of_literals_is_linear),
        cmocka_unit_test(allowed_secrets_are_counted),
        cmocka_unit_test(a_name_gives_a_key_away),
        cmocka_unit_test(databases_are_saved),
        cmocka_unit_test(redaction_shows_little),
        cmocka_unit_test(fingerprints_know_a_secret_again),
        cmocka_unit_test(an_engine_survives_short_memory),
    };
    return cmocka_run_group_tests_name("secret_engine", tests, setup, teardown);
}
