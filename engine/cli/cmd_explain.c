#include "base/clock.h"
#include "base/limits.h"
#include "base/model/purl.h"
#include "base/overflow.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/explain.h"
#include "engine/cli/options.h"
#include "io/file/file.h"
#include "matchers/vuln/vuln_ecosystem.h"
#include "matchers/vuln/vuln_match.h"

#define RANGES_MAX ((size_t)40) /* of one record that are printed */

struct command_explain {
    struct arena arena;
    struct file_map map;
    struct vuln_db db;
    bool has_db;
    struct explain explain;
};

/* Texts of a folder come from strangers: nothing of them reaches the terminal as it is. */
static const char *shown(struct command_explain *command, struct span text) {
    size_t size = size_min(text.size * 4 + 8, 1024);
    char *out = arena_alloc(&command->arena, size);
    return out == NULL ? "" : text_quote(text, out, size);
}

static void line(struct command_explain *command, const char *name, struct span text) {
    if (text.size > 0)
        (void)printf("  %-12s %s\n", name, shown(command, text));
}

/* ---- why this severity, what to do ---- */

static const char *severity_reason(const struct explain_finding *finding) {
    enum severity severity = SEVERITY_UNKNOWN;
    (void)severity_parse(finding->severity, &severity);
    if (severity == SEVERITY_MALICIOUS)
        return "a record says that the package was made to do harm";
    if (span_starts(finding->id, "EOL-"))
        return "an end of life: high for a distribution, medium for a runtime";
    if (severity == SEVERITY_UNKNOWN)
        return "no record has a score or a word for it";
    if (finding->cvss_score >= 0 && severity_from_score(finding->cvss_score) == severity)
        return "from the CVSS score";
    return finding->cvss_score >= 0 ? "the source's own word, which goes before the CVSS score"
                                    : "the source's own word: it gives no CVSS score";
}

static void severity_print(struct command_explain *command, const struct explain_finding *finding) {
    (void)printf("  %-12s %s: %s\n", "severity", shown(command, finding->severity), severity_reason(finding));
    if (finding->cvss_score >= 0)
        (void)printf("  %-12s %.1f  %s\n", "cvss", finding->cvss_score, shown(command, finding->cvss_vector));
    if (finding->epss >= 0)
        (void)printf("  %-12s %.5f, more than %.1f %% of all\n", "epss", finding->epss, 100 * finding->epss_percentile);
    (void)printf("  %-12s %s\n", "exploited", finding->kev ? "yes: it is in CISA's catalogue" : "not known to be");
    (void)printf("  %-12s %.3f\n", "priority", finding->priority);
    (void)printf("  %-12s %.2f\n", "confidence", finding->confidence);
}

static void remedy_print(struct command_explain *command, const struct explain_finding *finding) {
    const char *source = shown(command, finding->package.source_name);
    bool has_source =
        finding->package.source_name.size > 0 && !span_equal(finding->package.source_name, finding->package.name);
    (void)printf("\n  what fixes it\n    ");
    if (span_is(finding->status, "fixed"))
        (void)printf("%s %s or later%s%s%s\n", shown(command, finding->name), shown(command, finding->fixed_version),
                     has_source ? " (the version of its source package " : "", has_source ? source : "",
                     has_source ? ")" : "");
    else if (span_is(finding->status, "end_of_life"))
        (void)printf("nothing will: move to a release that is looked after\n");
    else if (span_is(finding->status, "wont_fix"))
        (void)printf("the vendor decided not to fix it; remove the package, or state why it does not matter (--vex)\n");
    else
        (void)printf("no version is known to be free of it yet\n");
}

/* ---- what the database holds ---- */

static bool is_named(const struct explain_finding *finding, struct span id) {
    bool named = span_equal(finding->id, id);
    for (size_t i = 0; i < finding->alias_count && !named; i++)
        named = span_equal(finding->aliases[i], id);
    return named;
}

struct hits {
    VEC(struct vuln_match) matches;
};

static int hit_take(void *context, const struct vuln_match *match, struct err *err) {
    struct hits *hits = context;
    return vec_push(&hits->matches, *match) ? 0 : err_set(err, ERR_NOMEM, 0, "explain: out of memory");
}

static const struct vuln_match *hit_find(const struct hits *hits, struct span id) {
    for (size_t i = 0; i < hits->matches.count; i++) {
        if (span_equal(hits->matches.data[i].id, id))
            return &hits->matches.data[i];
    }
    return NULL;
}

