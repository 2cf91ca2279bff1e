/* What `sweep`, `image` and `fs` have in common: their options, and the run itself. */
#ifndef TRAWL_SCAN_H
#define TRAWL_SCAN_H

#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/pipeline/sweep.h"
#include "io/file/file.h"

struct scan {
    const char *command;
    struct arena arena;
    struct text_list operands;
    bool help;

    /* Options, as given. */
    struct text_list scanners, platforms, rules;
    const char *output, *format, *db_path, *io, *simd, *fail_on, *ca_file, *username, *sweep_id, *fingerprint_key;
    bool password_stdin, insecure, plain_http, no_dedup, verify_diff_id, show_secrets, quiet, no_progress;
    struct text_list mirrors;
    const char *cert_file, *key_file;
    uint64_t connections, rate, requests_per_second;
    uint64_t jobs, memory_bytes, layer_bytes_max, ratio_max, exit_code, timeout_s, http_attempts, http_backoff_ms;

    /* What they lead to. */
    struct sweep_options sweep;
    struct file_map db_map;
    struct vuln_db db;
    struct err db_damage; /* why there is no database although one was named */
    struct secret_rules *secret_rules;
    struct secret_engine *secret_engine;
    char *password;
    enum severity fail_severity;
    bool has_fail_on;
    int64_t started_at;
    struct totals totals;
};

/* Reads the options and opens what they name: database, rules, signals. On failure prints why and sets `*ret_status`;
 * false also after
 * --help. scan_close() in any case. */
bool scan_open(struct scan *scan, const char *command, int argc, char **argv, int *ret_status);
void scan_close(struct scan *scan);

/* Runs the sweep into the sink, with progress on stderr. 0, or -1 with `err`. */
int scan_run(struct scan *scan, const struct row_sink *sink, struct err *err);

/* The exit status of a run that came to its end. */
int scan_status(const struct scan *scan);

/* `trawl image` and `trawl fs`: rows to the terminal in the format asked for. Returns an exit status. */
int scan_to_terminal(struct scan *scan);

#endif
