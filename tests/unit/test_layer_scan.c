/* A layer from first byte to last: what is right, what is damaged, what is not what was named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/pipeline/layer_scan.h"
#include "tests/support/pack.h"
#include "tests/support/tar_build.h"

#define STATUS "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"

struct fixture {
    struct classify classify;
    struct layer_scan_options options;
    struct layer_scan *scan;
    _Atomic bool stop;
};

static int begin(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    struct err err = {0};
    classify_init(&f->classify);
    f->options = (struct layer_scan_options){
        .inspect = {.packages = true, .body_bytes_max = 65536, .catalogue_bytes_max = 65536, .classify = &f->classify},
        .codec_limits = codec_limits_default(),
        .tar_limits = tar_limits_default(),
        .stop = &f->stop};
    assert_int_equal(layer_scan_new(&f->options, &f->scan, &err), 0);
    *state = f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    layer_scan_free(f->scan);
    mem_free(f);
    return 0;
}

static void no_wake(void *context) { (void)context; }

/* Scans the bytes under that descriptor; `failure` is what the transport says at the end. */
static struct layer_result *scan(struct fixture *f, struct span bytes, const struct descriptor *descriptor,
                                 const struct digest *diff_id, const struct err *failure) {
    struct chunk_pool pool;
    struct stream stream;
    struct err err = {0};
    struct digest none = {.algorithm = DIGEST_NONE};
    chunk_pool_init(&pool);
    assert_int_equal(stream_init(&stream, &pool, 64, no_wake, NULL, &err), 0);
    assert_int_equal(stream_put(&stream, bytes), bytes.size);
    stream_end(&stream, failure);
    struct layer_result *result = layer_scan_stream(f->scan, descriptor, diff_id == NULL ? &none : diff_id, &stream);
    assert_non_null(result);
    stream_release(&stream);
    chunk_pool_release(&pool);
    return result;
}

static struct descriptor descriptor_of(struct span bytes) {
    struct descriptor descriptor = {.size = bytes.size, .media_type = span_text("m")};
    struct err err = {0};
    assert_int_equal(digest_of(DIGEST_SHA256, bytes, &descriptor.digest, &err), 0);
    return descriptor;
}

static void layer_build(struct buf *build) {
    buf_init(build, 0);
    tar_build_file(build, "var/lib/dpkg/status", STATUS);
    tar_build_file(build, "etc/.wh.gone", "");
    tar_build_file(build, "opt/.wh..wh..opq", "");
    tar_build_file(build, "srv/file", "contents");
}

static void expect(struct layer_result *result, enum scan_status status, enum stage stage, enum err_code code,
                   size_t packages) {
    assert_int_equal(result->status, status);
    assert_int_equal(result->errors.count, status == SCAN_DONE ? 0 : 1);
    if (status != SCAN_DONE) {
        assert_int_equal(result->errors.data[0].stage, stage);
        assert_int_equal(result->errors.data[0].code, code);
    }
    assert_int_equal(result->packages.count, packages);
    layer_result_free(result);
}

static void packings(void **state) {
    struct fixture *f = *state;
    struct buf build;
    struct buf gzip, zstd;
    buf_init(&gzip, 0);
    buf_init(&zstd, 0);
    layer_build(&build);
    tar_build_end(&build);
    pack_gzip(&gzip, buf_span(&build), NULL);
    pack_zstd(&zstd, buf_span(&build), 0);
    struct span forms[] = {buf_span(&build), buf_span(&gzip), buf_span(&zstd)};
    struct digest diff_id = descriptor_of(forms[0]).digest;
    f->options.verify_diff_id = true;
    for (size_t i = 0; i < 3; i++) {
        struct descriptor descriptor = descriptor_of(forms[i]);
        struct layer_result *result = scan(f, forms[i], &descriptor, &diff_id, NULL);
        assert_int_equal(result->compressed_bytes, forms[i].size);
        assert_int_equal(result->unpacked_bytes, forms[0].size);
        assert_int_equal(result->file_count, 2);
        assert_int_equal(result->whiteouts.count, 1);
        assert_int_equal(result->opaques.count, 1);
        assert_true(digest_equal(&result->diff_id, &diff_id));
        expect(result, SCAN_DONE, STAGE_WALK, ERR_NONE, 1);
    }
    struct digest other = descriptor_of(forms[1]).digest;
    struct descriptor descriptor = descriptor_of(forms[1]);
    expect(scan(f, forms[1], &descriptor, &other, NULL), SCAN_FAILED, STAGE_VERIFY, ERR_DIGEST, 0);
    f->options.verify_diff_id = false;
    expect(scan(f, forms[1], &descriptor, &other, NULL), SCAN_DONE, STAGE_VERIFY, ERR_NONE, 1);
    /* Named by its diff_id, as in a docker archive: whatever the packing. */
    descriptor = descriptor_of(forms[0]);
    descriptor.is_unpacked_digest = true;
    expect(scan(f, forms[1], &descriptor, NULL, NULL), SCAN_DONE, STAGE_VERIFY, ERR_NONE, 1);
    descriptor.digest.bytes[0] ^= 1;
    expect(scan(f, forms[1], &descriptor, NULL, NULL), SCAN_FAILED, STAGE_VERIFY, ERR_DIGEST, 0);
    buf_release(&gzip);
    buf_release(&zstd);
    buf_release(&build);
}

