#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define METADATA "usr/lib/python3/dist-packages/a-1.dist-info/METADATA"

static const struct catalogue_case cases[] = {
    {"the expression wins over field and classifiers", METADATA,
     "Metadata-Version: 2.4\nName: Flask_X\nVersion: 1.0\nLicense: BSD\nLicense-Expression: BSD-3-Clause\n"
     "Classifier: License :: OSI Approved :: BSD License\n\nName: not this\n",
     "pypi Flask_X 1.0 license=BSD-3-Clause\n"},
    {"the field wins over classifiers", METADATA,
     "Name: a\nVersion: 1\nLicense: MIT\nClassifier: License :: OSI Approved :: Apache Software License\n",
     "pypi a 1 license=MIT\n"},
    {"classifiers, without the family alone", METADATA,
     "name: a\nversion: 1\nLicense: UNKNOWN\nClassifier: License :: OSI Approved\n"
     "Classifier: License :: OSI Approved :: MIT License\nClassifier: Topic :: Text\n"
     "Classifier: License :: Public Domain\n",
     "pypi a 1 license=MIT License|Public Domain\n"},
    {"a licence's whole text: its first line", METADATA,
     "Name: a\nVersion: 1\nLicense: MIT License\n        Permission is\n\n        granted\n",
     "pypi a 1 license=MIT License\n"},
    {"keywords that were not folded", METADATA, "Name: a\nKeywords: x\ny z\nVersion: 1\n", "pypi a 1\n"},
    {"the first of two names", METADATA, "Name: a\nName: b\nVersion: 1\n", "pypi a 1\n"},
    {"inside an egg", "opt/x/m-1.egg!/EGG-INFO/PKG-INFO", "Name: m\nVersion: 1\n", "pypi m 1\n"},
    {"inside a wheel that lies about", "x/m-1.whl!/m-1.dist-info/METADATA", "Name: m\nVersion: 1\n",
     "pypi m 1 embedded\n"},
    {"no version", METADATA, "Name: a\nSummary: x\n", "! FORMAT no name or no version"},
    {"an empty file", METADATA, "\n", ""},
    {"no metadata", METADATA, "PK\003\004", "! FORMAT"},
};

static void test_python(void **state) {
    (void)state;
    assert_true(catalogue_case_run(NULL, CATALOGUER_PYTHON, cases, ARRAY_COUNT(cases)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_python)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
