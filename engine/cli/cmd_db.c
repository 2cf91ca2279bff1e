#include <sched.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/db_verbs.h"
#include "io/file/file.h"
#include "matchers/vuln/vuln_db.h"

/* More wait for the one lock of the builder than read. */
#define THREADS_MAX 16u

static const char *date_text(int64_t utc_s, char *out) {
    if (utc_s == 0)
        return "unknown";
    return clock_text(utc_s, out);
}

static void count_print(const char *what, uint64_t count, bool always) {
    if (always || count > 0)
        (void)printf("%-22s %" PRIu64 "\n", what, count);
}

void db_summary_print(const char *path, const struct vulndb_summary *summary, size_t size) {
    char date[CLOCK_TEXT_SIZE];
    (void)printf("%-22s %s\n%-22s %zu\n%-22s %s\n", "database", path, "bytes", size, "data date",
                 date_text(summary->data_time_utc_s, date));
    count_print("advisories", summary->advisories, true);
    count_print("packages", summary->packages, true);
    count_print("ranges", summary->ranges, true);
    count_print("documents read", summary->documents, true);
    count_print("kev", summary->kev, false);
    count_print("epss", summary->epss, false);
    count_print("withdrawn", summary->withdrawn, false);
    count_print("not affected", summary->not_affected, false);
    count_print("superseded copies", summary->superseded, false);
    count_print("git ranges left out", summary->git_ranges, false);
    count_print("invalid ranges", summary->invalid_ranges, false);
    count_print("ranges without order", summary->unordered_ranges, false);
    count_print("empty affected", summary->empty_affected, false);
    count_print("files not recognised", summary->unrecognised, false);
    count_print("malformed documents", summary->malformed, false);
    for (size_t i = 0; i < summary->malformed && i < VULNDB_PROBLEMS_MAX; i++)
        (void)printf("  %s\n", summary->problems[i]);
}

int db_finish(struct vulndb *build, const char *output, size_t *ret_size, struct err *err) {
    AUTO_BUF
    struct buf bytes;
    buf_init(&bytes, 0);
    if (vulndb_finish(build, &bytes, err) < 0)
        return -1;
    /* An empty database would call everything clean: the old file is better. */
    if (vulndb_summary(build)->advisories == 0)
        return err_set(err, ERR_FORMAT, 0,
                       "no advisory found in %" PRIu64 " documents and %" PRIu64 " files of other kinds",
                       vulndb_summary(build)->documents, vulndb_summary(build)->unrecognised);
    *ret_size = bytes.size;
    return file_replace(output, buf_span(&bytes), err);
}

