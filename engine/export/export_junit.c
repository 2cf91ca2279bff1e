/* JUnit as Ant writes it: a suite of images, in which one that was not scanned is an error, then a suite for each
 * package set, layer or target with its findings as failures; suppressed ones are skipped. A suite's counts stand
 * before its cases, so that a suite is held until it is whole; one that grows beyond a bound is cut into several. */
#include "base/clock.h"
#include "base/limits.h"
#include "engine/export/export_escape.h"
#include "engine/export/export_finding.h"

#define SUITE_BYTES (8 * LIMIT_MIB)

struct junit {
    struct finding_maker maker;
    const struct exporter_options *options;
    struct buf cases, head;
    struct buf group; /* what the cases of the suite have in common: table and key */
    struct buf name;
    uint64_t suites, tests, failures, errors, skipped;
};

static void junit_release(void *state) {
    struct junit *junit = state;
    if (junit == NULL)
        return;
    finding_maker_release(&junit->maker);
    buf_release(&junit->cases);
    buf_release(&junit->head);
    buf_release(&junit->group);
    buf_release(&junit->name);
    mem_free(junit);
}

static int junit_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    struct junit *junit = mem_zalloc(sizeof *junit);
    if (junit == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    finding_maker_init(&junit->maker);
    junit->options = options;
    buf_text(&junit->name, "images");
    *ret_state = junit;
    return export_write(options->out, span_text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"), err);
}

static void attribute_add(struct buf *out, const char *name, struct span value) {
    buf_format(out, " %s=\"", name);
    escape_markup(out, value, false);
    buf_byte(out, '"');
}

static int suite_write(struct junit *junit, struct err *err) {
    struct buf *head = &junit->head;
    char time[CLOCK_TEXT_SIZE];
    if (junit->tests == 0)
        return 0;
    buf_reset(head);
    buf_text(head, "<testsuite");
    attribute_add(head, "name", buf_span(&junit->name));
    attribute_add(head, "package", span_text("trawl"));
    buf_format(head,
               " id=\"%" PRIu64 "\" hostname=\"localhost\" time=\"0\" timestamp=\"%.19s\" tests=\"%" PRIu64
               "\" failures=\"%" PRIu64 "\" errors=\"%" PRIu64 "\" skipped=\"%" PRIu64 "\">\n<properties/>\n",
               junit->suites++, clock_text(finding_run_start(&junit->maker, &junit->options->run), time), junit->tests,
               junit->failures, junit->errors, junit->skipped);
    buf_text(&junit->cases, "<system-out/>\n<system-err/>\n</testsuite>\n");
    if (head->failed || junit->cases.failed || junit->name.failed || finding_maker_failed(&junit->maker))
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    if (export_write(junit->options->out, buf_span(head), err) < 0 ||
        export_write(junit->options->out, buf_span(&junit->cases), err) < 0)
        return -1;
    buf_reset(&junit->cases);
    junit->tests = junit->failures = junit->errors = junit->skipped = 0;
    return 0;
}

static void case_open(struct junit *junit, struct span name, struct span class_name) {
    junit->tests++;
    buf_text(&junit->cases, "<testcase");
    attribute_add(&junit->cases, "name", name);
    attribute_add(&junit->cases, "classname", class_name);
    buf_text(&junit->cases, " time=\"0\">");
}

/* What went wrong in it: an element of the schema's three kinds. */
static void outcome_add(struct junit *junit, const char *element, struct span message, const char *type) {
    buf_format(&junit->cases, "<%s", element);
    attribute_add(&junit->cases, "message", message);
    if (type != NULL)
        attribute_add(&junit->cases, "type", span_text(type));
    buf_byte(&junit->cases, '>');
}

static void case_close(struct junit *junit, const char *element) {
    buf_format(&junit->cases, element == NULL ? "%s</testcase>\n" : "</%s></testcase>\n",
               element == NULL ? "" : element);
}

static void image_add(struct junit *junit, const struct row_view *view) {
    struct span status = export_text(view, "status");
    case_open(junit, export_text(view, "reference"), span_text("image"));
    const char *element = span_is(status, "done") ? NULL : span_is(status, "skipped") ? "skipped" : "error";
    if (element != NULL) {
        bool skipped = span_is(status, "skipped");
        junit->errors += !skipped;
        junit->skipped += skipped;
        outcome_add(junit, element, export_text(view, "reason"), skipped ? NULL : "scan");
    }
    case_close(junit, element);
}

static void finding_add(struct junit *junit, const struct finding *finding) {
    bool suppressed = finding_is_suppressed(finding);
    struct buf *out = &junit->cases;
    case_open(junit, finding->title, finding->path.size > 0 ? finding->path : span_text("-"));
    junit->failures += !suppressed;
    junit->skipped += suppressed;
    outcome_add(junit, suppressed ? "skipped" : "failure", finding->remedy,
                suppressed ? NULL : severity_name(finding->severity));
    escape_markup(out, finding->description, true);
    if (finding->line > 0)
        buf_format(out, "\nline %" PRIu64, finding->line);
    buf_text(out, "\nlayer ");
    escape_markup(out, finding->layer_digest, false);
    case_close(junit, suppressed ? "skipped" : "failure");
}

/* Another group of findings: the suite of the last one is whole. */
static int group_enter(struct junit *junit, const struct finding *finding, struct err *err) {
    static const char *const columns[TABLE_COUNT] = {
        [TABLE_VULNERABILITY] = "package_set", [TABLE_SECRET] = "layer_digest", [TABLE_MISCONFIGURATION] = "target"};
    struct buf *key = &junit->head;
    buf_reset(key);
    buf_byte(key, (uint8_t)finding->table);
    buf_add(key, export_text(finding->view, columns[finding->table]));
    bool same = span_equal(buf_span(key), buf_span(&junit->group));
    if (same && junit->cases.size < SUITE_BYTES)
        return 0;
    buf_reset(&junit->group);
    buf_add(&junit->group, buf_span(key));
    if (suite_write(junit, err) < 0)
        return -1;
    if (same)
        return 0; /* of the same name, further on */
    buf_reset(&junit->name);
    buf_format(&junit->name, "%s: ", table_info(finding->table)->name);
    buf_add(&junit->name, finding->target.size > 0 ? finding->target : finding->layer_digest);
    if (finding->image_count > 1)
        buf_format(&junit->name, " and %" PRIu64 " more", finding->image_count - 1);
    return 0;
}

static int junit_row(void *state, const struct exporter_options *options, const struct row_view *view,
                     struct err *err) {
    (void)options;
    struct junit *junit = state;
    struct finding finding;
    if (export_images_row(&junit->maker.images, view, err) < 0)
        return -1;
    if (view->table == TABLE_IMAGE) {
        image_add(junit, view);
        return junit->cases.size < SUITE_BYTES ? 0 : suite_write(junit, err);
    }
    if (!finding_make(&junit->maker, view, &finding))
        return 0;
    if (group_enter(junit, &finding, err) < 0)
        return -1;
    finding_add(junit, &finding);
    return 0;
}

static int junit_end(void *state, const struct exporter_options *options, struct err *err) {
    struct junit *junit = state;
    if (suite_write(junit, err) < 0)
        return -1;
    return export_write(options->out, span_text("</testsuites>\n"), err);
}

const struct exporter_kind exporter_junit = {
    .name = "junit",
    .is_ordered = true,
    .begin = junit_begin,
    .row = junit_row,
    .end = junit_end,
    .release = junit_release,
};
