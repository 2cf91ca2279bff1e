/* The HTTP client against a server that misbehaves in every way, over the three event loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/http/http.h"
#include "tests/support/fake_http.h"

static enum loop_kind kind;

struct fixture {
    struct loop *loop;
    struct http *http;
    struct fake_http *server;
};

/* One request's story. */
struct story {
    struct fixture *f;
    struct http_request *request;
    uint64_t received;
    bool wrong; /* a byte that does not follow the pattern */
    unsigned done;
    struct err err;
    long status;
    unsigned attempts, resumes;
    uint64_t body_bytes, content_size;
    char digest[64], link[64], authenticate[64], url[128];
    size_t link_size;
    /* What the consumer does. */
    size_t take;       /* of each piece before it pauses; 0: all */
    uint64_t abort_at; /* bytes after which it wants no more; 0: never */
    unsigned pause_ms;
};

static int begin(void **state) {
    static struct fixture f;
    struct err err = {0};
    struct http_options options = {.connections_per_host = 4,
                                   .attempts_max = 3,
                                   .backoff_ms = 2,
                                   .stall_timeout_ms = 2000, /* the machine may be busy; see impatient() */
                                   .retry_after_max_ms = 50};
    f = (struct fixture){0};
    assert_int_equal(loop_open(kind, &f.loop, &err), 0);
    assert_int_equal(http_open(f.loop, &options, &f.http, &err), 0);
    f.server = fake_http_start();
    *state = &f;
    return 0;
}

/* A client that waits for so long only, in place of the fixture's until patient(). */
static struct http *impatient(struct fixture *f, unsigned stall_timeout_ms, unsigned attempts_max) {
    struct http_options options = {
        .attempts_max = attempts_max, .backoff_ms = 2, .stall_timeout_ms = stall_timeout_ms, .retry_after_max_ms = 50};
    struct http *usual = f->http;
    struct err err = {0};
    assert_int_equal(http_open(f->loop, &options, &f->http, &err), 0);
    return usual;
}

static void patient(struct fixture *f, struct http *usual) {
    http_close(f->http);
    f->http = usual;
}

static int end(void **state) {
    struct fixture *f = *state;
    http_close(f->http);
    loop_close(f->loop);
    fake_http_stop(f->server);
    return 0;
}

static void on_resume(void *context) {
    struct story *story = context;
    if (story->done == 0)
        http_resume(story->request);
}

static enum http_flow on_body(void *context, struct span bytes, size_t *ret_taken, struct err *err) {
    struct story *story = context;
    size_t taken = story->take > 0 && story->take < bytes.size ? story->take : bytes.size;
    for (size_t i = 0; i < taken; i++)
        story->wrong = story->wrong || bytes.data[i] != fake_http_pattern(story->received + i);
    story->received += taken;
    if (story->abort_at > 0 && story->received >= story->abort_at) {
        (void)err_set(err, ERR_FORMAT, 0, "enough");
        return HTTP_ABORT;
    }
    *ret_taken = taken;
    if (taken == bytes.size)
        return HTTP_CONTINUE;
    assert_true(loop_timer(story->f->loop, story->pause_ms, on_resume, story) != 0);
    return HTTP_PAUSE;
}

static void on_done(void *context, const struct http_result *result) {
    struct story *story = context;
    story->done++;
    story->err = result->err;
    story->status = result->status;
    story->attempts = result->attempts;
    story->resumes = result->resumes;
    story->body_bytes = result->body_bytes;
    story->content_size = result->content_size;
    (void)snprintf(story->digest, sizeof story->digest, "%.60s", result->content_digest);
    (void)snprintf(story->url, sizeof story->url, "%.120s", result->url);
    story->link_size = strlen(result->link);
    (void)snprintf(story->link, sizeof story->link, "%.60s", result->link);
    (void)snprintf(story->authenticate, sizeof story->authenticate, "%.60s", result->authenticate);
}

static const char *url_of(const struct fixture *f, const char *path) {
    static char url[4][256];
    static unsigned turn;
    char *out = url[turn++ % 4];
    (void)snprintf(out, 256, "http://127.0.0.1:%u%s", fake_http_port(f->server), path);
    return out;
}

static void turn_until(struct fixture *f, const unsigned *count, unsigned wanted) {
    struct err err = {0};
    uint64_t end_ns = clock_ns() + 5000000000U;
    while (*count < wanted && clock_ns() < end_ns)
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
    assert_int_equal(*count, wanted);
}

