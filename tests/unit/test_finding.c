#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "engine/pipeline/finding.h"
#include "matchers/vuln/eol.h"
#include "matchers/vuln/vuln_ecosystem.h"
#include "tests/support/vulndb_fixture.h"

#define RECORD(id, more, ecosystem, name, events)                                                                      \
    "{\"id\":\"" id "\",\"modified\":\"2026-08-21T00:00:00Z\"," more                                                   \
    "\"affected\":[{\"package\":{\"ecosystem\":\"" ecosystem "\",\"name\":\"" name                                     \
    "\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}" events "]}]}]}"
#define FIXED(version) ",{\"fixed\":\"" version "\"}"
#define V3 "\"severity\":[{\"type\":\"CVSS_V3\",\"score\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}],"

struct bench {
    struct vulndb_fixture fixture, old;
    struct findings *findings;
    const struct finding *list;
    size_t count;
};

static void bench_open(struct bench *bench, const char *const *documents, size_t count,
                       const struct finding_filter *filter, bool with_old, size_t old_count) {
    struct err err = {0};
    *bench = (struct bench){0};
    vulndb_fixture_make(&bench->fixture, documents, count);
    if (with_old)
        vulndb_fixture_make(&bench->old, documents, old_count);
    struct finding_options options = {.db = &bench->fixture.db, .old = with_old ? &bench->old.db : NULL};
    if (filter != NULL)
        options.filter = *filter;
    assert_int_equal(findings_new(&options, &bench->findings, &err), 0);
}

static void bench_close(struct bench *bench) {
    findings_free(bench->findings);
    vulndb_fixture_release(&bench->fixture);
    if (bench->old.bytes.data != NULL)
        vulndb_fixture_release(&bench->old);
}

static void ask(struct bench *bench, const char *distro, const char *release, struct package package) {
    struct err err = {0};
    struct distro about = {.id = span_text(distro), .version_id = span_text(release)};
    assert_int_equal(findings_of(bench->findings, &about, &package, &bench->list, &bench->count, &err), 0);
}

static struct package package_of(enum package_type type, const char *name, const char *version) {
    return (struct package){.type = type, .name = span_text(name), .version = span_text(version)};
}

static void test_one_flaw_one_row(void **state) {
    (void)state;
    static const char *const documents[] = {
        RECORD("GHSA-1", "\"aliases\":[\"CVE-2024-1\"],", "npm", "a", FIXED("2.0.0")),
        RECORD("NSWG-1", V3 "\"aliases\":[\"CVE-2024-1\"],", "npm", "a", FIXED("2.0.1")),
        RECORD("GHSA-2", "\"aliases\":[\"CVE-2024-2\"],", "npm", "a", FIXED("1.5.0")),
        RECORD("ZZ-2", "\"aliases\":[\"CVE-2024-2\"],", "npm", "a", FIXED("1.2.0")),
    };
    struct bench bench;
    bench_open(&bench, documents, ARRAY_COUNT(documents), NULL, false, 0);
    for (size_t round = 0; round < 2; round++) { /* the second answer is a remembered one */
        ask(&bench, "debian", "12", package_of(PACKAGE_NPM, "a", "1.3.0"));
        assert_int_equal(bench.count, 2);
        const struct finding *second = &bench.list[0], *first = &bench.list[1];
        assert_true(span_is(first->id, "NSWG-1")); /* it has the score */
        assert_int_equal(first->alias_count, 2);
        assert_true(span_is(first->aliases[0], "CVE-2024-1") && span_is(first->aliases[1], "GHSA-1"));
        assert_int_equal(first->severity, SEVERITY_CRITICAL);
        assert_true(span_find(first->evidence, span_text("GHSA-1 has the fix in 2.0.0"), 0) != SIZE_MAX);
        assert_true(span_is(second->id, "GHSA-2"));
        assert_true(span_find(second->evidence, span_text("ZZ-2 (ZZ) does not have this version"), 0) != SIZE_MAX);
        assert_true(first->confidence == 0.7 && second->confidence == 0.7);
    }
    ask(&bench, "debian", "12", package_of(PACKAGE_NPM, "a", "1.1.0"));
    assert_int_equal(bench.count, 2);
    assert_true(span_find(bench.list[0].evidence, span_text("does not have"), 0) == SIZE_MAX);
    bench_close(&bench);
}

