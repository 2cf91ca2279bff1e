#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "matchers/vuln/vuln_ecosystem.h"
#include "tests/support/vulndb_fixture.h"

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Values around which comparisons go wrong: signed and unsigned ends, neighbours, equal bounds. */
static uint64_t hard_value(uint64_t *seed) {
    static const uint64_t hard[] = {
        0, 1, INT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX, 0x8000000080000000};
    uint64_t r = next_random(seed);
    return r % 3 == 0 ? next_random(seed) : hard[(r >> 8) % ARRAY_COUNT(hard)];
}

static void test_twins_agree(void **state) {
    (void)state;
    uint64_t seed = 42;
    uint64_t lower[200], upper[200], expected[4], found[4];
    for (size_t round = 0; round < 4000; round++) {
        size_t count = next_random(&seed) % (ARRAY_COUNT(lower) + 1);
        uint64_t key = hard_value(&seed);
        for (size_t i = 0; i < count; i++) {
            lower[i] = hard_value(&seed);
            upper[i] = hard_value(&seed);
        }
        memset(expected, 0xaa, sizeof expected);
        range_candidates_scalar(lower, upper, count, key, expected);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(expected[i / 64] >> i % 64 & 1, lower[i] <= key && key <= upper[i]);
        for (enum cpu_level level = CPU_SCALAR; level <= cpu_level_best(); level++) {
            memset(found, 0xaa, sizeof found);
            range_candidates_for(level)(lower, upper, count, key, found);
            assert_memory_equal(found, expected, sizeof found);
        }
    }
}

/* Many ranges of random versions, some with long common beginnings, against the plain definition of "in the range". */
static void test_against_definition(void **state) {
    (void)state;
    uint64_t seed = 7;
    enum { ADVISORIES = 300, VERSIONS = 400 };
    static char text[ADVISORIES][256];
    static int low[ADVISORIES], high[ADVISORIES];
    const char *documents[ADVISORIES];
    for (int i = 0; i < ADVISORIES; i++) {
        low[i] = (int)(next_random(&seed) % 300);
        high[i] = low[i] + 1 + (int)(next_random(&seed) % 40);
        bool inclusive = i % 3 == 0;
        (void)snprintf(text[i], sizeof text[i],
                       "{\"id\":\"A-%03d\",\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"x\"},"
                       "\"ranges\":[{\"type\":"
                       "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"1:7.7.7-%d\"},{\"%s\":\"1:7.7.7-%d\"}]}]}]}",
                       i, low[i], inclusive ? "last_affected" : "fixed", high[i]);
        documents[i] = text[i];
    }
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ADVISORIES);
    for (int v = 0; v < VERSIONS; v++) {
        static char expected[4096], found[4096];
        char version[32];
        size_t size = 0;
        (void)snprintf(version, sizeof version, "1:7.7.7-%d", v);
        expected[0] = '\0';
        for (int i = 0; i < ADVISORIES; i++) {
            if (v >= low[i] && (v < high[i] || (i % 3 == 0 && v == high[i])))
                size += (size_t)snprintf(expected + size, sizeof expected - size, "%sA-%03d", size == 0 ? "" : " ", i);
        }
        for (enum cpu_level level = CPU_SCALAR; level <= cpu_level_best(); level++) {
            struct err err = {0};
            assert_int_equal(vuln_db_open(buf_span(&fixture.bytes), level, &fixture.db, &err), 0);
            assert_string_equal(vulndb_fixture_ids(&fixture.db, "Debian:12", "x", version, true, found, sizeof found),
                                expected);
        }
    }
    char found[64];
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Debian:12", "x", "0.1", true, found, sizeof found), "");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Debian:12", "x", "2:0", true, found, sizeof found), "");
    vulndb_fixture_release(&fixture);
}

