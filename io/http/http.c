/* The client: libcurl's multi interface driven by the loop, the queue of requests, and the timers. */
#include "io/http/http.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "io/http/http_internal.h"

#define BUFFERS_BYTES (16 * (uint64_t)LIMIT_MIB) /* of all transfers together, as far as they go round */

/* One socket of curl's. */
struct socket_watch {
    struct http *http;
    uint64_t handle;
};

/* ---- curl's events ---- */

/* Finished transfers. Outside of curl's callbacks only. */
static void messages_take(struct http *http) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct http_request *request = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request) == CURLE_OK && request != NULL)
            request_settle(request, code);
    }
    http_turn(http);
}

static void on_socket_event(void *context, int fd, unsigned events) {
    struct socket_watch *watch = context;
    struct http *http = watch->http; /* the watch may die in the call below */
    int running = 0;
    int mask = 0;
    if ((events & (LOOP_IN | LOOP_HUP)) != 0)
        mask |= CURL_CSELECT_IN;
    if ((events & LOOP_OUT) != 0)
        mask |= CURL_CSELECT_OUT;
    /* To an error alone curl says "select/poll returned error"; reading from the socket tells it which. */
    if ((events & LOOP_ERR) != 0)
        mask |= CURL_CSELECT_IN | CURL_CSELECT_ERR;
    (void)curl_multi_socket_action(http->multi, fd, mask, &running);
    messages_take(http);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context) {
    struct http *http = context;
    struct socket_watch *watch = socket_context;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            loop_cancel(http->loop, watch->handle);
        mem_free(watch);
        (void)curl_multi_assign(http->multi, fd, NULL);
        return 0;
    }
    unsigned events =
        ((what & CURL_POLL_IN) != 0 ? (unsigned)LOOP_IN : 0) | ((what & CURL_POLL_OUT) != 0 ? (unsigned)LOOP_OUT : 0);
    if (watch != NULL) {
        loop_watch_change(http->loop, watch->handle, events);
        return 0;
    }
    watch = mem_zalloc(sizeof *watch);
    if (watch == NULL)
        return -1;
    watch->http = http;
    watch->handle = loop_watch(http->loop, fd, events, on_socket_event, watch);
    if (watch->handle == 0 || curl_multi_assign(http->multi, fd, watch) != CURLM_OK) {
        loop_cancel(http->loop, watch->handle);
        mem_free(watch);
        return -1;
    }
    return 0;
}

static void on_curl_timer(void *context) {
    struct http *http = context;
    int running = 0;
    http->curl_timer = 0;
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    messages_take(http);
}

static int on_curl_timeout(CURLM *multi, long timeout_ms, void *context) {
    struct http *http = context;
    (void)multi;
    loop_cancel(http->loop, http->curl_timer);
    http->curl_timer = 0;
    if (timeout_ms < 0)
        return 0;
    http->curl_timer = loop_timer(http->loop, (uint64_t)timeout_ms, on_curl_timer, http);
    return http->curl_timer == 0 ? -1 : 0;
}

/* An armed ring poll holds a reference to the file: without the shutdown the peer would see no end before its
 * cancellation is reaped. */
int http_close_socket(void *context, curl_socket_t fd) {
    (void)context;
    (void)shutdown(fd, SHUT_RDWR);
    return close(fd);
}

/* ---- the queue ---- */

static void host_free(struct http_host *host) {
    if (host == NULL)
        return;
    mem_free(host->name);
    mem_free(host->ca_file);
    mem_free(host->cert_file);
    mem_free(host->key_file);
    mem_free(host);
}

/* The file in a folder of the container engines' for this host, where it is there. False when memory is short. */
static bool certificate_find(const char *folder, struct span host, const char *name, char **ret_path) {
    struct buf path;
    buf_init(&path, 0);
    buf_format(&path, "%s/%.*s/%s", folder, SPAN_FORMAT(host), name);
    buf_byte(&path, '\0');
    bool ok = !path.failed;
    if (ok && access((const char *)path.data, R_OK) == 0)
        *ret_path = (char *)STEAL(path.data);
    buf_release(&path);
    return ok;
}

