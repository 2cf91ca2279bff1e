/* Processor time of the loop's thread for one HEAD request to a server on loopback, as a sweep asks for the digests of
 * tags: connections are kept, and many requests are in flight. The server's threads are not counted.
 *
 * usage: bench_http [REQUESTS [URL CA_FILE]]     prints a line for each back-end: µs of user and of system time a
 * request, requests a second (medians of five runs), and connections; with a URL, of a server elsewhere. */
#include <sys/resource.h>

#include "base/clock.h"
#include "base/text.h"
#include "io/http/http.h"
#include "tests/support/fake_http.h"

enum { RUNS = 5, IN_FLIGHT = 64 };

struct bench {
    struct http *http;
    struct loop *loop;
    const char *url;
    uint64_t wanted, started, done, failed;
};

static const char *const headers[] = {
    "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json",
    NULL,
};

static void on_done(void *context, const struct http_result *result);

static void start(struct bench *bench) {
    struct http_spec spec = {.url = bench->url, .head = true, .headers = headers, .done = on_done, .context = bench};
    struct err err = {0};
    bench->started++;
    if (http_start(bench->http, &spec, NULL, &err) < 0)
        bench->failed++;
}

static void on_done(void *context, const struct http_result *result) {
    struct bench *bench = context;
    bench->done++;
    bench->failed += result->err.code != ERR_NONE;
    if (bench->started < bench->wanted)
        start(bench);
    else if (bench->done == bench->started)
        loop_stop(bench->loop);
}

static double seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static int order(const void *left, const void *right) {
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static int measure(enum loop_kind kind, uint64_t requests, const char *url, const char *ca_file) {
    struct err err = {0};
    uint64_t connections = 0;
    double user[RUNS], system_[RUNS], rate[RUNS];
    for (size_t run = 0; run < RUNS; run++) {
        struct bench bench = {.wanted = requests, .url = url};
        struct http_options options = {.ca_file = ca_file};
        struct rusage before, after;
        if (loop_open(kind, &bench.loop, &err) < 0 || http_open(bench.loop, &options, &bench.http, &err) < 0) {
            (void)printf("%-6s SKIP %s\n", loop_kind_name(kind), err.text);
            loop_close(bench.loop);
            return 0;
        }
        uint64_t start_ns = clock_ns();
        (void)getrusage(RUSAGE_THREAD, &before);
        for (size_t i = 0; i < IN_FLIGHT; i++)
            start(&bench);
        int result = loop_run(bench.loop, &err);
        (void)getrusage(RUSAGE_THREAD, &after);
        double each = 1e6 / (double)requests;
        user[run] = (seconds(after.ru_utime) - seconds(before.ru_utime)) * each;
        system_[run] = (seconds(after.ru_stime) - seconds(before.ru_stime)) * each;
        rate[run] = (double)requests / ((double)(clock_ns() - start_ns) / 1e9);
        connections = http_stats(bench.http).connections;
        http_close(bench.http);
        loop_close(bench.loop);
        if (result < 0 || bench.failed > 0) {
            (void)fprintf(stderr, "%" PRIu64 " requests failed\n", bench.failed);
            return 1;
        }
    }
    qsort(user, RUNS, sizeof *user, order);
    qsort(system_, RUNS, sizeof *system_, order);
    qsort(rate, RUNS, sizeof *rate, order);
    (void)printf("%-6s user %.1f us, system %.1f us, %.0f requests/s, %" PRIu64 " connections\n", loop_kind_name(kind),
                 user[RUNS / 2], system_[RUNS / 2], rate[RUNS / 2], connections);
    return 0;
}

int main(int argc, char **argv) {
    uint64_t requests = 20000;
    if (argc > 1 && !text_u64(span_text(argv[1]), 10, 100000000, &requests))
        return 2;
    struct fake_http *server = fake_http_start();
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/ok/77", fake_http_port(server));
    int failed = 0;
    for (enum loop_kind kind = LOOP_URING; kind <= LOOP_EPOLL; kind++)
        failed |= measure(kind, requests, argc > 3 ? argv[2] : url, argc > 3 ? argv[3] : NULL);
    fake_http_stop(server);
    return failed;
}
