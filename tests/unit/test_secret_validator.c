#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "matchers/secret/secret_example.h"
#include "matchers/secret/secret_validator.h"

struct fixture {
    struct arena arena;
    struct buf text;
};

/* Fills the example and asks the validator. */
static bool ask(struct fixture *fixture, const char *validator, const char *example, struct secret_verdict *verdict) {
    const struct secret_validator *row = secret_validator_find(span_text(validator));
    struct err err = {0};
    assert_non_null(row);
    buf_reset(&fixture->text);
    arena_reset(&fixture->arena);
    assert_int_equal(secret_example_fill(span_text(example), 11, &fixture->text, &err), 0);
    *verdict = (struct secret_verdict){.arena = &fixture->arena};
    return row->check(buf_span(&fixture->text), verdict);
}

#define ANNOTATED "JQQJ99BEAAAAAAAAAAAAAAAAAZXX" /* signature, date, nothing reserved, a provider of no one */

static const struct {
    const char *validator, *example;
    bool valid;
} cases[] = {
    {"github_crc32", "{{github:ghp_}}", true},
    {"github_crc32", "{{github:npm_}}", true},
    {"github_crc32", "ghp_{{base62:36}}", false},
    {"github_crc32", "ghp_", false},
    {"github_crc32", "", false},
    {"crc32_hex", "{{crc32hex:ATATT3x:40}}", true},
    {"crc32_hex", "ATATT3x{{base62:40}}00000000", false},
    {"crc32_hex", "short", false},
    {"aws_key_id", "AKIA{{base32:10}}", false},
    {"aws_key_id", "AKIAI{{base32:15}}", true},
    {"aws_key_id", "AKIA0000000000000000", false},
    {"slack", "xoxb-{{digit:12}}-{{digit:12}}-{{base62:24}}", true},
    {"slack", "xoxb-{{digit:12}}", false},
    {"slack", "xoxb--{{digit:12}}-{{base62:24}}", false},
    {"slack", "abcd-{{digit:12}}-{{base62:24}}", false},
    {"stripe", "sk_live_{{base62:24}}", true},
    {"stripe", "sk_live_{{base62:99}}", true},
    {"stripe", "sk_live_{{base62:25}}", false},
    {"stripe", "sk_{{base62:24}}", false},
    {"jwt", "{{jwt}}", true},
    {"jwt", "{{b64jwt}}", true},
    {"jwt", "eyJ{{base62:30}}.eyJ{{base62:30}}.{{base62:40}}", false},
    {"jwt", "a.b", false},
    {"pem", "{{pem:PRIVATE KEY}}", true},
    {"pem", "{{pem:OPENSSH PRIVATE KEY}}", true},
    {"pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", false},
    {"pem", "-----BEGIN PRIVATE KEY-----", false},
    {"pem", "no block at all", false},
    {"luhn", "79927398713", true},
    {"luhn", "79927398710", false},
    {"luhn", "18", false},
    {"uuid", "{{uuid}}", true},
    {"uuid", "00000000-0000-0000-0000-000000000000", false},
    {"uuid", "{{hex:36}}", false},
    {"base64", "aGVsbG8gd29ybGQ=", true},
    {"base64", "aGVsbG8gd29ybGQ==", false},
    {"base64", "aGVsb!8gd29ybGQ=", false},
    {"base64", "aGVsbG8g9", false},
    {"base64_json", "glc_eyJvIjoiMSIsIm4iOiJ4In0=", true},
    {"base64_json", "WzFd", false},
    {"hex", "{{hex:32}}", true},
    {"hex", "{{hex:33}}", false},
    {"hex", "{{upper:32}}", false},
    {"base58", "{{base58:40}}", true},
    {"base58", "{{digit:39}}0", false},
    {"azure_key", "{{base64:86}}==", false},
    {"azure_key", "AAAA", false},
    {"azure_annotated", "{{annotated:AZXX}}", true},
    /* Made up, the checksums worked out by another program; the third one is of five digits. */
    {"azure_annotated", "Ky9Pf34qY6Nb3wWD25RQ4F5ZR3qa7yEeeby3abP3E2Zs8IQ9Y7aJ" ANNOTATED "3ePQ", true},
    {"azure_annotated", "ENzO8Cj258FpWDPf1TVTOVaCvrP5VEm1iHXQUvwOk7gG6q4OdrO6" ANNOTATED "1lD6", true},
    {"azure_annotated", "W5aVYwCQ4PCem5ib9Byckz23HZhcs9lHla27tjPyvFAdW2lNshXb" ANNOTATED "nhqB", true},
    {"azure_annotated", "W5aVYwCQ4PCem5ib9Byckz23HZhcs9lHla27tjPyvFAdW2lNshXb" ANNOTATED "nhqC", false},
    {"azure_annotated", "{{base62:83}}", false},
    {"pem", "-----BEGIN PRIVATE KEY-----\n{{repeat:MIIEpQIBAAKCAQEA:8}}\n-----END PRIVATE KEY-----", false}, /* cut */
};

