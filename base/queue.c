#include "base/queue.h"

#include "base/alloc.h"

int queue_init(struct queue *queue, size_t capacity, struct err *err) {
    assert(capacity > 0);
    *queue = (struct queue){.capacity = capacity, .items = mem_array(capacity, sizeof(void *))};
    if (queue->items == NULL)
        return err_set(err, ERR_NOMEM, 0, "queue of %zu items: out of memory", capacity);
    /* With default attributes these cannot fail on Linux. */
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->not_empty, NULL);
    (void)pthread_cond_init(&queue->not_full, NULL);
    return 0;
}

void queue_release(struct queue *queue) {
    if (queue == NULL || queue->items == NULL)
        return;
    (void)pthread_cond_destroy(&queue->not_full);
    (void)pthread_cond_destroy(&queue->not_empty);
    (void)pthread_mutex_destroy(&queue->lock);
    mem_free(queue->items);
    queue->items = NULL;
}

static bool push(struct queue *queue, void *item, bool wait) {
    (void)pthread_mutex_lock(&queue->lock);
    while (wait && queue->count == queue->capacity && !queue->closed)
        (void)pthread_cond_wait(&queue->not_full, &queue->lock);
    bool ok = !queue->closed && queue->count < queue->capacity;
    if (ok) {
        queue->items[(queue->head + queue->count) % queue->capacity] = item;
        queue->count++;
        (void)pthread_cond_signal(&queue->not_empty);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return ok;
}

bool queue_push(struct queue *queue, void *item) { return push(queue, item, true); }
bool queue_try_push(struct queue *queue, void *item) { return push(queue, item, false); }

static void *pop(struct queue *queue, bool wait) {
    void *item = NULL;
    (void)pthread_mutex_lock(&queue->lock);
    while (wait && queue->count == 0 && !queue->closed)
        (void)pthread_cond_wait(&queue->not_empty, &queue->lock);
    if (queue->count > 0) {
        item = queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        queue->count--;
        (void)pthread_cond_signal(&queue->not_full);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return item;
}

void *queue_pop(struct queue *queue) { return pop(queue, true); }
void *queue_try_pop(struct queue *queue) { return pop(queue, false); }

void queue_close(struct queue *queue) {
    (void)pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    (void)pthread_cond_broadcast(&queue->not_empty);
    (void)pthread_cond_broadcast(&queue->not_full);
    (void)pthread_mutex_unlock(&queue->lock);
}
