/* Registries, against the fake server on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/source/source.h"
#include "tests/support/fake_http.h"

struct fixture {
    struct loop *loop;
    struct http *http;
    struct fake_http *server;
    struct arena arena;
    struct source_context context;
};

static int begin(void **state) {
    static struct fixture f;
    struct err err = {0};
    struct http_options options = {.attempts_max = 2, .backoff_ms = 2};
    f = (struct fixture){0};
    arena_init(&f.arena, 0, 0);
    assert_int_equal(loop_open(LOOP_EPOLL, &f.loop, &err), 0);
    assert_int_equal(http_open(f.loop, &options, &f.http, &err), 0);
    f.server = fake_http_start();
    f.context = (struct source_context){.loop = f.loop, .http = f.http, .arena = &f.arena};
    *state = &f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    http_close(f->http);
    loop_close(f->loop);
    fake_http_stop(f->server);
    arena_release(&f->arena);
    return 0;
}

/* What came of one question. */
struct answer {
    unsigned count;
    struct source_reference reference;
    struct digest digest;
    struct err err;
};

static void on_reference(void *context, struct source *source, const struct source_reference *reference) {
    struct answer *answer = context;
    (void)source;
    answer->reference = *reference;
}

static void on_listed(void *context, const struct err *err) {
    (void)context;
    assert_null(err);
}

static void on_head(void *context, const struct digest *digest, const struct err *err) {
    struct answer *answer = context;
    answer->count++;
    assert_true((digest == NULL) != (err == NULL));
    if (digest != NULL)
        answer->digest = *digest;
    if (err != NULL)
        answer->err = *err;
}

static void on_bytes(void *context, struct span bytes, const struct digest *digest, const struct err *err) {
    (void)bytes;
    on_head(context, digest, err);
}

/* HEAD or GET of a manifest. */
static struct answer ask(struct fixture *f, const char *name, bool get) {
    struct answer answer = {0};
    struct source *source = NULL;
    struct err err = {0};
    uint64_t end_ns = clock_ns() + 5000000000U;
    char *target = arena_format(&f->arena, "127.0.0.1:%u/team/app%s", fake_http_port(f->server), name);
    assert_int_equal(source_open(&f->context, span_text(target), &source, &err), 0);
    source->ops->list(source, on_reference, on_listed, &answer);
    if (get)
        source->ops->manifest(source, &answer.reference, NULL, on_bytes, &answer);
    else
        source->ops->head(source, &answer.reference, on_head, &answer);
    while (answer.count == 0 && clock_ns() < end_ns)
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
    assert_int_equal(answer.count, 1);
    source_close(source);
    return answer;
}

static struct answer head(struct fixture *f, const char *name) { return ask(f, name, false); }

static void heads(void **state) {
    struct fixture *f = *state;
    char text[DIGEST_TEXT_SIZE];
    struct answer answer = head(f, ":told");
    assert_string_equal(digest_text(&answer.digest, text), "sha256:" FAKE_HTTP_HEX);
    assert_true(fake_http_saw(f->server, "HEAD /v2/team/app/manifests/told HTTP/1.1"));
    assert_true(fake_http_saw(f->server, "application/vnd.oci.image.index.v1+json"));
    static const char *const silent[] = {":untold", ":garbled", ":headless"};
    for (size_t i = 0; i < ARRAY_COUNT(silent); i++) {
        answer = head(f, silent[i]);
        if (answer.err.code != ERR_NONE || answer.digest.algorithm != DIGEST_NONE)
            fail_msg("%s: %s", silent[i], answer.err.text);
    }
    answer = head(f, ":missing");
    assert_int_equal(answer.err.code, ERR_NOTFOUND);
    answer = head(f, "@sha256:" FAKE_HTTP_HEX);
    assert_int_equal(answer.err.code, ERR_NOTFOUND);
    assert_true(fake_http_saw(f->server, "HEAD /v2/team/app/manifests/sha256:" FAKE_HTTP_HEX));
}

/* The bytes of a tag are those that the server names, where it names any. */
static void manifests_of_tags(void **state) {
    struct fixture *f = *state;
    char text[DIGEST_TEXT_SIZE];
    static const char *const right[] = {":told", ":untold", ":garbled"};
    for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
        struct answer answer = ask(f, right[i], true);
        assert_string_equal(digest_text(&answer.digest, text), "sha256:" FAKE_HTTP_HEX);
    }
    struct answer answer = ask(f, ":flipped", true);
    assert_int_equal(answer.err.code, ERR_DIGEST);
    assert_non_null(strstr(answer.err.text, "expected sha256:" FAKE_HTTP_HEX ", found sha256:"));
    answer = ask(f, ":signed", true);
    assert_int_equal(answer.err.code, ERR_NONE);
    assert_string_not_equal(digest_text(&answer.digest, text), "sha256:" FAKE_HTTP_HEX);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(heads, begin, end),
                                       cmocka_unit_test_setup_teardown(manifests_of_tags, begin, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
