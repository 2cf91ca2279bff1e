/* Image references as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/source/reference.h"

#define HEX64 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void accepted(void **state) {
    (void)state;
    static const struct {
        const char *text, *registry, *repository, *tag, *canonical;
    } cases[] = {
        {"debian", "docker.io", "debian", "latest", "docker.io/debian:latest"},
        {"debian:12", "docker.io", "debian", "12", "docker.io/debian:12"},
        {"library/debian:12", "docker.io", "library/debian", "12", "docker.io/library/debian:12"},
        {"ghcr.io/a/b", "ghcr.io", "a/b", "latest", "ghcr.io/a/b:latest"},
        {"localhost/x:y", "localhost", "x", "y", "localhost/x:y"},
        {"127.0.0.1:5000/a/b/c:1.0-rc_1", "127.0.0.1:5000", "a/b/c", "1.0-rc_1", "127.0.0.1:5000/a/b/c:1.0-rc_1"},
        {"[::1]:5000/a:b", "[::1]:5000", "a", "b", "[::1]:5000/a:b"},
        {"[fe80::1]:65535/a", "[fe80::1]:65535", "a", "latest", "[fe80::1]:65535/a:latest"},
        {"[2001:db8::1]/a", "[2001:db8::1]", "a", "latest", "[2001:db8::1]/a:latest"},
        {"my-host.io:1/a", "my-host.io:1", "a", "latest", "my-host.io:1/a:latest"},
        {"host:5000/a", "host:5000", "a", "latest", "host:5000/a:latest"},
        {"h.io/a__b/c--d.e:T", "h.io", "a__b/c--d.e", "T", "h.io/a__b/c--d.e:T"},
        {"h.io/a@sha256:" HEX64, "h.io", "a", "", "h.io/a@sha256:" HEX64},
        {"h.io/a:t@sha256:" HEX64, "h.io", "a", "t", "h.io/a@sha256:" HEX64},
    };
    struct arena arena;
    arena_init(&arena, 0, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct reference reference;
        struct err err = {0};
        if (reference_parse(span_text(cases[i].text), &reference, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_true(span_is(reference.registry, cases[i].registry));
        assert_true(span_is(reference.repository, cases[i].repository));
        assert_true(span_is(reference.tag, cases[i].tag));
        assert_string_equal(reference_text(&arena, &reference), cases[i].canonical);
    }
    arena_release(&arena);
}

static void refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        ":",
        "/",
        "a/",
        "/a",
        "h.io/",
        "h.io/A",
        "h.io/a:",
        "h.io/a:-x",
        "h.io/a: b",
        "h.io/a//b",
        "h.io/a/../b",
        "h.io/..",
        "h.io/.a",
        "h.io/a.",
        "h.io/a___b",
        "h.io/a..b",
        "h.io/a-_b",
        "h.io/a@sha256:abc",
        ("h.io/a@" HEX64),
        "h.io/a@sha256:../x",
        "h.io:/a",
        ":5000/a",
        "h.io:0/a",
        "h.io:65536/a",
        "h.io:5000:5000/a",
        "h.io:http/a",
        "[::1/a:b",
        "[]:5000/a",
        "[::1]x:5/a",
        "[h.io-]:5/a",
        "-.io/a",
        ".h.io/a",
        "h[1].io/a",
        "ho st/a:b",
        "h.io/a\nb",
        "h.io/a?x=y",
        "user@h.io/a",
        "h.io/a:b@",
        "http://h.io/a",
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct reference reference;
        struct err err = {0};
        if (reference_parse(span_text(cases[i]), &reference, &err) == 0)
            fail_msg("'%s' was accepted", cases[i]);
        assert_true(err.code == ERR_USAGE || err.code == ERR_FORMAT || err.code == ERR_UNSUPPORTED);
    }
}

static void lengths(void **state) {
    (void)state;
    struct buf text;
    buf_init(&text, 0);
    buf_fill(&text, 'a', 255);
    assert_true(reference_repository_is_valid(buf_span(&text)));
    buf_byte(&text, 'a');
    assert_false(reference_repository_is_valid(buf_span(&text)));
    text.size = 128;
    assert_true(reference_tag_is_valid(buf_span(&text)));
    text.size = 129;
    assert_false(reference_tag_is_valid(buf_span(&text)));
    buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepted), cmocka_unit_test(refused),
                                       cmocka_unit_test(lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
