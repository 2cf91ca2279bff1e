/* Every allocation of findings, with merging, dissent and an older database, and of reading VEX fails once, and then
 * from some point on: NOMEM, or the right result. */
#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/pipeline/finding.h"
#include "engine/pipeline/vex.h"
#include "tests/support/vulndb_fixture.h"

#define RECORD(id, alias, fixed)                                                                                       \
    "{\"id\":\"" id "\",\"modified\":\"2026-01-01T00:00:00Z\",\"aliases\":[\"" alias "\"],\"affected\":[{\"package\":" \
    "{\"ecosystem\":\"npm\",\"name\":\"x\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"0\"},"      \
    "{\"fixed\":\"" fixed "\"}]}]}]}"

static const char *const documents[] = {
    RECORD("A-0", "CVE-2024-0", "3.0.0"), /* known to the older database */
    RECORD("A-1", "CVE-2024-1", "2.0.0"),
    RECORD("B-1", "CVE-2024-1", "1.0.0"), /* does not have the version */
    RECORD("C-1", "CVE-2024-1", "2.0.1"),
};
static const char statement[] = "{\"statements\":[{\"vulnerability\":{\"name\":\"CVE-2024-1\"},\"products\":["
                                "{\"@id\":\"pkg:oci/a\",\"subcomponents\":[{\"@id\":\"pkg:npm/x\"}]}],"
                                "\"status\":\"fixed\"}]}";

static int findings_run(const struct vulndb_fixture *fixture, const struct vulndb_fixture *old, struct err *err) {
    struct findings *findings = NULL;
    const struct finding *list = NULL;
    size_t count = 0;
    struct package package = {.type = PACKAGE_NPM, .name = span_text("x"), .version = span_text("1.5.0")};
    struct distro distro = {.id = span_text("debian"), .version_id = span_text("10")};
    int result = findings_new(&(struct finding_options){.db = &fixture->db, .old = &old->db}, &findings, err);
    for (int round = 0; round < 2 && result == 0; round++) {
        result = findings_of(findings, &distro, &package, &list, &count, err);
        if (result == 0) {
            assert_int_equal(count, 1);
            assert_true(span_is(list[0].id, "A-1") && list[0].alias_count == 2);
            assert_true(span_find(list[0].evidence, span_text("B-1 (B) does not"), 0) != SIZE_MAX);
        }
    }
    if (result == 0)
        result = findings_of_distro(findings, &distro, &list, &count, err);
    findings_free(findings);
    return result;
}

static int vex_run(struct err *err) {
    AUTO_VEX struct vex *vex = NULL;
    if (vex_new(&vex, err) < 0 || vex_add(vex, span_text(statement), "doc", err) < 0)
        return -1;
    assert_int_equal(vex_count(vex), 1);
    return 0;
}

static void test_every_allocation(void **state) {
    (void)state;
    struct vulndb_fixture fixture, old;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    vulndb_fixture_make(&old, documents, 1);
    for (int what = 0; what < 4; what++) {
        bool forever = what % 2 != 0, done = false;
        for (uint64_t n = 1; !done; n++) {
            struct err err = {0};
            assert_true(n < 100000);
            mem_fail_after(n, forever);
            int result = what < 2 ? findings_run(&fixture, &old, &err) : vex_run(&err);
            mem_fail_after(0, false);
            if (result < 0 && err.code != ERR_NOMEM)
                fail_msg("allocation %" PRIu64 ": NOMEM expected, found %s: %s", n, err_code_name(err.code), err.text);
            done = result == 0;
        }
    }
    vulndb_fixture_release(&fixture);
    vulndb_fixture_release(&old);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
