/* One request: its attempts, what the responses say, and what is made of failures. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "io/http/http_internal.h"

#define BACKOFF_MAX_MS ((uint64_t)30000)

/* ---- progress ---- */

void request_progress(struct http_request *request, size_t bytes) {
    request->activity_ns = clock_ns();
    request->window_bytes += bytes;
    if (bytes > 0 && request->window_bytes < LIMIT_HTTP_SLOW_BYTES)
        return;
    request->window_ns = request->activity_ns;
    request->window_bytes = 0;
}

bool request_is_still(const struct http_request *request, uint64_t now_ns) {
    uint64_t limit_ns = (uint64_t)request->http->options.stall_timeout_ms * 1000000;
    if (request->state != REQUEST_RUNNING || request->paused)
        return false;
    return now_ns - request->activity_ns > limit_ns || now_ns - request->window_ns > 10 * limit_ns;
}

/* ---- headers ---- */

static const char *const value_names[HEADER_VALUE_COUNT] = {
    "Content-Type", "Docker-Content-Digest", "Link", "Location", "WWW-Authenticate", "ETag", "Last-Modified"};

/* Only the first of its name counts, but of challenges each: a server may ask for Basic in one line and for Bearer in
 * the next (RFC 9110 §11.6.1: a comma joins them). A value that is too long fails the request: half a Link would end a
 * listing early, and nobody would see it. */
static bool value_keep(struct http_request *request, enum header_value which, struct span value) {
    struct buf *kept = &request->values[which];
    if (kept->size > 0 && which != HEADER_AUTHENTICATE)
        return true;
    size_t before = kept->size;
    if (before > 0) {
        kept->size--; /* the NUL */
        buf_text(kept, ", ");
    }
    buf_add(kept, value);
    buf_byte(kept, '\0');
    if (!kept->failed)
        return true;
    buf_reset(kept);
    if (value.size + before >= LIMIT_HTTP_HEADER_BYTES)
        (void)err_set(&request->failure, ERR_LIMIT, 0, "header %s: expected fewer than %zu bytes, found %zu",
                      value_names[which], LIMIT_HTTP_HEADER_BYTES, value.size + before);
    else
        (void)err_set(&request->failure, ERR_NOMEM, 0, "http: out of memory");
    request->failure_final = true;
    return false;
}

static const char *value_text(const struct http_request *request, enum header_value which) {
    const struct buf *kept = &request->values[which];
    return kept->size > 0 ? (const char *)kept->data : "";
}

static void response_begin(struct http_request *request, struct span line) {
    uint64_t status = 0;
    struct span rest = line;
    (void)text_cut(&rest, ' ');
    (void)text_u64(span_slice(rest, 0, 3), 10, 999, &status);
    request->status = (long)status;
    request->content_length = request->range_first = request->range_total = UINT64_MAX;
    request->retry_after_ms = 0;
    for (size_t i = 0; i < HEADER_VALUE_COUNT; i++)
        buf_reset(&request->values[i]);
}

/* "bytes 100-199/1234", or with an asterisk for the size; of a 416 it has one for the range. */
static void content_range_read(struct http_request *request, struct span value) {
    uint64_t first, total;
    if (!span_starts(value, "bytes "))
        return;
    struct span rest = text_trim(span_from(value, 6));
    struct span range = text_cut(&rest, '/');
    if (text_u64(text_cut(&range, '-'), 10, UINT64_MAX - 1, &first))
        request->range_first = first;
    if (text_u64(rest, 10, UINT64_MAX - 1, &total))
        request->range_total = total;
}

/* The size of the whole object, as far as the last response says. */
static uint64_t total_of(const struct http_request *request) {
    return request->status == 206 || request->status == 416 ? request->range_total : request->content_length;
}

/* Seconds or a date (RFC 9110 §10.2.3). What is neither, or past, says nothing. */
static void retry_after_read(struct http_request *request, struct span value) {
    uint64_t seconds = 0;
    int64_t date_s;
    if (!text_u64(value, 10, UINT64_MAX, &seconds) && clock_parse_http(value, &date_s)) {
        int64_t left_s = date_s - clock_utc_s();
        seconds = left_s > 0 ? (uint64_t)left_s : 0;
    }
    request->retry_after_ms = u64_min(seconds, 1000000) * 1000;
    request->retry_after_ms = u64_min(request->retry_after_ms, request->http->options.retry_after_max_ms);
}

