/* The stream between the loop and a scan thread: order, back-pressure, and every way to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "io/source/stream.h"

struct producer {
    unsigned wakes, resumes, cancels;
};

static void on_wake(void *context) { ((struct producer *)context)->wakes++; }

static void on_resume(void *context) { ((struct producer *)context)->resumes++; }

static void on_cancel(void *context) { ((struct producer *)context)->cancels++; }

struct fixture {
    struct chunk_pool pool;
    struct stream stream;
    struct producer producer;
    uint8_t *bytes; /* 8 chunks of counted bytes */
};

#define BYTES (8 * CHUNK_BYTES)

static int begin(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    struct err err = {0};
    chunk_pool_init(&f->pool);
    assert_int_equal(stream_init(&f->stream, &f->pool, 4, on_wake, &f->producer, &err), 0);
    stream_attach(&f->stream, on_resume, on_cancel, &f->producer);
    f->bytes = mem_alloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        f->bytes[i] = (uint8_t)(i * 2654435761U >> 13);
    *state = f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    stream_release(&f->stream);
    chunk_pool_release(&f->pool);
    mem_free(f->bytes);
    mem_free(f);
    return 0;
}

static void bytes_in_order(void **state) {
    struct fixture *f = *state;
    struct span bytes;
    struct err err = {0};
    size_t put = 0, got = 0;
    /* Odd pieces, read whenever the stream is full. */
    while (put < BYTES || got < BYTES) {
        size_t piece = BYTES - put < 77777 ? BYTES - put : 77777;
        size_t taken = stream_put(&f->stream, span_make(f->bytes + put, piece));
        put += taken;
        if (put == BYTES)
            stream_end(&f->stream, NULL);
        else if (taken == piece)
            continue;
        if (stream_read(&f->stream, &bytes, &err) != 1)
            break;
        assert_memory_equal(bytes.data, f->bytes + got, bytes.size);
        got += bytes.size;
        stream_service(&f->stream);
    }
    assert_int_equal(got, BYTES);
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 0);
    assert_int_equal(f->stream.bytes, BYTES);
    assert_true(f->producer.resumes > 0);
    assert_int_equal(f->producer.cancels, 0);
}

static void full_means_wait(void **state) {
    struct fixture *f = *state;
    struct span bytes;
    struct err err = {0};
    assert_int_equal(stream_put(&f->stream, span_make(f->bytes, BYTES)), CHUNK_BYTES); /* while nobody reads */
    assert_int_equal(stream_put(&f->stream, span_make(f->bytes, 1)), 0);
    unsigned wakes = f->producer.wakes;
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 1);
    assert_int_equal(f->producer.wakes, wakes + 1); /* the loop is told */
    stream_service(&f->stream);
    assert_int_equal(f->producer.resumes, 1);
    assert_int_equal(stream_put(&f->stream, span_make(f->bytes, BYTES)), 4 * CHUNK_BYTES); /* and not a byte more */
    assert_int_equal(stream_put(&f->stream, span_make(f->bytes, 1)), 0);
    assert_null(stream_reserve(&f->stream));
    stream_service(&f->stream);
    assert_int_equal(f->producer.resumes, 1); /* still full */
    wakes = f->producer.wakes;
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 1);
    assert_int_equal(f->producer.wakes, wakes + 1);
    stream_service(&f->stream);
    assert_int_equal(f->producer.resumes, 2);
    stream_service(&f->stream);
    assert_int_equal(f->producer.resumes, 2); /* once */
    stream_end(&f->stream, NULL);
}

static void chunks_in_place(void **state) {
    struct fixture *f = *state;
    struct span bytes;
    struct err err = {0};
    struct chunk *chunk = stream_reserve(&f->stream);
    assert_non_null(chunk);
    memcpy(chunk->data, "abc", 3);
    stream_commit(&f->stream, chunk, 3);
    stream_commit(&f->stream, stream_reserve(&f->stream), 0); /* nothing was read into it */
    stream_end(&f->stream, NULL);
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 1);
    assert_true(span_is(bytes, "abc"));
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 0);
}

