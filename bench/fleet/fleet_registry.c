/* A registry on loopback that makes up a fleet of images: what `make bench-fleet` sweeps.
 *
 *     fleet_registry [--images N] [--repositories N] [--layers N] [--layer-bytes SIZE] [--seed N]
 *                    [--changed PERCENT] [--generation N] [--port N]
 *
 * 100,000 images in 5,000 repositories over 20,000 layers of 1 MiB on average; where only --images is given, the others
 * follow in that proportion. fleet_images.h says how they share, fleet_layers.h what is in them. Prints
 * "listening on 127.0.0.1:PORT" when it is ready; SIGTERM ends it and prints the counts as JSON. One process, one
 * thread, no file: it shares the processors with what it measures, so a request costs some microseconds.
 *
 * Spec: OCI distribution-spec 1.1, pulling and listing, and the catalogue; Range on blobs, ETag with If-None-Match on
 * manifests. Besides: GET /stats (the counts), /stats/reset (sets them to zero), /generation/N (changes the images). */
#include "base/prelude.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "base/text.h"
#include "bench/fleet/fleet_images.h"

#define HEAD_BYTES_MAX (16 * LIMIT_KIB) /* of a request; those of trawl have 300 bytes */
#define PAGE_NAMES_MAX 1000
#define EVENTS_MAX 64

enum count {
    COUNT_PING,
    COUNT_CATALOG,
    COUNT_TAGS,
    COUNT_MANIFEST_HEAD,
    COUNT_MANIFEST_GET,
    COUNT_MANIFEST_UNCHANGED, /* 304 */
    COUNT_CONFIG,
    COUNT_LAYER_HEAD,
    COUNT_LAYER,
    COUNT_LAYER_RANGE, /* from another byte than the first */
    COUNT_NOT_FOUND,
    COUNT_BAD,
    COUNT_COUNT
};

static const char *const count_names[COUNT_COUNT] = {
    "ping",   "catalog",    "tags",  "manifest_head", "manifest_get", "manifest_unchanged",
    "config", "layer_head", "layer", "layer_range",   "not_found",    "bad",
};

struct stats {
    uint64_t counts[COUNT_COUNT];
    uint64_t bytes_sent, layer_bytes; /* heads and all; of layers alone */
    uint64_t connections;
};

struct server {
    struct fleet *fleet;
    struct stats stats;
    struct buf document; /* scratch: a JSON body, or the part of a layer after the shared one */
    uint64_t connections_open, connections_most;
    int poll_fd, listener;
};

struct connection {
    int fd;
    bool closing, waits; /* after what is being sent; for room to send */
    struct buf in;       /* at most HEAD_BYTES_MAX of requests that are not answered yet */
    struct buf before;   /* the head, and a small body */
    struct span shared;  /* then this much of a chain */
    struct buf after;    /* then this */
    size_t sent;         /* of the three together */
};

struct request {
    bool get, head; /* neither: another method */
    bool close;
    struct span path, query;
    struct span none_match;
    bool has_range;
    uint64_t range_first, range_last;
};

static void fail(const struct err *err) {
    (void)fprintf(stderr, "fleet_registry: %s\n", err->text);
    exit(1);
}

/* ---- requests ---- */

/* "bytes=FIRST-" and "bytes=FIRST-LAST"; any other form is ignored, which the specification allows. */
static void range_read(struct span value, struct request *request) {
    uint64_t first, last = UINT64_MAX;
    if (!span_starts(value, "bytes="))
        return;
    struct span rest = span_from(value, 6);
    struct span head = text_cut(&rest, '-');
    if (!text_u64(head, 10, UINT32_MAX, &first) || (rest.size > 0 && !text_u64(rest, 10, UINT32_MAX, &last)) ||
        last < first)
        return;
    request->has_range = true;
    request->range_first = first;
    request->range_last = last;
}

static void header_read(struct span line, struct request *request) {
    struct span value = line;
    struct span name = text_cut(&value, ':');
    value = text_trim(value);
    if (text_equal_nocase(name, span_text("range")))
        range_read(value, request);
    else if (text_equal_nocase(name, span_text("if-none-match")))
        request->none_match = value;
    else if (text_equal_nocase(name, span_text("connection")))
        request->close = text_equal_nocase(value, span_text("close"));
}

