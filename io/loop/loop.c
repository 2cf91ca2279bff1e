#include "io/loop/loop.h"

#include "base/text.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/overflow.h"
#include "io/loop/loop_backend.h"

#define NS_PER_MS ((uint64_t)1000000)
#define DRAIN_NS (10000 * NS_PER_MS)
/* Nothing waits longer than this in one call, so that no conversion can overflow. */
#define WAIT_NS_MAX (3600 * 1000 * NS_PER_MS)
#define NO_SLOT UINT32_MAX
#define SLOTS_MAX ((size_t)1 << 24)

static const char *const kind_names[LOOP_KIND_COUNT] = {"auto", "uring", "epoll", "sync"};

int loop_kind_parse(struct span text, enum loop_kind *ret_kind, struct err *err) {
    for (size_t i = 0; i < LOOP_KIND_COUNT; i++) {
        if (span_is(text, kind_names[i])) {
            *ret_kind = (enum loop_kind)i;
            return 0;
        }
    }
    char quoted[64];
    return err_set(err, ERR_USAGE, 0, "event loop: expected auto, uring, epoll or sync, found '%s'",
                   text_quote(text, quoted, sizeof quoted));
}

const char *loop_kind_name(enum loop_kind kind) { return kind < LOOP_KIND_COUNT ? kind_names[kind] : "?"; }

/* Items. */

static bool add_chunk(struct loop *loop) {
    size_t slots = loop->slots + LOOP_CHUNK;
    if (slots > SLOTS_MAX || !loop->ops->reserve(loop, slots) || !vec_reserve(&loop->chunks, 1))
        return false;
    if (loop->dirty.capacity < slots && !vec_reserve(&loop->dirty, slots - loop->dirty.count))
        return false;
    struct loop_item *chunk = mem_array(LOOP_CHUNK, sizeof *chunk);
    if (chunk == NULL)
        return false;
    for (size_t i = 0; i < LOOP_CHUNK; i++) {
        chunk[i].index = (uint32_t)(loop->slots + i);
        chunk[i].next_free = i + 1 < LOOP_CHUNK ? chunk[i].index + 1 : loop->free;
    }
    loop->chunks.data[loop->chunks.count++] = chunk;
    loop->free = chunk[0].index;
    loop->slots = slots;
    return true;
}

static struct loop_item *item_new(struct loop *loop, enum item_kind kind, void *context) {
    assert(pthread_equal(loop->owner, pthread_self()));
    if (loop->closing || (loop->free == NO_SLOT && !add_chunk(loop)))
        return NULL;
    struct loop_item *item = loop_slot(loop, loop->free);
    loop->free = item->next_free;
    loop->live++;
    /* `listed` and `ticket` belong to the slot and outlive its users. */
    item->kind = kind;
    item->armed = item->canceled = item->polling = false;
    item->fd = item->fd_waiting = -1;
    item->events = item->armed_events = 0;
    item->context = context;
    return item;
}

static void item_free(struct loop *loop, struct loop_item *item) {
    assert(item->kind != ITEM_FREE);
    if (loop_is_transfer(item))
        loop->transfers--;
    item->kind = ITEM_FREE;
    item->generation++;
    item->next_free = loop->free;
    loop->free = item->index;
    loop->live--;
}

struct loop_item *loop_find(const struct loop *loop, uint64_t handle) {
    uint32_t number = (uint32_t)handle;
    if (number == 0 || number > loop->slots)
        return NULL;
    struct loop_item *item = loop_slot(loop, number - 1);
    return item->kind != ITEM_FREE && item->generation == (uint32_t)(handle >> 32) ? item : NULL;
}

void loop_mark(struct loop *loop, struct loop_item *item) {
    if (item->listed)
        return;
    assert(loop->dirty.count < loop->dirty.capacity);
    item->listed = true;
    loop->dirty.data[loop->dirty.count++] = item->index;
}

bool loop_ready(struct loop *loop, const struct loop_item *item, ssize_t result) {
    if (loop->ready_count == LOOP_READY_MAX)
        return false;
    loop->ready[loop->ready_count++] = (struct loop_event){loop_handle(item), result};
    return true;
}

size_t loop_count(const struct loop *loop) { return loop->live - (loop->wake_handle != 0); }

/* Opening and closing. */

