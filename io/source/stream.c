#include "io/source/stream.h"

#include "base/alloc.h"
#include "base/overflow.h"

void chunk_pool_init(struct chunk_pool *pool) {
    pool->free = NULL;
    (void)pthread_mutex_init(&pool->lock, NULL);
}

static void chunks_free(struct chunk *chunk) {
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        mem_free(chunk);
        chunk = next;
    }
}

void chunk_pool_release(struct chunk_pool *pool) {
    chunks_free(pool->free);
    pool->free = NULL;
    (void)pthread_mutex_destroy(&pool->lock);
}

static struct chunk *chunk_take(struct chunk_pool *pool) {
    (void)pthread_mutex_lock(&pool->lock);
    struct chunk *chunk = pool->free;
    if (chunk != NULL)
        pool->free = chunk->next;
    (void)pthread_mutex_unlock(&pool->lock);
    if (chunk == NULL)
        chunk = mem_alloc(sizeof *chunk);
    if (chunk != NULL) {
        chunk->next = NULL;
        chunk->size = 0;
    }
    return chunk;
}

static void chunk_give(struct chunk_pool *pool, struct chunk *chunk) {
    if (chunk == NULL)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    chunk->next = pool->free;
    pool->free = chunk;
    (void)pthread_mutex_unlock(&pool->lock);
}

int stream_init(struct stream *stream, struct chunk_pool *pool, size_t chunks_max, void (*wake)(void *),
                void *wake_context, struct err *err) {
    assert(chunks_max >= 2);
    *stream = (struct stream){.pool = pool, .chunks_max = chunks_max, .wake = wake, .wake_context = wake_context};
    if (pthread_mutex_init(&stream->lock, NULL) != 0 || pthread_cond_init(&stream->readable, NULL) != 0)
        return err_set(err, ERR_NOMEM, 0, "stream: no lock");
    return 0;
}

void stream_release(struct stream *stream) {
    while (stream->first != NULL) {
        struct chunk *chunk = stream->first;
        stream->first = chunk->next;
        chunk_give(stream->pool, chunk);
    }
    chunk_give(stream->pool, stream->held);
    if (stream->pull_close != NULL)
        stream->pull_close(stream->pull_context);
    (void)pthread_cond_destroy(&stream->readable);
    (void)pthread_mutex_destroy(&stream->lock);
}

void stream_attach(struct stream *stream, stream_resume_fn resume, stream_cancel_fn cancel, void *producer) {
    stream->resume = resume;
    stream->cancel = cancel;
    stream->producer = producer;
}

/* Memory is short: the consumer learns it after what is queued, the producer is canceled by the next stream_service().
 */
static void break_off(struct stream *stream) {
    stream->broken = true;
    (void)err_set(&stream->err, ERR_NOMEM, 0, "stream: out of memory");
    (void)pthread_cond_signal(&stream->readable);
}

/* Nothing more is taken: it has ended, the consumer has gone, or memory is short. */
static bool is_closed(const struct stream *stream) { return stream->ended || stream->abandoned || stream->broken; }

static bool is_full(const struct stream *stream) { return stream->count >= (stream->is_read ? stream->chunks_max : 1); }

static void chunk_append(struct stream *stream, struct chunk *chunk) {
    if (stream->last == NULL)
        stream->first = chunk;
    else
        stream->last->next = chunk;
    stream->last = chunk;
}

size_t stream_put(struct stream *stream, struct span bytes) {
    size_t taken = 0;
    (void)pthread_mutex_lock(&stream->lock);
    while (taken < bytes.size) {
        if (is_closed(stream)) {
            taken = bytes.size;
            break;
        }
        struct chunk *chunk = stream->last;
        if (chunk == NULL || chunk->size == CHUNK_BYTES) {
            if (is_full(stream)) {
                stream->paused = true;
                break;
            }
            chunk = chunk_take(stream->pool);
            if (chunk == NULL) {
                break_off(stream);
                continue;
            }
            chunk_append(stream, chunk);
            stream->count++;
        }
        size_t size = size_min(CHUNK_BYTES - chunk->size, bytes.size - taken);
        memcpy(chunk->data + chunk->size, bytes.data + taken, size);
        chunk->size += size;
        taken += size;
    }
    stream->bytes += taken;
    (void)pthread_cond_signal(&stream->readable);
    (void)pthread_mutex_unlock(&stream->lock);
    return taken;
}

