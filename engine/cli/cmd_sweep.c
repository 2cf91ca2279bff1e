#include <sys/random.h>

#include "base/clock.h"
#include "base/hash/digest.h"
#include "engine/cli/scan.h"
#include "engine/cli/summary.h"
#include "shard/shard_write.h"

#define TOTALS_NAMED 24

static int shard_put(void *context, const struct row *row, struct err *err) { return shard_add(context, row, err); }

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
    manifest.targets = arena_array(&scan->arena, scan->operands.count, sizeof *manifest.targets);
    if (manifest.targets == NULL)
        return err_set(err, ERR_NOMEM, 0, "manifest: out of memory");
    for (size_t i = 0; i < scan->operands.count; i++)
        manifest.targets[i] = span_text(scan->operands.data[i]);
    manifest.target_count = scan->operands.count;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        manifest.tables[i] = shards->tables[i];
    return shard_manifest_write(scan->output, &manifest, err);
}

static int sweep_to_folder(struct scan *scan, struct err *err) {
    struct sweep_budget budget;
    AUTO_SHARD_SET struct shard_set *set = NULL;
    struct shard_totals shards;
    if (sweep_budget_of(scan->memory_bytes, scan->jobs, &budget, err) < 0 ||
        shard_set_open(scan->output, &(struct shard_options){.memory_bytes = budget.writer_bytes}, &set, err) < 0)
        return -1;
    struct row_sink sink = {shard_put, set};
    if (scan_run(scan, &sink, err) < 0 || shard_set_finish(set, &shards, err) < 0)
        return -1;
    return manifest_finish(scan, &shards, err);
}

static int sweep(struct scan *scan) {
    struct err err = {0};
    uint64_t started_ns = clock_ns();
    if (scan->output == NULL)
        return command_fail("sweep", (err_set(&err, ERR_USAGE, 0, "expected -o DIR: the folder for the rows"), &err));
    const char *id = scan->sweep_id == NULL ? sweep_id_make(scan) : scan->sweep_id;
    if (id == NULL)
        return command_fail("sweep", (err_set(&err, ERR_NOMEM, 0, "out of memory"), &err));
    scan->sweep.sweep_id = span_text(id);
    if (sweep_to_folder(scan, &err) < 0) {
        if (err.code == ERR_USAGE)
            return command_fail("sweep", &err);
        (void)fprintf(stderr, "trawl sweep: %s; %s holds an unfinished sweep\n", err.text, scan->output);
        return err.code == ERR_CANCELED ? EXIT_INTERRUPTED : EXIT_NOTHING;
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
    struct scan scan;
    int status;
    if (scan_open(&scan, "sweep", argc, argv, &status))
        status = sweep(&scan);
    scan_close(&scan);
    return status;
}
