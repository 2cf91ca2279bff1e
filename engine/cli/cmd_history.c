#include "base/clock.h"
#include "base/map.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/diff/snapshots.h"
#include "engine/export/export.h"
#include "engine/export/export_filter.h"
#include "engine/export/json_out.h"
#include "shard/shard_read.h"

/* One image on one night. */
struct night {
    const struct shard_manifest *manifest;
    struct arena arena; /* of `seen` */
    struct map seen;    /* findings: package, path and id */
    struct span reference, digest, status;
    uint64_t packages, secrets, counts[SEVERITY_COUNT];
    uint64_t images, added, fixed;
};

static void night_init(struct night *night, const struct shard_manifest *manifest) {
    *night = (struct night){.manifest = manifest};
    arena_init(&night->arena, 0, 0);
    map_init(&night->seen, clock_ns());
}

static void night_release(struct night *night) {
    arena_release(&night->arena);
    map_release(&night->seen);
}

static bool is_suppressed(const struct row_view *view) {
    return export_text(view, "suppressed_by").size > 0 || span_is(export_text(view, "vex_status"), "not_affected");
}

static int finding_note(struct night *night, const struct night *before, const struct row_view *view, struct buf *key,
                        struct err *err) {
    static const char *const parts[] = {"type", "name", "path", "id"};
    enum severity severity = SEVERITY_UNKNOWN;
    (void)severity_parse(export_text(view, "severity"), &severity); /* an odd word stays unknown */
    buf_reset(key);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        buf_add(key, export_text(view, parts[i]));
        buf_byte(key, 0);
    }
    struct span copy = arena_copy(&night->arena, buf_span(key));
    bool is_new = false;
    void **place = copy.data == NULL || key->failed ? NULL : map_put(&night->seen, copy, &is_new);
    if (place == NULL)
        return err_set(err, ERR_NOMEM, 0, "history: out of memory");
    *place = night;
    if (!is_new)
        return 0;
    night->counts[severity]++;
    night->added += before != NULL && map_get(&before->seen, copy) == NULL;
    return 0;
}

static int row_note(struct night *night, const struct night *before, const struct row_view *view, struct buf *key,
                    struct err *err) {
    if (view->table == TABLE_IMAGE) {
        if (night->images++ > 0)
            return 0;
        night->reference = arena_copy(&night->arena, export_text(view, "reference"));
        night->digest = arena_copy(&night->arena, export_text(view, "image_digest"));
        night->status = arena_copy(&night->arena, export_text(view, "status"));
        return night->status.data == NULL ? err_set(err, ERR_NOMEM, 0, "history: out of memory") : 0;
    }
    night->packages += view->table == TABLE_PACKAGE;
    if (view->table == TABLE_IMAGE_SECRET)
        night->secrets +=
            !span_is(export_text(view, "state"), "deleted") && !span_is(export_text(view, "state"), "overwritten");
    return view->table == TABLE_VULNERABILITY && !is_suppressed(view) ? finding_note(night, before, view, key, err) : 0;
}

static int night_read(struct night *night, const struct night *before, const char *folder, const char *pattern,
                      struct err *err) {
    static const enum table tables[] = {TABLE_IMAGE, TABLE_PACKAGE, TABLE_VULNERABILITY, TABLE_IMAGE_SECRET};
    struct export_filter filter;
    AUTO_BUF struct buf key = {0};
    int got = 0;
    export_filter_init(&filter, &pattern, 1);
    for (size_t i = 0; i < ARRAY_COUNT(tables) && got >= 0; i++) {
        AUTO(shard_table_release) struct shard_table rows;
        shard_table_init(&rows, folder, night->manifest, tables[i]);
        struct row_view view;
        while ((got = shard_table_next(&rows, &view, err)) > 0) {
            int passes = export_filter_row(&filter, &view, err);
            if (passes < 0 || (passes > 0 && row_note(night, before, &view, &key, err) < 0)) {
                got = -1;
                break;
            }
        }
        if (i == 0 && night->images == 0)
            break; /* not there that night */
    }
    export_filter_release(&filter);
    for (size_t i = 0; got >= 0 && before != NULL && i < before->seen.capacity; i++) {
        const struct map_entry *entry = &before->seen.entries[i];
        night->fixed += entry->hash != 0 && map_get(&night->seen, entry->key) == NULL;
    }
    return got < 0 ? -1 : 0;
}