static struct request request_read(struct span head) {
    struct request request = {0};
    struct span line = text_cut(&head, '\n'), target = line;
    struct span method = text_cut(&target, ' ');
    request.head = span_is(method, "HEAD");
    request.get = span_is(method, "GET");
    request.query = text_cut(&target, ' ');
    request.path = text_cut(&request.query, '?');
    while (head.size > 0)
        header_read(text_trim(text_cut(&head, '\n')), &request);
    return request;
}

/* A value of the query; names of ours need no escapes, so "%2F" is all that is undone. */
static struct span query_value(struct span query, const char *name, char *out, size_t room) {
    while (query.size > 0) {
        struct span value = text_cut(&query, '&');
        struct span key = text_cut(&value, '=');
        if (!span_is(key, name))
            continue;
        size_t size = 0;
        for (size_t i = 0; i < value.size && size < room; i++) {
            bool slash = i + 2 < value.size && value.data[i] == '%' && value.data[i + 1] == '2' &&
                         text_lower_byte(value.data[i + 2]) == 'f';
            out[size++] = slash ? '/' : (char)value.data[i];
            i += slash ? 2 : 0;
        }
        return span_make(out, size);
    }
    return (struct span){NULL, 0};
}

/* ---- answers ---- */

struct answer {
    int status;
    const char *type;
    const char *link;      /* of the next page */
    const uint8_t *digest; /* SHA-256, or NULL */
    struct span body;      /* a small one: copied */
    uint64_t size;         /* of the body that a GET would have */
    uint64_t from, total;  /* for 206 */
};

static const char *reason_of(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 206:
        return "Partial Content";
    case 304:
        return "Not Modified";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 416:
        return "Range Not Satisfiable";
    default:
        return "Bad Request";
    }
}

static void answer_head(struct connection *connection, const struct answer *answer) {
    struct buf *out = &connection->before;
    char text[DIGEST_TEXT_SIZE];
    buf_format(out, "HTTP/1.1 %d %s\r\nDocker-Distribution-Api-Version: registry/2.0\r\n", answer->status,
               reason_of(answer->status));
    if (answer->status != 304)
        buf_format(out, "Content-Type: %s\r\nContent-Length: %" PRIu64 "\r\n", answer->type, answer->size);
    if (answer->digest != NULL) {
        struct digest digest = {.algorithm = DIGEST_SHA256};
        memcpy(digest.bytes, answer->digest, 32);
        digest_text(&digest, text);
        buf_format(out, "Docker-Content-Digest: %s\r\nETag: \"%s\"\r\n", text, text);
    }
    if (answer->status == 206)
        buf_format(out, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", answer->from,
                   answer->from + answer->size - 1, answer->total);
    if (answer->link != NULL)
        buf_format(out, "Link: <%s>; rel=\"next\"\r\n", answer->link);
    buf_text(out, connection->closing ? "Connection: close\r\n\r\n" : "\r\n");
}

/* An answer whose body, if any, is small. */
static void answer_small(struct connection *connection, const struct request *request, const struct answer *answer) {
    answer_head(connection, answer);
    if (!request->head)
        buf_add(&connection->before, answer->body);
}

static void answer_error(struct server *server, struct connection *connection, const struct request *request,
                         int status, const char *code) {
    struct buf *body = &server->document;
    server->stats.counts[status == 404 ? COUNT_NOT_FOUND : COUNT_BAD]++;
    buf_reset(body);
    buf_format(body, "{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}", code, reason_of(status));
    answer_small(
        connection, request,
        &(struct answer){.status = status, .type = "application/json", .body = buf_span(body), .size = body->size});
}

static void answer_json(struct server *server, struct connection *connection, const struct request *request,
                        const char *link) {
    struct buf *body = &server->document;
    answer_small(
        connection, request,
        &(struct answer){
            .status = 200, .type = "application/json", .link = link, .body = buf_span(body), .size = body->size});
}

/* ---- listings ---- */

static uint64_t page_size(struct span query) {
    char text[16];
    uint64_t size;
    struct span value = query_value(query, "n", text, sizeof text);
    if (!text_u64(value, 10, UINT32_MAX, &size) || size == 0 || size > PAGE_NAMES_MAX)
        return PAGE_NAMES_MAX;
    return size;
}

