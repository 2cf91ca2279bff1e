#include <sys/random.h>

#include "base/clock.h"
#include "base/hash/digest.h"
#include "engine/cli/outputs.h"
#include "engine/cli/scan.h"
#include "engine/cli/sweep_state.h"
#include "engine/cli/summary.h"
#include "shard/shard_write.h"

#define TOTALS_NAMED 24

static int shard_put(void *context, const struct row *row, struct err *err) { return shard_add(context, row, err); }

static int shard_put_block(void *context, struct span sweep_id, const struct row_block *block, struct err *err) {
    return shard_add_block(context, sweep_id, block, err);
}

/* "20240501T120000Z-3f9c21ab": sorts by time, and two sweeps of one second differ. */
static const char *sweep_id_make(struct scan *scan) {
    uint32_t random = 0;
    char text[CLOCK_TEXT_SIZE];
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint32_t)clock_ns();
    clock_text(scan->started_at, text);
    char *id = arena_format(&scan->arena, "%s-%08x", text, random);
    size_t kept = 0;
    for (size_t i = 0; id != NULL && id[i] != '\0'; i++) {
        bool first_dashes = i < 10 && id[i] == '-';
        if (!first_dashes && id[i] != ':')
            id[kept++] = id[i];
    }
    if (id != NULL)
        id[kept] = '\0';
    return id;
}

/* What the rules were: SHA-256 over their ids, expressions and scores. */
static struct span rules_digest(struct scan *scan) {
    struct digest_stream *stream = NULL;
    char text[DIGEST_TEXT_SIZE];
    if (scan->secret_rules == NULL || digest_stream_new(DIGEST_SHA256, &stream, NULL) < 0)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < secret_rules_count(scan->secret_rules); i++) {
        const struct secret_rule *rule = secret_rules_at(scan->secret_rules, i);
        digest_stream_add(stream, rule->id);
        digest_stream_add(stream, span_make("", 1));
        digest_stream_add(stream, rule->expression);
        digest_stream_add(stream, span_make("", 1));
        digest_stream_add(stream, span_make(&rule->confidence, sizeof rule->confidence));
    }
    struct digest digest = digest_stream_end(stream);
    digest_stream_free(stream);
    return arena_copy(&scan->arena, span_text(digest_text(&digest, text)));
}

static void total_add(struct shard_manifest *manifest, const char *name, uint64_t value) {
    assert(manifest->total_count < TOTALS_NAMED);
    manifest->totals[manifest->total_count++] = (struct shard_total){span_text(name), value};
}

static void totals_name(const struct totals *totals, struct shard_manifest *manifest) {
    total_add(manifest, "images", totals->images);
    total_add(manifest, "images_done", totals->images_done);
    total_add(manifest, "images_partial", totals->images_partial);
    total_add(manifest, "images_failed", totals->images_failed);
    total_add(manifest, "images_skipped", totals->images_skipped);
    total_add(manifest, "layers", totals->layers);
    total_add(manifest, "layer_references", totals->layer_references);
    total_add(manifest, "bytes_read", totals->bytes_read);
    total_add(manifest, "bytes_saved", totals->bytes_saved);
    total_add(manifest, "bytes_unpacked", totals->bytes_unpacked);
    total_add(manifest, "files", totals->files);
    total_add(manifest, "bodies", totals->bodies);
    total_add(manifest, "packages", totals->packages);
    total_add(manifest, "package_sets", totals->package_sets);
    total_add(manifest, "errors", totals->errors);
    total_add(manifest, "layers_known", totals->layers_known);
    total_add(manifest, "plan_ms", totals->plan_ms);
    total_add(manifest, "scan_ms", totals->scan_ms);
}

static int manifest_finish(struct scan *scan, const struct shard_totals *shards, struct err *err) {
    struct shard_total named[TOTALS_NAMED];
    struct shard_manifest manifest = {.schema_version = TABLE_SCHEMA_VERSION,
                                      .sweep_id = scan->sweep.sweep_id,
                                      .tool_version = span_text(TRAWL_VERSION),
                                      .rules_digest = rules_digest(scan),
                                      .feed_at = scan->sweep.db == NULL ? 0 : scan->sweep.db->data_time_utc_s,
                                      .started_at = scan->started_at,
                                      .finished_at = clock_utc_s(),
                                      .totals = named};
    char feed[CLOCK_TEXT_SIZE] = "";
    if (manifest.feed_at != 0)
        manifest.feed_version = span_text(clock_text(manifest.feed_at, feed));
    totals_name(&scan->totals, &manifest);
    /* As they were typed; of a sweep that went on, what they meant. */
    bool typed = scan->operands.count > 0;
    manifest.target_count = typed ? scan->operands.count : scan->sweep.target_count;
    manifest.targets = arena_array(&scan->arena, manifest.target_count, sizeof *manifest.targets);
    if (manifest.targets == NULL)
        return err_set(err, ERR_NOMEM, 0, "manifest: out of memory");
    for (size_t i = 0; i < manifest.target_count; i++)
        manifest.targets[i] = typed ? span_text(scan->operands.data[i]) : scan->sweep.targets[i];
    for (size_t i = 0; i < TABLE_COUNT; i++)
        manifest.tables[i] = shards->tables[i];
    return shard_manifest_write(scan->output, &manifest, err);
}