static void start(struct fixture *f, struct story *story, struct http_spec spec) {
    struct err err = {0};
    story->f = f;
    spec.body = spec.body == NULL ? on_body : spec.body;
    spec.done = on_done;
    spec.context = story;
    assert_int_equal(http_start(f->http, &spec, &story->request, &err), 0);
    assert_int_equal(story->done, 0); /* never inside the call */
}

static struct story fetch(struct fixture *f, const char *path, struct story story) {
    start(f, &story, (struct http_spec){.url = url_of(f, path)});
    turn_until(f, &story.done, 1);
    assert_false(story.wrong);
    return story;
}

static void bodies(void **state) {
    struct fixture *f = *state;
    struct story story = fetch(f, "/ok/1000000", (struct story){0});
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.status, 200);
    assert_int_equal(story.received, 1000000);
    assert_int_equal(story.content_size, 1000000);
    assert_int_equal(story.attempts, 1);
    story = fetch(f, "/ok/0", (struct story){0});
    assert_true(story.err.code == ERR_NONE && story.received == 0);
    struct story head = {0};
    start(f, &head, (struct http_spec){.url = url_of(f, "/ok/77?x=secret"), .head = true});
    turn_until(f, &head.done, 1);
    assert_true(head.err.code == ERR_NONE && head.content_size == 77 && head.received == 0);
    assert_string_equal(head.digest, "sha256:x");
    assert_string_equal(head.link, "</next>; rel=\"next\"");
}

static void pausing(void **state) {
    struct fixture *f = *state;
    struct story story = fetch(f, "/ok/300000", (struct story){.take = 5000});
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.received, 300000); /* each byte once */
    struct http *usual = impatient(f, 250, 3);
    story = fetch(f, "/ok/40000", (struct story){.take = 30000, .pause_ms = 600}); /* longer than the stall timeout */
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.attempts, 1);
    patient(f, usual);
}

static void resumption(void **state) {
    struct fixture *f = *state;
    struct story story = fetch(f, "/cut/3000000/1100000", (struct story){0});
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.received, 3000000);
    assert_int_equal(story.attempts, 3);
    assert_int_equal(story.resumes, 2);
    story = fetch(f, "/cut/100000/30000", (struct story){.take = 7000}); /* with pauses; four pieces are one too many */
    assert_int_equal(story.err.code, ERR_NET);
    assert_int_equal(story.attempts, 3);
    story = fetch(f, "/norange/200000/70000", (struct story){.take = 9000});
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.received, 200000);
    story = fetch(f, "/badrange/200000/70000", (struct story){0});
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.received, 200000); /* from zero, since it cannot continue */
    assert_int_equal(story.attempts, 3);
    assert_int_equal(story.resumes, 1);
}

/* What comes after the break is not what was there before it: nothing may be made up of the two. */
static void changed_objects(void **state) {
    struct fixture *f = *state;
    struct story story = fetch(f, "/grow/200000/70000", (struct story){0});
    assert_int_equal(story.err.code, ERR_NET);
    assert_non_null(strstr(story.err.text, "changed"));
    assert_int_equal(story.received, 70000);
    assert_int_equal(story.attempts, 2);
    story = fetch(f, "/nolength/200000/70000", (struct story){0});
    assert_int_equal(story.err.code, ERR_NET);
    assert_int_equal(story.received, 199999);
    assert_non_null(strstr(story.err.text, "expected 200000 bytes, found 199999"));
    story = fetch(f, "/chunkcut", (struct story){0}); /* all of it was there */
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.received, 4);
    assert_int_equal(story.content_size, 4);
    assert_int_equal(story.attempts, 2);
}

/* Half a Link would end a listing early. */
static void long_headers(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *path;
        size_t size;
    } cases[] = {{"/link/1500", 1500}, {"/link/16383", 16383}, {"/link/16384", 0}, {"/link/60000", 0}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct story story = fetch(f, cases[i].path, (struct story){0});
        if (story.err.code != (cases[i].size == 0 ? ERR_LIMIT : ERR_NONE))
            fail_msg("%s: %s", cases[i].path, story.err.text);
        assert_int_equal(story.link_size, cases[i].size);
        assert_int_equal(story.attempts, 1);
    }
}

static void many_headers(void **state) {
    struct fixture *f = *state;
    char path[32];
    size_t most = (LIMIT_HTTP_HEADS_BYTES - 200) / 1024; /* 200: the other lines */
    (void)snprintf(path, sizeof path, "/heads/%zu", most);
    struct story story = fetch(f, path, (struct story){0});
    assert_int_equal(story.err.code, ERR_NONE);
    (void)snprintf(path, sizeof path, "/heads/%zu", most + 1);
    story = fetch(f, path, (struct story){0});
    assert_int_equal(story.err.code, ERR_LIMIT);
    assert_non_null(strstr(story.err.text, "headers: expected at most 262144 bytes"));
    assert_int_equal(story.attempts, 1);
}

