/* The event loop: one suite over the three back-ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/wait.h>

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

static void on_count(void *context) { ((struct fixture *)context)->count++; }

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

static void on_canceled(void *context, ssize_t result) {
    assert_int_equal(result, -ECANCELED);
    ((struct fixture *)context)->count++;
    assert_true(loop_count(((struct fixture *)context)->loop) < 2000);
}

static void on_never(void *context) {
    (void)context;
    fail_msg("a timer that must not run");
}

static void on_never_watch(void *context, int fd, unsigned events) {
    (void)context;
    fail_msg("a watch that must not speak: descriptor %d, events %u", fd, events);
}

static void on_error(void *context, int fd, unsigned events) {
    struct fixture *f = context;
    (void)fd;
    assert_true((events & LOOP_ERR) != 0);
    f->count++;
    loop_cancel(f->loop, f->handle);
}

static void close_in_flight(void **state) {
    struct fixture *f = *state;
    static char bytes[16];
    struct err err = {0};
    for (int i = 0; i < 2000; i++) { /* more than one turn's worth of completions */
        assert_true(loop_read(f->loop, f->pair[0], bytes, sizeof bytes, LOOP_STREAM, on_canceled, f) != 0);
        if (i == 1900)
            assert_int_equal(loop_turn(f->loop, 1, &err), 0); /* the others are asked for only */
    }
    (void)loop_timer(f->loop, 0, on_never, f);
    assert_true(loop_watch(f->loop, f->pair[1], LOOP_OUT, on_never_watch, f) != 0);
    assert_int_equal(f->count, 0);
    loop_close(f->loop);
    assert_int_equal(f->count, 2000); /* every transfer is completed, watches and timers are forgotten */
    f->loop = NULL;
}

static void canceled_transfers(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    char bytes[4];
    uint64_t early = loop_read(f->loop, f->pair[0], bytes, sizeof bytes, LOOP_STREAM, on_canceled, f);
    loop_cancel(f->loop, early); /* never saw a turn */
    loop_cancel(f->loop, early);
    assert_int_equal(f->count, 0);
    turn_until(f, 1);
    uint64_t waiting = loop_read(f->loop, f->pair[0], bytes, sizeof bytes, LOOP_STREAM, on_canceled, f);
    assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    loop_cancel(f->loop, waiting);
    assert_int_equal(f->count, 1);
    turn_until(f, 2);
    assert_int_equal(write(f->pair[1], "ab", 2), 2); /* nobody takes it from the next one */
    (void)loop_read(f->loop, f->pair[0], bytes, sizeof bytes, LOOP_STREAM, on_transfer, f);
    turn_until(f, 3);
    assert_int_equal(f->result, 2);
    assert_int_equal(loop_count(f->loop), 0);
}

/* Pipes that block: a loop that calls read(2) on one that another reader has just emptied would never come back. */
static void pipes(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    int ends[2];
    static char first[64], second[64], much[100000];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(loop_read(f->loop, ends[0], first, sizeof first, LOOP_STREAM, on_transfer, f) != 0);
    assert_true(loop_read(f->loop, ends[0], second, sizeof second, LOOP_STREAM, on_transfer, f) != 0);
    assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    turn_until(f, 1);
    assert_int_equal(f->result, 3);
    assert_int_equal(loop_turn(f->loop, 5, &err), 0);
    assert_int_equal(f->count, 1);
    assert_int_equal(write(ends[1], "de", 2), 2);
    turn_until(f, 2);
    assert_int_equal(f->result, 2);
    (void)loop_write(f->loop, ends[1], much, sizeof much, LOOP_STREAM, on_transfer, f); /* more than fits */
    uint64_t got = 0;
    for (int i = 0; i < 100 && f->count < 3; i++) {
        ssize_t piece =
            poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, 0) == 1 ? read(ends[0], much, sizeof much) : 0;
        got += (uint64_t)piece;
        assert_int_equal(loop_turn(f->loop, 10, &err), 0);
    }
    assert_int_equal(f->count, 3);
    assert_true(f->result > 0 && (uint64_t)f->result >= got);
    (void)close(ends[1]);
    (void)loop_read(f->loop, ends[0], much, sizeof much, LOOP_STREAM, on_transfer, f);
    turn_until(f, 4);
    if ((uint64_t)f->result > 0) { /* what the write left behind; then the end */
        assert_int_equal(got + (uint64_t)f->result, f->result);
        (void)loop_read(f->loop, ends[0], much, sizeof much, LOOP_STREAM, on_transfer, f);
        turn_until(f, 5);
    }
    assert_int_equal(f->result, 0);
    (void)close(ends[0]);
}