size_t request_on_header(char *data, size_t size, size_t count, void *context) {
    struct http_request *request = context;
    struct span line = text_trim(span_make(data, size * count));
    request_progress(request, size * count);
    request->head_bytes += size * count;
    if (request->head_bytes > LIMIT_HTTP_HEADS_BYTES) {
        (void)err_set(&request->failure, ERR_LIMIT, 0, "headers: expected at most %zu bytes, found more",
                      LIMIT_HTTP_HEADS_BYTES);
        request->failure_final = true;
        return 0;
    }
    if (span_starts(line, "HTTP/")) {
        response_begin(request, line);
        return size * count;
    }
    struct span value = line;
    struct span name = text_cut(&value, ':');
    value = text_trim(value);
    uint64_t number;
    bool ok = true;
    for (enum header_value which = 0; ok && which < HEADER_VALUE_COUNT; which++) {
        if (text_equal_nocase(name, span_text(value_names[which])))
            ok = value_keep(request, which, value);
    }
    if (text_equal_nocase(name, span_text("retry-after")))
        retry_after_read(request, value);
    else if (text_equal_nocase(name, span_text("content-range")))
        content_range_read(request, value);
    else if (text_equal_nocase(name, span_text("content-length")) && request->content_length == UINT64_MAX &&
             text_u64(value, 10, UINT64_MAX - 1, &number))
        request->content_length = number;
    return ok ? size * count : 0;
}

/* ---- body ---- */

/* Fails the request from inside curl's callback: a return of 0 makes curl give up. */
static size_t body_fail(struct http_request *request, enum err_code code, const char *text) {
    (void)err_set(&request->failure, code, 0, "%s", text);
    request->failure_final = true;
    return 0;
}

/* Before the first byte of a body: is it the object that we had, and does it begin where we stopped, or at the start?
 */
static bool body_begin(struct http_request *request) {
    uint64_t total = total_of(request);
    if (request->object_size == UINT64_MAX)
        request->object_size = total;
    if (total != UINT64_MAX && total != request->object_size) {
        (void)err_set(&request->failure, ERR_NET, 0,
                      "changed between two attempts: expected %" PRIu64 " bytes, found %" PRIu64, request->object_size,
                      total);
        request->failure_final = true;
        return false;
    }
    if (request->status != 206) {
        request->skip = request->delivered;
        return true;
    }
    request->skip = 0;
    if (request->range_first == request->delivered)
        return true;
    (void)err_set(&request->failure, ERR_NET, 0, "the server continued the body at another offset than asked");
    request->range_refused = true; /* the next attempt starts from zero, and what is delivered is counted off */
    return false;
}

