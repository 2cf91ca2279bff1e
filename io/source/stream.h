/* The bytes of one blob on their way from the loop thread to the scan thread that owns the layer.
 *
 * A stream holds at most `chunks_max` chunks of CHUNK_BYTES from one pool, and only one until its consumer reads it:
 * that is the back-pressure, and thousands of streams may wait for a thread. When it is full the producer is told so
 * and pauses its transfer; when the consumer has taken a chunk the producer's loop is woken to resume. A stream may
 * instead be fed by the consumer itself (a member of a compressed archive, which only a scan thread may unpack): then
 * the reader function stands in for the queue. */
#ifndef TRAWL_STREAM_H
#define TRAWL_STREAM_H

#include <pthread.h>

#include "base/err.h"
#include "base/span.h"

#define CHUNK_BYTES ((size_t)256 * 1024)

struct chunk {
    struct chunk *next;
    size_t size;
    uint8_t data[CHUNK_BYTES];
};

/* Chunks that wait to be used again. Its size is bounded by the streams that are open, so it needs no ceiling of its
 * own. */
struct chunk_pool {
    pthread_mutex_t lock; /* a leaf lock */
    struct chunk *free;
};

void chunk_pool_init(struct chunk_pool *pool);
void chunk_pool_release(struct chunk_pool *pool);

/* Pulls the next bytes in the scan thread: 1 chunk (valid until the next call), 0 end, -1 error. */
typedef int (*stream_pull_fn)(void *context, struct span *ret_bytes, struct err *err);
/* Called in the loop thread: there is room again. */
typedef void (*stream_resume_fn)(void *context);
/* Called in the loop thread: nobody wants the rest; end the transfer. */
typedef void (*stream_cancel_fn)(void *context);

struct stream {
    pthread_mutex_t lock; /* guards the fields up to the blank line; a leaf lock but for the pool's */
    pthread_cond_t readable;
    struct chunk *first;
    struct chunk *last;
    size_t count;
    size_t chunks_max;
    bool is_read;   /* somebody has begun to */
    bool ended;     /* the producer has said its last word; `err` says whether that was a failure */
    bool broken;    /* memory is short: `err` says so, the producer will be canceled */
    bool paused;    /* the producer was refused and waits for stream_service() */
    bool abandoned; /* the consumer wants no more */
    struct err err;

    struct chunk_pool *pool;
    struct chunk *held;      /* what the consumer looks at now */
    stream_resume_fn resume; /* the producer's; loop thread only */
    stream_cancel_fn cancel;
    void *producer;
    stream_pull_fn pull; /* set instead of a producer */
    void (*pull_close)(void *context);
    void *pull_context;
    uint64_t bytes;              /* put so far; loop thread only, or the consumer's with `pull` */
    void (*wake)(void *context); /* wakes the loop: something may be resumed, canceled or released; any thread */
    void *wake_context;
};

int stream_init(struct stream *stream, struct chunk_pool *pool, size_t chunks_max, void (*wake)(void *),
                void *wake_context, struct err *err);
void stream_release(struct stream *stream);

/* Loop thread. The producer's side: who feeds it; NULL functions are allowed. */
void stream_attach(struct stream *stream, stream_resume_fn resume, stream_cancel_fn cancel, void *producer);
/* Copies bytes in. Returns how many were taken: fewer than given means the stream is full, the producer must pause and
 * will be resumed. An abandoned stream, or one that is short of memory, takes everything and forgets it. */
size_t stream_put(struct stream *stream, struct span bytes);
/* For a producer that can write in place: an empty chunk of CHUNK_BYTES, counted against the stream at once; NULL when
 * there is no room (the stream is then paused and will be resumed) or no memory (it will be canceled). One at a time;
 * it comes back through stream_commit(), with `size` 0 to be dropped. */
struct chunk *stream_reserve(struct stream *stream);
void stream_commit(struct stream *stream, struct chunk *chunk, size_t size);
/* Whether the producer has said its last word: only then may the stream be released. */
bool stream_has_ended(struct stream *stream);
/* The producer's last word; `err` NULL means all bytes are in. Wakes the consumer. Only the first call counts. */
void stream_end(struct stream *stream, const struct err *err);
/* After a wake: resumes a paused producer that has room again, cancels one whose consumer left. */
void stream_service(struct stream *stream);

/* Scan thread. 1 and bytes that stay valid until the next call, 0 at the end, -1 with the producer's error. */
int stream_read(struct stream *stream, struct span *ret_bytes, struct err *err);
/* No more reads will come. */
void stream_abandon(struct stream *stream);

#endif
