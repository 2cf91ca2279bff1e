/* HTTP(S) GET and HEAD on the event loop, through libcurl's multi interface: streaming with back-pressure, retries,
 * resumption.
 *
 * Everything here is called in the loop's thread, and every callback runs there. A request's callbacks never run inside
 * the function that starts, resumes or cancels it; all three may be called from any callback.
 *
 * A request that meets a 401 of its own host goes through a gate (struct http_gate), where there is one: it waits there
 * without a connection until credentials are at hand, and then goes on where it was, in the middle of a body too.
 *
 * A request is tried again, with growing jittered pauses, after connection errors, stalls, truncations, 408, 429
 * and 5xx. Retry-After is honoured, by all requests to that host. A body that broke half way is continued with a Range
 * request; where the server sends it from the start instead, or another part, what was delivered is counted off: the
 * consumer sees one stream without a seam. Bytes are as the server sent them (no content decoding).
 *
 * HEADs and buffered bodies share HTTP/2 connections where a server offers that over TLS. Streamed bodies speak
 * HTTP/1.1, one connection each, so that a paused consumer stops the socket: a paused HTTP/2 stream goes on filling its
 * window in memory, and its connection's, behind which the others then wait. */
#ifndef TRAWL_HTTP_H
#define TRAWL_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "io/loop/loop.h"

/* Zero means the default. Texts are copied. */
struct http_options {
    unsigned connections_per_host; /* 8; counted by the host of the request's own URL, not of its redirects. Requests
                                    * that share connections do not count: LIMIT_HTTP_STREAMS bounds them */
    unsigned connections_max;      /* 64, or eight times as many as per host; never more than half of the descriptors
                                    * that the process may open. Requests beyond either limit wait in a queue of each
                                    * host, hosts in turn */
    uint64_t rate;                 /* bytes of bodies a second, all requests together; 0: no limit */
    unsigned requests_per_second;  /* all hosts together; 0: no limit */
    const char *ca_file;           /* PEM bundle instead of the system's */
    const char *cert_file;         /* PEM of a client's certificate, for every host, and its key */
    const char *key_file;          /* NULL: it is in the same file */
    bool insecure;                 /* do not verify the peer's certificate */
    unsigned connect_timeout_ms;   /* 15,000 */
    unsigned stall_timeout_ms;     /* 30,000 without a byte, or ten times that with fewer than LIMIT_HTTP_SLOW_BYTES;
                                    * time while paused does not count */
    const char *user_agent;        /* "trawl/VERSION" */
    unsigned attempts_max;         /* 4; starts again after LIMIT_HTTP_PROGRESS more bytes of a body came through */
    unsigned backoff_ms;         /* 250: at most so long before the second attempt, twice that before the third, and so
                                  * on up to 30 s; how long exactly is left to chance, so that many do not come at once */
    unsigned retry_after_max_ms; /* 60,000: no server makes us wait longer at a time, nor LIMIT_HTTP_PAUSES_MS in all */
};

struct http;
struct http_request;

enum http_flow {
    HTTP_CONTINUE, /* all bytes are taken */
    HTTP_PAUSE,    /* `*ret_taken` of them are (0 unless set); the others come again after http_resume() */
    HTTP_ABORT,    /* nothing more is wanted; `err` is set and becomes the result's */
};

/* What came of a request. Texts are never NULL, "" when absent, and valid until `done` returns. */
struct http_result {
    struct err err;  /* code ERR_NONE on success */
    long status;     /* of the last response; 0 when there was none */
    const char *url; /* where redirects ended; with its query string: not for messages */
    const char *content_type;
    const char *content_digest; /* Docker-Content-Digest */
    const char *link;           /* Link, the first one: the next page of a listing */
    const char *location;       /* Location of the last response */
    const char *authenticate;   /* WWW-Authenticate, all of them with commas between: what a 401 asks for */
    const char *etag; /* ETag and Last-Modified: what a conditional request names the next time. Its 304 is an */
    const char *last_modified; /* error here too (UNSUPPORTED), told by `status` */
    uint64_t content_size;     /* of the whole object, from Content-Length or Content-Range; UINT64_MAX when unknown */
    uint64_t body_bytes;       /* delivered to `body`, and `offset` with them */
    unsigned attempts;         /* 1 when all went well; those that met a gate's challenge do not count */
    unsigned resumes;          /* attempts that continued a body */
};

/* The next bytes of a 2xx body, valid during the call. Must not block. May be NULL: the body is thrown away. */
typedef enum http_flow (*http_body_fn)(void *context, struct span bytes, size_t *ret_taken, struct err *err);
/* Called exactly once for each started request; the request's handle dies when it returns.
 * Errors: AUTH (401, 403, or a certificate that is not trusted), NOTFOUND (404, 410), LIMIT (bytes_max, redirects,
 * headers), NET (attempts used up), UNSUPPORTED (another 4xx, a redirect to another protocol), USAGE (URL), CANCELED,
 * NOMEM, and whatever `body` aborted with. Texts name the URL without its query string, what was expected and found,
 * and what to do. */