size_t request_on_body(char *data, size_t item, size_t count, void *context) {
    struct http_request *request = context;
    size_t total = item * count;
    struct span bytes = span_make(data, total);
    if (request->cancel_wanted)
        return body_fail(request, ERR_CANCELED, "canceled");
    if (!rate_allows(request)) {
        request->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    uint64_t known_piece = u64_min(request->counted, total);
    request_progress(request, total - (size_t)known_piece);
    request->counted -= known_piece;
    request->http->stats.body_bytes += total - known_piece;
    rate_count(request->http, total - known_piece);
    if (request->status < 200 || request->status > 299) {
        /* An error page: read to its end so that the connection can be used again, unless it has none. */
        request->error_bytes += total;
        return request->error_bytes > LIMIT_HTTP_ERROR_BYTES ? 0 : total;
    }
    if (request->skip == UINT64_MAX && !body_begin(request))
        return 0;
    /* What an earlier delivery of this same piece took, then what an earlier attempt delivered. */
    size_t again = size_min((size_t)request->taken, bytes.size);
    bytes = span_from(bytes, again);
    uint64_t known = u64_min(request->skip, bytes.size);
    request->skip -= known;
    bytes = span_from(bytes, (size_t)known);
    request->taken -= again;
    if (bytes.size == 0)
        return total;
    if (request->bytes_max != 0 &&
        bytes.size > request->bytes_max - size_min((size_t)request->delivered, (size_t)request->bytes_max)) {
        (void)err_set(&request->failure, ERR_LIMIT, 0, "expected at most %" PRIu64 " bytes, found more",
                      request->bytes_max);
        request->failure_final = true;
        return 0;
    }
    size_t taken = bytes.size;
    enum http_flow flow = HTTP_CONTINUE;
    if (request->buffer_done != NULL) {
        buf_add(&request->buffer, bytes);
        if (request->buffer.failed)
            return body_fail(request, ERR_NOMEM, "out of memory");
    } else if (request->body != NULL) {
        taken = 0;
        flow = request->body(request->context, bytes, &taken, &request->failure);
        if (flow == HTTP_CONTINUE)
            taken = bytes.size;
    }
    if (flow == HTTP_ABORT) {
        request->failure_final = true;
        return 0;
    }
    request->delivered += taken;
    if (flow == HTTP_CONTINUE)
        return total;
    /* Curl delivers the whole piece again, so remember how much of it is done. */
    request->taken = total - bytes.size + taken;
    request->counted = total;
    request->paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

/* ---- attempts ---- */

/* The URL for messages: without its query, which may carry signatures. */
static int url_size(const struct http_request *request) { return (int)size_min(strcspn(request->url, "?"), 140); }

/* Asks the gate. True when the request may go. */
static bool gate_pass(struct http_request *request) {
    const char *authorization = NULL;
    struct err err = {0};
    if (request->gate == NULL)
        return true;
    enum http_pass answer = request->gate->pass(request->gate, &authorization, &request->generation, &err);
    if (answer == HTTP_PASS && http_authorize(request, authorization, &err) == 0)
        return true;
    if (answer == HTTP_WAIT) {
        http_wait(request);
    } else {
        (void)err_wrap(&err, "%.*s", url_size(request), request->url);
        request_finish(request, &err);
    }
    return false;
}

void request_attempt(struct http_request *request) {
    struct http *http = request->http;
    struct err err = {0};
    if (!gate_pass(request))
        return;
    request->easy = easy_take(http);
    request->status = 0;
    request->content_length = request->range_first = request->range_total = UINT64_MAX;
    request->taken = request->counted = 0;
    request->error_bytes = request->head_bytes = 0;
    request->retry_after_ms = 0;
    request->skip = UINT64_MAX; /* told by the response */
    request->paused = request->stalled = false;
    request->failure = (struct err){.code = ERR_NONE};
    request->failure_final = false;
    request->curl_error[0] = '\0';
    request_progress(request, 0);
    request->attempts++;
    request->attempts_since_progress++;
    http->stats.attempts++;
    http->stats.retries += request->attempts > 1;
    if (request->delivered > 0 && !request->range_refused) {
        request->resumes++;
        http->stats.resumes++;
    }
    if (request->easy == NULL || !easy_prepare(request) ||
        curl_multi_add_handle(http->multi, request->easy) != CURLM_OK) {
        if (request->easy != NULL)
            curl_easy_cleanup(request->easy);
        request->easy = NULL;
        (void)err_set(&err, ERR_NOMEM, 0, "http: out of memory");
        request_finish(request, &err);
        return;
    }
    request->state = REQUEST_RUNNING;
    request->sharing = request->may_share && request->host->shares;
    if (request->sharing) {
        request->host->sharing++;
    } else {
        request->host->running++;
        http->running++;
    }
}

static const char *status_advice(long status) {
    switch (status) {
    case 401:
        return "; credentials are missing or wrong: give --username and --password-stdin";
    case 403:
        return "; these credentials may not read it";
    case 404:
    case 410:
        return "; check the name";
    case 429:
        return "; the registry limits requests: try again later or with fewer connections";
    default:
        return "";
    }
}

/* Curl's own words, which quote a server's certificate and the host of a redirect: no such byte reaches a terminal. */
static void curl_text(const struct http_request *request, CURLcode code, char out[CURL_ERROR_SIZE]) {
    const char *text = request->curl_error[0] != '\0' ? request->curl_error : curl_easy_strerror(code);
    (void)snprintf(out, CURL_ERROR_SIZE, "%s", text);
    for (char *byte = out; *byte != '\0'; byte++)
        *byte = (unsigned char)*byte < ' ' || (unsigned char)*byte >= 0x7f ? '?' : *byte;
}

/* What the response or curl's own code says; true when another attempt may help. */
static bool failure_of(const struct http_request *request, CURLcode code, struct err *ret_err) {
    int size = url_size(request);
    long status = request->status;
    if (request->failure.code != ERR_NONE) {
        *ret_err = request->failure;
        (void)err_wrap(ret_err, "%.*s", size, request->url);
        return !request->failure_final;
    }
    if (request->stalled) {
        unsigned limit_ms = request->http->options.stall_timeout_ms;
        if (clock_ns() - request->activity_ns > (uint64_t)limit_ms * 1000000)
            (void)err_set(ret_err, ERR_NET, 0, "%.*s: no byte for %u ms after %" PRIu64 " bytes", size, request->url,
                          limit_ms, request->delivered);
        else
            (void)err_set(ret_err, ERR_NET, 0, "%.*s: too slow: expected %zu bytes in %u ms, found %" PRIu64, size,
                          request->url, LIMIT_HTTP_SLOW_BYTES, 10 * limit_ms, request->window_bytes);
        return true;
    }
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status >= 400)) {
        bool again = status == 408 || status == 429 || status >= 500;
        enum err_code kind = status == 401 || status == 403   ? ERR_AUTH
                             : status == 404 || status == 410 ? ERR_NOTFOUND
                             : again                          ? ERR_NET
                                                              : ERR_UNSUPPORTED;
        (void)err_set(ret_err, kind, 0, "%.*s: expected status 200, found %ld%s", size, request->url, status,
                      status_advice(status));
        return again;
    }
    char text[CURL_ERROR_SIZE];
    curl_text(request, code, text);
    enum err_code kind = ERR_NET;
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        kind = ERR_AUTH;
    else if (code == CURLE_TOO_MANY_REDIRECTS)
        kind = ERR_LIMIT;
    else if (code == CURLE_UNSUPPORTED_PROTOCOL)
        kind = ERR_UNSUPPORTED;
    else if (code == CURLE_URL_MALFORMAT)
        kind = ERR_USAGE;
    else if (code == CURLE_OUT_OF_MEMORY)
        kind = ERR_NOMEM;
    (void)err_set(ret_err, kind, 0, "%.*s: %s%s", size, request->url, text,
                  kind == ERR_AUTH ? "; give the authority's certificate with --ca-file" : "");
    return kind == ERR_NET;
}

