/* A bounded queue of pointers between threads. Any number of producers and consumers.
 * Full means wait (queue_push) or be told (queue_try_push); it never grows and never drops. */
#ifndef TRAWL_QUEUE_H
#define TRAWL_QUEUE_H

#include <pthread.h>

#include "base/err.h"

struct queue {
    pthread_mutex_t lock; /* guards everything below; a leaf lock: nothing else is taken under it */
    pthread_cond_t not_empty;
    pthread_cond_t not_full;
    void **items;
    size_t capacity;
    size_t head;
    size_t count;
    bool closed;
};

int queue_init(struct queue *queue, size_t capacity, struct err *err);
void queue_release(struct queue *queue);

/* False when the queue was closed. */
bool queue_push(struct queue *queue, void *item);
/* False when the queue is full or closed. */
bool queue_try_push(struct queue *queue, void *item);
/* Waits for an item; NULL once the queue is closed and empty. */
void *queue_pop(struct queue *queue);
/* An item, or NULL when there is none now. */
void *queue_try_pop(struct queue *queue);
/* No more pushes; consumers get what is left, then NULL. */
void queue_close(struct queue *queue);

#endif
