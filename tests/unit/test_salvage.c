#include <fcntl.h>

#include "base/buf.h"
#include "shard/shard_frame.h"
#include "shard/shard_salvage.h"
#include "tests/support/row_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { FRAMES = 8, FRAME_ROWS = 40, PLACES = 1000 };

struct file {
    struct buf bytes;
    size_t ends[FRAMES];
};

/* Frames of rows, each known by its number in `fingerprint`. */
static void file_make(struct file *file) {
    struct err err;
    AUTO(row_release) struct row row;
    AUTO_BUF struct buf rows = {0};
    *file = (struct file){0};
    row_init(&row);
    for (size_t frame = 0; frame < FRAMES; frame++) {
        buf_reset(&rows);
        for (size_t i = 0; i < FRAME_ROWS; i++) {
            support_row(&row, TABLE_SECRET, frame * FRAME_ROWS + i, 1000);
            buf_add(&rows, buf_span(&row.bytes));
        }
        assert_int_equal(frame_encode(&file->bytes, buf_span(&rows), &err), 0);
        file->ends[frame] = file->bytes.size;
    }
}

static void file_write(const char *path, struct span bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.data, bytes.size), bytes.size);
    assert_int_equal(close(fd), 0);
}

/* Every row that comes out is one that went in, in order, and those of frame `lost` alone are missing (SIZE_MAX: none).
 */
static void rows_check(struct shard_salvage *salvage, size_t lost) {
    struct err err;
    struct row_view view;
    AUTO(row_release) struct row row;
    row_init(&row);
    for (size_t number = 0; number < FRAMES * FRAME_ROWS; number++) {
        if (number / FRAME_ROWS == lost)
            continue;
        support_row(&row, TABLE_SECRET, number, 1000);
        assert_int_equal(shard_salvage_next(salvage, &view, &err), 1);
        assert_true(span_equal(view.bytes, buf_span(&row.bytes)));
    }
    assert_int_equal(shard_salvage_next(salvage, &view, &err), 0);
}

static void path_make(char path[64]) {
    (void)snprintf(path, 64, "%s/trawl-salvage-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

/* One bit anywhere costs its frame and no other, and the loss says where. */
static void test_a_flipped_bit(void **state) {
    (void)state;
    struct file file;
    char path[64];
    file_make(&file);
    path_make(path);
    uint64_t random = 1;
    for (size_t place = 0; place < PLACES; place++) {
        struct err err;
        AUTO_SHARD_SALVAGE struct shard_salvage *salvage = NULL;
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t at = (size_t)(random >> 16) % file.bytes.size, frame = 0, count;
        uint8_t bit = (uint8_t)(1U << (random >> 61));
        while (file.ends[frame] <= at)
            frame++;
        file.bytes.data[at] ^= bit;
        file_write(path, buf_span(&file.bytes));
        file.bytes.data[at] ^= bit;
        assert_int_equal(shard_salvage_open(path, TABLE_SECRET, &salvage, &err), 0);
        rows_check(salvage, frame);
        const struct shard_loss *losses = shard_salvage_losses(salvage, &count);
        assert_int_equal(count, 1);
        assert_int_equal(losses[0].begin, frame == 0 ? 0 : file.ends[frame - 1]);
        assert_int_equal(losses[0].end, file.ends[frame]);
        assert_true(losses[0].why.code != ERR_NONE);
    }
    (void)unlink(path);
    buf_release(&file.bytes);
}

/* A file cut anywhere keeps all frames before; one that begins with garbage keeps all behind. */
static void test_cut_and_garbage(void **state) {
    (void)state;
    struct file file;
    char path[64];
    size_t count;
    struct err err;
    struct row_view view;
    file_make(&file);
    path_make(path);
    for (size_t size = 0; size < file.bytes.size; size += 37) {
        AUTO_SHARD_SALVAGE struct shard_salvage *salvage = NULL;
        size_t whole = 0, rows = 0;
        while (whole < FRAMES && file.ends[whole] <= size)
            whole++;
        file_write(path, span_make(file.bytes.data, size));
        assert_int_equal(shard_salvage_open(path, TABLE_SECRET, &salvage, &err), 0);
        while (shard_salvage_next(salvage, &view, &err) > 0)
            rows++;
        (void)shard_salvage_losses(salvage, &count);
        assert_int_equal(rows, whole * FRAME_ROWS);
        assert_int_equal(count, size == (whole == 0 ? 0 : file.ends[whole - 1]) ? 0 : 1);
    }
    AUTO_BUF struct buf garbage = {0};
    for (size_t i = 0; i < 100000; i++)
        buf_byte(&garbage, (uint8_t)(i * 7));
    buf_add(&garbage, buf_span(&file.bytes));
    file_write(path, buf_span(&garbage));
    AUTO_SHARD_SALVAGE struct shard_salvage *salvage = NULL;
    assert_int_equal(shard_salvage_open(path, TABLE_SECRET, &salvage, &err), 0);
    rows_check(salvage, SIZE_MAX);
    const struct shard_loss *losses = shard_salvage_losses(salvage, &count);
    assert_int_equal(count, 1);
    assert_int_equal(losses[0].begin, 0);
    assert_int_equal(losses[0].end, 100000);
    (void)unlink(path);
    buf_release(&file.bytes);
}

/* Sound frames of another table are no rows of this one. */
static void test_another_table(void **state) {
    (void)state;
    struct file file;
    char path[64];
    size_t count;
    struct err err;
    struct row_view view;
    file_make(&file);
    path_make(path);
    file_write(path, buf_span(&file.bytes));
    AUTO_SHARD_SALVAGE struct shard_salvage *salvage = NULL;
    assert_int_equal(shard_salvage_open(path, TABLE_PACKAGE, &salvage, &err), 0);
    assert_int_equal(shard_salvage_next(salvage, &view, &err), 0);
    (void)shard_salvage_losses(salvage, &count);
    assert_int_equal(count, 1);
    (void)unlink(path);
    assert_int_equal(shard_salvage_open(path, TABLE_PACKAGE, &salvage, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    buf_release(&file.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flipped_bit),
        cmocka_unit_test(test_cut_and_garbage),
        cmocka_unit_test(test_another_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