/* containers-certs.d(5), and Docker's "Verify repository client with certificates": the first folder that has one of
 * the files counts. False when memory is short. */
static bool host_certificates(struct http_host *host, struct span name) {
    struct buf user;
    const char *home = getenv("HOME");
    if (memchr(name.data, '/', name.size) != NULL || span_starts(name, "."))
        return true;
    buf_init(&user, 0);
    buf_format(&user, "%s/.config/containers/certs.d", home == NULL ? "/nonexistent" : home);
    buf_byte(&user, '\0');
    const char *const folders[] = {(const char *)user.data, "/etc/containers/certs.d", "/etc/docker/certs.d"};
    bool ok = !user.failed;
    for (size_t i = 0; ok && host->ca_file == NULL && host->cert_file == NULL && i < ARRAY_COUNT(folders); i++)
        ok = certificate_find(folders[i], name, "ca.crt", &host->ca_file) &&
             certificate_find(folders[i], name, "client.cert", &host->cert_file) &&
             certificate_find(folders[i], name, "client.key", &host->key_file);
    buf_release(&user);
    return ok;
}

static int host_find(struct http *http, const char *url, struct http_host **ret_host, struct err *err) {
    struct span text = span_text(url);
    size_t scheme = span_find(text, span_text("://"), 0);
    if (scheme == SIZE_MAX || (!span_starts(text, "http://") && !span_starts(text, "https://")))
        return err_set(err, ERR_USAGE, 0,
                       "URL: expected http or https at its start"); /* it may hold a password: not shown */
    for (const char *byte = url; *byte != '\0'; byte++) {
        if ((unsigned char)*byte <= ' ' || (unsigned char)*byte >= 0x7f)
            return err_set(err, ERR_USAGE, 0, "URL: expected printable ASCII without spaces");
    }
    size_t end = scheme + 3 + strcspn(url + scheme + 3, "/?#");
    if (memchr(url + scheme + 3, '@', end - scheme - 3) != NULL)
        return err_set(err, ERR_USAGE, 0, "URL: expected no user or password in it");
    struct span name = span_slice(text, 0, end);
    for (struct http_host *host = http->hosts; host != NULL; host = host->next) {
        if (span_is(name, host->name)) {
            *ret_host = host;
            return 0;
        }
    }
    struct http_host *host = mem_zalloc(sizeof *host);
    if (host != NULL)
        host->name = mem_text(name.data, name.size);
    if (host == NULL || host->name == NULL ||
        (span_starts(name, "https://") && !host_certificates(host, span_from(name, scheme + 3)))) {
        host_free(host);
        return err_set(err, ERR_NOMEM, 0, "http: out of memory");
    }
    host->next = http->hosts;
    http->hosts = host;
    *ret_host = host;
    return 0;
}

struct queue_ends {
    struct http_request **first, **last;
};

static struct queue_ends queue_of(struct http_request *request) {
    return request->state == REQUEST_WAITING ? (struct queue_ends){&request->gate->first, &request->gate->last}
                                             : (struct queue_ends){&request->host->first, &request->host->last};
}

static void queue_insert(struct http_request *request, bool at_front) {
    struct queue_ends ends = queue_of(request);
    request->queue_previous = at_front ? NULL : *ends.last;
    request->queue_next = at_front ? *ends.first : NULL;
    if (request->queue_previous != NULL)
        request->queue_previous->queue_next = request;
    else
        *ends.first = request;
    if (request->queue_next != NULL)
        request->queue_next->queue_previous = request;
    else
        *ends.last = request;
}

static void queue_remove(struct http_request *request) {
    struct queue_ends ends = queue_of(request);
    if (request->queue_previous != NULL)
        request->queue_previous->queue_next = request->queue_next;
    else
        *ends.first = request->queue_next;
    if (request->queue_next != NULL)
        request->queue_next->queue_previous = request->queue_previous;
    else
        *ends.last = request->queue_previous;
}

void http_enqueue(struct http_request *request) {
    request->state = REQUEST_QUEUED;
    queue_insert(request, request->attempts > 0);
}

void http_wait(struct http_request *request) {
    request->state = REQUEST_WAITING;
    queue_insert(request, false);
}