/* A byte now and then is no stall, and would never end. */
static void slow(void **state) {
    struct fixture *f = *state;
    struct http *usual = impatient(f, 80, 1);
    struct story story = {0};
    /* On a busy machine the server itself may fall silent for so long. */
    for (int i = 0; i < 5 && strstr(story.err.text, "too slow: expected 262144 bytes in 800 ms, found ") == NULL; i++) {
        story = fetch(f, "/drip/100000", (struct story){0});
        assert_int_equal(story.err.code, ERR_NET);
    }
    assert_non_null(strstr(story.err.text, "too slow"));
    assert_true(story.received > 20);
    patient(f, usual);
}

/* A loop that was held up finds its transfers as they were. */
static void held_up(void **state) {
    struct fixture *f = *state;
    struct http *usual = impatient(f, 200, 1);
    struct story story = {0};
    struct err err = {0};
    start(f, &story, (struct http_spec){.url = url_of(f, "/drip/50")});
    while (http_stats(f->http).attempts == 0) /* it is about to connect */
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
    (void)poll(NULL, 0, 500); /* what a callback must not do */
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.received, 50);
    patient(f, usual);
}

static void retries(void **state) {
    struct fixture *f = *state;
    struct story story = fetch(f, "/flaky/500/2/a", (struct story){0});
    assert_true(story.err.code == ERR_NONE && story.received == 10 && story.attempts == 3);
    story = fetch(f, "/flaky/429/1/b", (struct story){0});
    assert_true(story.err.code == ERR_NONE && story.attempts == 2);
    story = fetch(f, "/flaky/503/9/c", (struct story){0});
    assert_int_equal(story.err.code, ERR_NET);
    assert_int_equal(story.attempts, 3);
    assert_non_null(strstr(story.err.text, "503"));
    assert_non_null(strstr(story.err.text, "3 attempts"));
    story = fetch(f, "/drop", (struct story){0});
    assert_int_equal(story.err.code, ERR_NET);
    assert_true(http_stats(f->http).retries >= 7);
    struct http *usual = impatient(f, 250, 3);
    story = fetch(f, "/stall", (struct story){0});
    assert_int_equal(story.err.code, ERR_NET);
    assert_int_equal(story.attempts, 3);
    assert_non_null(strstr(story.err.text, "no byte"));
    story = fetch(f, "/drip/80", (struct story){0}); /* slower than the timeout in all, and never still */
    assert_int_equal(story.err.code, ERR_NONE);
    patient(f, usual);
}

static void refusals(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *path;
        enum err_code code;
    } cases[] = {{"/status/401", ERR_AUTH},        {"/status/403", ERR_AUTH},
                 {"/status/404", ERR_NOTFOUND},    {"/status/410", ERR_NOTFOUND},
                 {"/status/400", ERR_UNSUPPORTED}, {"/endless/404", ERR_NOTFOUND},
                 {"/ftp", ERR_UNSUPPORTED},        {"/loop", ERR_LIMIT},
                 {"/file", ERR_UNSUPPORTED}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct story story = fetch(f, cases[i].path, (struct story){0});
        if (story.err.code != cases[i].code)
            fail_msg("%s: %s", cases[i].path, story.err.text);
        assert_int_equal(story.attempts, 1);
        assert_int_equal(story.received, 0);
    }
    /* What a server chooses reaches no terminal as it is. */
    struct story story = fetch(f, "/odd", (struct story){0});
    assert_true(story.err.code != ERR_NONE && story.err.code != ERR_FORMAT);
    for (const char *byte = story.err.text; *byte != '\0'; byte++)
        assert_in_range(*byte, ' ', '~');
    story = fetch(f, "/status/401?token=hidden", (struct story){0});
    assert_string_equal(story.authenticate, "Bearer realm=\"r\"");
    assert_null(strstr(story.err.text, "hidden"));
    static const char *const urls[] = {"ftp://127.0.0.1/x",
                                       "127.0.0.1/x",
                                       "ftp://user:hidden@127.0.0.1/x",
                                       "http://user:hidden@127.0.0.1/x",
                                       "http://127.0.0.1/x\r\ny: z",
                                       "http://127.0.0.1/a b",
                                       "http://127.0.0.1/\x9b",
                                       ""};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        struct err err = {0};
        struct http_spec spec = {.url = urls[i], .done = on_done, .context = &story};
        assert_int_equal(http_start(f->http, &spec, NULL, &err), -1);
        assert_int_equal(err.code, ERR_USAGE);
        assert_null(strstr(err.text, "hidden"));
    }
    const char *const smuggled[] = {"authorization: Bearer x", NULL}, *const split[] = {"accept: a\r\nhost: b", NULL};
    const char *const spaced[] = {"Authorization : Bearer x", NULL}, *const proxy[] = {"proxy-authorization: x", NULL};
    const struct http_spec specs[] = {{.headers = smuggled},
                                      {.headers = split},
                                      {.headers = spaced},
                                      {.headers = proxy},
                                      {.authorization = "Bearer made-up\r\nhost: b"}};
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        struct err err = {0};
        struct http_spec spec = specs[i];
        spec.url = url_of(f, "/ok/1");
        spec.done = on_done;
        spec.context = &story;
        assert_int_equal(http_start(f->http, &spec, NULL, &err), -1);
        assert_int_equal(err.code, ERR_USAGE);
    }
}

