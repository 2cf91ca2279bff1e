#include "base/limits.h"
#include "base/overflow.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/archive/tar.h"
#include "io/archive/tar_header.h"
#include "io/codec/codec.h"
#include "io/file/file.h"
#include "tests/support/tar_build.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What the parser tells, written down as text. Pieces of a body are joined, so that every chunking gives the same text.
 */
struct record {
    struct buf text;
    bool in_data;
    bool skip_all;
};

static void data_close(struct record *record) {
    if (record->in_data)
        buf_byte(&record->text, '\n');
    record->in_data = false;
}

static int on_entry(void *context, const struct tar_entry *entry, struct err *err) {
    struct record *record = context;
    (void)err;
    if (entry->whiteout != TAR_WHITEOUT_NONE)
        buf_text(&record->text, entry->whiteout == TAR_WHITEOUT_NAME ? "whiteout " : "opaque ");
    buf_format(&record->text, "%s \"%.*s\" %" PRIu64, tar_kind_name(entry->kind), SPAN_FORMAT(entry->path),
               entry->size);
    if (entry->sparse)
        buf_format(&record->text, " sparse %" PRIu64, entry->stored_bytes);
    if (entry->link.size > 0)
        buf_format(&record->text, " -> %.*s (%.*s)", SPAN_FORMAT(entry->link), SPAN_FORMAT(entry->link_path));
    if (entry->escapes)
        buf_text(&record->text, " escapes");
    buf_byte(&record->text, '\n');
    return record->skip_all ? TAR_SKIP : 0;
}

static int on_data(void *context, struct span piece, struct err *err) {
    struct record *record = context;
    (void)err;
    if (!record->in_data)
        buf_text(&record->text, "= ");
    record->in_data = true;
    buf_add(&record->text, piece);
    return 0;
}

static int on_entry_end(void *context, struct err *err) {
    (void)err;
    data_close(context);
    buf_text(&((struct record *)context)->text, ".\n");
    return 0;
}

static int on_problem(void *context, const struct err *problem, struct span path, uint64_t offset, struct err *err) {
    struct record *record = context;
    (void)path;
    (void)err;
    buf_format(&record->text, "! %s @%" PRIu64 " %s\n", err_code_name(problem->code), offset, problem->text);
    return 0;
}

static const struct tar_handler handler = {on_entry, on_data, on_entry_end, on_problem};

/* Runs the archive through `tar` in pieces of `step` bytes. */
static void run(struct tar *tar, const struct tar_limits *limits, struct span bytes, size_t step,
                struct record *record) {
    struct err err = {0};
    int result = 0;
    buf_reset(&record->text);
    record->in_data = false;
    tar_begin(tar, limits, &handler, record);
    for (size_t at = 0; at < bytes.size && result == 0; at += step) {
        /* A copy of its own for each piece: reading past it is then found by the sanitizer. */
        struct span piece = span_slice(bytes, at, step);
        uint8_t *copy = mem_alloc(piece.size);
        assert_non_null(copy);
        memcpy(copy, piece.data, piece.size);
        result = tar_push(tar, span_make(copy, piece.size), &err);
        mem_free(copy);
    }
    if (result == 0)
        result = tar_finish(tar, &err);
    data_close(record);
    if (result < 0) {
        struct err again = {0};
        buf_format(&record->text, "failed %s: %s\n", err_code_name(err.code), err.text);
        assert_int_equal(tar_push(tar, bytes, &again), -1);
        assert_int_equal(again.code, err.code);
    }
    buf_byte(&record->text, 0);
    assert_false(record->text.failed);
}