static const char *refusal_name(int sys) {
    switch (sys) {
    case EPERM:
        return "EPERM";
    case ENOSYS:
        return "ENOSYS";
    case EACCES:
        return "EACCES";
    case ENOMEM:
        return "ENOMEM";
    case EMFILE:
        return "EMFILE";
    default:
        return NULL;
    }
}

static void note_refusal(struct loop *loop, const struct err *err) {
    const char *name = refusal_name(err->sys);
    const char *hint = err->sys == EPERM || err->sys == EACCES ? "seccomp profile or kernel.io_uring_disabled"
                       : err->sys == ENOSYS                    ? "the kernel has none"
                       : err->sys == ENOMEM                    ? "raise the locked-memory limit, ulimit -l"
                       : err->sys == EMFILE                    ? "raise the open-files limit, ulimit -n"
                                                               : err->text;
    if (name != NULL)
        (void)snprintf(loop->refusal, sizeof loop->refusal, "io_uring unavailable (%s): %.120s; using epoll", name,
                       hint);
    else
        (void)snprintf(loop->refusal, sizeof loop->refusal, "io_uring unavailable: %.120s; using epoll", hint);
}

static void on_wake_fd(void *context, int fd, unsigned events) {
    (void)events;
    struct loop *loop = context;
    uint64_t count;
    (void)!read(fd, &count, sizeof count); /* non-blocking; an empty one is a wake already served */
    /* Pairs with the exchange in loop_wake(): what the waker wrote before it is visible after this one. */
    (void)atomic_exchange_explicit(&loop->wake_pending, false, memory_order_acq_rel);
    if (loop->wake != NULL && !loop->closing)
        loop->wake(loop->wake_context);
}

static int open_backend(struct loop *loop, enum loop_kind kind, struct err *err) {
    static const struct loop_ops *const table[LOOP_KIND_COUNT] = {NULL, &loop_uring_ops, &loop_epoll_ops,
                                                                  &loop_sync_ops};
    assert(kind != LOOP_AUTO && kind < LOOP_KIND_COUNT);
    loop->ops = table[kind];
    loop->kind = kind;
    if (loop->ops->open(loop, err) < 0) {
        loop->ops = NULL;
        return -1;
    }
    return 0;
}

static int open_any(struct loop *loop, enum loop_kind kind, struct err *err) {
    if (kind != LOOP_AUTO)
        return open_backend(loop, kind, err);
    struct err refused;
    if (open_backend(loop, LOOP_URING, &refused) == 0)
        return 0;
    note_refusal(loop, &refused);
    return open_backend(loop, LOOP_EPOLL, err);
}

static int loop_start(struct loop *loop, enum loop_kind kind, struct err *err) {
    loop->ready = mem_array(LOOP_READY_MAX, sizeof *loop->ready);
    if (loop->ready == NULL)
        return err_set(err, ERR_NOMEM, 0, "event loop: out of memory");
    if (open_any(loop, kind, err) < 0)
        return -1;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return err_set(err, ERR_IO, errno, "event loop: eventfd: %s", strerror(errno));
    loop->wake_handle = loop_watch(loop, loop->wake_fd, LOOP_IN, on_wake_fd, loop);
    if (loop->wake_handle == 0)
        return err_set(err, ERR_NOMEM, 0, "event loop: out of memory");
    return 0;
}

int loop_open(enum loop_kind kind, struct loop **ret_loop, struct err *err) {
    assert(kind < LOOP_KIND_COUNT);
    struct loop *loop = mem_zalloc(sizeof *loop);
    if (loop == NULL)
        return err_set(err, ERR_NOMEM, 0, "event loop: out of memory");
    loop->owner = pthread_self();
    loop->free = NO_SLOT;
    loop->wake_fd = -1;
    if (loop_start(loop, kind, err) < 0) {
        loop_close(loop);
        return -1;
    }
    *ret_loop = loop;
    return 0;
}

