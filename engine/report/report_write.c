#include "base/base64.h"
#include "base/clock.h"
#include "base/embed.h"
#include "base/hash/digest.h"
#include "base/limits.h"
#include "engine/export/export.h"
#include "engine/export/json_out.h"
#include "engine/report/report_model.h"

static int no_memory(struct err *err) { return err_set(err, ERR_NOMEM, 0, "report: out of memory"); }

/* Writes what has gathered. No '<' is left in it: a text that closes the element, or begins a comment, is only a text.
 * In JSON a '<' stands in strings alone. */
static int page_flush(struct report *report, struct json_out *json, bool all, struct err *err) {
    if (json->text.failed)
        return no_memory(err);
    if (!all && json->text.size < 64 * LIMIT_KIB)
        return 0;
    struct span rest = buf_span(&json->text);
    while (rest.size > 0) {
        size_t at = span_index(rest, '<', 0);
        if (export_write(report->options->out, span_slice(rest, 0, at), err) < 0)
            return -1;
        if (at == SIZE_MAX)
            break;
        if (export_write(report->options->out, span_text("\\u003c"), err) < 0)
            return -1;
        rest = span_from(rest, at + 1);
    }
    buf_reset(&json->text);
    return 0;
}

static void severities_add(struct json_out *json, const uint64_t counts[static SEVERITY_COUNT]) {
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;)
        json_out_u64(json, severity_name((enum severity)severity), counts[severity]);
}

static int run_add(struct report *report, struct json_out *json, struct err *err) {
    const struct shard_manifest *manifest = report->options->manifest;
    json_out_open(json, "run", '{');
    json_out_text(json, "sweep_id", manifest->sweep_id);
    json_out_text(json, "tool_version", manifest->tool_version);
    json_out_time(json, "started_at", manifest->started_at);
    json_out_text(json, "feed_version", manifest->feed_version);
    json_out_open(json, "targets", '[');
    for (size_t i = 0; i < manifest->target_count && i < 20; i++)
        json_out_text(json, NULL, manifest->targets[i]);
    json_out_close(json);
    json_out_close(json);
    return page_flush(report, json, false, err);
}

static void trend_add(struct json_out *json, const char *key, const struct trend *trend) {
    AUTO_BUF struct buf text = {0};
    trend_format(&text, trend);
    if (text.failed || text.size == 0)
        json->text.failed = true;
    else
        json_out_raw(json, key, span_slice(buf_span(&text), 0, text.size - 1));
}

static int numbers_add(struct report *report, struct json_out *json, struct err *err) {
    static const enum table tables[] = {TABLE_VULNERABILITY, TABLE_SECRET, TABLE_MISCONFIGURATION};
    static const char *const ages[AGE_COUNT] = {"to 30 days", "to 90 days", "to 6 months",
                                                "to a year",  "older",      "not known"};
    struct trend trend;
    if (trend_count(report->options->folder, report->options->manifest, &trend, err) < 0)
        return -1;
    trend_add(json, "totals", &trend);
    json_out_open(json, "trends", '[');
    for (size_t i = 0; i < report->options->trend_count; i++)
        trend_add(json, NULL, &report->options->trends[i]);
    if (report->options->trend_count > 0)
        trend_add(json, NULL, &trend);
    json_out_close(json);
    json_out_open(json, "severities", '{');
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        json_out_open(json, table_info(tables[i])->name, '{');
        severities_add(json, report->totals[tables[i]]);
        json_out_close(json);
    }
    json_out_close(json);
    json_out_open(json, "ages", '[');
    for (size_t age = 0; age < AGE_COUNT; age++) {
        json_out_open(json, NULL, '{');
        json_out_text(json, "title", span_text(ages[age]));
        severities_add(json, report->ages[age]);
        json_out_close(json);
    }
    json_out_close(json);
    return page_flush(report, json, false, err);
}

/* ---- images ---- */

/* The worse one first; of equals the earlier name. */
static int image_order(const void *a, const void *b) {
    const struct report_image *x = a, *y = b;
    for (size_t severity = SEVERITY_COUNT; severity-- > SEVERITY_LOW;) {
        if (x->counts.severities[severity] != y->counts.severities[severity])
            return x->counts.severities[severity] > y->counts.severities[severity] ? -1 : 1;
        if (severity == SEVERITY_CRITICAL && x->counts.secrets != y->counts.secrets)
            return x->counts.secrets > y->counts.secrets ? -1 : 1;
    }
    return span_compare(x->image->reference, y->image->reference);
}

