#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STATUS "var/lib/dpkg/status"

static const struct catalogue_case cases[] = {
    {"two stanzas, fields in any case and order", STATUS,
     "Package: aa\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.0-3+b1\n\n"
     "version: 1\nPACKAGE: bb\nstatus: install ok installed\n\n",
     "deb aa 1:2.0-3+b1 arch=amd64\ndeb bb 1\n"},
    {"states", STATUS,
     "Package: hold\nStatus: hold ok installed\nVersion: 1\n\n"
     "Package: unpacked\nStatus: install ok unpacked\nVersion: 1\n\n"
     "Package: half\nStatus: install reinstreq half-configured\nVersion: 1\n\n"
     "Package: pending\nStatus: install ok triggers-pending\nVersion: 1\n\n"
     "Package: broken\nStatus: install reinstreq half-installed\nVersion: 1\n\n"
     "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
     "Package: never\nStatus: unknown ok not-installed\n\n",
     "deb hold 1\ndeb unpacked 1\ndeb half 1\ndeb pending 1\n"},
    {"sources", STATUS,
     "Package: a\nStatus: install ok installed\nSource: s (1.0)\nVersion: 1.0+b1\n\n"
     "Package: b\nStatus: install ok installed\nSource: s\nVersion: 2\n\n"
     "Package: c\nStatus: install ok installed\nSource: c (3)\nVersion: 3\n\n",
     "deb a 1.0+b1 from=s(1.0)\ndeb b 2 from=s()\ndeb c 3\n"},
    {"continuation lines that look like fields", STATUS,
     "Package: a\nStatus: install ok installed\nDescription: text\n Package: b\n .\n\tVersion: 9\nVersion: 1\n\n",
     "deb a 1\n"},
    {"a stanza without a version is said, the rest goes on", STATUS,
     "Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: install ok installed\nVersion: 1\n\n",
     "deb b 1\n! FORMAT package a has no version"},
    {"cut after a package's name", STATUS,
     "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: install ok installed\n",
     "deb a 1\n! FORMAT after package a"},
    {"cut inside a version", STATUS,
     "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: install ok installed\nVersion: 1.2",
     "deb a 1\n! FORMAT the last stanza ends early, after package a"},
    {"cut inside the first stanza", STATUS, "Package: a\nSta", "! FORMAT after package none"},
    {"cut inside a description: the stanza counts, the cut is said", STATUS,
     "Package: a\nStatus: install ok installed\nVersion: 1\nDescription: no line end",
     "deb a 1\n! FORMAT the file ends inside a line"},
    {"cut inside a field's name", STATUS, "Package: a\nStatus: install ok installed\nVersion: 1\nDescr",
     "deb a 1\n! FORMAT the file ends inside a line"},
    {"carriage returns and blank lines of spaces", STATUS,
     "\r\nPackage: a\r\nStatus: install ok installed\r\nVersion: 1\r\n \r\nPackage: b\r\nVersion: 2\r\n\r\n",
     "deb a 1\ndeb b 2\n"},
    {"no database at all", STATUS, "hello\n\nworld\n", "! FORMAT is no field (and 1 more)"},
    {"an empty one", STATUS, "", ""},
    {"distroless: a stanza alone, without status and line end", "var/lib/dpkg/status.d/dHpkYXRh",
     "Package: tzdata\nArchitecture: all\nVersion: 2024a-0+deb12u1", "deb tzdata 2024a-0+deb12u1 arch=all\n"},
    {"opkg", "usr/lib/opkg/status", "Package: ubus\nVersion: 2024-r1\nStatus: install user installed\n\n",
     "opkg ubus 2024-r1\n"},
};

static void test_dpkg(void **state) {
    (void)state;
    assert_true(catalogue_case_run(NULL, CATALOGUER_DPKG, cases, ARRAY_COUNT(cases)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dpkg)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
