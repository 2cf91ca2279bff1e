#include "base/limits.h"
#include "base/queue.h"
#include "engine/vulndb/vulndb_build.h"

/* A batch is large enough that handing it over costs nothing beside reading it, and a few of them keep every thread
 * busy. A document beyond a batch is read by the caller. */
enum { BATCH_BYTES = 256 * 1024, BATCHES_PER_THREAD = 2 };

struct piece {
    size_t name, body, body_size; /* places in the batch's bytes; the name ends with a NUL */
};

struct batch {
    struct buf bytes;
    VEC(struct piece) pieces;
};

struct crew {
    struct vulndb *build;
    struct queue queue;
    pthread_t *threads;
    size_t thread_count;
    struct batch *open; /* being filled by the caller */
    struct arena scratch;
    pthread_mutex_t lock; /* guards `err`; a leaf lock */
    struct err err;       /* the first that a thread met */
};

static void batch_free(struct batch *batch) {
    if (batch == NULL)
        return;
    buf_release(&batch->bytes);
    vec_release(&batch->pieces);
    mem_free(batch);
}

static bool crew_has_failed(struct crew *crew, struct err *err) {
    (void)pthread_mutex_lock(&crew->lock);
    struct err why = crew->err;
    (void)pthread_mutex_unlock(&crew->lock);
    if (why.code != ERR_NONE)
        (void)err_set(err, why.code, why.sys, "%s", why.text);
    return why.code != ERR_NONE;
}

static void crew_fail(struct crew *crew, const struct err *err) {
    (void)pthread_mutex_lock(&crew->lock);
    if (crew->err.code == ERR_NONE)
        crew->err = *err;
    (void)pthread_mutex_unlock(&crew->lock);
}

static void batch_read(struct crew *crew, struct arena *scratch, const struct batch *batch) {
    for (size_t i = 0; i < batch->pieces.count; i++) {
        const struct piece *piece = &batch->pieces.data[i];
        struct err err = {0};
        if (vulndb_read_document(crew->build, scratch, (const char *)batch->bytes.data + piece->name,
                                 span_slice(buf_span(&batch->bytes), piece->body, piece->body_size), &err) < 0) {
            crew_fail(crew, &err);
            return;
        }
    }
}

static void *crew_thread(void *context) {
    struct crew *crew = context;
    struct arena scratch;
    arena_init(&scratch, LIMIT_MIB, 0); /* bounded by the ceilings of a document */
    for (struct batch *batch = queue_pop(&crew->queue); batch != NULL; batch = queue_pop(&crew->queue)) {
        batch_read(crew, &scratch, batch);
        batch_free(batch);
    }
    arena_release(&scratch);
    return NULL;
}

/* Ends the threads that run and frees everything. */
static void crew_end(struct crew *crew) {
    queue_close(&crew->queue);
    for (size_t i = 0; i < crew->thread_count; i++)
        (void)pthread_join(crew->threads[i], NULL);
    queue_release(&crew->queue);
    arena_release(&crew->scratch);
    (void)pthread_mutex_destroy(&crew->lock);
    batch_free(crew->open);
    mem_free(crew->threads);
    mem_free(crew);
}

int crew_open(struct vulndb *build, unsigned threads, struct crew **ret_crew, struct err *err) {
    struct crew *crew = mem_zalloc(sizeof *crew);
    if (crew == NULL)
        return err_set(err, ERR_NOMEM, 0, "vulnerability database: out of memory");
    crew->build = build;
    crew->threads = mem_array(threads, sizeof *crew->threads);
    if (crew->threads == NULL || queue_init(&crew->queue, (size_t)threads * BATCHES_PER_THREAD, err) < 0 ||
        pthread_mutex_init(&crew->lock, NULL) != 0) {
        mem_free(crew->threads);
        mem_free(crew);
        return err_set(err, ERR_NOMEM, 0, "vulnerability database: out of memory");
    }
    arena_init(&crew->scratch, LIMIT_MIB, 0);
    for (; crew->thread_count < threads; crew->thread_count++) {
        int sys = pthread_create(&crew->threads[crew->thread_count], NULL, crew_thread, crew);
        if (sys != 0) {
            crew_end(crew);
            return err_set(err, ERR_NOMEM, sys, "vulnerability database: thread: %s", strerror(sys));
        }
    }
    *ret_crew = crew;
    return 0;
}

static bool batch_send(struct crew *crew) {
    struct batch *batch = STEAL(crew->open);
    return batch == NULL || queue_push(&crew->queue, batch);
}

static bool batch_append(struct batch *batch, const char *name, struct span bytes) {
    struct piece piece = {.name = batch->bytes.size, .body_size = bytes.size};
    buf_add(&batch->bytes, span_make(name, strlen(name) + 1));
    piece.body = batch->bytes.size;
    buf_add(&batch->bytes, bytes);
    return !batch->bytes.failed && vec_push(&batch->pieces, piece);
}

int crew_add(struct crew *crew, const char *name, struct span bytes, struct err *err) {
    if (crew_has_failed(crew, err))
        return -1;
    if (bytes.size >= BATCH_BYTES)
        return vulndb_read_document(crew->build, &crew->scratch, name, bytes, err);
    if (crew->open == NULL)
        crew->open = mem_zalloc(sizeof *crew->open);
    if (crew->open == NULL || !batch_append(crew->open, name, bytes))
        return err_set(err, ERR_NOMEM, 0, "vulnerability database: out of memory");
    if (crew->open->bytes.size >= BATCH_BYTES && !batch_send(crew))
        return err_set(err, ERR_CANCELED, 0, "vulnerability database: its threads have ended");
    return 0;
}

int crew_close(struct crew *crew, struct err *err) {
    (void)batch_send(crew);
    queue_close(&crew->queue);
    for (size_t i = 0; i < crew->thread_count; i++)
        (void)pthread_join(crew->threads[i], NULL);
    crew->thread_count = 0;
    int result = crew_has_failed(crew, err) ? -1 : 0;
    crew_end(crew);
    return result;
}