/* Orders that no key has: Conan's circle 2 < 10 < 1a < 2, Maven's qualifiers between numbers. */
static void test_ranges_by_text(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"A-1\",\"affected\":[{\"package\":{\"ecosystem\":\"ConanCenter\",\"name\":\"x\"},\"ranges\":[{\"type\":"
        "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"1.2\"},{\"fixed\":\"1.10\"}]}],\"versions\":[\"system\"]}]}",
        "{\"id\":\"A-2\",\"affected\":[{\"package\":{\"ecosystem\":\"Maven\",\"name\":\"g:x\"},\"ranges\":[{\"type\":"
        "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1.sp.2\"}]}]}]}",
        "{\"id\":\"A-3\",\"affected\":[{\"package\":{\"ecosystem\":\"Maven\",\"name\":\"g:x\"},\"ranges\":[{\"type\":"
        "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"1.5\"},{\"last_affected\":\"1.7\"}]}]}]}",
    };
    static const struct {
        const char *ecosystem, *name, *version, *ids;
    } cases[] = {
        {"ConanCenter", "x", "1.2", "A-1"},    {"ConanCenter", "x", "1.9", "A-1"}, {"ConanCenter", "x", "1.10", ""},
        {"ConanCenter", "x", "1.1", ""},       {"ConanCenter", "x", "1.9a", ""},   {"ConanCenter", "x", "1.2+3", "A-1"},
        {"ConanCenter", "x", "system", "A-1"}, {"ConanCenter", "x", "other", ""},  {"Maven", "g:x", "1", "A-2"},
        {"Maven", "g:x", "1.sp.1", "A-2"},     {"Maven", "g:x", "1.sp.3", ""},     {"Maven", "g:x", "1.6", "A-3"},
        {"Maven", "g:x", "1.6.foo.2", "A-3"},  {"Maven", "g:x", "1.8", ""},
    };
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    for (enum cpu_level level = CPU_SCALAR; level <= cpu_level_best(); level++) {
        struct err err = {0};
        assert_int_equal(vuln_db_open(buf_span(&fixture.bytes), level, &fixture.db, &err), 0);
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            char found[64];
            if (strcmp(vulndb_fixture_ids(&fixture.db, cases[i].ecosystem, cases[i].name, cases[i].version, true, found,
                                          sizeof found),
                       cases[i].ids) != 0)
                fail_msg("%s %s: expected '%s', found '%s'", cases[i].ecosystem, cases[i].version, cases[i].ids, found);
        }
    }
    vulndb_fixture_release(&fixture);
}

static void check_ecosystem(const char *id, const char *version, enum package_type type, const char *expected) {
    AUTO_BUF
    struct buf found;
    struct distro distro = {.id = span_text(id), .version_id = span_text(version)};
    buf_init(&found, 0);
    vuln_ecosystem(id == NULL ? NULL : &distro, type, &found);
    buf_byte(&found, 0);
    assert_string_equal((const char *)found.data, expected);
}

static void test_ecosystems(void **state) {
    (void)state;
    check_ecosystem("debian", "12", PACKAGE_DEB, "Debian:12");
    check_ecosystem("debian", "12.5", PACKAGE_DEB, "Debian:12");
    check_ecosystem("debian", "", PACKAGE_DEB, "");
    check_ecosystem("ubuntu", "22.04", PACKAGE_DEB, "Ubuntu:22.04:LTS");
    check_ecosystem("ubuntu", "23.04", PACKAGE_DEB, "Ubuntu:23.04");
    check_ecosystem("ubuntu", "22.10", PACKAGE_DEB, "Ubuntu:22.10");
    check_ecosystem("raspbian", "12", PACKAGE_DEB, "");
    check_ecosystem("debian", "trixie", PACKAGE_DEB, "Debian:13");
    check_ecosystem("debian", "sid", PACKAGE_DEB, "Debian:sid");
    check_ecosystem("ubuntu", "jammy", PACKAGE_DEB, "Ubuntu:22.04:LTS");
    check_ecosystem("chainguard", "20230214", PACKAGE_APK, "Chainguard");
    check_ecosystem("alpaquita", "23", PACKAGE_APK, "Alpaquita:23");
    check_ecosystem("rhel", "9.4", PACKAGE_RPM, "Red Hat:enterprise_linux:9::baseos");
    check_ecosystem("amzn", "2018.03", PACKAGE_RPM, "Amazon Linux:1");
    check_ecosystem("amzn", "2023", PACKAGE_RPM, "Amazon Linux:2023");
    check_ecosystem("mariner", "2.0", PACKAGE_RPM, "Azure Linux:2");
    check_ecosystem(NULL, NULL, PACKAGE_HEX, "Hex");
    check_ecosystem("alpine", "3.18.4", PACKAGE_APK, "Alpine:v3.18");
    check_ecosystem("alpine", "3.18", PACKAGE_APK, "Alpine:v3.18");
    check_ecosystem("alpine", "3.21.0_alpha20240807", PACKAGE_APK, "Alpine:edge");
    check_ecosystem("wolfi", "20230201", PACKAGE_APK, "Wolfi");
    check_ecosystem("almalinux", "9.4", PACKAGE_RPM, "AlmaLinux:9");
    check_ecosystem("rocky", "8.9", PACKAGE_RPM, "Rocky Linux:8");
    check_ecosystem("azurelinux", "3.0", PACKAGE_RPM, "Azure Linux:3");
    check_ecosystem("opensuse-leap", "15.5", PACKAGE_RPM, "openSUSE:Leap 15.5");
    check_ecosystem("debian", "12", PACKAGE_RPM, "");
    check_ecosystem(NULL, NULL, PACKAGE_DEB, "");
    check_ecosystem(NULL, NULL, PACKAGE_PYPI, "PyPI");
    check_ecosystem("debian", "12", PACKAGE_NPM, "npm");
    check_ecosystem(NULL, NULL, PACKAGE_GENERIC, "");
    AUTO_BUF struct buf suse;
    struct distro sles = {.id = span_text("sles"),
                          .version_id = span_text("15.5"),
                          .pretty_name = span_text("SUSE Linux Enterprise Server 15 SP5")};
    buf_init(&suse, 0);
    vuln_ecosystem(&sles, PACKAGE_RPM, &suse);
    assert_true(span_is(buf_span(&suse), "SUSE:Linux Enterprise Server 15 SP5"));
    struct distro euler = {.id = span_text("openEuler"),
                           .version_id = span_text("22.03"),
                           .pretty_name = span_text("openEuler 22.03 (LTS-SP1)")};
    buf_reset(&suse);
    vuln_ecosystem(&euler, PACKAGE_RPM, &suse);
    assert_true(span_is(buf_span(&suse), "openEuler:22.03-LTS-SP1"));
    assert_true(vuln_ecosystem_names_source(span_text("Debian:12")));
    assert_true(vuln_ecosystem_names_source(span_text("Root:Alpine:3.18")));
    assert_false(vuln_ecosystem_names_source(span_text("AlmaLinux:9")));
    assert_false(vuln_ecosystem_names_source(span_text("Nowhere")));
}