static void expect_limited(const struct tar_limits *limits, struct span bytes, const char *expected) {
    static const size_t steps[] = {SIZE_MAX, 1, 7, 511, 512, 513, 65536};
    struct tar *tar = NULL;
    struct record record = {0};
    assert_int_equal(tar_new(&tar, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        run(tar, limits, bytes, size_min(steps[i], bytes.size + 1), &record);
        assert_string_equal((const char *)record.text.data, expected);
    }
    buf_release(&record.text);
    tar_free(tar);
}

static void expect(struct span bytes, const char *expected) { expect_limited(NULL, bytes, expected); }

/* Ends the archive, checks, forgets it. */
static void expect_built(struct buf *tar, const char *expected) {
    tar_build_end(tar);
    expect(buf_span(tar), expected);
    buf_release(tar);
}

static void empty_stream(void **state) {
    (void)state;
    struct buf tar = {0};
    expect(buf_span(&tar), "");
    expect_built(&tar, "");
}

static void kinds(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_folder(&tar, "./");
    tar_build_folder(&tar, "etc/");
    tar_build_file(&tar, "etc/hosts", "127.0.0.1");
    tar_build_symlink(&tar, "etc/a", "../b");
    tar_build_symlink(&tar, "etc/c", "/d/./e");
    tar_build_symlink(&tar, "etc/up", "../../x");
    tar_build_hard_link(&tar, "h", "./etc/hosts");
    tar_build_hard_link(&tar, "h2", "../hosts");
    tar_build_add(&tar, &(struct tar_build_entry){.name = "dev/null", .type = '3'});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "dev/sda", .type = '4'});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "pipe", .type = '6'});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "odd", .type = 'Z', .data = span_text("body")});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "contiguous", .type = '7', .data = span_text("c")});
    tar_build_file(&tar, "empty", "");
    expect_built(&tar, "directory \"\" 0\n.\ndirectory \"etc\" 0\n.\nfile \"etc/hosts\" 9\n= 127.0.0.1\n.\n"
                       "symlink \"etc/a\" 0 -> ../b (b)\n.\nsymlink \"etc/c\" 0 -> /d/./e (d/e)\n.\n"
                       "symlink \"etc/up\" 0 -> ../../x (x) escapes\n.\n"
                       "hard link \"h\" 0 -> ./etc/hosts (etc/hosts)\n.\n"
                       "hard link \"h2\" 0 -> ../hosts (hosts) escapes\n.\n"
                       "char device \"dev/null\" 0\n.\nblock device \"dev/sda\" 0\n.\nfifo \"pipe\" 0\n.\n"
                       "other \"odd\" 4\n= body\n.\nfile \"contiguous\" 1\n= c\n.\nfile \"empty\" 0\n.\n");
}

static void paths(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_file(&tar, "/abs//x/./y", "1");
    tar_build_file(&tar, "a/../b", "2");
    tar_build_file(&tar, "../evil", "3");
    tar_build_file(&tar, "a/../../evil", "4");
    tar_build_file(&tar, "..a/...", "5");
    tar_build_file(&tar, "", "6");
    tar_build_file(&tar, "after", "7");
    expect_built(&tar, "file \"abs/x/y\" 1\n= 1\n.\nfile \"b\" 1\n= 2\n.\n"
                       "! FORMAT @2048 tar: the name \"../evil\" climbs above the root; skipped\n"
                       "! FORMAT @3072 tar: the name \"a/../../evil\" climbs above the root; skipped\n"
                       "file \"..a/...\" 1\n= 5\n.\n"
                       "! FORMAT @5120 tar: a file without a name; skipped\nfile \"after\" 1\n= 7\n.\n");
}

static void slash_is_a_folder_in_v7(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_add(&tar, &(struct tar_build_entry){.name = "d/", .type = 'v', .format = TAR_BUILD_V7});
    tar_build_add(&tar,
                  &(struct tar_build_entry){.name = "f", .type = 'v', .format = TAR_BUILD_V7, .data = span_text("x")});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "e/"});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "g/", .data = span_text("y")});
    expect_built(&tar, "directory \"d\" 0\n.\nfile \"f\" 1\n= x\n.\ndirectory \"e\" 0\n.\nfile \"g\" 1\n= y\n.\n");
}

static void whiteouts(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_file(&tar, "etc/.wh.passwd", "");
    tar_build_file(&tar, ".wh.top", "ignored");
    tar_build_file(&tar, "var/.wh..wh..opq", "");
    tar_build_file(&tar, ".wh..wh..opq", "");
    tar_build_folder(&tar, ".wh..wh.plnk");
    tar_build_file(&tar, ".wh..wh.plnk/1.2", "x");
    tar_build_file(&tar, "a/.wh..wh.aufs", "");
    tar_build_file(&tar, "a/.wh.", "");
    tar_build_file(&tar, "a/.wh...", "");
    expect_built(&tar, "whiteout file \"etc/passwd\" 0\n.\nwhiteout file \"top\" 0\n.\nopaque file \"var\" 0\n.\n"
                       "opaque file \"\" 0\n.\n"
                       "! FORMAT @4608 tar: whiteout that names nothing\n"
                       "! FORMAT @5120 tar: whiteout that names nothing\n");
}

static void long_names(void **state) {
    (void)state;
    struct buf tar = {0}, name = {0};
    buf_fill(&name, 'n', 300);
    tar_build_long(&tar, 'L', buf_span(&name));
    tar_build_long(&tar, 'K', span_text("target"));
    tar_build_symlink(&tar, "short", "st");
    tar_build_file(&tar, "next", "");
    tar_build_add(&tar, &(struct tar_build_entry){.name = "base", .prefix = "some/prefix"});
    struct buf expected = {0};
    buf_format(&expected,
               "symlink \"%.*s\" 0 -> target (target)\n.\nfile \"next\" 0\n.\nfile \"some/prefix/base\" 0\n.\n",
               SPAN_FORMAT(buf_span(&name)));
    buf_byte(&expected, 0);
    expect_built(&tar, (const char *)expected.data);
    buf_release(&expected);
    buf_release(&name);
}

