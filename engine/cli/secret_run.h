/* What `trawl secrets` and `trawl git` have in common: their options, one inspector, and rows of what it found. */
#ifndef TRAWL_SECRET_RUN_H
#define TRAWL_SECRET_RUN_H

#include "engine/cli/command.h"
#include "engine/cli/outputs.h"
#include "engine/cli/scan_policy.h"
#include "engine/pipeline/inspect.h"

struct secret_run {
    const char *command;
    struct arena arena;
    struct text_list operands;
    struct inspect *inspect;
    struct inspect_options options;
    struct layer_result *result; /* of the body at hand */
    uint64_t errors, secrets;    /* rows; secrets of 0.5 and more that nothing suppresses */
    /* The rest is the run's own. */
    struct text_list formats, files, rules;
    struct scan_policy_options policy_options;
    const char *fingerprint_key, *fail_on;
    bool show_secrets, has_fail_on;
    uint64_t decode_depth, decode_bytes, memory_bytes, exit_code;
    enum severity fail_severity, worst;
    struct secret_rules *secret_rules;
    struct secret_engine *engine;
    struct classify *classify;
    struct policy policy;
    struct ignore *ignore;
    struct outputs outputs;
    struct row row;
};

/* Reads the options and opens what they name. On failure prints why and sets `*ret_status`; false also after --help.
 * secret_run_close() in any case. */
bool secret_run_open(struct secret_run *run, const char *command, int argc, char **argv, int *ret_status);
/* A body begins: inspect_begin() and its followers on `run->inspect`, then secret_run_end(). */
int secret_run_begin(struct secret_run *run, struct err *err);
/* Rows of what was found in it; `target` names where it stood in errors. */
int secret_run_end(struct secret_run *run, struct span target, struct err *err);
/* An error row of something that could not be read. */
int secret_run_error(struct secret_run *run, struct span target, struct span path, const struct err *problem,
                     struct err *err);
/* Finishes the formats; the exit status. `result` is what the run came to, `err` why it did not. */
int secret_run_finish(struct secret_run *run, int result, struct err *err);
void secret_run_close(struct secret_run *run);

#endif
