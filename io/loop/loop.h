/* One event loop: sockets, timers, file I/O and wake-ups, over io_uring, epoll or plain blocking calls.
 *
 * A loop belongs to the thread that opened it: everything here is called in that thread, but loop_wake() and
 * loop_stop(), which any thread may call. Callbacks run in that thread, never inside the call that asked for them; they
 * must not block and must not call loop_close(), loop_turn() or loop_run(). They may call everything else, also for
 * themselves.
 *
 * What was asked for is named by a handle: index and generation in 64 bits, never 0, never reused. A handle whose
 * object is gone is harmless. 0 from a function that returns a handle means that memory is short (ERR_NOMEM to the
 * caller). */
#ifndef TRAWL_LOOP_H
#define TRAWL_LOOP_H

#include "base/err.h"
#include "base/span.h"

enum loop_kind { LOOP_AUTO, LOOP_URING, LOOP_EPOLL, LOOP_SYNC, LOOP_KIND_COUNT };

struct loop;

/* "auto", "uring", "epoll", "sync"; USAGE for anything else. */
int loop_kind_parse(struct span text, enum loop_kind *ret_kind, struct err *err);
const char *loop_kind_name(enum loop_kind kind);

/* LOOP_AUTO takes io_uring where this machine lets us, else epoll. A back-end that was named and cannot be had is
 * UNSUPPORTED; also NOMEM, IO. `auto` and `uring` try to set up a ring: under a policy that kills for that, name
 * another. */
int loop_open(enum loop_kind kind, struct loop **ret_loop, struct err *err);

/* Cancels what is in flight and waits for it: every loop_read() and loop_write() still gets its completion here,
 * watches and timers are forgotten. An operation that the kernel does not give back within 10 s (a dead network file
 * system) is abandoned without its completion: its buffer must then never be freed. NULL is accepted. */
void loop_close(struct loop *loop);

/* The back-end that runs, never LOOP_AUTO. */
enum loop_kind loop_kind_of(const struct loop *loop);

/* Why `auto` did not take io_uring, with what to do, as one line for the log; "" when it did or was not asked. */
const char *loop_refusal(const struct loop *loop);

/* Watches. */
enum {
    LOOP_IN = 1,  /* a read would not block; also at the peer's end */
    LOOP_OUT = 2, /* a write would not block */
    LOOP_ERR = 4, /* an error is pending, or the descriptor cannot be watched; never asked for, always told */
    LOOP_HUP = 8, /* the other end is gone; never asked for, always told */
};
typedef void (*loop_watch_fn)(void *context, int fd, unsigned events);

/* Calls `fn` in every turn in which one of `events` holds: level semantics, so a reader may leave bytes for the next
 * turn. One watch for each descriptor. Cancel it before close(2). */
uint64_t loop_watch(struct loop *loop, int fd, unsigned events, loop_watch_fn fn, void *context);
/* Other events for a watch; 0 silences it, errors included. */
void loop_watch_change(struct loop *loop, uint64_t handle, unsigned events);

/* Calls `fn` once, `delay_ms` or a little more from now. Timers of one due time run in the order they were made. */
typedef void (*loop_timer_fn)(void *context);
uint64_t loop_timer(struct loop *loop, uint64_t delay_ms, loop_timer_fn fn, void *context);

/* Reads or writes up to `size` bytes (at most LOOP_TRANSFER_MAX are taken) at `offset`, or at the descriptor's own
 * position with LOOP_STREAM: pipes and sockets know no other. `fn` is called exactly once with the bytes moved (fewer
 * than asked is normal, 0 of a read is the end) or -errno; until then the buffer and the descriptor stay as they are.
 * Regular files on epoll and sync are read inline: there is nothing that could wait for a disk. */
#define LOOP_STREAM UINT64_MAX
#define LOOP_TRANSFER_MAX ((size_t)1 << 30)
typedef void (*loop_transfer_fn)(void *context, ssize_t result);
uint64_t loop_read(struct loop *loop, int fd, void *buffer, size_t size, uint64_t offset, loop_transfer_fn fn,
                   void *context);
uint64_t loop_write(struct loop *loop, int fd, const void *buffer, size_t size, uint64_t offset, loop_transfer_fn fn,
                    void *context);

/* A watch or timer is not called again, from this moment on. A read or write is asked to end: its completion still
 * comes, in a later turn, with -ECANCELED or with what it managed to do. Handles of things past do nothing. */
void loop_cancel(struct loop *loop, uint64_t handle);

/* What loop_wake() calls, in the loop's thread. Wakes that come close together are one call. NULL for nothing. */
typedef void (*loop_wake_fn)(void *context);
void loop_on_wake(struct loop *loop, loop_wake_fn fn, void *context);
/* Any thread, any number of times: what was written before it is visible to the wake function. Never blocks. */
void loop_wake(struct loop *loop);

/* Runs until loop_stop(). IO when the back-end fails for good. */
int loop_run(struct loop *loop, struct err *err);
/* Any thread: loop_run() returns after the callbacks of its turn. A stop without a run in progress ends the next one.
 */
void loop_stop(struct loop *loop);
/* One turn: waits at most `timeout_ms` (-1: as long as it takes) for the first event, runs what is ready. */
int loop_turn(struct loop *loop, int timeout_ms, struct err *err);

/* Watches (but the loop's own), timers and transfers that exist now: for tests and leak checks. */
size_t loop_count(const struct loop *loop);

#endif
