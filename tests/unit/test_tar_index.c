#include "base/limits.h"
#include "io/archive/tar_index.h"
#include "io/codec/codec.h"
#include "io/file/file.h"
#include "tests/support/pack.h"
#include "tests/support/tar_build.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

struct fixture {
    char path[64];
    struct buf tar, big;
};

static int setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->path, sizeof f->path, "/tmp/trawl-index-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < 700000; i++)
        buf_byte(&f->big, (uint8_t)(i * 7 + (i >> 9)));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    (void)unlink(f->path); /* a leftover in /tmp harms nobody */
    buf_release(&f->tar);
    buf_release(&f->big);
    mem_free(f);
    return 0;
}

static void write_file(const struct fixture *f, struct span bytes) {
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* What docker save of old looks like: a repeated layer is a symlink. */
static void docker_archive(struct buf *tar, struct span layer) {
    tar_build_file(tar, "manifest.json", "[{\"Layers\":[]}]");
    tar_build_folder(tar, "aa/");
    tar_build_bytes(tar, "aa/layer.tar", layer);
    tar_build_symlink(tar, "bb/layer.tar", "../aa/layer.tar");
    tar_build_symlink(tar, "cc/layer.tar", "/bb/layer.tar");
    tar_build_hard_link(tar, "dd/layer.tar", "aa/layer.tar");
    tar_build_symlink(tar, "out", "../../etc/passwd");
    tar_build_symlink(tar, "loop1", "loop2");
    tar_build_symlink(tar, "loop2", "loop1");
    tar_build_file(tar, "twice", "first");
    tar_build_file(tar, "twice", "second");
    tar_build_file(tar, "empty", "");
    tar_build_end(tar);
}

static struct tar_index *open_index(const struct fixture *f) {
    struct tar_index *index = NULL;
    struct err err = {0};
    if (tar_index_open(f->path, &index, &err) < 0)
        fail_msg("%s", err.text);
    return index;
}

static const struct tar_member *find(const struct tar_index *index, const char *path) {
    const struct tar_member *member = NULL;
    struct err err = {0};
    if (tar_index_find(index, span_text(path), &member, &err) < 0)
        fail_msg("%s", err.text);
    return member;
}

static void expect_find_error(const struct tar_index *index, const char *path, enum err_code code) {
    const struct tar_member *member = NULL;
    struct err err = {0};
    assert_int_equal(tar_index_find(index, span_text(path), &member, &err), -1);
    assert_int_equal(err.code, code);
    assert_null(member);
}

static void expect_bytes(const struct tar_index *index, const char *path, struct span bytes) {
    struct buf buf = {0};
    struct err err = {0};
    if (tar_index_read(index, find(index, path), &buf, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(span_equal(buf_span(&buf), bytes));
    buf_release(&buf);
}

static void check(struct fixture *f, const char *packing) {
    struct tar_index *index = open_index(f);
    struct span big = buf_span(&f->big);
    assert_string_equal(tar_index_packing(index), packing);
    assert_int_equal(tar_index_count(index), 12);
    assert_true(span_is(tar_index_get(index, 0)->path, "manifest.json"));
    expect_bytes(index, "manifest.json", span_text("[{\"Layers\":[]}]"));
    expect_bytes(index, "./aa//layer.tar", big);
    expect_bytes(index, "bb/layer.tar", big);
    expect_bytes(index, "cc/layer.tar", big);
    expect_bytes(index, "dd/layer.tar", big);
    expect_bytes(index, "twice", span_text("second"));
    expect_bytes(index, "empty", span_text(""));
    expect_find_error(index, "nothing", ERR_NOTFOUND);
    expect_find_error(index, "out", ERR_NOTFOUND); /* held inside: never the machine's own file */
    expect_find_error(index, "loop1", ERR_LIMIT);
    struct err err = {0};
    struct tar_stream *stream = NULL;
    assert_int_equal(tar_member_open(index, find(index, "aa"), &stream, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    struct buf small = {.size_max = big.size - 1};
    assert_int_equal(tar_index_read(index, find(index, "aa/layer.tar"), &small, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    small.size_max++;
    assert_int_equal(tar_index_read(index, find(index, "aa/layer.tar"), &small, &err), 0);
    buf_release(&small);
    tar_index_close(index);
}

static void plain(void **state) {
    struct fixture *f = *state;
    docker_archive(&f->tar, buf_span(&f->big));
    write_file(f, buf_span(&f->tar));
    check(f, "plain");
}

static void packed(void **state) {
    struct fixture *f = *state;
    struct buf out = {0};
    docker_archive(&f->tar, buf_span(&f->big));
    pack_gzip(&out, buf_span(&f->tar), NULL);
    write_file(f, buf_span(&out));
    check(f, "gzip");
    buf_reset(&out);
    pack_zstd(&out, buf_span(&f->tar), 0);
    write_file(f, buf_span(&out));
    check(f, "zstd");
    buf_release(&out);
}

struct reading {
    const struct tar_index *index;
    const struct tar_member *member;
    struct span expected;
    bool good;
};

static void *read_on_thread(void *argument) {
    struct reading *reading = argument;
    struct tar_stream *stream = NULL;
    struct span chunk;
    size_t at = 0;
    int result = tar_member_open(reading->index, reading->member, &stream, NULL);
    reading->good = result == 0;
    while (reading->good && (result = tar_member_read(stream, &chunk, NULL)) == 1) {
        reading->good = chunk.size > 0 && chunk.size <= CODEC_PIECE_BYTES &&
                        span_equal(chunk, span_slice(reading->expected, at, chunk.size));
        at += chunk.size;
    }
    reading->good = reading->good && result == 0 && at == reading->expected.size;
    tar_member_close(stream);
    return NULL;
}

static void several_threads_read(void **state) {
    struct fixture *f = *state;
    struct buf out = {0};
    docker_archive(&f->tar, buf_span(&f->big));
    pack_gzip(&out, buf_span(&f->tar), NULL);
    for (size_t k = 0; k < 2; k++) {
        write_file(f, buf_span(k == 0 ? &f->tar : &out));
        struct tar_index *index = open_index(f);
        pthread_t threads[4];
        struct reading readings[4];
        for (size_t i = 0; i < 4; i++) {
            readings[i] = (struct reading){index, find(index, "aa/layer.tar"), buf_span(&f->big), false};
            assert_int_equal(pthread_create(&threads[i], NULL, read_on_thread, &readings[i]), 0);
        }
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_true(readings[i].good);
        }
        tar_index_close(index);
    }
    buf_release(&out);
}

static void expect_open_error(const struct fixture *f, struct span bytes, enum err_code code, const char *text) {
    struct tar_index *index = NULL;
    struct err err = {0};
    write_file(f, bytes);
    assert_int_equal(tar_index_open(f->path, &index, &err), -1);
    assert_int_equal(err.code, code);
    assert_true(span_starts(span_text(err.text), f->path));
    if (span_find(span_text(err.text), span_text(text), 0) == SIZE_MAX)
        fail_msg("expected \"%s\" in \"%s\"", text, err.text);
}

static void should_fail_open(void **state) {
    struct fixture *f = *state;
    struct tar_index *index = NULL;
    struct err err = {0};
    assert_int_equal(tar_index_open("/nonexistent/archive.tar", &index, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    assert_int_equal(tar_index_open("/tmp", &index, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    docker_archive(&f->tar, buf_span(&f->big));
    expect_open_error(f, span_slice(buf_span(&f->tar), 0, 600000), ERR_FORMAT, "in the body of \"aa/layer.tar\"");
    expect_open_error(f, span_slice(buf_span(&f->tar), 0, 1300), ERR_FORMAT, "ends in the middle of a header");
    expect_open_error(f, buf_span(&f->big), ERR_FORMAT, "no tar header at offset 0");
    expect_open_error(f, span_text("BZh91AY&SY and so on"), ERR_UNSUPPORTED, "bzip2");
    struct buf out = {0};
    pack_gzip(&out, buf_span(&f->tar), NULL);
    expect_open_error(f, span_slice(buf_span(&out), 0, out.size - 1), ERR_FORMAT,
                      "gzip: ends in the middle of member 1");
    buf_release(&out);
}

/* A size field that says more than the file has costs nothing but the error. */
static void should_fail_size_beyond_the_file(void **state) {
    struct fixture *f = *state;
    tar_build_add(&f->tar, &(struct tar_build_entry){
                               .name = "huge", .size = (uint64_t)1 << 62, .size_set = true, .base256 = true});
    size_t before = mem_in_use();
    expect_open_error(f, buf_span(&f->tar), ERR_FORMAT, "4611686018427387904 bytes are missing");
    assert_int_equal(mem_in_use(), before);
}

static void empty_and_tiny(void **state) {
    struct fixture *f = *state;
    write_file(f, span_text(""));
    struct tar_index *index = open_index(f);
    assert_int_equal(tar_index_count(index), 0);
    assert_string_equal(tar_index_packing(index), "plain");
    expect_find_error(index, "x", ERR_NOTFOUND);
    tar_index_close(index);
    expect_open_error(f, span_text("tiny"), ERR_FORMAT, "no tar header at offset 0");
}

static void file_that_shrinks(void **state) {
    struct fixture *f = *state;
    docker_archive(&f->tar, buf_span(&f->big));
    write_file(f, buf_span(&f->tar));
    struct tar_index *index = open_index(f);
    assert_int_equal(truncate(f->path, 100000), 0);
    struct buf buf = {0};
    struct err err = {0};
    assert_int_equal(tar_index_read(index, find(index, "aa/layer.tar"), &buf, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    buf_release(&buf);
    tar_index_close(index);
}

static void sparse_members_are_listed_and_not_read(void **state) {
    struct fixture *f = *state;
    struct tar_build_extent extent = {0, 2};
    tar_build_sparse(&f->tar, "holes", (uint64_t)10 << 30, &extent, 1, span_text("ab"));
    tar_build_file(&f->tar, "after", "x");
    write_file(f, buf_span(&f->tar));
    struct tar_index *index = open_index(f);
    struct tar_stream *stream = NULL;
    struct err err = {0};
    assert_int_equal(find(index, "holes")->size, (uint64_t)10 << 30);
    assert_int_equal(tar_member_open(index, find(index, "holes"), &stream, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    expect_bytes(index, "after", span_text("x"));
    tar_index_close(index);
}

static void out_of_memory(void **state) {
    struct fixture *f = *state;
    struct buf out = {0};
    docker_archive(&f->tar, span_text("layer"));
    pack_gzip(&out, buf_span(&f->tar), NULL);
    write_file(f, buf_span(&out));
    size_t before = mem_in_use();
    bool whole = false;
    for (uint64_t n = 1; !whole; n++) {
        struct tar_index *index = NULL;
        struct err err = {0};
        mem_fail_after(n, false);
        whole = tar_index_open(f->path, &index, &err) == 0;
        mem_fail_after(0, false);
        assert_true(whole || err.code == ERR_NOMEM || err.code == ERR_LIMIT);
        assert_true(n < 200);
        tar_index_close(index);
    }
    assert_int_equal(mem_in_use(), before);
    buf_release(&out);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(plain),
        TEST(packed),
        TEST(several_threads_read),
        TEST(should_fail_open),
        TEST(should_fail_size_beyond_the_file),
        TEST(empty_and_tiny),
        TEST(file_that_shrinks),
        TEST(sparse_members_are_listed_and_not_read),
        TEST(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
