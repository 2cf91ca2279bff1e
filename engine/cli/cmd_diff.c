#include "base/cleanup.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/cli/scratch.h"
#include "engine/diff/diff_report.h"

struct diff_options {
    const char *format, *output, *fail_on;
    enum severity fail_severity;
    uint64_t exit_code;
};

static bool may_color(void) {
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0');
}

/* The exit status, or -1. */
static int folders_compare(struct arena *arena, const char *const *folders, const struct diff_options *options,
                           struct err *err) {
    struct shard_manifest manifests[2];
    struct scratch scratch = {.path = NULL};
    AUTO_FILE FILE *file = NULL;
    for (size_t i = 0; i < 2; i++) {
        if (shard_manifest_read(arena, folders[i], &manifests[i], err) < 0)
            return -1;
    }
    if (options->output != NULL && strcmp(options->output, "-") != 0 && (file = fopen(options->output, "we")) == NULL)
        return err_set(err, ERR_USAGE, errno, "%s: %s", options->output, strerror(errno));
    const struct diff_report_options report_options = {.format = options->format == NULL ? "table" : options->format,
                                                       .out = file == NULL ? stdout : file,
                                                       .width = file == NULL ? terminal_width() : 0,
                                                       .color = file == NULL && may_color(),
                                                       .manifests = {&manifests[0], &manifests[1]}};
    struct diff_report *report = NULL;
    if (diff_report_begin(&report_options, &report, err) < 0)
        return -1;
    int result = scratch_open(arena, &scratch, err);
    if (result == 0) {
        const struct diff_sink sink = diff_report_sink(report);
        const struct diff_sweep sweeps[] = {{folders[0], &manifests[0]}, {folders[1], &manifests[1]}};
        result = diff_run(&sweeps[0], &sweeps[1], scratch.fd, &sink, err);
    }
    if (result == 0)
        result = diff_report_end(report, err);
    if (result == 0 && file != NULL && fclose(STEAL(file)) != 0)
        result = err_set(err, ERR_IO, errno, "%s: %s", options->output, strerror(errno));
    if (result == 0 && options->fail_on != NULL && diff_report_has(report, options->fail_severity))
        result = (int)options->exit_code;
    diff_report_free(report);
    scratch_close(&scratch);
    return result;
}

int cmd_diff(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    struct diff_options options = {.exit_code = EXIT_FINDINGS};
    bool help = false;
    const struct option table[] = {
        {"format", 'f', OPTION_TEXT, &options.format},
        {"output", 'o', OPTION_TEXT, &options.output},
        {"fail-on", 0, OPTION_TEXT, &options.fail_on},
        {"exit-code", 0, OPTION_COUNT, &options.exit_code},
        OPTION_END,
    };
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "diff", table, argc, argv, &operands, &help, &err);
    if (result == 0 && !help) {
        if (operands.count != 2)
            result = err_set(&err, ERR_USAGE, 0, "expected two folders of finished sweeps, the older first, found %zu",
                             operands.count);
        else if (options.fail_on != NULL && !severity_parse(span_text(options.fail_on), &options.fail_severity))
            result = err_set(&err, ERR_USAGE, 0, "option --fail-on: expected a severity such as high");
        else if (options.exit_code > 255)
            result = err_set(&err, ERR_USAGE, 0, "option --exit-code: expected 0 to 255");
        else
            result = folders_compare(&arena, operands.data, &options, &err);
    }
    arena_release(&arena);
    return result < 0 ? command_fail("diff", &err) : result;
}
