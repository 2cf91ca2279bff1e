#include "base/clock.h"
#include "base/hash/xxh.h"
#include "base/text.h"
#include "engine/export/export.h"
#include "engine/report/report_model.h"
#include "matchers/version/version.h"
#include "shard/shard_read.h"

#define LIST_BYTES ((size_t)96) /* of versions and ids that are shown */

const char *const report_state_names[] = {"effective", "overwritten", "deleted", "config",
                                          "env",       "label",       "history", NULL};

static int no_memory(struct err *err) { return err_set(err, ERR_NOMEM, 0, "report: out of memory"); }

void report_init(struct report *report, const struct report_options *options) {
    struct map *const maps[] = {&report->sets,     &report->own, &report->packages, &report->lines, &report->secrets,
                                &report->controls, NULL};
    *report = (struct report){.options = options};
    arena_init(&report->arena, 0, 0);
    export_images_init(&report->images);
    for (size_t i = 0; maps[i] != NULL; i++)
        map_init(maps[i], clock_ns());
}

void report_release(struct report *report) {
    for (size_t i = 0; i < report->package_list.count; i++) {
        buf_release(&report->package_list.data[i]->versions);
        buf_release(&report->package_list.data[i]->ids);
    }
    vec_release(&report->package_list);
    vec_release(&report->secret_list);
    vec_release(&report->control_list);
    vec_release(&report->label_list);
    vec_release(&report->errors);
    map_release(&report->sets);
    map_release(&report->own);
    map_release(&report->packages);
    map_release(&report->lines);
    map_release(&report->secrets);
    map_release(&report->controls);
    export_images_release(&report->images);
    arena_release(&report->arena);
    buf_release(&report->key);
    buf_release(&report->text);
}

/* What the key stands for, made of `size` zero bytes where it is new. */
static void *entry_of(struct report *report, struct map *map, struct span key, size_t size, bool *ret_new) {
    void *found = map_get(map, key);
    *ret_new = found == NULL;
    if (found != NULL)
        return found;
    void *made = arena_zalloc(&report->arena, size);
    struct span copy = arena_copy(&report->arena, key);
    void **place = made == NULL || copy.data == NULL ? NULL : map_put(map, copy, NULL);
    if (place == NULL)
        return NULL;
    *place = made;
    return made;
}

static struct span key_of(struct report *report, const struct span *parts, size_t count) {
    buf_reset(&report->key);
    for (size_t i = 0; i < count; i++) {
        buf_add(&report->key, parts[i]);
        buf_byte(&report->key, 0);
    }
    return buf_span(&report->key);
}

static struct span keep(struct report *report, struct span text) { return arena_copy(&report->arena, text); }

static enum severity severity_at(const struct row_view *view) {
    enum severity severity = SEVERITY_UNKNOWN;
    (void)severity_parse(export_text(view, "severity"), &severity); /* an odd word stays unknown */
    return severity;
}

static struct span reference_of(const struct export_holders *holders) {
    return holders == NULL ? span_text("") : holders->first->reference;
}

static int image_take(struct report *report, const struct row_view *view, struct err *err) {
    struct row_items pairs = row_view_map(view, table_column(TABLE_IMAGE, span_text("labels")));
    buf_reset(&report->text);
    for (struct span key, value; row_items_next(&pairs, &key) && row_items_next(&pairs, &value);) {
        if (report->text.size + key.size + value.size > 400)
            continue; /* some are whole documents */
        buf_add(&report->text, key);
        buf_byte(&report->text, '=');
        buf_add(&report->text, value);
        buf_byte(&report->text, ' ');
    }
    struct span labels = keep(report, buf_span(&report->text));
    if (labels.data == NULL || !vec_push(&report->label_list, labels))
        return no_memory(err);
    return export_images_row(&report->images, view, err);
}

/* ---- vulnerabilities ---- */

static enum report_age age_of(int64_t days) {
    return days < 0      ? AGE_UNKNOWN
           : days <= 30  ? AGE_MONTH
           : days <= 90  ? AGE_QUARTER
           : days <= 182 ? AGE_HALF
           : days <= 365 ? AGE_YEAR
                         : AGE_OLDER;
}