static void image_add(struct json_out *json, const struct report_image *entry) {
    const struct export_image *image = entry->image;
    const uint64_t *severities = entry->counts.severities;
    json_out_open(json, NULL, '{');
    json_out_text(json, "reference", image->reference);
    json_out_text(json, "digest", image->digest);
    char platform[128];
    (void)snprintf(platform, sizeof platform, "%.*s%s%.*s", SPAN_FORMAT(span_slice(image->os, 0, 60)),
                   image->os.size > 0 ? "/" : "", SPAN_FORMAT(span_slice(image->architecture, 0, 60)));
    json_out_text(json, "platform", span_text(platform));
    json_out_text(json, "status", image->status);
    json_out_text(json, "reason", image->reason);
    json_out_text(json, "labels", entry->labels);
    json_out_u64(json, "critical", severities[SEVERITY_CRITICAL] + severities[SEVERITY_MALICIOUS]);
    json_out_u64(json, "high", severities[SEVERITY_HIGH]);
    json_out_u64(json, "medium", severities[SEVERITY_MEDIUM]);
    json_out_u64(json, "low", severities[SEVERITY_LOW]);
    json_out_u64(json, "kev", entry->counts.kev);
    json_out_u64(json, "fixable", entry->counts.fixable);
    json_out_u64(json, "secrets", entry->counts.secrets);
    json_out_close(json);
}

static int images_add(struct report *report, struct json_out *json, struct err *err) {
    size_t count = report->images.list.count;
    struct report_image *list = arena_array(&report->arena, count, sizeof *list);
    if (list == NULL)
        return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct report_counts *set = map_get(&report->sets, report->images.list.data[i]->package_set);
        const struct report_counts *own = map_get(&report->own, report->images.list.data[i]->digest);
        list[i].image = report->images.list.data[i];
        list[i].labels = report->label_list.data[i];
        if (set != NULL)
            list[i].counts = *set;
        if (own != NULL)
            list[i].counts.secrets = own->secrets;
    }
    if (count > 0)
        qsort(list, count, sizeof *list, image_order);
    json_out_open(json, "images", '[');
    for (size_t i = 0; i < count && i < REPORT_IMAGES_MAX; i++) {
        image_add(json, &list[i]);
        if (page_flush(report, json, false, err) < 0)
            return -1;
    }
    json_out_close(json);
    json_out_u64(json, "images_left", count > REPORT_IMAGES_MAX ? count - REPORT_IMAGES_MAX : 0);
    return 0;
}

/* ---- packages, findings, secrets ---- */

static int package_order(const void *a, const void *b) {
    const struct report_package *const *x = a, *const *y = b;
    if ((*x)->removes != (*y)->removes)
        return (*x)->removes > (*y)->removes ? -1 : 1;
    if ((*x)->findings != (*y)->findings)
        return (*x)->findings > (*y)->findings ? -1 : 1;
    return span_compare((*x)->name, (*y)->name);
}

static int packages_add(struct report *report, struct json_out *json, struct err *err) {
    if (report->package_list.count > 0)
        qsort(report->package_list.data, report->package_list.count, sizeof *report->package_list.data, package_order);
    json_out_open(json, "packages", '[');
    for (size_t i = 0; i < report->package_list.count && i < REPORT_PACKAGES_MAX; i++) {
        const struct report_package *package = report->package_list.data[i];
        if (package->versions.failed || package->ids.failed)
            return no_memory(err);
        json_out_open(json, NULL, '{');
        json_out_text(json, "type", package->type);
        json_out_text(json, "name", package->name);
        json_out_text(json, "worst", span_text(severity_name(package->worst)));
        json_out_text(json, "upgrade", package->upgrade);
        json_out_u64(json, "removes", package->removes);
        json_out_u64(json, "findings", package->findings);
        json_out_u64(json, "images", package->images);
        json_out_text(json, "versions", buf_span(&package->versions));
        json_out_text(json, "ids", buf_span(&package->ids));
        json_out_close(json);
        if (page_flush(report, json, false, err) < 0)
            return -1;
    }
    json_out_close(json);
    return 0;
}

