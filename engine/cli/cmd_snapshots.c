#include "base/clock.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/cli/units.h"
#include "engine/diff/snapshots.h"

struct snapshots_options {
    const char *folder;
    uint64_t keep_daily, keep_weekly;
    bool dry_run, quiet;
};

static void snapshots_print(const struct snapshots *snapshots, bool judged) {
    char time[CLOCK_TEXT_SIZE], bytes[UNITS_SIZE], images[UNITS_SIZE];
    char quoted[48];
    (void)printf("%-20s  %10s  %10s  %s%s\n", "STARTED", "IMAGES", "SIZE", judged ? "KEPT BY  " : "", "NAME");
    for (size_t i = 0; i < snapshots->list.count; i++) {
        const struct snapshot *snapshot = &snapshots->list.data[i];
        (void)printf("%-20s  %10s  %10s  ", clock_text(snapshot->manifest.started_at, time),
                     units_count(snapshot->manifest.tables[TABLE_IMAGE].rows, images),
                     units_bytes(snapshot->bytes, bytes));
        if (judged)
            (void)printf("%-9s", snapshot->kept_by == NULL ? "-" : snapshot->kept_by);
        (void)printf("%s\n", text_quote(span_text(snapshot->name), quoted, sizeof quoted));
    }
    if (snapshots->trends.count > 0)
        (void)printf("%zu more were removed; trawl trend knows their numbers\n", snapshots->trends.count);
}

static int snapshots_run(struct arena *arena, const char *verb, const struct snapshots_options *options,
                         struct err *err) {
    struct snapshots snapshots;
    bool prune = strcmp(verb, "prune") == 0;
    if (!prune && strcmp(verb, "ls") != 0)
        return err_set(err, ERR_USAGE, 0, "expected ls or prune, found '%.40s'", verb);
    if (prune && options->keep_daily == 0 && options->keep_weekly == 0)
        return err_set(err, ERR_USAGE, 0, "prune: expected --keep-daily N or --keep-weekly N: nothing goes by itself");
    if (snapshots_read(arena, options->folder, &snapshots, err) < 0)
        return -1;
    if (prune)
        snapshots_judge(&snapshots, options->keep_daily, options->keep_weekly);
    if (!options->quiet)
        snapshots_print(&snapshots, prune);
    int result = prune && !options->dry_run ? snapshots_prune(&snapshots, err) : 0;
    snapshots_release(&snapshots);
    return result;
}

int cmd_snapshots(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    struct snapshots_options options = {.folder = NULL};
    bool help = false;
    const struct option table[] = {
        {"snapshots", 0, OPTION_TEXT, &options.folder},
        {"keep-daily", 0, OPTION_COUNT, &options.keep_daily},
        {"keep-weekly", 0, OPTION_COUNT, &options.keep_weekly},
        {"dry-run", 'n', OPTION_FLAG, &options.dry_run},
        {"quiet", 'q', OPTION_FLAG, &options.quiet},
        OPTION_END,
    };
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "snapshots", table, argc, argv, &operands, &help, &err);
    if (result == 0 && !help) {
        if (operands.count == 2)
            options.folder = operands.data[1];
        if (operands.count < 1 || operands.count > 2 || options.folder == NULL)
            result = err_set(&err, ERR_USAGE, 0, "expected ls or prune, and the folder that holds the snapshots");
        else
            result = snapshots_run(&arena, operands.data[0], &options, &err);
    }
    arena_release(&arena);
    return result < 0 ? command_fail("snapshots", &err) : EXIT_DONE;
}