static void test_malicious_and_disputed(void **state) {
    (void)state;
    static const char *const documents[] = {
        RECORD("MAL-2024-1", "", "npm", "evil", ""),
        RECORD("GHSA-9", V3 "\"aliases\":[\"MAL-2024-1\"],", "npm", "evil", ""),
        RECORD("PYSEC-1", "\"details\":\"** DISPUTED ** it is a feature\",", "PyPI", "odd", FIXED("2")),
        RECORD("PYSEC-2", "\"details\":\"** REJECT ** do not use\",", "PyPI", "odd", FIXED("2")),
        RECORD("PYSEC-3", "\"withdrawn\":\"2024-01-01T00:00:00Z\",", "PyPI", "odd", FIXED("2")),
    };
    struct bench bench;
    bench_open(&bench, documents, ARRAY_COUNT(documents), NULL, false, 0);
    ask(&bench, "", "", package_of(PACKAGE_NPM, "evil", "1.0.0"));
    assert_int_equal(bench.count, 1);
    assert_true(span_is(bench.list[0].id, "MAL-2024-1"));
    assert_int_equal(bench.list[0].severity, SEVERITY_MALICIOUS);
    assert_true(bench.list[0].priority == 1);
    ask(&bench, "", "", package_of(PACKAGE_PYPI, "odd", "1.0"));
    assert_int_equal(bench.count, 1);
    assert_true(span_is(bench.list[0].id, "PYSEC-1") && bench.list[0].confidence == 0.5);
    assert_true(span_find(bench.list[0].evidence, span_text("disputed"), 0) != SIZE_MAX);
    bench_close(&bench);
}

static void test_streams(void **state) {
    (void)state;
    static const char *const documents[] = {
        RECORD("U-1", "", "Ubuntu:22.04:LTS", "vim", ""),
        RECORD("U-2", "", "Ubuntu:Pro:22.04:LTS", "vim", FIXED("2:9+esm1")),
        RECORD("R-1", "", "Red Hat:enterprise_linux:9::appstream", "vim", FIXED("0:9-1.el9")),
        RECORD("R-2", "", "Red Hat:enterprise_linux:9::crb", "vim", FIXED("0:9-2.el9")),
        RECORD("R-3", "", "Red Hat:rhel_eus:9.2::appstream", "vim", FIXED("0:9-3.el9")),
        RECORD("S-1", "", "SUSE:Linux Enterprise Module for Basesystem 15 SP5", "vim", FIXED("9-1")),
        RECORD("B-1", "", "Bitnami", "nginx", FIXED("1.25.2")),
        RECORD("D-1", "", "Debian:13", "vim", FIXED("2:9.1")),
    };
    struct bench bench;
    bench_open(&bench, documents, ARRAY_COUNT(documents), NULL, false, 0);
    ask(&bench, "ubuntu", "22.04", package_of(PACKAGE_DEB, "vim", "2:8"));
    assert_true(bench.count == 1 && span_is(bench.list[0].id, "U-1"));
    ask(&bench, "ubuntu", "22.04", package_of(PACKAGE_DEB, "vim", "2:8+esm3"));
    assert_true(bench.count == 1 && span_is(bench.list[0].id, "U-2"));
    ask(&bench, "ubuntu", "22.04", package_of(PACKAGE_DEB, "vim", "2:9+esm1"));
    assert_int_equal(bench.count, 0);
    ask(&bench, "rhel", "9.4", package_of(PACKAGE_RPM, "vim", "0:8-1.el9"));
    assert_int_equal(bench.count, 2);
    ask(&bench, "centos", "9", package_of(PACKAGE_RPM, "vim", "0:9-1.el9"));
    assert_true(bench.count == 1 && span_is(bench.list[0].id, "R-2"));
    ask(&bench, "debian", "trixie", package_of(PACKAGE_DEB, "vim", "2:9.0"));
    assert_true(bench.count == 1 && span_is(bench.list[0].id, "D-1"));
    ask(&bench, "debian", "13", package_of(PACKAGE_GENERIC, "nginx", "1.25.1"));
    assert_true(bench.count == 1 && span_is(bench.list[0].id, "B-1") && bench.list[0].confidence == 0.6);
    struct err err = {0};
    struct package vim = package_of(PACKAGE_RPM, "vim", "8-1");
    struct distro sles = {.id = span_text("sles"),
                          .version_id = span_text("15.5"),
                          .pretty_name = span_text("SUSE Linux Enterprise Server 15 SP5")};
    assert_int_equal(findings_of(bench.findings, &sles, &vim, &bench.list, &bench.count, &err), 0);
    assert_true(bench.count == 1 && span_is(bench.list[0].id, "S-1"));
    bench_close(&bench);
}

