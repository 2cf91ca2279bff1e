/* Whose files are whose, as each database of a system says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "matchers/package/rpmdb.h"
#include "tests/support/catalogue_case.h"

struct told {
    struct buf text;
    size_t count;
};

static int render(void *context, const struct package_owner *owner, struct span path, struct err *err) {
    struct told *told = context;
    (void)err;
    if (told->count++ > 100)
        return 0;
    buf_format(&told->text, "%s %.*s%s%.*s%s%s %.*s\n", package_type_name(owner->type), SPAN_FORMAT(owner->name),
               owner->architecture.size > 0 ? ":" : "", SPAN_FORMAT(owner->architecture),
               owner->foreign ? " foreign" : "", owner->proves ? " proves" : "", SPAN_FORMAT(path));
    return 0;
}

static int run(enum cataloguer_id id, const char *path, struct span body, struct told *told, struct err *err) {
    struct arena scratch;
    AUTO_BUF struct buf packages;
    const struct catalogue_input input = {span_text(path), body, render, told};
    arena_init(&scratch, 0, 0);
    buf_init(&packages, 0);
    buf_init(&told->text, 0);
    told->count = 0;
    int result = catalogue_file(id, &input, &scratch, catalogue_case_render, &packages, err);
    arena_release(&scratch);
    return result;
}

static void expect(enum cataloguer_id id, const char *path, struct span body, const char *expected) {
    struct told told;
    struct err err = {0};
    assert_int_equal(run(id, path, body, &told, &err), 0);
    buf_byte(&told.text, 0);
    assert_string_equal((const char *)told.text.data, expected);
    buf_release(&told.text);
}

static void lists(void **state) {
    (void)state;
    static const struct {
        enum cataloguer_id id;
        const char *path, *body, *expected;
    } cases[] = {
        {CATALOGUER_FILES, "var/lib/dpkg/info/a.list", "/.\n/usr\n/usr/b\n", "deb a usr\ndeb a usr/b\n"},
        {CATALOGUER_FILES, "var/lib/dpkg/info/a:amd64.list", "/usr/b", "deb a:amd64 usr/b\n"},
        {CATALOGUER_FILES, "var/lib/dpkg/info/a.md5sums", "0c09  usr/b\n0c  usr/c d\n", "deb a usr/b\ndeb a usr/c d\n"},
        {CATALOGUER_FILES, "var/lib/dpkg/status.d/a.md5sums", "0c09  ./usr/b\n", "deb a proves usr/b\n"},
        {CATALOGUER_FILES, "usr/lib/opkg/info/a.list", "/b\t\n", "opkg a b\t\n"},
        {CATALOGUER_FILES, "var/lib/pacman/local/a-b-1:2.0-1/files", "%FILES%\nusr/\nusr/c\n\n%BACKUP%\netc/d\t0c\n",
         "alpm a-b usr/c\n"},
        {CATALOGUER_FILES, "var/lib/pacman/local/a/files", "%FILES%\nb\n", ""},
        {CATALOGUER_APK, "lib/apk/db/installed",
         "P:a\nV:1\nF:\nR:x\nF:usr/b\nM:0:0:1777\nR:c\nZ:Q1\n\nP:d\nV:1\nR:e\n\n", "apk a x\napk a usr/b/c\napk d e\n"},
        {CATALOGUER_DPKG, "var/lib/dpkg/status",
         "Package: a\nVersion: 1\nMaintainer: D <d@lists.debian.org>\n\nPackage: b\nVersion: 1\nMaintainer: B <b@b.example>\n\n"
         "Package: c\nVersion: 1\nMaintainer: C <c@notdebian.org>\n\nPackage: d\nVersion: 1\nMaintainer: D <d@debian.org>\nVendor: d\n\n"
         "Package: e\nStatus: deinstall ok config-files\nVersion: 1\nMaintainer: E <e@e.example>\n\n",
         "deb b foreign \ndeb c foreign \ndeb d foreign \n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        expect(cases[i].id, cases[i].path, span_text(cases[i].body), cases[i].expected);
}

/* An rpm header: each field's bytes, and how many items they claim to be. */
struct field {
    uint32_t tag, type, count;
    struct span bytes;
};

