/* Memory, containers, errors and digests: what everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash/digest.h"
#include "base/map.h"
#include "base/queue.h"
#include "base/vec.h"

static void errors(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, ERR_FORMAT, 0, "tar: no magic at offset %d", 512), -1);
    assert_int_equal(err_wrap(&err, "layer %s", "sha256:ab"), -1);
    assert_string_equal(err.text, "layer sha256:ab: tar: no magic at offset 512");
    assert_int_equal(err.code, ERR_FORMAT);
    /* The innermost text survives any number of prefixes. */
    for (int i = 0; i < 100; i++)
        (void)err_wrap(&err, "a rather long name of something number %d", i);
    assert_non_null(strstr(err.text, "no magic at offset 512"));
    assert_true(strlen(err.text) < sizeof err.text);
    (void)err_set(NULL, ERR_IO, 0, "nobody listens");
    assert_true(err_is_retryable(ERR_NET) && !err_is_retryable(ERR_DIGEST));
}

static void arenas(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024, 8192);
    for (size_t i = 1; i < 200; i++) {
        uint8_t *data = arena_alloc(&arena, i % 40 + 1);
        if (data == NULL)
            break;
        assert_int_equal((uintptr_t)data % 16, 0);
        memset(data, (int)i, i % 40 + 1);
    }
    struct span copy = arena_copy(&arena, span_text("x"));
    assert_true(copy.data != NULL && span_is(copy, "x") && copy.data[1] == '\0');
    struct span empty = arena_copy(&arena, (struct span){NULL, 0});
    assert_non_null(empty.data);
    assert_null(arena_alloc(&arena, 8192)); /* past the ceiling */
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_non_null(arena_alloc(&arena, 8)); /* a refusal leaves it usable */
    arena_reset(&arena);
    assert_int_equal(arena.bytes, 0);
    assert_non_null(arena_alloc(&arena, 4096));
    assert_string_equal(arena_format(&arena, "%s-%d", "a", 7), "a-7");
    size_t before = mem_in_use();
    arena_release(&arena);
    assert_true(mem_in_use() < before);
}

static void buffers(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 16);
    buf_text(&buf, "0123456789");
    buf_be32(&buf, 0x41424344);
    assert_int_equal(buf.size, 14);
    buf_text(&buf, "xyz"); /* does not fit: nothing of it is there */
    assert_true(buf.failed);
    buf_byte(&buf, 'n'); /* ignored from now on */
    assert_int_equal(buf.size, 14);
    assert_memory_equal(buf.data, "0123456789ABCD", 14);
    buf_reset(&buf);
    assert_false(buf.failed);
    buf_release(&buf);
    buf_init(&buf, 0);
    buf_json_text(&buf, span_make("q\"\\\n\x01\xff\xc3\xa4", 8));
    buf_byte(&buf, '\0');
    assert_string_equal((char *)buf.data, "\"q\\\"\\\\\\u000a\\u0001\\ufffd\xc3\xa4\"");
    buf_release(&buf);
}

static void failing_memory(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    mem_fail_after(1, false);
    buf_text(&buf, "x");
    assert_true(buf.failed);
    buf_reset(&buf);
    buf_text(&buf, "x");
    assert_false(buf.failed);
    VEC(int) numbers = {0};
    assert_true(vec_push(&numbers, 1));
    mem_fail_after(1, true);
    bool pushed = true;
    size_t kept = 0;
    for (int i = 0; i < 100 && pushed; i++) {
        pushed = vec_push(&numbers, i);
        kept += pushed;
    }
    assert_false(pushed);
    assert_int_equal(numbers.count, 1 + kept); /* as it was */
    mem_fail_after(0, false);
    vec_release(&numbers);
    buf_release(&buf);
}

static void maps(void **state) {
    (void)state;
    struct map map;
    struct arena arena;
    map_init(&map, 42);
    arena_init(&arena, 0, 0);
    for (uintptr_t i = 1; i <= 5000; i++) {
        bool is_new;
        void **place = map_put(&map, span_text(arena_format(&arena, "key %zu", (size_t)i)), &is_new);
        assert_true(place != NULL && is_new);
        *place = (void *)i;
    }
    assert_int_equal(map.count, 5000);
    for (uintptr_t i = 1; i <= 5000; i++)
        assert_ptr_equal(map_get(&map, span_text(arena_format(&arena, "key %zu", (size_t)i))), (void *)i);
    assert_null(map_get(&map, span_text("key 0")));
    bool is_new = true;
    assert_ptr_equal(*map_put(&map, span_text("key 7"), &is_new), (void *)7);
    assert_false(is_new);
    map_release(&map);
    arena_release(&arena);
}

#define ITEMS ((uintptr_t)20000)

