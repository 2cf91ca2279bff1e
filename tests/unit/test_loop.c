/* The event loop: one suite over the three back-ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "io/loop/loop.h"

static enum loop_kind kind;

struct fixture {
    struct loop *loop;
    int pair[2]; /* connected sockets */
    char log[128];
    uint64_t handle;
    unsigned count;
    ssize_t result;
};

static int begin(void **state) {
    static struct fixture f;
    struct err err = {0};
    f = (struct fixture){.result = -1000};
    if (loop_open(kind, &f.loop, &err) < 0) {
        print_message("SKIP %s: %s\n", loop_kind_name(kind), err.text);
        return -1;
    }
    assert_int_equal(loop_kind_of(f.loop), kind);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f.pair), 0);
    *state = &f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    loop_close(f->loop);
    (void)close(f->pair[0]);
    (void)close(f->pair[1]);
    return 0;
}

/* Turns until the count is reached or two seconds have passed. */
static void turn_until(struct fixture *f, unsigned count) {
    struct err err = {0};
    uint64_t end_ns = clock_ns() + 2000000000U;
    while (f->count < count && clock_ns() < end_ns)
        assert_int_equal(loop_turn(f->loop, 100, &err), 0);
    assert_int_equal(f->count, count);
}

struct named {
    struct fixture *f;
    char name;
};

static void on_named(void *context) {
    struct named *named = context;
    size_t size = strlen(named->f->log);
    named->f->log[size] = named->name;
    named->f->log[size + 1] = '\0';
    named->f->count++;
}

static void timers(void **state) {
    struct fixture *f = *state;
    struct named names[] = {{f, 'c'}, {f, 'a'}, {f, 'b'}, {f, 'x'}, {f, 'd'}};
    (void)loop_timer(f->loop, 30, on_named, &names[0]);
    (void)loop_timer(f->loop, 0, on_named, &names[1]);
    (void)loop_timer(f->loop, 10, on_named, &names[2]);
    uint64_t canceled = loop_timer(f->loop, 20, on_named, &names[3]);
    (void)loop_timer(f->loop, 40, on_named, &names[4]);
    loop_cancel(f->loop, canceled);
    loop_cancel(f->loop, canceled); /* of things past: harmless */
    uint64_t begin_ns = clock_ns();
    turn_until(f, 4);
    assert_string_equal(f->log, "abcd");
    assert_true(clock_ns() - begin_ns >= 40000000U);
}

static void on_count(void *context) {
    ((struct fixture *)context)->count++;
}

static void many_timers(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < 10000; i++)
        assert_true(loop_timer(f->loop, (i * 7919) % 50, on_count, f) != 0);
    turn_until(f, 10000);
    assert_int_equal(loop_count(f->loop), 0);
}

/* Takes two bytes of what is there: level semantics bring it back for the others. */
static void on_readable(void *context, int fd, unsigned events) {
    struct fixture *f = context;
    char bytes[2];
    assert_true((events & LOOP_IN) != 0);
    assert_int_equal(read(fd, bytes, sizeof bytes), 2);
    f->count++;
}

static void level_semantics(void **state) {
    struct fixture *f = *state;
    f->handle = loop_watch(f->loop, f->pair[0], LOOP_IN, on_readable, f);
    assert_true(f->handle != 0);
    assert_int_equal(write(f->pair[1], "0123456789", 10), 10);
    turn_until(f, 5);
    struct err err = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    assert_int_equal(f->count, 5); /* nothing left, nothing told */
    assert_int_equal(write(f->pair[1], "ab", 2), 2);
    turn_until(f, 6);
    loop_watch_change(f->loop, f->handle, 0);
    assert_int_equal(write(f->pair[1], "cd", 2), 2);
    assert_int_equal(loop_turn(f->loop, 10, &err), 0);
    assert_int_equal(f->count, 6); /* silenced */
    loop_watch_change(f->loop, f->handle, LOOP_IN);
    turn_until(f, 7);
    loop_cancel(f->loop, f->handle);
}

static void on_cancel_self(void *context, int fd, unsigned events) {
    struct fixture *f = context;
    (void)fd;
    (void)events;
    f->count++;
    loop_cancel(f->loop, f->handle);
}

static void cancel_inside(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    f->handle = loop_watch(f->loop, f->pair[0], LOOP_IN | LOOP_OUT, on_cancel_self, f);
    turn_until(f, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    assert_int_equal(f->count, 1);
}

static void reused_descriptor(void **state) {
    struct fixture *f = *state;
    int first[2], second[2];
    struct err err = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, first), 0);
    uint64_t old = loop_watch(f->loop, first[0], LOOP_IN, on_cancel_self, f);
    assert_int_equal(loop_turn(f->loop, 0, &err), 0);
    loop_cancel(f->loop, old);
    (void)close(first[0]);
    (void)close(first[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, second), 0);
    assert_int_equal(second[0], first[0]);
    f->handle = loop_watch(f->loop, second[0], LOOP_IN, on_readable, f);
    assert_int_equal(write(second[1], "ab", 2), 2);
    turn_until(f, 1);
    loop_cancel(f->loop, f->handle);
    (void)close(second[0]);
    (void)close(second[1]);
}

