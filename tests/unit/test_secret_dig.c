#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/vec.h"
#include "matchers/secret/secret_dig.h"
#include "tests/support/pack.h"
#include "tests/support/tar_build.h"
#include "tests/support/zip_make.h"

#define TAR_HEAD_BYTES ((size_t)512)
/* Made up for this test. */
#define TOKEN "acme_0123456789abcdef0123"
static const char rules_text[] =
    "provider: acme\n"
    "rules:\n"
    "- {id: acme-token, description: d, severity: high, confidence: 0.9, literals: [acme_],\n"
    "   expression: '{{start}}(?<secret>acme_[0-9a-f]{20}){{end}}', examples: {positive: [a, b], negative: [a, b, c]}}\n"
    "- {id: acme-password, description: d, severity: high, confidence: 0.7, literals: [acmepass],\n"
    "   expression: 'acmepass{{is}}(?<=[\"''])(?<secret>[0-9a-z]{8,40})[\"'']', examples: {positive: [a, b], negative: [a, b, c]}}\n";

struct fixture {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct secret_dig *dig;
};

struct found {
    char encoding[512], rule[24], secret[64];
    uint64_t offset, length, line, column;
};

struct found_list {
    struct found *data;
    size_t count;
    size_t capacity;
};

static int on_hit(void *context, const struct secret_hit *hit) {
    struct found_list *list = context;
    struct found found = {.offset = hit->offset, .length = hit->length, .line = hit->line, .column = hit->column};
    (void)snprintf(found.encoding, sizeof found.encoding, "%s", hit->encoding);
    (void)snprintf(found.rule, sizeof found.rule, "%.*s", SPAN_FORMAT(hit->rule->id));
    (void)snprintf(found.secret, sizeof found.secret, "%.*s", SPAN_FORMAT(hit->secret));
    assert_true(vec_push(list, found));
    return 0;
}

static struct secret_outcome dig_path(struct fixture *fixture, struct span body, const char *path,
                                      struct found_list *list) {
    struct secret_outcome outcome;
    struct err err = {0};
    struct secret_input input = {.body = body, .path = span_text(path)};
    list->count = 0;
    if (secret_dig(fixture->dig, &input, true, on_hit, list, &outcome, &err) < 0)
        fail_msg("%s", err.text);
    return outcome;
}

static struct secret_outcome dig(struct fixture *fixture, const struct buf *body, struct found_list *list) {
    assert_false(body->failed);
    return dig_path(fixture, buf_span(body), "srv/x", list);
}

static void dig_open(struct fixture *fixture, unsigned depth, uint64_t bytes_max) {
    struct err err = {0};
    struct secret_dig_options options = {depth, bytes_max, LIMIT_MIB};
    secret_dig_free(fixture->dig);
    fixture->dig = NULL;
    if (secret_dig_new(fixture->engine, &options, &fixture->dig, &err) < 0)
        fail_msg("%s", err.text);
}

static int setup(void **state) {
    static struct fixture fixture;
    struct err err = {0};
    struct secret_rule_file file = {"acme.yaml", span_text(rules_text)};
    if (secret_rules_load(false, &file, 1, &fixture.rules, &err) < 0 ||
        secret_engine_new(fixture.rules, span_text("key"), &fixture.engine, &err) < 0)
        fail_msg("%s", err.text);
    dig_open(&fixture, 6, 64 * LIMIT_MIB);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    secret_dig_free(fixture->dig);
    secret_engine_free(fixture->engine);
    secret_rules_free(fixture->rules);
    return 0;
}

static const char text[] = "user=someone\ntoken=" TOKEN "\nmore text that is here\n";

static void hex_add(struct buf *out, struct span s) {
    for (size_t i = 0; i < s.size; i++)
        buf_format(out, "%02x", s.data[i]);
}