static void dispatch(struct loop *loop) {
    for (size_t i = 0; i < loop->ready_count; i++) {
        struct loop_event event = loop->ready[i];
        struct loop_item *item = loop_find(loop, event.handle);
        if (item == NULL)
            continue; /* canceled by a callback before this one */
        if (item->kind == ITEM_WATCH) {
            /* The mask may have changed since the kernel answered. */
            unsigned events = (unsigned)event.result & (item->events | LOOP_ERR | LOOP_HUP);
            if (item->events != 0 && events != 0)
                item->fn.watch(item->context, item->fd, events);
        } else {
            loop_transfer_fn fn = item->fn.transfer;
            void *context = item->context;
            ssize_t result = item->canceled && event.result == -EINTR ? -ECANCELED : event.result;
            item_free(loop, item);
            fn(context, result);
        }
    }
    loop->ready_count = 0;
}

/* After this only transfers live, each asked to end. */
static void cancel_all(struct loop *loop) {
    for (size_t i = 0; i < loop->slots; i++) {
        struct loop_item *item = loop_slot(loop, i);
        if (item->kind != ITEM_FREE)
            loop_cancel(loop, loop_handle(item));
    }
    loop->wake_handle = 0;
}

void loop_close(struct loop *loop) {
    if (loop == NULL)
        return;
    assert(!loop->in_turn && pthread_equal(loop->owner, pthread_self()));
    loop->closing = true;
    if (loop->ops != NULL) {
        cancel_all(loop);
        /* One turn even without transfers: it hands the removal of watches to the kernel. */
        uint64_t deadline = clock_ns() + DRAIN_NS;
        struct err err;
        do {
            if (loop->ops->wait(loop, loop->transfers > 0 ? 100 * NS_PER_MS : 0, &err) < 0)
                break;
            dispatch(loop);
        } while (loop->transfers > 0 && clock_ns() < deadline);
        loop->ops->close(loop);
    }
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    for (size_t i = 0; i < loop->chunks.count; i++)
        mem_free(loop->chunks.data[i]);
    vec_release(&loop->chunks);
    vec_release(&loop->dirty);
    vec_release(&loop->heap);
    mem_free(loop->ready);
    mem_free(loop);
}

enum loop_kind loop_kind_of(const struct loop *loop) { return loop->kind; }

const char *loop_refusal(const struct loop *loop) { return loop->refusal; }

/* Watches. */

uint64_t loop_watch(struct loop *loop, int fd, unsigned events, loop_watch_fn fn, void *context) {
    assert(fd >= 0 && fn != NULL && (events & ~(unsigned)(LOOP_IN | LOOP_OUT)) == 0);
    struct loop_item *item = item_new(loop, ITEM_WATCH, context);
    if (item == NULL)
        return 0;
    item->fd = fd;
    item->events = events;
    item->fn.watch = fn;
    if (events != 0)
        loop->ops->watch(loop, item);
    return loop_handle(item);
}

void loop_watch_change(struct loop *loop, uint64_t handle, unsigned events) {
    assert((events & ~(unsigned)(LOOP_IN | LOOP_OUT)) == 0);
    struct loop_item *item = loop_find(loop, handle);
    if (item == NULL || item->kind != ITEM_WATCH || item->events == events)
        return;
    item->events = events;
    loop->ops->watch(loop, item);
}

unsigned loop_poll_mask(unsigned events) {
    return ((events & LOOP_IN) != 0 ? (unsigned)POLLIN : 0U) | ((events & LOOP_OUT) != 0 ? (unsigned)POLLOUT : 0U);
}

unsigned loop_events_of(unsigned poll_mask) {
    unsigned events = 0;
    if ((poll_mask & POLLIN) != 0)
        events |= LOOP_IN;
    if ((poll_mask & POLLOUT) != 0)
        events |= LOOP_OUT;
    if ((poll_mask & (POLLERR | POLLNVAL)) != 0)
        events |= LOOP_ERR;
    if ((poll_mask & POLLHUP) != 0)
        events |= LOOP_HUP;
    return events;
}

/* Timers: a binary heap ordered by (due, sequence); every item knows its position, so that cancel is O(log n) too. */