static void on_hang_up(void *context, int fd, unsigned events) {
    struct fixture *f = context;
    (void)fd;
    assert_true((events & (LOOP_IN | LOOP_HUP)) != 0);
    f->count++;
    loop_cancel(f->loop, f->handle);
}

static void hang_up(void **state) {
    struct fixture *f = *state;
    f->handle = loop_watch(f->loop, f->pair[0], LOOP_IN, on_hang_up, f);
    (void)shutdown(f->pair[1], SHUT_RDWR);
    turn_until(f, 1);
}

static void on_transfer(void *context, ssize_t result) {
    struct fixture *f = context;
    f->result = result;
    f->count++;
}

static void file_transfers(void **state) {
    struct fixture *f = *state;
    char path[] = "/tmp/trawl-loop-XXXXXX", bytes[16] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(loop_write(f->loop, fd, "0123456789", 10, 0, on_transfer, f) != 0);
    turn_until(f, 1);
    assert_int_equal(f->result, 10);
    assert_true(loop_read(f->loop, fd, bytes, 4, 3, on_transfer, f) != 0);
    turn_until(f, 2);
    assert_int_equal(f->result, 4);
    assert_memory_equal(bytes, "3456", 4);
    (void)loop_read(f->loop, fd, bytes, 16, 8, on_transfer, f); /* past the end */
    turn_until(f, 3);
    assert_int_equal(f->result, 2);
    (void)loop_read(f->loop, fd, bytes, 16, 10, on_transfer, f);
    turn_until(f, 4);
    assert_int_equal(f->result, 0);
    (void)close(fd);
    (void)unlink(path);
    (void)loop_read(f->loop, fd, bytes, 16, 0, on_transfer, f); /* a closed descriptor */
    turn_until(f, 5);
    assert_int_equal(f->result, -EBADF);
}

static void close_in_flight(void **state) {
    struct fixture *f = *state;
    static char bytes[16];
    if (kind == LOOP_SYNC)
        return; /* plain calls are never in flight */
    (void)loop_read(f->loop, f->pair[0], bytes, sizeof bytes, LOOP_STREAM, on_transfer, f);
    struct err err = {0};
    assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    assert_int_equal(f->count, 0);
    loop_close(f->loop);
    assert_int_equal(f->count, 1); /* every transfer is completed */
    assert_int_equal(f->result, -ECANCELED);
    f->loop = NULL;
}

static void *wake_later(void *context) {
    struct fixture *f = context;
    for (int i = 0; i < 100; i++)
        loop_wake(f->loop);
    return NULL;
}

static void on_wake(void *context) {
    struct fixture *f = context;
    f->count = 1; /* any number of wakes may be one call */
}

static void wake_from_a_thread(void **state) {
    struct fixture *f = *state;
    pthread_t thread;
    loop_on_wake(f->loop, on_wake, f);
    assert_int_equal(pthread_create(&thread, NULL, wake_later, f), 0);
    turn_until(f, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *stop_later(void *context) {
    struct fixture *f = context;
    loop_stop(f->loop);
    return NULL;
}

static void stop_from_a_thread(void **state) {
    struct fixture *f = *state;
    pthread_t thread;
    struct err err = {0};
    assert_int_equal(pthread_create(&thread, NULL, stop_later, f), 0);
    assert_int_equal(loop_run(f->loop, &err), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void names(void **state) {
    (void)state;
    enum loop_kind found;
    struct err err = {0};
    assert_int_equal(loop_kind_parse(span_text("epoll"), &found, &err), 0);
    assert_int_equal(found, LOOP_EPOLL);
    assert_int_equal(loop_kind_parse(span_text("fast"), &found, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.text, "fast"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(timers),    TEST(many_timers),    TEST(level_semantics), TEST(cancel_inside),      TEST(reused_descriptor),
        TEST(hang_up),   TEST(file_transfers), TEST(close_in_flight), TEST(wake_from_a_thread), TEST(stop_from_a_thread),
        cmocka_unit_test(names),
    };
    int failed = 0;
    for (kind = LOOP_URING; kind <= LOOP_SYNC; kind++) {
        struct loop *loop = NULL;
        struct err err = {0};
        if (loop_open(kind, &loop, &err) < 0) { /* some sandboxes refuse rings: the others are tested all the same */
            (void)printf("SKIP %s: %s\n", loop_kind_name(kind), err.text);
            continue;
        }
        loop_close(loop);
        failed += cmocka_run_group_tests_name(loop_kind_name(kind), tests, NULL, NULL);
    }
    return failed;
}