static void nonblocking_transfers(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    char bytes[4];
    assert_int_equal(fcntl(f->pair[0], F_SETFL, O_NONBLOCK), 0);
    (void)loop_read(f->loop, f->pair[0], bytes, sizeof bytes, LOOP_STREAM, on_transfer, f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    assert_int_equal(f->count, 0); /* EAGAIN is not an answer */
    assert_int_equal(write(f->pair[1], "abcdef", 6), 6);
    turn_until(f, 1);
    assert_int_equal(f->result, 4);
    uint64_t handle = loop_watch(f->loop, f->pair[0], LOOP_IN, on_readable, f); /* a watch and a transfer at once */
    turn_until(f, 2);
    (void)loop_read(f->loop, f->pair[0], bytes, sizeof bytes, LOOP_STREAM, on_canceled, f);
    assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    loop_cancel(f->loop, handle);
}

static void wrong_descriptors(void **state) {
    struct fixture *f = *state;
    char bytes[4];
    int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_true(directory >= 0 && zero >= 0);
    (void)loop_read(f->loop, -1, bytes, sizeof bytes, 0, on_transfer, f);
    turn_until(f, 1);
    assert_int_equal(f->result, -EBADF);
    (void)loop_read(f->loop, directory, bytes, sizeof bytes, 0, on_transfer, f);
    turn_until(f, 2);
    assert_int_equal(f->result, -EISDIR);
    (void)loop_write(f->loop, zero, "abc", 3, LOOP_STREAM, on_transfer, f); /* open for reading only */
    turn_until(f, 3);
    assert_int_equal(f->result, -EBADF);
    (void)loop_read(f->loop, zero, bytes, sizeof bytes, LOOP_STREAM, on_transfer, f);
    turn_until(f, 4);
    assert_int_equal(f->result, 4);
    (void)close(directory);
    (void)close(zero);
    f->handle = loop_watch(f->loop, zero, LOOP_IN, on_error, f); /* closed */
    turn_until(f, 5);
    assert_int_equal(loop_count(f->loop), 0);
}

/* A file is always ready, and a silenced watch tells nothing. */
static void watched_file(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    char path[] = "/tmp/trawl-loop-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    f->handle = loop_watch(f->loop, fd, LOOP_IN | LOOP_OUT, on_cancel_self, f);
    turn_until(f, 1);
    f->handle = loop_watch(f->loop, fd, LOOP_IN, on_cancel_self, f);
    loop_watch_change(f->loop, f->handle, 0);
    assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    assert_int_equal(f->count, 1);
    loop_cancel(f->loop, f->handle);
    (void)close(fd);
    (void)unlink(path);
}

/* Everything may be asked for inside of callbacks; a timer that asks for itself again does not starve the others. */
static void on_again(void *context) {
    struct fixture *f = context;
    f->count++;
    if (f->count < 1000)
        assert_true(loop_timer(f->loop, 0, on_again, f) != 0);
}

static void timers_that_ask_again(void **state) {
    struct fixture *f = *state;
    (void)loop_timer(f->loop, 0, on_again, f);
    turn_until(f, 1000);
    struct named names[] = {{f, '0'}, {f, '1'}, {f, '2'}, {f, '3'}, {f, '4'}, {f, '5'}};
    uint64_t begin_ns = clock_ns();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        (void)loop_timer(f->loop, 5, on_named, &names[i]);
    turn_until(f, 1006);
    assert_string_equal(f->log, "012345");
    assert_true(clock_ns() - begin_ns >= 5000000U);
    uint64_t never = loop_timer(f->loop, UINT64_MAX, on_never, f);
    struct err err = {0};
    assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    loop_cancel(f->loop, never);
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

/* In a child whose seccomp filter refuses rings, as container runtimes do. */
static int refused_child(int sys) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    struct loop *loop = NULL;
    struct err err = {0};
    if (filter == NULL || seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)sys), SCMP_SYS(io_uring_setup), 0) < 0 ||
        seccomp_load(filter) < 0)
        return 77;
    seccomp_release(filter);
    if (loop_open(LOOP_URING, &loop, &err) == 0)
        return 1;
    if (err.code != ERR_UNSUPPORTED || err.sys != sys || strstr(err.text, "--io=epoll") == NULL)
        return 2;
    if (loop_open(LOOP_AUTO, &loop, &err) < 0 || loop_kind_of(loop) != LOOP_EPOLL)
        return 3;
    const char *text = loop_refusal(loop);
    bool told = strstr(text, sys == EPERM ? "EPERM" : "ENOSYS") != NULL && strstr(text, "using epoll") != NULL &&
                strchr(text, '\n') == NULL;
    struct fixture f = {.loop = loop};
    (void)loop_timer(loop, 0, on_count, &f);
    bool runs = loop_turn(loop, 1000, &err) == 0 && f.count == 1;
    loop_close(loop);
    return !told ? 4 : !runs ? 5 : 0;
}

static void refused(void **state) {
    (void)state;
    static const int codes[] = {EPERM, ENOSYS};
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(refused_child(codes[i]));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
            skip(); /* no filters here */
        assert_int_equal(WEXITSTATUS(status), 0);
    }
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
        TEST(timers),
        TEST(many_timers),
        TEST(timers_that_ask_again),
        TEST(level_semantics),
        TEST(cancel_inside),
        TEST(reused_descriptor),
        TEST(hang_up),
        TEST(watched_file),
        TEST(file_transfers),
        TEST(pipes),
        TEST(nonblocking_transfers),
        TEST(canceled_transfers),
        TEST(wrong_descriptors),
        TEST(close_in_flight),
        TEST(wake_from_a_thread),
        TEST(stop_from_a_thread),
        cmocka_unit_test(names),
    };
    const struct CMUnitTest alone[] = {cmocka_unit_test(refused)};
    int failed = cmocka_run_group_tests_name("refused", alone, NULL, NULL);
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
