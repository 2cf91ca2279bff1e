/* Command-line options: a table per command, filled from flags, the environment and trawl.yaml.
 *
 * A flag `--fail-on high` (also `--fail-on=high`) is TRAWL_FAIL_ON in the environment and the key `fail-on` in
 * trawl.yaml (the working directory's, else ${XDG_CONFIG_HOME:-~/.config}/trawl/trawl.yaml): flag over environment over
 * file. Unknown flags are USAGE errors; unknown keys of the file are left alone, since other commands may know them. */
#ifndef TRAWL_OPTIONS_H
#define TRAWL_OPTIONS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

enum option_kind {
    OPTION_FLAG,  /* bool */
    OPTION_TEXT,  /* const char *, NULL when not given */
    OPTION_COUNT, /* uint64_t */
    OPTION_SIZE,  /* uint64_t, bytes with suffixes as text_size() reads them */
    OPTION_LIST,  /* struct text_list: may be given several times; commas separate in the environment and on the flag */
    OPTION_TEXTS, /* the same without commas: names of files hold them */
    OPTION_TYPED  /* the same, read from the command line alone */
};

struct text_list {
    const char **data;
    size_t count;
    size_t capacity;
};

struct option {
    const char *name; /* without the dashes */
    char letter;      /* or 0 */
    enum option_kind kind;
    void *value; /* where it goes; holds the default on entry */
};

/* Ends an option table. */
#define OPTION_END                                                                                                     \
    { NULL, 0, OPTION_FLAG, NULL }

/* Fills the options and collects what is not one in `*ret_operands`, in order; "--" ends the options, "-" is an
 * operand. All text lives in `arena` or in argv. `--help` and `-h` print `command`'s page and set `*ret_help`. */
int options_parse(struct arena *arena, const char *command, const struct option *options, int argc, char **argv,
                  struct text_list *ret_operands, bool *ret_help, struct err *err);

/* Appends to a list; false when memory is short. */
bool text_list_add(struct arena *arena, struct text_list *list, const char *text);

#endif