static void check_key(const char *ecosystem, const char *name, const char *expected, size_t expected_size) {
    AUTO_BUF
    struct buf key;
    buf_init(&key, 0);
    vuln_package_key(span_text(ecosystem), span_text(name), &key);
    assert_int_equal(key.size, expected_size);
    assert_memory_equal(key.data, expected, expected_size);
}
#define KEY(literal) literal, sizeof(literal) - 1

static void test_folding(void **state) {
    (void)state;
    check_key("PyPI", "Zope..Interface_x", KEY("PyPI\0zope-interface-x"));
    check_key("NuGet", "Newtonsoft.Json", KEY("NuGet\0newtonsoft.json"));
    check_key("Packagist", "Monolog/Monolog", KEY("Packagist\0monolog/monolog"));
    check_key("npm", "JSONStream", KEY("npm\0JSONStream"));
    check_key("Ubuntu:22.04:LTS", "vim", KEY("Ubuntu:22.04\0vim"));
    check_key("Ubuntu:22.04", "vim", KEY("Ubuntu:22.04\0vim"));
    check_key("Ubuntu:Pro:14.04:LTS", "vim", KEY("Ubuntu:Pro:14.04\0vim"));
    check_key("Alpine:edge", "vim", KEY("Alpine\0vim"));
    check_key("Alpine:v3.18", "vim", KEY("Alpine:v3.18\0vim"));
}