static void pax_records(void **state) {
    (void)state;
    struct buf tar = {0}, records = {0};
    tar_build_record(&records, "path", span_text("first"));
    tar_build_record(&records, "path", span_text("p/long"));
    tar_build_record(&records, "comment", span_text("a=b\nc"));
    tar_build_record(&records, "size", span_text("3"));
    tar_build_record(&records, "mtime", span_text("12.5"));
    tar_build_pax(&tar, 'x', buf_span(&records));
    tar_build_add(&tar, &(struct tar_build_entry){.name = "p", .data = span_text("abc"), .size_set = true});
    tar_build_file(&tar, "q", "");
    tar_build_pax_one(&tar, "linkpath", "l/target");
    tar_build_symlink(&tar, "s", "x");
    tar_build_pax_one(&tar, "path", "");
    tar_build_file(&tar, "kept", "");
    tar_build_pax_one(&tar, "path", "one");
    tar_build_pax_one(&tar, "comment", "replaces");
    tar_build_file(&tar, "two", "");
    buf_reset(&records);
    tar_build_record(&records, "path", span_make("cut\0off", 7));
    tar_build_pax(&tar, 'x', buf_span(&records));
    tar_build_file(&tar, "z", "");
    expect_built(&tar, "file \"p/long\" 3\n= abc\n.\nfile \"q\" 0\n.\nsymlink \"s\" 0 -> l/target (l/target)\n.\n"
                       "file \"kept\" 0\n.\nfile \"two\" 0\n.\nfile \"cut\" 0\n.\n");
    buf_release(&records);
}

static void pax_global(void **state) {
    (void)state;
    struct buf tar = {0}, records = {0};
    tar_build_record(&records, "comment", span_text("0123abcd"));
    tar_build_pax(&tar, 'g', buf_span(&records));
    buf_reset(&records);
    tar_build_record(&records, "path", span_text("moved"));
    tar_build_pax_one(&tar, "path", "forgotten");
    tar_build_pax(&tar, 'g', buf_span(&records));
    tar_build_file(&tar, "real", "");
    expect_built(&tar, "! FORMAT @2048 tar: global pax header sets path, which container runtimes ignore; ignored\n"
                       "file \"real\" 0\n.\n");
    buf_release(&records);
}

static void should_fail_pax_size_overflow(void **state) {
    (void)state;
    static const char *const sizes[] = {"9223372036854775808", "99999999999999999999999", "-1", "1e3", " 1"};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct buf tar = {0};
        char expected[128];
        tar_build_pax_one(&tar, "size", sizes[i]);
        tar_build_file(&tar, "f", "x");
        (void)snprintf(expected, sizeof expected, "failed FORMAT: tar: header at offset 1024: pax size is \"%s\"\n",
                       sizes[i]);
        expect_built(&tar, expected);
    }
}

static void damaged_pax_keeps_what_came_before(void **state) {
    (void)state;
    static const char *const damaged[] = {"999 a=b\n", "5 a=b\n", "x a=b\n", "8 a=bcc",
                                          "6 abc\n",   "6 =bc\n", "0 a=b\n", "18446744073709551617 a=b\n",
                                          "3"};
    for (size_t i = 0; i < ARRAY_COUNT(damaged); i++) {
        struct buf tar = {0}, records = {0}, expected = {0};
        char quoted[64];
        tar_build_record(&records, "path", span_text("good"));
        buf_text(&records, damaged[i]);
        tar_build_pax(&tar, 'x', buf_span(&records));
        tar_build_file(&tar, "f", "x");
        buf_format(&expected, "! FORMAT @0 tar: damaged pax record at byte 13 of its header: \"%s\"\n",
                   text_quote(span_text(damaged[i]), quoted, sizeof quoted));
        buf_text(&expected, "file \"good\" 1\n= x\n.\n");
        buf_byte(&expected, 0);
        expect_built(&tar, (const char *)expected.data);
        buf_release(&records);
        buf_release(&expected);
    }
}

static void gnu_sparse(void **state) {
    (void)state;
    struct tar_build_extent extents[60];
    for (size_t i = 0; i < ARRAY_COUNT(extents); i++)
        extents[i] = (struct tar_build_extent){i * 4096, 1};
    struct buf tar = {0};
    tar_build_sparse(&tar, "small", 1000, extents, 2, span_text("ab"));
    tar_build_sparse(&tar, "huge", (uint64_t)10 << 30, extents, 60, span_text("data"));
    tar_build_file(&tar, "after", "!");
    expect_built(&tar, "file \"small\" 1000 sparse 2\n= ab\n.\nfile \"huge\" 10737418240 sparse 4\n= data\n.\n"
                       "file \"after\" 1\n= !\n.\n");
}