unsigned db_threads(const struct db_options *options) {
    if (options->jobs > 0)
        return options->jobs < THREADS_MAX ? (unsigned)options->jobs : THREADS_MAX;
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > (int)THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

static int db_build(const struct text_list *feeds, const struct db_options *options, struct err *err) {
    const char *output = options->output;
    AUTO_VULNDB struct vulndb *build = NULL;
    size_t size = 0;
    if (output == NULL)
        return err_set(err, ERR_USAGE, 0, "db build: -o FILE is missing");
    if (feeds->count == 0)
        return err_set(err, ERR_USAGE, 0, "db build: no feed given");
    if (vulndb_new(&build, err) < 0)
        return -1;
    if (vulndb_add_paths(build, feeds->data, feeds->count, db_threads(options), err) < 0)
        return -1;
    if (db_finish(build, output, &size, err) < 0)
        return err_wrap(err, "db build");
    db_summary_print(output, vulndb_summary(build), size);
    return 0;
}

static int db_print(const char *path, struct span bytes, bool verify, struct err *err) {
    struct vuln_db db;
    uint64_t start_ns = clock_ns();
    if (vuln_db_open(bytes, CPU_SCALAR, &db, err) < 0)
        return -1;
    uint64_t open_ns = clock_ns() - start_ns;
    char date[CLOCK_TEXT_SIZE];
    (void)printf("%-22s %s\n%-22s %zu\n%-22s %u\n%-22s %s\n", "database", path, "bytes", bytes.size, "format version",
                 VULN_FORMAT_VERSION, "data date", date_text(db.data_time_utc_s, date));
    count_print("advisories", db.advisory_count, true);
    count_print("packages", db.name_count, true);
    count_print("ranges", db.range_count, true);
    (void)printf("%-22s %.1f us\n", "opened in", (double)open_ns / 1e3);
    if (!verify)
        return 0;
    if (vuln_db_verify(&db, err) < 0)
        return -1;
    (void)printf("%-22s all\n", "checksums right");
    return 0;
}

static int db_info(const struct text_list *files, bool verify, struct err *err) {
    if (files->count != 1)
        return err_set(err, ERR_USAGE, 0, "db info: one FILE is expected, found %zu", files->count);
    const char *path = files->data[0];
    struct file_map map = {{NULL, 0}};
    if (file_map_open(path, &map, err) < 0)
        return -1;
    int result = db_print(path, map.bytes, verify, err);
    file_map_close(&map);
    return result < 0 ? err_wrap(err, "%s", path) : 0;
}

static int verb_run(const char *verb, const struct text_list *rest, const struct db_options *options, struct err *err) {
    char quoted[64];
    if (strcmp(verb, "build") == 0)
        return db_build(rest, options, err);
    if (strcmp(verb, "diff") == 0)
        return db_diff(rest, options, err);
    if (strcmp(verb, "export") == 0)
        return db_export(rest, options, err);
    if (strcmp(verb, "import") == 0)
        return db_import(rest, options, err);
    if (strcmp(verb, "info") == 0)
        return db_info(rest, options->verify, err);
    if (strcmp(verb, "keygen") == 0)
        return db_keygen(rest, err);
    if (strcmp(verb, "update") == 0)
        return db_update(rest, options, err);
    return err_set(err, ERR_USAGE, 0, "build, diff, export, import, info, keygen or update is expected, found '%s'",
                   text_quote(span_text(verb), quoted, sizeof quoted));
}

static int db_run(struct arena *arena, int argc, char **argv, struct err *err) {
    struct db_options db = {0};
    bool help = false;
    struct text_list operands = {0};
    const struct option options[] = {
        {"output", 'o', OPTION_TEXT, &db.output},
        {"jobs", 'j', OPTION_COUNT, &db.jobs},
        {"verify", 0, OPTION_FLAG, &db.verify},
        {"scores", 0, OPTION_FLAG, &db.scores},
        {"format", 'f', OPTION_TEXT, &db.format},
        {"base", 0, OPTION_TEXT, &db.base},
        {"folder", 0, OPTION_TEXT, &db.folder},
        {"ecosystem", 'e', OPTION_LIST, &db.ecosystems},
        {"also", 0, OPTION_LIST, &db.extra},
        {"ca-file", 0, OPTION_TEXT, &db.ca_file},
        {"cert-file", 0, OPTION_TEXT, &db.cert_file},
        {"key-file", 0, OPTION_TEXT, &db.key_file},
        {"insecure", 0, OPTION_FLAG, &db.insecure},
        {"key", 0, OPTION_TEXT, &db.key},
        {"public-key", 0, OPTION_TEXT, &db.public_key},
        OPTION_END,
    };
    if (options_parse(arena, "db", options, argc, argv, &operands, &help, err) < 0)
        return -1;
    if (help)
        return 0;
    if (operands.count == 0)
        return err_set(err, ERR_USAGE, 0, "build, diff, export, import, info, keygen or update is expected");
    struct text_list rest = {operands.data + 1, operands.count - 1, 0};
    return verb_run(operands.data[0], &rest, &db, err);
}

int cmd_db(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 0, 0);
    int result = db_run(&arena, argc, argv, &err);
    arena_release(&arena);
    return result < 0 ? command_fail("db", &err) : EXIT_DONE;
}
