#include "tests/support/fake_http.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/reader.h"
#include "base/text.h"

#define FLAKY_MAX 32

struct fake_http {
    int listener;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    bool stopping;
    struct buf heads; /* of all requests, one behind the other */
    unsigned requests, connections, connections_max, threads;
    enum fake_http_lack lack;
    unsigned tokens, token_uses; /* uses of the newest one, the only one that is good */
    struct {
        char path[128];
        unsigned count;
    } visits[FLAKY_MAX];
    size_t visit_count;
};

struct connection {
    struct fake_http *server;
    int fd;
};

uint8_t fake_http_pattern(uint64_t offset) { return (uint8_t)(offset * 2654435761U >> 11); }

static bool stopping(struct fake_http *server) {
    (void)pthread_mutex_lock(&server->lock);
    bool is = server->stopping;
    (void)pthread_mutex_unlock(&server->lock);
    return is;
}

/* How often this path was asked for before. */
static unsigned visit(struct fake_http *server, const char *path) {
    unsigned count = 0;
    (void)pthread_mutex_lock(&server->lock);
    size_t i = 0;
    while (i < server->visit_count && strcmp(server->visits[i].path, path) != 0)
        i++;
    assert(i < FLAKY_MAX);
    if (i == server->visit_count) {
        (void)snprintf(server->visits[i].path, sizeof server->visits[i].path, "%s", path);
        server->visit_count++;
    }
    count = server->visits[i].count++;
    (void)pthread_mutex_unlock(&server->lock);
    return count;
}