static void each_encoding_is_read(void **state) {
    static const char *const names[] = {"base64",  "base64", "hex",   "percent",     "escaped",
                                        "escaped", "utf16",  "utf16", "base64,utf16"};
    struct found_list list = {0};
    for (size_t kind = 0; kind < ARRAY_COUNT(names); kind++) {
        AUTO_BUF struct buf body;
        AUTO_BUF struct buf other;
        buf_init(&body, 0);
        buf_init(&other, 0);
        buf_text(&body, "first line\n  value: '");
        size_t at = body.size, line = 2;
        switch (kind) {
        case 0:
            base64_encode(&body, span_text(text));
            break;
        case 1: /* in lines of 64 */
            base64_encode(&other, span_text(text));
            buf_reset(&body);
            buf_text(&body, "\n");
            at = 1;
            for (size_t i = 0; i < other.size; i += 64) {
                buf_add(&body, span_slice(buf_span(&other), i, 64));
                buf_byte(&body, '\n');
            }
            break;
        case 2:
            hex_add(&body, span_text(text));
            break;
        case 3:
            buf_text(&body, "\nx");
            buf_text(&body, "q%3Dacm%65%5F0123456789abcdef0123%26b");
            at += 1, line++;
            break;
        case 4:
            buf_text(&body, "\n{\\\"a\\\":\\\"acm\\u0065_0123456789abcdef0123\\\"}");
            at += 1, line++;
            break;
        case 5:
            buf_text(&body, "\n'\\x61cme_0123456789abcdef0123\\n'");
            at += 1, line++;
            break;
        default:
            for (size_t i = 0; i < sizeof text - 1; i++) {
                buf_byte(&other, kind == 7 ? 0 : (uint8_t)text[i]);
                buf_byte(&other, kind == 7 ? (uint8_t)text[i] : 0);
            }
            if (kind == 8)
                base64_encode(&body, buf_span(&other));
            else
                buf_add(&body, buf_span(&other));
            at -= kind == 7; /* the quote before the first zero is a pair as well */
        }
        buf_text(&body, "\nthe end");
        struct secret_outcome outcome = dig(*state, &body, &list);
        if (list.count != 1)
            fail_msg("%s (%zu): %zu found", names[kind], kind, list.count);
        assert_string_equal(list.data[0].encoding, names[kind]);
        assert_string_equal(list.data[0].secret, TOKEN);
        assert_int_equal(list.data[0].offset, at);
        assert_int_equal(list.data[0].line, line);
        assert_int_equal(outcome.hit_count, 1);
        assert_false(outcome.inside_limited);
    }
    vec_release(&list);
}

/* What stands there as it is, is told once, and as it is. */
static void plain_text_comes_first(void **state) {
    struct found_list list = {0};
    AUTO_BUF struct buf body;
    buf_init(&body, 0);
    buf_text(&body, "{\\\"a\\\":\\\"" TOKEN "\\\"} ");
    base64_encode(&body, span_text(text));
    (void)dig(*state, &body, &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.data[0].encoding, "plain");
    assert_int_equal(list.data[0].length, sizeof TOKEN - 1);
    vec_release(&list);
}

/* A name says what a short value is, in documents that are known to encode theirs. */
static void secret_manifests_are_read(void **state) {
    struct found_list list = {0};
    AUTO_BUF struct buf body;
    buf_init(&body, 0);
    buf_text(&body, "apiVersion: v1\nkind: Secret\ndata:\n  acmepass: ");
    size_t at = body.size;
    base64_encode(&body, span_text("hunter2horse"));
    buf_text(&body, "\n");
    (void)dig_path(*state, buf_span(&body), "k8s/secret.yaml", &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.data[0].rule, "acme-password");
    assert_string_equal(list.data[0].secret, "hunter2horse");
    assert_int_equal(list.data[0].offset, at);
    (void)dig_path(*state, buf_span(&body), "bin/program", &list);
    assert_int_equal(list.count, 0);
    vec_release(&list);
}

static void archives_are_entered(void **state) {
    struct found_list list = {0};
    AUTO_BUF struct buf tar;
    AUTO_BUF struct buf packed;
    struct zip_make zip;
    buf_init(&tar, 0);
    buf_init(&packed, 0);
    tar_build_file(&tar, "etc/app.conf", text);
    tar_build_end(&tar);
    pack_gzip(&packed, buf_span(&tar), NULL);
    (void)dig(*state, &packed, &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.data[0].encoding, "gzip,tar!/etc/app.conf");
    assert_int_equal(list.data[0].offset, 0);
    /* In a zip, behind another member: the place is the member's. */
    zip_make_init(&zip);
    zip_make_add(&zip, "a.txt", span_text("nothing"), true);
    size_t at = zip.out.size;
    zip_make_add(&zip, "b.tgz", buf_span(&packed), false);
    (void)dig_path(*state, zip_make_end(&zip), "srv/x", &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.data[0].encoding, "zip!/b.tgz,gzip,tar!/etc/app.conf");
    assert_int_equal(list.data[0].offset, at);
    zip_make_release(&zip);
    /* The same in base64, in a text. */
    AUTO_BUF struct buf body;
    buf_init(&body, 0);
    buf_text(&body, "data: ");
    base64_encode(&body, buf_span(&packed));
    (void)dig(*state, &body, &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.data[0].encoding, "base64,gzip,tar!/etc/app.conf");
    assert_int_equal(list.data[0].offset, 6);
    vec_release(&list);
}

