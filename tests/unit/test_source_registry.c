/* Registries, against the fake server on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/source/source.h"
#include "tests/support/fake_http.h"

struct fixture {
    struct loop *loop;
    struct http *http;
    struct fake_http *server;
    struct arena arena;
    struct source_context context;
    struct registry_auth *auth;
};

static const char *username; /* of the next fixture's command line, or NULL */
static char auth_file[128];  /* what it reads otherwise */

static int begin(void **state) {
    static struct fixture f;
    struct err err = {0};
    struct http_options options = {.attempts_max = 2, .backoff_ms = 2, .stall_timeout_ms = 400};
    f = (struct fixture){0};
    arena_init(&f.arena, 0, 0);
    assert_int_equal(loop_open(LOOP_EPOLL, &f.loop, &err), 0);
    assert_int_equal(http_open(f.loop, &options, &f.http, &err), 0);
    f.server = fake_http_start();
    struct credentials_options options_auth = {.username = username, .password = "made-up", .auth_file = auth_file};
    assert_int_equal(registry_auth_open(f.http, &options_auth, &f.auth, &err), 0);
    f.context = (struct source_context){.loop = f.loop, .http = f.http, .arena = &f.arena, .auth = f.auth};
    *state = &f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    http_close(f->http);
    registry_auth_close(f->auth);
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

static bool on_reference(void *context, struct source *source, const struct source_reference *reference) {
    struct answer *answer = context;
    (void)source;
    answer->reference = *reference;
    return true;
}

static void on_listed(void *context, const struct err *err) {
    (void)context;
    assert_null(err);
}

static void on_listed_or_not(void *context, const struct err *err) {
    (void)context;
    (void)err;
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

static struct source *open_source(struct fixture *f, const char *name) {
    struct source *source = NULL;
    struct err err = {0};
    char *target = arena_format(&f->arena, "127.0.0.1:%u/%s", fake_http_port(f->server), name);
    assert_int_equal(source_open(&f->context, span_text(target), &source, &err), 0);
    return source;
}

/* `count` questions at a time; the last one's answer. */
static struct answer heads_of(struct fixture *f, const char *name, unsigned count) {
    struct answer answer = {0};
    struct err err = {0};
    uint64_t end_ns = clock_ns() + 5000000000U;
    struct source *source = open_source(f, name);
    source->ops->list(source, on_reference, on_listed, &answer);
    for (unsigned i = 0; i < count; i++)
        source->ops->head(source, &answer.reference, on_head, &answer);
    while (answer.count < count && clock_ns() < end_ns)
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
    assert_int_equal(answer.count, count);
    source_close(source);
    return answer;
}

static struct answer head(struct fixture *f, const char *name) { return heads_of(f, name, 1); }

/* GET of a manifest. */
static struct answer get(struct fixture *f, const char *name) {
    struct answer answer = {0};
    struct err err = {0};
    uint64_t end_ns = clock_ns() + 5000000000U;
    struct source *source = open_source(f, name);
    source->ops->list(source, on_reference, on_listed, &answer);
    source->ops->manifest(source, &answer.reference, NULL, on_bytes, &answer);
    while (answer.count == 0 && clock_ns() < end_ns)
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
    assert_int_equal(answer.count, 1);
    source_close(source);
    return answer;
}

static void heads(void **state) {
    struct fixture *f = *state;
    char text[DIGEST_TEXT_SIZE];
    struct answer answer = head(f, "team/app:told");
    assert_string_equal(digest_text(&answer.digest, text), "sha256:" FAKE_HTTP_HEX);
    assert_true(fake_http_saw(f->server, "HEAD /v2/team/app/manifests/told HTTP/1.1"));
    assert_true(fake_http_saw(f->server, "application/vnd.oci.image.index.v1+json"));
    static const char *const silent[] = {"team/app:untold", "team/app:garbled", "team/app:headless"};
    for (size_t i = 0; i < ARRAY_COUNT(silent); i++) {
        answer = head(f, silent[i]);
        if (answer.err.code != ERR_NONE || answer.digest.algorithm != DIGEST_NONE)
            fail_msg("%s: %s", silent[i], answer.err.text);
    }
    answer = head(f, "team/app:missing");
    assert_int_equal(answer.err.code, ERR_NOTFOUND);
    answer = head(f, "team/app@sha256:" FAKE_HTTP_HEX);
    assert_int_equal(answer.err.code, ERR_NOTFOUND);
    assert_true(fake_http_saw(f->server, "HEAD /v2/team/app/manifests/sha256:" FAKE_HTTP_HEX));
}

/* The bytes of a tag are those that the server names, where it names any. */
static void manifests_of_tags(void **state) {
    struct fixture *f = *state;
    char text[DIGEST_TEXT_SIZE];
    static const char *const right[] = {"team/app:told", "team/app:untold", "team/app:garbled"};
    for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
        struct answer answer = get(f, right[i]);
        assert_string_equal(digest_text(&answer.digest, text), "sha256:" FAKE_HTTP_HEX);
    }
    struct answer answer = get(f, "team/app:flipped");
    assert_int_equal(answer.err.code, ERR_DIGEST);
    assert_non_null(strstr(answer.err.text, "expected sha256:" FAKE_HTTP_HEX ", found sha256:"));
    answer = get(f, "team/app:signed");
    assert_int_equal(answer.err.code, ERR_NONE);
    assert_string_not_equal(digest_text(&answer.digest, text), "sha256:" FAKE_HTTP_HEX);
}

/* ---- logins ---- */

static void expect_told(const struct answer *answer) {
    char text[DIGEST_TEXT_SIZE];
    if (answer->err.code != ERR_NONE)
        fail_msg("%s", answer->err.text);
    assert_string_equal(digest_text(&answer->digest, text), "sha256:" FAKE_HTTP_HEX);
}

static void tokens(void **state) {
    struct fixture *f = *state;
    struct answer answer = heads_of(f, "auth/slow/99/app:told", 50);
    expect_told(&answer);
    assert_int_equal(fake_http_tokens(f->server), 1); /* for fifty that waited */
    assert_true(fake_http_saw(f->server, "GET /token/slow?service=fake%20one&scope=repository%3Ateam%2Fapp%3Apull "));
    assert_true(fake_http_saw(f->server, "Authorization: " FAKE_HTTP_BASIC)); /* at the token service */
    /* Its token is at hand, and the next repository's is asked for without a challenge. */
    unsigned requests = fake_http_requests(f->server);
    answer = head(f, "auth/slow/99/app:told");
    expect_told(&answer);
    assert_int_equal(fake_http_requests(f->server), requests + 1);
    answer = head(f, "auth/slow/99/next:told");
    expect_told(&answer);
    assert_int_equal(fake_http_requests(f->server), requests + 3);
    assert_true(fake_http_saw(f->server, "scope=repository%3Aauth%2Fslow%2F99%2Fnext%3Apull "));
    /* One that has run out is replaced, and OAuth's name for a token is known. */
    answer = heads_of(f, "auth/access/1/app:told", 1);
    expect_told(&answer);
    answer = head(f, "auth/access/1/app:told");
    expect_told(&answer);
    assert_int_equal(fake_http_tokens(f->server), 4);
}

static void bad_tokens(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *name;
        enum err_code code;
        const char *told;
    } cases[] = {{"auth/huge/9/app:told", ERR_LIMIT, "token service: http://127.0.0.1"},
                 {"auth/garbage/9/app:told", ERR_FORMAT, "expected a JSON object with a token"},
                 {"auth/none/9/app:told", ERR_FORMAT, "expected a JSON object with a token"},
                 {"auth/split/9/app:told", ERR_FORMAT, "without spaces and control characters"},
                 {"auth/ok/0/app:told", ERR_AUTH, "expected status 200, found 401"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct answer answer = heads_of(f, cases[i].name, 5);
        if (answer.err.code != cases[i].code || strstr(answer.err.text, cases[i].told) == NULL ||
            strstr(answer.err.text, "made-up") != NULL)
            fail_msg("%s: %s", cases[i].name, answer.err.text);
        assert_false(fake_http_saw(f->server, "x: y"));
        assert_int_equal(end(state) + begin(state), 0); /* a registry has one token service */
    }
    for (size_t extra = 0; extra < 2; extra++) {
        char name[64];
        (void)snprintf(name, sizeof name, "auth/of-%zu/9/app:told", LIMIT_TOKEN_BYTES + extra);
        struct answer answer = head(f, name);
        /* The fake registry takes none so long; trawl does. */
        assert_int_equal(answer.err.code, extra == 0 ? ERR_AUTH : ERR_LIMIT);
        assert_non_null(
            strstr(answer.err.text, extra == 0 ? "found 401" : "expected a token of at most 8192 bytes, found 8193"));
        assert_int_equal(end(state) + begin(state), 0);
    }
    /* A failure is remembered: nobody else asks. */
    assert_int_equal(head(f, "auth/huge/9/app:told").err.code, ERR_LIMIT);
    unsigned requests = fake_http_requests(f->server), made = fake_http_tokens(f->server);
    struct answer answer = head(f, "auth/huge/9/app:told");
    assert_int_equal(answer.err.code, ERR_LIMIT);
    assert_int_equal(fake_http_requests(f->server), requests);
    assert_int_equal(fake_http_tokens(f->server), made);
}

/* The tokens of LIMIT_TOKENS repositories are kept; who lost one asks for another before it asks for anything. */
static void tokens_forgotten(void **state) {
    struct fixture *f = *state;
    char name[64];
    for (size_t i = 0; i <= LIMIT_TOKENS; i++) {
        (void)snprintf(name, sizeof name, "auth/ok/9/app-%zu:told", i);
        assert_int_equal(head(f, name).err.code, ERR_NONE);
    }
    assert_int_equal(fake_http_tokens(f->server), LIMIT_TOKENS + 1);
    unsigned before = fake_http_requests(f->server);
    assert_int_equal(head(f, "auth/ok/9/app-0:told").err.code, ERR_NONE);
    assert_int_equal(fake_http_tokens(f->server), LIMIT_TOKENS + 2);
    assert_int_equal(fake_http_requests(f->server), before + 2); /* a token that was kept would have met a 401 first */
    assert_int_equal(head(f, "auth/ok/9/app-0:told").err.code, ERR_NONE);
    assert_int_equal(fake_http_tokens(f->server), LIMIT_TOKENS + 2);
}

/* Wrong credentials are not tried with every repository. */
static void refusals(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < 6; i++) {
        char *name = arena_format(&f->arena, "auth/denied/9/app%u:told", i);
        struct answer answer = head(f, name);
        assert_int_equal(answer.err.code, ERR_AUTH);
        assert_non_null(strstr(answer.err.text, "token service: "));
    }
    assert_int_equal(fake_http_requests(f->server), 1 + 3);
}