static void error_behind_bytes(void **state) {
    struct fixture *f = *state;
    struct span bytes;
    struct err err = {0}, broken = {.code = ERR_NET, .text = "reset"}, later = {.code = ERR_IO, .text = "late"};
    assert_int_equal(stream_put(&f->stream, span_text("abc")), 3);
    stream_end(&f->stream, &broken);
    stream_end(&f->stream, &later); /* only the first word counts */
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 1);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(stream_read(&f->stream, &bytes, &err), -1);
    assert_int_equal(err.code, ERR_NET);
}

static void abandoned(void **state) {
    struct fixture *f = *state;
    (void)stream_put(&f->stream, span_make(f->bytes, BYTES));
    stream_abandon(&f->stream);
    assert_int_equal(f->producer.wakes, 1);
    stream_service(&f->stream);
    assert_int_equal(f->producer.cancels, 1);
    assert_int_equal(stream_put(&f->stream, span_make(f->bytes, BYTES)), BYTES); /* taken and forgotten */
    assert_false(stream_has_ended(&f->stream));
    stream_end(&f->stream, NULL);
    assert_true(stream_has_ended(&f->stream));
}

static void short_of_memory(void **state) {
    struct fixture *f = *state;
    struct span bytes;
    struct err err = {0};
    mem_fail_after(1, false);
    assert_int_equal(stream_put(&f->stream, span_text("abc")), 3);
    assert_int_equal(stream_read(&f->stream, &bytes, &err), -1);
    assert_int_equal(err.code, ERR_NOMEM);
    stream_service(&f->stream);
    assert_int_equal(f->producer.cancels, 1);
    stream_end(&f->stream, &(struct err){.code = ERR_CANCELED});
}

struct reading {
    struct stream *stream;
    const uint8_t *bytes;
    size_t got;
    bool equal;
};

static void *read_all(void *context) {
    struct reading *reading = context;
    struct span bytes;
    struct err err = {0};
    reading->equal = true;
    while (stream_read(reading->stream, &bytes, &err) == 1) {
        reading->equal = reading->equal && memcmp(bytes.data, reading->bytes + reading->got, bytes.size) == 0;
        reading->got += bytes.size;
    }
    return NULL;
}

static void two_threads(void **state) {
    struct fixture *f = *state;
    struct reading reading = {.stream = &f->stream, .bytes = f->bytes};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reading), 0);
    for (size_t put = 0; put < BYTES;)
        put += stream_put(&f->stream, span_make(f->bytes + put, BYTES - put < 5000 ? BYTES - put : 5000));
    stream_end(&f->stream, NULL);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(reading.equal && reading.got == BYTES);
}

static int pull(void *context, struct span *ret_bytes, struct err *err) {
    unsigned *left = context;
    if (*left == 0)
        return err_set(err, ERR_FORMAT, 0, "cut");
    *ret_bytes = span_text("piece");
    (*left)--;
    return 1;
}

static unsigned closed;

static void pull_close(void *context) {
    (void)context;
    closed++;
}

static void pulled(void **state) {
    struct fixture *f = *state;
    unsigned left = 2;
    struct span bytes;
    struct err err = {0};
    f->stream.pull = pull;
    f->stream.pull_close = pull_close;
    f->stream.pull_context = &left;
    stream_end(&f->stream, NULL);
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 1);
    assert_int_equal(stream_read(&f->stream, &bytes, &err), 1);
    assert_int_equal(stream_read(&f->stream, &bytes, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    assert_int_equal(f->stream.bytes, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(bytes_in_order),     TEST(full_means_wait), TEST(chunks_in_place),
                                       TEST(error_behind_bytes), TEST(abandoned),       TEST(short_of_memory),
                                       TEST(two_threads),        TEST(pulled)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (closed != 1);
}
