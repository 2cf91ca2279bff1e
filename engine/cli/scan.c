#include "engine/cli/scan.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "engine/cli/outputs.h"
#include "engine/cli/progress.h"
#include "engine/cli/retry.h"
#include "engine/cli/rules_cache.h"
#include "engine/cli/rules_folder.h"
#include "engine/cli/units.h"
#include "engine/pipeline/profile.h"
#include "io/source/discover.h"
#include "io/source/reference.h"

#define CONNECTIONS_MAX ((uint64_t)10000) /* to one host: more than it has ports for, with what is closing */

static int options_read(struct scan *scan, int argc, char **argv, struct err *err) {
    const struct option options[] = {
        {"scanners", 0, OPTION_LIST, &scan->scanners},
        /* A sweep has one folder, and formats beside it; the others may have several files. */
        {"output", 'o', scan->kind->is_resumable ? OPTION_TEXT : OPTION_TEXTS,
         scan->kind->is_resumable ? (void *)&scan->output : (void *)&scan->files},
        /* A format that is the user's for terminals says nothing of a folder. */
        {"format", 'f', scan->kind->is_resumable ? OPTION_TYPED : OPTION_TEXTS, &scan->formats},
        {"template", 0, OPTION_TEXT, &scan->template_path},
        {"db", 0, OPTION_TEXT, &scan->db_path},
        {"max-age", 0, OPTION_TEXT, &scan->db_max_age},
        {"rules", 0, OPTION_LIST, &scan->rules},
        {"platform", 0, OPTION_LIST, &scan->platforms},
        FINDING_OPTIONS(scan->finding_flags),
        {"fail-on", 0, OPTION_TEXT, &scan->fail_on},
        {"exit-code", 0, OPTION_COUNT, &scan->exit_code},
        {"jobs", 'j', OPTION_COUNT, &scan->jobs},
        {"memory", 0, OPTION_SIZE, &scan->memory_bytes},
        {"io", 0, OPTION_TEXT, &scan->io},
        {"simd", 0, OPTION_TEXT, &scan->simd},
        {"no-dedup", 0, OPTION_FLAG, &scan->no_dedup},
        {"verify-diff-id", 0, OPTION_FLAG, &scan->verify_diff_id},
        {"decode-depth", 0, OPTION_COUNT, &scan->decode_depth},
        {"decode-bytes", 0, OPTION_SIZE, &scan->decode_bytes},
        {"show-secrets", 0, OPTION_FLAG, &scan->show_secrets},
        {"min-confidence", 0, OPTION_TEXT, &scan->policy.confidence_min},
        {"ignorefile", 0, OPTION_TEXT, &scan->policy.ignore_file},
        {"baseline", 0, OPTION_TEXT, &scan->policy.baseline},
        {"vex", 0, OPTION_LIST, &scan->policy.vex},
        {"fingerprint-key", 0, OPTION_TEXT, &scan->fingerprint_key},
        {"max-layer-bytes", 0, OPTION_SIZE, &scan->layer_bytes_max},
        {"max-ratio", 0, OPTION_COUNT, &scan->ratio_max},
        {"plain-http", 0, OPTION_FLAG, &scan->plain_http},
        {"insecure", 0, OPTION_FLAG, &scan->insecure},
        {"ca-file", 0, OPTION_TEXT, &scan->ca_file},
        {"username", 'u', OPTION_TEXT, &scan->username},
        {"password-stdin", 0, OPTION_FLAG, &scan->password_stdin},
        {"timeout", 0, OPTION_COUNT, &scan->timeout_s},
        {"http-attempts", 0, OPTION_COUNT, &scan->http_attempts},
        {"http-backoff-ms", 0, OPTION_COUNT, &scan->http_backoff_ms},
        {"sweep-id", 0, OPTION_TEXT, &scan->sweep_id},
        {"quiet", 'q', OPTION_FLAG, &scan->quiet},
        {"no-progress", 0, OPTION_FLAG, &scan->no_progress},
        {"cache", 0, OPTION_TEXT, &scan->cache_folder},
        {"no-cache", 0, OPTION_FLAG, &scan->no_cache},
        {"resume", 0, OPTION_TEXT, &scan->resume},
        {"include", 0, OPTION_LIST, &scan->includes},
        {"exclude", 0, OPTION_LIST, &scan->excludes},
        {"since", 0, OPTION_TEXT, &scan->since},
        {"newest", 0, OPTION_COUNT, &scan->newest},
        {"listing-api", 0, OPTION_TEXT, &scan->listing_api},
        {"discover", 0, OPTION_LIST, &scan->discover},
        {"mirror", 0, OPTION_LIST, &scan->mirrors},
        {"cert-file", 0, OPTION_TEXT, &scan->cert_file},
        {"key-file", 0, OPTION_TEXT, &scan->key_file},
        {"connections", 0, OPTION_COUNT, &scan->connections},
        {"rate", 0, OPTION_SIZE, &scan->rate},
        {"requests-per-second", 0, OPTION_COUNT, &scan->requests_per_second},
        {"retry-failed", 0, OPTION_TEXT, &scan->retry_failed},
        OPTION_END,
    };
    return options_parse(&scan->arena, scan->kind->command, options, argc, argv, &scan->operands, &scan->help, err);
}

