#include <fcntl.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/cli/command.h"
#include "engine/cli/finding_flags.h"
#include "engine/cli/scan_cache.h"
#include "engine/cli/scan_policy.h"
#include "engine/cli/units.h"
#include "engine/export/export.h"
#include "engine/pipeline/rematch.h"
#include "io/file/file.h"
#include "shard/shard_sort.h"
#include "shard/shard_write.h"

#define THREADS_MAX ((uint64_t)256)
#define SORT_BYTES (256 * LIMIT_MIB)
#define CACHE_BYTES (256 * LIMIT_MIB)
#define MEMO_BYTES (256 * LIMIT_MIB) /* over all threads: answers of a fleet's distinct packages */

struct command_rematch {
    struct arena arena;
    const char *cache_folder, *db_path, *since, *output, *format, *fail_on, *sweep_id, *simd;
    struct text_list ids;
    struct finding_flags flags;
    struct scan_policy_options policy_options;
    uint64_t jobs, exit_code;
    int64_t started_at;
    bool quiet;

    struct rematch_options options;
    enum severity fail_severity;
    struct file_map db_map, old_map;
    struct vuln_db db, old;
    struct policy policy;
    struct ignore *ignore;
    struct vex *vex;
    struct cache *cache;
    struct rematch_totals totals;
};

static int database_open(const char *path, enum cpu_level level, struct file_map *map, struct vuln_db *db,
                         struct err *err) {
    if (file_map_open(path, map, err) < 0 || vuln_db_open(map->bytes, level, db, err) < 0)
        return err_wrap(err, "database %s", path);
    return 0;
}

static int settings_read(struct command_rematch *command, int argc, char **argv, bool *ret_help, struct err *err) {
    struct text_list operands = {0};
    enum cpu_level level;
    size_t expired = 0;
    const struct option options[] = {
        {"cache", 0, OPTION_TEXT, &command->cache_folder},
        {"db", 0, OPTION_TEXT, &command->db_path},
        {"since", 0, OPTION_TEXT, &command->since},
        {"id", 0, OPTION_LIST, &command->ids},
        {"output", 'o', OPTION_TEXT, &command->output},
        {"format", 'f', OPTION_TEXT, &command->format},
        FINDING_OPTIONS(command->flags),
        {"ignorefile", 0, OPTION_TEXT, &command->policy_options.ignore_file},
        {"vex", 0, OPTION_LIST, &command->policy_options.vex},
        {"fail-on", 0, OPTION_TEXT, &command->fail_on},
        {"exit-code", 0, OPTION_COUNT, &command->exit_code},
        {"jobs", 'j', OPTION_COUNT, &command->jobs},
        {"sweep-id", 0, OPTION_TEXT, &command->sweep_id},
        {"simd", 0, OPTION_TEXT, &command->simd},
        {"quiet", 'q', OPTION_FLAG, &command->quiet},
        OPTION_END,
    };
    if (options_parse(&command->arena, "rematch", options, argc, argv, &operands, ret_help, err) < 0 || *ret_help)
        return *ret_help ? 0 : -1;
    struct rematch_options *run = &command->options;
    if (command->db_path == NULL || operands.count > 0)
        return err_set(err, ERR_USAGE, 0, "expected --db FILE and no operand: the packages are those of the cache");
    if (command->fail_on != NULL && !severity_parse(span_text(command->fail_on), &command->fail_severity))
        return err_set(err, ERR_USAGE, 0, "option --fail-on: expected a severity such as high");
    if (command->exit_code > 255)
        return err_set(err, ERR_USAGE, 0, "option --exit-code: expected 0 to 255");
    if (finding_flags_read(&command->flags, &run->filter, err) < 0 ||
        cpu_level_parse(span_text(command->simd == NULL ? "auto" : command->simd), &level, err) < 0 ||
        scan_policy_read(&command->policy_options, clock_utc_s(), &command->policy, &command->ignore, &command->vex,
                         &expired, err) < 0 ||
        database_open(command->db_path, level, &command->db_map, &command->db, err) < 0 ||
        (command->since != NULL && database_open(command->since, level, &command->old_map, &command->old, err) < 0))
        return -1;
    struct span *ids = arena_array(&command->arena, command->ids.count + 1, sizeof *ids);
    if (ids == NULL)
        return err_set(err, ERR_NOMEM, 0, "options: out of memory");
    for (size_t i = 0; i < command->ids.count; i++)
        ids[i] = span_text(command->ids.data[i]);
    run->filter.ids = ids;
    run->filter.id_count = command->ids.count;
    uint64_t processors = command->jobs == 0 ? (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) : command->jobs;
    run->threads = (size_t)(processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : processors);
    run->memo_bytes = MEMO_BYTES / run->threads;
    run->db = &command->db;
    run->old = command->since == NULL ? NULL : &command->old;
    run->policy = &command->policy;
    command->started_at = clock_utc_s();
    run->sweep_id = span_text(command->sweep_id == NULL ? "" : command->sweep_id);
    return 0;
}