static void *produce(void *context) {
    for (uintptr_t i = 1; i <= ITEMS; i++)
        assert_true(queue_push(context, (void *)i));
    return NULL;
}

static void queues(void **state) {
    (void)state;
    struct queue queue;
    struct err err = {0};
    pthread_t producers[2];
    assert_int_equal(queue_init(&queue, 8, &err), 0);
    for (size_t i = 0; i < 8; i++)
        assert_true(queue_try_push(&queue, &queue));
    assert_false(queue_try_push(&queue, &queue)); /* full */
    for (size_t i = 0; i < 8; i++)
        assert_non_null(queue_try_pop(&queue));
    assert_null(queue_try_pop(&queue));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &queue), 0);
    uintptr_t sum = 0;
    for (uintptr_t i = 0; i < 2 * ITEMS; i++)
        sum += (uintptr_t)queue_pop(&queue);
    assert_true(sum == ITEMS * (ITEMS + 1)); /* none lost, none twice */
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(producers[i], NULL), 0);
    queue_close(&queue);
    assert_null(queue_pop(&queue));
    assert_false(queue_push(&queue, &queue));
    queue_release(&queue);
}

static void digests(void **state) {
    (void)state;
    static const char abc[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const struct {
        const char *text;
        enum err_code code;
    } bad[] = {
        {"", ERR_FORMAT},
        {"sha256", ERR_FORMAT},
        {"sha256:", ERR_FORMAT},
        {"sha256:ba78", ERR_FORMAT},
        {"sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ERR_FORMAT},
        {"sha256:../../../../etc/passwd", ERR_FORMAT},
        {"sha256:/etc/passwd", ERR_FORMAT},
        {"../sha256:ba78", ERR_FORMAT},
        {"md5:d41d8cd98f00b204e9800998ecf8427e", ERR_UNSUPPORTED},
        {"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0", ERR_FORMAT},
    };
    struct digest digest, found;
    struct err err = {0};
    char text[DIGEST_TEXT_SIZE];
    assert_int_equal(digest_parse(span_text(abc), &digest, &err), 0);
    assert_string_equal(digest_text(&digest, text), abc);
    assert_int_equal(digest_of(DIGEST_SHA256, span_text("abc"), &found, &err), 0);
    assert_true(digest_equal(&digest, &found));
    struct digest_stream *stream;
    assert_int_equal(digest_stream_new(DIGEST_SHA256, &stream, &err), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(digest_stream_begin(stream, DIGEST_SHA256, &err), 0);
        digest_stream_add(stream, span_text("a"));
        digest_stream_add(stream, span_text("bc"));
        found = digest_stream_end(stream);
        assert_true(digest_equal(&digest, &found));
    }
    /* A copy goes on from where it was taken, as often as one likes, and over what the target held before. */
    struct digest_stream *copy;
    assert_int_equal(digest_stream_new(DIGEST_SHA512, &copy, &err), 0);
    digest_stream_add(copy, span_text("of another algorithm"));
    assert_int_equal(digest_stream_begin(stream, DIGEST_SHA256, &err), 0);
    digest_stream_add(stream, span_text("a"));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(digest_stream_copy(copy, stream, &err), 0);
        digest_stream_add(copy, span_text("bc"));
        found = digest_stream_end(copy);
        assert_true(digest_equal(&digest, &found));
    }
    digest_stream_free(copy);
    digest_stream_free(stream);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        err = (struct err){0};
        assert_int_equal(digest_parse(span_text(bad[i].text), &digest, &err), -1);
        assert_int_equal(err.code, bad[i].code);
    }
}

static void base64(void **state) {
    (void)state;
    /* RFC 4648 §10, and all that is not the last one's fault. */
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xff\xfe?>", "//4/Pg=="}};
    static const char *const bad[] = {"Z", "Zg=", "Zg===", "Zm9vY", "Zm 9", "Zm9v\n", "=", "Z-8=", "Zg==Zg=="};
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct span text = span_text(cases[i].text);
        buf_reset(&out);
        base64_encode(&out, span_text(cases[i].plain));
        assert_true(span_equal(buf_span(&out), text));
        buf_reset(&out);
        assert_true(base64_decode(&out, text));
        assert_true(span_is(buf_span(&out), cases[i].plain));
        while (span_ends(text, "="))
            text.size--;
        buf_reset(&out);
        assert_true(base64_decode(&out, text));
        assert_true(span_is(buf_span(&out), cases[i].plain));
    }
    buf_reset(&out);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        if (base64_decode(&out, span_text(bad[i])) || out.size > 0)
            fail_msg("'%s' passed", bad[i]);
    }
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors), cmocka_unit_test(arenas), cmocka_unit_test(buffers), cmocka_unit_test(failing_memory),
        cmocka_unit_test(maps),   cmocka_unit_test(queues), cmocka_unit_test(digests), cmocka_unit_test(base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