void http_gate_turn(struct http *http, struct http_gate *gate) {
    /* From the last to the first, so that those which go to the front of their host's queue keep their order; the
     * others are few or new, and theirs does not matter. */
    while (gate->last != NULL) {
        struct http_request *request = gate->last;
        queue_remove(request);
        http_enqueue(request);
    }
    (void)http_defer(http); /* else the next look for stalls does it, as below */
}

/* For the first that waits. */
static bool host_has_room(const struct http_host *host) {
    const struct http *http = host->first->http;
    if (host->first->may_share && host->shares)
        return host->sharing < LIMIT_HTTP_STREAMS;
    return host->running < http->options.connections_per_host && http->running < http->options.connections_max;
}

/* The next host in turn that has a request waiting and a connection free, and has not told us to come back later. */
static struct http_host *host_next(struct http *http) {
    uint64_t now_ns = clock_ns();
    struct http_host *start = http->host_turn != NULL ? http->host_turn : http->hosts;
    struct http_host *host = start;
    while (host != NULL) {
        struct http_host *next = host->next != NULL ? host->next : http->hosts;
        bool closed = host->first != NULL && host->closed_until_ns > now_ns;
        if (closed)
            rate_later(http, host->closed_until_ns);
        if (!closed && host->first != NULL && host_has_room(host)) {
            http->host_turn = next;
            return host;
        }
        host = next == start ? NULL : next;
    }
    return NULL;
}

static bool is_of_host(const char *url, const struct http_host *host) {
    size_t size = strlen(host->name);
    return strncmp(url, host->name, size) == 0 && strchr("/?#", url[size]) != NULL;
}