static void answer_catalog(struct server *server, struct connection *connection, const struct request *request) {
    char last[FLEET_NAME_SIZE], name[FLEET_NAME_SIZE], link[128];
    struct span after = query_value(request->query, "last", last, sizeof last);
    uint32_t count = fleet_options(server->fleet)->repositories;
    uint64_t size = page_size(request->query);
    bool found;
    uint32_t from = fleet_repository_after(server->fleet, after, &found);
    uint32_t to = count - from < size ? count : from + (uint32_t)size;
    struct buf *body = &server->document;
    server->stats.counts[COUNT_CATALOG]++;
    buf_reset(body);
    buf_text(body, "{\"repositories\":[");
    for (uint32_t i = from; i < to; i++)
        buf_format(body, "%s\"%s\"", i == from ? "" : ",", fleet_repository_name(i, name));
    buf_text(body, "]}");
    if (to < count)
        (void)snprintf(link, sizeof link, "/v2/_catalog?last=%s&n=%" PRIu64, fleet_repository_name(to - 1, name), size);
    answer_json(server, connection, request, to < count ? link : NULL);
}

static void answer_tags(struct server *server, struct connection *connection, const struct request *request,
                        uint32_t repository) {
    char last[FLEET_NAME_SIZE], name[FLEET_NAME_SIZE], tag[FLEET_NAME_SIZE], link[256];
    struct span after = query_value(request->query, "last", last, sizeof last);
    uint32_t count = fleet_tag_count(server->fleet, repository);
    uint64_t size = page_size(request->query);
    bool found;
    uint32_t from = fleet_tag_after(server->fleet, repository, after, &found);
    uint32_t to = count - from < size ? count : from + (uint32_t)size;
    struct buf *body = &server->document;
    server->stats.counts[COUNT_TAGS]++;
    buf_reset(body);
    buf_format(body, "{\"name\":\"%s\",\"tags\":[", fleet_repository_name(repository, name));
    for (uint32_t i = from; i < to; i++)
        buf_format(body, "%s\"%s\"", i == from ? "" : ",", fleet_tag_name(i, tag));
    buf_text(body, "]}");
    if (to < count)
        (void)snprintf(link, sizeof link, "/v2/%s/tags/list?last=%s&n=%" PRIu64, name, fleet_tag_name(to - 1, tag),
                       size);
    answer_json(server, connection, request, to < count ? link : NULL);
}

/* ---- objects ---- */

/* Whether an If-None-Match value has this digest's tag in it. */
static bool none_matches(struct span value, const uint8_t *bytes) {
    char text[DIGEST_TEXT_SIZE];
    struct digest digest = {.algorithm = DIGEST_SHA256};
    memcpy(digest.bytes, bytes, 32);
    return value.size > 0 && span_find(value, span_text(digest_text(&digest, text)), 0) != SIZE_MAX;
}

static void answer_manifest(struct server *server, struct connection *connection, const struct request *request,
                            uint32_t id) {
    const struct fleet_image *image = fleet_image(server->fleet, id);
    struct answer answer = {.status = 200,
                            .type = "application/vnd.oci.image.manifest.v1+json",
                            .digest = image->manifest,
                            .size = image->manifest_size};
    if (none_matches(request->none_match, image->manifest)) {
        server->stats.counts[COUNT_MANIFEST_UNCHANGED]++;
        answer.status = 304;
        answer_head(connection, &answer);
        return;
    }
    server->stats.counts[request->head ? COUNT_MANIFEST_HEAD : COUNT_MANIFEST_GET]++;
    if (!request->head) {
        buf_reset(&server->document);
        fleet_manifest(server->fleet, id, &server->document);
        assert(server->document.failed || server->document.size == image->manifest_size);
        answer.body = buf_span(&server->document);
    }
    answer_small(connection, request, &answer);
}

/* What a Range leaves of `size` bytes; false when it leaves none. */
static bool range_apply(const struct request *request, uint64_t size, struct answer *answer) {
    *answer = (struct answer){.status = 200, .type = "application/octet-stream", .size = size, .total = size};
    if (!request->has_range)
        return true;
    if (request->range_first >= size)
        return false;
    uint64_t end = request->range_last < size ? request->range_last + 1 : size;
    answer->status = 206;
    answer->from = request->range_first;
    answer->size = end - request->range_first;
    return true;
}