struct chunk *stream_reserve(struct stream *stream) {
    struct chunk *chunk = NULL;
    (void)pthread_mutex_lock(&stream->lock);
    if (!is_closed(stream)) {
        stream->paused = is_full(stream);
        chunk = stream->paused ? NULL : chunk_take(stream->pool);
        if (chunk != NULL) {
            stream->count++;
        } else if (!stream->paused) {
            break_off(stream);
        }
    }
    (void)pthread_mutex_unlock(&stream->lock);
    return chunk;
}

void stream_commit(struct stream *stream, struct chunk *chunk, size_t size) {
    assert(size <= CHUNK_BYTES);
    (void)pthread_mutex_lock(&stream->lock);
    bool keep = size > 0 && !is_closed(stream);
    if (keep) {
        chunk->size = size;
        chunk_append(stream, chunk);
        stream->bytes += size;
        (void)pthread_cond_signal(&stream->readable);
    } else {
        stream->count--;
    }
    (void)pthread_mutex_unlock(&stream->lock);
    if (!keep)
        chunk_give(stream->pool, chunk);
}

bool stream_has_ended(struct stream *stream) {
    (void)pthread_mutex_lock(&stream->lock);
    bool ended = stream->ended;
    (void)pthread_mutex_unlock(&stream->lock);
    return ended;
}

void stream_end(struct stream *stream, const struct err *err) {
    (void)pthread_mutex_lock(&stream->lock);
    if (!stream->ended) {
        stream->ended = true;
        if (err != NULL && !stream->broken)
            stream->err = *err;
    }
    (void)pthread_cond_signal(&stream->readable);
    (void)pthread_mutex_unlock(&stream->lock);
    stream->wake(stream->wake_context);
}

void stream_service(struct stream *stream) {
    (void)pthread_mutex_lock(&stream->lock);
    bool cancel = (stream->abandoned || stream->broken) && !stream->ended;
    bool resume = stream->paused && !cancel && !stream->ended && !is_full(stream); /* a producer that ended is gone */
    if (resume)
        stream->paused = false;
    (void)pthread_mutex_unlock(&stream->lock);
    if (cancel && stream->cancel != NULL)
        stream->cancel(stream->producer);
    else if (resume && stream->resume != NULL)
        stream->resume(stream->producer);
}

static int pull(struct stream *stream, struct span *ret_bytes, struct err *err) {
    int result = stream->pull(stream->pull_context, ret_bytes, err);
    if (result > 0)
        stream->bytes += ret_bytes->size;
    return result;
}

int stream_read(struct stream *stream, struct span *ret_bytes, struct err *err) {
    if (stream->pull != NULL)
        return pull(stream, ret_bytes, err);
    chunk_give(stream->pool, stream->held);
    stream->held = NULL;
    (void)pthread_mutex_lock(&stream->lock);
    stream->is_read = true;
    while (stream->first == NULL && !stream->ended && !stream->broken)
        (void)pthread_cond_wait(&stream->readable, &stream->lock);
    struct chunk *chunk = stream->first;
    bool wake = false;
    if (chunk != NULL) {
        stream->first = chunk->next;
        if (stream->first == NULL)
            stream->last = NULL;
        stream->count--;
        wake = stream->paused || stream->broken;
    }
    bool failed = chunk == NULL && stream->err.code != ERR_NONE;
    if (failed && err != NULL)
        *err = stream->err;
    (void)pthread_mutex_unlock(&stream->lock);
    if (wake)
        stream->wake(stream->wake_context);
    if (chunk == NULL)
        return failed ? -1 : 0;
    stream->held = chunk;
    *ret_bytes = span_make(chunk->data, chunk->size);
    return 1;
}

void stream_abandon(struct stream *stream) {
    (void)pthread_mutex_lock(&stream->lock);
    bool wake = !stream->abandoned && !stream->ended && stream->pull == NULL;
    stream->abandoned = true;
    (void)pthread_mutex_unlock(&stream->lock);
    if (wake)
        stream->wake(stream->wake_context);
}