static void pax_sparse_early(void **state) {
    (void)state;
    struct buf tar = {0}, records = {0};
    tar_build_record(&records, "GNU.sparse.size", span_text("500"));
    tar_build_record(&records, "GNU.sparse.numblocks", span_text("1"));
    tar_build_record(&records, "GNU.sparse.offset", span_text("10"));
    tar_build_record(&records, "GNU.sparse.numbytes", span_text("3"));
    tar_build_pax(&tar, 'x', buf_span(&records));
    tar_build_file(&tar, "v00", "abc");
    buf_reset(&records);
    tar_build_record(&records, "GNU.sparse.size", span_text("600"));
    tar_build_record(&records, "GNU.sparse.map", span_text("10,3"));
    tar_build_record(&records, "GNU.sparse.name", span_text("v01"));
    tar_build_pax(&tar, 'x', buf_span(&records));
    tar_build_file(&tar, "GNUSparseFile.1/v01", "def");
    expect_built(&tar, "file \"v00\" 500 sparse 3\n= abc\n.\nfile \"v01\" 600 sparse 3\n= def\n.\n");
    buf_release(&records);
}

static void sparse_1_0(struct buf *tar, const char *name, const char *map, const char *data) {
    struct buf records = {0}, body = {0};
    tar_build_record(&records, "GNU.sparse.major", span_text("1"));
    tar_build_record(&records, "GNU.sparse.minor", span_text("0"));
    tar_build_record(&records, "GNU.sparse.name", span_text(name));
    tar_build_record(&records, "GNU.sparse.realsize", span_text("10737418240"));
    tar_build_pax(tar, 'x', buf_span(&records));
    buf_text(&body, map);
    buf_fill(&body, 0, (size_t)(-body.size & 511));
    buf_text(&body, data);
    tar_build_bytes(tar, "GNUSparseFile.1/x", buf_span(&body));
    buf_release(&records);
    buf_release(&body);
}

static void pax_sparse_1_0(void **state) {
    (void)state;
    struct buf tar = {0}, map = {0};
    sparse_1_0(&tar, "one", "1\n512\n3\n", "abc");
    buf_text(&map, "100\n");
    for (size_t i = 0; i < 100; i++)
        buf_format(&map, "%zu\n0\n", i * 1000); /* more than one block */
    buf_byte(&map, 0);
    sparse_1_0(&tar, "many", (const char *)map.data, "tail");
    sparse_1_0(&tar, "letters", "1\nx\n3\n", "abc");
    sparse_1_0(&tar, "lies", "99999999\n1\n3\n", "abc");
    sparse_1_0(&tar, "wraps", "1\n99999999999999999999\n3\n", "abc");
    sparse_1_0(&tar, "unended", "200\n1\n2\n", "");
    tar_build_file(&tar, "after", "!");
    tar_build_end(&tar);
    struct tar *parser = NULL;
    struct record record = {0};
    assert_int_equal(tar_new(&parser, NULL), 0);
    run(parser, NULL, buf_span(&tar), 512, &record);
    /* "many" ends its map inside a block whose rest is padding; what comes after the map is what is delivered. */
    struct span text = buf_span(&record.text);
    assert_true(span_starts(text, "file \"one\" 10737418240 sparse 3\n= abc\n.\n"
                                  "file \"many\" 10737418240 sparse 4\n= tail\n.\n"));
    assert_true(span_find(text, span_text("damaged sparse map"), 0) != SIZE_MAX);
    static const char *const named[] = {"letters", "lies", "wraps", "unended"};
    for (size_t i = 0; i < ARRAY_COUNT(named); i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "skipped\nfile \"%s\" 10737418240 sparse 0\n.\n", named[i]);
        assert_true(span_find(text, span_text(line), 0) != SIZE_MAX);
    }
    assert_true(span_find(text, span_text("file \"after\" 1\n= !\n.\n"), 0) != SIZE_MAX);
    buf_byte(&map, 0);
    expect(buf_span(&tar), (const char *)record.text.data);
    buf_release(&map);
    buf_release(&tar);
    buf_release(&record.text);
    tar_free(parser);
}