static void answer_config(struct server *server, struct connection *connection, const struct request *request,
                          uint32_t id) {
    const struct fleet_image *image = fleet_image(server->fleet, id);
    struct answer answer;
    server->stats.counts[COUNT_CONFIG]++;
    if (!range_apply(request, image->config_size, &answer)) {
        answer_error(server, connection, request, 416, "RANGE_INVALID");
        return;
    }
    answer.digest = image->config;
    buf_reset(&server->document);
    fleet_config(server->fleet, id, &server->document);
    assert(server->document.failed || server->document.size == image->config_size);
    answer.body = span_slice(buf_span(&server->document), (size_t)answer.from, (size_t)answer.size);
    answer_small(connection, request, &answer);
}

static void answer_layer(struct server *server, struct connection *connection, const struct request *request,
                         uint32_t id) {
    struct fleet_layer *layer = fleet_layer(server->fleet, id);
    struct answer answer;
    struct err err;
    if (!range_apply(request, layer->size, &answer)) {
        answer_error(server, connection, request, 416, "RANGE_INVALID");
        return;
    }
    answer.digest = layer->digest;
    answer_head(connection, &answer);
    if (request->head) {
        server->stats.counts[COUNT_LAYER_HEAD]++;
        return;
    }
    server->stats.counts[answer.from == 0 ? COUNT_LAYER : COUNT_LAYER_RANGE]++;
    server->stats.layer_bytes += answer.size;
    layer->fetches += answer.from == 0;
    struct span shared = fleet_layer_shared(server->fleet, id);
    connection->shared = span_slice(shared, (size_t)answer.from, (size_t)answer.size);
    size_t left = (size_t)answer.size - connection->shared.size;
    if (left == 0)
        return;
    buf_reset(&server->document);
    if (fleet_layer_own(server->fleet, id, &server->document, &err) < 0)
        fail(&err);
    size_t skip = answer.from > shared.size ? (size_t)answer.from - shared.size : 0;
    buf_add(&connection->after, span_slice(buf_span(&server->document), skip, left));
}

static void answer_blob(struct server *server, struct connection *connection, const struct request *request,
                        struct span name) {
    struct digest digest;
    struct fleet_object object = {FLEET_NOTHING, 0};
    if (digest_parse(name, &digest, NULL) == 0)
        object = fleet_find(server->fleet, &digest);
    if (object.kind == FLEET_LAYER)
        answer_layer(server, connection, request, object.id);
    else if (object.kind == FLEET_CONFIG)
        answer_config(server, connection, request, object.id);
    else
        answer_error(server, connection, request, 404, "BLOB_UNKNOWN");
}

static void answer_reference(struct server *server, struct connection *connection, const struct request *request,
                             uint32_t repository, struct span name) {
    struct digest digest;
    bool found;
    uint32_t tag = fleet_tag_after(server->fleet, repository, name, &found);
    struct fleet_object object = {found ? FLEET_MANIFEST : FLEET_NOTHING,
                                  found ? fleet_image_of(server->fleet, repository, tag - 1) : 0};
    if (!found && digest_parse(name, &digest, NULL) == 0)
        object = fleet_find(server->fleet, &digest);
    if (object.kind == FLEET_MANIFEST)
        answer_manifest(server, connection, request, object.id);
    else
        answer_error(server, connection, request, 404, "MANIFEST_UNKNOWN");
}

/* ---- what the bench itself asks ---- */