/* ---- going on ---- */

#define PRIVATE_CACHE_NAME "unfinished.cache"

/* The sweep's own folder while it is written. */
struct run {
    struct scan *scan;
    struct sweep_state state;
    bool goes_on;          /* `state` is of an unfinished sweep */
    const char *own_cache; /* where a private cache is, or would be */
};

static int plan_keep(void *context, struct span plan, struct err *err) {
    struct run *run = context;
    run->state.plan = plan;
    int result = sweep_state_write(run->scan->output, &run->state, err);
    run->state.plan = (struct span){NULL, 0};
    return result;
}

static bool targets_are(const struct sweep_options *sweep, const struct sweep_state *saved) {
    bool same = sweep->target_count == saved->target_count;
    for (size_t i = 0; same && i < saved->target_count; i++)
        same = span_equal(sweep->targets[i], saved->targets[i]);
    return same;
}

/* What an unfinished sweep in the folder says; the targets on the command line are those of one that has yet to begin.
 */
static int run_resume(struct run *run, struct err *err) {
    struct scan *scan = run->scan;
    struct sweep_state saved;
    if (sweep_state_read(&scan->arena, scan->output, &saved, err) < 0) {
        if (err->code == ERR_NOTFOUND && scan->targets.count > 0) {
            *err = (struct err){.code = ERR_NONE};
            return 0; /* killed before it began: it begins now */
        }
        err->code = ERR_USAGE;
        return -1;
    }
    if (!hash128_equal(saved.conditions, run->state.conditions))
        return err_set(err, ERR_USAGE, 0,
                       "%s: the unfinished sweep had other options, another database or another trawl; give the same, "
                       "or sweep anew into another folder",
                       scan->output);
    if (scan->targets.count > 0 && !targets_are(&scan->sweep, &saved))
        return err_set(err, ERR_USAGE, 0,
                       "%s: the unfinished sweep had other targets; give the same or none, or sweep anew into another "
                       "folder",
                       scan->output);
    run->state = saved;
    run->goes_on = true;
    scan->sweep.sweep_id = saved.sweep_id;
    scan->started_at = scan->sweep.scanned_at = saved.started_at;
    scan->sweep.targets = saved.targets;
    scan->sweep.target_count = saved.target_count;
    scan->sweep.saved = saved.plan;
    run->state.plan = (struct span){NULL, 0};
    return 0;
}