static int finding_order(const void *a, const void *b) {
    const struct report_finding *const *x = a, *const *y = b;
    if ((*x)->kev != (*y)->kev)
        return (*x)->kev ? -1 : 1;
    if ((*x)->images != (*y)->images)
        return (*x)->images > (*y)->images ? -1 : 1;
    int order = span_compare((*x)->id, (*y)->id);
    return order != 0 ? order : span_compare((*x)->what, (*y)->what);
}

/* A list without names, for it is long: the script knows the places. */
static void finding_add(struct json_out *json, const struct report_finding *finding) {
    json_out_open(json, NULL, '[');
    json_out_text(json, NULL, span_text(severity_name(finding->severity)));
    json_out_text(json, NULL, span_text(table_info(finding->table)->name));
    json_out_text(json, NULL, finding->id);
    json_out_text(json, NULL, finding->what);
    json_out_text(json, NULL, finding->fixed_version);
    json_out_text(json, NULL, finding->path);
    json_out_text(json, NULL, finding->image);
    json_out_u64(json, NULL, finding->images);
    json_out_format(json, NULL, "%" PRId64, finding->age_days);
    json_out_bool(json, NULL, finding->kev);
    json_out_close(json);
}

static int findings_add(struct report *report, struct json_out *json, struct err *err) {
    uint64_t shown = 0, left = report->findings_left;
    json_out_open(json, "findings", '[');
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
        uint64_t count = report->finding_counts[severity];
        const struct report_finding **list = arena_array(&report->arena, (size_t)count, sizeof *list);
        size_t filled = 0;
        if (list == NULL)
            return no_memory(err);
        for (const struct report_finding *line = report->findings[severity]; line != NULL; line = line->next)
            list[filled++] = line;
        assert(filled == count);
        if (filled > 0)
            qsort(list, filled, sizeof *list, finding_order);
        for (size_t i = 0; i < filled; i++) {
            if (shown >= REPORT_FINDINGS_MAX) {
                left++;
                continue;
            }
            shown++;
            finding_add(json, list[i]);
            if (page_flush(report, json, false, err) < 0)
                return -1;
        }
    }
    json_out_close(json);
    json_out_u64(json, "findings_left", left);
    return 0;
}

static int secret_order(const void *a, const void *b) {
    const struct report_secret *const *x = a, *const *y = b;
    if ((*x)->severity != (*y)->severity)
        return (*x)->severity > (*y)->severity ? -1 : 1;
    if ((*x)->images != (*y)->images)
        return (*x)->images > (*y)->images ? -1 : 1;
    return span_compare((*x)->fingerprint, (*y)->fingerprint);
}

static int secrets_add(struct report *report, struct json_out *json, struct err *err) {
    size_t count = report->secret_list.count;
    if (count > 0)
        qsort(report->secret_list.data, count, sizeof *report->secret_list.data, secret_order);
    json_out_open(json, "secrets", '[');
    for (size_t i = 0; i < count && i < REPORT_SECRETS_MAX; i++) {
        const struct report_secret *secret = report->secret_list.data[i];
        buf_reset(&report->text);
        for (size_t state = 0; report_state_names[state] != NULL; state++) {
            if ((secret->states >> state & 1) != 0)
                buf_format(&report->text, "%s%s", report->text.size > 0 ? ", " : "", report_state_names[state]);
        }
        json_out_open(json, NULL, '{');
        json_out_text(json, "severity", span_text(severity_name(secret->severity)));
        json_out_text(json, "fingerprint", secret->fingerprint);
        json_out_text(json, "rule", secret->rule);
        json_out_text(json, "redacted", secret->redacted);
        json_out_text(json, "path", secret->path);
        json_out_text(json, "image", secret->image);
        json_out_text(json, "states", buf_span(&report->text));
        json_out_u64(json, "images", secret->images);
        json_out_u64(json, "places", secret->places);
        json_out_close(json);
        if (page_flush(report, json, false, err) < 0)
            return -1;
    }
    json_out_close(json);
    json_out_u64(json, "secrets_left", count > REPORT_SECRETS_MAX ? count - REPORT_SECRETS_MAX : 0);
    return 0;
}