static int scanners_read(struct scan *scan, struct err *err) {
    struct sweep_options *sweep = &scan->sweep;
    bool vuln = scan->scanners.count == 0;
    sweep->packages = sweep->secrets = scan->scanners.count == 0;
    for (size_t i = 0; i < scan->scanners.count; i++) {
        const char *name = scan->scanners.data[i];
        char quoted[64];
        if (strcmp(name, "package") == 0)
            sweep->packages = true;
        else if (strcmp(name, "vuln") == 0)
            sweep->packages = vuln = true;
        else if (strcmp(name, "secret") == 0)
            sweep->secrets = true;
        else
            return err_set(err, ERR_USAGE, 0, "option --scanners: expected package, vuln or secret, found '%s'",
                           text_quote(span_text(name), quoted, sizeof quoted));
    }
    if (!vuln)
        scan->db_path = NULL;
    return 0;
}

static int platforms_read(struct scan *scan, struct err *err) {
    struct span *platforms = arena_array(&scan->arena, scan->platforms.count, sizeof *platforms);
    if (platforms == NULL)
        return err_set(err, ERR_NOMEM, 0, "options: out of memory");
    for (size_t i = 0; i < scan->platforms.count; i++) {
        platforms[i] = span_text(scan->platforms.data[i]);
        char quoted[64];
        if (span_index(platforms[i], '/', 0) == SIZE_MAX)
            return err_set(err, ERR_USAGE, 0, "option --platform: expected os/architecture[/variant], found '%s'",
                           text_quote(platforms[i], quoted, sizeof quoted));
    }
    scan->sweep.platforms = platforms;
    scan->sweep.platform_count = scan->platforms.count;
    return 0;
}

static int patterns_read(struct scan *scan, const struct text_list *list, const char *option,
                         const struct span **ret_patterns, struct err *err) {
    struct span *patterns = arena_array(&scan->arena, list->count, sizeof *patterns);
    if (patterns == NULL)
        return err_set(err, ERR_NOMEM, 0, "options: out of memory");
    for (size_t i = 0; i < list->count; i++) {
        patterns[i] = span_text(list->data[i]);
        if (patterns[i].size == 0)
            return err_set(err, ERR_USAGE, 0, "option %s: expected a pattern, found nothing", option);
    }
    *ret_patterns = patterns;
    return 0;
}

static int selection_read(struct scan *scan, struct err *err) {
    struct selection *selection = &scan->selection;
    char quoted[64];
    if (patterns_read(scan, &scan->includes, "--include", &selection->includes, err) < 0 ||
        patterns_read(scan, &scan->excludes, "--exclude", &selection->excludes, err) < 0)
        return -1;
    selection->include_count = scan->includes.count;
    selection->exclude_count = scan->excludes.count;
    selection->newest = scan->newest;
    selection->has_since = scan->since != NULL;
    if (selection->has_since && !clock_parse(span_text(scan->since), &selection->since_utc_s))
        return err_set(err, ERR_USAGE, 0,
                       "option --since: expected a date such as 2024-05-01 or 2024-05-01T12:00:00Z, found '%s'",
                       text_quote(span_text(scan->since), quoted, sizeof quoted));
    scan->sweep.selection = selection;
    scan->sweep.listing_api = scan->listing_api;
    return 0;
}

