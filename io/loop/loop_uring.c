/* io_uring. The only file that includes liburing.
 *
 * Watches are one-shot polls, armed again in the next turn while they are wanted: multishot polls are edge-triggered
 * after their first event, and libcurl wants levels. Polls are cancelled by ticket (slot and submission count), so a
 * descriptor that was closed and came back is never mistaken for its predecessor. The ring is set up and used by one
 * thread. */
#include <liburing.h>
#include <sys/mman.h>

#include "base/cpu.h"
#include "io/loop/loop_backend.h"

#define SQ_ENTRIES 256U
#define CQ_ENTRIES (4 * SQ_ENTRIES)
#define IGNORE UINT64_MAX
#define NS_PER_S 1000000000U

struct uring {
    struct io_uring ring;
    VEC(uint64_t) cancels; /* user_data of operations to cancel; at most one for each slot, room is reserved */
};

static uint64_t ticket_of(const struct loop_item *item) { return (uint64_t)item->ticket << 32 | item->index; }

/* From what suits an event loop best to what every ring knows. Kernels refuse flags they do not know with EINVAL. */
static int set_up_ring(struct io_uring *ring, struct io_uring_params *params) {
    static const unsigned ladder[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP |
            IORING_SETUP_CQSIZE,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP |
            IORING_SETUP_CQSIZE,
        IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
        0,
    };
    int result = -EINVAL;
    for (size_t i = 0; i < ARRAY_COUNT(ladder) && result == -EINVAL; i++) {
        *params = (struct io_uring_params){.flags = ladder[i],
                                           .cq_entries = (ladder[i] & IORING_SETUP_CQSIZE) != 0 ? CQ_ENTRIES : 0};
        result = io_uring_queue_init_params(SQ_ENTRIES, ring, params);
    }
    return result;
}

static bool knows_operations(struct io_uring *ring) {
    static const int needed[] = {IORING_OP_POLL_ADD, IORING_OP_READ, IORING_OP_WRITE, IORING_OP_ASYNC_CANCEL};
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool all = probe != NULL;
    for (size_t i = 0; all && i < ARRAY_COUNT(needed); i++)
        all = io_uring_opcode_supported(probe, needed[i]) != 0;
    io_uring_free_probe(probe);
    return all;
}

static int uring_open(struct loop *loop, struct err *err) {
    struct uring *uring = mem_zalloc(sizeof *uring);
    if (uring == NULL)
        return err_set(err, ERR_NOMEM, 0, "event loop: out of memory");
    struct io_uring_params params;
    int result = set_up_ring(&uring->ring, &params);
    if (result < 0) {
        mem_free(uring);
        return err_set(err, ERR_UNSUPPORTED, -result,
                       "io_uring: %s: use --io=epoll, or allow io_uring in the kernel "
                       "and the seccomp profile",
                       strerror(-result));
    }
    /* Without EXT_ARG a wait has no timeout, without NODROP a burst of completions is lost. */
    unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
    if ((params.features & needed) != needed || !knows_operations(&uring->ring)) {
        io_uring_queue_exit(&uring->ring);
        mem_free(uring);
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "io_uring: this kernel's lacks features (found 0x%x, needed 0x%x): use "
                       "--io=epoll",
                       params.features, needed);
    }
    (void)io_uring_ring_dontfork(&uring->ring); /* a child must not share it; failing only loses that */
    /* A slow network file system would else start hundreds of kernel threads. Old kernels have no such call. */
    unsigned workers = (unsigned)cpu_count();
    unsigned limits[2] = {workers, 2 * workers};
    (void)io_uring_register_iowq_max_workers(&uring->ring, limits);
    loop->backend = uring;
    return 0;
}

static void uring_close(struct loop *loop) {
    struct uring *uring = loop->backend;
    io_uring_queue_exit(&uring->ring);
    vec_release(&uring->cancels);
    mem_free(uring);
}

static bool uring_reserve(struct loop *loop, size_t slots) {
    struct uring *uring = loop->backend;
    return uring->cancels.capacity >= slots || vec_reserve(&uring->cancels, slots - uring->cancels.count);
}

/* A slot is armed only after the list was emptied, so it has at most one entry. */
static void cancel_armed(struct loop *loop, struct loop_item *item) {
    struct uring *uring = loop->backend;
    assert(uring->cancels.count < uring->cancels.capacity);
    uring->cancels.data[uring->cancels.count++] = ticket_of(item);
}

static void uring_watch(struct loop *loop, struct loop_item *item) {
    if (item->armed && item->armed_events != item->events) {
        cancel_armed(loop, item);
        item->armed = false;
    }
    if (item->events != 0 && !item->armed)
        loop_mark(loop, item);
}

static void uring_cancel(struct loop *loop, struct loop_item *item) {
    cancel_armed(loop, item); /* its completion comes through the ring */
}

/* A free submission entry; when the queue is full what is in it goes first. NULL when the kernel takes no more now. */
static struct io_uring_sqe *entry(struct uring *uring) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    if (sqe == NULL && io_uring_submit(&uring->ring) >= 0)
        sqe = io_uring_get_sqe(&uring->ring);
    return sqe;
}

