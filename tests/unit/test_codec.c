#include "base/limits.h"
#include "base/overflow.h"
#include "io/codec/codec.h"
#include "tests/support/pack.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int collect(void *context, struct span piece, struct err *err) {
    struct buf *out = context;
    assert_true(piece.size > 0 && piece.size <= CODEC_PIECE_BYTES);
    buf_add(out, piece);
    return out->failed ? err_set(err, ERR_NOMEM, 0, "out of memory") : 0;
}

/* Unpacks in pieces of `step` bytes; 0 or the error's code. */
static enum err_code unpack(struct codec *codec, const struct codec_limits *limits, struct span packed, size_t step,
                            struct buf *out, struct err *err) {
    buf_reset(out);
    codec_begin(codec, limits);
    for (size_t at = 0; at < packed.size; at += step) {
        /* A copy of its own for each piece: reading past it is then found by the sanitizer. */
        struct span piece = span_slice(packed, at, step);
        uint8_t *copy = mem_alloc(piece.size);
        assert_non_null(copy);
        memcpy(copy, piece.data, piece.size);
        int result = codec_push(codec, span_make(copy, piece.size), collect, out, err);
        mem_free(copy);
        if (result < 0)
            return err->code;
    }
    return codec_finish(codec, collect, out, err) < 0 ? err->code : ERR_NONE;
}

/* The same bytes and the same error for every chunking. `text` NULL means success. */
static void expect(struct codec *codec, struct span packed, struct span unpacked, const char *name, enum err_code code,
                   const char *text) {
    static const size_t steps[] = {SIZE_MAX, 1, 3, 511, 512, 513, 65536};
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        struct err err = {0};
        if (steps[i] < 100 && packed.size > 100000)
            continue;
        assert_int_equal(unpack(codec, NULL, packed, size_min(steps[i], packed.size + 1), &out, &err), code);
        assert_string_equal(err.text, text == NULL ? "" : text);
        assert_string_equal(codec_name(codec), name);
        if (code == ERR_NONE) {
            assert_true(span_equal(buf_span(&out), unpacked));
            assert_int_equal(codec_bytes_in(codec), packed.size);
            assert_int_equal(codec_bytes_out(codec), unpacked.size);
        } else {
            struct err again = {0};
            assert_int_equal(codec_push(codec, packed, collect, &out, &again), -1);
            assert_string_equal(again.text, err.text);
        }
    }
    buf_release(&out);
}

/* Bytes that pack to about half. */
static void noise(struct buf *out, size_t size) {
    uint64_t seed = 88172645463325252;
    for (size_t i = 0; i < size; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        buf_byte(out, (uint8_t)("0123456789abcdef"[seed >> 60]));
    }
}

struct fixture {
    struct codec *codec;
    struct buf bytes, packed;
};

static int setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    assert_non_null(f);
    assert_int_equal(codec_new(&f->codec, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    codec_free(f->codec);
    buf_release(&f->bytes);
    buf_release(&f->packed);
    mem_free(f);
    return 0;
}

static void plain(void **state) {
    struct fixture *f = *state;
    expect(f->codec, span_text(""), span_text(""), "plain", ERR_NONE, NULL);
    expect(f->codec, span_text("x"), span_text("x"), "plain", ERR_NONE, NULL);
    expect(f->codec, span_text("BZh1 is a file name"), span_text("BZh1 is a file name"), "plain", ERR_NONE, NULL);
    noise(&f->bytes, 1000000);
    expect(f->codec, buf_span(&f->bytes), buf_span(&f->bytes), "plain", ERR_NONE, NULL);
}

static void gzip(void **state) {
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 100, 40000, 1000000};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        buf_reset(&f->bytes);
        buf_reset(&f->packed);
        noise(&f->bytes, sizes[i]);
        pack_gzip(&f->packed, buf_span(&f->bytes), i % 2 == 0 ? NULL : "layer.tar");
        expect(f->codec, buf_span(&f->packed), buf_span(&f->bytes), "gzip", ERR_NONE, NULL);
    }
}