static void test_purls(void **state) {
    (void)state;
    static const struct {
        const char *purl, *ecosystem, *name;
    } cases[] = {
        {"pkg:npm/%40scope/name@1.0.0", "npm", "@scope/name"},
        {"pkg:maven/org.apache/thing@1", "Maven", "org.apache:thing"},
        {"pkg:deb/debian/openssl@3.0.9-1?arch=source&distro=debian-12", "Debian:12", "openssl"},
        {"pkg:apk/alpine/busybox@1.36.1-r0?distro=3.18.4", "Alpine:v3.18", "busybox"},
        {"pkg:golang/github.com/a/b@v1.0.0", "Go", "github.com/a/b"},
        {"pkg:rpm/alma/bash@5.1-1?distro=alma-8.5", "AlmaLinux:8", "bash"},
        {"pkg:rpm/almalinux/bash@5.1-1?distro=almalinux-9.2", "AlmaLinux:9", "bash"},
        {"pkg:rpm/opensuse/bash@5.1-1?distro=opensuse-leap-15.5", "openSUSE:Leap 15.5", "bash"},
        {"pkg:rpm/opensuse/bash@5.1-1?distro=opensuse-tumbleweed", "openSUSE:Tumbleweed", "bash"},
        {"pkg:rpm/redhat/bash@5.1-1?distro=rhel-9.2", "Red Hat:enterprise_linux:9::baseos", "bash"},
        {"pkg:rpm/centos/bash@5.1-1?distro=centos-7.6.1810", "Red Hat:enterprise_linux:7::baseos", "bash"},
        {"pkg:rpm/amazon/bash@5.1-1?distro=amazon-2", "Amazon Linux:2", "bash"},
        {"pkg:rpm/amazon/bash@5.1-1?distro=amazon-2%20%28Karoo%29", "Amazon Linux:2", "bash"},
        {"pkg:rpm/amazon/bash@5.1-1?distro=amazon-AMI%20release%202018.03", "Amazon Linux:1", "bash"},
        {"pkg:rpm/oracle/bash@5.1-1?distro=oracle-8", "Oracle Linux:8", "bash"},
        {"pkg:deb/ubuntu/bash@5.1-1?distro=jammy", "Ubuntu:22.04:LTS", "bash"},
        {"pkg:deb/debian/bash@5.1-1?distro=debian-trixie", "Debian:13", "bash"},
        {"pkg:deb/debian/openssl@3.0.9-1", "", "openssl"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena;
        struct purl purl;
        struct err err = {0};
        AUTO_BUF
        struct buf ecosystem;
        AUTO_BUF
        struct buf name;
        arena_init(&arena, 0, 0);
        buf_init(&ecosystem, 0);
        buf_init(&name, 0);
        assert_int_equal(purl_parse(span_text(cases[i].purl), &arena, &purl, &err), 0);
        vuln_ecosystem_of_purl(&purl, &ecosystem, &name);
        assert_true(span_is(buf_span(&ecosystem), cases[i].ecosystem));
        assert_true(span_is(buf_span(&name), cases[i].name));
        arena_release(&arena);
    }
}

static void test_ubuntu_series(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"U-1\",\"affected\":[{\"package\":{\"ecosystem\":\"Ubuntu:22.04:LTS\",\"name\":\"vim\"},\"ranges\":[{"
        "\"type\":\"ECOSYSTEM\","
        "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"2:9\"}]}]}]}",
        "{\"id\":\"U-2\",\"affected\":[{\"package\":{\"ecosystem\":\"Ubuntu:Pro:22.04:LTS\",\"name\":\"vim\"},"
        "\"ranges\":[{\"type\":\"ECOSYSTEM\","
        "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"2:9+esm1\"}]}]}]}",
    };
    struct vulndb_fixture fixture;
    char ids[64];
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Ubuntu:22.04", "vim", "2:8", false, ids, sizeof ids), "U-1");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Ubuntu:22.04:LTS", "vim", "2:8", false, ids, sizeof ids),
                        "U-1");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Ubuntu:Pro:22.04", "vim", "2:8", false, ids, sizeof ids),
                        "U-2");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Ubuntu:20.04", "vim", "2:8", false, ids, sizeof ids), "");
    vulndb_fixture_release(&fixture);
}

static void test_go_prefixes(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"G-1\",\"affected\":[{\"package\":{\"ecosystem\":\"Go\",\"name\":\"stdlib\"},\"ranges\":[{\"type\":"
        "\"SEMVER\",\"events\":["
        "{\"introduced\":\"1.16.0-0\"},{\"fixed\":\"1.21.3\"}]}]}]}",
    };
    struct vulndb_fixture fixture;
    char ids[64];
    vulndb_fixture_make(&fixture, documents, 1);
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Go", "stdlib", "go1.21.2", false, ids, sizeof ids), "G-1");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Go", "stdlib", "v1.16.0-rc1", false, ids, sizeof ids), "G-1");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Go", "stdlib", "1.21.3", false, ids, sizeof ids), "");
    vulndb_fixture_release(&fixture);
}

static void test_policy(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"ALBA-2024:1\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"ranges\":[{"
        "\"type\":\"SEMVER\",\"events\":["
        "{\"introduced\":\"0\"}]}]}]}",
        "{\"id\":\"RUSTSEC-1\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"database_specific\":"
        "{\"informational\":"
        "\"unmaintained\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"0\"}]}]}]}",
        "{\"id\":\"RUSTSEC-2\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"database_specific\":"
        "{\"informational\":"
        "\"unsound\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"0\"}]}]}]}",
    };
    struct vulndb_fixture fixture;
    char ids[64];
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "npm", "x", "1.0.0", true, ids, sizeof ids),
                        "ALBA-2024:1 RUSTSEC-1 RUSTSEC-2");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "npm", "x", "1.0.0", false, ids, sizeof ids), "RUSTSEC-2");
    vulndb_fixture_release(&fixture);
}

