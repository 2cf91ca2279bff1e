/* Go's build information and Rust's audit data in ELF files made here; whole programs of each format are in the shared
 * corpora. */
#include "matchers/classify/classify.h"
#include "tests/support/catalogue_case.h"
#include "tests/support/zip_make.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HEADER_BYTES = 64, SEGMENT_BYTES = 56, SECTION_BYTES = 64, BODY_AT = HEADER_BYTES + SEGMENT_BYTES + 8 };
#define ADDRESS ((uint64_t)0x400000)

static void add_section(struct buf *out, uint32_t name, uint32_t type, size_t offset, size_t size) {
    buf_le32(out, name);
    buf_le32(out, type);
    buf_le64(out, 0);
    buf_le64(out, 0);
    buf_le64(out, offset);
    buf_le64(out, size);
    buf_fill(out, 0, 24);
}

/* One segment with the body, loaded at ADDRESS; a section of that name over it, unless that is NULL. */
static void elf_make(const char *name, struct span body, struct buf *out) {
    buf_reset(out);
    size_t names = BODY_AT + body.size, names_size = name == NULL ? 0 : strlen(name) + 2;
    buf_add(out, span_make("\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16));
    buf_fill(out, 0, 16);
    buf_le64(out, HEADER_BYTES);
    buf_le64(out, name == NULL ? 0 : names + names_size);
    buf_fill(out, 0, 6);
    buf_le16(out, SEGMENT_BYTES);
    buf_le16(out, 1);
    buf_le16(out, SECTION_BYTES);
    buf_le16(out, name == NULL ? 0 : 3);
    buf_le16(out, name == NULL ? 0 : 2);
    buf_le32(out, 1); /* PT_LOAD */
    buf_le32(out, 0);
    buf_le64(out, BODY_AT);
    buf_le64(out, ADDRESS);
    buf_le64(out, ADDRESS);
    buf_le64(out, body.size);
    buf_fill(out, 0, 24);
    buf_add(out, body);
    if (name == NULL)
        return;
    buf_byte(out, 0);
    buf_add(out, span_make(name, strlen(name) + 1));
    add_section(out, 0, 0, 0, 0);
    add_section(out, 1, 1, BODY_AT, body.size);
    add_section(out, 0, 3, names, names_size);
}

#define FRAME "0123456789abcdef"
#define MODULES                                                                                                        \
    "path\texample.org/app\nmod\texample.org/app\t(devel)\t\ndep\texample.org/a\tv1.2.3\th1:x\n"                       \
    "dep\texample.org/b\tv1.0.0\n=>\texample.org/c\tv2.0.0\th1:y\ndep\texample.org/d\tv3.0.0\n=>\t./d\t(devel)\t\n"    \
    "build\t-ldflags=\"x\"\n"
#define FOUND                                                                                                          \
    "golang stdlib 1.22.1 embedded\ngolang example.org/app (devel) embedded\ngolang example.org/a v1.2.3 embedded\n"   \
    "golang example.org/c v2.0.0 embedded\ngolang example.org/d v3.0.0 embedded\n"
#define VERSION_TEXT "go1.22.1 X:loopvar"

static void add_text(struct buf *out, const char *text) {
    size_t size = strlen(text);
    for (; size >= 0x80; size >>= 7)
        buf_byte(out, (uint8_t)(size | 0x80));
    buf_byte(out, (uint8_t)size);
    buf_text(out, text);
}

static void test_go_inline(void **state) {
    AUTO_BUF struct buf info, file;
    (void)state;
    buf_init(&info, 0);
    buf_init(&file, 0);
    buf_text(&info, "\xff Go buildinf:\x08\x02");
    buf_fill(&info, 0, 16);
    add_text(&info, VERSION_TEXT);
    add_text(&info, FRAME MODULES FRAME);
    elf_make(".go.buildinfo", buf_span(&info), &file);
    struct span bytes = buf_span(&file);
    assert_true(catalogue_bytes_run(CATALOGUER_GO_BINARY, "bin/app", bytes, FOUND));
    assert_true(catalogue_bytes_run(CATALOGUER_GO_BINARY, "bin/app", span_slice(bytes, 0, BODY_AT + 100),
                                    "! FORMAT leads nowhere"));
    elf_make(".other", buf_span(&info), &file); /* with sections, it would be in its own */
    assert_true(catalogue_bytes_run(CATALOGUER_GO_BINARY, "bin/app", buf_span(&file), ""));
    elf_make(NULL, buf_span(&info), &file);
    assert_true(catalogue_bytes_run(CATALOGUER_GO_BINARY, "bin/app", buf_span(&file), FOUND));
    bytes = span_slice(buf_span(&file), 0, BODY_AT + 100);
    assert_true(catalogue_bytes_run(CATALOGUER_GO_BINARY, "bin/app", bytes, "! FORMAT leads nowhere"));
}

/* As until Go 1.17, big-endian words of four bytes. */
static void test_go_pointers(void **state) {
    AUTO_BUF struct buf info, file;
    const uint32_t at = (uint32_t)ADDRESS;
    (void)state;
    buf_init(&info, 0);
    buf_init(&file, 0);
    buf_text(&info, "\xff Go buildinf:\x04\x01");
    buf_be32(&info, at + 32);
    buf_be32(&info, at + 40);
    buf_fill(&info, 0, 8);
    buf_be32(&info, at + 48);
    buf_be32(&info, sizeof VERSION_TEXT - 1);
    buf_be32(&info, at + 48 + sizeof VERSION_TEXT - 1);
    buf_be32(&info, sizeof FRAME MODULES FRAME - 1);
    buf_text(&info, VERSION_TEXT FRAME MODULES FRAME);
    elf_make(".go.buildinfo", buf_span(&info), &file);
    assert_true(catalogue_bytes_run(CATALOGUER_GO_BINARY, "bin/app", buf_span(&file), FOUND));
    file.data[BODY_AT + 16] = 0x7f; /* nothing is loaded there */
    assert_true(catalogue_bytes_run(CATALOGUER_GO_BINARY, "bin/app", buf_span(&file), "! FORMAT leads nowhere"));
}

#define CRATES                                                                                                         \
    "{\"packages\":[{\"name\":\"a\",\"version\":\"1.0\",\"root\":true},{\"name\":\"b\",\"version\":\"2.0\"}]}"

/* A zlib stream around raw deflate data. */
static void zlib_make(struct span text, struct buf *out) {
    uint32_t a = 1, b = 0;
    buf_text(out, "\x78\x9c");
    deflate_make(text, out);
    for (size_t i = 0; i < text.size; i++) {
        a = (a + text.data[i]) % 65521;
        b = (b + a) % 65521;
    }
    buf_be32(out, b << 16 | a);
}

static void test_rust(void **state) {
    AUTO_BUF struct buf packed, file;
    (void)state;
    buf_init(&packed, 0);
    buf_init(&file, 0);
    zlib_make(span_text(CRATES), &packed);
    elf_make(".dep-v0", buf_span(&packed), &file);
    assert_true(catalogue_bytes_run(CATALOGUER_RUST_BINARY, "bin/app", buf_span(&file),
                                    "cargo a 1.0 embedded\ncargo b 2.0 embedded\n"));
    elf_make(".dep-v0", span_slice(buf_span(&packed), 0, packed.size / 2), &file);
    assert_true(catalogue_bytes_run(CATALOGUER_RUST_BINARY, "bin/app", buf_span(&file), "! FORMAT .dep-v0"));
    elf_make(".text", buf_span(&packed), &file);
    assert_true(catalogue_bytes_run(CATALOGUER_RUST_BINARY, "bin/app", buf_span(&file), ""));
}

/* Nine mebibytes of white space in some kilobytes: more than the list may have. */
static void test_rust_bomb(void **state) {
    AUTO_BUF struct buf packed, file;
    const size_t size = 9 * 1024 * 1024;
    (void)state;
    AUTO_FREE uint8_t *spaces = mem_alloc(size);
    assert_non_null(spaces);
    memset(spaces, ' ', size);
    buf_init(&packed, 0);
    buf_init(&file, 0);
    zlib_make(span_make(spaces, size), &packed);
    elf_make(".dep-v0", buf_span(&packed), &file);
    assert_true(catalogue_bytes_run(CATALOGUER_RUST_BINARY, "bin/app", buf_span(&file), "! LIMIT unpacks to more"));
}

static void test_heads(void **state) {
    static const char *const programs[] = {"\177ELF", "MZ\x90", "\xcf\xfa\xed\xfe"};
    static struct classify classify;
    (void)state;
    classify_init(&classify);
    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        struct classify_set set = classify_head(&classify, span_text(programs[i]));
        assert_true(classify_set_has(&set, CATALOGUER_GO_BINARY));
        assert_true(classify_set_has(&set, CATALOGUER_RUST_BINARY));
    }
    struct classify_set cut = classify_head(&classify, span_text("\177EL"));
    struct classify_set empty = classify_head(&classify, span_text(""));
    assert_true(classify_set_is_empty(&cut));
    assert_true(classify_set_is_empty(&empty));
    assert_false(classify_wants(&classify, span_text("usr/bin/app")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go_inline), cmocka_unit_test(test_go_pointers), cmocka_unit_test(test_rust),
        cmocka_unit_test(test_rust_bomb), cmocka_unit_test(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
