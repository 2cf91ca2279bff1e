/* rpm's databases: headers, slots and pages, and what is wrong with them. SQLite's are made by SQLite itself, in
 * tests/e2e. */
#include "base/reader.h"
#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct field {
    uint32_t tag, type;
    const char *text; /* NULL: the number 3 */
};

static const struct field bash[] = {
    {1000, 6, "bash"}, {1001, 6, "4.4"},    {1002, 6, "19.6"},
    {1014, 6, "GPL"},  {1022, 6, "x86_64"}, {1044, 6, "bash-4.4-19.6.src.rpm"},
};
static const struct field libs[] = {
    {1000, 6, "vim-libs"},          {1003, 4, NULL},    {1001, 6, "9"}, {1002, 6, "1"},
    {1044, 6, "vim-8-2.nosrc.rpm"}, {1000, 6, "again"},
};
static const struct field key[] = {{1000, 6, "gpg-pubkey"}, {1001, 6, "1"}, {1002, 6, "2"}};

static void header_make(const struct field *fields, size_t count, struct buf *out) {
    AUTO_BUF struct buf store;
    buf_init(&store, 0);
    buf_reset(out);
    buf_be32(out, (uint32_t)count);
    size_t size_at = out->size;
    buf_be32(out, 0);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].text == NULL)
            buf_fill(&store, 0, (4 - store.size % 4) % 4);
        buf_be32(out, fields[i].tag);
        buf_be32(out, fields[i].type);
        buf_be32(out, (uint32_t)store.size);
        buf_be32(out, 1);
        if (fields[i].text == NULL)
            buf_be32(&store, 3);
        else
            buf_add(&store, span_make(fields[i].text, strlen(fields[i].text) + 1));
    }
    for (size_t i = 0; i < 4; i++)
        out->data[size_at + i] = (uint8_t)(store.size >> (24 - 8 * i));
    buf_add(out, buf_span(&store));
}

/* One page of slots, then the blobs. */
static void ndb_make(struct buf *out) {
    AUTO_BUF struct buf blobs, header;
    const struct {
        const struct field *fields;
        size_t count;
    } packages[] = {{bash, ARRAY_COUNT(bash)}, {libs, ARRAY_COUNT(libs)}, {key, ARRAY_COUNT(key)}};
    buf_init(&blobs, 0);
    buf_init(&header, 0);
    buf_text(out, "RpmP");
    buf_le32(out, 0);
    buf_le32(out, 1);
    buf_le32(out, 1);
    buf_fill(out, 0, 16);
    for (uint32_t i = 0; i < ARRAY_COUNT(packages); i++) {
        uint32_t unit = (uint32_t)(4096 + blobs.size) / 16;
        header_make(packages[i].fields, packages[i].count, &header);
        buf_text(&blobs, "BlbS");
        buf_le32(&blobs, i + 1);
        buf_le32(&blobs, 1);
        buf_le32(&blobs, (uint32_t)header.size);
        buf_add(&blobs, buf_span(&header));
        buf_fill(&blobs, 0, 16 - blobs.size % 16 + 16);
        buf_text(out, "Slot");
        buf_le32(out, i + 1);
        buf_le32(out, unit);
        buf_le32(out, (uint32_t)(4096 + blobs.size) / 16 - unit);
    }
    while (out->size < 4096) {
        buf_text(out, "Slot");
        buf_fill(out, 0, 12);
    }
    buf_add(out, buf_span(&blobs));
}

#define NDB "usr/lib/sysimage/rpm/Packages.db"
#define BDB "var/lib/rpm/Packages"
#define BASH "rpm bash 4.4-19.6 arch=x86_64 license=GPL\n"
#define LIBS "rpm vim-libs 3:9-1 from=vim(8-2)\n"

static void test_ndb(void **state) {
    AUTO_BUF struct buf file;
    (void)state;
    buf_init(&file, 0);
    ndb_make(&file);
    struct span bytes = buf_span(&file);
    assert_true(catalogue_bytes_run(CATALOGUER_RPM, NDB, bytes, BASH LIBS));
    file.data[40 + 2] = 0x7f; /* the first slot's offset lies beyond the file */
    assert_true(catalogue_bytes_run(CATALOGUER_RPM, NDB, bytes, LIBS "! FORMAT slot before byte 48"));
    file.data[40 + 2] = 0;
    /* Another slot leads to the same blob: it is not that package's. */
    memcpy(file.data + 56, file.data + 40, 8);
    assert_true(catalogue_bytes_run(CATALOGUER_RPM, NDB, bytes, BASH "! FORMAT slot before byte 64"));
    assert_true(catalogue_bytes_run(CATALOGUER_RPM, NDB, span_slice(bytes, 0, 64), "! FORMAT and 2 more"));
    assert_true(catalogue_bytes_run(CATALOGUER_RPM, NDB, span_slice(bytes, 0, 12), "! FORMAT without pages"));
    assert_true(catalogue_bytes_run(CATALOGUER_RPM, NDB, span_text("nothing of rpm's"), "! FORMAT no database"));
    assert_true(catalogue_bytes_run(CATALOGUER_RPM, NDB, span_text(""), ""));
}

struct bdb_make {
    struct buf out;
    bool big;
};

static void add32(struct bdb_make *make, uint32_t value) {
    if (make->big)
        buf_be32(&make->out, value);
    else
        buf_le32(&make->out, value);
}

