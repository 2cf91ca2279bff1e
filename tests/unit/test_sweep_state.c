/* What an unfinished sweep leaves in its folder: read back whole, and refused where a byte of it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "engine/cli/sweep_state.h"
#include "io/file/file.h"

#define TEMPLATE "/tmp/trawl-state-XXXXXX"

struct fixture {
    char folder[sizeof TEMPLATE];
    char path[64];
    struct arena arena;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    memcpy(fixture->folder, TEMPLATE, sizeof TEMPLATE);
    arena_init(&fixture->arena, 0, 0);
    if (mkdtemp(fixture->folder) == NULL)
        return -1;
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/" SWEEP_STATE_NAME, fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    (void)rmdir(fixture->folder);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static void write_one(const struct fixture *fixture) {
    struct err err = {0};
    const struct span targets[] = {span_text("registry://r.example"), span_text("oci:/a b"), span_text("")};
    const struct sweep_state saved = {.sweep_id = span_text("20240501T000000Z-1"),
                                      .started_at = 1714521600,
                                      .conditions = {1, 2},
                                      .cache = span_text("/cache"),
                                      .targets = targets,
                                      .target_count = 3,
                                      .plan = span_make("\0\1\2", 3)};
    assert_int_equal(sweep_state_write(fixture->folder, &saved, &err), 0);
}

static void round_trip(void **state) {
    struct fixture *fixture = *state;
    struct sweep_state back;
    struct err err = {0};
    write_one(fixture);
    write_one(fixture); /* in the other's place */
    assert_int_equal(sweep_state_read(&fixture->arena, fixture->folder, &back, &err), 0);
    assert_true(span_is(back.sweep_id, "20240501T000000Z-1") && span_is(back.cache, "/cache"));
    assert_int_equal(back.started_at, 1714521600);
    assert_true(hash128_equal(back.conditions, (struct hash128){1, 2}));
    assert_int_equal(back.target_count, 3);
    assert_true(span_is(back.targets[1], "oci:/a b") && back.targets[2].size == 0);
    assert_true(span_equal(back.plan, span_make("\0\1\2", 3)));
}

static void absent(void **state) {
    struct fixture *fixture = *state;
    struct sweep_state back;
    struct err err = {0};
    assert_int_equal(sweep_state_read(&fixture->arena, fixture->folder, &back, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    write_one(fixture);
    char left_over[80], other[80];
    (void)snprintf(left_over, sizeof left_over, "%s.4711.tmp", fixture->path);
    (void)snprintf(other, sizeof other, "%s.txt", fixture->path);
    assert_int_equal(file_replace(left_over, span_text("half"), &err), 0);
    assert_int_equal(file_replace(other, span_text("somebody's"), &err), 0);
    sweep_state_remove(fixture->folder);
    assert_int_not_equal(access(left_over, F_OK), 0);
    assert_int_equal(unlink(other), 0); /* is still there */
    err = (struct err){0};
    assert_int_equal(sweep_state_read(&fixture->arena, fixture->folder, &back, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    sweep_state_remove(fixture->folder); /* harmless */
}

static void damaged(void **state) {
    struct fixture *fixture = *state;
    struct buf file;
    struct err err = {0};
    buf_init(&file, 0);
    write_one(fixture);
    assert_int_equal(file_read(fixture->path, &file, &err), 0);
    assert_true(file.size > 100);
    for (size_t i = 0; i < 2 * file.size; i++) {
        struct sweep_state back;
        size_t at = i / 2, size = i % 2 == 0 ? at : file.size; /* cut off there, or another byte there */
        err = (struct err){0};
        file.data[at] ^= 0x20;
        assert_int_equal(file_replace(fixture->path, span_make(file.data, size), &err), 0);
        assert_int_equal(sweep_state_read(&fixture->arena, fixture->folder, &back, &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
        file.data[at] ^= 0x20;
    }
    buf_release(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
