#include "engine/diff/trend.h"

#include "base/clock.h"
#include "engine/export/export.h"
#include "engine/export/export_images.h"
#include "shard/shard_read.h"

struct counting {
    struct trend *trend;
    struct export_images images;
    uint64_t critical_count;
    double critical_days;
    struct export_holders *last_secret; /* whose secrets came last: rows are sorted by image */
    int64_t now;
};

static void image_count(struct trend *trend, const struct row_view *view) {
    struct span status = export_text(view, "status");
    trend->images++;
    trend->images_done += span_is(status, "done");
    trend->images_failed += span_is(status, "failed");
}

static void vulnerability_count(struct counting *counting, const struct row_view *view) {
    struct trend *trend = counting->trend;
    const struct export_holders *holders = export_images_of(&counting->images, view);
    uint64_t images = holders == NULL ? 0 : holders->count;
    enum severity severity = SEVERITY_UNKNOWN;
    struct span vex = export_text(view, "vex_status");
    if (export_text(view, "suppressed_by").size > 0 || span_is(vex, "not_affected") || span_is(vex, "fixed"))
        return;
    (void)severity_parse(export_text(view, "severity"), &severity); /* an odd word stays unknown */
    trend->vulnerabilities[severity] += images;
    if (export_text(view, "fixed_version").size > 0)
        trend->fixable += images;
    if (row_view_bool(view, table_column(TABLE_VULNERABILITY, span_text("kev"))))
        trend->kev += images;
    size_t published = table_column(TABLE_VULNERABILITY, span_text("published_at"));
    if (severity < SEVERITY_CRITICAL || row_view_is_nil(view, published))
        return;
    int64_t age = counting->now - row_view_time(view, published);
    counting->critical_count += images;
    counting->critical_days += age > 0 ? (double)age / 86400.0 * (double)images : 0;
}

static void secret_count(struct counting *counting, const struct row_view *view) {
    struct export_holders *holders = map_get(&counting->images.digests, export_text(view, "image_digest"));
    struct span state = export_text(view, "state");
    if (holders == NULL || span_is(state, "deleted") || span_is(state, "overwritten"))
        return;
    counting->trend->secrets += holders->count;
    if (holders != counting->last_secret)
        counting->trend->images_with_secrets += holders->count;
    counting->last_secret = holders;
}

static int row_count(struct counting *counting, const struct row_view *view, struct err *err) {
    struct trend *trend = counting->trend;
    if (view->table == TABLE_IMAGE) {
        image_count(trend, view);
        return export_images_row(&counting->images, view, err);
    }
    if (view->table == TABLE_VULNERABILITY)
        vulnerability_count(counting, view);
    else if (view->table == TABLE_IMAGE_SECRET)
        secret_count(counting, view);
    else if (view->table == TABLE_MISCONFIGURATION)
        trend->misconfigurations += export_text(view, "suppressed_by").size == 0;
    else if (span_is(export_text(view, "status"), "pass"))
        trend->controls_passed++;
    else if (span_is(export_text(view, "status"), "fail"))
        trend->controls_failed++;
    return 0;
}

int trend_count(const char *folder, const struct shard_manifest *manifest, struct trend *ret_trend, struct err *err) {
    static const enum table tables[] = {TABLE_IMAGE, TABLE_VULNERABILITY, TABLE_IMAGE_SECRET, TABLE_MISCONFIGURATION,
                                        TABLE_COMPLIANCE};
    struct trend trend = {.sweep_id = manifest->sweep_id, .started_at = manifest->started_at};
    struct counting counting = {.trend = &trend, .now = manifest->started_at};
    export_images_init(&counting.images);
    int got = 0;
    for (size_t i = 0; i < ARRAY_COUNT(tables) && got >= 0; i++) {
        AUTO(shard_table_release) struct shard_table rows;
        shard_table_init(&rows, folder, manifest, tables[i]);
        struct row_view view;
        while ((got = shard_table_next(&rows, &view, err)) > 0) {
            if (row_count(&counting, &view, err) < 0) {
                got = -1;
                break;
            }
        }
    }
    export_images_release(&counting.images);
    if (got < 0)
        return -1;
    if (counting.critical_count > 0)
        trend.critical_age_days = counting.critical_days / (double)counting.critical_count;
    *ret_trend = trend;
    return 0;
}

/* The whole numbers by the names that they have in a line. */
struct member {
    const char *name;
    uint64_t *value;
};
#define MEMBERS(trend)                                                                                                 \
    {                                                                                                                  \
        {"images", &(trend)->images}, {"images_done", &(trend)->images_done},                                          \
            {"images_failed", &(trend)->images_failed}, {"fixable", &(trend)->fixable}, {"kev", &(trend)->kev},        \
            {"secrets", &(trend)->secrets}, {"images_with_secrets", &(trend)->images_with_secrets},                    \
            {"misconfigurations", &(trend)->misconfigurations}, {"controls_passed", &(trend)->controls_passed},        \
            {"controls_failed", &(trend)->controls_failed},                                                            \
    }

void trend_format(struct buf *buf, const struct trend *trend) {
    struct trend copy = *trend;
    const struct member members[] = MEMBERS(&copy);
    char time[CLOCK_TEXT_SIZE];
    buf_text(buf, "{\"sweep_id\":");
    buf_json_text(buf, trend->sweep_id);
    buf_format(buf, ",\"started_at\":\"%s\"", clock_text(trend->started_at, time));
    for (size_t i = 0; i < ARRAY_COUNT(members); i++)
        buf_format(buf, ",\"%s\":%" PRIu64, members[i].name, *members[i].value);
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;)
        buf_format(buf, ",\"%s\":%" PRIu64, severity_name((enum severity)severity), trend->vulnerabilities[severity]);
    buf_text(buf, ",\"critical_age_days\":");
    buf_format(buf, "%.1f", trend->critical_age_days);
    buf_text(buf, "}\n");
}

int trend_parse(struct arena *arena, struct span line, struct trend *ret_trend, struct err *err) {
    struct doc *root;
    struct trend trend = {.started_at = 0};
    const struct member members[] = MEMBERS(&trend);
    int64_t value;
    if (json_parse(arena, line, doc_limits_default(), &root, err) < 0)
        return -1;
    trend.sweep_id = doc_text(doc_get(root, "sweep_id"));
    if (!clock_parse(doc_text(doc_get(root, "started_at")), &trend.started_at))
        return err_set(err, ERR_FORMAT, 0, "trend: expected a time as started_at");
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        if (doc_i64(doc_get(root, members[i].name), &value) && value >= 0)
            *members[i].value = (uint64_t)value;
    }
    for (enum severity severity = 0; severity < SEVERITY_COUNT; severity++) {
        if (doc_i64(doc_get(root, severity_name(severity)), &value) && value >= 0)
            trend.vulnerabilities[severity] = (uint64_t)value;
    }
    char number[32];
    struct span days = doc_scalar(doc_get(root, "critical_age_days"));
    if (days.size > 0 && days.size < sizeof number) {
        memcpy(number, days.data, days.size);
        number[days.size] = '\0';
        trend.critical_age_days = strtod(number, NULL);
    }
    *ret_trend = trend;
    return 0;
}
