/* poll(2) and plain calls. The back-end for places that allow nothing else, for valgrind and MemorySanitizer (which do
 * not see what a ring writes), and the measure that the other two are compared with. */
#include <poll.h>

#include "io/loop/loop_backend.h"

struct sync {
    struct pollfd *polls; /* `count` in use; room for every slot */
    uint32_t *slots;      /* whose poll it is */
    size_t count;
    size_t capacity;
};

static int sync_open(struct loop *loop, struct err *err) {
    loop->backend = mem_zalloc(sizeof(struct sync));
    return loop->backend == NULL ? err_set(err, ERR_NOMEM, 0, "event loop: out of memory") : 0;
}

static void sync_close(struct loop *loop) {
    struct sync *sync = loop->backend;
    mem_free(sync->polls);
    mem_free(sync->slots);
    mem_free(sync);
}

static bool sync_reserve(struct loop *loop, size_t slots) {
    struct sync *sync = loop->backend;
    struct pollfd *polls = mem_resize(sync->polls, slots, sizeof *polls);
    if (polls == NULL)
        return false;
    sync->polls = polls;
    uint32_t *owners = mem_resize(sync->slots, slots, sizeof *owners);
    if (owners == NULL)
        return false;
    sync->slots = owners;
    sync->capacity = slots;
    return true;
}

static void poll_set(struct loop *loop, struct loop_item *item, unsigned events) {
    struct sync *sync = loop->backend;
    if (!item->armed) {
        assert(sync->count < sync->capacity);
        item->armed = true;
        item->position = sync->count++;
        sync->slots[item->position] = item->index;
    }
    sync->polls[item->position] = (struct pollfd){.fd = item->fd, .events = (short)loop_poll_mask(events)};
}

static void poll_clear(struct loop *loop, struct loop_item *item) {
    struct sync *sync = loop->backend;
    if (!item->armed)
        return;
    item->armed = false;
    size_t last = --sync->count;
    sync->polls[item->position] = sync->polls[last];
    sync->slots[item->position] = sync->slots[last];
    loop_slot(loop, sync->slots[item->position])->position = item->position;
}

static void sync_watch(struct loop *loop, struct loop_item *item) {
    if (item->events == 0)
        poll_clear(loop, item);
    else
        poll_set(loop, item, item->events);
}

static void sync_cancel(struct loop *loop, struct loop_item *item) {
    poll_clear(loop, item);
    loop_mark(loop, item);
}

static void wait_for_peer(struct loop *loop, struct loop_item *item) {
    poll_set(loop, item, loop_transfer_events(item));
}

static int sync_wait(struct loop *loop, uint64_t timeout_ns, struct err *err) {
    struct sync *sync = loop->backend;
    loop_start_transfers(loop, wait_for_peer);
    int timeout_ms = loop->ready_count > 0 || loop->dirty.count > 0 ? 0 : loop_timeout_ms(timeout_ns);
    int found = poll(sync->polls, sync->count, timeout_ms);
    if (found < 0 && errno != EINTR && errno != EAGAIN)
        return err_set(err, ERR_IO, errno, "event loop: poll of %zu descriptors: %s", sync->count, strerror(errno));
    /* From the end, because a finished transfer swaps the last one, which was looked at, into its place. */
    for (size_t i = sync->count; i-- > 0 && found > 0;) {
        unsigned mask = (unsigned short)sync->polls[i].revents;
        if (mask == 0)
            continue;
        found--;
        struct loop_item *item = loop_slot(loop, sync->slots[i]);
        if (loop->ready_count == LOOP_READY_MAX)
            break; /* level semantics: it is told in the next turn */
        if (item->kind == ITEM_WATCH) {
            (void)loop_ready(loop, item, (ssize_t)loop_events_of(mask));
            continue;
        }
        ssize_t result = loop_transfer_now(item, true);
        if (result == -EAGAIN)
            continue;
        poll_clear(loop, item);
        (void)loop_ready(loop, item, result);
    }
    return 0;
}

const struct loop_ops loop_sync_ops = {
    .open = sync_open,
    .close = sync_close,
    .reserve = sync_reserve,
    .watch = sync_watch,
    .cancel = sync_cancel,
    .wait = sync_wait,
};