static void basic(void **state) {
    struct fixture *f = *state;
    struct answer answer = head(f, "auth/basic/0/app:told");
    expect_told(&answer);
    unsigned requests = fake_http_requests(f->server);
    answer = head(f, "auth/basic/0/other:told"); /* without a challenge */
    expect_told(&answer);
    assert_int_equal(fake_http_requests(f->server), requests + 1);
}

static void basic_refused(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < 6; i++) {
        struct answer answer = head(f, "auth/basic/0/app:told");
        assert_int_equal(answer.err.code, ERR_AUTH);
        assert_non_null(strstr(answer.err.text, "refused this user name and password"));
    }
    assert_int_equal(fake_http_requests(f->server), 1 + 3);
}

static void anonymous(void **state) {
    struct fixture *f = *state;
    struct answer answer = head(f, "auth/ok/9/app:told");
    expect_told(&answer);
    assert_false(fake_http_saw(f->server, "Authorization: Basic"));
    answer = head(f, "auth/basic/0/app:told");
    assert_int_equal(answer.err.code, ERR_AUTH);
    assert_non_null(strstr(answer.err.text, "--username"));
}

static void auth_file_put(const char *fields) {
    FILE *file = fopen(auth_file, "we");
    assert_non_null(file);
    (void)fprintf(file, "{\"auths\":{%s}}", fields);
    assert_int_equal(fclose(file), 0);
}

