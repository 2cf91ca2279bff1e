#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DATABASE "lib/apk/db/installed"

static const struct catalogue_case cases[] = {
    {"entries with files, letters with case", DATABASE,
     "C:Q1xxxx=\nP:musl-utils\nV:1.2.4-r0\nA:x86_64\nS:1\no:musl\nL:MIT AND BSD-2-Clause\nF:bin\nR:ldd\na:0:0:755\n\n"
     "P:musl\nV:1.2.4-r0\nA:x86_64\no:musl\nL:MIT\np:so:libc.musl\n\n",
     "apk musl-utils 1.2.4-r0 arch=x86_64 from=musl() license=MIT AND BSD-2-Clause\n"
     "apk musl 1.2.4-r0 arch=x86_64 license=MIT\n"},
    {"a virtual package", DATABASE, "P:.build-deps\nV:20240101.000000\nA:noarch\n\n",
     "apk .build-deps 20240101.000000 arch=noarch\n"},
    {"cut before the version", DATABASE, "P:a\nV:1-r0\n\nP:b\n", "apk a 1-r0\n! FORMAT after package a"},
    {"cut inside the version", DATABASE, "P:a\nV:1-r0\n\nP:b\nV:1", "apk a 1-r0\n! FORMAT after package a"},
    {"cut inside the list of files", DATABASE, "P:a\nV:1-r0\nF:bin\nR:l",
     "apk a 1-r0\n! FORMAT the file ends inside a line"},
    {"an entry without a version", DATABASE, "P:a\n\nP:b\nV:2-r0\n\n", "apk b 2-r0\n! FORMAT package a has no version"},
    {"no database", DATABASE, "<html>\n", "! FORMAT"},
    {"an empty one", DATABASE, "", ""},
};

static void test_apk(void **state) {
    (void)state;
    assert_true(catalogue_case_run(NULL, CATALOGUER_APK, cases, ARRAY_COUNT(cases)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_apk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