/* A host, as references have it. */
static bool host_is_valid(struct arena *arena, struct span host) {
    struct reference reference;
    struct err err = {0};
    char *probe = arena_format(arena, "%.*s/x", SPAN_FORMAT(host));
    return probe != NULL && reference_parse(span_text(probe), &reference, &err) == 0 &&
           span_equal(reference.registry, host);
}

static int mirrors_read(struct scan *scan, struct err *err) {
    struct source_mirror *mirrors = arena_array(&scan->arena, scan->mirrors.count, sizeof *mirrors);
    char quoted[128];
    if (mirrors == NULL)
        return err_set(err, ERR_NOMEM, 0, "options: out of memory");
    for (size_t i = 0; i < scan->mirrors.count; i++) {
        struct span rest = span_text(scan->mirrors.data[i]);
        mirrors[i].host = text_cut(&rest, '=');
        mirrors[i].mirror = rest;
        if (!host_is_valid(&scan->arena, mirrors[i].host) || !host_is_valid(&scan->arena, mirrors[i].mirror))
            return err_set(err, ERR_USAGE, 0,
                           "option --mirror: expected HOST=HOST, such as docker.io=mirror.example:5000, found '%s'",
                           text_quote(span_text(scan->mirrors.data[i]), quoted, sizeof quoted));
    }
    scan->sweep.mirrors = mirrors;
    scan->sweep.mirror_count = scan->mirrors.count;
    return 0;
}

static int password_read(struct scan *scan, struct err *err) {
    if (!scan->password_stdin)
        return 0;
    if (scan->username == NULL)
        return err_set(err, ERR_USAGE, 0, "option --password-stdin: expected --username with it");
    struct buf text;
    buf_init(&text, 4096);
    int result = file_read("/dev/stdin", &text, err);
    while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    if (result == 0) {
        scan->password = mem_text(text.data, text.size);
        if (scan->password == NULL)
            result = err_set(err, ERR_NOMEM, 0, "options: out of memory");
    }
    if (text.data != NULL)
        explicit_bzero(text.data, text.capacity);
    buf_release(&text);
    return result;
}

/* What --max-age refuses: a database whose newest record is older. The file's own time says nothing: it may be a copy.
 */
static int database_age_check(const struct scan *scan, struct err *err) {
    uint64_t most_s = 0;
    int64_t data_s = scan->db.data_time_utc_s;
    char date[CLOCK_TEXT_SIZE];
    char quoted[48];
    if (scan->db_max_age == NULL)
        return 0;
    if (!duration_parse(span_text(scan->db_max_age), &most_s))
        return err_set(err, ERR_USAGE, 0, "option --max-age: expected a duration such as 7d, found '%s'",
                       text_quote(span_text(scan->db_max_age), quoted, sizeof quoted));
    int64_t age_s = scan->started_at - data_s;
    if (data_s != 0 && age_s <= (int64_t)most_s)
        return 0;
    return err_set(err, ERR_LIMIT, 0,
                   "database %s: its newest record is of %s, older than --max-age %s allows: run trawl db update",
                   scan->db_path, data_s == 0 ? "an unknown time" : clock_text(data_s, date), scan->db_max_age);
}

/* A file that is not there is a mistake on the command line. One that is damaged, or another program's, came about at
 * night: the sweep goes on without matching, and a row and the exit status say so. */