/* xorshift64: jitter needs no better. */
static uint64_t random_next(struct http *http) {
    http->random ^= http->random << 13;
    http->random ^= http->random >> 7;
    http->random ^= http->random << 17;
    return http->random;
}

static void on_backoff(void *context) {
    struct http_request *request = context;
    struct http *http = request->http;
    request->timer = 0;
    http_enqueue(request);
    http_turn(http);
}

static void progress_count(struct http_request *request) {
    if (request->delivered - request->progress_mark < LIMIT_HTTP_PROGRESS)
        return;
    request->progress_mark = request->delivered;
    request->attempts_since_progress = 1;
    request->challenges_since_progress = 0;
    request->pauses_ms = 0;
}

static bool attempt_again(struct http_request *request) {
    struct http *http = request->http;
    progress_count(request);
    if (request->attempts_since_progress >= http->options.attempts_max)
        return false;
    uint64_t pause_ms = (uint64_t)http->options.backoff_ms << size_min(request->attempts_since_progress - 1, 16);
    if (pause_ms > BACKOFF_MAX_MS)
        pause_ms = BACKOFF_MAX_MS;
    pause_ms = random_next(http) % (pause_ms + 1);
    /* All that wait for this host come back at the same time: the limits of connections keep them apart. */
    if (request->retry_after_ms > 0 && (request->status == 429 || request->status == 503) && request->at_own_host) {
        uint64_t until_ns = clock_ns() + request->retry_after_ms * 1000000;
        if (until_ns > request->host->closed_until_ns)
            request->host->closed_until_ns = until_ns;
    }
    pause_ms = pause_ms > request->retry_after_ms ? pause_ms : request->retry_after_ms;
    request->pauses_ms += pause_ms;
    if (request->pauses_ms > LIMIT_HTTP_PAUSES_MS)
        return false;
    request->timer = loop_timer(http->loop, pause_ms, on_backoff, request);
    request->state = REQUEST_BACKOFF;
    return request->timer != 0;
}

/* A 401 of the request's own host, where a gate may help. The handle is detached. `*err` is set only when the gate
 * knows better than the status. */
static bool gate_challenge(struct http_request *request, struct err *err) {
    struct err why = {.code = ERR_NONE};
    if (request->gate == NULL || request->status != 401 || !request->at_own_host || request->cancel_wanted ||
        request->failure.code != ERR_NONE)
        return false;
    progress_count(request);
    if (request->challenges_since_progress >= LIMIT_HTTP_CHALLENGES)
        return false;
    request->challenges_since_progress++;
    if (!request->gate->challenge(request->gate, request->generation, value_text(request, HEADER_AUTHENTICATE), &why)) {
        if (why.code != ERR_NONE) {
            *err = why;
            (void)err_wrap(err, "%.*s: status 401", url_size(request), request->url);
        }
        return false;
    }
    request->attempts--;
    request->attempts_since_progress--;
    http_enqueue(request);
    (void)http_defer(request->http);
    return true;
}