static void hard_link_bodies(void **state) {
    (void)state;
    struct buf tar = {0}, body = {0};
    buf_fill(&body, 'b', 700);
    tar_build_add(
        &tar, &(struct tar_build_entry){.name = "without", .type = '1', .link = "t", .size = 700, .size_set = true});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "with", .type = '1', .link = "t", .data = buf_span(&body)});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "short", .type = '1', .link = "t", .data = span_text("s")});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "../out", .type = '1', .link = "t", .data = span_text("s")});
    tar_build_add(&tar,
                  &(struct tar_build_entry){.name = "last", .type = '1', .link = "t", .size = 9, .size_set = true});
    struct buf expected = {0};
    buf_format(&expected,
               "hard link \"without\" 0 -> t (t)\n.\nhard link \"with\" 700 -> t (t)\n= %.*s\n.\n"
               "hard link \"short\" 1 -> t (t)\n= s\n.\n"
               "! FORMAT @3072 tar: the name \"../out\" climbs above the root; skipped\n"
               "hard link \"last\" 0 -> t (t)\n.\n",
               SPAN_FORMAT(buf_span(&body)));
    buf_byte(&expected, 0);
    expect(buf_span(&tar), (const char *)expected.data); /* ends right after the header */
    expect_built(&tar, (const char *)expected.data);
    buf_release(&expected);
    buf_release(&body);
}

static void number_fields(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        bool good;
        int64_t value;
    } cases[] = {
        {"0000644\0", 8, true, 0644},
        {"   644 \0", 8, true, 0644},
        {"\0\0\0\0\0\0\0\0", 8, true, 0},
        {"        ", 8, true, 0},
        {"77777777777 ", 12, true, 077777777777},
        {"777777777777", 12, true, 0777777777777},
        {"644\0zz\0\0", 8, true, 0644},
        {"0000648\0", 8, false, 0},
        {"-000001\0", 8, false, 0},
        {"0x1f   \0", 8, false, 0},
        {"\x80\0\0\0\0\0\1\0", 8, true, 256},
        {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, true, -1},
        {"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, true, INT64_MAX},
        {"\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, false, 0},
        {"\x80\0\0\1\0\0\0\0\0\0\0\0", 12, false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t value = 0;
        assert_int_equal(tar_number(span_make(cases[i].bytes, cases[i].size), &value), cases[i].good);
        assert_int_equal(value, cases[i].value);
    }
}

static void sizes(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_add(&tar, &(struct tar_build_entry){.name = "binary", .data = span_text("x"), .base256 = true});
    tar_build_add(&tar,
                  &(struct tar_build_entry){.name = "spaces", .data = span_text("y"), .size_raw = "          1 "});
    tar_build_add(&tar, &(struct tar_build_entry){
                            .name = "signed\xE9", .data = span_text("z"), .checksum = TAR_BUILD_CHECKSUM_SIGNED});
    expect_built(&tar, "file \"binary\" 1\n= x\n.\nfile \"spaces\" 1\n= y\n.\nfile \"signed\xE9\" 1\n= z\n.\n");
    static const char minus[12] = {(char)0xFF, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -2};
    tar_build_add(&tar, &(struct tar_build_entry){.name = "negative", .size_raw = minus});
    expect_built(&tar, "failed FORMAT: tar: header at offset 0: negative size -2\n");
    tar_build_add(&tar, &(struct tar_build_entry){.name = "garbage", .size_raw = "not a number"});
    expect_built(&tar, "failed FORMAT: tar: header at offset 0: expected a size, found \"not a number\"\n");
}

static void should_fail_checksum(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_file(&tar, "a", "1");
    size_t at = tar.size;
    tar_build_file(&tar, "b", "2");
    tar.data[at] = 'c';
    tar_build_end(&tar);
    struct err err = {0};
    struct tar *parser = NULL;
    struct record record = {0};
    assert_int_equal(tar_new(&parser, &err), 0);
    run(parser, NULL, buf_span(&tar), 100, &record);
    uint64_t expected, found;
    assert_false(tar_block_checksum(tar.data + at, &expected, &found));
    assert_int_equal(expected, found + 1);
    char text[160];
    (void)snprintf(text, sizeof text,
                   "file \"a\" 1\n= 1\n.\nfailed FORMAT: tar: header at offset 1024: expected checksum %" PRIu64
                   ", found %" PRIu64 "\n",
                   expected, found);
    expect(buf_span(&tar), text);
    buf_release(&tar);
    buf_release(&record.text);
    tar_free(parser);
}

static void should_fail_no_tar(void **state) {
    (void)state;
    struct buf tar = {0};
    buf_text(&tar, "PK\3\4");
    buf_fill(&tar, 'x', 2000);
    expect(buf_span(&tar), "failed FORMAT: tar: no tar header at offset 0, found bytes 50 4b 03 04 78 78\n");
    expect(span_text("short"),
           "failed FORMAT: tar: no tar header at offset 0: ends in the middle of a header, 5 of 512 "
           "bytes are there\n");
    buf_release(&tar);
}

static void should_fail_truncated(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_file(&tar, "a", "hello");
    tar_build_pax_one(&tar, "path", "x");
    tar_build_file(&tar, "b", "2");
    struct span all = buf_span(&tar);
    const char *whole = "file \"a\" 5\n= hello\n.\n";
    char text[256];
    expect(span_slice(all, 0, 514),
           "file \"a\" 5\n= he\nfailed FORMAT: tar: ends at offset 514 in the body of \"a\", 3 "
           "bytes are missing\n");
    expect(span_slice(all, 0, 517), whole); /* only padding is missing */
    expect(span_slice(all, 0, 1024), whole);
    (void)snprintf(
        text, sizeof text,
        "%sfailed FORMAT: tar: header at offset 1024: ends in the middle of a header, 76 of 512 bytes are there\n",
        whole);
    expect(span_slice(all, 0, 1100), text);
    (void)snprintf(text, sizeof text,
                   "%sfailed FORMAT: tar: ends at offset 1540 in extended header 'x', 5 bytes are missing\n", whole);
    expect(span_slice(all, 0, 1540), text);
    (void)snprintf(text, sizeof text,
                   "%sfailed FORMAT: tar: ends at offset 2048 after an extended header, without its entry\n", whole);
    expect(span_slice(all, 0, 2048), text);
    buf_release(&tar);
}

static void ends(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_file(&tar, "a", "");
    tar_build_end(&tar);
    buf_fill(&tar, 0, 5000);
    expect(buf_span(&tar), "file \"a\" 0\n.\n");
    buf_text(&tar, "hidden");
    expect(buf_span(&tar),
           "file \"a\" 0\n.\n! FORMAT @6536 tar: data after the end of the archive at offset 6536; ignored\n");
    buf_reset(&tar);
    tar_build_file(&tar, "a", "");
    buf_fill(&tar, 0, 512);
    expect(buf_span(&tar), "file \"a\" 0\n.\n");
    tar_build_file(&tar, "b", "");
    expect(buf_span(&tar),
           "file \"a\" 0\n.\n! FORMAT @1024 tar: data after a single zero block, where the archive ends, at "
           "offset 1024; ignored\n");
    buf_reset(&tar);
    tar_build_pax_one(&tar, "path", "x");
    expect_built(&tar, "! FORMAT @1024 tar: extended header without an entry after it\n");
}

static void gnu_members(void **state) {
    (void)state;
    struct buf tar = {0};
    tar_build_add(&tar, &(struct tar_build_entry){.name = "label", .type = 'V', .format = TAR_BUILD_GNU});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "rest", .type = 'M', .data = span_text("zz")});
    tar_build_add(&tar, &(struct tar_build_entry){.name = "dump/", .type = 'D', .data = span_text("Yfoo\0")});
    tar_build_file(&tar, "after", "");
    expect_built(&tar, "! UNSUPPORTED @512 tar: GNU member type 'M' (continued from another volume) is not supported; "
                       "skipped\ndirectory \"dump\" 0\n.\nfile \"after\" 0\n.\n");
}

