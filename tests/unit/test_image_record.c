/* What is kept of a manifest and its configuration: packed and back, and refused where it is cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "engine/pipeline/image_record.h"

static struct digest digest_made(uint8_t byte) {
    struct digest digest = {.algorithm = DIGEST_SHA256};
    memset(digest.bytes, byte, 32);
    return digest;
}

static void record_make(struct buf *packed) {
    struct descriptor layers[] = {
        {.digest = digest_made(1), .size = 100, .media_type = span_text("tar+gzip")},
        {.digest = digest_made(2), .size_unknown = true, .is_foreign = true, .media_type = span_text("")}};
    struct digest diff_ids[] = {digest_made(3), {.algorithm = DIGEST_NONE}};
    struct image_record record = {.media_type = span_text("manifest"),
                                  .config_digest = digest_made(4),
                                  .platform = {span_text("linux"), span_text("arm64"), span_text("v8")},
                                  .created = -62135596800, /* year 1, as reproducible builds write it */
                                  .layers = layers,
                                  .diff_ids = diff_ids,
                                  .layer_count = 2,
                                  .is_schema1 = true,
                                  .config = span_text("{\"os\":\"linux\"}")};
    buf_init(packed, 0);
    image_record_pack(&record, packed);
    assert_false(packed->failed);
}

static void round_trip(void **state) {
    (void)state;
    struct buf packed;
    struct arena arena;
    struct image_record back;
    arena_init(&arena, 0, 0);
    record_make(&packed);
    assert_true(image_record_unpack(&arena, buf_span(&packed), &back));
    assert_true(span_is(back.media_type, "manifest") && span_is(back.config, "{\"os\":\"linux\"}"));
    assert_true(span_is(back.platform.os, "linux") && span_is(back.platform.architecture, "arm64") &&
                span_is(back.platform.variant, "v8"));
    assert_true(back.created == -62135596800 && back.is_schema1);
    assert_int_equal(back.config_digest.bytes[31], 4);
    assert_int_equal(back.layer_count, 2);
    assert_int_equal(back.layers[0].size, 100);
    assert_true(!back.layers[0].size_unknown && !back.layers[0].is_foreign && back.layers[1].size_unknown &&
                back.layers[1].is_foreign);
    assert_true(span_is(back.layers[0].media_type, "tar+gzip") && back.layers[1].media_type.data != NULL);
    assert_int_equal(back.layers[1].digest.bytes[0], 2);
    assert_int_equal(back.diff_ids[0].bytes[0], 3);
    assert_int_equal(back.diff_ids[1].algorithm, DIGEST_NONE);
    arena_release(&arena);
    buf_release(&packed);
}

static void refused(void **state) {
    (void)state;
    struct buf packed;
    struct arena arena;
    struct image_record back;
    arena_init(&arena, 0, 0);
    record_make(&packed);
    for (size_t size = 0; size < packed.size; size++)
        assert_false(image_record_unpack(&arena, span_make(packed.data, size), &back));
    buf_byte(&packed, 0);
    assert_false(image_record_unpack(&arena, buf_span(&packed), &back));
    arena_release(&arena);
    buf_release(&packed);
}

static void layers_at_most(void **state) {
    (void)state;
    struct buf packed;
    struct arena arena;
    struct image_record back, many = {.layer_count = LIMIT_LAYERS};
    arena_init(&arena, 0, 0);
    buf_init(&packed, 0);
    many.layers = arena_array(&arena, LIMIT_LAYERS + 1, sizeof *many.layers);
    many.diff_ids = arena_array(&arena, LIMIT_LAYERS + 1, sizeof *many.diff_ids);
    assert_true(many.layers != NULL && many.diff_ids != NULL);
    image_record_pack(&many, &packed);
    assert_true(image_record_unpack(&arena, buf_span(&packed), &back));
    buf_reset(&packed);
    many.layer_count++;
    image_record_pack(&many, &packed);
    assert_false(image_record_unpack(&arena, buf_span(&packed), &back));
    arena_release(&arena);
    buf_release(&packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(refused),
        cmocka_unit_test(layers_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
