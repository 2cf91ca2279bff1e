/* ZIP archives and deflate data: what is read, and what lies about itself. */
#include "base/limits.h"
#include "base/parse/inflate.h"
#include "base/parse/zip.h"
#include "tests/support/zip_make.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT "some text, some text, some text, some text, some text, some text\n"

static struct span archive_make(struct zip_make *make) {
    zip_make_init(make);
    zip_make_add(make, "stored", span_text(TEXT), false);
    zip_make_add(make, "packed", span_text(TEXT), true);
    zip_make_add(make, "empty", span_text(""), true);
    return zip_make_end(make);
}

/* Reads all members; the code of the first error, or ERR_NONE. Counts those that came out as they went in. */
static enum err_code read_all(struct span bytes, size_t *ret_count) {
    AUTO_BUF struct buf out;
    struct zip zip;
    struct zip_member member;
    struct span body;
    struct err err = {0};
    *ret_count = 0;
    buf_init(&out, 0);
    if (zip_open(bytes, &zip, &err) < 0)
        return err.code;
    while (zip_next(&zip, &member, &err) > 0) {
        if (zip_read(&zip, &member, &out, LIMIT_MIB, &body, &err) < 0)
            return err.code;
        *ret_count += span_is(body, span_is(member.name, "empty") ? "" : TEXT);
    }
    return err.code;
}

static void test_members(void **state) {
    struct zip_make make;
    size_t count;
    (void)state;
    struct span bytes = archive_make(&make);
    assert_int_equal(read_all(bytes, &count), ERR_NONE);
    assert_int_equal(count, 3);
    zip_make_release(&make);
}

static void test_prefix(void **state) {
    struct zip_make make;
    AUTO_BUF struct buf with;
    size_t count;
    (void)state;
    struct span bytes = archive_make(&make);
    buf_init(&with, 0);
    buf_text(&with, "#!/bin/sh\nexec java -jar \"$0\"\n");
    buf_add(&with, bytes);
    buf_text(&with, "behind the archive: as installers append");
    /* The comment's size does not reach to the end: the record is found all the same. */
    assert_int_equal(read_all(buf_span(&with), &count), ERR_NONE);
    assert_int_equal(count, 3);
    zip_make_release(&make);
}

/* The same archive with a Zip64 end record; the narrow fields are full. */
static void test_zip64(void **state) {
    struct zip_make make;
    AUTO_BUF struct buf wide;
    size_t count;
    (void)state;
    struct span bytes = archive_make(&make);
    size_t end = bytes.size - 22, begin = end - make.directory.size;
    buf_init(&wide, 0);
    buf_add(&wide, span_slice(bytes, 0, end));
    buf_le32(&wide, 0x06064b50);
    buf_le64(&wide, 44);
    buf_fill(&wide, 0, 12);
    buf_le64(&wide, 3);
    buf_le64(&wide, 3);
    buf_le64(&wide, make.directory.size);
    buf_le64(&wide, begin);
    buf_le32(&wide, 0x07064b50);
    buf_le32(&wide, 0);
    buf_le64(&wide, end);
    buf_le32(&wide, 1);
    buf_le32(&wide, 0x06054b50);
    buf_le32(&wide, 0);
    buf_fill(&wide, 0xff, 12);
    buf_le16(&wide, 0);
    assert_int_equal(read_all(buf_span(&wide), &count), ERR_NONE);
    assert_int_equal(count, 3);
    zip_make_release(&make);
}

/* Cut off anywhere, it is an error, never a crash; every byte changed may be either. */
static void test_damage(void **state) {
    struct zip_make make;
    size_t count;
    (void)state;
    struct span bytes = archive_make(&make);
    for (size_t size = 0; size < bytes.size; size++) {
        AUTO_FREE uint8_t *copy = mem_alloc(size);
        assert_non_null(copy);
        if (size > 0)
            memcpy(copy, bytes.data, size);
        assert_int_equal(read_all(span_make(copy, size), &count), ERR_FORMAT);
    }
    for (size_t at = 0; at < bytes.size; at++) {
        make.out.data[at] ^= 0xff;
        enum err_code code = read_all(bytes, &count);
        assert_true(code != ERR_NONE || count <= 3);
        make.out.data[at] ^= 0xff;
    }
    zip_make_release(&make);
}