static void ceilings(void **state) {
    struct fixture *f = *state;
    struct story story = {0};
    start(f, &story, (struct http_spec){.url = url_of(f, "/ok/1000"), .bytes_max = 1000});
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_NONE);
    story = (struct story){0};
    start(f, &story, (struct http_spec){.url = url_of(f, "/ok/1001"), .bytes_max = 1000});
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_LIMIT);
    assert_int_equal(story.attempts, 1);
    story = fetch(f, "/ok/500000", (struct story){.abort_at = 1000});
    assert_int_equal(story.err.code, ERR_FORMAT);
    assert_non_null(strstr(story.err.text, "enough"));
}

static void credentials_stay(void **state) {
    struct fixture *f = *state;
    struct fake_http *other = fake_http_start();
    char path[64];
    (void)snprintf(path, sizeof path, "/to/%u/ok/10", fake_http_port(other));
    struct story basic = {0}, bearer = {0};
    start(f, &basic, (struct http_spec){.url = url_of(f, path), .username = "somebody", .password = "made-up"});
    turn_until(f, &basic.done, 1);
    start(f, &bearer, (struct http_spec){.url = url_of(f, path), .authorization = "Bearer made-up-token"});
    turn_until(f, &bearer.done, 1);
    assert_true(basic.err.code == ERR_NONE && basic.received == 10);
    assert_true(bearer.err.code == ERR_NONE && bearer.received == 10);
    (void)snprintf(path, sizeof path, "http://127.0.0.1:%u/ok/10", fake_http_port(other));
    assert_string_equal(basic.url, path);
    assert_true(fake_http_saw(f->server, "Authorization: Basic "));
    assert_true(fake_http_saw(f->server, "Authorization: Bearer made-up-token"));
    assert_int_equal(fake_http_requests(other), 2);
    assert_false(fake_http_saw(other, "uthorization"));
    fake_http_stop(other);
}

/* A gate whose credentials are tokens of the fake server, told apart by number. */
struct test_gate {
    struct http_gate gate;
    struct fixture *f;
    unsigned token, challenges;
    unsigned wait_ms; /* how long a token takes; 0: it is there at once */
    bool waiting, stubborn;
    char text[64], seen[128];
};

static void on_token(void *context) {
    struct test_gate *gate = context;
    gate->waiting = false;
    http_gate_turn(gate->f->http, &gate->gate);
}

static void on_token_body(void *context, const struct http_result *result, struct span body) {
    struct test_gate *gate = context;
    assert_int_equal(result->err.code, ERR_NONE);
    assert_true(body.size > 0);
    gate->token = fake_http_tokens(gate->f->server);
    (void)loop_timer(gate->f->loop, gate->wait_ms, on_token, gate);
}

static enum http_pass on_pass(struct http_gate *base, const char **ret_authorization, unsigned *ret_generation,
                              struct err *err) {
    struct test_gate *gate = (struct test_gate *)base;
    if (gate->waiting)
        return HTTP_WAIT;
    if (gate->stubborn && gate->token > 0) {
        (void)err_set(err, ERR_AUTH, 0, "no more tokens");
        return HTTP_REFUSE;
    }
    (void)snprintf(gate->text, sizeof gate->text, "Bearer made-up-token-%u", gate->token);
    *ret_authorization = gate->token == 0 ? NULL : gate->text;
    *ret_generation = gate->token;
    return HTTP_PASS;
}

