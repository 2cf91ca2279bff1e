/* Temporary files without a name, and archives that come through a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "io/archive/tar_index.h"
#include "io/file/file.h"
#include "io/file/spool.h"
#include "tests/support/pack.h"
#include "tests/support/tar_build.h"

static void nameless_and_bounded(void **state) {
    struct spool spool;
    struct err err = {0};
    struct stat status;
    char back[8] = "";
    (void)state;
    assert_int_equal(spool_open(&spool, &err), 0);
    assert_int_equal(fstat(spool.fd, &status), 0);
    assert_int_equal(status.st_nlink, 0); /* nothing to find, whatever becomes of the process */
    assert_true(spool.size_max > 0 && spool.size_max <= LIMIT_SPOOL_BYTES);
    spool.size_max = 6;
    assert_int_equal(spool_add(&spool, span_text("abc"), &err), 0);
    assert_int_equal(spool_add(&spool, span_text("def"), &err), 0);
    assert_int_equal(spool_add(&spool, span_text("g"), &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(spool.size, 6);
    assert_int_equal(pread(spool.fd, back, sizeof back - 1, 0), 6);
    assert_string_equal(back, "abcdef");
    spool_close(&spool);
    assert_int_equal(spool.fd, -1);
    spool_close(&spool);
}

struct writing {
    int fd;
    struct span bytes;
};

static void *write_on_thread(void *argument) {
    const struct writing *writing = argument;
    struct err err = {0};
    (void)file_write_all(writing->fd, writing->bytes, "pipe", &err);
    (void)close(writing->fd);
    return NULL;
}

/* Two members, the second one asked for first: through a pipe, and from a file that is standard input. */
static void expect_archive(struct span bytes, const char *packing) {
    for (unsigned from_file = 0; from_file < 2; from_file++) {
        int ends[2];
        pthread_t thread;
        struct writing writing = {.bytes = bytes};
        struct tar_index *index = NULL;
        struct err err = {0};
        if (from_file) {
            struct spool file;
            assert_int_equal(spool_open(&file, &err), 0);
            assert_int_equal(spool_add(&file, bytes, &err), 0);
            assert_int_equal(lseek(file.fd, 0, SEEK_SET), 0);
            ends[0] = file.fd;
        } else {
            assert_int_equal(pipe(ends), 0);
            writing.fd = ends[1];
            assert_int_equal(pthread_create(&thread, NULL, write_on_thread, &writing), 0);
        }
        if (tar_index_open_fd(ends[0], "standard input", &index, &err) < 0)
            fail_msg("%s", err.text);
        if (!from_file)
            assert_int_equal(pthread_join(thread, NULL), 0);
        (void)close(ends[0]);
        assert_string_equal(tar_index_packing(index), packing);
        static const char *const names[] = {"second", "first"};
        for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
            const struct tar_member *member;
            struct buf body = {0};
            assert_int_equal(tar_index_find(index, span_text(names[i]), &member, &err), 0);
            assert_int_equal(tar_index_read(index, member, &body, &err), 0);
            assert_true(span_is(buf_span(&body), names[i]));
            buf_release(&body);
        }
        tar_index_close(index);
    }
}

static void archives(void **state) {
    struct buf tar = {0}, packed = {0};
    (void)state;
    tar_build_file(&tar, "first", "first");
    tar_build_file(&tar, "second", "second");
    tar_build_end(&tar);
    pack_gzip(&packed, buf_span(&tar), NULL);
    expect_archive(buf_span(&tar), "plain");
    expect_archive(buf_span(&packed), "gzip");
    buf_release(&tar);
    buf_release(&packed);
}

static void not_an_archive(void **state) {
    int ends[2];
    struct tar_index *index = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "no archive", 10), 10);
    (void)close(ends[1]);
    assert_int_equal(tar_index_open_fd(ends[0], "standard input", &index, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    assert_true(span_starts(span_text(err.text), "standard input: "));
    (void)close(ends[0]);
    assert_int_equal(tar_index_open_fd(ends[0], "standard input", &index, &err),
                     -1); /* closed: as some daemons start */
    assert_int_equal(err.code, ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nameless_and_bounded), cmocka_unit_test(archives),
                                       cmocka_unit_test(not_an_archive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