static void range_print(struct command_explain *command, const struct vuln_range *range) {
    if (range->flags & VULN_RANGE_EXACT) {
        (void)printf("      = %s\n", shown(command, range->upper_text));
        return;
    }
    (void)printf("      [%s, %s%s\n", range->lower_text.size == 0 ? "0" : shown(command, range->lower_text),
                 range->upper_text.size == 0 ? "no end" : shown(command, range->upper_text),
                 range->upper_text.size > 0 && (range->flags & VULN_RANGE_UPPER_INCLUSIVE) ? "]" : ")");
}

/* A record's head, and whether it has this version. */
static void record_print(struct command_explain *command, const struct vuln_advisory *advisory,
                         const struct vuln_entry *entry, const struct vuln_match *match) {
    char published[CLOCK_TEXT_SIZE], modified[CLOCK_TEXT_SIZE];
    const struct vuln_db *db = &command->db;
    (void)printf("    %s, by %s, published %.10s, modified %.10s, severity %s: %s\n",
                 shown(command, vuln_db_text(db, advisory->id)), shown(command, vuln_db_text(db, advisory->source)),
                 advisory->published_utc_s == 0 ? "unknown" : clock_text(advisory->published_utc_s, published),
                 advisory->modified_utc_s == 0 ? "unknown" : clock_text(advisory->modified_utc_s, modified),
                 severity_name(entry->severity < SEVERITY_COUNT ? (enum severity)entry->severity : SEVERITY_UNKNOWN),
                 match != NULL ? "has this version" : "does not have this version");
    if (match != NULL && match->summary.size > 0)
        (void)printf("      %s\n", shown(command, match->summary));
}

static void run_print(struct command_explain *command, const struct explain_finding *finding, size_t first,
                      size_t count, const struct hits *hits) {
    uint32_t before = VULN_NONE;
    size_t printed = 0;
    for (size_t i = first; i < first + count; i++) {
        struct vuln_range range;
        struct vuln_entry entry;
        struct vuln_advisory advisory;
        if (!vuln_db_range(&command->db, i, &range) || !vuln_db_entry(&command->db, range.entry, &entry) ||
            !vuln_db_advisory(&command->db, entry.advisory, &advisory))
            continue;
        struct span id = vuln_db_text(&command->db, advisory.id);
        if (!is_named(finding, id))
            continue;
        if (entry.advisory != before)
            record_print(command, &advisory, &entry, hit_find(hits, id));
        printed = entry.advisory != before ? 0 : printed;
        before = entry.advisory;
        if (printed < RANGES_MAX)
            range_print(command, &range);
        else if (printed == RANGES_MAX)
            (void)printf("      and more\n");
        printed++;
    }
}

static int ecosystem_print(struct command_explain *command, const struct explain_finding *finding,
                           struct vuln_query *query, struct err *err) {
    AUTO_BUF struct buf key;
    struct hits hits = {{0}};
    struct vuln_name name;
    const struct package *package = &finding->package;
    query->name = package->name;
    query->version = package->version;
    if (vuln_ecosystem_names_source(query->ecosystem) && package->source_name.size > 0) {
        query->name = package->source_name;
        query->version = package->source_version.size > 0 ? package->source_version : package->version;
    }
    buf_init(&key, 0);
    vuln_package_key(query->ecosystem, query->name, &key);
    if (key.failed)
        return err_set(err, ERR_NOMEM, 0, "explain: out of memory");
    int found = vuln_db_find(&command->db, buf_span(&key), &name, err);
    if (found > 0)
        found = vuln_match(&command->db, query, hit_take, &hits, err) < 0 ? -1 : 1;
    if (found > 0) {
        (void)printf("\n  what the database has of %s %s\n", shown(command, query->ecosystem),
                     shown(command, query->name));
        run_print(command, finding, name.keyed_first, name.keyed_count, &hits);
        run_print(command, finding, name.text_first, name.text_count, &hits);
    }
    vec_release(&hits.matches);
    return found < 0 ? -1 : 0;
}