static bool on_challenge(struct http_gate *base, unsigned generation, const char *authenticate, struct err *err) {
    struct test_gate *gate = (struct test_gate *)base;
    gate->challenges++;
    (void)snprintf(gate->seen, sizeof gate->seen, "%s", authenticate);
    if (gate->stubborn && gate->wait_ms > 0)
        return err_set(err, ERR_AUTH, 0, "not with me") == 0;
    if (generation != gate->token || gate->waiting)
        return true;
    struct http_spec spec = {.url = url_of(gate->f, "/token/ok"), .bytes_max = 100};
    gate->waiting = http_get_buffer(gate->f->http, &spec, on_token_body, gate, NULL, err) == 0;
    return gate->waiting;
}

static struct test_gate gate_make(struct fixture *f, unsigned wait_ms) {
    return (struct test_gate){.gate = {.pass = on_pass, .challenge = on_challenge}, .f = f, .wait_ms = wait_ms};
}

static void gates(void **state) {
    struct fixture *f = *state;
    struct test_gate gate = gate_make(f, 5);
    struct story story = {0};
    start(f, &story, (struct http_spec){.url = url_of(f, "/auth/ok/9/ok/10"), .gate = &gate.gate});
    turn_until(f, &story.done, 1);
    assert_true(story.err.code == ERR_NONE && story.received == 10 && story.attempts == 1);
    assert_int_equal(gate.challenges, 1);
    assert_non_null(strstr(gate.seen, "Negotiate, Bearer realm=\"http://"));
    /* The next one has its token at once. */
    unsigned requests = fake_http_requests(f->server);
    story = (struct story){0};
    start(f, &story, (struct http_spec){.url = url_of(f, "/auth/ok/9/ok/10"), .head = true, .gate = &gate.gate});
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(fake_http_requests(f->server), requests + 1);
    /* A thousand that wait are one token and no connection. */
    static struct story many[1000];
    gate = gate_make(f, 20);
    unsigned done = 0;
    for (size_t i = 0; i < ARRAY_COUNT(many); i++) {
        many[i] = (struct story){0};
        start(f, &many[i], (struct http_spec){.url = url_of(f, "/auth/ok/2000/ok/10"), .gate = &gate.gate});
    }
    uint64_t end_ns = clock_ns() + 5000000000U;
    for (struct err err = {0}; done < ARRAY_COUNT(many) && clock_ns() < end_ns;) {
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
        done = 0;
        for (size_t i = 0; i < ARRAY_COUNT(many); i++)
            done += many[i].done;
    }
    for (size_t i = 0; i < ARRAY_COUNT(many); i++)
        assert_true(many[i].err.code == ERR_NONE && many[i].received == 10);
    assert_int_equal(fake_http_tokens(f->server), 2);
    assert_true(gate.challenges <= 4); /* those in flight with the first token */
    assert_null(gate.gate.first);
}

/* Each token is good for one request, and each request brings a piece: the consumer sees no seam. */
static void expiry(void **state) {
    struct fixture *f = *state;
    struct test_gate gate = gate_make(f, 1);
    struct story story = {.take = 300000};
    start(f, &story, (struct http_spec){.url = url_of(f, "/auth/ok/1/cut/6000000/1100000"), .gate = &gate.gate});
    turn_until(f, &story.done, 1);
    assert_false(story.wrong);
    assert_int_equal(story.err.code, ERR_NONE);
    assert_int_equal(story.received, 6000000);
    assert_int_equal(story.attempts, 6);
    assert_int_equal(gate.challenges, 6);
    /* No token is ever good: the request gives up. */
    story = (struct story){0};
    gate.challenges = 0;
    start(f, &story, (struct http_spec){.url = url_of(f, "/auth/ok/0/ok/10"), .gate = &gate.gate});
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_AUTH);
    assert_int_equal(gate.challenges, LIMIT_HTTP_CHALLENGES);
    assert_non_null(strstr(story.err.text, "401"));
}

