/* Signatures as minisign makes them: one of its own is verified, ours are verified again, and every changed byte shows.
 */
#include "base/hash/signature.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Made by minisign 0.11 for this test, and of use for nothing else. */
static const char minisign_public[] = "untrusted comment: minisign public key 2EC4853BCACCD1B0\n"
                                      "RWSw0czKO4XELnDudG6KkI+M2SMJWXxZU4FTZsooC6kHEVhOs/vhZTzz\n";
static const char minisign_secret[] =
    "untrusted comment: minisign encrypted secret key\n"
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAsNHMyjuFxC7b8GM4tujCo6ukVR+0hmGAJ0bqa+"
    "nHasHScfaTwCPGPnDudG6KkI+M2SMJWXxZU4FTZsooC6kHEVhOs/vhZTzzAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
static const char minisign_bytes[] = "made up bytes\n";
static const char minisign_signature[] =
    "untrusted comment: signature from minisign secret key\n"
    "RUSw0czKO4XELjxZ7G9BMBU9JBsxoJ0LsnM4BWiW6pEL9l4YtSoteDmG6+34/iTFzkaRtuTOkC4cPZm7mgstrmIqZd7zBzwS7gc=\n"
    "trusted comment: a comment that is signed\n"
    "dF4Cd/aMPrJIfjri2+k8jqDwG8IlLP0lWqwDbn6nCAei20HIk7HdasYBAFFxdFQ14JYrxgJU6jlZ9A1eHDHOCA==\n";

static struct signature_public public_read(const char *text) {
    struct signature_public key;
    struct err err = {0};
    if (signature_read_public(span_text(text), &key, &err) < 0)
        fail_msg("%s", err.text);
    return key;
}

static void test_minisign(void **state) {
    (void)state;
    struct signature_public key = public_read(minisign_public);
    struct err err = {0};
    assert_int_equal(signature_verify(&key, span_text(minisign_bytes), span_text(minisign_signature), &err), 0);
    /* The line of base64 alone is a key too. */
    struct signature_public alone = public_read("RWSw0czKO4XELnDudG6KkI+M2SMJWXxZU4FTZsooC6kHEVhOs/vhZTzz");
    assert_memory_equal(&alone, &key, sizeof key);
    struct signature_secret secret;
    assert_int_equal(signature_read_secret(span_text(minisign_secret), &secret, &err), 0);
    assert_memory_equal(secret.key, key.key, sizeof key.key);
    /* Ed25519 has one signature for a key and a text: ours is minisign's. */
    AUTO_BUF struct buf made = {0};
    assert_int_equal(
        signature_sign(&secret, span_text(minisign_bytes), span_text("a comment that is signed"), &made, &err), 0);
    size_t line = span_index(buf_span(&made), '\n', 0);
    assert_true(
        span_equal(span_from(buf_span(&made), line),
                   span_from(span_text(minisign_signature), span_index(span_text(minisign_signature), '\n', 0))));
}

/* Every byte of bytes and signature, but those of the untrusted comment. */
static void test_changed(void **state) {
    (void)state;
    struct signature_public key = public_read(minisign_public);
    char bytes[sizeof minisign_bytes];
    char text[sizeof minisign_signature];
    memcpy(bytes, minisign_bytes, sizeof bytes);
    for (size_t i = 0; i + 1 < sizeof bytes; i++) {
        struct err err = {0};
        bytes[i] ^= 1;
        assert_int_equal(
            signature_verify(&key, span_make(bytes, sizeof bytes - 1), span_text(minisign_signature), &err), -1);
        assert_int_equal(err.code, ERR_DIGEST);
        bytes[i] ^= 1;
    }
    size_t comment = span_index(span_text(minisign_signature), '\n', 0) + 1;
    for (size_t i = comment; i + 1 < sizeof text; i++) {
        struct err err = {0};
        memcpy(text, minisign_signature, sizeof text);
        text[i] = text[i] == 'A' ? 'Q' : 'A'; /* not the bits that base64 leaves unused at its end */
        assert_int_equal(signature_verify(&key, span_text(minisign_bytes), span_text(text), &err), -1);
        assert_true(err.code == ERR_DIGEST || err.code == ERR_FORMAT);
    }
    for (size_t size = 0; size + 2 < sizeof text; size++) {
        struct err err = {0};
        if (size >= sizeof text - 4)
            continue; /* the padding may be left out */
        assert_int_equal(signature_verify(&key, span_text(minisign_bytes), span_make(minisign_signature, size), &err),
                         -1);
    }
}

static void test_round_trip(void **state) {
    (void)state;
    struct signature_secret secret, again, other;
    struct err err = {0};
    AUTO_BUF struct buf public_text = {0};
    AUTO_BUF struct buf secret_text = {0};
    AUTO_BUF struct buf signature = {0};
    assert_int_equal(signature_make_keys(&secret, &err), 0);
    assert_int_equal(signature_make_keys(&other, &err), 0);
    assert_memory_not_equal(secret.seed, other.seed, sizeof secret.seed);
    signature_write_public(&public_text, &secret);
    signature_write_secret(&secret_text, &secret);
    assert_int_equal(signature_read_secret(buf_span(&secret_text), &again, &err), 0);
    assert_memory_equal(&again, &secret, sizeof secret);
    struct signature_public key;
    assert_int_equal(signature_read_public(buf_span(&public_text), &key, &err), 0);
    assert_int_equal(signature_sign(&again, span_text("x"), span_text(""), &signature, &err), 0);
    assert_int_equal(signature_verify(&key, span_text("x"), buf_span(&signature), &err), 0);
    assert_int_equal(signature_verify(&key, span_text(""), buf_span(&signature), &err), -1);
    /* Another key of the same id, and of another one. */
    struct signature_public wrong = key;
    wrong.key[3] ^= 4;
    err = (struct err){0};
    assert_int_equal(signature_verify(&wrong, span_text("x"), buf_span(&signature), &err), -1);
    assert_int_equal(err.code, ERR_DIGEST);
    wrong = key;
    wrong.id[0] ^= 1;
    assert_int_equal(signature_verify(&wrong, span_text("x"), buf_span(&signature), &err), -1);
    assert_true(strstr(err.text, "another key") != NULL);
    assert_int_equal(signature_sign(&again, span_text("x"), span_text("two\nlines"), &signature, &err), -1);
}

static void test_bad_keys(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "untrusted comment: nothing follows\n",
        "not base64 at all!",
        "RWSw0czKO4XE",
        "AAAA",
        "untrusted comment: x\nRWSw0czKO4XELnDudG6KkI+M2SMJWXxZU4FTZsooC6kHEVhOs/vhZTzzAAAA\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct signature_public key;
        struct signature_secret secret;
        struct err err = {0};
        assert_int_equal(signature_read_public(span_text(texts[i]), &key, &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
        assert_int_equal(signature_read_secret(span_text(texts[i]), &secret, &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
    }
    /* With a derivation: a password would be needed. */
    struct signature_secret secret;
    struct err err = {0};
    char text[sizeof minisign_secret];
    memcpy(text, minisign_secret, sizeof text);
    char *line = strchr(text, '\n') + 1;
    memcpy(line, "RWRTY0Iy", 8); /* "Ed", "Sc", "B2" */
    assert_int_equal(signature_read_secret(span_text(text), &secret, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minisign),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