static void add16(struct bdb_make *make, size_t value) {
    if (make->big)
        buf_be16(&make->out, (uint16_t)value);
    else
        buf_le16(&make->out, (uint16_t)value);
}

static void page_begin(struct bdb_make *make, uint32_t number, uint32_t next, size_t entries, size_t size,
                       uint8_t type) {
    buf_fill(&make->out, 0, number * 512 - make->out.size);
    buf_fill(&make->out, 0, 8);
    add32(make, number);
    add32(make, 0);
    add32(make, next);
    add16(make, entries);
    add16(make, size);
    buf_byte(&make->out, 0);
    buf_byte(&make->out, type);
}

/* Page 1: bash in place and the other one elsewhere, on pages 2 and 3. */
static void bdb_make(struct bdb_make *make) {
    AUTO_BUF struct buf here, there;
    buf_init(&make->out, 0);
    buf_init(&here, 0);
    buf_init(&there, 0);
    header_make(bash, ARRAY_COUNT(bash), &here);
    header_make(libs, ARRAY_COUNT(libs), &there);
    size_t value = 512 - 5 - (1 + here.size), key2 = value - 5, value2 = key2 - 12;
    buf_fill(&make->out, 0, 12);
    add32(make, 0x061561);
    add32(make, 9);
    add32(make, 512);
    page_begin(make, 1, 0, 4, 0, 13);
    add16(make, 507);
    add16(make, value);
    add16(make, key2);
    add16(make, value2);
    buf_fill(&make->out, 0, 512 + value2 - make->out.size);
    add32(make, make->big ? 0x03000000 : 3);
    add32(make, 2);
    add32(make, (uint32_t)there.size);
    buf_text(&make->out, "\1k2__\1");
    buf_add(&make->out, buf_span(&here));
    buf_text(&make->out, "\1k1__");
    page_begin(make, 2, 3, 0, 100, 7);
    buf_add(&make->out, span_slice(buf_span(&there), 0, 100));
    page_begin(make, 3, 0, 0, there.size - 100, 7);
    buf_add(&make->out, span_from(buf_span(&there), 100));
    buf_fill(&make->out, 0, 2048 - make->out.size);
}

static void test_bdb(void **state) {
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct bdb_make make = {.big = big != 0};
        bdb_make(&make);
        struct span bytes = buf_span(&make.out);
        assert_true(catalogue_bytes_run(CATALOGUER_RPM, BDB, bytes, BASH LIBS));
        assert_true(
            catalogue_bytes_run(CATALOGUER_RPM, BDB, span_slice(bytes, 0, 1536), BASH "! FORMAT bdb: a value of"));
        assert_true(catalogue_bytes_run(CATALOGUER_RPM, BDB, span_slice(bytes, 0, 2047), BASH "! FORMAT and 1 more"));
        make.out.data[1024 + (big ? 19 : 16)] = 2; /* a chain that leads to itself ends all the same */
        assert_true(catalogue_bytes_run(CATALOGUER_RPM, BDB, bytes, BASH "! FORMAT"));
        make.out.data[512 + 26] = make.out.data[512 + 27] = 0;
        assert_true(catalogue_bytes_run(CATALOGUER_RPM, BDB, bytes, "! FORMAT out of order"));
        buf_release(&make.out);
    }
}

/* Whatever byte is changed: an error or packages, never a crash. */
static void test_damage(void **state) {
    AUTO_BUF struct buf file;
    struct bdb_make make = {.big = false};
    (void)state;
    buf_init(&file, 0);
    ndb_make(&file);
    bdb_make(&make);
    struct buf *files[] = {&file, &make.out};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        for (size_t at = 0; at < files[i]->size; at++) {
            struct catalogue run = {.path = span_text(BDB), .body = buf_span(files[i])};
            struct arena scratch;
            struct err err = {0};
            size_t before = files[i]->data[at];
            arena_init(&scratch, 0, 0);
            files[i]->data[at] ^= 0xff;
            const struct catalogue_input input = {.path = run.path, .body = run.body};
            AUTO_BUF struct buf out;
            buf_init(&out, 0);
            int result = catalogue_file(CATALOGUER_RPM, &input, &scratch, catalogue_case_render, &out, &err);
            assert_true((result == 0) == (err.code == ERR_NONE));
            files[i]->data[at] = (uint8_t)before;
            arena_release(&scratch);
        }
    }
    buf_release(&make.out);
}

static const struct catalogue_case manifests[] = {
    {"two", "var/lib/rpmmanifest/container-manifest-2",
     "glibc\t2.35-2.cm2\t1\t1\tM\t(none)\t1\tx86_64\t0\tglibc-2.35-2.cm2.src.rpm\n"
     "vim\t9.0-1.cm2\t1\t1\tM\t2\t1\tx86_64\t2\tvim-9.0-1.cm2.src.rpm\n\n",
     "rpm glibc 2.35-2.cm2 arch=x86_64\nrpm vim 2:9.0-1.cm2 arch=x86_64\n"},
    {"cut off", "var/lib/rpmmanifest/container-manifest-2", "glibc\t2.35-2.cm2\t1\t1\tM\t(n",
     "! FORMAT a line of 6 fields"},
};

static void test_manifest(void **state) {
    (void)state;
    assert_true(catalogue_case_run(NULL, CATALOGUER_RPM_MANIFEST, manifests, ARRAY_COUNT(manifests)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ndb),
        cmocka_unit_test(test_bdb),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