static void identity_tokens(void **state) {
    struct fixture *f = *state;
    char fields[256];
    (void)snprintf(fields, sizeof fields,
                   "\"127.0.0.1:%u\":{\"identitytoken\":\"made-up/refresh\"},"
                   "\"127.0.0.1:%u/auth/ok/1\":{\"registrytoken\":\"made-up-registry\"}",
                   fake_http_port(f->server), fake_http_port(f->server));
    auth_file_put(fields);
    struct answer answer = head(f, "auth/access/9/app:told");
    expect_told(&answer);
    assert_true(fake_http_saw(f->server, "POST /token/access HTTP/1.1"));
    assert_true(fake_http_saw(f->server,
                              "service=fake%20one&scope=repository%3Ateam%2Fapp%3Apull&client_id=trawl&grant_type="
                              "refresh_token&refresh_token=made-up%2Frefresh"));
    answer = head(f, "auth/ok/1/app:told");
    assert_int_equal(answer.err.code, ERR_AUTH);
    assert_non_null(strstr(answer.err.text, "registrytoken"));
    assert_true(fake_http_saw(f->server, "Authorization: Bearer made-up-registry"));
    assert_null(strstr(answer.err.text, "made-up"));
    auth_file_put("");
}

/* What a challenge may say, without a server: one of https may not send us to plain HTTP. */
static void realms(void **state) {
    struct fixture *f = *state;
    struct registry_login *safe = NULL, *plain = NULL;
    struct err err = {0};
    assert_int_equal(registry_auth_login(f->auth, span_text("safe.example"), false, &safe, &err), 0);
    assert_int_equal(registry_auth_login(f->auth, span_text("plain.example"), true, &plain, &err), 0);
    static const struct {
        const char *challenge;
        bool safe, plain;
        enum err_code code;
    } cases[] = {{"Bearer realm=\"https://auth.example/token\"", true, true, ERR_NONE},
                 {"Bearer realm=\"http://auth.example/token\"", false, true, ERR_AUTH},
                 {"Bearer realm=\"file:///etc/passwd\"", false, false, ERR_AUTH},
                 {"Bearer realm=\"/token\"", false, false, ERR_AUTH},
                 {"Bearer", false, false, ERR_AUTH},
                 {"Negotiate", false, false, ERR_AUTH},
                 {"Bearer realm=\"x", false, false, ERR_AUTH},
                 {"", false, false, ERR_NONE}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct registry_login *const logins[] = {safe, plain};
        for (size_t k = 0; k < 2; k++) {
            struct http_gate *gate = registry_login_gate(logins[k], span_text("x"));
            bool wanted = k == 0 ? cases[i].safe : cases[i].plain;
            err = (struct err){0};
            if (gate->challenge(gate, 0, cases[i].challenge, &err) != wanted || (!wanted && err.code != cases[i].code))
                fail_msg("%s: %s", cases[i].challenge, err.text);
        }
    }
    assert_ptr_equal(registry_login_gate(safe, span_text("x")), registry_login_gate(safe, span_text("x")));
    /* A registry that names another token service each time. */
    struct registry_login *restless = NULL;
    assert_int_equal(registry_auth_login(f->auth, span_text("restless.example"), false, &restless, &err), 0);
    for (unsigned i = 0; i <= LIMIT_TOKEN_SERVICES + 1; i++) {
        char challenge[64];
        struct http_gate *once = registry_login_gate(restless, span_text("x"));
        (void)snprintf(challenge, sizeof challenge, "Bearer realm=\"https://auth-%u.example/token\"", i);
        err = (struct err){0};
        assert_int_equal(once->challenge(once, 0, challenge, &err), i <= LIMIT_TOKEN_SERVICES);
        assert_int_equal(err.code, i <= LIMIT_TOKEN_SERVICES ? ERR_NONE : ERR_LIMIT);
    }
    for (size_t extra = 0; extra < 2; extra++) {
        char challenge[LIMIT_TOKEN_SCOPE_BYTES + 128];
        struct http_gate *long_one = registry_login_gate(safe, span_text("long"));
        (void)snprintf(challenge, sizeof challenge, "Bearer realm=\"https://auth.example/token\",scope=\"%0*d\"",
                       (int)(LIMIT_TOKEN_SCOPE_BYTES + extra), 0);
        err = (struct err){0};
        assert_int_equal(long_one->challenge(long_one, 0, challenge, &err), extra == 0);
        assert_int_equal(err.code, extra == 0 ? ERR_NONE : ERR_LIMIT);
    }
    /* A token that is not enough is not asked for again. */
    struct http_gate *gate = registry_login_gate(safe, span_text("x"));
    err = (struct err){0};
    assert_true(gate->challenge(gate, 0, "Bearer realm=\"https://a.example\",scope=\"s\"", &err));
    assert_int_equal(registry_auth_login(f->auth, span_text("safe.example"), false, &plain, &err), 0);
    assert_ptr_equal(plain, safe);
}

