/* What `sweep`, `image` and `fs` have in common: their options, and the run itself. */
#ifndef TRAWL_SCAN_H
#define TRAWL_SCAN_H

#include "engine/cli/command.h"
#include "engine/cli/finding_flags.h"
#include "engine/cli/options.h"
#include "engine/cli/scan_cache.h"
#include "engine/cli/scan_policy.h"
#include "engine/pipeline/sweep.h"
#include "engine/pipeline/targets.h"
#include "io/file/file.h"

/* What the three differ in. */
struct scan_kind {
    const char *command;
    bool is_of_folders;    /* operands are folders, and what lock files only declare counts */
    bool verifies_diff_id; /* always */
    bool is_resumable;     /* into a folder */
};

struct scan {
    const struct scan_kind *kind;
    struct arena arena;
    struct text_list operands;
    bool help;

    /* Options, as given. */
    struct text_list scanners, platforms, rules, discover;
    struct text_list formats, files; /* of the rows; a sweep's folder is `output` */
    const char *output, *template_path, *db_path, *db_max_age, *io, *simd, *fail_on, *ca_file, *username, *sweep_id,
        *fingerprint_key, *cache_folder, *resume;
    bool password_stdin, insecure, plain_http, no_dedup, verify_diff_id, show_secrets, quiet, no_progress, no_cache;
    struct text_list mirrors;
    const char *cert_file, *key_file;
    uint64_t connections, rate, requests_per_second;
    uint64_t jobs, memory_bytes, layer_bytes_max, ratio_max, exit_code, timeout_s, http_attempts, http_backoff_ms;
    struct text_list includes, excludes;
    struct scan_policy_options policy;
    struct finding_flags finding_flags;
    const char *since, *listing_api, *retry_failed;
    uint64_t newest;
    uint64_t decode_depth, decode_bytes;

    /* What they lead to. */
    struct sweep_options sweep;
    struct targets targets;    /* what the operands name */
    struct hash128 conditions; /* what decides the rows besides the targets: see conditions_make() */
    bool is_unfinished;        /* the folder holds a sweep that can go on */
    struct scan_cache cache;
    struct digest rules_digest; /* of every rule's text; DIGEST_NONE without rules */
    struct selection selection;
    struct file_map db_map;
    struct vuln_db db;
    struct err db_damage; /* why there is no database although one was named */
    struct secret_rules *secret_rules;
    struct secret_engine *secret_engine;
    struct ignore *ignore;
    struct vex *vex;
    char *password;
    enum severity fail_severity;
    bool has_fail_on;
    int64_t started_at;
    struct totals totals;
};

/* Reads the options and opens what they name: database, rules, signals. On failure prints why and sets `*ret_status`;
 * false also after
 * --help. scan_close() in any case. */
bool scan_open(struct scan *scan, const struct scan_kind *kind, int argc, char **argv, int *ret_status);
void scan_close(struct scan *scan);

/* Runs the sweep into the sink, with progress on stderr. 0, or -1 with `err`. */
int scan_run(struct scan *scan, const struct row_sink *sink, struct err *err);

/* The exit status of a run that came to its end. */
int scan_status(const struct scan *scan);

/* `trawl image` and `trawl fs`: rows to the terminal in the format asked for. Returns an exit status. */
int scan_to_terminal(struct scan *scan);

#endif