static int database_open(struct scan *scan, enum cpu_level level, struct err *err) {
    struct err damage = {0};
    if (scan->db_path == NULL)
        return 0;
    if (file_map_open(scan->db_path, &scan->db_map, err) < 0) {
        char found[sizeof err->text];
        memcpy(found, err->text, sizeof found);
        return err_set(err, ERR_USAGE, err->sys, "database: %.200s; trawl db build makes one", found);
    }
    if (vuln_db_open(scan->db_map.bytes, level, &scan->db, &damage) == 0) {
        scan->sweep.db = &scan->db;
        return database_age_check(scan, err);
    }
    scan->db_damage = damage;
    (void)err_wrap(&scan->db_damage, "vulnerabilities were not looked for: database %s", scan->db_path);
    scan->sweep.db_damage = &scan->db_damage;
    scan->sweep.db_name = span_text(scan->db_path);
    return 0;
}

static int secrets_open(struct scan *scan, struct err *err) {
    if (!scan->sweep.secrets)
        return 0;
    struct span key = span_text(scan->fingerprint_key == NULL ? SECRET_FINGERPRINT_KEY_DEFAULT : scan->fingerprint_key);
    if (rules_folder_load(&scan->rules, &scan->secret_rules, &scan->rules_digest, err) < 0) {
        err->code = err->code == ERR_NOMEM ? ERR_NOMEM : ERR_USAGE;
        return -1;
    }
    /* Only where a cache is kept from one run to the next: see scan_run() and cmd_sweep.c. */
    AUTO_FREE char *shared = scan->kind->is_resumable && !scan->no_cache ? scan_cache_default() : NULL;
    if (rules_cache_engine(scan->secret_rules, &scan->rules_digest, key,
                           scan->cache_folder != NULL ? scan->cache_folder : shared, scan->quiet, &scan->secret_engine,
                           err) < 0)
        return -1;
    scan->sweep.secret_engine = scan->secret_engine;
    return 0;
}

static int policy_open(struct scan *scan, struct err *err) {
    size_t expired = 0;
    if (scan_policy_read(&scan->policy, scan->started_at, &scan->sweep.policy, &scan->ignore, &scan->vex, &expired,
                         err) < 0)
        return -1;
    if (expired > 0 && !scan->quiet)
        (void)fprintf(stderr, "%zu entries of %s are past their last day and hide nothing any more\n", expired,
                      scan->policy.ignore_file);
    return 0;
}

/* What decides what a scan finds, besides the bytes. */
static void profile_make(struct scan *scan) {
    struct sweep_options *sweep = &scan->sweep;
    char rules[DIGEST_TEXT_SIZE] = "";
    if (scan->rules_digest.algorithm != DIGEST_NONE)
        (void)digest_text(&scan->rules_digest, rules);
    sweep->profile = profile_of(&(struct profile_parts){
        .packages = sweep->packages,
        .secrets = sweep->secrets,
        .show_secrets = sweep->show_secrets,
        .verify_diff_id = sweep->verify_diff_id,
        .with_declared = sweep->with_declared,
        .rules = span_text(rules),
        .fingerprint_key = span_text(scan->fingerprint_key == NULL ? "" : scan->fingerprint_key),
        .unpacked_bytes_max = sweep->codec_limits.unpacked_bytes_max,
        .ratio_max = sweep->codec_limits.ratio_max,
        .catalogue_bytes_max = sweep->budget.catalogue_bytes_max,
        .body_bytes_max = sweep->budget.body_bytes_max,
        .decode_depth = sweep->decode_depth,
        .decode_bytes_max = sweep->decode_bytes_max});
}

/* A sweep that goes on must end with the rows that it would have had: what else decides them. */
static void conditions_make(struct scan *scan) {
    static const struct hash_key no_key;
    const struct sweep_options *sweep = &scan->sweep;
    struct buf text;
    buf_init(&text, 0);
    buf_add(&text, span_make(&sweep->profile, sizeof sweep->profile));
    buf_add(&text, span_make(&sweep->policy.identity, sizeof sweep->policy.identity));
    buf_format(&text, "%s %d %" PRId64 "\n", TRAWL_VERSION, sweep->with_declared,
               sweep->db == NULL ? 0 : sweep->db->data_time_utc_s);
    buf_add(&text, span_slice(scan->db_map.bytes, 0, 4096)); /* its header has a checksum of the rest */
    finding_filter_text(&sweep->filter, &text);
    for (size_t i = 0; i < sweep->platform_count; i++) {
        buf_add(&text, sweep->platforms[i]);
        buf_byte(&text, '\n');
    }
    buf_format(&text, "since %s newest %" PRIu64 "\n", scan->since == NULL ? "" : scan->since, scan->newest);
    for (size_t i = 0; i < scan->includes.count; i++)
        buf_format(&text, "include %s\n", scan->includes.data[i]);
    for (size_t i = 0; i < scan->excludes.count; i++)
        buf_format(&text, "exclude %s\n", scan->excludes.data[i]);
    if (!text.failed)
        scan->conditions = body_hash_once(&no_key, buf_span(&text));
    buf_release(&text);
}