static void list_add(struct buf *list, struct span item) {
    if (list->size + item.size + 2 > LIST_BYTES) {
        if (list->size > 0 && list->size <= LIST_BYTES && list->data[list->size - 1] != '.')
            buf_text(list, " ...");
        return;
    }
    buf_text(list, list->size > 0 ? ", " : "");
    buf_add(list, item);
}

/* The later of two versions that fix something: who takes it has both. */
static bool upgrade_is_later(struct span type, struct span candidate, struct span present) {
    enum version_scheme scheme;
    struct err ignored = {0};
    int order;
    if (present.size == 0)
        return true;
    if (version_scheme_find(type, &scheme) && version_compare(scheme, candidate, present, &order, &ignored) == 0)
        return order > 0;
    return span_compare(candidate, present) > 0; /* of an ecosystem whose order nobody knows */
}

static int package_count(struct report *report, const struct row_view *view, enum severity severity, uint64_t images,
                         struct err *err) {
    const struct span parts[] = {export_text(view, "type"), export_text(view, "name")};
    struct span fixed = export_text(view, "fixed_version"), set = export_text(view, "package_set");
    struct span version = export_text(view, "version");
    bool is_new;
    struct report_package *package =
        entry_of(report, &report->packages, key_of(report, parts, ARRAY_COUNT(parts)), sizeof *package, &is_new);
    if (package == NULL)
        return no_memory(err);
    if (is_new) {
        package->type = keep(report, parts[0]);
        package->name = keep(report, parts[1]);
        if (package->name.data == NULL || !vec_push(&report->package_list, package))
            return no_memory(err);
    }
    package->findings += images;
    if (severity > package->worst)
        package->worst = severity;
    if (!span_equal(set, package->last_set)) {
        package->images += images;
        /* Held by the images, which outlive it; one that no image has is counted by its rows. */
        const struct export_holders *holders = export_images_of(&report->images, view);
        package->last_set = holders == NULL ? span_text("") : holders->first->package_set;
    }
    if (!span_equal(version, package->last_version)) {
        package->last_version = keep(report, version);
        if (span_find(buf_span(&package->versions), version, 0) == SIZE_MAX)
            list_add(&package->versions, version);
    }
    list_add(&package->ids, export_text(view, "id"));
    if (fixed.size == 0)
        return 0;
    package->removes += images;
    if (upgrade_is_later(package->type, fixed, package->upgrade)) {
        package->upgrade = keep(report, fixed);
        if (package->upgrade.data == NULL)
            return no_memory(err);
    }
    return 0;
}

/* A line of the page's list: the same finding in many sets is one. Only the worst are shown, so that at the bound the
 * rest is counted alone. */
static int line_add(struct report *report, const struct report_finding *finding, struct span key, struct err *err) {
    static const struct hash_key no_key;
    struct hash128 hash = body_hash_once(&no_key, key);
    struct report_finding *line = map_get(&report->lines, span_make(&hash, sizeof hash));
    if (line != NULL) {
        line->images += finding->images;
        return 0;
    }
    if (report->lines.count >= REPORT_LINES_MAX || report->finding_counts[finding->severity] >= REPORT_FINDINGS_MAX) {
        report->findings_left++;
        return 0;
    }
    bool is_new;
    line = entry_of(report, &report->lines, span_make(&hash, sizeof hash), sizeof *line, &is_new);
    if (line == NULL)
        return no_memory(err);
    *line = *finding;
    struct span *const texts[] = {&line->id, &line->what, &line->fixed_version, &line->path, &line->image};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        *texts[i] = keep(report, *texts[i]);
        if (texts[i]->data == NULL)
            return no_memory(err);
    }
    line->next = report->findings[line->severity];
    report->findings[line->severity] = line;
    report->finding_counts[line->severity]++;
    return 0;
}