static void gzip_members_and_padding(void **state) {
    struct fixture *f = *state;
    noise(&f->bytes, 3000);
    pack_gzip(&f->packed, span_slice(buf_span(&f->bytes), 0, 1000), NULL);
    pack_gzip(&f->packed, span_text(""), "empty");
    pack_gzip(&f->packed, span_from(buf_span(&f->bytes), 1000), "rest");
    expect(f->codec, buf_span(&f->packed), buf_span(&f->bytes), "gzip", ERR_NONE, NULL);
    buf_fill(&f->packed, 0, 1000);
    expect(f->codec, buf_span(&f->packed), buf_span(&f->bytes), "gzip", ERR_NONE, NULL);
    buf_byte(&f->packed, 7);
    expect(f->codec, buf_span(&f->packed), buf_span(&f->bytes), "gzip", ERR_FORMAT,
           "gzip: expected only zeros after member 3, found 0x07");
}

/* Every field that a member's header may have, by hand. */
static void gzip_header_fields(void **state) {
    struct fixture *f = *state;
    struct buf member = {0};
    pack_gzip(&member, span_text("hello"), NULL);
    buf_add(&f->packed, span_make("\x1F\x8B\x08\x1F\0\0\0\0\0\3", 10));
    buf_le16(&f->packed, 300);
    buf_fill(&f->packed, 'e', 300);
    buf_add(&f->packed, span_make("name\0comment\0cc", 15));
    buf_add(&f->packed, span_from(buf_span(&member), 10));
    expect(f->codec, buf_span(&f->packed), span_text("hello"), "gzip", ERR_NONE, NULL);
    f->packed.data[3] |= 0x20;
    expect(f->codec, buf_span(&f->packed), span_text(""), "gzip", ERR_FORMAT,
           "gzip: member 1: reserved flags 0x3f are set");
    f->packed.data[2] = 7;
    expect(f->codec, buf_span(&f->packed), span_text(""), "gzip", ERR_UNSUPPORTED,
           "gzip: member 1: expected method 8 (deflate), found 7");
    buf_release(&member);
}

static void should_fail_gzip_damaged(void **state) {
    struct fixture *f = *state;
    const char *checksum = "gzip: member 1: its checksum or size is not that of its data";
    noise(&f->bytes, 5000);
    pack_gzip(&f->packed, buf_span(&f->bytes), NULL);
    size_t size = f->packed.size;
    for (size_t back = 1; back <= 8; back++) { /* four bytes of CRC, four of size */
        f->packed.data[size - back] ^= 1;
        expect(f->codec, buf_span(&f->packed), span_text(""), "gzip", ERR_FORMAT, checksum);
        f->packed.data[size - back] ^= 1;
    }
    pack_gzip(&f->packed, span_text("second"), NULL);
    f->packed.data[f->packed.size - 1] ^= 1;
    expect(f->codec, buf_span(&f->packed), span_text(""), "gzip", ERR_FORMAT,
           "gzip: member 2: its checksum or size is not that of its data");
    f->packed.size = size;
    buf_text(&f->packed, "this is not a member");
    expect(f->codec, buf_span(&f->packed), span_text(""), "gzip", ERR_FORMAT,
           "gzip: expected a member or zeros after member 1, found bytes 0x74 0x68");
    buf_reset(&f->packed);
    buf_add(&f->packed, span_make("\x1F\x8B\x08\0\0\0\0\0\0\3\x07", 11)); /* block type 3 does not exist */
    buf_fill(&f->packed, 0xFF, 50);
    expect(f->codec, buf_span(&f->packed), span_text(""), "gzip", ERR_FORMAT,
           "gzip: member 1: damaged deflate block header");
}