void http_detach(struct http_request *request) {
    struct http *http = request->http;
    long connects = 0;
    if (request->easy == NULL)
        return;
    char *url = NULL; /* curl's own, dies with the handle */
    mem_free(request->url_final);
    request->url_final = NULL;
    bool known = curl_easy_getinfo(request->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url != NULL;
    bool moved = !known || strcmp(url, request->url) != 0;
    request->at_own_host = known && is_of_host(url, request->host);
    if (known && moved)
        request->url_final = mem_text(url, strlen(url));
    if (curl_easy_getinfo(request->easy, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK && connects > 0)
        http->stats.connections += (uint64_t)connects;
    long version = CURL_HTTP_VERSION_NONE;
    if (request->may_share && curl_easy_getinfo(request->easy, CURLINFO_HTTP_VERSION, &version) == CURLE_OK &&
        version != CURL_HTTP_VERSION_NONE && !moved)
        request->host->shares = version == CURL_HTTP_VERSION_2_0;
    (void)curl_multi_remove_handle(http->multi, request->easy);
    easy_give(http, request->easy, request->special);
    request->easy = NULL;
    if (request->sharing) {
        request->host->sharing--;
    } else {
        request->host->running--;
        http->running--;
    }
}

void http_dequeue(struct http_request *request) {
    if (request->state == REQUEST_QUEUED || request->state == REQUEST_WAITING)
        queue_remove(request);
}

static void wish(struct http_request *request) {
    struct http *http = request->http;
    if (!request->wished) {
        request->wished = true;
        request->wish_next = http->wishes;
        http->wishes = request;
    }
    (void)http_defer(http);
}

static void wish_grant(struct http_request *request) {
    if (request->cancel_wanted) {
        request_drop(request, ERR_CANCELED, "canceled");
    } else if (request->resume_wanted) {
        request->resume_wanted = false;
        if (request->paused && request->easy != NULL) {
            request->paused = false;
            request_progress(request, 0);
            (void)curl_easy_pause(request->easy, CURLPAUSE_CONT);
        }
    }
}

/* Carries out what was asked for meanwhile, and starts what may be started. A request's callbacks may ask for more,
 * which then comes in the next turn: the list is taken as it is, and no request but the one at hand ends meanwhile. */
void http_turn(struct http *http) {
    struct http_request *request = http->wishes;
    http->wishes = NULL;
    for (struct http_request *next; request != NULL; request = next) {
        next = request->wish_next;
        request->wished = false;
        wish_grant(request);
    }
    struct http_host *host;
    while (!http->closing && (host = host_next(http)) != NULL && rate_allows_request(http)) {
        request = host->first;
        queue_remove(request);
        request_attempt(request);
    }
}

static void on_deferred(void *context) {
    struct http *http = context;
    http->deferred_timer = 0;
    http_turn(http);
    messages_take(http);
}

bool http_defer(struct http *http) {
    if (http->deferred_timer == 0 && !http->closing)
        http->deferred_timer = loop_timer(http->loop, 0, on_deferred, http);
    return http->deferred_timer != 0 || http->closing;
}

/* ---- stalls ---- */

static void on_stall_check(void *context);

/* While there are requests this timer runs: what no other could be armed for is seen to by it. */
static bool stall_watch(struct http *http) {
    uint64_t delay_ms = http->options.stall_timeout_ms / 4 + 1;
    if (http->stall_timer == 0) {
        http->stall_due_ns = clock_ns() + delay_ms * 1000000;
        http->stall_timer = loop_timer(http->loop, delay_ms, on_stall_check, http);
    }
    return http->stall_timer != 0;
}

static void on_stall_check(void *context) {
    struct http *http = context;
    uint64_t now_ns = clock_ns();
    /* Where the loop's thread was held up (an archive that is unpacked, a credential helper) nobody could take what
     * came meanwhile: that is no peer's fault. */
    uint64_t late_ns = now_ns > http->stall_due_ns ? now_ns - http->stall_due_ns : 0;
    http->stall_timer = 0;
    for (struct http_request *request = http->requests, *next; request != NULL; request = next) {
        next = request->next;
        request->activity_ns = u64_min(request->activity_ns + late_ns, now_ns);
        request->window_ns = u64_min(request->window_ns + late_ns, now_ns);
        if (request_is_still(request, now_ns)) {
            request->stalled = true;
            request_settle(request, CURLE_OPERATION_TIMEDOUT);
        }
    }
    if (http->requests != NULL && !stall_watch(http)) {
        /* Nobody would ever look at them again. Their callbacks may start others, which fail at once. */
        while (http->requests != NULL)
            request_drop(http->requests, ERR_NOMEM, "http: out of memory");
    }
    http_turn(http);
}

/* ---- the interface ---- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows when the first handle cannot be made */
}

static char *text_or_null(const char *text) { return text == NULL ? NULL : mem_text(text, strlen(text)); }

static unsigned or_default(unsigned value, unsigned fallback) { return value == 0 ? fallback : value; }

/* Half of the descriptors are for the rest of the process. */
static unsigned connections_max(const struct http_options *options) {
    struct rlimit limit = {.rlim_cur = 1024};
    unsigned wanted = options->connections_max;
    if (wanted == 0)
        wanted = options->connections_per_host > 8 ? (unsigned)u64_min(options->connections_per_host, 8192) * 8 : 64;
    (void)getrlimit(RLIMIT_NOFILE, &limit); /* fails for resources that do not exist */
    uint64_t half = limit.rlim_cur / 2;
    return (unsigned)u64_min(wanted, half < 1 ? 1 : half);
}

static int options_check(struct http *http, const struct http_options *options, struct err *err) {
    http->options = (struct http_options){
        .connections_per_host = or_default(options->connections_per_host, 8),
        .connections_max = connections_max(options),
        .rate = options->rate,
        .requests_per_second = options->requests_per_second,
        .insecure = options->insecure,
        .connect_timeout_ms = or_default(options->connect_timeout_ms, 15000),
        .stall_timeout_ms = or_default(options->stall_timeout_ms, 30000),
        .attempts_max = or_default(options->attempts_max, 4),
        .backoff_ms = or_default(options->backoff_ms, 250),
        .retry_after_max_ms = or_default(options->retry_after_max_ms, 60000),
    };
    /* Large reads are a third faster (16 KiB against 256 KiB), but every transfer has such a buffer of its own. */
    uint64_t share = BUFFERS_BYTES / http->options.connections_max;
    http->buffer_bytes = share < 16 * LIMIT_KIB ? (long)(16 * LIMIT_KIB) : (long)u64_min(share, 256 * LIMIT_KIB);
    http->ca_file = text_or_null(options->ca_file);
    http->cert_file = text_or_null(options->cert_file);
    http->key_file = text_or_null(options->key_file);
    http->user_agent = text_or_null(options->user_agent == NULL ? "trawl/" TRAWL_VERSION : options->user_agent);
    if (http->user_agent == NULL || (options->ca_file != NULL && http->ca_file == NULL) ||
        (options->cert_file != NULL && http->cert_file == NULL) ||
        (options->key_file != NULL && http->key_file == NULL))
        return err_set(err, ERR_NOMEM, 0, "http: out of memory");
    if (http->key_file != NULL && http->cert_file == NULL)
        return err_set(err, ERR_USAGE, 0, "key file %s: expected a certificate file with it", http->key_file);
    const struct {
        const char *what, *path;
    } files[] = {{"CA file", http->ca_file}, {"certificate file", http->cert_file}, {"key file", http->key_file}};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        if (files[i].path != NULL && access(files[i].path, R_OK) != 0)
            return err_set(err, ERR_USAGE, errno, "%s %s: %s", files[i].what, files[i].path, strerror(errno));
    }
    return 0;
}

