/* What http.c (the client: sockets, queue, timers) and http_request.c (one request: attempts, headers, retries) share.
 */
#ifndef TRAWL_HTTP_INTERNAL_H
#define TRAWL_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "base/alloc.h"
#include "io/http/http.h"

/* Header values that are kept for the result. */
enum header_value {
    HEADER_CONTENT_TYPE,
    HEADER_CONTENT_DIGEST,
    HEADER_LINK,
    HEADER_LOCATION,
    HEADER_AUTHENTICATE,
    HEADER_ETAG,
    HEADER_LAST_MODIFIED,
    HEADER_VALUE_COUNT
};

enum request_state {
    REQUEST_QUEUED,  /* waits for a connection */
    REQUEST_RUNNING, /* has an easy handle in the multi */
    REQUEST_BACKOFF, /* waits for its next attempt */
    REQUEST_WAITING, /* at its gate */
    REQUEST_FINISHED /* `done` was called; about to be freed */
};

/* One host of URLs: scheme, name and port. */
struct http_host {
    struct http_host *next;
    char *name;
    unsigned running;                     /* with a connection of their own */
    unsigned sharing;                     /* over HTTP/2 */
    bool shares;                          /* it spoke HTTP/2 the last time that we offered it */
    uint64_t closed_until_ns;             /* it told us to come back later */
    char *ca_file, *cert_file, *key_file; /* its own, or NULL */
    struct http_request *first;           /* queued */
    struct http_request *last;
};

/* Authorization as a line of curl's list, which it is prepended to. */
struct auth_line {
    struct curl_slist line;
    char text[];
};

struct http_request {
    struct http *http;
    struct http_host *host;
    struct http_request *next, *previous;             /* all requests */
    struct http_request *queue_next, *queue_previous; /* of the host, or of the gate */
    struct http_request *wish_next;                   /* valid while `wished` */
    bool wished;
    enum request_state state;
    CURL *easy;

    char *url, *username, *password;
    char *url_final;            /* where redirects of the last attempt ended; NULL: nowhere else */
    struct curl_slist *headers; /* without Authorization */
    struct auth_line *auth;     /* or NULL */
    struct http_gate *gate;
    unsigned generation; /* of what the gate gave out */
    char *form;
    bool head;
    uint64_t bytes_max;
    http_body_fn body;
    http_done_fn done;
    void *context;
    http_buffer_fn buffer_done; /* http_get_buffer(): `context` is the caller's all the same */
    struct buf buffer;

    unsigned attempts, attempts_since_progress, challenges_since_progress, resumes;
    uint64_t delivered;                 /* bytes that the consumer has */
    uint64_t object_size;               /* as the first body said; UINT64_MAX when it did not */
    uint64_t progress_mark;             /* `delivered` when attempts were last counted from zero */
    uint64_t skip;                      /* of this attempt's body: bytes that the consumer has already */
    uint64_t taken;                     /* of the piece that curl will deliver again after a pause */
    uint64_t counted;                   /* of the piece that curl will deliver again: bytes that were counted */
    uint64_t error_bytes;               /* of this attempt's error page */
    uint64_t head_bytes;                /* of this attempt's headers */
    uint64_t pauses_ms;                 /* between attempts, in all */
    struct http_request *throttle_next; /* valid while `throttled` */
    bool throttled;                     /* waits for the rate to allow more */
    bool range_refused;                 /* the server continues elsewhere than asked: it must start from zero */
    bool may_share;                     /* small: HTTP/2 will do */
    bool sharing;                       /* counted so */
    bool special;                       /* the easy handle has more options than most: not to be used again as it is */
    bool paused, resume_wanted, cancel_wanted, stalled;
    bool at_own_host; /* the last response came from the host of the URL, which credentials are for */
    uint64_t activity_ns;
    uint64_t window_ns, window_bytes; /* what came since then: begins anew at LIMIT_HTTP_SLOW_BYTES */
    uint64_t timer;                   /* backoff */
    struct err failure;               /* of this attempt, where we know better than curl */
    bool failure_final;               /* it is no use trying again */

    /* Of the last response. */
    long status;
    uint64_t content_length;           /* UINT64_MAX when not told, as the next two */
    uint64_t range_first, range_total; /* of Content-Range */
    uint64_t retry_after_ms;
    struct buf values[HEADER_VALUE_COUNT]; /* NUL-terminated, or empty */
    char curl_error[CURL_ERROR_SIZE];
};