/* Signals come through a descriptor that the loop watches: no handler, no global flag. */
static int signals_open(struct scan *scan, struct err *err) {
    sigset_t set;
    (void)signal(SIGPIPE, SIG_IGN); /* a closed socket is an error return, not a death */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return err_set(err, ERR_IO, errno, "signals: %s", strerror(errno));
    scan->sweep.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return scan->sweep.signal_fd < 0 ? err_set(err, ERR_IO, errno, "signals: %s", strerror(errno)) : 0;
}

static void discover_notice(void *context, const char *text) {
    const struct scan *scan = context;
    if (!scan->quiet)
        (void)fprintf(stderr, "%s\n", text);
}

/* What is found becomes targets like those that were typed. */
static int discover_all(struct scan *scan, struct err *err) {
    for (size_t i = 0; i < scan->discover.count; i++) {
        struct discover_list list = {.count = 0};
        if (discover(&scan->arena, scan->discover.data[i], discover_notice, scan, &list, err) < 0)
            return -1;
        if (list.count == 0)
            return err_set(err, ERR_NOTFOUND, 0,
                           "discover %s: found no layout, archive, store or root file system in it",
                           scan->discover.data[i]);
        for (size_t j = 0; j < list.count; j++) {
            if (!text_list_add(&scan->arena, &scan->operands, list.targets[j]))
                return err_set(err, ERR_NOMEM, 0, "discover: out of memory");
        }
    }
    return 0;
}

/* Operands are targets, or folders that become "dir:" targets. */
static int targets_make(struct scan *scan, struct err *err) {
    if (!scan->kind->is_of_folders)
        return targets_read(&scan->arena, scan->operands.data, scan->operands.count, &scan->targets, err);
    for (size_t i = 0; i < scan->operands.count; i++) {
        const char *target = arena_format(&scan->arena, "dir:%s", scan->operands.data[i]);
        if (target == NULL || !vec_push(&scan->targets, span_text(target)))
            return err_set(err, ERR_NOMEM, 0, "options: out of memory");
    }
    return 0;
}

/* As many descriptors as we may have: connections, layers of layouts and shards are open at the same time. Nothing of
 * ours uses select(2), for which the soft limit is kept low. */
static void descriptors_raise(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* we work with what there is as well */
}

