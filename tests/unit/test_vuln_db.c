#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "matchers/vuln/vuln_ecosystem.h"
#include "tests/support/vulndb_fixture.h"

static const char *const documents[] = {
    "{\"id\":\"T-1\",\"modified\":\"2024-01-02T00:00:00Z\",\"aliases\":[\"CVE-2024-0001\"],\"summary\":\"first\","
    "\"affected\":[{\"package\":{"
    "\"ecosystem\":\"npm\",\"name\":\"left\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"0\"},{"
    "\"fixed\":\"1.2.3\"}]}]}]}",
    "{\"id\":\"T-2\",\"modified\":\"2024-01-03T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":"
    "\"left\"},"
    "\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"1.0.0\"},{\"last_affected\":\"2.0.0\"}]}],"
    "\"versions\":[\"not a version\"]},"
    "{\"package\":{\"ecosystem\":\"PyPI\",\"name\":\"Under_Score\"},\"versions\":[\"1.0\"]}]}",
};

/* An exact copy on the heap, so that a sanitizer sees a read of one byte too many. */
static uint8_t *exact_copy(struct span bytes, size_t size) {
    uint8_t *copy = mem_alloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, bytes.data, size);
    return copy;
}

/* Opens and, when that works, reads everything there is: only errors may come out of it. */
static bool exercise(struct span bytes) {
    struct vuln_db db;
    struct err err = {0};
    char ids[256];
    if (vuln_db_open(bytes, cpu_level_best(), &db, &err) < 0) {
        assert_int_not_equal(err.code, ERR_NONE);
        assert_non_null(strstr(err.text, "vulnerability database: "));
        return false;
    }
    for (size_t i = 0; i < db.name_count; i++) {
        struct vuln_name name;
        (void)vuln_db_name(&db, i, &name, &err);
    }
    for (size_t i = 0; i < db.range_count; i++) {
        struct vuln_range range;
        (void)vuln_db_range(&db, i, &range);
    }
    for (size_t i = 0; i < db.advisory_count; i++) {
        struct vuln_advisory advisory;
        if (!vuln_db_advisory(&db, i, &advisory))
            continue;
        struct vuln_list list = vuln_db_list(&db, advisory.aliases);
        for (size_t k = 0; k < list.count; k++)
            (void)vuln_list_get(&list, k);
    }
    (void)vulndb_fixture_ids(&db, "npm", "left", "1.1.0", false, ids, sizeof ids);
    (void)vulndb_fixture_ids(&db, "npm", "left", "not a version", true, ids, sizeof ids);
    (void)vulndb_fixture_ids(&db, "PyPI", "under-score", "1.0", true, ids, sizeof ids);
    return true;
}

static void test_find(void **state) {
    (void)state;
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    struct err err = {0};
    assert_int_equal(vuln_db_verify(&fixture.db, &err), 0);
    assert_int_equal(fixture.db.name_count, 2);
    assert_int_equal(fixture.db.advisory_count, 2);
    assert_int_equal(fixture.db.data_time_utc_s, 1704240000);
    struct vuln_name name;
    assert_int_equal(vuln_db_find(&fixture.db, span_make("npm\0left", 8), &name, &err), 1);
    assert_int_equal(name.keyed_count, 2);
    assert_int_equal(name.text_count, 1);
    assert_true(span_is(name.scheme, "semver"));
    assert_int_equal(vuln_db_find(&fixture.db, span_make("npm\0right", 9), &name, &err), 0);
    assert_int_equal(vuln_db_find(&fixture.db, span_text(""), &name, &err), 0);
    vulndb_fixture_release(&fixture);
}

static void test_every_truncation(void **state) {
    (void)state;
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    for (size_t size = 0; size < fixture.bytes.size; size++) {
        uint8_t *copy = exact_copy(buf_span(&fixture.bytes), size);
        if (exercise(span_make(copy, size)))
            fail_msg("cut to %zu bytes it still opens", size);
        mem_free(copy);
    }
    vulndb_fixture_release(&fixture);
}

/* Bits of the header and the section table are all covered by a check; bits of the sections are noticed by verify. */
static void test_every_bit(void **state) {
    (void)state;
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    uint8_t *copy = exact_copy(buf_span(&fixture.bytes), fixture.bytes.size);
    for (size_t bit = 0; bit < fixture.bytes.size * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)exercise(span_make(copy, fixture.bytes.size));
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    size_t table_end = VULN_HEADER_SIZE + VULN_SECTION_COUNT * VULN_SECTION_ENTRY_SIZE;
    for (size_t at = VULN_HEADER_SIZE; at < table_end; at++) {
        copy[at] ^= 0x40;
        assert_false(exercise(span_make(copy, fixture.bytes.size)));
        copy[at] ^= 0x40;
    }
    for (size_t i = 0; i < VULN_SECTION_COUNT; i++) {
        struct span section = fixture.db.section[i];
        struct vuln_db db;
        struct err err = {0};
        size_t at = (size_t)(section.data - fixture.bytes.data);
        if (section.size == 0)
            continue;
        copy[at + section.size / 2] ^= 1;
        assert_int_equal(vuln_db_open(span_make(copy, fixture.bytes.size), CPU_SCALAR, &db, &err), 0);
        assert_int_equal(vuln_db_verify(&db, &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
        copy[at + section.size / 2] ^= 1;
    }
    mem_free(copy);
    vulndb_fixture_release(&fixture);
}

/* All ones and all zeros in each section: offsets far outside, counts of four billion, hash tables without a free slot.
 */
static void test_filled_sections(void **state) {
    (void)state;
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    for (size_t i = 0; i < VULN_SECTION_COUNT; i++) {
        static const uint8_t fills[] = {0xff, 0x00, 0x7f, 0x01};
        for (size_t k = 0; k < sizeof fills; k++) {
            uint8_t *copy = exact_copy(buf_span(&fixture.bytes), fixture.bytes.size);
            struct span section = fixture.db.section[i];
            if (section.size > 0)
                memset(copy + (section.data - fixture.bytes.data), fills[k], section.size);
            (void)exercise(span_make(copy, fixture.bytes.size));
            mem_free(copy);
        }
    }
    vulndb_fixture_release(&fixture);
}

static void test_foreign(void **state) {
    (void)state;
    struct vuln_db db;
    struct err err = {0};
    _Alignas(8) uint8_t zip[200] = "PK\x03\x04";
    assert_int_equal(vuln_db_open(span_make(zip, sizeof zip), CPU_SCALAR, &db, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, "expected magic TRAWLVDB"));
    assert_int_equal(vuln_db_open((struct span){NULL, 0}, CPU_SCALAR, &db, &err), -1);
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    fixture.bytes.data[8] = 99;
    assert_int_equal(vuln_db_open(buf_span(&fixture.bytes), CPU_SCALAR, &db, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "format version 1 expected, found 99"));
    vulndb_fixture_release(&fixture);
}

/* The same advisories in another order, and twice, are the same file. */
static void test_deterministic(void **state) {
    (void)state;
    const char *const turned[] = {documents[1], documents[0], documents[1]};
    struct vulndb_fixture a, b;
    vulndb_fixture_make(&a, documents, ARRAY_COUNT(documents));
    vulndb_fixture_make(&b, turned, ARRAY_COUNT(turned));
    assert_int_equal(a.bytes.size, b.bytes.size);
    assert_memory_equal(a.bytes.data, b.bytes.data, a.bytes.size);
    vulndb_fixture_release(&a);
    vulndb_fixture_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),    cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_foreign), cmocka_unit_test(test_filled_sections),  cmocka_unit_test(test_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