static int vulnerability_take(struct report *report, const struct row_view *view, struct err *err) {
    const struct export_holders *holders = export_images_of(&report->images, view);
    uint64_t images = holders == NULL ? 1 : holders->count;
    enum severity severity = severity_at(view);
    struct span vex = export_text(view, "vex_status");
    size_t published = table_column(TABLE_VULNERABILITY, span_text("published_at"));
    bool is_new;
    if (export_text(view, "suppressed_by").size > 0 || span_is(vex, "not_affected") || span_is(vex, "fixed"))
        return 0;
    struct report_counts *counts =
        entry_of(report, &report->sets, export_text(view, "package_set"), sizeof *counts, &is_new);
    if (counts == NULL)
        return no_memory(err);
    struct report_finding finding = {
        .severity = severity, .table = TABLE_VULNERABILITY, .images = images, .age_days = -1};
    if (!row_view_is_nil(view, published))
        finding.age_days = (report->options->manifest->started_at - row_view_time(view, published)) / 86400;
    if (finding.age_days < -1)
        finding.age_days = 0;
    finding.kev = row_view_bool(view, table_column(TABLE_VULNERABILITY, span_text("kev")));
    finding.id = export_text(view, "id");
    finding.fixed_version = export_text(view, "fixed_version");
    finding.path = export_text(view, "path");
    finding.image = reference_of(holders);
    counts->severities[severity]++;
    counts->kev += finding.kev;
    counts->fixable += finding.fixed_version.size > 0;
    report->totals[TABLE_VULNERABILITY][severity] += images;
    report->ages[age_of(finding.age_days)][severity] += images;
    if (package_count(report, view, severity, images, err) < 0)
        return -1;
    buf_reset(&report->text);
    buf_add(&report->text, export_text(view, "name"));
    buf_byte(&report->text, ' ');
    buf_add(&report->text, export_text(view, "version"));
    finding.what = buf_span(&report->text);
    const struct span parts[] = {finding.id, export_text(view, "type"), finding.what};
    return line_add(report, &finding, key_of(report, parts, ARRAY_COUNT(parts)), err);
}

/* ---- secrets ---- */

static int secret_take(struct report *report, const struct row_view *view, struct err *err) {
    bool is_new;
    struct span fingerprint = export_text(view, "fingerprint");
    struct report_secret *secret = entry_of(report, &report->secrets, fingerprint, sizeof *secret, &is_new);
    if (secret == NULL)
        return no_memory(err);
    secret->places++;
    /* What is rather no secret stands last, as on a terminal. */
    enum severity severity = export_f64_of(view, "confidence") < 0.5 ? SEVERITY_UNKNOWN : severity_at(view);
    if (!is_new && severity <= secret->severity)
        return 0;
    secret->severity = severity;
    secret->rule = keep(report, export_text(view, "rule"));
    secret->redacted = keep(report, export_text(view, "redacted"));
    secret->path = keep(report, export_text(view, "path"));
    if (is_new)
        secret->fingerprint = keep(report, fingerprint);
    if (secret->rule.data == NULL || secret->redacted.data == NULL || secret->path.data == NULL ||
        secret->fingerprint.data == NULL || (is_new && !vec_push(&report->secret_list, secret)))
        return no_memory(err);
    return 0;
}

static int image_secret_take(struct report *report, const struct row_view *view, struct err *err) {
    struct report_secret *secret = map_get(&report->secrets, export_text(view, "fingerprint"));
    const struct export_holders *holders = export_images_of(&report->images, view);
    struct span state = export_text(view, "state");
    bool is_new;
    if (secret == NULL || holders == NULL)
        return 0;
    for (size_t i = 0; report_state_names[i] != NULL; i++)
        secret->states |= span_is(state, report_state_names[i]) ? 1u << i : 0;
    if (!span_equal(secret->last_image, holders->first->digest)) {
        secret->last_image = holders->first->digest;
        secret->images += holders->count;
        report->totals[TABLE_SECRET][secret->severity] += holders->count;
        if (secret->image.size == 0)
            secret->image = holders->first->reference;
    }
    if (span_is(state, "deleted") || span_is(state, "overwritten"))
        return 0;
    struct report_counts *own = entry_of(report, &report->own, holders->first->digest, sizeof *own, &is_new);
    if (own == NULL)
        return no_memory(err);
    own->secrets++;
    return 0;
}