static int settings_read(struct scan *scan, struct err *err) {
    struct sweep_options *sweep = &scan->sweep;
    enum cpu_level level = CPU_SCALAR;
    char quoted[64];
    descriptors_raise();
    scan->started_at = clock_utc_s();
    if (scanners_read(scan, err) < 0 || platforms_read(scan, err) < 0 || mirrors_read(scan, err) < 0 ||
        loop_kind_parse(span_text(scan->io == NULL ? "auto" : scan->io), &sweep->loop_kind, err) < 0 ||
        cpu_level_parse(span_text(scan->simd == NULL ? "auto" : scan->simd), &level, err) < 0)
        return -1;
    if (scan->fail_on != NULL && !severity_parse(span_text(scan->fail_on), &scan->fail_severity))
        return err_set(err, ERR_USAGE, 0,
                       "option --fail-on: expected malicious, critical, high, medium, low or negligible, found '%s'",
                       text_quote(span_text(scan->fail_on), quoted, sizeof quoted));
    scan->has_fail_on = scan->fail_on != NULL;
    if (finding_flags_read(&scan->finding_flags, &sweep->filter, err) < 0)
        return -1;
    if (scan->exit_code > 255)
        return err_set(err, ERR_USAGE, 0, "option --exit-code: expected 0 to 255");
    if (scan->discover.count > 0 && !scan->kind->is_resumable)
        return err_set(err, ERR_USAGE, 0, "option --discover: only a sweep into a folder looks for targets");
    if (discover_all(scan, err) < 0)
        return -1;
    /* What goes on has its targets in its folder. */
    bool retries = scan->retry_failed != NULL && scan->resume == NULL;
    if (retries && retry_targets(&scan->arena, scan->retry_failed, &scan->operands, err) < 0)
        return -1;
    /* A sweep of which nothing failed is retried with no target at all: an empty sweep, and done. */
    if (scan->operands.count == 0 && scan->resume == NULL && !retries)
        return err_set(err, ERR_USAGE, 0, "expected at least one target");
    if (scan->resume != NULL && !scan->kind->is_resumable)
        return err_set(err, ERR_USAGE, 0, "option --resume: only a sweep into a folder can go on");
    if (targets_make(scan, err) < 0)
        return -1;
    uint64_t connections = u64_min(scan->connections, CONNECTIONS_MAX);
    if (selection_read(scan, err) < 0 ||
        sweep_budget_of(scan->memory_bytes, scan->jobs, connections, &sweep->budget, err) < 0 ||
        password_read(scan, err) < 0)
        return -1;
    sweep->targets = scan->targets.data;
    sweep->target_count = scan->targets.count;
    sweep->arena = &scan->arena;
    sweep->dedup = !scan->no_dedup;
    sweep->verify_diff_id = scan->verify_diff_id || scan->kind->verifies_diff_id;
    sweep->with_declared = scan->kind->is_of_folders;
    sweep->show_secrets = scan->show_secrets;
    if (scan->decode_depth > LIMIT_SECRET_DECODE_DEPTH)
        return err_set(err, ERR_USAGE, 0, "option --decode-depth: expected at most %u", LIMIT_SECRET_DECODE_DEPTH);
    sweep->decode_depth = (unsigned)scan->decode_depth;
    sweep->decode_bytes_max = scan->decode_bytes;
    sweep->plain_http = scan->plain_http;
    sweep->tls = scan->insecure || scan->ca_file != NULL;
    sweep->credentials = (struct credentials_options){.username = scan->username, .password = scan->password};
    sweep->scanned_at = scan->started_at;
    sweep->codec_limits = codec_limits_default();
    if (scan->layer_bytes_max > 0)
        sweep->codec_limits.unpacked_bytes_max = scan->layer_bytes_max;
    if (scan->ratio_max > 0)
        sweep->codec_limits.ratio_max = scan->ratio_max;
    sweep->http = (struct http_options){
        .ca_file = scan->ca_file,
        .cert_file = scan->cert_file,
        .key_file = scan->key_file,
        .connections_per_host = (unsigned)connections,
        .rate = scan->rate,
        .requests_per_second = (unsigned)(scan->requests_per_second > 1000000 ? 1000000 : scan->requests_per_second),
        .insecure = scan->insecure,
        .stall_timeout_ms = (unsigned)(scan->timeout_s > 86400 ? 86400000 : scan->timeout_s * 1000),
        .attempts_max = (unsigned)(scan->http_attempts > 100 ? 100 : scan->http_attempts),
        .backoff_ms = (unsigned)(scan->http_backoff_ms > 60000 ? 60000 : scan->http_backoff_ms)};
    if (database_open(scan, level, err) < 0 || secrets_open(scan, err) < 0 || policy_open(scan, err) < 0 ||
        signals_open(scan, err) < 0)
        return -1;
    profile_make(scan);
    conditions_make(scan);
    return 0;
}

bool scan_open(struct scan *scan, const struct scan_kind *kind, int argc, char **argv, int *ret_status) {
    struct err err = {0};
    *scan = (struct scan){.kind = kind,
                          .exit_code = EXIT_FINDINGS,
                          .decode_depth = LIMIT_SECRET_DECODE_DEPTH_DEFAULT,
                          .decode_bytes = LIMIT_SECRET_DECODE_BYTES,
                          .sweep = {.signal_fd = -1}};
    arena_init(&scan->arena, 0, 0);
    *ret_status = EXIT_DONE;
    if (options_read(scan, argc, argv, &err) == 0) {
        if (scan->help)
            return false;
        if (settings_read(scan, &err) == 0)
            return true;
    }
    *ret_status = command_fail(kind->command, &err);
    return false;
}