struct http {
    struct loop *loop;
    struct http_options options;
    long buffer_bytes; /* of each transfer: small where there are many */
    char *ca_file, *cert_file, *key_file, *user_agent;
    CURLM *multi;
    struct http_host *hosts;
    struct http_host *host_turn;   /* the host that is served next */
    struct http_request *requests; /* all of them */
    struct http_request *wishes;   /* those that asked to be resumed or canceled: a turn looks at no others */
    unsigned running;
    CURL *idle[64]; /* handles to be used again, with the options that all requests share */
    size_t idle_count;
    uint64_t curl_timer;     /* what curl asked for */
    uint64_t deferred_timer; /* resumes, cancels and starts outside of their callers */
    uint64_t stall_timer;
    uint64_t stall_due_ns; /* when it should run */
    uint64_t later_due_ns;
    uint64_t later_timer; /* a host that was closed, or the limit of requests a second, allows more then */
    uint64_t rate_timer;
    uint64_t rate_due_ns;    /* when the bytes that came in so far may all have come, at the rate */
    uint64_t request_due_ns; /* the same for requests */
    struct http_request *throttled;
    uint64_t random;
    bool closing;
    struct http_stats stats;
};

/* http_request.c */

/* Puts the request's next attempt into the multi. On failure the request is finished. */
void request_attempt(struct http_request *request);
/* Curl is through with the attempt: deliver, try again, or give up. */
void request_settle(struct http_request *request, CURLcode code);
/* Bytes came in, none to begin a new window: neither stalled nor slow. */
void request_progress(struct http_request *request, size_t bytes);
/* Whether it has stalled, or is so slow that it might as well have; `now_ns` as of clock_ns(). */
bool request_is_still(const struct http_request *request, uint64_t now_ns);
/* Calls `done` and frees the request. `err` NULL is success. */
void request_finish(struct http_request *request, const struct err *err);
/* Wipes and frees one that is in no list. */
void request_free(struct http_request *request);

/* Fails the request from outside of curl: takes it out of whatever queue it is in. */
void request_drop(struct http_request *request, enum err_code code, const char *text);

/* http_easy.c */

/* A handle with the options that all requests share; NULL when memory is short. */
CURL *easy_take(struct http *http);
/* Keeps it for the next request. */
void easy_give(struct http *http, CURL *easy, bool special);
/* The options of one request's attempt. */
bool easy_prepare(struct http_request *request);

/* http_rate.c */

/* Whether this request's next piece may be taken now. If not it is remembered and will be resumed. */
bool rate_allows(struct http_request *request);
void rate_count(struct http *http, uint64_t bytes);
/* Forgets a request that ends. */
void rate_forget(struct http_request *request);
/* Whether another request may start now, which is then counted; if not, http_turn() comes again. */
bool rate_allows_request(struct http *http);
/* Makes sure that http_turn() runs at that time at the latest. */
void rate_later(struct http *http, uint64_t due_ns);

/* http.c */

/* Carries out what was asked for meanwhile, and starts what may be started. Not inside of a function that a user
 * called.
 */
void http_turn(struct http *http);
/* curl's callbacks. */
size_t request_on_header(char *data, size_t size, size_t count, void *context);
size_t request_on_body(char *data, size_t item, size_t count, void *context);
/* Takes the easy handle out of the multi, if there is one. */
void http_detach(struct http_request *request);
/* Makes sure that http_turn() runs soon; false when memory is short: it then runs with the next look for stalls. */
bool http_defer(struct http *http);
/* To the end of its host's queue; to the front when it had an attempt before, for somebody has waited for long. */
void http_enqueue(struct http_request *request);
/* Out of it, or out of its gate's. */
void http_dequeue(struct http_request *request);
/* To its gate. */
void http_wait(struct http_request *request);
/* Replaces the Authorization line; NULL removes it. USAGE (a line end in it), NOMEM. */
int http_authorize(struct http_request *request, const char *authorization, struct err *err);
/* CURLOPT_CLOSESOCKETFUNCTION. */
int http_close_socket(void *context, curl_socket_t fd);

#endif
