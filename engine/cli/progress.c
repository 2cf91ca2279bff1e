#include "engine/cli/progress.h"

#include "engine/cli/units.h"

void progress_init(struct progress *progress, bool off) {
    *progress = (struct progress){.off = off, .terminal = isatty(STDERR_FILENO) == 1};
}

uint64_t progress_interval_ms(const struct progress *progress) {
    return progress->off ? 0 : progress->terminal ? 200 : 10000;
}

static void line_make(const struct sweep_progress *now, char *line, size_t size) {
    char done[UNITS_SIZE], total[UNITS_SIZE], rate[UNITS_SIZE], left[UNITS_SIZE] = "";
    uint64_t per_second = now->phase_ms == 0 ? 0 : now->bytes_done * 1000 / now->phase_ms;
    switch (now->phase) {
    case SWEEP_LISTING:
        (void)snprintf(line, size, "listing: %" PRIu64 " references found, %" PRIu64 " images read, %.0f s",
                       now->images_found, now->images_read, (double)now->elapsed_ms / 1000);
        return;
    case SWEEP_COMPOSING:
        (void)snprintf(line, size, "composing images and writing rows");
        return;
    case SWEEP_SCANNING:
        break;
    }
    if (per_second > 0 && now->bytes_total > now->bytes_done)
        units_duration((now->bytes_total - now->bytes_done) * 1000 / per_second, left);
    (void)snprintf(line, size, "scanning: %" PRIu64 "/%" PRIu64 " layers, %s of %s, %s/s%s%s%s, %" PRIu64 " secrets",
                   now->layers_done, now->layers_total, units_bytes(now->bytes_done, done),
                   units_bytes(now->bytes_total, total), units_bytes(per_second, rate), left[0] == '\0' ? "" : ", ",
                   left, left[0] == '\0' ? "" : " left", now->secrets_found);
}

void progress_show(void *context, const struct sweep_progress *now) {
    struct progress *progress = context;
    char line[200];
    if (progress->off)
        return;
    line_make(now, line, sizeof line);
    if (progress->terminal)
        (void)fprintf(stderr, "\r\033[K%s", line);
    else if (now->phase != SWEEP_COMPOSING)
        (void)fprintf(stderr, "%s\n", line);
    progress->drawn = progress->terminal;
    (void)fflush(stderr);
}

void progress_notice(void *context, const char *text) {
    progress_clear(context);
    (void)fprintf(stderr, "%s\n", text);
}

void progress_clear(struct progress *progress) {
    if (progress->drawn)
        (void)fputs("\r\033[K", stderr);
    progress->drawn = false;
}
