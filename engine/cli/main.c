#include <sys/ioctl.h>

#include "base/embed.h"
#include "base/text.h"
#include "engine/cli/command.h"

const struct command commands[] = {
#define COMMAND(name, summary) {#name, cmd_##name, summary},
#include "engine/cli/command.def"
#undef COMMAND
    {NULL, NULL, NULL},
};

static void overview_print(FILE *out) {
    (void)fputs("trawl: a batch fleet scanner for container images\n\nusage: trawl COMMAND [OPTION…] [OPERAND…]\n\n",
                out);
    for (const struct command *command = commands; command->name != NULL; command++)
        (void)fprintf(out, "  %-10s %s\n", command->name, command->summary);
    (void)fputs("\n`trawl COMMAND --help` explains one of them.\n", out);
}

void command_help(const char *name) {
    for (const struct embed_file *file = embed_help; file->name != NULL; file++) {
        struct span page = span_text(file->name);
        if (span_starts(page, "trawl-") && span_is(span_slice(page, 6, page.size - 6 - 4), name)) {
            (void)fwrite(file->begin, 1, embed_bytes(file).size, stdout);
            return;
        }
    }
    overview_print(stdout);
}

int command_fail(const char *name, const struct err *err) {
    (void)fprintf(stderr, "trawl %s: %s\n", name, err->text);
    if (err->code != ERR_USAGE)
        return EXIT_NOTHING;
    (void)fprintf(stderr, "`trawl %s --help` lists the options.\n", name);
    return EXIT_USAGE;
}

size_t terminal_width(void) {
    struct winsize size = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        overview_print(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        command_help(argc > 2 ? argv[2] : "");
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            return command->run(argc - 1, argv + 1);
    }
    char quoted[64];
    (void)fprintf(stderr, "trawl: unknown command '%s'\n`trawl help` lists the commands.\n",
                  text_quote(span_text(name), quoted, sizeof quoted));
    return EXIT_USAGE;
}