/* Each allocation of a login fails once: the answer comes all the same, an error or not. The server's threads are hit
 * too, which costs a connection. */
static void short_memory(void **state) {
    struct fixture *f = *state;
    static const char *const names[] = {"auth/ok/99/app:told", "auth/basic/0/app:told"};
    unsigned failed = 0;
    for (uint64_t countdown = 1; countdown < 60; countdown++) {
        struct err err = {0};
        struct registry_auth *auth = NULL;
        struct credentials_options options = {.username = username, .password = "made-up"};
        struct source_context context = f->context;
        struct source *source = NULL;
        struct answer answer = {0};
        uint64_t end_ns = clock_ns() + 20000000000U;
        char *target = arena_format(&f->arena, "127.0.0.1:%u/%s", fake_http_port(f->server), names[countdown % 2]);
        mem_fail_after(countdown, false);
        if (registry_auth_open(f->http, &options, &auth, &err) == 0) {
            context.auth = auth;
            if (source_open(&context, span_text(target), &source, &err) == 0) {
                source->ops->list(source, on_reference, on_listed_or_not, &answer);
                if (answer.reference.text.size > 0)
                    source->ops->head(source, &answer.reference, on_head, &answer);
                while (answer.reference.text.size > 0 && answer.count == 0 && clock_ns() < end_ns)
                    assert_int_equal(loop_turn(f->loop, 50, &(struct err){0}), 0);
                assert_true(answer.reference.text.size == 0 || answer.count == 1);
                err = answer.err;
                source_close(source);
            }
        }
        mem_fail_after(0, false);
        failed += err.code == ERR_NOMEM;
        if (err.code != ERR_NONE && err.code != ERR_NOMEM && err.code != ERR_NET)
            fail_msg("allocation %" PRIu64 ": %s", countdown, err.text);
        registry_auth_close(auth); /* no request is left that could use it */
    }
    assert_true(failed > 10);
}