void request_settle(struct http_request *request, CURLcode code) {
    struct err err = {0};
    bool ok = code == CURLE_OK && request->status >= 200 && request->status <= 299 && !request->stalled &&
              request->failure.code == ERR_NONE;
    /* The last attempt broke between the last byte and the end mark of a body without a length: nothing is missing. */
    if (request->status == 416 && request->delivered > 0 && request->range_total == request->delivered)
        ok = !request->stalled && request->failure.code == ERR_NONE;
    /* A server that goes on without a length, or from the start with less than we already had. */
    else if (ok && !request->head && request->object_size != UINT64_MAX && request->delivered != request->object_size)
        ok = err_set(&request->failure, ERR_NET, 0, "expected %" PRIu64 " bytes, found %" PRIu64, request->object_size,
                     request->delivered) == 0;
    else if (ok && request->delivered > 0 && request->skip != 0)
        ok = err_set(&request->failure, ERR_NET, 0, "the body became shorter between two attempts") == 0;
    if (ok) {
        if (request->gate != NULL && request->gate->accept != NULL)
            request->gate->accept(request->gate);
        http_detach(request);
        request_finish(request, NULL);
        return;
    }
    bool retry = failure_of(request, code, &err) && !request->cancel_wanted;
    http_detach(request);
    if (code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM)
        request->may_share = false; /* some proxies speak it badly: the next attempt has a connection of its own */
    if (gate_challenge(request, &err) || (retry && attempt_again(request)))
        return;
    if (request->cancel_wanted) /* whatever else went wrong meanwhile */
        (void)err_set(&err, ERR_CANCELED, 0, "canceled");
    if (request->attempts > 1 && err_is_retryable(err.code)) {
        char text[sizeof err.text];
        memcpy(text, err.text, sizeof text);
        (void)err_set(&err, err.code, err.sys, "%.200s (after %u attempts)", text, request->attempts);
    }
    request_finish(request, &err);
}

void request_free(struct http_request *request) {
    bool is_login = request->form != NULL || request->username != NULL; /* what comes of it is a token */
    (void)http_authorize(request, NULL, NULL);
    if (request->password != NULL)
        explicit_bzero(request->password, strlen(request->password));
    if (request->form != NULL)
        explicit_bzero(request->form, strlen(request->form));
    curl_slist_free_all(request->headers);
    for (size_t i = 0; i < HEADER_VALUE_COUNT; i++)
        buf_release(&request->values[i]);
    mem_free(request->url);
    mem_free(request->url_final);
    mem_free(request->username);
    mem_free(request->password);
    mem_free(request->form);
    if (request->buffer.data != NULL && is_login)
        explicit_bzero(request->buffer.data, request->buffer.capacity);
    buf_release(&request->buffer);
    mem_free(request);
}

void request_drop(struct http_request *request, enum err_code code, const char *text) {
    struct err err = {0};
    (void)err_set(&err, code, 0, "%s", text);
    http_dequeue(request);
    http_detach(request);
    request_finish(request, &err);
}

void request_finish(struct http_request *request, const struct err *err) {
    struct http *http = request->http;
    rate_forget(request);
    request->state = REQUEST_FINISHED;
    loop_cancel(http->loop, request->timer);
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        http->requests = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    if (request->wished) {
        struct http_request **at = &http->wishes;
        while (*at != NULL && *at != request)
            at = &(*at)->wish_next;
        if (*at != NULL)
            *at = request->wish_next;
    }
    http->stats.requests++;
    struct http_result result = {.status = request->status,
                                 .url = request->url_final != NULL ? request->url_final : request->url,
                                 .content_type = value_text(request, HEADER_CONTENT_TYPE),
                                 .content_digest = value_text(request, HEADER_CONTENT_DIGEST),
                                 .link = value_text(request, HEADER_LINK),
                                 .location = value_text(request, HEADER_LOCATION),
                                 .authenticate = value_text(request, HEADER_AUTHENTICATE),
                                 .etag = value_text(request, HEADER_ETAG),
                                 .last_modified = value_text(request, HEADER_LAST_MODIFIED),
                                 .content_size =
                                     request->object_size != UINT64_MAX ? request->object_size : total_of(request),
                                 .body_bytes = request->delivered,
                                 .attempts = request->attempts,
                                 .resumes = request->resumes};
    if (err != NULL)
        result.err = *err;
    if (request->buffer_done != NULL)
        request->buffer_done(request->context, &result,
                             err == NULL ? buf_span(&request->buffer) : (struct span){NULL, 0});
    else
        request->done(request->context, &result);
    request_free(request);
}