static bool arm(struct loop *loop, struct loop_item *item) {
    struct uring *uring = loop->backend;
    struct io_uring_sqe *sqe = entry(uring);
    if (sqe == NULL)
        return false;
    if (item->kind == ITEM_WATCH) {
        io_uring_prep_poll_add(sqe, item->fd, loop_poll_mask(item->events));
        item->armed_events = item->events;
    } else if (item->polling) {
        io_uring_prep_poll_add(sqe, item->fd, loop_poll_mask(loop_transfer_events(item)));
    } else if (item->kind == ITEM_READ) {
        io_uring_prep_read(sqe, item->fd, item->buffer.in, (unsigned)item->size, item->offset);
    } else {
        io_uring_prep_write(sqe, item->fd, item->buffer.out, (unsigned)item->size, item->offset);
    }
    item->ticket++;
    item->armed = true;
    io_uring_sqe_set_data64(sqe, ticket_of(item));
    return true;
}

/* True when done with the item for this turn. */
static bool submit_item(struct loop *loop, struct loop_item *item) {
    switch (item->kind) {
    case ITEM_WATCH:
        return item->armed || item->events == 0 || arm(loop, item);
    case ITEM_READ:
    case ITEM_WRITE:
        if (item->armed)
            return true;
        return item->canceled ? loop_ready(loop, item, -ECANCELED) : arm(loop, item);
    case ITEM_FREE:
    case ITEM_TIMER:
        return true; /* the slot's former user was listed */
    }
    return true;
}

static void submit_all(struct loop *loop) {
    struct uring *uring = loop->backend;
    size_t done = 0;
    for (; done < uring->cancels.count; done++) {
        struct io_uring_sqe *sqe = entry(uring);
        if (sqe == NULL)
            break;
        io_uring_prep_cancel64(sqe, uring->cancels.data[done], 0);
        io_uring_sqe_set_data64(sqe, IGNORE);
    }
    uring->cancels.count -= done;
    if (uring->cancels.count > 0) {
        memmove(uring->cancels.data, uring->cancels.data + done, uring->cancels.count * sizeof *uring->cancels.data);
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < loop->dirty.count; i++) {
        struct loop_item *item = loop_slot(loop, loop->dirty.data[i]);
        if (submit_item(loop, item))
            item->listed = false;
        else
            loop->dirty.data[kept++] = item->index;
    }
    loop->dirty.count = kept;
}

static void complete_watch(struct loop *loop, struct loop_item *item, int result) {
    loop_mark(loop, item);
    if (result != -ECANCELED)
        (void)loop_ready(loop, item, result < 0 ? (ssize_t)LOOP_ERR : (ssize_t)loop_events_of((unsigned)result));
}

static void complete_transfer(struct loop *loop, struct loop_item *item, int result) {
    bool wait_again = result == -EAGAIN && !item->polling; /* a non-blocking descriptor */
    bool try_again = result >= 0 && item->polling;
    item->polling = wait_again;
    if (wait_again || try_again)
        loop_mark(loop, item);
    else
        (void)loop_ready(loop, item, result);
}

static void reap(struct loop *loop) {
    struct uring *uring = loop->backend;
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned seen = 0;
    io_uring_for_each_cqe(&uring->ring, head, cqe) {
        if (loop->ready_count == LOOP_READY_MAX)
            break;
        seen++;
        uint32_t index = (uint32_t)cqe->user_data;
        if (cqe->user_data == IGNORE || index >= loop->slots)
            continue;
        struct loop_item *item = loop_slot(loop, index);
        if (!item->armed || ticket_of(item) != cqe->user_data)
            continue; /* cancelled before: its slot has another user or is waiting for one */
        item->armed = false;
        if (item->kind == ITEM_WATCH)
            complete_watch(loop, item, cqe->res);
        else
            complete_transfer(loop, item, cqe->res);
    }
    io_uring_cq_advance(&uring->ring, seen);
}

static int uring_wait(struct loop *loop, uint64_t timeout_ns, struct err *err) {
    struct uring *uring = loop->backend;
    submit_all(loop);
    if (loop->ready_count > 0 || loop->dirty.count > 0 || uring->cancels.count > 0)
        timeout_ns = 0;
    struct __kernel_timespec timeout = {.tv_sec = (long long)(timeout_ns / NS_PER_S),
                                        .tv_nsec = (long long)(timeout_ns % NS_PER_S)};
    struct io_uring_cqe *first = NULL;
    int result = io_uring_submit_and_wait_timeout(&uring->ring, &first, 1, &timeout, NULL);
    switch (result < 0 ? -result : 0) {
    case 0:
    case ETIME:  /* just the timeout */
    case EINTR:  /* a signal */
    case EAGAIN: /* the kernel is short of memory for requests, or */
    case EBUSY:  /* completions must be taken first: both are tried again in the next turn */
        break;
    case EBADR:
        return err_set(err, ERR_IO, EBADR, "io_uring: the kernel lost completions: use --io=epoll");
    default:
        return err_set(err, ERR_IO, -result, "io_uring: wait: %s", strerror(-result));
    }
    reap(loop);
    return 0;
}

const struct loop_ops loop_uring_ops = {
    .open = uring_open,
    .close = uring_close,
    .reserve = uring_reserve,
    .watch = uring_watch,
    .cancel = uring_cancel,
    .wait = uring_wait,
};
