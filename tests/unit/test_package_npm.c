#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MANIFEST "app/node_modules/a/package.json"

static const struct catalogue_case cases[] = {
    {"a scoped package", MANIFEST, "{\"name\":\"@s/a\",\"version\":\"1.0.0\",\"license\":\"MIT\"}",
     "npm @s/a 1.0.0 license=MIT\n"},
    {"byte order mark, licence as an object", MANIFEST,
     "\xef\xbb\xbf{\"name\":\"a\",\"version\":\"1\",\"license\":{\"type\":\"ISC\",\"url\":\"x\"}}",
     "npm a 1 license=ISC\n"},
    {"licences as a list of both", MANIFEST,
     "{\"name\":\"a\",\"version\":\"1\",\"licenses\":[{\"type\":\"MIT\"},\"ISC\",7,{\"name\":\"X\"}]}",
     "npm a 1 license=MIT|ISC|X\n"},
    {"licence in a list", MANIFEST, "{\"name\":\"a\",\"version\":\"1\",\"license\":[\"MIT\",\"ISC\"]}",
     "npm a 1 license=MIT|ISC\n"},
    {"the later of two members", MANIFEST, "{\"name\":\"b\",\"version\":\"1\",\"name\":\"a\"}", "npm a 1\n"},
    {"a module marker", MANIFEST, "{\"type\":\"module\"}", ""},
    {"a version that is a number", MANIFEST, "{\"name\":\"a\",\"version\":1}", ""},
    {"an extension of an editor", MANIFEST,
     "{\"name\":\"a\",\"publisher\":\"p\",\"version\":\"1.0.0\",\"engines\":{\"vscode\":\"*\"}}", ""},
    {"a Unity package", MANIFEST, "{\"name\":\"a\",\"version\":\"1.0.0\",\"unity\":\"2020.3\"}", ""},
    {"an array", MANIFEST, "[1]", ""},
    {"broken JSON", MANIFEST, "{\"name\":\"a\",\"version\":\"1.0.0\"", "npm a 1.0.0\n! FORMAT npm"},
};

static void test_npm(void **state) {
    (void)state;
    assert_true(catalogue_case_run(NULL, CATALOGUER_NPM, cases, ARRAY_COUNT(cases)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_npm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
