/* The commands of the binary. To add one: engine/cli/cmd_<verb>.c with `int cmd_<verb>(int argc, char **argv)`, a page
 * engine/cli/man/trawl-<verb>.txt (what --help prints and the man page is made from), and a row in command.def. */
#ifndef TRAWL_COMMAND_H
#define TRAWL_COMMAND_H

#include "base/err.h"
#include "base/span.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FINDINGS = 1,     /* findings at or above --fail-on */
    EXIT_USAGE = 2,        /* command line or configuration */
    EXIT_PARTIAL = 3,      /* done with errors: some targets partial or failed */
    EXIT_NOTHING = 4,      /* nothing could be done */
    EXIT_INTERRUPTED = 130 /* 128 + SIGINT, as shells say it */
};

/* `argv[0]` is the command's name. Returns an exit status. */
typedef int (*command_run_fn)(int argc, char **argv);

struct command {
    const char *name;
    command_run_fn run;
    const char *summary;
};

/* In the order of command.def, ended by a row whose name is NULL. */
extern const struct command commands[];

#define COMMAND(name, summary) int cmd_##name(int argc, char **argv);
#include "engine/cli/command.def"
#undef COMMAND

/* Prints the command's page to stdout. */
void command_help(const char *name);

/* "trawl: <text>" on stderr, and what a usage error adds; returns the exit status that fits the code: USAGE gives
 * EXIT_USAGE, everything else EXIT_NOTHING. */
int command_fail(const char *name, const struct err *err);

/* Columns of standard output; 0 when it is no terminal. */
size_t terminal_width(void);

#endif