static void rpm_make(struct buf *out, const struct field *fields, size_t count) {
    AUTO_BUF struct buf store;
    buf_init(&store, 0);
    buf_init(out, 0);
    AUTO_BUF struct buf index;
    buf_init(&index, 0);
    for (size_t i = 0; i < count; i++) {
        buf_be32(&index, fields[i].tag);
        buf_be32(&index, fields[i].type);
        buf_be32(&index, (uint32_t)store.size);
        buf_be32(&index, fields[i].count);
        buf_add(&store, fields[i].bytes);
    }
    buf_be32(out, (uint32_t)count);
    buf_be32(out, (uint32_t)store.size);
    buf_add(out, buf_span(&index));
    buf_add(out, buf_span(&store));
}

#define TEXT(tag, text)                                                                                                \
    {                                                                                                                  \
        tag, 6, 1, { (const uint8_t *)(text), sizeof(text) }                                                           \
    }
#define BYTES(tag, type, count, text)                                                                                  \
    {                                                                                                                  \
        tag, type, count, { (const uint8_t *)(text), sizeof(text) - 1 }                                                \
    }

/* The header alone, through the reader of headers: the databases around it have tests of their own. */
static void rpm(void **state) {
    (void)state;
    static const struct {
        struct field fields[7];
        const char *expected;
    } cases[] = {
        {{TEXT(1000, "a"), TEXT(1001, "1"), TEXT(1002, "2"), TEXT(1011, "Fedora Project"),
          BYTES(1117, 8, 3, "x\0y\0z\0"), BYTES(1116, 4, 3, "\0\0\0\1\0\0\0\0\0\0\0\1"),
          BYTES(1118, 8, 2, "/b/\0/usr/c/\0")},
         "rpm a usr/c/x\nrpm a b/y\nrpm a usr/c/z\n"},
        {{TEXT(1000, "a"), TEXT(1001, "1"), TEXT(1002, "2"), TEXT(1011, "Somebody"), BYTES(1117, 8, 1, "x\0"),
          BYTES(1116, 4, 1, "\0\0\0\0"), BYTES(1118, 8, 1, "/b/\0")},
         "rpm a foreign b/x\n"},
        /* Folders that are not there, and lists that end before their counts. */
        {{TEXT(1000, "a"), TEXT(1001, "1"), TEXT(1002, "2"), TEXT(1011, ""), BYTES(1118, 8, 1, "/b/\0"),
          BYTES(1116, 4, 0x7fffffff, "\0\0\0\7\0\0\0\0"), BYTES(1117, 8, 0x7fffffff, "x\0y\0z")},
         "rpm a b/y\n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf header;
        struct told told = {.count = 0};
        struct err err = {0};
        struct arena scratch;
        AUTO_BUF struct buf packages;
        rpm_make(&header, cases[i].fields, ARRAY_COUNT(cases[i].fields));
        arena_init(&scratch, 0, 0);
        buf_init(&packages, 0);
        buf_init(&told.text, 0);
        struct catalogue catalogue = {.path = span_text("Packages"),
                                      .scratch = &scratch,
                                      .emit = catalogue_case_render,
                                      .context = &packages,
                                      .own = render,
                                      .own_context = &told};
        assert_int_equal(rpm_header_add(&catalogue, buf_span(&header), &err), 0);
        buf_byte(&told.text, 0);
        assert_string_equal((const char *)told.text.data, cases[i].expected);
        arena_release(&scratch);
        buf_release(&told.text);
        buf_release(&header);
    }
}

/* At the limit nothing is said, beyond it once, and the packages are there all the same. */
static void many(void **state) {
    (void)state;
    struct buf body;
    struct told told;
    struct err err = {0};
    buf_init(&body, 0);
    for (size_t i = 0; i < LIMIT_OWNED_FILES; i++)
        buf_text(&body, "/aa\n");
    assert_int_equal(run(CATALOGUER_FILES, "var/lib/dpkg/info/a.list", buf_span(&body), &told, &err), 0);
    assert_int_equal(told.count, LIMIT_OWNED_FILES);
    buf_release(&told.text);
    buf_text(&body, "/bb\n/cc\n");
    assert_int_equal(run(CATALOGUER_FILES, "var/lib/dpkg/info/a.list", buf_span(&body), &told, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(told.count, LIMIT_OWNED_FILES);
    buf_release(&told.text);
    buf_release(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists), cmocka_unit_test(rpm), cmocka_unit_test(many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