static void limits(void **state) {
    (void)state;
    struct buf tar = {0}, name = {0};
    struct tar_limits limits = {.entries_max = 2, .path_bytes_max = 200, .pax_bytes_max = 300};
    tar_build_file(&tar, "a", "");
    tar_build_file(&tar, "b", "");
    expect_limited(&limits, buf_span(&tar), "file \"a\" 0\n.\nfile \"b\" 0\n.\n");
    tar_build_file(&tar, "c", "");
    expect_limited(&limits, buf_span(&tar),
                   "file \"a\" 0\n.\nfile \"b\" 0\n.\nfailed LIMIT: tar: more than 2 entries, the "
                   "ceiling of --max-layer-entries\n");
    for (size_t over = 0; over < 2; over++) {
        struct buf expected = {0};
        buf_reset(&tar);
        buf_reset(&name);
        buf_fill(&name, 'n', 200 + over);
        tar_build_long(&tar, 'L', buf_span(&name));
        tar_build_file(&tar, "x", "body");
        if (over == 0)
            buf_format(&expected, "file \"%.*s\" 4\n= body\n.\n", SPAN_FORMAT(buf_span(&name)));
        else
            buf_text(&expected, "! LIMIT @1024 tar: a path of 201 bytes, the ceiling is 200; skipped\n");
        buf_byte(&expected, 0);
        expect_limited(&limits, buf_span(&tar), (const char *)expected.data);
        buf_reset(&tar);
        buf_reset(&name);
        buf_fill(&name, 'c', 300 - 13 + over); /* "300 comment=" and "\n" */
        struct buf records = {0};
        tar_build_record(&records, "comment", buf_span(&name));
        assert_int_equal(records.size, 300 + over);
        tar_build_pax(&tar, 'x', buf_span(&records));
        tar_build_file(&tar, "x", "");
        expect_limited(&limits, buf_span(&tar),
                       over == 0
                           ? "file \"x\" 0\n.\n"
                           : "failed LIMIT: tar: extended header 'x' at offset 0 has 301 bytes, the ceiling is 300\n");
        buf_release(&records);
        buf_release(&expected);
    }
    buf_release(&tar);
    buf_release(&name);
}

