/* A layer's result as bytes and back: nothing is lost, and no bytes of a bad disk do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/image/layer_pack.h"
#include "tests/support/layer_fixture.h"

static void packed_make(struct buf *packed) {
    struct layer_result *result = support_layer();
    buf_init(packed, 0);
    layer_pack(result, packed);
    assert_false(packed->failed);
    layer_result_free(result);
}

static void same_text(struct span a, struct span b) { assert_true(span_equal(a, b)); }

static void round_trip(void **state) {
    (void)state;
    struct buf packed, again;
    struct layer_result *back = NULL, *first = support_layer();
    struct err err = {0};
    packed_make(&packed);
    assert_int_equal(layer_unpack(buf_span(&packed), &back, &err), 0);
    buf_init(&again, 0);
    layer_pack(back, &again);
    assert_true(span_equal(buf_span(&packed), buf_span(&again)));
    buf_release(&packed); /* the result owns its texts */
    assert_true(digest_equal(&back->digest, &first->digest) && digest_equal(&back->diff_id, &first->diff_id));
    assert_int_equal(back->status, SCAN_PARTIAL);
    assert_int_equal(back->body_seen_count, 2);
    assert_int_equal(back->scan_ms, 17);
    assert_int_equal(back->packages.count, 2);
    same_text(back->packages.data[0].licenses, span_text("Apache-2.0\nMIT"));
    assert_int_equal(back->packages.data[0].evidence, EVIDENCE_COUNT - 1);
    assert_int_equal(layer_package_compare(&back->packages.data[1], &first->packages.data[1]), 0);
    same_text(back->secrets.data[0].evidence, first->secrets.data[0].evidence);
    assert_true(back->secrets.data[0].confidence == 0.75 && back->secrets.data[0].severity == SEVERITY_COUNT - 1);
    assert_true(back->errors.data[0].has_offset && !back->errors.data[1].has_offset);
    assert_int_equal(back->errors.data[0].byte_offset, 512);
    assert_true(back->links.data[0].is_hard && !back->links.data[1].is_hard);
    same_text(back->releases.data[0].distro.pretty_name, span_text("Debian GNU/Linux 12"));
    assert_int_equal(back->owners.count, 1);
    same_text(back->owners.data[0].path, first->owners.data[0].path);
    assert_true(back->owners.data[0].foreign && !back->owners.data[0].proves);
    assert_int_equal(back->owners.data[0].first, 1);
    assert_int_equal(back->owners.data[0].count, 2);
    assert_int_equal(back->owned.data[4], 308);
    assert_int_equal(back->paths.count, 5);
    assert_int_equal(back->paths.data[4], first->paths.data[4]);
    assert_int_equal(back->whiteouts.data[1], 102);
    assert_int_equal(back->opaques.data[4], 208);
    layer_result_free(back);
    layer_result_free(first);
    buf_release(&again);
}

static void summary(void **state) {
    (void)state;
    struct buf packed;
    struct layer_summary found;
    struct digest diff_id;
    packed_make(&packed);
    assert_true(layer_unpack_summary(buf_span(&packed), &found, &diff_id));
    assert_int_equal(found.status, SCAN_PARTIAL);
    assert_int_equal(found.compressed_bytes, 1000);
    assert_int_equal(found.unpacked_bytes, 5000);
    same_text(found.reason, span_text("rpm: it is damaged"));
    assert_int_equal(diff_id.algorithm, DIGEST_SHA512);
    assert_int_equal(diff_id.bytes[63], 7 + 63);
    assert_false(layer_unpack_summary(span_slice(buf_span(&packed), 0, 100), &found, &diff_id));
    buf_release(&packed);

    struct digest digest = {.algorithm = DIGEST_SHA256};
    struct layer_result *plain = layer_result_new(&digest);
    assert_non_null(plain);
    buf_init(&packed, 0);
    layer_pack(plain, &packed);
    assert_true(layer_unpack_summary(buf_span(&packed), &found, &diff_id));
    assert_int_equal(found.reason.size, 0);
    assert_int_equal(diff_id.algorithm, DIGEST_NONE);
    layer_result_free(plain);
    buf_release(&packed);
}

/* The bytes alone in their allocation, so that a sanitizer sees a read behind them. */
static int unpack_alone(struct span bytes, struct err *err) {
    uint8_t *copy = mem_alloc(bytes.size);
    struct layer_result *result = NULL;
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    int code = layer_unpack(span_make(copy, bytes.size), &result, err);
    mem_free(copy);
    if (code == 0)
        layer_result_free(result);
    return code;
}

static void cut_off(void **state) {
    (void)state;
    struct buf packed;
    packed_make(&packed);
    for (size_t size = 1; size < packed.size; size++) {
        struct err err = {0};
        assert_int_equal(unpack_alone(span_make(packed.data, size), &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
    }
    struct err err = {0};
    buf_byte(&packed, 0);
    assert_int_equal(unpack_alone(buf_span(&packed), &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    buf_release(&packed);
}

/* Most flips are other texts or numbers; those of lengths, counts and enumerations are refused. */
static void flipped(void **state) {
    (void)state;
    struct buf packed;
    size_t refused = 0;
    packed_make(&packed);
    for (size_t bit = 0; bit < packed.size * 8; bit++) {
        struct err err = {0};
        packed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (unpack_alone(buf_span(&packed), &err) < 0) {
            assert_int_equal(err.code, ERR_FORMAT);
            refused++;
        }
        packed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(refused > 1000);
    buf_release(&packed);
}

/* A count is no reason to allocate. */
static void large_count(void **state) {
    (void)state;
    struct buf packed;
    struct err err = {0};
    struct digest digest = {.algorithm = DIGEST_SHA256};
    struct layer_result *plain = layer_result_new(&digest);
    assert_non_null(plain);
    buf_init(&packed, 0);
    layer_pack(plain, &packed);
    size_t counts = packed.size - 8 * sizeof(uint32_t); /* eight lists, all empty */
    for (size_t i = 0; i < 8; i++) {
        size_t at = counts + 4 * i, before = mem_in_use();
        memset(packed.data + at, 0xff, 4);
        assert_int_equal(unpack_alone(buf_span(&packed), &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
        assert_int_equal(mem_in_use(), before);
        memset(packed.data + at, 0, 4);
    }
    assert_int_equal(unpack_alone(buf_span(&packed), &err), 0);
    layer_result_free(plain);
    buf_release(&packed);
}

static void memory_short(void **state) {
    (void)state;
    struct buf packed;
    packed_make(&packed);
    size_t before = mem_in_use(), failures = 0;
    for (uint64_t n = 1;; n++) {
        struct layer_result *result = NULL;
        struct err err = {0};
        mem_fail_after(n, false);
        int code = layer_unpack(buf_span(&packed), &result, &err);
        mem_fail_after(0, false);
        if (code == 0) {
            layer_result_free(result);
            break;
        }
        assert_int_equal(err.code, ERR_NOMEM);
        assert_int_equal(mem_in_use(), before);
        failures++;
    }
    assert_true(failures >= 9); /* the result, its text, and seven lists at least */
    buf_release(&packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(summary),     cmocka_unit_test(cut_off),
        cmocka_unit_test(flipped),    cmocka_unit_test(large_count), cmocka_unit_test(memory_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