static void stats_write(struct server *server, struct buf *out) {
    const struct stats *stats = &server->stats;
    const struct fleet_options *options = fleet_options(server->fleet);
    struct rusage usage;
    uint64_t requests = 0, bytes = 0, fetched = 0, repeated = 0, most = 0;
    size_t count = fleet_layer_count(server->fleet);
    for (uint32_t i = 0; i < count; i++) {
        const struct fleet_layer *layer = fleet_layer(server->fleet, i);
        bytes += layer->size;
        fetched += layer->fetches > 0;
        repeated += layer->fetches > 1 ? layer->fetches - 1 : 0;
        most = layer->fetches > most ? layer->fetches : most;
    }
    (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail for oneself */
    buf_format(out,
               "{\"fleet\":{\"seed\":%" PRIu64
               ",\"images\":%u,\"repositories\":%u,\"generation\":%u,\"images_changed\":%zu,"
               "\"layers\":%zu,\"layers_used\":%zu,\"layer_bytes\":%" PRIu64 ",\"shared_bytes\":%zu},",
               options->seed, options->images, options->repositories, fleet_generation(server->fleet),
               fleet_image_count_changed(server->fleet), count, fleet_layer_count_used(server->fleet), bytes,
               fleet_shared_bytes(server->fleet));
    buf_text(out, "\"requests\":{");
    for (size_t i = 0; i < COUNT_COUNT; i++) {
        requests += stats->counts[i];
        buf_format(out, "\"%s\":%" PRIu64 ",", count_names[i], stats->counts[i]);
    }
    buf_format(out,
               "\"all\":%" PRIu64 "},\"layers_fetched\":%" PRIu64 ",\"layers_repeated\":%" PRIu64
               ",\"layer_fetches_most\":%" PRIu64 ",\"bytes_sent\":%" PRIu64 ",\"layer_bytes_sent\":%" PRIu64
               ",\"connections\":%" PRIu64 ",\"connections_most\":%" PRIu64 ",\"server\":{\"cpu_ms\":%" PRIu64
               ",\"peak_bytes\":%" PRIu64 "}}\n",
               requests, fetched, repeated, most, stats->bytes_sent, stats->layer_bytes, stats->connections,
               server->connections_most,
               (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                   (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000,
               (uint64_t)usage.ru_maxrss * 1024);
}

static void stats_reset(struct server *server) {
    server->stats = (struct stats){0};
    server->connections_most = server->connections_open;
    for (uint32_t i = 0; i < fleet_layer_count(server->fleet); i++)
        fleet_layer(server->fleet, i)->fetches = 0;
}

/* True when the path is one of the bench's own; those are not counted. */
static bool answer_control(struct server *server, struct connection *connection, const struct request *request) {
    struct err err;
    uint64_t generation;
    buf_reset(&server->document);
    if (span_starts(request->path, "/generation/") &&
        text_u64(span_from(request->path, strlen("/generation/")), 10, 10000, &generation)) {
        if (fleet_generation_set(server->fleet, (uint32_t)generation, &err) < 0)
            fail(&err);
    } else if (span_is(request->path, "/stats/reset")) {
        stats_reset(server);
    } else if (!span_is(request->path, "/stats")) {
        return false;
    }
    stats_write(server, &server->document);
    answer_json(server, connection, request, NULL);
    return true;
}

/* ---- one request ---- */

static void answer_repository(struct server *server, struct connection *connection, const struct request *request) {
    static const char *const kinds[] = {"/tags/list", "/manifests/", "/blobs/"};
    struct span path = span_from(request->path, strlen("/v2/"));
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        size_t at = span_find(path, span_text(kinds[i]), 0);
        if (at == SIZE_MAX)
            continue;
        bool found;
        uint32_t repository = fleet_repository_after(server->fleet, span_slice(path, 0, at), &found);
        struct span name = span_from(path, at + strlen(kinds[i]));
        if (!found)
            answer_error(server, connection, request, 404, "NAME_UNKNOWN");
        else if (i == 0)
            answer_tags(server, connection, request, repository - 1);
        else if (i == 1)
            answer_reference(server, connection, request, repository - 1, name);
        else
            answer_blob(server, connection, request, name);
        return;
    }
    answer_error(server, connection, request, 404, "NAME_INVALID");
}

static void answer(struct server *server, struct connection *connection, struct span head) {
    struct request request = request_read(head);
    connection->closing = request.close;
    if (!request.get && !request.head) {
        /* A body may follow, which nobody reads: the connection ends with the answer. */
        connection->closing = true;
        answer_error(server, connection, &request, 405, "UNSUPPORTED");
    } else if (span_is(request.path, "/v2/")) {
        server->stats.counts[COUNT_PING]++;
        buf_reset(&server->document);
        buf_text(&server->document, "{}");
        answer_json(server, connection, &request, NULL);
    } else if (span_is(request.path, "/v2/_catalog")) {
        answer_catalog(server, connection, &request);
    } else if (span_starts(request.path, "/v2/")) {
        answer_repository(server, connection, &request);
    } else if (!answer_control(server, connection, &request)) {
        answer_error(server, connection, &request, 404, "NAME_UNKNOWN");
    }
}

/* ---- connections ---- */

static void connection_close(struct server *server, struct connection *connection) {
    (void)close(connection->fd); /* also takes it out of the poll set */
    buf_release(&connection->in);
    buf_release(&connection->before);
    buf_release(&connection->after);
    mem_free(connection);
    server->connections_open--;
}

static size_t unsent(const struct connection *connection) {
    return connection->before.size + connection->shared.size + connection->after.size - connection->sent;
}

/* Sends what the socket takes; false when the peer is gone. */
static bool connection_send(struct server *server, struct connection *connection) {
    while (unsent(connection) > 0) {
        struct span parts[] = {buf_span(&connection->before), connection->shared, buf_span(&connection->after)};
        struct iovec vectors[ARRAY_COUNT(parts)];
        struct msghdr message = {.msg_iov = vectors};
        size_t skip = connection->sent;
        for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
            struct span part = span_from(parts[i], skip);
            skip -= parts[i].size - part.size;
            if (part.size > 0)
                vectors[message.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)part.data, part.size};
        }
        ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        connection->sent += (size_t)sent;
        server->stats.bytes_sent += (uint64_t)sent;
    }
    buf_reset(&connection->before);
    buf_reset(&connection->after);
    connection->shared = (struct span){NULL, 0};
    connection->sent = 0;
    return true;
}