/* ---- the end of a run ---- */

struct last_words {
    struct fixture *f;
    unsigned count;
    enum err_code head, open;
};

static void on_last_words(void *context, const struct digest *digest, const struct err *err) {
    struct last_words *words = context;
    struct source *source = NULL;
    struct err refused = {0};
    assert_null(digest);
    words->head = err->code;
    if (source_open(&words->f->context, span_text("rootfs:/"), &source, &refused) == 0)
        source_close(source);
    words->open = refused.code;
    words->count++;
}

/* What ends with the client makes room for further targets: none is opened any more. */
static void closing(void **state) {
    struct fixture *f = *state;
    struct last_words words = {.f = f};
    struct answer answer = {0};
    struct source *source = open_source(f, "team/app:told");
    source->ops->list(source, on_reference, on_listed, &answer);
    source->ops->head(source, &answer.reference, on_last_words, &words);
    http_close(f->http);
    f->http = NULL;
    assert_int_equal(words.count, 1);
    assert_int_equal(words.head, ERR_CANCELED);
    assert_int_equal(words.open, ERR_CANCELED);
    source_close(source);
}

/* ---- mirrors ---- */

static void mirror_by(struct fixture *f, unsigned port) {
    static struct source_mirror mirrors[1];
    mirrors[0].host = span_text(arena_format(&f->arena, "127.0.0.1:%u", fake_http_port(f->server)));
    mirrors[0].mirror = span_text(arena_format(&f->arena, "127.0.0.1:%u", port));
    f->context.mirrors = mirrors;
    f->context.mirror_count = 1;
}