static void test_lies(void **state) {
    struct zip_make make;
    size_t count;
    (void)state;
    zip_make_init(&make);
    zip_make_add(&make, "x", span_text(TEXT), true);
    struct span bytes = zip_make_end(&make);
    uint8_t *entry = make.out.data + bytes.size - 22 - make.directory.size;
    uint8_t *size = entry + 24;
    uint8_t kept = *size;
    *size = (uint8_t)(kept - 1); /* unpacks to one byte more than it says */
    assert_int_equal(read_all(bytes, &count), ERR_FORMAT);
    *size = (uint8_t)(kept + 1);
    assert_int_equal(read_all(bytes, &count), ERR_FORMAT);
    *size = kept;
    size[2] = 0x0f; /* a megabyte out of some thirty bytes */
    assert_int_equal(read_all(bytes, &count), ERR_FORMAT);
    size[2] = 0x10; /* a mebibyte and more is beyond what the caller takes */
    assert_int_equal(read_all(bytes, &count), ERR_LIMIT);
    size[2] = 0;
    entry[8] = 1; /* encrypted */
    assert_int_equal(read_all(bytes, &count), ERR_UNSUPPORTED);
    entry[8] = 0;
    entry[10] = 12; /* bzip2 */
    assert_int_equal(read_all(bytes, &count), ERR_UNSUPPORTED);
    entry[10] = 8;
    entry[16] ^= 1; /* checksum */
    assert_int_equal(read_all(bytes, &count), ERR_FORMAT);
    zip_make_release(&make);
}

static void test_member_limit(void **state) {
    struct zip_make make;
    struct zip zip;
    struct zip_member member;
    struct err err = {0};
    (void)state;
    zip_make_init(&make);
    zip_make_add(&make, "a", span_text(""), false);
    assert_int_equal(zip_open(zip_make_end(&make), &zip, &err), 0);
    zip.member_count = LIMIT_ZIP_MEMBERS - 1;
    struct zip again = zip;
    assert_int_equal(zip_next(&again, &member, &err), 1);
    zip.member_count = LIMIT_ZIP_MEMBERS;
    assert_int_equal(zip_next(&zip, &member, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    zip_make_release(&make);
}

/* The ceiling to the byte, and one below it. */
static void test_inflate_ceiling(void **state) {
    AUTO_BUF struct buf packed, out;
    struct err err = {0};
    const size_t size = 100000;
    (void)state;
    AUTO_FREE uint8_t *zeros = mem_zalloc(size);
    assert_non_null(zeros);
    buf_init(&packed, 0);
    deflate_make(span_make(zeros, size), &packed);
    buf_init(&out, size);
    assert_int_equal(inflate_bytes(buf_span(&packed), INFLATE_RAW, &out, &err), 0);
    assert_int_equal(out.size, size);
    buf_reset(&out);
    out.size_max = size - 1;
    assert_int_equal(inflate_bytes(buf_span(&packed), INFLATE_RAW, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_reset(&out);
    out.size_max = size;
    assert_int_equal(inflate_bytes(span_slice(buf_span(&packed), 0, packed.size / 2), INFLATE_RAW, &out, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    buf_reset(&out);
    assert_int_equal(inflate_bytes(span_text("no zlib"), INFLATE_ZLIB, &out, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),         cmocka_unit_test(test_prefix), cmocka_unit_test(test_zip64),
        cmocka_unit_test(test_damage),          cmocka_unit_test(test_lies),   cmocka_unit_test(test_member_limit),
        cmocka_unit_test(test_inflate_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