static bool send_all(int fd, const void *data, size_t size) {
    for (const uint8_t *at = data; size > 0;) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_text(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool send_text(int fd, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return send_all(fd, text, (size_t)size);
}

static bool send_pattern(int fd, uint64_t from, uint64_t size) {
    uint8_t bytes[4096];
    while (size > 0) {
        size_t piece = size < sizeof bytes ? (size_t)size : sizeof bytes;
        for (size_t i = 0; i < piece; i++)
            bytes[i] = fake_http_pattern(from + i);
        if (!send_all(fd, bytes, piece))
            return false;
        from += piece;
        size -= piece;
    }
    return true;
}

/* The body from `from` on; closes after `step` bytes when that is fewer. False ends the connection. */
static bool send_body(int fd, uint64_t size, uint64_t from, uint64_t step, uint64_t told_from) {
    if (told_from > 0)
        (void)send_text(fd,
                        "HTTP/1.1 206 Partial\r\nContent-Length: %" PRIu64 "\r\nContent-Range: bytes %" PRIu64
                        "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
                        size - from, told_from, size - 1, size);
    else
        (void)send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: %" PRIu64 "\r\nContent-Type: x/y\r\n\r\n", size - from);
    uint64_t left = size - from;
    return send_pattern(fd, from, left < step ? left : step) && left <= step;
}

static bool nap(struct fake_http *server, unsigned milliseconds) {
    (void)poll(NULL, 0, (int)milliseconds);
    return !stopping(server);
}

static uint64_t part_number(struct span *rest) {
    uint64_t value = 0;
    (void)text_u64(text_cut(rest, '/'), 10, UINT64_MAX, &value);
    return value;
}

static bool answer_flaky(struct fake_http *server, int fd, const char *path, struct span rest) {
    uint64_t code = part_number(&rest), count = part_number(&rest);
    if (visit(server, path) >= count)
        return send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") && send_pattern(fd, 0, 10);
    return send_text(fd, "HTTP/1.1 %" PRIu64 " No\r\n%sContent-Length: 4\r\n\r\nbusy", code,
                     code == 429 ? "Retry-After: 0\r\n" : "");
}

static bool answer_stall(struct fake_http *server, int fd) {
    (void)send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    (void)send_pattern(fd, 0, 10);
    for (int i = 0; i < 500 && nap(server, 10); i++) {
        struct pollfd gone = {.fd = fd, .events = POLLIN};
        if (poll(&gone, 1, 0) > 0)
            break;
    }
    return false;
}

/* One more use of a token; false when it is not the newest, or used up. */
static bool token_use(struct fake_http *server, const char *authorization, uint64_t uses) {
    char wanted[64];
    (void)pthread_mutex_lock(&server->lock);
    (void)snprintf(wanted, sizeof wanted, "Bearer made-up-token-%u", server->tokens);
    bool good = server->tokens > 0 && strcmp(authorization, wanted) == 0 && server->token_uses < uses;
    server->token_uses += good;
    (void)pthread_mutex_unlock(&server->lock);
    return good;
}

static bool answer_token(struct fake_http *server, int fd, struct span how) {
    if (span_is(how, "denied"))
        return send_text(fd, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    if (span_is(how, "slow"))
        (void)nap(server, 100);
    (void)pthread_mutex_lock(&server->lock);
    unsigned number = ++server->tokens;
    server->token_uses = 0;
    (void)pthread_mutex_unlock(&server->lock);
    struct buf body;
    buf_init(&body, 0);
    if (span_is(how, "garbage"))
        buf_text(&body, "{\"token\": made-up");
    else if (span_is(how, "none"))
        buf_text(&body, "{\"details\":\"none\"}");
    else if (span_is(how, "split"))
        buf_text(&body, "{\"token\":\"made-up\\r\\nx: y\"}");
    else
        buf_format(&body, "{\"%s\":\"made-up-token-%u", span_is(how, "access") ? "access_token" : "token", number);
    if (span_is(how, "huge"))
        buf_fill(&body, 'x', 1 << 20);
    uint64_t size = 0;
    if (span_starts(how, "of-") && text_u64(span_from(how, 3), 10, 1 << 20, &size))
        buf_fill(&body, 'x', (size_t)size - (body.size - strlen("{\"token\":\"")));
    if (!body.failed && body.data[body.size - 1] != '}' && !span_is(how, "garbage"))
        buf_format(&body, "\",\"expires_in\":%d}", span_is(how, "short") ? 1 : 300);
    bool ok = !body.failed && send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.size) &&
              send_all(fd, body.data, body.size);
    buf_release(&body);
    return ok;
}

/* True when the request may pass; `*rest` is then what it is about. Else it was answered; `*ret_open` as of answer().
 */
static bool authorized(struct fake_http *server, int fd, const char *authorization, struct span *rest, bool *ret_open) {
    struct span how = text_cut(rest, '/');
    uint64_t uses = part_number(rest);
    if (span_is(how, "basic") ? strcmp(authorization, FAKE_HTTP_BASIC) == 0 : token_use(server, authorization, uses))
        return true;
    if (span_is(how, "basic"))
        *ret_open = send_text(fd, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n"
                                  "WWW-Authenticate: Basic realm=\"a, \\\"quoted\\\" realm\"\r\n\r\n");
    else
        *ret_open = send_text(fd,
                              "HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate\r\n"
                              "www-authenticate: Bearer realm=\"http://127.0.0.1:%u/token/%.*s\",service=\"fake one\","
                              "scope=\"repository:team/app:pull\"\r\n\r\n",
                              server->port, SPAN_FORMAT(how));
    return false;
}

struct asked {
    const char *path, *authorization;
    uint64_t range;
    bool head;
};

static bool answer_registry(struct fake_http *server, int fd, const struct asked *asked, struct span rest) {
    static const char *const names[] = {"/manifests/told", "/manifests/untold", "/manifests/garbled",
                                        "/manifests/flipped", "/manifests/signed"};
    bool head = asked->head;
    (void)pthread_mutex_lock(&server->lock);
    enum fake_http_lack lack = server->lack;
    (void)pthread_mutex_unlock(&server->lock);
    if (span_find(rest, span_text("/blobs/"), 0) != SIZE_MAX && lack != FAKE_HTTP_ALL) {
        if (lack == FAKE_HTTP_BLOB_ENDS && visit(server, asked->path) > 0)
            return false;
        uint64_t size = lack == FAKE_HTTP_BLOB_SHORT ? 300000 : lack == FAKE_HTTP_BLOB_LONG ? 1500000 : 1000000;
        return send_body(fd, size, asked->range, lack == FAKE_HTTP_BLOB_ENDS ? 300000 : UINT64_MAX, asked->range);
    }
    static const char *const digests[] = {
        "Docker-Content-Digest: sha256:" FAKE_HTTP_HEX "\r\n", "", "Docker-Content-Digest: md5:0\r\n",
        "Docker-Content-Digest: sha256:" FAKE_HTTP_HEX "\r\n",
        "Docker-Content-Digest: sha256:" FAKE_HTTP_HEX
        "\r\nContent-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (span_ends(rest, names[i]) && lack != FAKE_HTTP_ALL)
            return send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\n%s", digests[i],
                             head    ? ""
                             : i < 3 ? "{}"
                                     : "[]");
    }
    const char *status = span_ends(rest, "headless") ? "405 No" : "404 Not Found";
    return send_text(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);
}

/* One request; false ends the connection. */
static bool answer(struct fake_http *server, int fd, const struct asked *asked) {
    const char *path = asked->path;
    uint64_t range = asked->range;
    bool head = asked->head, open = false;
    struct span rest = span_text(path + 1);
    struct span kind = text_cut(&rest, '/');
    if (span_is(kind, "token"))
        return answer_token(server, fd, rest);
    bool registry = span_is(kind, "v2");
    if (span_is(kind, "auth") || (registry && span_starts(rest, "auth/"))) {
        if (registry)
            (void)text_cut(&rest, '/');
        if (!authorized(server, fd, asked->authorization, &rest, &open))
            return open;
        if (!registry)
            kind = text_cut(&rest, '/');
    }
    if (span_is(kind, "ok")) {
        uint64_t size = part_number(&rest);
        if (head)
            return send_text(fd,
                             "HTTP/1.1 200 OK\r\nContent-Length: %" PRIu64
                             "\r\nDocker-Content-Digest: sha256:x\r\nLink: </next>; rel=\"next\"\r\n\r\n",
                             size);
        return send_body(fd, size, range, UINT64_MAX, range);
    }
    if (span_is(kind, "cut") || span_is(kind, "norange") || span_is(kind, "badrange")) {
        uint64_t size = part_number(&rest), step = part_number(&rest);
        if (span_is(kind, "cut"))
            return send_body(fd, size, range, step, range);
        bool first = visit(server, path) == 0;
        uint64_t from = span_is(kind, "norange") || first ? 0 : range;
        return send_body(fd, size, from, first ? step : UINT64_MAX, from == 0 ? 0 : from + 1);
    }
    if (span_is(kind, "grow")) {
        uint64_t size = part_number(&rest), step = part_number(&rest);
        bool first = visit(server, path) == 0;
        return send_body(fd, first ? size : 2 * size, first ? 0 : range, first ? step : UINT64_MAX, first ? 0 : range);
    }
    if (span_is(kind, "nolength")) {
        uint64_t size = part_number(&rest), step = part_number(&rest);
        if (visit(server, path) == 0)
            return send_body(fd, size, 0, step, 0);
        return send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n") && send_pattern(fd, 0, size - 1) && false;
    }
    if (span_is(kind, "chunkcut")) {
        if (range > 0)
            return send_text(fd, "HTTP/1.1 416 No\r\nContent-Range: bytes */4\r\nContent-Length: 0\r\n\r\n");
        return send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n") && send_pattern(fd, 0, 4) &&
               send_text(fd, "\r\n") && false;
    }
    if (span_is(kind, "link")) {
        bool ok = send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLink: ");
        struct buf value;
        buf_init(&value, 0);
        buf_fill(&value, 'x', (size_t)part_number(&rest));
        ok = ok && !value.failed && send_all(fd, value.data, value.size);
        buf_release(&value);
        return ok && send_text(fd, "\r\n\r\n");
    }
    if (span_is(kind, "heads")) {
        char line[1025] = "";
        memset(line, 'x', 1024);
        memcpy(line, "X-Y: ", 5);
        memcpy(line + 1022, "\r\n", 2);
        bool ok = send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        for (uint64_t left = part_number(&rest); ok && left > 0; left--)
            ok = send_all(fd, line, 1024);
        return ok && send_text(fd, "\r\n");
    }
    if (span_is(kind, "status"))
        return send_text(
            fd, "HTTP/1.1 %" PRIu64 " No\r\nContent-Length: 5\r\nWWW-Authenticate: Bearer realm=\"r\"\r\n\r\nerror",
            part_number(&rest));
    if (span_is(kind, "flaky"))
        return answer_flaky(server, fd, path, rest);
    if (span_is(kind, "later")) {
        struct span when = text_cut(&rest, '/');
        if (visit(server, path) > 0)
            return send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") && send_pattern(fd, 0, 10);
        if (span_is(when, "past"))
            when = span_text("Sun, 06 Nov 1994 08:49:37 GMT");
        return send_text(fd, "HTTP/1.1 429 No\r\nRetry-After: %.*s\r\nContent-Length: 0\r\n\r\n", SPAN_FORMAT(when));
    }
    if (span_is(kind, "endless")) {
        bool ok = send_text(fd, "HTTP/1.1 %" PRIu64 " No\r\n\r\n", part_number(&rest));
        while (ok)
            ok = send_pattern(fd, 0, 4096);
        return false;
    }
    if (span_is(kind, "stall"))
        return answer_stall(server, fd);
    if (span_is(kind, "drip")) {
        uint64_t size = part_number(&rest);
        bool ok = send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: %" PRIu64 "\r\n\r\n", size);
        for (uint64_t i = 0; ok && i < size; i++)
            ok = send_pattern(fd, i, 1) && nap(server, 5);
        return ok;
    }
    if (span_is(kind, "to")) {
        uint64_t port = part_number(&rest);
        return send_text(
            fd, "HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:%" PRIu64 "/%.*s\r\nContent-Length: 0\r\n\r\n", port,
            SPAN_FORMAT(rest));
    }
    static const struct {
        const char *kind, *location;
    } elsewhere[] = {{"ftp", "ftp://127.0.0.1/x"},
                     {"file", "file:///etc/passwd"},
                     {"odd", "http://a\x9b"
                             "b.invalid/"}};
    for (size_t i = 0; i < ARRAY_COUNT(elsewhere); i++) {
        if (span_is(kind, elsewhere[i].kind))
            return send_text(fd, "HTTP/1.1 302 There\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
                             elsewhere[i].location);
    }
    if (span_is(kind, "loop"))
        return send_text(fd, "HTTP/1.1 302 There\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
    if (span_is(kind, "chunked"))
        return send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n");
    if (span_is(kind, "v2"))
        return answer_registry(server, fd, asked, rest);
    return false; /* /drop and whatever else */
}

/* A POST with its body, of which Content-Length must tell. */
static bool head_is_whole(struct span bytes) {
    size_t end = span_find(bytes, span_text("\r\n\r\n"), 0);
    uint64_t length = 0;
    if (end == SIZE_MAX || !span_starts(bytes, "POST "))
        return end != SIZE_MAX;
    struct span rest = span_from(bytes, span_find(bytes, span_text("Content-Length: "), 0) + 16);
    (void)text_u64(text_cut(&rest, '\r'), 10, 1 << 20, &length);
    return bytes.size >= end + 4 + length;
}

/* Reads one head into `head`; false at the end of the connection. */
static bool head_read(struct fake_http *server, int fd, struct buf *head) {
    while (!head_is_whole(buf_span(head))) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        char bytes[2048];
        if (stopping(server))
            return false;
        if (poll(&ready, 1, 20) <= 0)
            continue;
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0)
            return false;
        buf_add(head, span_make(bytes, (size_t)got));
    }
    return true;
}

