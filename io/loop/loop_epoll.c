/* epoll, level-triggered. Where a container's seccomp profile refuses io_uring, this one runs. */
#include <fcntl.h>
#include <sys/epoll.h>

#include "io/loop/loop_backend.h"

#define EVENTS_MAX 256

struct epoll {
    int fd;
};

static int epoll_open(struct loop *loop, struct err *err) {
    struct epoll *epoll = mem_zalloc(sizeof *epoll);
    if (epoll == NULL)
        return err_set(err, ERR_NOMEM, 0, "event loop: out of memory");
    epoll->fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->fd < 0) {
        int sys = errno;
        mem_free(epoll);
        return err_set(err, ERR_UNSUPPORTED, sys, "epoll: %s", strerror(sys));
    }
    loop->backend = epoll;
    return 0;
}

static void epoll_close(struct loop *loop) {
    struct epoll *epoll = loop->backend;
    (void)close(epoll->fd);
    mem_free(epoll);
}

static bool epoll_reserve(struct loop *loop, size_t slots) {
    (void)loop;
    (void)slots;
    return true;
}

/* Adds or changes. A registration that already is there belongs to a descriptor that was closed and came back (dup
 * keeps a registration alive), one that is missing went with its descriptor: both are put right. 0 or errno. */
static int control(struct loop *loop, int fd, uint32_t mask, uint64_t handle, bool known) {
    struct epoll *epoll = loop->backend;
    struct epoll_event event = {.events = mask, .data.u64 = handle};
    if (epoll_ctl(epoll->fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno != (known ? ENOENT : EEXIST))
        return errno;
    return epoll_ctl(epoll->fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

static void forget(struct loop *loop, int fd) {
    struct epoll *epoll = loop->backend;
    struct epoll_event unused = {0};
    (void)epoll_ctl(epoll->fd, EPOLL_CTL_DEL, fd, &unused); /* a descriptor closed before is gone already */
}

static void epoll_watch(struct loop *loop, struct loop_item *item) {
    item->armed_events = 0;
    if (item->events == 0) {
        if (item->armed)
            forget(loop, item->fd);
        item->armed = false;
        return;
    }
    int sys = control(loop, item->fd, loop_poll_mask(item->events), loop_handle(item), item->armed);
    item->armed = sys == 0;
    if (sys == 0)
        return;
    /* epoll refuses regular files, which poll(2) calls always ready; everything else is an error to tell. */
    item->armed_events = sys == EPERM ? item->events : (unsigned)LOOP_ERR;
    loop_mark(loop, item);
}

static void stop_waiting(struct loop *loop, struct loop_item *item) {
    forget(loop, item->fd_waiting);
    (void)close(item->fd_waiting);
    item->fd_waiting = -1;
    item->armed = false;
}

static void epoll_cancel(struct loop *loop, struct loop_item *item) {
    stop_waiting(loop, item);
    loop_mark(loop, item);
}

/* A pipe or socket: waits on a duplicate, because epoll knows one registration a descriptor and a watch may have it. */
static void wait_for_peer(struct loop *loop, struct loop_item *item) {
    int sys = 0;
    item->fd_waiting = fcntl(item->fd, F_DUPFD_CLOEXEC, 0);
    if (item->fd_waiting < 0)
        sys = errno;
    else
        sys = control(loop, item->fd_waiting, loop_poll_mask(loop_transfer_events(item)), loop_handle(item), false);
    item->armed = sys == 0;
    if (sys == 0)
        return;
    if (item->fd_waiting >= 0)
        (void)close(item->fd_waiting);
    item->fd_waiting = -1;
    /* EPERM: a device such as /dev/zero that cannot be waited for is simply read. */
    (void)loop_ready(loop, item, sys == EPERM ? loop_transfer_now(item, true) : -sys);
}

static int epoll_wait_turn(struct loop *loop, uint64_t timeout_ns, struct err *err) {
    struct epoll *epoll = loop->backend;
    struct epoll_event events[EVENTS_MAX];
    loop_start_transfers(loop, wait_for_peer);
    int timeout_ms = loop->ready_count > 0 || loop->dirty.count > 0 ? 0 : loop_timeout_ms(timeout_ns);
    size_t room = LOOP_READY_MAX - loop->ready_count;
    if (room == 0)
        return 0;
    int found = epoll_wait(epoll->fd, events, room < EVENTS_MAX ? (int)room : EVENTS_MAX, timeout_ms);
    if (found < 0 && errno != EINTR)
        return err_set(err, ERR_IO, errno, "event loop: epoll_wait: %s", strerror(errno));
    for (int i = 0; i < found; i++) {
        struct loop_item *item = loop_find(loop, events[i].data.u64);
        if (item == NULL)
            continue;
        if (item->kind == ITEM_WATCH) {
            (void)loop_ready(loop, item, (ssize_t)loop_events_of(events[i].events));
            continue;
        }
        if (!item->armed)
            continue;
        ssize_t result = loop_transfer_now(item, true);
        if (result == -EAGAIN)
            continue;
        stop_waiting(loop, item);
        (void)loop_ready(loop, item, result);
    }
    return 0;
}

const struct loop_ops loop_epoll_ops = {
    .open = epoll_open,
    .close = epoll_close,
    .reserve = epoll_reserve,
    .watch = epoll_watch,
    .cancel = epoll_cancel,
    .wait = epoll_wait_turn,
};