static void test_source_of_binaries(void **state) {
    (void)state;
    static const char *const documents[] = {
        RECORD("L-1", "", "Debian:12", "linux", FIXED("6.1.99-1")),
        RECORD("L-2", "", "Debian:12", "openssl", FIXED("3.0.11-1")),
        RECORD("L-3", "", "AlmaLinux:9", "kernel-headers", FIXED("5.14.0-500.el9")),
        RECORD("L-4", "", "AlmaLinux:9", "kernel-core", FIXED("5.14.0-500.el9")),
    };
    struct bench bench;
    bench_open(&bench, documents, ARRAY_COUNT(documents), NULL, false, 0);
    struct package package = package_of(PACKAGE_DEB, "linux-libc-dev", "6.1.38-1");
    package.source_name = span_text("linux");
    ask(&bench, "debian", "12", package);
    assert_int_equal(bench.count, 0);
    package.name = span_text("linux-image-6.1.0-10-amd64");
    ask(&bench, "debian", "12", package);
    assert_int_equal(bench.count, 1);
    /* A binary rebuild has a version of its own: the source's counts. */
    package = package_of(PACKAGE_DEB, "libssl3", "3.0.11-1+b1");
    package.source_name = span_text("openssl");
    package.source_version = span_text("3.0.11-1");
    ask(&bench, "debian", "12", package);
    assert_int_equal(bench.count, 0);
    package.source_version = span_text("3.0.10-1");
    ask(&bench, "debian", "12", package);
    assert_int_equal(bench.count, 1);
    ask(&bench, "almalinux", "9.3", package_of(PACKAGE_RPM, "kernel-headers", "5.14.0-400.el9"));
    assert_int_equal(bench.count, 0);
    ask(&bench, "almalinux", "9.3", package_of(PACKAGE_RPM, "kernel-core", "0:5.14.0-400.el9"));
    assert_int_equal(bench.count, 1);
    bench_close(&bench);
}