static int secrets_close(struct report *report, struct err *err) {
    for (size_t i = 0; i < report->secret_list.count; i++) {
        const struct report_secret *secret = report->secret_list.data[i];
        const struct report_finding finding = {.severity = secret->severity,
                                               .table = TABLE_SECRET,
                                               .id = secret->rule,
                                               .what = secret->redacted,
                                               .fixed_version = span_text(""),
                                               .path = secret->path,
                                               .image = secret->image,
                                               .images = secret->images,
                                               .age_days = -1};
        const struct span parts[] = {span_text("secret"), secret->fingerprint};
        if (line_add(report, &finding, key_of(report, parts, ARRAY_COUNT(parts)), err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the rest ---- */

static int misconfiguration_take(struct report *report, const struct row_view *view, struct err *err) {
    enum severity severity = severity_at(view);
    if (export_text(view, "suppressed_by").size > 0)
        return 0;
    report->totals[TABLE_MISCONFIGURATION][severity]++;
    const struct report_finding finding = {.severity = severity,
                                           .table = TABLE_MISCONFIGURATION,
                                           .id = export_text(view, "rule"),
                                           .what = export_text(view, "title"),
                                           .fixed_version = export_text(view, "remediation"),
                                           .path = export_text(view, "path"),
                                           .image = export_text(view, "target"),
                                           .images = 1,
                                           .age_days = -1};
    const struct span parts[] = {span_text("misconfiguration"), finding.id, finding.path, finding.image};
    return line_add(report, &finding, key_of(report, parts, ARRAY_COUNT(parts)), err);
}

static int control_take(struct report *report, const struct row_view *view, struct err *err) {
    const struct span parts[] = {export_text(view, "specification"), export_text(view, "control")};
    struct span status = export_text(view, "status");
    bool is_new;
    struct report_control *control =
        entry_of(report, &report->controls, key_of(report, parts, ARRAY_COUNT(parts)), sizeof *control, &is_new);
    if (control == NULL)
        return no_memory(err);
    if (is_new) {
        control->specification = keep(report, parts[0]);
        control->control = keep(report, parts[1]);
        if (control->control.data == NULL || !vec_push(&report->control_list, control))
            return no_memory(err);
    }
    control->passed += span_is(status, "pass");
    control->failed += span_is(status, "fail");
    return 0;
}

static int error_take(struct report *report, const struct row_view *view, struct err *err) {
    if (report->error_count++ >= REPORT_ERRORS_MAX)
        return 0;
    const struct report_error error = {keep(report, export_text(view, "target")),
                                       keep(report, export_text(view, "stage")),
                                       keep(report, export_text(view, "path")), keep(report, export_text(view, "code")),
                                       keep(report, export_text(view, "message"))};
    return error.message.data == NULL || !vec_push(&report->errors, error) ? no_memory(err) : 0;
}

static int row_take(struct report *report, const struct row_view *view, struct err *err) {
    switch (view->table) {
    case TABLE_IMAGE:
        return image_take(report, view, err);
    case TABLE_IMAGE_LAYER:
        return export_images_row(&report->images, view, err);
    case TABLE_VULNERABILITY:
        return vulnerability_take(report, view, err);
    case TABLE_SECRET:
        return secret_take(report, view, err);
    case TABLE_IMAGE_SECRET:
        return image_secret_take(report, view, err);
    case TABLE_MISCONFIGURATION:
        return misconfiguration_take(report, view, err);
    case TABLE_COMPLIANCE:
        return control_take(report, view, err);
    case TABLE_ERROR:
        return error_take(report, view, err);
    case TABLE_LAYER:
    case TABLE_PACKAGE:
    case TABLE_COUNT:
        break;
    }
    return 0;
}

int report_collect(struct report *report, struct err *err) {
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if (table == TABLE_LAYER || table == TABLE_PACKAGE)
            continue; /* of them the page says nothing */
        AUTO(shard_table_release) struct shard_table rows;
        shard_table_init(&rows, report->options->folder, report->options->manifest, table);
        struct row_view view;
        int got;
        while ((got = shard_table_next(&rows, &view, err)) > 0) {
            if (row_take(report, &view, err) < 0)
                return -1;
        }
        if (got < 0)
            return -1;
    }
    if (report->key.failed || report->text.failed)
        return no_memory(err);
    return secrets_close(report, err);
}