/* Answers what is there, one request after the other; false when the connection is over. */
static bool connection_answer(struct server *server, struct connection *connection) {
    for (;;) {
        if (!connection_send(server, connection))
            return false;
        if (unsent(connection) > 0)
            return true;
        if (connection->closing)
            return false;
        struct span in = buf_span(&connection->in);
        size_t end = span_find(in, span_text("\r\n\r\n"), 0);
        if (end == SIZE_MAX)
            return in.size < HEAD_BYTES_MAX;
        answer(server, connection, span_slice(in, 0, end + 2));
        size_t rest = in.size - end - 4;
        memmove(connection->in.data, connection->in.data + end + 4, rest);
        connection->in.size = rest;
        if (connection->before.failed || connection->after.failed || server->document.failed)
            return false;
    }
}

/* Reads what has come. While an answer is on its way nothing is read: a peer that only asks fills its own socket. */
static bool connection_read(struct connection *connection) {
    size_t room = HEAD_BYTES_MAX - connection->in.size;
    if (room > 4096)
        room = 4096;
    if (room == 0 || !buf_reserve(&connection->in, room))
        return false;
    ssize_t got = recv(connection->fd, connection->in.data + connection->in.size, room, 0);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    connection->in.size += (size_t)got;
    return true;
}

static bool connection_step(struct server *server, struct connection *connection, uint32_t events) {
    bool stuck = unsent(connection) > 0;
    if (stuck && (events & (EPOLLERR | EPOLLHUP)) != 0)
        return false;
    if (!stuck && !connection_read(connection))
        return false;
    if (!connection_answer(server, connection))
        return false;
    bool waits = unsent(connection) > 0;
    if (waits != connection->waits) {
        struct epoll_event event = {.events = waits ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(server->poll_fd, EPOLL_CTL_MOD, connection->fd, &event) < 0)
            return false;
        connection->waits = waits;
    }
    return true;
}

static void connections_accept(struct server *server) {
    int fd;
    while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = mem_zalloc(sizeof *connection);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only slower without */
        if (connection == NULL || epoll_ctl(server->poll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
            mem_free(connection);
            (void)close(fd);
            continue;
        }
        connection->fd = fd;
        buf_init(&connection->in, HEAD_BYTES_MAX);
        server->stats.connections++;
        server->connections_open++;
        if (server->connections_open > server->connections_most)
            server->connections_most = server->connections_open;
    }
}

/* ---- the process ---- */

static int listen_on(uint16_t port, int *ret_fd, uint16_t *ret_port, struct err *err) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return err_set(err, ERR_IO, errno, "port %u: %s", port, strerror(errno));
    *ret_fd = fd;
    *ret_port = ntohs(address.sin_port);
    return 0;
}

static int signals_open(int *ret_fd, struct err *err) {
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || (*ret_fd = signalfd(-1, &signals, SFD_CLOEXEC)) < 0)
        return err_set(err, ERR_IO, errno, "signals: %s", strerror(errno));
    return 0;
}