/* One advisory, two fixed versions of one package for two builds of a module; deb's order stands in for rpm's. */
static void test_rpm_modules(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"M-1\",\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"x\"},\"ranges\":[{\"type\":"
        "\"ECOSYSTEM\",\"events\":["
        "{\"introduced\":\"0\"},{\"fixed\":\"1.0-3.module_el8.3.0+1+aa\"}]}]},{\"package\":{\"ecosystem\":\"Debian:"
        "12\",\"name\":\"x\"},"
        "\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"2.0-9.module_el8.6.0+5+"
        "bb\"}]}]}]}",
    };
    struct vulndb_fixture fixture;
    char ids[64];
    vulndb_fixture_make(&fixture, documents, 1);
    const struct {
        const char *version, *plain, *policy;
    } cases[] = {
        {"1.0-2.module_el8.3.0+1+cc", "M-1", "M-1"},
        {"1.0-4.module_el8.3.0+2+cc", "M-1", ""}, /* only below the other build's fix */
        {"2.0-8.module_el8.6.0+4+cc", "M-1", "M-1"},
        {"1.0-2.module_el8.9.0+4+cc", "M-1", "M-1"}, /* no fix for this platform is named: the order alone speaks */
        {"1.0-2", "M-1", ""},                        /* not of a module */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_string_equal(vulndb_fixture_ids(&fixture.db, "Debian:12", "x", cases[i].version, true, ids, sizeof ids),
                            cases[i].plain);
        assert_string_equal(vulndb_fixture_ids(&fixture.db, "Debian:12", "x", cases[i].version, false, ids, sizeof ids),
                            cases[i].policy);
    }
    vulndb_fixture_release(&fixture);
}

/* OSV compares enumerated versions as text; the scan takes every spelling. */
static void test_enumerated_spelling(void **state) {
    (void)state;
    static const char *const documents[] = {"{\"id\":\"V-1\",\"affected\":[{\"package\":{\"ecosystem\":\"PyPI\","
                                            "\"name\":\"x\"},\"versions\":[\"1.0.0\"]}]}"};
    struct vulndb_fixture fixture;
    char ids[64];
    vulndb_fixture_make(&fixture, documents, 1);
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "PyPI", "x", "1.0.0", true, ids, sizeof ids), "V-1");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "PyPI", "x", "1.0", true, ids, sizeof ids), "");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "PyPI", "x", "1.0", false, ids, sizeof ids), "V-1");
    vulndb_fixture_release(&fixture);
}

static void test_evidence(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"E-1\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"ranges\":[{\"type\":"
        "\"SEMVER\",\"events\":["
        "{\"introduced\":\"0\"},{\"fixed\":\"1.0.0\"},{\"introduced\":\"2.0.0\"},{\"last_affected\":\"2.5.0\"},{"
        "\"introduced\":\"3.0.0\"}]}],"
        "\"versions\":[\"1.5.0\"]}]}",
    };
    static const struct {
        const char *version, *text;
        enum vuln_status status;
    } cases[] = {
        {"0.5.0", "npm x 0.5.0 is in [0, 1.0.0)", VULN_FIXED},
        {"2.5.0", "npm x 2.5.0 is in [2.0.0, 2.5.0]", VULN_AFFECTED},
        {"3.1.0", "npm x 3.1.0 is in [3.0.0, ∞)", VULN_NO_FIX},
        {"1.5.0", "npm x 1.5.0 is enumerated", VULN_AFFECTED},
    };
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, 1);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF
        struct buf text;
        struct vuln_query query = {span_text("npm"), span_text("x"), span_text(cases[i].version), true};
        struct vuln_match match = vulndb_fixture_one(&fixture.db, "npm", "x", cases[i].version);
        buf_init(&text, 0);
        vuln_match_evidence(&query, &match, &text);
        assert_true(span_is(buf_span(&text), cases[i].text));
        assert_int_equal(match.status, cases[i].status);
    }
    vulndb_fixture_release(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twins_agree),
        cmocka_unit_test(test_ranges_by_text),
        cmocka_unit_test(test_against_definition),
        cmocka_unit_test(test_ecosystems),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_purls),
        cmocka_unit_test(test_ubuntu_series),
        cmocka_unit_test(test_go_prefixes),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_rpm_modules),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_enumerated_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