/* Ever deeper, ever more: it ends where the options say, and it is told. */
static void depth_and_bytes_are_bounded(void **state) {
    struct fixture *fixture = *state;
    struct found_list list = {0};
    AUTO_BUF struct buf body;
    AUTO_BUF struct buf inner;
    buf_init(&body, 0);
    buf_init(&inner, 0);
    for (int depth = 0; depth <= 8; depth++) {
        buf_reset(&body);
        if (depth == 0)
            buf_text(&body, text);
        else
            base64_encode(&body, buf_span(&inner));
        buf_reset(&inner);
        buf_add(&inner, buf_span(&body));
        struct secret_outcome outcome = dig(fixture, &body, &list);
        assert_int_equal(list.count, depth <= 6);
        assert_int_equal(outcome.inside_limited, depth > 6);
    }
    /* A thousand zips in each other. */
    struct buf nest;
    buf_init(&nest, 0);
    buf_text(&nest, text);
    for (int depth = 0; depth < 1000; depth++) {
        struct zip_make zip;
        zip_make_init(&zip);
        zip_make_add(&zip, "z", buf_span(&nest), false);
        struct span made = zip_make_end(&zip);
        buf_reset(&nest);
        buf_add(&nest, made);
        zip_make_release(&zip);
    }
    assert_true(dig(fixture, &nest, &list).inside_limited);
    /* Zeros that unpack to more than there may be. */
    buf_reset(&nest);
    buf_fill(&nest, 0, 3 * LIMIT_MIB);
    buf_reset(&body);
    pack_gzip(&body, buf_span(&nest), "zeros");
    assert_true(dig(fixture, &body, &list).inside_limited);
    dig_open(fixture, 6, 100000);
    buf_reset(&nest);
    for (int i = 0; i < 200; i++)
        tar_build_bytes(&nest, "member", span_text(text));
    struct secret_outcome outcome = dig(fixture, &nest, &list);
    assert_false(outcome.inside_limited);
    for (int i = 0; i < 200; i++)
        tar_build_bytes(&nest, "member", span_text(text));
    outcome = dig(fixture, &nest, &list);
    assert_true(outcome.inside_limited);
    dig_open(fixture, 0, 100000);
    buf_reset(&body);
    base64_encode(&body, span_text(text));
    assert_false(dig(fixture, &body, &list).inside_limited);
    assert_int_equal(list.count, 0);
    dig_open(fixture, 6, 64 * LIMIT_MIB);
    buf_release(&nest);
    vec_release(&list);
}

/* Damaged and hostile ones: nothing is read beyond its end, whatever is cut or bent. */
static void damage_is_survived(void **state) {
    struct found_list list = {0};
    AUTO_BUF struct buf tar;
    AUTO_BUF struct buf packed;
    buf_init(&tar, 0);
    buf_init(&packed, 0);
    tar_build_file(&tar, "etc/app.conf", text);
    tar_build_end(&tar);
    pack_gzip(&packed, buf_span(&tar), "app.tar");
    for (size_t cut = 0; cut < packed.size; cut++)
        (void)dig_path(*state, span_slice(buf_span(&packed), 0, cut), "srv/x", &list);
    for (size_t at = 0; at < packed.size; at++) {
        packed.data[at] ^= 0x55;
        (void)dig(*state, &packed, &list);
        packed.data[at] ^= 0x55;
    }
    for (size_t at = 0; at < TAR_HEAD_BYTES; at++) {
        tar.data[at] ^= 0x11;
        (void)dig(*state, &tar, &list);
        tar.data[at] ^= 0x11;
    }
    (void)dig(*state, &packed, &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.data[0].encoding, "gzip!/app.tar,tar!/etc/app.conf");
    vec_release(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_encoding_is_read),       cmocka_unit_test(plain_text_comes_first),
        cmocka_unit_test(secret_manifests_are_read),   cmocka_unit_test(archives_are_entered),
        cmocka_unit_test(depth_and_bytes_are_bounded), cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