static void connection_count(struct fake_http *server, int change) {
    (void)pthread_mutex_lock(&server->lock);
    server->connections = (unsigned)((int)server->connections + change);
    if (server->connections > server->connections_max)
        server->connections_max = server->connections;
    if (change < 0)
        server->threads--;
    (void)pthread_mutex_unlock(&server->lock);
}

static void *serve(void *context) {
    struct connection *connection = context;
    struct fake_http *server = connection->server;
    struct buf head;
    bool open = true;
    buf_init(&head, 65536);
    connection_count(server, 1);
    while (open && head_read(server, connection->fd, &head)) {
        char path[128] = "", authorization[256] = "";
        uint64_t range = 0;
        struct reader lines = reader_init(buf_span(&head));
        struct span line;
        (void)read_line(&lines, &line);
        bool is_head = span_starts(line, "HEAD ");
        (void)text_cut(&line, ' ');
        struct span target = text_cut(&line, ' ');
        struct span only_path = text_cut(&target, '?');
        (void)snprintf(path, sizeof path, "%.*s", SPAN_FORMAT(only_path));
        while (read_line(&lines, &line)) {
            if (span_starts(line, "Range: bytes=")) {
                struct span number = span_from(line, strlen("Range: bytes="));
                (void)text_u64(text_cut(&number, '-'), 10, UINT64_MAX, &range);
            }
            if (span_starts(line, "Authorization: ")) {
                struct span value = span_from(line, strlen("Authorization: "));
                (void)snprintf(authorization, sizeof authorization, "%.*s", SPAN_FORMAT(value));
            }
        }
        (void)pthread_mutex_lock(&server->lock);
        buf_add(&server->heads, buf_span(&head));
        server->requests++;
        (void)pthread_mutex_unlock(&server->lock);
        buf_reset(&head);
        open = answer(server, connection->fd, &(struct asked){path, authorization, range, is_head});
    }
    (void)shutdown(connection->fd, SHUT_RDWR);
    (void)close(connection->fd);
    buf_release(&head);
    mem_free(connection);
    connection_count(server, -1);
    return NULL;
}

