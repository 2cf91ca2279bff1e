#include "base/clock.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/diff/snapshots.h"

typedef VEC(struct trend) trend_list;

static int trend_compare(const void *a, const void *b) {
    const struct trend *x = a, *y = b;
    return x->started_at < y->started_at ? -1 : x->started_at > y->started_at;
}

static void trends_print(const struct trend *trends, size_t count) {
    char time[CLOCK_TEXT_SIZE];
    (void)printf("%-10s %7s %6s %8s %7s %7s %8s %4s %7s %6s\n", "DAY", "IMAGES", "FAILED", "CRITICAL", "HIGH", "MEDIUM",
                 "FIXABLE", "KEV", "SECRETS", "AGE");
    for (size_t i = 0; i < count; i++) {
        const struct trend *t = &trends[i];
        (void)printf("%.10s %7" PRIu64 " %6" PRIu64 " %8" PRIu64 " %7" PRIu64 " %7" PRIu64 " %8" PRIu64 " %4" PRIu64
                     " %7" PRIu64 " %5.0fd\n",
                     clock_text(t->started_at, time), t->images, t->images_failed,
                     t->vulnerabilities[SEVERITY_CRITICAL] + t->vulnerabilities[SEVERITY_MALICIOUS],
                     t->vulnerabilities[SEVERITY_HIGH], t->vulnerabilities[SEVERITY_MEDIUM], t->fixable, t->kev,
                     t->secrets, t->critical_age_days);
    }
}

static int trends_write(const trend_list *trends, const char *format, struct err *err) {
    AUTO_BUF struct buf text = {0};
    if (strcmp(format, "table") == 0) {
        trends_print(trends->data, trends->count);
        return 0;
    }
    bool json = strcmp(format, "json") == 0;
    if (!json && strcmp(format, "ndjson") != 0)
        return err_set(err, ERR_USAGE, 0, "format '%.40s': expected table, json or ndjson", format);
    buf_text(&text, json ? "[\n" : "");
    for (size_t i = 0; i < trends->count; i++) {
        trend_format(&text, &trends->data[i]);
        if (json && i + 1 < trends->count && text.size > 0)
            text.data[text.size - 1] = ',';
        if (json && i + 1 < trends->count)
            buf_byte(&text, '\n');
    }
    buf_text(&text, json ? "]\n" : "");
    if (text.failed)
        return err_set(err, ERR_NOMEM, 0, "trend: out of memory");
    if (fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0)
        return err_set(err, ERR_IO, errno, "trend: write: %s", strerror(errno));
    return 0;
}

/* A folder of snapshots, or a snapshot itself. */
static int folder_take(struct arena *arena, const char *folder, trend_list *trends, struct err *err) {
    struct shard_manifest manifest;
    struct snapshots snapshots;
    struct trend trend;
    char *single = arena_format(arena, "%s/" SHARD_MANIFEST_NAME, folder);
    if (single == NULL)
        return err_set(err, ERR_NOMEM, 0, "trend: out of memory");
    if (access(single, F_OK) == 0) {
        if (shard_manifest_read(arena, folder, &manifest, err) < 0 || trend_count(folder, &manifest, &trend, err) < 0)
            return -1;
        return vec_push(trends, trend) ? 0 : err_set(err, ERR_NOMEM, 0, "trend: out of memory");
    }
    if (snapshots_read(arena, folder, &snapshots, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < snapshots.trends.count; i++)
        result = vec_push(trends, snapshots.trends.data[i]) ? 0 : err_set(err, ERR_NOMEM, 0, "trend: out of memory");
    for (size_t i = 0; result == 0 && i < snapshots.list.count; i++) {
        result = trend_count(snapshots.list.data[i].path, &snapshots.list.data[i].manifest, &trend, err);
        if (result == 0 && !vec_push(trends, trend))
            result = err_set(err, ERR_NOMEM, 0, "trend: out of memory");
    }
    snapshots_release(&snapshots);
    return result;
}

int cmd_trend(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    trend_list trends = {0};
    const char *format = "table", *folder = NULL;
    bool help = false;
    const struct option table[] = {
        {"format", 'f', OPTION_TEXT, &format},
        {"snapshots", 0, OPTION_TEXT, &folder},
        OPTION_END,
    };
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "trend", table, argc, argv, &operands, &help, &err);
    if (result == 0 && !help) {
        if (folder == NULL && operands.count == 0)
            result = err_set(&err, ERR_USAGE, 0, "expected the folder that holds the snapshots");
        if (result == 0 && folder != NULL)
            result = folder_take(&arena, folder, &trends, &err);
        for (size_t i = 0; result == 0 && i < operands.count; i++)
            result = folder_take(&arena, operands.data[i], &trends, &err);
        if (result == 0 && trends.count > 0)
            qsort(trends.data, trends.count, sizeof *trends.data, trend_compare);
        if (result == 0)
            result = trends_write(&trends, format, &err);
    }
    vec_release(&trends);
    arena_release(&arena);
    return result < 0 ? command_fail("trend", &err) : EXIT_DONE;
}
