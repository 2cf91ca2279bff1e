/* What the three back-ends share with loop.c. Nobody outside this folder includes it.
 *
 * loop.c owns the items (watches, timers, transfers), decides what is wanted and calls people back. A back-end turns
 * wanted items into system calls and system results into ready events: wait() first acts on the `dirty` list, then
 * waits, then fills `ready`. Results are always copied out before anything is called: a callback may then ask for as
 * much as it likes. */
#ifndef TRAWL_LOOP_BACKEND_H
#define TRAWL_LOOP_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/vec.h"
#include "io/loop/loop.h"

enum item_kind { ITEM_FREE, ITEM_WATCH, ITEM_TIMER, ITEM_READ, ITEM_WRITE };

struct loop_item {
    uint32_t index;      /* its slot; the address never changes */
    uint32_t generation; /* of the slot's user: half of the handle */
    uint32_t next_free;
    enum item_kind kind;
    bool listed;   /* in loop->dirty */
    bool armed;    /* the back-end has it in the kernel */
    bool canceled; /* a transfer that was asked to end */
    int fd;
    unsigned events; /* LOOP_ bits of a watch */
    union {
        loop_watch_fn watch;
        loop_timer_fn timer;
        loop_transfer_fn transfer;
    } fn;
    void *context;

    union {
        void *in;
        const void *out;
    } buffer;
    size_t size;
    uint64_t offset;

    uint64_t due_ns; /* a timer's; `sequence` orders equal ones */
    uint64_t sequence;
    size_t position; /* a timer's in the heap, a polled item's in the sync back-end */

    /* Back-ends' own. */
    unsigned armed_events; /* uring: the mask of the armed poll; epoll: events that hold without asking the kernel */
    uint32_t ticket;       /* uring: counts submissions of the slot, so that a stale completion is known as one */
    int fd_waiting;        /* epoll: a duplicate that waits on behalf of a transfer, or -1 */
    bool polling;          /* uring: a transfer that met EAGAIN waits for readiness first */
};

struct loop_event {
    uint64_t handle;
    ssize_t result; /* LOOP_ bits, or a transfer's result */
};

/* One turn's worth: bounds the memory and the time until timers are looked at again. What is more stays in the kernel.
 */
#define LOOP_READY_MAX ((size_t)1024)
#define LOOP_CHUNK ((size_t)256)

struct loop_ops {
    int (*open)(struct loop *loop, struct err *err);
    void (*close)(struct loop *loop);
    /* Room for `slots` items, so that nothing below can run out of memory. */
    bool (*reserve)(struct loop *loop, size_t slots);
    /* `item->events` changed; 0 means out of the kernel now. */
    void (*watch)(struct loop *loop, struct loop_item *item);
    /* A transfer with `canceled` set; not called for one that never left the dirty list. */
    void (*cancel)(struct loop *loop, struct loop_item *item);
    int (*wait)(struct loop *loop, uint64_t timeout_ns, struct err *err);
};

extern const struct loop_ops loop_uring_ops;
extern const struct loop_ops loop_epoll_ops;
extern const struct loop_ops loop_sync_ops;

struct loop {
    const struct loop_ops *ops;
    void *backend;
    enum loop_kind kind;
    pthread_t owner;
    char refusal[200];

    VEC(struct loop_item *) chunks; /* of LOOP_CHUNK items each */
    size_t slots;
    uint32_t free; /* first free slot, or UINT32_MAX */
    size_t live;
    size_t transfers;
    VEC(uint32_t) dirty; /* capacity is always at least `slots` */
    VEC(struct loop_item *) heap;
    uint64_t sequence;

    struct loop_event *ready; /* LOOP_READY_MAX */
    size_t ready_count;

    int wake_fd;
    uint64_t wake_handle;
    loop_wake_fn wake;
    void *wake_context;
    _Atomic bool wake_pending;
    _Atomic bool stop;
    bool closing;
    bool in_turn;
};

static inline struct loop_item *loop_slot(const struct loop *loop, size_t index) {
    assert_debug(index < loop->slots);
    return &loop->chunks.data[index / LOOP_CHUNK][index % LOOP_CHUNK];
}

static inline uint64_t loop_handle(const struct loop_item *item) {
    return (uint64_t)item->generation << 32 | (item->index + 1);
}

static inline bool loop_is_transfer(const struct loop_item *item) {
    return item->kind == ITEM_READ || item->kind == ITEM_WRITE;
}

/* What a transfer waits for, as LOOP_ bits. */
static inline unsigned loop_transfer_events(const struct loop_item *item) {
    return item->kind == ITEM_READ ? LOOP_IN : LOOP_OUT;
}

/* The living item of a handle, or NULL. */
struct loop_item *loop_find(const struct loop *loop, uint64_t handle);
/* Puts an item on the dirty list, once. Cannot fail. */
void loop_mark(struct loop *loop, struct loop_item *item);
/* False when this turn's list is full: the caller tries in the next one. */
bool loop_ready(struct loop *loop, const struct loop_item *item, ssize_t result);

/* A transfer by plain system calls. Does it wait for its peer (pipe, socket, …) rather than for a disk? */
bool loop_transfer_waits(const struct loop_item *item);
/* Moves what can be moved now; bytes or -errno, -EAGAIN where it would wait. `waits` as told above. */
ssize_t loop_transfer_now(const struct loop_item *item, bool waits);

/* For back-ends that move bytes by plain calls: goes through the dirty list, reads files at once and has
 * `wait_for_peer` wait for everything else. */
void loop_start_transfers(struct loop *loop, void (*wait_for_peer)(struct loop *loop, struct loop_item *item));

/* LOOP_ bits to poll(2)'s and back; epoll's and the ring's are the same numbers. */
unsigned loop_poll_mask(unsigned events);
unsigned loop_events_of(unsigned poll_mask);

/* Nanoseconds to the milliseconds of poll(2), rounded up so that a timer is due when it returns. */
int loop_timeout_ms(uint64_t timeout_ns);

#endif