static void skipping(void **state) {
    (void)state;
    struct buf tar = {0}, body = {0};
    buf_fill(&body, 'x', 5000);
    tar_build_bytes(&tar, "big", buf_span(&body));
    tar_build_file(&tar, "after", "data");
    struct tar *parser = NULL;
    struct record record = {.skip_all = true};
    assert_int_equal(tar_new(&parser, NULL), 0);
    run(parser, NULL, buf_span(&tar), 1000, &record);
    assert_string_equal((const char *)record.text.data, "file \"big\" 5000\n.\nfile \"after\" 4\n.\n");
    buf_reset(&record.text);
    record.skip_all = false;
    tar_begin(parser, NULL, &handler, &record);
    assert_int_equal(tar_push(parser, span_slice(buf_span(&tar), 0, 600), NULL), 0);
    assert_int_equal(tar_skippable(parser), 5000 - 88 + 120);
    assert_int_equal(tar_skip(parser, 4000, NULL), 0);
    assert_int_equal(tar_skip(parser, tar_skippable(parser), NULL), 0);
    assert_int_equal(tar_offset(parser), 512 + 5120);
    assert_int_equal(tar_skippable(parser), 0);
    assert_int_equal(tar_push(parser, span_from(buf_span(&tar), 512 + 5120), NULL), 0);
    assert_int_equal(tar_finish(parser, NULL), 0);
    assert_true(span_find(buf_span(&record.text), span_text(".\nfile \"after\" 4\n= data\n.\n"), 0) != SIZE_MAX);
    buf_release(&tar);
    buf_release(&body);
    buf_release(&record.text);
    tar_free(parser);
}

static int refuse(void *context, const struct tar_entry *entry, struct err *err) {
    (void)context;
    (void)entry;
    return err_set(err, ERR_CANCELED, 0, "enough");
}