int http_open(struct loop *loop, const struct http_options *options, struct http **ret_http, struct err *err) {
    (void)pthread_once(&library_once, library_init);
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    if ((version->features & CURL_VERSION_ASYNCHDNS) == 0)
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "libcurl %s resolves names in the calling thread: a build with threads or c-ares is needed",
                       version->version);
    struct http *http = mem_zalloc(sizeof *http);
    if (http == NULL)
        return err_set(err, ERR_NOMEM, 0, "http: out of memory");
    http->loop = loop;
    http->random = clock_ns() | 1;
    http->multi = curl_multi_init();
    if (http->multi == NULL) {
        http_close(http);
        return err_set(err, ERR_NOMEM, 0, "http: out of memory");
    }
    if (options_check(http, options, err) < 0) {
        http_close(http);
        return -1;
    }
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timeout);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->options.connections_max);
    *ret_http = http;
    return 0;
}

void http_close(struct http *http) {
    if (http == NULL)
        return;
    http->closing = true;
    while (http->requests != NULL)
        request_drop(http->requests, ERR_CANCELED, "canceled");
    for (size_t i = 0; i < http->idle_count; i++)
        curl_easy_cleanup(http->idle[i]);
    if (http->multi != NULL)
        (void)curl_multi_cleanup(http->multi);
    loop_cancel(http->loop, http->curl_timer);
    loop_cancel(http->loop, http->deferred_timer);
    loop_cancel(http->loop, http->stall_timer);
    loop_cancel(http->loop, http->later_timer);
    loop_cancel(http->loop, http->rate_timer);
    while (http->hosts != NULL) {
        struct http_host *host = http->hosts;
        http->hosts = host->next;
        host_free(host);
    }
    mem_free(http->ca_file);
    mem_free(http->cert_file);
    mem_free(http->key_file);
    mem_free(http->user_agent);
    mem_free(http);
}

bool http_is_closing(const struct http *http) { return http->closing; }

/* A token comes from a server: a line end in it would be a header of that server's choice. */
static int line_check(const char *line, struct err *err) {
    return strpbrk(line, "\r\n") == NULL
               ? 0
               : err_set(err, ERR_USAGE, 0, "header: expected one line, found a line end in it");
}

static int headers_add(struct http_request *request, const struct http_spec *spec, struct err *err) {
    for (const char *const *line = spec->headers; line != NULL && *line != NULL; line++) {
        struct span rest = span_text(*line);
        struct span name = text_trim(text_cut(&rest, ':'));
        if (text_equal_nocase(name, span_text("authorization")) || text_equal_nocase(name, span_text("cookie")) ||
            text_equal_nocase(name, span_text("proxy-authorization")))
            return err_set(err, ERR_USAGE, 0, "header '%.*s': credentials have a field of their own",
                           SPAN_FORMAT(name));
        if (line_check(*line, err) < 0)
            return -1;
        struct curl_slist *list = curl_slist_append(request->headers, *line);
        if (list == NULL)
            return err_set(err, ERR_NOMEM, 0, "http: out of memory");
        request->headers = list;
    }
    return http_authorize(request, spec->authorization, err);
}