static int records_print(struct command_explain *command, const struct explain_finding *finding, struct err *err) {
    AUTO_BUF struct buf list;
    struct purl purl;
    struct err why = {0};
    buf_init(&list, 0);
    if (finding->package.name.size == 0 || purl_parse(finding->purl, &command->arena, &purl, &why) < 0)
        return 0;                                      /* an end of life: there is no record of it */
    struct distro distro = vuln_distro_of_purl(&purl); /* all that a row says of it */
    vuln_ecosystems(&distro, &finding->package, &list);
    for (struct span rest = buf_span(&list); rest.size > 0;) {
        struct vuln_query query = {.ecosystem = text_cut(&rest, 0)};
        if (ecosystem_print(command, finding, &query, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- one finding ---- */

static void images_print(struct command_explain *command, const struct explain_finding *finding) {
    (void)printf("\n  in %zu image%s\n", finding->image_count, finding->image_count == 1 ? "" : "s");
    for (size_t i = 0; i < size_min(finding->image_count, EXPLAIN_IMAGES_MAX); i++) {
        const struct explain_image *image = &finding->images[i];
        (void)printf("    %s\n", shown(command, image->reference));
        if (image->has_layer)
            (void)printf("      layer %" PRIu64 " of %" PRIu64 "%s%s\n", image->ordinal + 1, image->layer_count,
                         image->created_by.size > 0 ? ": " : "", shown(command, image->created_by));
    }
    if (finding->image_count > EXPLAIN_IMAGES_MAX)
        (void)printf("    and %zu more\n", finding->image_count - EXPLAIN_IMAGES_MAX);
}

static int finding_print(struct command_explain *command, const struct explain_finding *finding, struct err *err) {
    char published[CLOCK_TEXT_SIZE];
    const struct package *package = &finding->package;
    (void)printf("%s in %s\n", shown(command, finding->id), shown(command, finding->purl));
    for (size_t i = 0; i < finding->alias_count; i++)
        line(command, i == 0 ? "also" : "", finding->aliases[i]);
    line(command, "source", finding->source);
    if (finding->published_utc_s != 0)
        (void)printf("  %-12s %.10s\n", "published", clock_text(finding->published_utc_s, published));
    line(command, "status", finding->status);
    severity_print(command, finding);
    line(command, "vex", finding->vex_status);
    line(command, "suppressed", finding->suppressed_by);
    (void)printf("\n  why\n    %s\n\n  where\n", shown(command, finding->evidence));
    line(command, "path", finding->path);
    line(command, "layer", finding->layer_digest);
    if (package->name.size > 0) {
        line(command, "found as", span_text(package_evidence_name(package->evidence)));
        if (!span_equal(package->source_name, package->name) ||
            !span_equal(package->source_version, package->version)) {
            line(command, "source", package->source_name);
            line(command, "", package->source_version);
        }
    }
    line(command, "owned by", finding->owner_purl);
    images_print(command, finding);
    if (command->has_db && records_print(command, finding, err) < 0)
        return -1;
    remedy_print(command, finding);
    return 0;
}

static int explain_run(struct command_explain *command, const struct text_list *operands, const char *db_path,
                       struct err *err) {
    struct shard_manifest manifest;
    char quoted[96];
    if (operands->count < 2 || operands->count > 3)
        return err_set(err, ERR_USAGE, 0, "expected DIR ID [PACKAGE], found %zu operands", operands->count);
    if (db_path != NULL) {
        if (file_map_open(db_path, &command->map, err) < 0 ||
            vuln_db_open(command->map.bytes, CPU_SCALAR, &command->db, err) < 0)
            return err_wrap(err, "database %s", db_path);
        command->has_db = true;
    }
    struct span what = operands->count == 3 ? span_text(operands->data[2]) : (struct span){NULL, 0};
    if (shard_manifest_read(&command->arena, operands->data[0], &manifest, err) < 0 ||
        explain_read(&command->arena, operands->data[0], &manifest, span_text(operands->data[1]), what,
                     &command->explain, err) < 0)
        return -1;
    const struct explain *explain = &command->explain;
    if (explain->finding_count == 0)
        return err_set(err, ERR_NOTFOUND, 0, "%s: no finding of %s%s", operands->data[0],
                       text_quote(span_text(operands->data[1]), quoted, sizeof quoted),
                       operands->count == 3 ? " in a package of that name" : "");
    for (size_t i = 0; i < explain->finding_count; i++) {
        if (i > 0)
            (void)putchar('\n');
        if (finding_print(command, &explain->findings[i], err) < 0)
            return -1;
    }
    if (explain->left_out > 0)
        (void)printf("\nand %zu more: name the package\n", explain->left_out);
    return ferror(stdout) != 0 ? err_set(err, ERR_IO, errno, "standard output: %s", strerror(errno)) : 0;
}

int cmd_explain(int argc, char **argv) {
    struct command_explain command = {.has_db = false};
    struct text_list operands = {0};
    struct err err = {0};
    const char *db_path = NULL;
    bool help = false;
    const struct option options[] = {{"db", 0, OPTION_TEXT, &db_path}, OPTION_END};
    arena_init(&command.arena, 0, 0);
    int result = options_parse(&command.arena, "explain", options, argc, argv, &operands, &help, &err);
    if (result == 0 && !help)
        result = explain_run(&command, &operands, db_path, &err);
    explain_release(&command.explain);
    file_map_close(&command.map);
    arena_release(&command.arena);
    return result < 0 ? command_fail("explain", &err) : EXIT_DONE;
}