static void wrong_bytes(void **state) {
    struct fixture *f = *state;
    struct buf build;
    layer_build(&build);
    struct span bytes = buf_span(&build);
    struct descriptor descriptor = descriptor_of(bytes);
    struct err broken = {.code = ERR_NET, .text = "connection reset"};
    expect(scan(f, span_slice(bytes, 0, bytes.size - 512), &descriptor, NULL, NULL), SCAN_FAILED, STAGE_VERIFY,
           ERR_DIGEST, 0);
    expect(scan(f, span_slice(bytes, 0, 1500), &descriptor, NULL, &broken), SCAN_FAILED, STAGE_FETCH, ERR_NET, 0);
    descriptor.size++; /* the manifest's size is a lie */
    expect(scan(f, bytes, &descriptor, NULL, NULL), SCAN_FAILED, STAGE_VERIFY, ERR_DIGEST, 0);
    f->stop = true;
    descriptor.size--;
    expect(scan(f, bytes, &descriptor, NULL, NULL), SCAN_FAILED, STAGE_FETCH, ERR_CANCELED, 0);
    f->stop = false;
    expect(scan(f, bytes, &descriptor, NULL, NULL), SCAN_DONE, STAGE_FETCH, ERR_NONE,
           1); /* the object is as good as new */
    buf_release(&build);
}

static void right_bytes_that_are_bad(void **state) {
    struct fixture *f = *state;
    struct buf build;
    struct buf packed;
    buf_init(&packed, 0);
    layer_build(&build);
    buf_fill(&build, 'x', 512); /* no header */
    struct descriptor descriptor = descriptor_of(buf_span(&build));
    expect(scan(f, buf_span(&build), &descriptor, NULL, NULL), SCAN_PARTIAL, STAGE_WALK, ERR_FORMAT, 1);
    pack_gzip(&packed, buf_span(&build), NULL);
    struct span cut = span_slice(buf_span(&packed), 0, packed.size - 10);
    descriptor = descriptor_of(cut);
    struct layer_result *result = scan(f, cut, &descriptor, NULL, NULL);
    assert_true(result->status == SCAN_PARTIAL && result->errors.count == 1 && result->packages.count == 1);
    layer_result_free(result);
    descriptor = descriptor_of(span_text("garbage"));
    expect(scan(f, span_text("garbage"), &descriptor, NULL, NULL), SCAN_FAILED, STAGE_WALK, ERR_FORMAT, 0);
    buf_release(&packed);
    buf_release(&build);
}

static void bomb(void **state) {
    struct fixture *f = *state;
    struct buf build;
    struct buf packed;
    buf_init(&packed, 0);
    layer_build(&build);
    buf_fill(&build, 0, 1 << 20);
    pack_gzip(&packed, buf_span(&build), NULL);
    struct descriptor descriptor = descriptor_of(buf_span(&packed));
    f->options.codec_limits =
        (struct codec_limits){.unpacked_bytes_max = 1 << 30, .ratio_max = 100, .ratio_floor_bytes = 4096};
    /* The ratio is met before the first piece comes out: there is nothing to keep. */
    expect(scan(f, buf_span(&packed), &descriptor, NULL, NULL), SCAN_FAILED, STAGE_INFLATE, ERR_LIMIT, 0);
    f->options.codec_limits =
        (struct codec_limits){.unpacked_bytes_max = 65536, .ratio_max = 1 << 20, .ratio_floor_bytes = 4096};
    expect(scan(f, buf_span(&packed), &descriptor, NULL, NULL), SCAN_PARTIAL, STAGE_INFLATE, ERR_LIMIT, 1);
    f->options.codec_limits = codec_limits_default();
    expect(scan(f, buf_span(&packed), &descriptor, NULL, NULL), SCAN_DONE, STAGE_INFLATE, ERR_NONE, 1);
    buf_release(&packed);
    buf_release(&build);
}

static void hidden_behind_a_hard_link(void **state) {
    struct fixture *f = *state;
    struct buf build;
    buf_init(&build, 0);
    tar_build_file(&build, "var/lib/dpkg/elsewhere", STATUS);
    tar_build_file(&build, "var/lib/dpkg/status-old", STATUS);
    struct descriptor descriptor;
    tar_build_hard_link(&build, "var/lib/dpkg/status", "var/lib/dpkg/elsewhere");
    descriptor = descriptor_of(buf_span(&build));
    expect(scan(f, buf_span(&build), &descriptor, NULL, NULL), SCAN_PARTIAL, STAGE_PACKAGE, ERR_UNSUPPORTED, 0);
    buf_release(&build);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(packings), TEST(wrong_bytes), TEST(right_bytes_that_are_bad), TEST(bomb),
                                       TEST(hidden_behind_a_hard_link)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