int http_authorize(struct http_request *request, const char *authorization, struct err *err) {
    static const char name[] = "Authorization: ";
    if (request->auth != NULL)
        explicit_bzero(request->auth->text, strlen(request->auth->text));
    mem_free(request->auth);
    request->auth = NULL;
    if (authorization == NULL)
        return 0;
    if (line_check(authorization, err) < 0)
        return -1;
    /* Curl leaves this line out when a redirect leads to another host. */
    size_t size = sizeof name + strlen(authorization);
    request->auth = mem_zalloc(sizeof *request->auth + size);
    if (request->auth == NULL)
        return err_set(err, ERR_NOMEM, 0, "http: out of memory");
    (void)snprintf(request->auth->text, size, "%s%s", name, authorization);
    request->auth->line = (struct curl_slist){.data = request->auth->text, .next = request->headers};
    return 0;
}

static int request_new(struct http *http, const struct http_spec *spec, struct http_request **ret_request,
                       struct err *err) {
    if (http->closing)
        return err_set(err, ERR_CANCELED, 0, "http: closing");
    if ((spec->username != NULL) + (spec->authorization != NULL) + (spec->gate != NULL) > 1)
        return err_set(err, ERR_USAGE, 0, "http: expected one of a user name, an authorization and a gate");
    struct http_request *request = mem_zalloc(sizeof *request);
    if (request == NULL)
        return err_set(err, ERR_NOMEM, 0, "http: out of memory");
    request->http = http;
    request->head = request->may_share = spec->head;
    request->gate = spec->gate;
    request->bytes_max = spec->bytes_max;
    request->delivered = request->progress_mark = spec->offset;
    request->body = spec->body;
    request->done = spec->done;
    request->context = spec->context;
    request->object_size = request->content_length = request->range_first = request->range_total = UINT64_MAX;
    for (size_t i = 0; i < HEADER_VALUE_COUNT; i++)
        buf_init(&request->values[i], LIMIT_HTTP_HEADER_BYTES);
    request->url = text_or_null(spec->url);
    request->username = text_or_null(spec->username);
    request->password = text_or_null(spec->password);
    request->form = text_or_null(spec->form);
    buf_init(&request->buffer, 0);
    int result = 0;
    if (request->url == NULL || (spec->username != NULL && request->username == NULL) ||
        (spec->password != NULL && request->password == NULL) || (spec->form != NULL && request->form == NULL))
        result = err_set(err, ERR_NOMEM, 0, "http: out of memory");
    if (result < 0 || host_find(http, request->url, &request->host, err) < 0 || headers_add(request, spec, err) < 0) {
        request_free(request);
        return -1;
    }
    *ret_request = request;
    return 0;
}

static int request_start(struct http_request *request, struct http_request **ret_request, struct err *err) {
    struct http *http = request->http;
    if (!http_defer(http) || !stall_watch(http)) {
        request_free(request);
        return err_set(err, ERR_NOMEM, 0, "http: out of memory");
    }
    request->next = http->requests;
    if (http->requests != NULL)
        http->requests->previous = request;
    http->requests = request;
    http_enqueue(request);
    if (ret_request != NULL)
        *ret_request = request;
    return 0;
}

int http_start(struct http *http, const struct http_spec *spec, struct http_request **ret_request, struct err *err) {
    struct http_request *request = NULL;
    if (request_new(http, spec, &request, err) < 0)
        return -1;
    return request_start(request, ret_request, err);
}

int http_get_buffer(struct http *http, const struct http_spec *spec, http_buffer_fn done, void *context,
                    struct http_request **ret_request, struct err *err) {
    struct http_request *request = NULL;
    assert(spec->bytes_max > 0);
    if (request_new(http, spec, &request, err) < 0)
        return -1;
    request->buffer_done = done;
    request->context = context;
    request->may_share = true;
    return request_start(request, ret_request, err);
}

void http_resume(struct http_request *request) {
    request->resume_wanted = true;
    wish(request);
}

void http_cancel(struct http_request *request) {
    request->cancel_wanted = true;
    wish(request);
}

struct http_stats http_stats(const struct http *http) {
    return http->stats;
}