static int poll_add(int poll_fd, int fd, void *mark, struct err *err) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return err_set(err, ERR_IO, errno, "epoll: %s", strerror(errno));
    return 0;
}

/* Serves until SIGTERM. Open connections go with the process. */
static int serve(struct server *server, uint16_t port, struct err *err) {
    int signals;
    struct epoll_event events[EVENTS_MAX];
    uint16_t bound;
    server->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->poll_fd < 0)
        return err_set(err, ERR_IO, errno, "epoll: %s", strerror(errno));
    if (signals_open(&signals, err) < 0 || listen_on(port, &server->listener, &bound, err) < 0 ||
        poll_add(server->poll_fd, server->listener, server, err) < 0 ||
        poll_add(server->poll_fd, signals, &signals, err) < 0)
        return -1;
    (void)printf("listening on 127.0.0.1:%u\n", bound);
    (void)fflush(stdout); /* a reader that is gone sees to itself */
    for (;;) {
        int count = epoll_wait(server->poll_fd, events, EVENTS_MAX, -1);
        if (count < 0 && errno != EINTR)
            return err_set(err, ERR_IO, errno, "epoll: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &signals)
                return 0;
            if (events[i].data.ptr == server)
                connections_accept(server);
            else if (!connection_step(server, events[i].data.ptr, events[i].events))
                connection_close(server, events[i].data.ptr);
        }
    }
}

struct arguments {
    struct fleet_options fleet;
    uint64_t generation, port;
};

static int usage(void) {
    (void)fprintf(stderr, "usage: fleet_registry [--images N] [--repositories N] [--layers N] [--layer-bytes SIZE]\n"
                          "                      [--seed N] [--changed PERCENT] [--generation N] [--port N]\n");
    return 2;
}

/* False when the command line is wrong. */
static bool arguments_read(int argc, char **argv, struct arguments *ret_arguments) {
    uint64_t images = 100000, repositories = 0, layers = 0, layer_bytes = LIMIT_MIB, seed = 1, changed = 1;
    uint64_t generation = 0, port = 0;
    const struct {
        const char *name;
        uint64_t *value, max;
    } options[] = {
        {"--images", &images, 100000000},     {"--repositories", &repositories, 100000000},
        {"--layers", &layers, 100000000},     {"--layer-bytes", &layer_bytes, 64 * LIMIT_MIB},
        {"--seed", &seed, UINT64_MAX},        {"--changed", &changed, 100},
        {"--generation", &generation, 10000}, {"--port", &port, UINT16_MAX},
    };
    for (int i = 1; i < argc; i += 2) {
        size_t at = 0;
        while (at < ARRAY_COUNT(options) && strcmp(argv[i], options[at].name) != 0)
            at++;
        if (at == ARRAY_COUNT(options) || i + 1 == argc || !text_size(span_text(argv[i + 1]), options[at].value) ||
            *options[at].value > options[at].max)
            return false;
    }
    /* A fifth and a twentieth; a small fleet still has some of each. */
    if (layers == 0)
        layers = images < 40 ? 8 : images / 5;
    if (repositories == 0)
        repositories = images < 20 ? 1 : images / 20;
    ret_arguments->fleet = (struct fleet_options){.seed = seed,
                                                  .images = (uint32_t)images,
                                                  .repositories = (uint32_t)repositories,
                                                  .layers = (uint32_t)layers,
                                                  .layer_bytes = layer_bytes,
                                                  .changed_percent = (uint32_t)changed};
    ret_arguments->generation = generation;
    ret_arguments->port = port;
    return true;
}

int main(int argc, char **argv) {
    struct arguments arguments;
    struct server server = {0};
    struct err err;
    if (!arguments_read(argc, argv, &arguments))
        return usage();
    if (fleet_new(&arguments.fleet, &server.fleet, &err) < 0 ||
        fleet_generation_set(server.fleet, (uint32_t)arguments.generation, &err) < 0 ||
        serve(&server, (uint16_t)arguments.port, &err) < 0)
        fail(&err);
    buf_reset(&server.document);
    stats_write(&server, &server.document);
    (void)fwrite(server.document.data, 1, server.document.size, stdout);
    buf_release(&server.document);
    fleet_free(server.fleet);
    return fflush(stdout) == 0 ? 0 : 1;
}