static void gates_refuse(void **state) {
    struct fixture *f = *state;
    struct fake_http *other = fake_http_start();
    struct test_gate gate = gate_make(f, 5);
    struct story story = {0}, waiting = {0};
    char path[64];
    gate.stubborn = true;
    start(f, &story, (struct http_spec){.url = url_of(f, "/auth/ok/9/ok/10"), .gate = &gate.gate});
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_AUTH);
    assert_non_null(strstr(story.err.text, "/auth/ok/9/ok/10: status 401: not with me"));
    story = (struct story){0};
    gate.token = 1;
    start(f, &story, (struct http_spec){.url = url_of(f, "/ok/10"), .gate = &gate.gate});
    turn_until(f, &story.done, 1);
    assert_non_null(strstr(story.err.text, "no more tokens"));
    /* A redirect's 401 is nobody's challenge, and its host sees no token. */
    gate = gate_make(f, 0);
    gate.token = 77;
    story = (struct story){0};
    (void)snprintf(path, sizeof path, "/to/%u/auth/ok/9/ok/10", fake_http_port(other));
    start(f, &story, (struct http_spec){.url = url_of(f, path), .gate = &gate.gate});
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_AUTH);
    assert_int_equal(gate.challenges, 0);
    assert_true(fake_http_saw(f->server, "Authorization: Bearer made-up-token-77"));
    assert_int_equal(fake_http_requests(other), 1);
    assert_false(fake_http_saw(other, "uthorization"));
    /* Whatever memory is short of. */
    struct http *usual = impatient(f, 100, 2);
    for (uint64_t countdown = 1; countdown < 40; countdown++) {
        story = (struct story){.f = f};
        struct err err = {0};
        struct http_spec spec = {.url = url_of(f, path), .gate = &gate.gate, .done = on_done, .context = &story};
        mem_fail_after(countdown, false);
        if (http_start(f->http, &spec, NULL, &err) == 0)
            turn_until(f, &story.done, 1);
        mem_fail_after(0, false);
        assert_int_equal(gate.challenges, 0);
    }
    patient(f, usual);
    fake_http_stop(other);
    /* Canceled while it waits. */
    gate.waiting = true;
    start(f, &waiting, (struct http_spec){.url = url_of(f, "/ok/10"), .gate = &gate.gate});
    struct err err = {0};
    assert_int_equal(loop_turn(f->loop, 20, &err), 0);
    assert_non_null(gate.gate.first);
    http_cancel(waiting.request);
    turn_until(f, &waiting.done, 1);
    assert_int_equal(waiting.err.code, ERR_CANCELED);
    assert_null(gate.gate.first);
}

static void http_again(struct fixture *f, struct http_options options) {
    struct err err = {0};
    http_close(f->http);
    assert_int_equal(http_open(f->loop, &options, &f->http, &err), 0);
}

/* What a 429 says about the time is good for all requests to its host. */
static void retry_after(void **state) {
    struct fixture *f = *state;
    struct story first = {0}, second = {0};
    http_again(f, (struct http_options){.connections_per_host = 1, .backoff_ms = 1, .retry_after_max_ms = 80});
    uint64_t start_ns = clock_ns();
    start(f, &first, (struct http_spec){.url = url_of(f, "/later/1/a")}); /* a second, of which we wait 80 ms */
    start(f, &second, (struct http_spec){.url = url_of(f, "/ok/10")});
    turn_until(f, &second.done, 1);
    assert_true(clock_ns() - start_ns >= 80000000);
    turn_until(f, &first.done, 1);
    assert_true(first.err.code == ERR_NONE && first.attempts == 2);
    /* One host's wait is not another's. */
    struct fake_http *other = fake_http_start();
    struct story closed[2] = {{0}, {0}};
    static struct story open_[16];
    char path[64];
    memset(open_, 0, sizeof open_);
    http_again(f, (struct http_options){.requests_per_second = 50, .connections_per_host = 1});
    start(f, &closed[0], (struct http_spec){.url = url_of(f, "/later/60/d")});
    start(f, &closed[1], (struct http_spec){.url = url_of(f, "/ok/10")});
    unsigned before = fake_http_requests(f->server);
    for (struct err err = {0}; fake_http_requests(f->server) == before || http_stats(f->http).body_bytes > 0;)
        assert_int_equal(loop_turn(f->loop, 10, &err), 0);
    (void)snprintf(path, sizeof path, "http://127.0.0.1:%u/ok/10", fake_http_port(other));
    for (size_t i = 0; i < ARRAY_COUNT(open_); i++)
        start(f, &open_[i], (struct http_spec){.url = path});
    for (size_t i = 0; i < ARRAY_COUNT(open_); i++) {
        turn_until(f, &open_[i].done, 1);
        assert_int_equal(open_[i].err.code, ERR_NONE);
    }
    assert_int_equal(closed[0].done + closed[1].done, 0);
    http_again(f, (struct http_options){.backoff_ms = 2, .attempts_max = 3}); /* cancels the two */
    assert_int_equal(closed[0].done + closed[1].done, 2);
    fake_http_stop(other);
    /* A date that is past, and one that is none, say nothing. */
    struct story story = fetch(f, "/later/past/b", (struct story){0});
    assert_true(story.err.code == ERR_NONE && story.attempts == 2);
    story = fetch(f, "/later/soon/c", (struct story){0});
    assert_true(story.err.code == ERR_NONE && story.attempts == 2);
}