/* Nothing to do: the test looks after the stream in each of the loop's turns. */
static void on_wake(void *context) { (void)context; }

static bool has_bytes(struct stream *stream) {
    (void)pthread_mutex_lock(&stream->lock);
    bool has = stream->first != NULL;
    (void)pthread_mutex_unlock(&stream->lock);
    return has;
}

static uint64_t bytes_check(struct span bytes, uint64_t offset) {
    for (size_t i = 0; i < bytes.size; i++)
        assert_int_equal(bytes.data[i], fake_http_pattern(offset + i));
    return bytes.size;
}

/* A blob through a stream; how many bytes came, all right. */
static uint64_t blob_of(struct fixture *f, uint64_t size, bool size_unknown, struct err *ret_err) {
    struct answer answer = {0};
    struct err err = {0};
    struct descriptor descriptor = {.digest = {.algorithm = DIGEST_SHA256}, .size = size, .size_unknown = size_unknown};
    struct chunk_pool pool;
    struct stream stream;
    struct span bytes;
    uint64_t total = 0, end_ns = clock_ns() + 5000000000U;
    chunk_pool_init(&pool);
    assert_int_equal(stream_init(&stream, &pool, 8, on_wake, NULL, &err), 0);
    struct source *source = open_source(f, "team/app:told");
    source->ops->list(source, on_reference, on_listed, &answer);
    source->ops->stream(source, &answer.reference, &descriptor, &stream);
    while (!stream_has_ended(&stream) && clock_ns() < end_ns) {
        assert_int_equal(loop_turn(f->loop, 50, &err), 0);
        if (has_bytes(&stream) && stream_read(&stream, &bytes, &err) > 0)
            total += bytes_check(bytes, total);
        stream_service(&stream);
    }
    assert_true(stream_has_ended(&stream));
    int more;
    while ((more = stream_read(&stream, &bytes, &err)) > 0)
        total += bytes_check(bytes, total);
    if (more < 0)
        *ret_err = err;
    stream_release(&stream);
    chunk_pool_release(&pool);
    source_close(source);
    return total;
}

static uint64_t blob(struct fixture *f, struct err *ret_err) { return blob_of(f, 1000000, false, ret_err); }

/* How much of a layer is taken where manifests tell its size, tell none, or tell different ones. */
static void sizes(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(blob_of(f, 0, true, &err), 1000000);
    assert_int_equal(blob_of(f, 17, true, &err), 1000000);
    assert_int_equal(err.code, ERR_NONE);
    assert_in_range(blob_of(f, 999999, false, &err), 0, 999999);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(blob_of(f, 1000001, false, &err), 1000000);
    assert_int_equal(err.code, ERR_NET);
}