static void night_print(const struct night *night, bool first) {
    char time[CLOCK_TEXT_SIZE], quoted[64];
    if (first)
        (void)printf("%-10s %-12s %-7s %8s %8s %6s %6s %5s %5s %7s\n", "NIGHT", "DIGEST", "STATUS", "PACKAGES",
                     "CRITICAL", "HIGH", "MEDIUM", "NEW", "FIXED", "SECRETS");
    (void)printf("%.10s ", clock_text(night->manifest->started_at, time));
    if (night->images == 0) {
        (void)printf("not there\n");
        return;
    }
    size_t colon = span_index(night->digest, ':', 0);
    struct span hex = span_slice(night->digest, colon == SIZE_MAX ? 0 : colon + 1, 12);
    (void)printf("%-12s ", text_quote(hex, quoted, sizeof quoted));
    (void)printf("%-7s %8" PRIu64 " %8" PRIu64 " %6" PRIu64 " %6" PRIu64 " %5" PRIu64 " %5" PRIu64 " %7" PRIu64 "\n",
                 text_quote(night->status, quoted, sizeof quoted), night->packages,
                 night->counts[SEVERITY_CRITICAL] + night->counts[SEVERITY_MALICIOUS], night->counts[SEVERITY_HIGH],
                 night->counts[SEVERITY_MEDIUM], night->added, night->fixed, night->secrets);
}

static void night_json(struct json_out *json, const struct night *night) {
    json_out_open(json, NULL, '{');
    json_out_text(json, "sweep_id", night->manifest->sweep_id);
    json_out_time(json, "started_at", night->manifest->started_at);
    json_out_u64(json, "images", night->images);
    if (night->images > 0) {
        json_out_text(json, "reference", night->reference);
        json_out_text(json, "image_digest", night->digest);
        json_out_text(json, "status", night->status);
        json_out_u64(json, "packages", night->packages);
        for (size_t severity = SEVERITY_COUNT; severity-- > 0;)
            json_out_u64(json, severity_name((enum severity)severity), night->counts[severity]);
        json_out_u64(json, "secrets", night->secrets);
    }
    json_out_u64(json, "new", night->added);
    json_out_u64(json, "fixed", night->fixed);
    json_out_close(json);
}

static int history_print(struct arena *arena, const char *image, const char *folder, const char *format,
                         struct err *err) {
    struct snapshots snapshots;
    struct json_out json = {.depth = 0};
    bool as_json = strcmp(format, "json") == 0;
    if (!as_json && strcmp(format, "table") != 0)
        return err_set(err, ERR_USAGE, 0, "format '%.40s': expected table or json", format);
    if (snapshots_read(arena, folder, &snapshots, err) < 0)
        return -1;
    struct night nights[2];
    struct night *before = NULL;
    int result = 0;
    uint64_t found = 0;
    if (as_json)
        json_out_open(&json, NULL, '[');
    for (size_t i = 0; result == 0 && i < snapshots.list.count; i++) {
        struct night *night = &nights[i % 2];
        const struct snapshot *snapshot = &snapshots.list.data[i];
        night_init(night, &snapshot->manifest);
        result = night_read(night, before, snapshot->path, image, err);
        found += night->images;
        if (result == 0 && as_json)
            night_json(&json, night);
        else if (result == 0)
            night_print(night, i == 0);
        if (before != NULL)
            night_release(before);
        before = night;
    }
    if (before != NULL)
        night_release(before);
    snapshots_release(&snapshots);
    if (result == 0 && as_json) {
        json_out_close(&json);
        result = json_out_flush(&json, stdout, true, err);
    }
    buf_release(&json.text);
    char quoted[96];
    if (result == 0 && found == 0)
        return err_set(err, ERR_NOTFOUND, 0, "%s: no snapshot in %s has this image",
                       text_quote(span_text(image), quoted, sizeof quoted), folder);
    return result;
}

int cmd_history(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    const char *format = "table", *folder = NULL;
    bool help = false;
    const struct option table[] = {
        {"format", 'f', OPTION_TEXT, &format},
        {"snapshots", 0, OPTION_TEXT, &folder},
        OPTION_END,
    };
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "history", table, argc, argv, &operands, &help, &err);
    if (result == 0 && !help) {
        if (operands.count != 1 || folder == NULL)
            result = err_set(&err, ERR_USAGE, 0, "expected one image, and --snapshots DIR");
        else
            result = history_print(&arena, operands.data[0], folder, format, &err);
    }
    arena_release(&arena);
    return result < 0 ? command_fail("history", &err) : EXIT_DONE;
}
