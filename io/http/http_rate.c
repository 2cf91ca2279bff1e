/* Limits of bytes and of requests a second, for the whole client.
 *
 * Both are leaky buckets kept as a time: when what has come so far would have come at exactly the rate. It may lie a
 * little ahead of now, which is the bucket's depth; a piece that leads beyond is taken, and the next one waits. */
#include "base/clock.h"
#include "base/overflow.h"
#include "io/http/http_internal.h"

#define NS_PER_S ((uint64_t)1000000000)
#define DEPTH_NS (NS_PER_S / 10)

static uint64_t ms_until(uint64_t due_ns) {
    uint64_t now_ns = clock_ns();
    return due_ns <= now_ns ? 0 : (due_ns - now_ns) / 1000000 + 1;
}

static void on_later(void *context) {
    struct http *http = context;
    http->later_timer = 0;
    http_turn(http);
}

void rate_later(struct http *http, uint64_t due_ns) {
    if (http->closing || (http->later_timer != 0 && http->later_due_ns <= due_ns))
        return;
    loop_cancel(http->loop, http->later_timer);
    http->later_due_ns = due_ns;
    http->later_timer = loop_timer(http->loop, ms_until(due_ns), on_later, http);
}

bool rate_allows_request(struct http *http) {
    uint64_t now_ns = clock_ns();
    if (http->options.requests_per_second == 0)
        return true;
    if (http->request_due_ns > now_ns + DEPTH_NS) {
        rate_later(http, http->request_due_ns - DEPTH_NS);
        return false;
    }
    uint64_t from_ns = http->request_due_ns > now_ns ? http->request_due_ns : now_ns;
    http->request_due_ns = from_ns + NS_PER_S / http->options.requests_per_second;
    return true;
}

static void on_rate(void *context) {
    struct http *http = context;
    http->rate_timer = 0;
    struct http_request *request = http->throttled;
    http->throttled = NULL;
    for (struct http_request *next; request != NULL; request = next) {
        next = request->throttle_next;
        request->throttled = false;
        http_resume(request);
    }
}

bool rate_allows(struct http_request *request) {
    struct http *http = request->http;
    if (http->options.rate == 0 || http->rate_due_ns <= clock_ns() + DEPTH_NS)
        return true;
    if (http->rate_timer == 0)
        http->rate_timer = loop_timer(http->loop, ms_until(http->rate_due_ns - DEPTH_NS), on_rate, http);
    if (http->rate_timer == 0)
        return true; /* better too fast than never */
    if (!request->throttled) {
        request->throttled = true;
        request->throttle_next = http->throttled;
        http->throttled = request;
    }
    return false;
}

void rate_count(struct http *http, uint64_t bytes) {
    uint64_t now_ns = clock_ns(), cost;
    if (http->options.rate == 0 || !u64_mul(bytes, NS_PER_S, &cost))
        return;
    http->rate_due_ns = (http->rate_due_ns > now_ns ? http->rate_due_ns : now_ns) + cost / http->options.rate;
}

void rate_forget(struct http_request *request) {
    struct http_request **at = &request->http->throttled;
    if (!request->throttled)
        return;
    while (*at != NULL && *at != request)
        at = &(*at)->throttle_next;
    if (*at != NULL)
        *at = request->throttle_next;
    request->throttled = false;
}