static void mirrors(void **state) {
    struct fixture *f = *state;
    struct fake_http *mirror = fake_http_start();
    struct err err = {0};
    mirror_by(f, fake_http_port(mirror));
    struct answer answer = head(f, "team/app:told");
    expect_told(&answer);
    assert_int_equal(blob(f, &err), 1000000);
    assert_int_equal(fake_http_requests(f->server), 0); /* all of it from the mirror */
    assert_int_equal(fake_http_requests(mirror), 2);
    /* One that has nothing, one that breaks off for good, and one that is not there. */
    fake_http_lacks(mirror, FAKE_HTTP_ALL);
    answer = head(f, "team/app:told");
    expect_told(&answer);
    assert_int_equal(fake_http_requests(f->server), 1);
    fake_http_lacks(mirror, FAKE_HTTP_BLOB_ENDS);
    assert_int_equal(blob(f, &err), 1000000);
    assert_int_equal(err.code, ERR_NONE);
    assert_true(fake_http_saw(f->server, "Range: bytes=300000-"));
    /* One that says its part is all, and one that goes on behind the end: the rest comes from elsewhere. */
    fake_http_lacks(mirror, FAKE_HTTP_BLOB_SHORT);
    unsigned asked = fake_http_requests(f->server);
    assert_int_equal(blob(f, &err), 1000000);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(fake_http_requests(f->server), asked + 1);
    fake_http_lacks(mirror, FAKE_HTTP_BLOB_LONG);
    assert_int_equal(blob(f, &err), 1000000);
    assert_int_equal(err.code, ERR_NONE);
    fake_http_stop(mirror);
    answer = head(f, "team/app:told");
    expect_told(&answer);
    /* What nobody has is the registry's error. */
    answer = head(f, "team/app:missing");
    assert_int_equal(answer.err.code, ERR_NOTFOUND);
    fake_http_lacks(f->server, FAKE_HTTP_ALL);
    assert_int_equal(blob(f, &err), 0);
    assert_int_equal(err.code, ERR_NOTFOUND);
    fake_http_lacks(f->server, FAKE_HTTP_BLOB_SHORT);
    err = (struct err){0};
    assert_int_equal(blob(f, &err), 300000);
    assert_int_equal(err.code, ERR_NET);
    assert_non_null(strstr(err.text, "expected 1000000 bytes, found 300000"));
}

static int begin_as(void **state, const char *name) {
    username = name;
    return begin(state);
}

static int begin_somebody(void **state) { return begin_as(state, "somebody"); }
static int begin_nobody(void **state) { return begin_as(state, "nobody"); }
static int begin_anonymous(void **state) { return begin_as(state, NULL); }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(heads, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(manifests_of_tags, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(tokens, begin_somebody, end),
                                       cmocka_unit_test_setup_teardown(bad_tokens, begin_somebody, end),
                                       cmocka_unit_test_setup_teardown(tokens_forgotten, begin_somebody, end),
                                       cmocka_unit_test_setup_teardown(refusals, begin_somebody, end),
                                       cmocka_unit_test_setup_teardown(basic, begin_somebody, end),
                                       cmocka_unit_test_setup_teardown(basic_refused, begin_nobody, end),
                                       cmocka_unit_test_setup_teardown(anonymous, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(identity_tokens, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(realms, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(sizes, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(closing, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(mirrors, begin_anonymous, end),
                                       cmocka_unit_test_setup_teardown(short_memory, begin_somebody, end)};
    (void)snprintf(auth_file, sizeof auth_file, "/tmp/trawl-auth-%d.json", (int)getpid());
    auth_file_put("");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(auth_file);
    return failed;
}