static void *accept_all(void *context) {
    struct fake_http *server = context;
    while (!stopping(server)) {
        struct pollfd ready = {.fd = server->listener, .events = POLLIN};
        if (poll(&ready, 1, 20) <= 0)
            continue;
        int fd = accept(server->listener, NULL, NULL);
        struct connection *connection = fd < 0 ? NULL : mem_alloc(sizeof *connection);
        pthread_t thread;
        if (connection == NULL)
            continue;
        int on = 1; /* heads and bodies go out in two writes: without it each answer waits 40 ms for a delayed ACK */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        *connection = (struct connection){server, fd};
        (void)pthread_mutex_lock(&server->lock);
        server->threads++;
        (void)pthread_mutex_unlock(&server->lock);
        int failed = pthread_create(&thread, NULL, serve, connection);
        assert(failed == 0);
        (void)failed;
        (void)pthread_detach(thread);
    }
    return NULL;
}

struct fake_http *fake_http_start(void) {
    struct fake_http *server = mem_zalloc(sizeof *server);
    assert(server != NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    (void)pthread_mutex_init(&server->lock, NULL);
    buf_init(&server->heads, 0);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ready = server->listener >= 0 && bind(server->listener, (struct sockaddr *)&address, size) == 0 &&
                 listen(server->listener, 128) == 0 &&
                 getsockname(server->listener, (struct sockaddr *)&address, &size) == 0;
    assert(ready);
    server->port = ntohs(address.sin_port);
    int failed = pthread_create(&server->thread, NULL, accept_all, server);
    assert(failed == 0);
    (void)failed;
    (void)ready;
    return server;
}

void fake_http_stop(struct fake_http *server) {
    (void)pthread_mutex_lock(&server->lock);
    server->stopping = true;
    (void)pthread_mutex_unlock(&server->lock);
    (void)pthread_join(server->thread, NULL);
    for (unsigned left = 1; left > 0;) { /* detached threads say goodbye by the counter */
        (void)pthread_mutex_lock(&server->lock);
        left = server->threads;
        (void)pthread_mutex_unlock(&server->lock);
        if (left > 0)
            (void)poll(NULL, 0, 2);
    }
    (void)close(server->listener);
    buf_release(&server->heads);
    (void)pthread_mutex_destroy(&server->lock);
    mem_free(server);
}

void fake_http_lacks(struct fake_http *server, enum fake_http_lack lack) {
    (void)pthread_mutex_lock(&server->lock);
    server->lack = lack;
    (void)pthread_mutex_unlock(&server->lock);
}

unsigned fake_http_port(const struct fake_http *server) { return server->port; }

unsigned fake_http_requests(struct fake_http *server) {
    (void)pthread_mutex_lock(&server->lock);
    unsigned requests = server->requests;
    (void)pthread_mutex_unlock(&server->lock);
    return requests;
}

unsigned fake_http_tokens(struct fake_http *server) {
    (void)pthread_mutex_lock(&server->lock);
    unsigned tokens = server->tokens;
    (void)pthread_mutex_unlock(&server->lock);
    return tokens;
}

unsigned fake_http_connections_max(struct fake_http *server) {
    (void)pthread_mutex_lock(&server->lock);
    unsigned most = server->connections_max;
    (void)pthread_mutex_unlock(&server->lock);
    return most;
}

bool fake_http_saw(struct fake_http *server, const char *text) {
    (void)pthread_mutex_lock(&server->lock);
    bool saw = span_find(buf_span(&server->heads), span_text(text), 0) != SIZE_MAX;
    (void)pthread_mutex_unlock(&server->lock);
    return saw;
}