typedef void (*http_done_fn)(void *context, const struct http_result *result);

/* Whoever gets credentials for requests of one kind embeds a gate and fills in its two functions; the rest is zero at
 * first and the client's. It must live as long as its requests. Both functions are called in the loop's thread, must
 * not block, may start requests, and must not cancel any. */
enum http_pass {
    HTTP_PASS,   /* go, with `*ret_authorization` as the value of Authorization; NULL for none */
    HTTP_WAIT,   /* until http_gate_turn(): no connection is held meanwhile */
    HTTP_REFUSE, /* the request fails with `err` */
};
struct http_gate {
    /* Asked before each attempt. The text is borrowed until the function is called again. `*ret_generation` is for
     * challenge(): which credentials these were. */
    enum http_pass (*pass)(struct http_gate *gate, const char **ret_authorization, unsigned *ret_generation,
                           struct err *err);
    /* A 401 of the URL's own host, never of a redirect's, to what pass() gave out as `generation`. True sends the
     * request through pass() again; false fails it, with `err` where that is set. Asked at most LIMIT_HTTP_CHALLENGES
     * times before LIMIT_HTTP_PROGRESS more bytes of a body came through. */
    bool (*challenge)(struct http_gate *gate, unsigned generation, const char *authenticate, struct err *err);
    /* What pass() gave out was good for something. May be NULL. */
    void (*accept)(struct http_gate *gate);
    struct http_request *first, *last; /* those that wait */
};

/* What to ask for. Everything is copied by http_start(). */
struct http_spec {
    const char *url; /* http or https, without user or password in it */
    bool head;
    const char *const *headers; /* "Name: value" lines, NULL-terminated; NULL for none. Go to every host of a redirect
                                 * chain: credentials are refused here (USAGE) */
    const char
        *authorization;   /* value of an Authorization header, such as a bearer token: to the URL's own host only */
    const char *username; /* Basic, to the URL's own host only; not together with `authorization` */
    const char *password;
    struct http_gate *gate; /* or NULL; not together with the three above */
    const char *form;       /* makes it a POST of this text, application/x-www-form-urlencoded. It may hold credentials:
                             * no redirect is followed. For http_get_buffer() only */
    uint64_t bytes_max;     /* LIMIT beyond; 0 for no limit */
    uint64_t offset;        /* the body from there on, by range or by counting off: another server gave its beginning */
    http_body_fn body;
    http_done_fn done;
    void *context;
};

/* Hosts may have certificates of their own, as the container engines look for them: ca.crt, client.cert and client.key
 * in the folder HOST[:PORT] of ~/.config/containers/certs.d, /etc/containers/certs.d or /etc/docker/certs.d. They hold
 * for where its redirects lead too: the authority beside the system's folder of them, as the engines have it. USAGE (a
 * file that is named cannot be read), UNSUPPORTED (libcurl that would resolve names in the loop's thread), NOMEM. */
int http_open(struct loop *loop, const struct http_options *options, struct http **ret_http, struct err *err);
/* Cancels all requests: their `done` is called here, with CANCELED. Not from a callback. NULL is accepted. */
void http_close(struct http *http);
/* Whether http_close() is under way: a `done` that is called then should begin nothing that takes long. */
bool http_is_closing(const struct http *http);

/* Starts a request or queues it; errors found at once (USAGE, NOMEM, CANCELED while closing) mean that `done` will not
 * be called. `ret_request` may be NULL. */
int http_start(struct http *http, const struct http_spec *spec, struct http_request **ret_request, struct err *err);
/* Delivers again after HTTP_PAUSE, from the loop's next turn on. Harmless on a request that is not paused. */
void http_resume(struct http_request *request);
/* `done` comes with CANCELED in the loop's next turn, unless it was on its way; `body` is not called any more. */
void http_cancel(struct http_request *request);

/* Those that wait at the gate are asked to pass again, from the loop's next turn on. From any callback. */
void http_gate_turn(struct http *http, struct http_gate *gate);

/* The whole body in memory, for manifests and listings: `spec->body`, `done` and `context` are not used, `bytes_max`
 * must be set. `body` is borrowed from the request and dies when `done` returns; it is empty on errors. */
typedef void (*http_buffer_fn)(void *context, const struct http_result *result, struct span body);
int http_get_buffer(struct http *http, const struct http_spec *spec, http_buffer_fn done, void *context,
                    struct http_request **ret_request, struct err *err);

/* Counts since http_open(). */
struct http_stats {
    uint64_t requests;    /* done, in any way */
    uint64_t attempts;    /* transfers started */
    uint64_t retries;     /* of them, again */
    uint64_t resumes;     /* of them, with a Range */
    uint64_t connections; /* opened */
    uint64_t body_bytes;  /* received, error bodies and counted-off bytes too */
};
struct http_stats http_stats(const struct http *http);

#endif
