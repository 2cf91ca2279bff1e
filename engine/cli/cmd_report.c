#include "base/cleanup.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/diff/snapshots.h"
#include "engine/report/report.h"

typedef VEC(struct trend) trend_list;

/* The numbers of the sweeps before this one. */
static int trends_read(struct arena *arena, const char *folder, const struct shard_manifest *manifest,
                       trend_list *trends, struct err *err) {
    struct snapshots snapshots;
    struct trend trend;
    int result = 0;
    if (snapshots_read(arena, folder, &snapshots, err) < 0)
        return -1;
    for (size_t i = 0; result == 0 && i < snapshots.trends.count; i++)
        result = vec_push(trends, snapshots.trends.data[i]) ? 0 : err_set(err, ERR_NOMEM, 0, "report: out of memory");
    for (size_t i = 0; result == 0 && i < snapshots.list.count; i++) {
        const struct snapshot *snapshot = &snapshots.list.data[i];
        if (snapshot->manifest.started_at >= manifest->started_at)
            continue;
        result = trend_count(snapshot->path, &snapshot->manifest, &trend, err);
        if (result == 0 && !vec_push(trends, trend))
            result = err_set(err, ERR_NOMEM, 0, "report: out of memory");
    }
    snapshots_release(&snapshots);
    return result;
}

static int report_make(struct arena *arena, const char *folder, const char *snapshots, const char *output,
                       struct err *err) {
    struct shard_manifest manifest;
    AUTO_FILE FILE *file = NULL;
    trend_list trends = {0};
    if (shard_manifest_read(arena, folder, &manifest, err) < 0)
        return -1;
    int result = snapshots == NULL ? 0 : trends_read(arena, snapshots, &manifest, &trends, err);
    bool to_file = output != NULL && strcmp(output, "-") != 0;
    if (result == 0 && to_file && (file = fopen(output, "we")) == NULL)
        result = err_set(err, ERR_USAGE, errno, "%s: %s", output, strerror(errno));
    if (result == 0)
        result = report_write(&(struct report_options){.folder = folder,
                                                       .manifest = &manifest,
                                                       .trends = trends.data,
                                                       .trend_count = trends.count,
                                                       .out = to_file ? file : stdout},
                              err);
    if (result == 0 && to_file && fclose(STEAL(file)) != 0)
        result = err_set(err, ERR_IO, errno, "%s: %s", output, strerror(errno));
    vec_release(&trends);
    return result;
}

int cmd_report(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    const char *output = NULL, *snapshots = NULL;
    bool help = false;
    const struct option table[] = {
        {"output", 'o', OPTION_TEXT, &output},
        {"snapshots", 0, OPTION_TEXT, &snapshots},
        OPTION_END,
    };
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "report", table, argc, argv, &operands, &help, &err);
    if (result == 0 && !help) {
        if (operands.count != 1)
            result = err_set(&err, ERR_USAGE, 0, "expected one folder of a finished sweep, found %zu", operands.count);
        else if (output == NULL && isatty(STDOUT_FILENO))
            result = err_set(&err, ERR_USAGE, 0, "a page is nothing for a terminal: -o report.html");
        else
            result = report_make(&arena, operands.data[0], snapshots, output, &err);
    }
    arena_release(&arena);
    return result < 0 ? command_fail("report", &err) : EXIT_DONE;
}
