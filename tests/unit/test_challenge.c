/* Challenges as servers write them, and as they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/source/challenge.h"

static void challenges(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool basic, bearer;
        const char *realm, *service, *scope, *error, *other;
    } cases[] = {
        {"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"",
         false, true, "https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull", "", ""},
        {"bearer REALM = \"r\" , Scope=\"a b\",error=\"insufficient_scope\"", false, true, "r", "", "a b",
         "insufficient_scope", ""},
        {"Basic realm=\"Registry, with a \\\"quoted\\\" name\"", true, false, "", "", "", "", ""},
        {"Bearer realm=\"a\\\\b\\\"c\"", false, true, "a\\b\"c", "", "", "", ""},
        {"Negotiate, Basic realm=\"x\", Bearer realm=\"y\",service=\"z\"", true, true, "y", "z", "", "", "Negotiate"},
        {"NTLM TlRMTVNTUAAC==, Bearer realm=\"y\"", false, true, "y", "", "", "", "NTLM"},
        {"Digest realm=\"x\", nonce=\"1\", Basic", true, false, "", "", "", "", "Digest"},
        {"Bearer realm=https://host/token?a=b,service=s", false, true, "https://host/token?a=b", "s", "", "", ""},
        {",, Bearer ,realm=\"y\",,", false, true, "y", "", "", "", ""},
        {"Bearer realm=\"one\", Bearer realm=\"two\",service=\"s\"", false, true, "one", "", "", "", ""},
        {"Bearer realm=\"one\",realm=\"two\"", false, true, "one", "", "", "", ""},
        {"Bearer", false, true, "", "", "", "", ""},
        {"Bearer realm=\"\"", false, true, "", "", "", "", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena;
        struct challenge found;
        struct err err = {0};
        arena_init(&arena, 0, 0);
        if (challenge_parse(&arena, span_text(cases[i].text), &found, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        if (found.basic != cases[i].basic || found.bearer != cases[i].bearer || !span_is(found.realm, cases[i].realm) ||
            !span_is(found.service, cases[i].service) || !span_is(found.scope, cases[i].scope) ||
            !span_is(found.error, cases[i].error) || !span_is(found.other, cases[i].other))
            fail_msg("%s: realm '%.*s' service '%.*s' scope '%.*s'", cases[i].text, SPAN_FORMAT(found.realm),
                     SPAN_FORMAT(found.service), SPAN_FORMAT(found.scope));
        arena_release(&arena);
    }
}

static void should_fail(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        " , ",
                                        "Bearer realm=\"x",
                                        "Bearer realm=\"x\\",
                                        "=\"x\"",
                                        "(x)",
                                        "Bearer realm=\"x\" \x01",
                                        "Bearer \"x\"",
                                        "\xff\xfe",
                                        "Basic realm=\"x\", =y"};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena;
        struct challenge found;
        struct err err = {0};
        arena_init(&arena, 0, 0);
        if (challenge_parse(&arena, span_text(cases[i]), &found, &err) == 0 || err.code != ERR_FORMAT)
            fail_msg("'%s' passed", cases[i]);
        arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(challenges), cmocka_unit_test(should_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