void scan_close(struct scan *scan) {
    if (scan->password != NULL)
        explicit_bzero(scan->password, strlen(scan->password));
    mem_free(scan->password);
    scan_cache_close(&scan->cache);
    targets_release(&scan->targets);
    secret_engine_free(scan->secret_engine);
    secret_rules_free(scan->secret_rules);
    policy_release(&scan->sweep.policy);
    ignore_free(scan->ignore);
    vex_free(scan->vex);
    file_map_close(&scan->db_map);
    if (scan->sweep.signal_fd >= 0)
        (void)close(scan->sweep.signal_fd);
    arena_release(&scan->arena);
}

int scan_run(struct scan *scan, const struct row_sink *sink, struct err *err) {
    struct progress progress;
    /* A few images, or folders: read and verified each time, unless a cache is named. */
    if (scan->cache.cache == NULL &&
        scan_cache_open(&scan->cache, scan->cache_folder, true, NULL, scan->quiet, err) < 0)
        return -1;
    scan->sweep.cache = scan->cache.cache;
    progress_init(&progress, scan->quiet || scan->no_progress);
    scan->sweep.progress = progress_show;
    scan->sweep.progress_ms = progress_interval_ms(&progress);
    scan->sweep.notice = scan->quiet ? NULL : progress_notice;
    scan->sweep.context = &progress;
    int result = sweep_run(&scan->sweep, sink, &scan->totals, err);
    progress_clear(&progress);
    return result;
}

int scan_status(const struct scan *scan) {
    const struct totals *totals = &scan->totals;
    /* Failed images are rows too: only where there is none has nothing been done. */
    if (totals->errors > 0)
        return totals->images == 0 ? EXIT_NOTHING : EXIT_PARTIAL;
    if (scan->has_fail_on && totals->has_findings && totals->worst >= scan->fail_severity)
        return (int)scan->exit_code;
    return EXIT_DONE;
}

/* ---- rows to the terminal ---- */

static int row_export(void *context, const struct row *row, struct err *err) {
    struct row_view view = row_view_of(row);
    return outputs_row(context, &view, err);
}

int scan_to_terminal(struct scan *scan) {
    struct err err = {0};
    struct outputs outputs;
    scan->sweep.sweep_id = span_text(scan->sweep_id == NULL ? "" : scan->sweep_id);
    const struct outputs_options options = {.arena = &scan->arena,
                                            .formats = &scan->formats,
                                            .files = &scan->files,
                                            .format_default = "table",
                                            .template_path = scan->template_path,
                                            .run = {.sweep_id = scan->sweep.sweep_id, .started_at = scan->started_at}};
    if (outputs_open(&outputs, &options, &err) < 0) {
        outputs_close(&outputs);
        return command_fail(scan->kind->command, &err);
    }
    struct row_sink sink = {.add = row_export, .context = &outputs};
    int result = scan_run(scan, &sink, &err);
    if (result == 0)
        result = outputs_finish(&outputs, &err);
    outputs_close(&outputs);
    if (result < 0) {
        (void)fprintf(stderr, "trawl %s: %s\n", scan->kind->command, err.text);
        return err.code == ERR_CANCELED ? EXIT_INTERRUPTED : err.code == ERR_USAGE ? EXIT_USAGE : EXIT_NOTHING;
    }
    for (size_t i = 0; !scan->quiet && i < scan->totals.first_error_count; i++) {
        const struct total_error *error = &scan->totals.first_errors[i];
        char target[160], message[280];
        (void)fprintf(stderr, "error: %s: %.*s: %s\n", text_quote(error->target, target, sizeof target),
                      SPAN_FORMAT(error->stage), text_quote(error->message, message, sizeof message));
    }
    return scan_status(scan);
}