static int cache_find(struct command_rematch *command, struct err *err) {
    AUTO_FREE char *fallback = scan_cache_default();
    const char *folder = command->cache_folder != NULL ? command->cache_folder : fallback;
    bool aside = false;
    if (folder == NULL)
        return err_set(err, ERR_USAGE, 0, "there is no home for a cache: give --cache DIR");
    if (cache_open(folder, &(struct cache_options){.existing = true}, &command->cache, &aside, err) < 0)
        return -1;
    command->options.cache = command->cache;
    cache_resident_limit(command->cache, CACHE_BYTES); /* it is read from one end to the other */
    if (command->cache_folder == NULL)
        command->cache_folder = arena_text(&command->arena, span_text(folder));
    if (aside)
        return err_set(err, ERR_FORMAT, 0, "cache %s: it was damaged and was set aside; sweep again", folder);
    return command->cache_folder == NULL ? err_set(err, ERR_NOMEM, 0, "options: out of memory") : 0;
}

/* ---- to the terminal: in the tables' order, whatever thread found it ---- */

static int sort_put(void *context, const struct row *row, struct err *err) {
    struct row_view view = row_view_of(row);
    return shard_sort_add(context, &view, err);
}

static int rows_export(struct shard_sort *sort, struct exporter *exporter, struct err *err) {
    struct shard_sorted sorted;
    int got;
    while ((got = shard_sort_next(sort, &sorted, err)) > 0) {
        struct row_view view;
        assert(!sorted.is_block); /* a rematch makes none */
        if (row_view_parse(sorted.table, sorted.row, &view, err) < 0 || export_row(exporter, &view, err) < 0)
            return -1;
    }
    return got < 0 ? -1 : exporter_finish(exporter, err);
}

static int to_terminal(struct command_rematch *command, struct err *err) {
    const char *base = getenv("TMPDIR");
    const char *folder = base != NULL && base[0] != '\0' ? base : "/tmp";
    struct exporter_options options = {.out = stdout, .width = terminal_width()};
    AUTO_EXPORTER struct exporter *exporter = NULL;
    AUTO_CLOSE int temporary = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct shard_sort *sort = NULL;
    if (temporary < 0)
        return err_set(err, ERR_IO, errno, "temporary folder %s: %s; set TMPDIR", folder, strerror(errno));
    if (exporter_open(command->format == NULL ? "table" : command->format, &options, &exporter, err) < 0 ||
        shard_sort_new(temporary, SORT_BYTES, &sort, err) < 0)
        return -1;
    struct row_sink sink = {.add = sort_put, .context = sort};
    int result = rematch(&command->options, &sink, &command->totals, err);
    if (result == 0)
        result = shard_sort_finish(sort, err);
    if (result == 0)
        result = rows_export(sort, exporter, err);
    shard_sort_free(sort);
    return result;
}

/* ---- into a folder, like a sweep's ---- */

static int shard_put(void *context, const struct row *row, struct err *err) { return shard_add(context, row, err); }