/* Every length short of the whole is an error that says where. */
static void should_fail_truncated(void **state) {
    struct fixture *f = *state;
    struct buf out = {0}, zstd = {0};
    noise(&f->bytes, 300);
    pack_gzip(&f->packed, buf_span(&f->bytes), "n");
    pack_zstd(&zstd, buf_span(&f->bytes), 0);
    const struct buf *packed[] = {&f->packed, &zstd};
    const char *texts[] = {"gzip: ends in the middle of member 1 after ", "zstd: ends in the middle of frame 1 after "};
    for (size_t k = 0; k < 2; k++) {
        for (size_t size = k == 0 ? 2 : 4; size < packed[k]->size; size++) {
            struct err err = {0};
            struct span cut = span_slice(buf_span(packed[k]), 0, size);
            assert_int_equal(unpack(f->codec, NULL, cut, 64, &out, &err), ERR_FORMAT);
            assert_true(span_starts(span_text(err.text), texts[k]));
            char bytes[64];
            (void)snprintf(bytes, sizeof bytes, " %zu bytes in, %zu out", size, out.size);
            assert_true(span_ends(span_text(err.text), bytes));
        }
    }
    buf_release(&out);
    buf_release(&zstd);
}

static void zstd(void **state) {
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 100, 40000, 1000000};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        buf_reset(&f->bytes);
        buf_reset(&f->packed);
        noise(&f->bytes, sizes[i]);
        pack_zstd(&f->packed, buf_span(&f->bytes), 0);
        expect(f->codec, buf_span(&f->packed), buf_span(&f->bytes), "zstd", ERR_NONE, NULL);
    }
}

static void zstd_frames(void **state) {
    struct fixture *f = *state;
    noise(&f->bytes, 3000);
    pack_zstd_skippable(&f->packed, span_text("first"));
    pack_zstd(&f->packed, span_slice(buf_span(&f->bytes), 0, 1000), 0);
    pack_zstd_skippable(&f->packed, span_text(""));
    pack_zstd(&f->packed, span_from(buf_span(&f->bytes), 1000), 0);
    pack_zstd_skippable(&f->packed, buf_span(&f->bytes));
    expect(f->codec, buf_span(&f->packed), buf_span(&f->bytes), "zstd", ERR_NONE, NULL);
    size_t size = f->packed.size;
    buf_add(&f->packed, span_make("\x27\xB5\x2F\xFD", 4)); /* the magic of zstd 0.7 */
    expect(f->codec, buf_span(&f->packed), span_text(""), "zstd", ERR_FORMAT,
           "zstd: expected a frame after frame 5, found bytes 0x27 0xb5 0x2f 0xfd");
    f->packed.size = size + 2;
    struct err err = {0};
    assert_int_equal(unpack(f->codec, NULL, buf_span(&f->packed), 100, &f->bytes, &err), ERR_FORMAT);
    assert_true(span_starts(span_text(err.text), "zstd: ends in the middle of frame 6"));
}

static void zstd_window(void **state) {
    struct fixture *f = *state;
    noise(&f->bytes, 300000);
    pack_zstd(&f->packed, buf_span(&f->bytes), LIMIT_ZSTD_WINDOW_LOG);
    expect(f->codec, buf_span(&f->packed), buf_span(&f->bytes), "zstd", ERR_NONE, NULL);
    buf_reset(&f->packed);
    pack_zstd(&f->packed, buf_span(&f->bytes), LIMIT_ZSTD_WINDOW_LOG + 1);
    expect(f->codec, buf_span(&f->packed), span_text(""), "zstd", ERR_LIMIT,
           "zstd: frame 1 wants a window of more than 128 MiB");
}