static bool earlier(const struct loop_item *a, const struct loop_item *b) {
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

static void heap_place(struct loop *loop, size_t position, struct loop_item *item) {
    loop->heap.data[position] = item;
    item->position = position;
}

static void heap_up(struct loop *loop, size_t position) {
    struct loop_item *item = loop->heap.data[position];
    while (position > 0) {
        size_t parent = (position - 1) / 2;
        if (!earlier(item, loop->heap.data[parent]))
            break;
        heap_place(loop, position, loop->heap.data[parent]);
        position = parent;
    }
    heap_place(loop, position, item);
}

static void heap_down(struct loop *loop, size_t position) {
    struct loop_item *item = loop->heap.data[position];
    for (;;) {
        size_t child = 2 * position + 1;
        if (child >= loop->heap.count)
            break;
        if (child + 1 < loop->heap.count && earlier(loop->heap.data[child + 1], loop->heap.data[child]))
            child++;
        if (!earlier(loop->heap.data[child], item))
            break;
        heap_place(loop, position, loop->heap.data[child]);
        position = child;
    }
    heap_place(loop, position, item);
}

static void heap_remove(struct loop *loop, struct loop_item *item) {
    size_t position = item->position;
    assert(position < loop->heap.count && loop->heap.data[position] == item);
    struct loop_item *last = loop->heap.data[--loop->heap.count];
    if (last == item)
        return;
    heap_place(loop, position, last);
    heap_down(loop, position);
    heap_up(loop, last->position);
}

uint64_t loop_timer(struct loop *loop, uint64_t delay_ms, loop_timer_fn fn, void *context) {
    assert(fn != NULL);
    if (!vec_reserve(&loop->heap, 1))
        return 0;
    struct loop_item *item = item_new(loop, ITEM_TIMER, context);
    if (item == NULL)
        return 0;
    item->fn.timer = fn;
    item->sequence = loop->sequence++;
    uint64_t delay_ns;
    if (!u64_mul(delay_ms, NS_PER_MS, &delay_ns) || !u64_add(clock_ns(), delay_ns, &item->due_ns))
        item->due_ns = UINT64_MAX; /* in 584 years */
    loop->heap.data[loop->heap.count++] = item;
    item->position = loop->heap.count - 1;
    heap_up(loop, item->position);
    return loop_handle(item);
}

static void run_timers(struct loop *loop) {
    uint64_t now = loop->heap.count > 0 ? clock_ns() : 0;
    while (loop->heap.count > 0 && loop->heap.data[0]->due_ns <= now) {
        struct loop_item *item = loop->heap.data[0];
        loop_timer_fn fn = item->fn.timer;
        void *context = item->context;
        heap_remove(loop, item);
        item_free(loop, item);
        fn(context);
    }
}

/* Transfers. */

static uint64_t transfer(struct loop *loop, struct loop_item *item, int fd, size_t size, uint64_t offset,
                         loop_transfer_fn fn) {
    item->fd = fd;
    item->size = size_min(size, LOOP_TRANSFER_MAX);
    item->offset = offset;
    item->fn.transfer = fn;
    loop->transfers++;
    loop_mark(loop, item);
    return loop_handle(item);
}

uint64_t loop_read(struct loop *loop, int fd, void *buffer, size_t size, uint64_t offset, loop_transfer_fn fn,
                   void *context) {
    assert(fn != NULL && (buffer != NULL || size == 0));
    struct loop_item *item = item_new(loop, ITEM_READ, context);
    if (item == NULL)
        return 0;
    item->buffer.in = buffer;
    return transfer(loop, item, fd, size, offset, fn);
}

uint64_t loop_write(struct loop *loop, int fd, const void *buffer, size_t size, uint64_t offset, loop_transfer_fn fn,
                    void *context) {
    assert(fn != NULL && (buffer != NULL || size == 0));
    struct loop_item *item = item_new(loop, ITEM_WRITE, context);
    if (item == NULL)
        return 0;
    item->buffer.out = buffer;
    return transfer(loop, item, fd, size, offset, fn);
}

bool loop_transfer_waits(const struct loop_item *item) {
    struct stat status;
    /* A descriptor that is none fails at once in the call itself. */
    return fstat(item->fd, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode) &&
           !S_ISDIR(status.st_mode);
}

/* Whether the call would not block at this moment: the descriptor may be a blocking one, and another reader may have
 * taken since what made it ready. */
static bool peer_is_ready(const struct loop_item *item) {
    struct pollfd poll_fd = {.fd = item->fd, .events = (short)loop_poll_mask(loop_transfer_events(item))};
    return poll(&poll_fd, 1, 0) != 0;
}

ssize_t loop_transfer_now(const struct loop_item *item, bool waits) {
    if (waits && !peer_is_ready(item))
        return -EAGAIN;
    bool positioned = !waits && item->offset != LOOP_STREAM;
    off_t offset = positioned ? (off_t)item->offset : 0;
    /* A blocking pipe that polls as writable has room for PIPE_BUF bytes: more could block the loop. */
    size_t size = waits && item->kind == ITEM_WRITE ? size_min(item->size, PIPE_BUF) : item->size;
    ssize_t result;
    do {
        if (item->kind == ITEM_READ)
            result =
                positioned ? pread(item->fd, item->buffer.in, size, offset) : read(item->fd, item->buffer.in, size);
        else
            result =
                positioned ? pwrite(item->fd, item->buffer.out, size, offset) : write(item->fd, item->buffer.out, size);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

void loop_start_transfers(struct loop *loop, void (*wait_for_peer)(struct loop *loop, struct loop_item *item)) {
    size_t kept = 0;
    for (size_t i = 0; i < loop->dirty.count; i++) {
        struct loop_item *item = loop_slot(loop, loop->dirty.data[i]);
        bool forced = item->kind == ITEM_WATCH && item->armed_events != 0;
        if (forced)
            (void)loop_ready(loop, item, (ssize_t)item->armed_events);
        if (forced || (loop_is_transfer(item) && loop->ready_count == LOOP_READY_MAX)) {
            loop->dirty.data[kept++] = item->index; /* holds in the next turn too */
            continue;
        }
        item->listed = false;
        if (!loop_is_transfer(item))
            continue;
        if (item->canceled)
            (void)loop_ready(loop, item, -ECANCELED);
        else if (loop_transfer_waits(item))
            wait_for_peer(loop, item);
        else
            (void)loop_ready(loop, item, loop_transfer_now(item, false));
    }
    loop->dirty.count = kept;
}

void loop_cancel(struct loop *loop, uint64_t handle) {
    struct loop_item *item = loop_find(loop, handle);
    if (item == NULL)
        return;
    switch (item->kind) {
    case ITEM_WATCH:
        if (item->events != 0) {
            item->events = 0;
            loop->ops->watch(loop, item);
        }
        item_free(loop, item);
        break;
    case ITEM_TIMER:
        heap_remove(loop, item);
        item_free(loop, item);
        break;
    case ITEM_READ:
    case ITEM_WRITE:
        if (item->canceled)
            break;
        item->canceled = true;
        if (item->armed)
            loop->ops->cancel(loop, item);
        break;
    case ITEM_FREE:
        break;
    }
}

/* Turns. */

void loop_on_wake(struct loop *loop, loop_wake_fn fn, void *context) {
    loop->wake = fn;
    loop->wake_context = context;
}

void loop_wake(struct loop *loop) {
    /* Pairs with the exchange in on_wake_fd(). The first waker writes, the others know that the call is still to come.
     */
    if (atomic_exchange_explicit(&loop->wake_pending, true, memory_order_acq_rel))
        return;
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(loop->wake_fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

void loop_stop(struct loop *loop) {
    atomic_store_explicit(&loop->stop, true, memory_order_release); /* pairs with the exchange in loop_run() */
    loop_wake(loop);
}

int loop_timeout_ms(uint64_t timeout_ns) {
    return (int)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS); /* WAIT_NS_MAX keeps it in range */
}

int loop_turn(struct loop *loop, int timeout_ms, struct err *err) {
    assert(!loop->in_turn && pthread_equal(loop->owner, pthread_self()));
    uint64_t timeout_ns = timeout_ms < 0 ? WAIT_NS_MAX : (uint64_t)timeout_ms * NS_PER_MS;
    if (loop->heap.count > 0) {
        uint64_t now = clock_ns();
        uint64_t due = loop->heap.data[0]->due_ns;
        uint64_t left = due > now ? due - now : 0;
        timeout_ns = u64_min(left, timeout_ns);
    }
    timeout_ns = u64_min(timeout_ns, WAIT_NS_MAX);
    loop->in_turn = true;
    int result = loop->ops->wait(loop, timeout_ns, err);
    if (result == 0) {
        dispatch(loop);
        run_timers(loop);
    }
    loop->in_turn = false;
    return result;
}

int loop_run(struct loop *loop, struct err *err) {
    while (!atomic_exchange_explicit(&loop->stop, false, memory_order_acq_rel))
        if (loop_turn(loop, -1, err) < 0)
            return -1;
    return 0;
}