static int to_folder(struct command_rematch *command, struct err *err) {
    AUTO_SHARD_SET struct shard_set *set = NULL;
    struct shard_totals shards;
    char now[CLOCK_TEXT_SIZE], feed[CLOCK_TEXT_SIZE];
    struct rematch_options *options = &command->options;
    struct rematch_totals *totals = &command->totals;
    if (command->sweep_id == NULL) {
        char *id = arena_format(&command->arena, "%s-rematch", clock_text(command->started_at, now));
        if (id == NULL)
            return err_set(err, ERR_NOMEM, 0, "options: out of memory");
        options->sweep_id = span_text(id);
    }
    if (shard_set_open(command->output, &(struct shard_options){.memory_bytes = SORT_BYTES}, &set, err) < 0)
        return -1;
    struct row_sink sink = {.add = shard_put, .context = set};
    if (rematch(options, &sink, totals, err) < 0 || shard_set_finish(set, &shards, err) < 0)
        return -1;
    struct shard_total named[] = {{span_text("images"), totals->images},
                                  {span_text("images_hit"), totals->images_hit},
                                  {span_text("package_sets"), totals->sets},
                                  {span_text("package_sets_hit"), totals->sets_hit},
                                  {span_text("packages"), totals->packages}};
    struct span target = span_text(command->cache_folder);
    struct shard_manifest manifest = {.schema_version = TABLE_SCHEMA_VERSION,
                                      .sweep_id = options->sweep_id,
                                      .tool_version = span_text(TRAWL_VERSION),
                                      .feed_at = command->db.data_time_utc_s,
                                      .feed_version = span_text(clock_text(command->db.data_time_utc_s, feed)),
                                      .started_at = command->started_at,
                                      .finished_at = clock_utc_s(),
                                      .targets = &target,
                                      .target_count = 1,
                                      .totals = named,
                                      .total_count = ARRAY_COUNT(named)};
    for (size_t i = 0; i < TABLE_COUNT; i++)
        manifest.tables[i] = shards.tables[i];
    return shard_manifest_write(command->output, &manifest, err);
}

static void summary(const struct command_rematch *command, uint64_t elapsed_ms) {
    const struct rematch_totals *totals = &command->totals;
    char a[UNITS_SIZE], b[UNITS_SIZE], c[UNITS_SIZE], d[UNITS_SIZE], e[UNITS_SIZE], f[UNITS_SIZE];
    uint64_t found = 0;
    for (size_t i = 0; i < SEVERITY_COUNT; i++)
        found += totals->vulnerabilities[i];
    uint64_t rate = totals->sets * 1000 / (elapsed_ms == 0 ? 1 : elapsed_ms);
    (void)fprintf(stderr, "rematched %s package sets of %s images in %s (%s sets/s): %s %sfindings touch %s images\n",
                  units_count(totals->sets, a), units_count(totals->images, b), units_duration(elapsed_ms, c),
                  units_count(rate, d), units_count(found, e), command->since == NULL ? "" : "new ",
                  units_count(totals->images_hit, f));
}

int cmd_rematch(int argc, char **argv) {
    struct command_rematch command = {.exit_code = EXIT_FINDINGS};
    struct err err = {0};
    bool help = false;
    uint64_t started_ns = clock_ns();
    arena_init(&command.arena, 0, 0);
    int result = settings_read(&command, argc, argv, &help, &err);
    if (result == 0 && !help)
        result = cache_find(&command, &err);
    if (result == 0 && !help)
        result = command.output == NULL ? to_terminal(&command, &err) : to_folder(&command, &err);
    if (result == 0 && !help && !command.quiet)
        summary(&command, (clock_ns() - started_ns) / 1000000);
    bool fails =
        command.fail_on != NULL && command.totals.has_findings && command.totals.worst >= command.fail_severity;
    int status = result < 0 ? command_fail("rematch", &err) : fails ? (int)command.exit_code : EXIT_DONE;
    cache_close(command.cache);
    policy_release(&command.policy);
    ignore_free(command.ignore);
    vex_free(command.vex);
    file_map_close(&command.db_map);
    file_map_close(&command.old_map);
    arena_release(&command.arena);
    return status;
}