static void verdicts(void **state) {
    struct fixture *fixture = *state;
    struct secret_verdict verdict;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (ask(fixture, cases[i].validator, cases[i].example, &verdict) != cases[i].valid)
            fail_msg("%s: %s", cases[i].validator, cases[i].example);
}

/* Vectors: the CRC catalogue's check value; its six digits worked out by hand (0xCBF43926 = 3421780262). */
static void crc32_is_the_published_one(void **state) {
    (void)state;
    char digits[6];
    assert_int_equal(secret_crc32(span_text("123456789")), 0xCBF43926);
    secret_crc32_base62(span_text("123456789"), digits);
    assert_memory_equal(digits, "3jZRME", 6);
    secret_crc32_base62(span_text(""), digits);
    assert_memory_equal(digits, "000000", 6);
}

/* Bits of an account: 40 of them after the first one of the 16 digits. This id is made to hold 123456789012. */
static void an_aws_key_id_names_its_account(void **state) {
    struct fixture *fixture = *state;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const uint64_t account = UINT64_C(123456789012);
    /* the top bit is no part of it: the fifth character is not I or J */
    uint64_t bits = (account << 7 | UINT64_C(1) << 47) << 2;
    char id[21] = "AKIA";
    for (size_t i = 0; i < 10; i++)
        id[4 + i] = digits[bits >> (45 - 5 * i) & 31];
    memcpy(id + 14, "ABCDEF", 7);
    struct secret_verdict verdict;
    assert_true(ask(fixture, "aws_key_id", id, &verdict));
    assert_string_equal(verdict.note, "account 123456789012");
}

static void an_encrypted_key_is_noted(void **state) {
    struct fixture *fixture = *state;
    struct secret_verdict verdict;
    assert_true(ask(fixture, "pem", "{{pem:OPENSSH PRIVATE KEY}}", &verdict));
    assert_false(verdict.encrypted);
    assert_true(ask(fixture, "pem", "{{pem:ENCRYPTED PRIVATE KEY}}", &verdict));
    assert_true(verdict.encrypted);
    assert_true(ask(
        fixture, "pem",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{{HEX:32}}\n\n{{base64:64}}\n"
        "-----END RSA PRIVATE KEY-----",
        &verdict));
    assert_true(verdict.encrypted);
    assert_true(ask(fixture, "jwt", "{{jwt}}", &verdict));
    assert_memory_equal(verdict.note, "alg HS256, sub ", 15);
    /* Made up: claims that are not plain are not told. */
    assert_true(ask(
        fixture, "jwt",
        "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5vcmciLCJleHAiOjE3MDAwMDAwMDAsInN1YiI6ImFcImIifQ."
        "made-up",
        &verdict));
    assert_string_equal(verdict.note, "alg HS256, expires 2023-11-14, iss https://auth.example.org");
}

/* Line ends written as two characters, as in JSON and in environment files. */
static void base64_skips_escaped_line_ends(void **state) {
    struct fixture *fixture = *state;
    struct span bytes = {NULL, 0};
    assert_true(secret_base64_decode(span_text("aGVs\\nbG8g\\r\\nd29y\nbGQ="), &fixture->arena, &bytes));
    assert_true(span_is(bytes, "hello world"));
    assert_true(secret_base64_decode(span_text("_-8"), &fixture->arena, &bytes));
    assert_int_equal(bytes.size, 2);
    assert_int_equal(bytes.data[0], 0xFF);
    assert_int_equal(bytes.data[1], 0xEF);
}

static int setup(void **state) {
    static struct fixture fixture;
    arena_init(&fixture.arena, 0, LIMIT_MIB);
    buf_init(&fixture.text, LIMIT_MIB);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    arena_release(&fixture->arena);
    buf_release(&fixture->text);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(crc32_is_the_published_one),
        cmocka_unit_test(an_aws_key_id_names_its_account),
        cmocka_unit_test(an_encrypted_key_is_noted),
        cmocka_unit_test(base64_skips_escaped_line_ends),
    };
    return cmocka_run_group_tests_name("secret_validator", tests, setup, teardown);
}
