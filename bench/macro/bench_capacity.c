/* How many processors this machine really gives now: the throughput of N spinning threads over that of one.
 *
 *     bench_capacity THREADS       prints "1.93"
 *
 * Virtual machines are often given less than their processors' number says, and not the same from second to second; a
 * rate with several threads means little without this figure from the same run. */
#include <pthread.h>

#include "base/clock.h"
#include "base/text.h"

#define SPIN_NS ((uint64_t)150000000)
#define THREADS_MAX 64

/* Counts rounds of arithmetic until the time is up. */
static void *spin(void *context) {
    uint64_t *rounds = context, end = clock_ns() + SPIN_NS, value = 1;
    while (clock_ns() < end) {
        for (int i = 0; i < 20000; i++)
            value = value * 6364136223846793005U + 1442695040888963407U;
        *rounds += 1;
    }
    *rounds += value == 0; /* keeps the arithmetic alive */
    return NULL;
}

int main(int argc, char **argv) {
    uint64_t threads = 0, alone = 0, rounds[THREADS_MAX] = {0}, together = 0;
    pthread_t handles[THREADS_MAX];
    if (argc != 2 || !text_u64(span_text(argv[1]), 10, THREADS_MAX, &threads) || threads == 0) {
        (void)fprintf(stderr, "usage: bench_capacity THREADS\n");
        return 2;
    }
    (void)spin(&alone);
    for (uint64_t i = 0; i < threads; i++) {
        if (pthread_create(&handles[i], NULL, spin, &rounds[i]) != 0)
            return 1;
    }
    for (uint64_t i = 0; i < threads; i++) {
        (void)pthread_join(handles[i], NULL);
        together += rounds[i];
    }
    (void)printf("%.2f\n", (double)together / (double)(alone == 0 ? 1 : alone));
    return 0;
}