static void rates(void **state) {
    struct fixture *f = *state;
    struct story story[2] = {{.take = 100000}, {0}};
    http_again(f, (struct http_options){.rate = 4000000});
    uint64_t start_ns = clock_ns();
    for (size_t i = 0; i < 2; i++)
        start(f, &story[i], (struct http_spec){.url = url_of(f, "/ok/1000000")});
    for (size_t i = 0; i < 2; i++) {
        turn_until(f, &story[i].done, 1);
        assert_true(story[i].err.code == ERR_NONE && story[i].received == 1000000 && !story[i].wrong);
    }
    /* Two megabytes at four a second, a tenth of a second and a last piece in advance. */
    uint64_t took_ns = clock_ns() - start_ns;
    assert_true(took_ns >= 300000000 && took_ns < 3000000000);
    assert_int_equal(http_stats(f->http).body_bytes, 2000000);
    http_again(f, (struct http_options){.requests_per_second = 50});
    static struct story many[16];
    memset(many, 0, sizeof many);
    start_ns = clock_ns();
    for (size_t i = 0; i < ARRAY_COUNT(many); i++)
        start(f, &many[i], (struct http_spec){.url = url_of(f, "/ok/10")});
    for (size_t i = 0; i < ARRAY_COUNT(many); i++)
        turn_until(f, &many[i].done, 1);
    assert_true(clock_ns() - start_ns >= 190000000); /* sixteen at one in 20 ms, five in advance */
}

/* Where memory is short a request is refused or ends; none waits for ever. */
static void short_memory(void **state) {
    struct fixture *f = *state;
    unsigned refused = 0;
    struct http *usual = impatient(f, 150, 3);
    for (uint64_t countdown = 1; countdown < 40; countdown++) {
        struct story story = {.f = f};
        struct err err = {0};
        struct http_spec spec = {.url = url_of(f, "/ok/10"), .body = on_body, .done = on_done, .context = &story};
        mem_fail_after(countdown, false);
        int result = http_start(f->http, &spec, &story.request, &err);
        if (result == 0)
            turn_until(f, &story.done, 1);
        mem_fail_after(0, false);
        refused += result < 0;
        assert_true(result == 0 || err.code == ERR_NOMEM);
        assert_true(result < 0 || story.err.code == ERR_NONE || story.err.code == ERR_NOMEM ||
                    story.err.code == ERR_NET);
    }
    assert_true(refused >= 3);
    patient(f, usual);
}