static void test_end_of_life(void **state) {
    (void)state;
    static const char *const documents[] = {
        RECORD("E-1", "", "Debian:10", "vim", ""),
        RECORD("E-2", "", "Debian:12", "vim", ""),
        RECORD("E-3", "", "Debian:10", "vim", FIXED("2:9")),
    };
    static const struct {
        const char *id, *version, *expected;
    } distros[] = {
        {"debian", "10", "EOL-debian-10"},
        {"debian", "10.13", "EOL-debian-10"},
        {"debian", "12", ""},
        {"debian", "1", ""},
        {"alpine", "3.18.4", "EOL-alpine-3.18"},
        {"alpine", "3.1.4", "EOL-alpine-3.1"},
        {"alpine", "3.21.0_alpha20240807", ""},
        {"ubuntu", "20.04", "EOL-ubuntu-20.04"},
        {"ubuntu", "24.04", ""},
        {"nowhere", "1", ""},
        {"", "", ""},
        {"amzn", "2018.03", "EOL-amzn-2018.03"},
        {"amzn", "2023", ""},
    };
    struct bench bench;
    struct err err = {0};
    bench_open(&bench, documents, ARRAY_COUNT(documents), NULL, false, 0);
    for (size_t i = 0; i < ARRAY_COUNT(distros); i++) {
        struct distro distro = {.id = span_text(distros[i].id), .version_id = span_text(distros[i].version)};
        assert_int_equal(findings_of_distro(bench.findings, &distro, &bench.list, &bench.count, &err), 0);
        assert_int_equal(bench.count, distros[i].expected[0] != '\0');
        if (bench.count == 1) {
            assert_true(span_is(bench.list[0].id, distros[i].expected));
            assert_int_equal(bench.list[0].status, VULN_END_OF_LIFE);
        }
    }
    ask(&bench, "debian", "10", package_of(PACKAGE_DEB, "vim", "2:8"));
    assert_int_equal(bench.count, 2);
    assert_int_equal(bench.list[0].status, VULN_END_OF_LIFE);
    assert_int_equal(bench.list[1].status, VULN_FIXED);
    ask(&bench, "debian", "12", package_of(PACKAGE_DEB, "vim", "2:8"));
    assert_true(bench.count == 1 && bench.list[0].status == VULN_NO_FIX);
    static const struct {
        enum package_type type;
        const char *name, *version, *expected;
    } runtimes[] = {
        {PACKAGE_GOLANG, "stdlib", "1.19.3", "EOL-go-1.19"},
        {PACKAGE_GENERIC, "python", "3.8.10", "EOL-python-3.8"},
        {PACKAGE_GENERIC, "python", "3.12.1", ""},
        {PACKAGE_GENERIC, "node", "v16.20.0", "EOL-node-16"},
        {PACKAGE_PYPI, "python", "3.8.10", ""},
        {PACKAGE_NPM, "node", "16.0.0", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(runtimes); i++) {
        ask(&bench, "debian", "12", package_of(runtimes[i].type, runtimes[i].name, runtimes[i].version));
        assert_int_equal(bench.count, runtimes[i].expected[0] != '\0');
        assert_true(bench.count == 0 || span_is(bench.list[0].id, runtimes[i].expected));
    }
    bench_close(&bench);
}

static void test_filters(void **state) {
    (void)state;
    static const char *const documents[] = {
        RECORD("F-1", V3 "\"aliases\":[\"CVE-2021-1\"],", "npm", "a", FIXED("2.0.0")),
        RECORD("F-2", "\"aliases\":[\"CVE-2021-2\"],\"database_specific\":{\"severity\":\"LOW\"},", "npm", "a", ""),
        "{\"catalogVersion\":\"1\",\"vulnerabilities\":[{\"cveID\":\"CVE-2021-2\"}]}",
        "#model_version:x,score_date:2026-08-16\ncve,epss,percentile\nCVE-2021-1,0.25,0.9\n",
    };
    const struct span ids[] = {span_text("cve-2021-1")};
    const struct {
        struct finding_filter filter;
        const char *expected;
    } cases[] = {
        {{.ignore_unfixed = true}, "F-1"},
        {{.only_kev = true}, "F-2"},
        {{.severities = 1u << SEVERITY_LOW}, "F-2"},
        {{.min_epss = 0.25}, "F-1"},
        {{.min_epss = 0.26}, NULL},
        {{.ids = ids, .id_count = 1}, "F-1"},
        {{.only_kev = true, .ignore_unfixed = true}, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bench bench;
        bench_open(&bench, documents, ARRAY_COUNT(documents), &cases[i].filter, false, 0);
        ask(&bench, "", "", package_of(PACKAGE_NPM, "a", "1.0.0"));
        assert_int_equal(bench.count, cases[i].expected != NULL);
        assert_true(bench.count == 0 || span_is(bench.list[0].id, cases[i].expected));
        bench_close(&bench);
    }
}

static void test_only_what_is_new(void **state) {
    (void)state;
    static const char *const documents[] = {
        RECORD("GHSA-1", "\"aliases\":[\"CVE-2024-1\"],", "npm", "a", ""),
        RECORD("ZZ-1", "\"aliases\":[\"CVE-2024-1\"],", "npm", "a", ""), /* the same flaw, told again */
        RECORD("GHSA-2", "", "npm", "a", ""),
    };
    struct bench bench;
    bench_open(&bench, documents, ARRAY_COUNT(documents), NULL, true, 1);
    ask(&bench, "", "", package_of(PACKAGE_NPM, "a", "1.0.0"));
    assert_true(bench.count == 1 && span_is(bench.list[0].id, "GHSA-2"));
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_flaw_one_row), cmocka_unit_test(test_malicious_and_disputed),
        cmocka_unit_test(test_streams),          cmocka_unit_test(test_source_of_binaries),
        cmocka_unit_test(test_end_of_life),      cmocka_unit_test(test_filters),
        cmocka_unit_test(test_only_what_is_new),
    };
    return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