/* Controls come by target; here by specification, in the order that they were met. */
static void compliance_add(struct report *report, struct json_out *json) {
    json_out_open(json, "compliance", '[');
    for (size_t i = 0; i < report->control_list.count; i++) {
        const struct report_control *first = report->control_list.data[i];
        bool is_begun = false;
        for (size_t j = 0; j < i && !is_begun; j++)
            is_begun = span_equal(report->control_list.data[j]->specification, first->specification);
        if (is_begun)
            continue;
        json_out_open(json, NULL, '{');
        json_out_text(json, "specification", first->specification);
        json_out_open(json, "controls", '[');
        for (size_t j = i; j < report->control_list.count; j++) {
            const struct report_control *control = report->control_list.data[j];
            if (!span_equal(control->specification, first->specification))
                continue;
            json_out_open(json, NULL, '{');
            json_out_text(json, "control", control->control);
            json_out_u64(json, "pass", control->passed);
            json_out_u64(json, "fail", control->failed);
            json_out_close(json);
        }
        json_out_close(json);
        json_out_close(json);
    }
    json_out_close(json);
}

static void errors_add(struct report *report, struct json_out *json) {
    json_out_open(json, "errors", '[');
    for (size_t i = 0; i < report->errors.count; i++) {
        const struct report_error *error = &report->errors.data[i];
        json_out_open(json, NULL, '{');
        json_out_text(json, "target", error->target);
        json_out_text(json, "stage", error->stage);
        json_out_text(json, "path", error->path);
        json_out_text(json, "code", error->code);
        json_out_text(json, "message", error->message);
        json_out_close(json);
    }
    json_out_close(json);
    json_out_u64(json, "errors_left", report->error_count - report->errors.count);
}

static int data_write(struct report *report, struct err *err) {
    struct json_out json = {.depth = 0};
    json_out_open(&json, NULL, '{');
    int result = run_add(report, &json, err);
    if (result == 0)
        result = numbers_add(report, &json, err);
    if (result == 0)
        result = images_add(report, &json, err);
    if (result == 0)
        result = packages_add(report, &json, err);
    if (result == 0)
        result = findings_add(report, &json, err);
    if (result == 0)
        result = secrets_add(report, &json, err);
    if (result == 0) {
        compliance_add(report, &json);
        errors_add(report, &json);
        json_out_close(&json);
        result = page_flush(report, &json, true, err);
    }
    buf_release(&json.text);
    return result;
}

/* ---- the page ---- */

static struct span embedded(const char *name) {
    for (const struct embed_file *file = embed_help; file->name != NULL; file++) {
        if (strcmp(file->name, name) == 0)
            return embed_bytes(file);
    }
    assert(false); /* the Makefile puts them there */
    return span_text("");
}

/* What the policy allows to run: the script by its SHA-256, and nothing else. */
static int script_hash_write(FILE *out, struct span script, struct err *err) {
    struct digest digest;
    AUTO_BUF struct buf text = {0};
    if (digest_of(DIGEST_SHA256, script, &digest, err) < 0)
        return -1;
    buf_text(&text, "sha256-");
    base64_encode(&text, span_make(digest.bytes, 32));
    return text.failed ? no_memory(err) : export_write(out, buf_span(&text), err);
}

static int page_write(struct report *report, struct err *err) {
    FILE *out = report->options->out;
    struct span rest = embedded("report.html"), script = embedded("report.js");
    while (rest.size > 0) {
        size_t open = span_find(rest, span_text("{{"), 0);
        if (export_write(out, span_slice(rest, 0, open), err) < 0)
            return -1;
        if (open == SIZE_MAX)
            break;
        size_t close = span_find(rest, span_text("}}"), open);
        struct span name = span_slice(rest, open + 2, close - open - 2);
        int result = span_is(name, "data")     ? data_write(report, err)
                     : span_is(name, "style")  ? export_write(out, embedded("report.css"), err)
                     : span_is(name, "script") ? export_write(out, script, err)
                                               : script_hash_write(out, script, err);
        if (result < 0)
            return -1;
        rest = span_from(rest, close + 2);
    }
    return fflush(out) != 0 ? err_set(err, ERR_IO, errno, "report: write: %s", strerror(errno)) : 0;
}

int report_write(const struct report_options *options, struct err *err) {
    struct report report;
    report_init(&report, options);
    int result = report_collect(&report, err);
    if (result == 0)
        result = page_write(&report, err);
    report_release(&report);
    return result;
}