static void should_fail_zstd_damaged(void **state) {
    struct fixture *f = *state;
    noise(&f->bytes, 3000);
    pack_zstd(&f->packed, buf_span(&f->bytes), 0);
    f->packed.data[f->packed.size - 1] ^= 1;
    expect(f->codec, buf_span(&f->packed), span_text(""), "zstd", ERR_FORMAT,
           "zstd: frame 1: Restored data doesn't match checksum");
    buf_reset(&f->packed);
    buf_add(&f->packed, span_make("\x28\xB5\x2F\xFD\x21\x07\x05\0\0\0\0\0\0\0\0\0", 16)); /* dictionary 7 */
    expect(f->codec, buf_span(&f->packed), span_text(""), "zstd", ERR_UNSUPPORTED, "zstd: frame 1 needs a dictionary");
}

static void others_are_refused_by_name(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } cases[] = {
        {"BZh91AY&SY\1\2\3\4\5\6", 16, "bzip2"},
        {"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0", 14, "bzip2"},
        {"\xFD"
         "7zXZ\0\0\4",
         8, "xz"},
        {"\x04\x22\x4D\x18\x64\x40", 6, "lz4"},
        {"\x1F\x9D\x90 and more of it than sixteen bytes", 38, "compress (.Z)"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[120];
        (void)snprintf(text, sizeof text, "%s: not a packing of layers; expected gzip, zstd or plain tar",
                       cases[i].name);
        expect(f->codec, span_make(cases[i].bytes, cases[i].size), span_text(""), "unknown", ERR_UNSUPPORTED, text);
    }
}

static void limit_of_unpacked_bytes(void **state) {
    struct fixture *f = *state;
    struct buf gz = {0}, zst = {0}, out = {0};
    struct codec_limits limits = codec_limits_default();
    noise(&f->bytes, 700000);
    pack_gzip(&gz, buf_span(&f->bytes), NULL);
    pack_zstd(&zst, buf_span(&f->bytes), 0);
    const struct buf *packed[] = {&f->bytes, &gz, &zst};
    static const char *const names[] = {"plain", "gzip", "zstd"};
    static const size_t steps[] = {777, 65536, 1000000};
    for (size_t i = 0; i < ARRAY_COUNT(packed) * ARRAY_COUNT(steps); i++) {
        const struct buf *bytes = packed[i % 3];
        struct err err = {0};
        char text[120];
        limits.unpacked_bytes_max = f->bytes.size;
        assert_int_equal(unpack(f->codec, &limits, buf_span(bytes), steps[i / 3], &out, &err), ERR_NONE);
        limits.unpacked_bytes_max--;
        assert_int_equal(unpack(f->codec, &limits, buf_span(bytes), steps[i / 3], &out, &err), ERR_LIMIT);
        (void)snprintf(text, sizeof text, "%s: unpacks to more than 699999 bytes, the ceiling of --max-layer-bytes",
                       names[i % 3]);
        assert_string_equal(err.text, text);
        assert_int_equal(out.size, limits.unpacked_bytes_max); /* all that is allowed came out */
    }
    buf_release(&gz);
    buf_release(&zst);
    buf_release(&out);
}

static void limit_of_ratio(void **state) {
    struct fixture *f = *state;
    struct buf out = {0};
    struct err err = {0};
    buf_fill(&f->bytes, 0, 4000000);
    pack_zstd(&f->packed, buf_span(&f->bytes), 0);
    uint64_t ratio = f->bytes.size / f->packed.size;
    assert_true(ratio > 2000);
    /* The ratio is that of the bytes so far, and the first block's is higher than the whole's. */
    struct codec_limits limits = {.unpacked_bytes_max = UINT64_MAX, .ratio_max = 100 * ratio};
    assert_int_equal(unpack(f->codec, &limits, buf_span(&f->packed), SIZE_MAX / 2, &out, &err), ERR_NONE);
    limits.ratio_max = 100;
    assert_int_equal(unpack(f->codec, &limits, buf_span(&f->packed), 10, &out, &err), ERR_LIMIT);
    assert_string_equal(err.text, "zstd: unpacks to more than 100 times its packed size, the ceiling of --max-ratio");
    limits.ratio_floor_bytes = f->bytes.size; /* looked at only above it */
    assert_int_equal(unpack(f->codec, &limits, buf_span(&f->packed), 10, &out, &err), ERR_NONE);
    limits.ratio_floor_bytes--;
    assert_int_equal(unpack(f->codec, &limits, buf_span(&f->packed), 10, &out, &err), ERR_LIMIT);
    buf_release(&out);
}