static void a_callback_ends_the_stream(void **state) {
    (void)state;
    static const struct tar_handler stops = {.entry = refuse};
    struct buf tar = {0};
    struct err err = {0};
    struct tar *parser = NULL;
    tar_build_file(&tar, "a", "");
    assert_int_equal(tar_new(&parser, NULL), 0);
    tar_begin(parser, NULL, &stops, NULL);
    assert_int_equal(tar_push(parser, buf_span(&tar), &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(tar_finish(parser, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    tar_free(parser);
    buf_release(&tar);
}

static void out_of_memory(void **state) {
    (void)state;
    struct buf tar = {0}, name = {0};
    buf_fill(&name, 'n', 3000);
    tar_build_long(&tar, 'L', buf_span(&name));
    tar_build_pax_one(&tar, "path", "p");
    tar_build_symlink(&tar, "a", "b");
    bool whole = false;
    for (uint64_t n = 1; !whole; n++) {
        struct err err = {0};
        struct tar *parser = NULL;
        static const struct tar_handler quiet = {0};
        mem_fail_after(n, false);
        int result = tar_new(&parser, &err);
        if (result == 0) {
            tar_begin(parser, NULL, &quiet, NULL);
            result = tar_push(parser, buf_span(&tar), &err);
        }
        mem_fail_after(0, false);
        whole = result == 0;
        assert_true(whole || err.code == ERR_NOMEM);
        assert_true(n < 100);
        tar_free(parser);
    }
    buf_release(&tar);
    buf_release(&name);
}

/* The shared edge cases: what two other readers found in them. */

struct edge {
    VEC(char *) names;
};

static int edge_entry(void *context, const struct tar_entry *entry, struct err *err) {
    struct edge *edge = context;
    /* A whiteout's own name is what the other readers tell. */
    bool escapes;
    uint8_t *path = mem_alloc(entry->name.size);
    if (path == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    size_t size = tar_path_normalise((struct span){NULL, 0}, entry->name, path, &escapes);
    bool pushed = vec_push(&edge->names, mem_text(path, size));
    mem_free(path);
    return pushed ? 0 : err_set(err, ERR_NOMEM, 0, "out of memory");
}

static const struct tar_handler edge_handler = {.entry = edge_entry};

static int edge_piece(void *context, struct span piece, struct err *err) { return tar_push(context, piece, err); }

static void edge_run(const char *path, struct edge *edge, struct err *err) {
    struct buf bytes = {0};
    struct tar *tar = NULL;
    struct codec *codec = NULL;
    assert_int_equal(file_read(path, &bytes, err), 0);
    assert_int_equal(tar_new(&tar, err), 0);
    assert_int_equal(codec_new(&codec, err), 0);
    tar_begin(tar, NULL, &edge_handler, edge);
    if (codec_push(codec, buf_span(&bytes), edge_piece, tar, err) == 0 &&
        codec_finish(codec, edge_piece, tar, err) == 0)
        (void)tar_finish(tar, err); /* `err` says how it went */
    codec_free(codec);
    tar_free(tar);
    buf_release(&bytes);
}

static void edge_compare(const char *name, const struct doc *entries, const struct edge *edge) {
    size_t i = 0;
    for (const struct doc *entry = doc_first(entries); entry != NULL; entry = entry->next) {
        struct span type = doc_text(doc_get(entry, "type"));
        struct span raw = doc_text(doc_get(entry, "name"));
        uint8_t path[4096];
        bool escapes;
        if (span_is(type, "V") || span_is(type, "g") || span_is(type, "A"))
            continue; /* volume labels, global headers, star's access lists: no files */
        assert_true(raw.size <= sizeof path);
        struct span expected = span_make(path, tar_path_normalise((struct span){NULL, 0}, raw, path, &escapes));
        if (i >= edge->names.count)
            fail_msg("%s: %zu names found, more are expected", name, i);
        if (text_is_utf8(span_text(edge->names.data[i])) && !span_is(expected, edge->names.data[i]))
            fail_msg("%s: expected \"%.*s\", found \"%s\"", name, SPAN_FORMAT(expected), edge->names.data[i]);
        i++;
    }
    if (i != edge->names.count)
        fail_msg("%s: %zu names are expected, %zu found", name, i, edge->names.count);
}

static void shared_edge_cases(void **state) {
    (void)state;
    const char *shared = getenv("TRAWL_SHARED");
    char folder[512], path[1024];
    (void)snprintf(folder, sizeof folder, "%s/corpora/images/tar-edge", shared == NULL ? "../shared" : shared);
    (void)snprintf(path, sizeof path, "%s/expect.json", folder);
    struct buf json = {0};
    struct arena arena;
    struct doc *root = NULL;
    struct err err = {0};
    if (access(path, R_OK) != 0) {
        print_message("SKIP: %s is not there (set TRAWL_SHARED)\n", path);
        skip();
    }
    arena_init(&arena, 0, 0);
    assert_int_equal(file_read(path, &json, &err), 0);
    assert_int_equal(json_parse(&arena, buf_span(&json), doc_limits_default(), &root, &err), 0);
    size_t compared = 0, run_count = 0;
    for (const struct doc *item = doc_first(root); item != NULL; item = item->next) {
        char name[256];
        struct edge edge = {0};
        struct err failure = {0};
        (void)snprintf(name, sizeof name, "%.*s", SPAN_FORMAT(item->key));
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        edge_run(path, &edge, &failure);
        run_count++;
        const struct doc *go = doc_get(item, "go1.19"), *entries = doc_get(go, "entries");
        int64_t bsdtar = -1;
        bool read_by_both = go != NULL && doc_text(doc_get(go, "error")).size == 0 &&
                            doc_i64(doc_get(doc_get(item, "bsdtar3.6.2"), "rc"), &bsdtar) && bsdtar == 0;
        if (read_by_both) {
            if (failure.code != ERR_NONE)
                fail_msg("%s: both others read it, we say: %s", name, failure.text);
            edge_compare(name, entries, &edge);
            compared++;
        }
        for (size_t i = 0; i < edge.names.count; i++)
            mem_free(edge.names.data[i]);
        vec_release(&edge.names);
    }
    print_message("%zu archives run, %zu compared\n", run_count, compared);
    assert_true(compared >= 20);
    arena_release(&arena);
    buf_release(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_stream),
        cmocka_unit_test(kinds),
        cmocka_unit_test(paths),
        cmocka_unit_test(slash_is_a_folder_in_v7),
        cmocka_unit_test(whiteouts),
        cmocka_unit_test(long_names),
        cmocka_unit_test(pax_records),
        cmocka_unit_test(pax_global),
        cmocka_unit_test(should_fail_pax_size_overflow),
        cmocka_unit_test(damaged_pax_keeps_what_came_before),
        cmocka_unit_test(gnu_sparse),
        cmocka_unit_test(pax_sparse_early),
        cmocka_unit_test(pax_sparse_1_0),
        cmocka_unit_test(hard_link_bodies),
        cmocka_unit_test(number_fields),
        cmocka_unit_test(sizes),
        cmocka_unit_test(should_fail_checksum),
        cmocka_unit_test(should_fail_no_tar),
        cmocka_unit_test(should_fail_truncated),
        cmocka_unit_test(ends),
        cmocka_unit_test(gnu_members),
        cmocka_unit_test(limits),
        cmocka_unit_test(skipping),
        cmocka_unit_test(a_callback_ends_the_stream),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(shared_edge_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
