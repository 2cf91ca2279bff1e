/* Every allocation of a build, an opening and a match fails once, and then from some point on: an error of the right
 * code or the right result, and nothing leaks (the sanitizer build tells). libarchive's and yajl's own memory is not
 * ours to fail. */
#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/vulndb/vulndb.h"
#include "matchers/vuln/vuln_match.h"

static const char *const documents[] = {
    "{\"id\":\"A\",\"aliases\":[\"CVE-2024-1\"],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},"
    "\"ranges\":[{\"type\":\"SEMVER\","
    "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1.0.0\"}]}],\"versions\":[\"1.5.0\",\"odd\"]}]}",
    "{\"catalogVersion\":\"1\",\"vulnerabilities\":[{\"cveID\":\"CVE-2024-1\"}]}",
    "cve,epss,percentile\nCVE-2024-1,0.5,0.9\n",
};

static int match_count(void *context, const struct vuln_match *match, struct err *err) {
    (void)match;
    (void)err;
    ++*(size_t *)context;
    return 0;
}

/* Everything once; `*ret_matches` is written on success. */
static int run(size_t *ret_matches, struct err *err) {
    AUTO_VULNDB struct vulndb *build = NULL;
    AUTO_BUF
    struct buf bytes;
    struct vuln_db db;
    struct vuln_query query = {span_text("npm"), span_text("x"), span_text("0.5.0"), false};
    size_t matches = 0;
    buf_init(&bytes, 0);
    if (vulndb_new(&build, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_COUNT(documents); i++) {
        if (vulndb_add_document(build, "document", span_text(documents[i]), err) < 0)
            return -1;
    }
    if (vulndb_finish(build, &bytes, err) < 0 || vuln_db_open(buf_span(&bytes), CPU_SCALAR, &db, err) < 0 ||
        vuln_match(&db, &query, match_count, &matches, err) < 0)
        return -1;
    *ret_matches = matches;
    /* A document that could not be parsed for want of memory would make a smaller database without a word. */
    assert_int_equal(vulndb_summary(build)->malformed, 0);
    return 0;
}

static void test_every_allocation(void **state) {
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        bool done = false;
        for (uint64_t n = 1; !done; n++) {
            struct err err = {0};
            size_t matches = 0;
            assert_true(n < 100000);
            mem_fail_after(n, forever != 0);
            int result = run(&matches, &err);
            mem_fail_after(0, false);
            if (result == 0)
                assert_int_equal(matches, 1);
            else if (err.code != ERR_NOMEM)
                fail_msg("allocation %" PRIu64 ": NOMEM expected, found %s: %s", n, err_code_name(err.code), err.text);
            done = result == 0;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