static void pulling(void **state) {
    struct fixture *f = *state;
    struct buf out = {0};
    noise(&f->bytes, 900000);
    pack_gzip(&f->packed, buf_span(&f->bytes), NULL);
    struct span input = buf_span(&f->packed), piece;
    struct err err = {0};
    bool ended = false;
    codec_begin(f->codec, NULL);
    for (;;) {
        int result = codec_step(f->codec, &input, ended, &piece, &err);
        assert_true(result >= 0);
        if (result == 1) {
            buf_add(&out, piece);
            continue;
        }
        assert_int_equal(input.size, 0);
        if (ended)
            break;
        ended = true;
    }
    assert_true(span_equal(buf_span(&out), buf_span(&f->bytes)));
    buf_release(&out);
}

static int refuse(void *context, struct span piece, struct err *err) {
    (void)context;
    (void)piece;
    return err_set(err, ERR_CANCELED, 0, "enough");
}

static void a_callback_ends_the_blob(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    codec_begin(f->codec, NULL);
    assert_int_equal(codec_push(f->codec, span_text("more than sixteen bytes"), refuse, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(codec_finish(f->codec, collect, &f->bytes, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
}

static void a_codec_is_reused_without_allocating(void **state) {
    struct fixture *f = *state;
    struct buf out = {0};
    struct err err = {0};
    noise(&f->bytes, 10000);
    pack_gzip(&f->packed, buf_span(&f->bytes), NULL);
    assert_int_equal(unpack(f->codec, NULL, buf_span(&f->packed), SIZE_MAX / 2, &out, &err), ERR_NONE);
    size_t before = mem_in_use();
    for (size_t i = 0; i < 10; i++) {
        codec_begin(f->codec, NULL); /* also after half a blob */
        assert_int_equal(codec_push(f->codec, span_slice(buf_span(&f->packed), 0, 2000), collect, &out, &err), 0);
        assert_int_equal(unpack(f->codec, NULL, buf_span(&f->packed), SIZE_MAX / 2, &out, &err), ERR_NONE);
        assert_true(span_equal(buf_span(&out), buf_span(&f->bytes)));
    }
    buf_release(&out);
    assert_true(mem_in_use() <= before);
}

static void out_of_memory(void **state) {
    struct fixture *f = *state;
    pack_gzip(&f->packed, span_text("hello hello hello"), NULL);
    bool whole = false;
    for (uint64_t n = 1; !whole; n++) {
        struct codec *codec = NULL;
        struct err err = {0};
        struct buf out = {0};
        mem_fail_after(n, false);
        int result = codec_new(&codec, &err);
        if (result == 0)
            result = codec_push(codec, buf_span(&f->packed), collect, &out, &err);
        mem_fail_after(0, false);
        whole = result == 0;
        assert_true(whole || err.code == ERR_NOMEM);
        assert_true(n < 20);
        buf_release(&out);
        codec_free(codec);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(plain),
        TEST(gzip),
        TEST(gzip_members_and_padding),
        TEST(gzip_header_fields),
        TEST(should_fail_gzip_damaged),
        TEST(should_fail_truncated),
        TEST(zstd),
        TEST(zstd_frames),
        TEST(zstd_window),
        TEST(should_fail_zstd_damaged),
        TEST(others_are_refused_by_name),
        TEST(limit_of_unpacked_bytes),
        TEST(limit_of_ratio),
        TEST(pulling),
        TEST(a_callback_ends_the_blob),
        TEST(a_codec_is_reused_without_allocating),
        TEST(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