static void certificate_files(void **state) {
    struct fixture *f = *state;
    static const struct http_options cases[] = {{.cert_file = "/nonexistent/cert.pem"},
                                                {.cert_file = "/etc/passwd", .key_file = "/nonexistent/key.pem"},
                                                {.key_file = "/etc/passwd"},
                                                {.ca_file = "/nonexistent/ca.pem"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct http *http = NULL;
        struct err err = {0};
        assert_int_equal(http_open(f->loop, &cases[i], &http, &err), -1);
        assert_int_equal(err.code, ERR_USAGE);
    }
}

static struct span posted_body;

static void on_posted(void *context, const struct http_result *result, struct span body) {
    struct story *story = context;
    story->done++;
    story->err = result->err;
    posted_body = body;
}

static void forms(void **state) {
    struct fixture *f = *state;
    struct story story = {0};
    struct err err = {0};
    struct http_spec spec = {.url = url_of(f, "/token/ok"), .form = "refresh_token=made-up-refresh", .bytes_max = 100};
    assert_int_equal(http_get_buffer(f->http, &spec, on_posted, &story, NULL, &err), 0);
    turn_until(f, &story.done, 1);
    assert_int_equal(story.err.code, ERR_NONE);
    assert_true(fake_http_saw(f->server, "POST /token/ok HTTP/1.1"));
    assert_true(fake_http_saw(f->server, "application/x-www-form-urlencoded"));
    assert_true(fake_http_saw(f->server, "refresh_token=made-up-refresh"));
    /* A redirect would take the form elsewhere. */
    spec.url = url_of(f, "/loop");
    assert_int_equal(http_get_buffer(f->http, &spec, on_posted, &story, NULL, &err), 0);
    turn_until(f, &story.done, 2);
    assert_int_equal(story.err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(story.err.text, "found 302"));
}

static unsigned buffered_done;

static void on_buffer(void *context, const struct http_result *result, struct span body) {
    struct err *err = context;
    *err = result->err;
    if (result->err.code == ERR_NONE)
        assert_true(span_is(body, "abcdef"));
    else
        assert_int_equal(body.size, 0);
    buffered_done++;
}

static void buffered(void **state) {
    struct fixture *f = *state;
    struct err err = {0}, outcome = {0};
    struct http_spec spec = {.url = url_of(f, "/chunked"), .bytes_max = 6};
    buffered_done = 0;
    assert_int_equal(http_get_buffer(f->http, &spec, on_buffer, &outcome, NULL, &err), 0);
    turn_until(f, &buffered_done, 1);
    assert_int_equal(outcome.code, ERR_NONE);
    spec = (struct http_spec){.url = url_of(f, "/chunked"), .bytes_max = 5};
    assert_int_equal(http_get_buffer(f->http, &spec, on_buffer, &outcome, NULL, &err), 0);
    turn_until(f, &buffered_done, 2);
    assert_int_equal(outcome.code, ERR_LIMIT);
}

static void many_at_once(void **state) {
    struct fixture *f = *state;
    static struct story stories[300];
    unsigned done = 0;
    memset(stories, 0, sizeof stories);
    for (size_t i = 0; i < ARRAY_COUNT(stories); i++)
        start(f, &stories[i], (struct http_spec){.url = url_of(f, "/ok/2000")});
    struct err err = {0};
    uint64_t end_ns = clock_ns() + 10000000000U;
    while (done < ARRAY_COUNT(stories) && clock_ns() < end_ns) {
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
        done = 0;
        for (size_t i = 0; i < ARRAY_COUNT(stories); i++)
            done += stories[i].done;
    }
    for (size_t i = 0; i < ARRAY_COUNT(stories); i++)
        assert_true(stories[i].done == 1 && stories[i].err.code == ERR_NONE && stories[i].received == 2000 &&
                    !stories[i].wrong);
    assert_true(fake_http_connections_max(f->server) <= 4);
}

static void cancels(void **state) {
    struct fixture *f = *state;
    struct story running[4], queued = {0}, backing_off = {0};
    memset(running, 0, sizeof running);
    for (size_t i = 0; i < 4; i++)
        start(f, &running[i], (struct http_spec){.url = url_of(f, "/drip/100000")});
    start(f, &queued, (struct http_spec){.url = url_of(f, "/ok/1")});
    struct err err = {0};
    uint64_t end_ns = clock_ns() + 5000000000U;
    while (running[0].received == 0 && clock_ns() < end_ns)
        assert_int_equal(loop_turn(f->loop, 20, &err), 0);
    http_cancel(queued.request);
    for (size_t i = 0; i < 4; i++)
        http_cancel(running[i].request);
    assert_int_equal(queued.done, 0); /* in a later turn */
    turn_until(f, &queued.done, 1);
    assert_int_equal(queued.err.code, ERR_CANCELED);
    for (size_t i = 0; i < 4; i++) {
        turn_until(f, &running[i].done, 1);
        assert_int_equal(running[i].err.code, ERR_CANCELED);
    }
    /* What is left when the client closes is canceled too, once. */
    memset(running, 0, sizeof running);
    for (size_t i = 0; i < 4; i++)
        start(f, &running[i], (struct http_spec){.url = url_of(f, i % 2 == 0 ? "/drip/100000" : "/drop")});
    start(f, &backing_off, (struct http_spec){.url = url_of(f, "/ok/1")});
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(f->loop, 1, &err), 0);
    http_close(f->http);
    f->http = NULL;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(running[i].done, 1);
    assert_int_equal(backing_off.done, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(bodies),
                                       TEST(pausing),
                                       TEST(resumption),
                                       TEST(changed_objects),
                                       TEST(long_headers),
                                       TEST(many_headers),
                                       TEST(slow),
                                       TEST(held_up),
                                       TEST(retries),
                                       TEST(refusals),
                                       TEST(ceilings),
                                       TEST(credentials_stay),
                                       TEST(buffered),
                                       TEST(many_at_once),
                                       TEST(cancels),
                                       TEST(gates),
                                       TEST(expiry),
                                       TEST(gates_refuse),
                                       TEST(forms),
                                       TEST(retry_after),
                                       TEST(rates),
                                       TEST(short_memory),
                                       TEST(certificate_files)};
    int failed = 0;
    for (kind = LOOP_URING; kind <= LOOP_SYNC; kind++) {
        struct loop *loop = NULL;
        struct err err = {0};
        if (loop_open(kind, &loop, &err) < 0) {
            (void)printf("SKIP %s: %s\n", loop_kind_name(kind), err.text);
            continue;
        }
        loop_close(loop);
        failed += cmocka_run_group_tests_name(loop_kind_name(kind), tests, NULL, NULL);
    }
    return failed;
}