static int run_cache(struct run *run, struct err *err) {
    struct scan *scan = run->scan;
    const char *folder = scan->cache_folder;
    bool none = scan->no_cache;
    run->own_cache = arena_format(&scan->arena, "%s/" PRIVATE_CACHE_NAME, scan->output);
    if (run->own_cache == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    if (run->goes_on && folder == NULL) {
        folder = run->state.cache.size == 0 ? NULL : arena_text(&scan->arena, run->state.cache);
        none = folder == NULL;
    }
    if (scan_cache_open(&scan->cache, folder, none, run->own_cache, scan->quiet, err) < 0)
        return -1;
    scan->cache.is_kept = true;
    run->state.cache = scan->cache.is_private ? span_text("") : span_text(scan->cache.folder);
    return 0;
}

static int sweep_to_folder(struct scan *scan, struct err *err) {
    AUTO_SHARD_SET struct shard_set *set = NULL;
    struct shard_totals shards;
    struct run run = {.scan = scan,
                      .state = {.sweep_id = scan->sweep.sweep_id,
                                .started_at = scan->started_at,
                                .conditions = scan->conditions,
                                .targets = scan->sweep.targets,
                                .target_count = scan->sweep.target_count}};
    const struct shard_options options = {.memory_bytes = scan->sweep.budget.writer_bytes};
    if (shard_set_open(scan->output, &options, &set, err) < 0 || (scan->resume != NULL && run_resume(&run, err) < 0) ||
        run_cache(&run, err) < 0)
        return -1;
    /* Until the plan is made again it stays as it was saved. */
    if (scan->sweep.saved.size == 0 && sweep_state_write(scan->output, &run.state, err) < 0)
        return -1;
    scan->is_unfinished = true;
    scan->sweep.save = plan_keep;
    scan->sweep.save_context = &run;
    struct row_sink sink = {shard_put, shard_put_block, set};
    if (scan_run(scan, &sink, err) < 0 || shard_set_finish(set, &shards, err) < 0 ||
        manifest_finish(scan, &shards, err) < 0)
        return -1;
    scan->cache.is_kept = false;
    if (!scan->cache.is_private)
        cache_remove(run.own_cache); /* of an unfinished sweep that had this folder before, or another cache */
    sweep_state_remove(scan->output);
    return 0;
}

/* Before anything is made in a folder that may be no sweep's. */
static int resume_check(struct scan *scan, struct err *err) {
    const char *manifest = arena_format(&scan->arena, "%s/" SHARD_MANIFEST_NAME, scan->resume);
    const char *state = arena_format(&scan->arena, "%s/" SWEEP_STATE_NAME, scan->resume);
    if (manifest == NULL || state == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    if (access(manifest, F_OK) == 0)
        return err_set(err, ERR_USAGE, 0, "%s: this sweep is finished, there is nothing to resume", scan->resume);
    if (scan->targets.count == 0 && access(state, F_OK) != 0)
        return err_set(err, ERR_USAGE, 0, "%s: there is no unfinished sweep; name the targets to begin one",
                       scan->resume);
    return 0;
}

/* ---- other formats beside the folder ---- */

static int formats_open(struct scan *scan, struct outputs *outputs, struct err *err) {
    const struct outputs_options options = {.arena = &scan->arena,
                                            .formats = &scan->formats,
                                            .files = &scan->files,
                                            .template_path = scan->template_path,
                                            .run = {.sweep_id = scan->sweep.sweep_id, .started_at = scan->started_at},
                                            .is_sorted = true};
    if (outputs_open(outputs, &options, err) < 0)
        return -1;
    for (size_t i = 0; i < outputs->list.count; i++) {
        if (outputs->list.data[i].path == NULL)
            return err_set(err, ERR_USAGE, 0, "format %s: a sweep prints its summary: write --format %s=FILE",
                           outputs->list.data[i].format, outputs->list.data[i].format);
    }
    return 0;
}

static int formats_write(struct scan *scan, struct outputs *outputs, struct err *err) {
    struct shard_manifest manifest;
    if (outputs->list.count == 0)
        return 0;
    return shard_manifest_read(&scan->arena, scan->output, &manifest, err) < 0
               ? -1
               : outputs_folder(outputs, scan->output, &manifest, NULL, err);
}

static int sweep(struct scan *scan, struct outputs *outputs) {
    struct err err = {0};
    uint64_t started_ns = clock_ns();
    if (scan->resume != NULL && scan->output != NULL && strcmp(scan->resume, scan->output) != 0)
        return command_fail("sweep",
                            (err_set(&err, ERR_USAGE, 0, "--resume names the folder: --output is another"), &err));
    if (scan->resume != NULL) {
        scan->output = scan->resume;
        if (resume_check(scan, &err) < 0)
            return command_fail("sweep", &err);
    }
    if (scan->output == NULL)
        return command_fail("sweep", (err_set(&err, ERR_USAGE, 0, "expected -o DIR: the folder for the rows"), &err));
    const char *id = scan->sweep_id == NULL ? sweep_id_make(scan) : scan->sweep_id;
    if (id == NULL)
        return command_fail("sweep", (err_set(&err, ERR_NOMEM, 0, "out of memory"), &err));
    scan->sweep.sweep_id = span_text(id);
    if (formats_open(scan, outputs, &err) < 0)
        return command_fail("sweep", &err);
    if (sweep_to_folder(scan, &err) < 0) {
        if (err.code == ERR_USAGE)
            return command_fail("sweep", &err);
        (void)fprintf(stderr, "trawl sweep: %s\n", err.text);
        if (scan->is_unfinished)
            (void)fprintf(stderr, "trawl sweep: %s holds an unfinished sweep: go on with --resume %s\n", scan->output,
                          scan->output);
        return err.code == ERR_CANCELED ? EXIT_INTERRUPTED : EXIT_NOTHING;
    }
    if (formats_write(scan, outputs, &err) < 0) {
        (void)fprintf(stderr, "trawl sweep: %s\ntrawl sweep: %s is finished: trawl export writes it again\n", err.text,
                      scan->output);
        return EXIT_PARTIAL;
    }
    if (!scan->quiet)
        summary_print(stdout, &scan->totals, scan->output,
                      scan->sweep.db != NULL          ? NULL
                      : scan->sweep.db_damage != NULL ? "the database is unusable"
                                                      : "no --db",
                      (clock_ns() - started_ns) / 1000000);
    return scan_status(scan);
}

int cmd_sweep(int argc, char **argv) {
    static const struct scan_kind kind = {.command = "sweep", .is_resumable = true};
    struct scan scan;
    struct outputs outputs = {.sort = NULL};
    int status;
    if (scan_open(&scan, &kind, argc, argv, &status))
        status = sweep(&scan, &outputs);
    outputs_close(&outputs);
    scan_close(&scan);
    return status;
}
