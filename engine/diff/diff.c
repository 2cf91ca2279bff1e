#include "engine/diff/diff.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/export/export.h"
#include "engine/export/export_images.h"
#include "shard/shard_read.h"
#include "shard/shard_sort.h"
#include "shard/sort_key.h"

#define SORT_BYTES (128 * LIMIT_MIB)

enum side { SIDE_OLD, SIDE_NEW, SIDE_COUNT };
static const char *const side_names[SIDE_COUNT] = {"old", "new"};

/* Two package sets, or two images, of which the one became the other; empty where there was none. */
struct pair {
    struct span keys[SIDE_COUNT];
    struct span reference; /* of the first image */
    uint64_t image_count;
    uint64_t number;
    struct pair *next_of_side[SIDE_COUNT]; /* another one with the same key */
};

struct pairs {
    struct map by_side[SIDE_COUNT]; /* key → the first pair with it */
    struct map by_both;             /* both keys → pair */
    uint64_t count;
};

struct diff {
    const struct diff_sweep *sweeps[SIDE_COUNT];
    const struct diff_sink *sink;
    struct arena arena;
    struct export_images images[SIDE_COUNT];
    struct pairs sets, digests;
    struct map rules; /* of secrets → severity + 1, for the table of images has none */
    struct shard_sort *sort;
    struct row row;
    struct buf key, other;
    bool rules_differ;
    /* Of the package that the sorted rows are about. */
    struct arena group_arena;
    struct span group;
    VEC(struct span) versions[SIDE_COUNT];
};

const char *diff_change_name(enum diff_change change) {
    static const char *const names[DIFF_CHANGE_COUNT] = {"new", "fixed", "changed"};
    return names[change];
}

const char *diff_cause_name(enum diff_cause cause) {
    static const char *const names[DIFF_CAUSE_COUNT] = {"image new", "image gone", "image changed", "feed changed",
                                                        "rules changed"};
    return names[cause];
}

static int no_memory(struct err *err) { return err_set(err, ERR_NOMEM, 0, "diff: out of memory"); }

/* ---- images ---- */

static int images_load(struct diff *diff, enum side side, struct err *err) {
    static const enum table tables[] = {TABLE_IMAGE, TABLE_IMAGE_LAYER};
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        AUTO(shard_table_release) struct shard_table rows;
        shard_table_init(&rows, diff->sweeps[side]->folder, diff->sweeps[side]->manifest, tables[i]);
        struct row_view view;
        int got;
        while ((got = shard_table_next(&rows, &view, err)) > 0) {
            if (export_images_row(&diff->images[side], &view, err) < 0)
                return -1;
        }
        if (got < 0)
            return -1;
    }
    return 0;
}

/* Images come sorted by reference, and of one reference by digest; a platform tells them apart. */
static int image_compare(const struct export_image *a, const struct export_image *b) {
    int order = span_compare(a->reference, b->reference);
    order = order != 0 ? order : span_compare(a->os, b->os);
    return order != 0 ? order : span_compare(a->architecture, b->architecture);
}

static int image_order(const void *a, const void *b) {
    const struct export_image *const *x = a, *const *y = b;
    int order = image_compare(*x, *y);
    return order != 0 ? order : span_compare((*x)->digest, (*y)->digest);
}

static int pair_note(struct diff *diff, struct pairs *pairs, struct span old_key, struct span new_key,
                     struct span reference, struct err *err) {
    buf_reset(&diff->key);
    buf_add(&diff->key, old_key);
    buf_byte(&diff->key, 0);
    buf_add(&diff->key, new_key);
    struct pair *pair = map_get(&pairs->by_both, buf_span(&diff->key));
    if (pair != NULL) {
        pair->image_count++;
        return 0;
    }
    pair = arena_zalloc(&diff->arena, sizeof *pair);
    struct span both = arena_copy(&diff->arena, buf_span(&diff->key));
    void **place = pair == NULL || both.data == NULL ? NULL : map_put(&pairs->by_both, both, NULL);
    if (place == NULL)
        return no_memory(err);
    *place = pair;
    *pair =
        (struct pair){.keys = {old_key, new_key}, .reference = reference, .image_count = 1, .number = pairs->count++};
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        if (pair->keys[side].size == 0)
            continue;
        place = map_put(&pairs->by_side[side], pair->keys[side], NULL);
        if (place == NULL)
            return no_memory(err);
        pair->next_of_side[side] = *place;
        *place = pair;
    }
    return 0;
}

static int image_pair(struct diff *diff, const struct export_image *old_image, const struct export_image *new_image,
                      struct err *err) {
    static const struct span nothing = SPAN_LITERAL("");
    const struct export_image *either = new_image != NULL ? new_image : old_image;
    struct diff_image event = {.reference = either->reference};
    char platform[128];
    (void)snprintf(platform, sizeof platform, "%.*s/%.*s", SPAN_FORMAT(span_slice(either->os, 0, 60)),
                   SPAN_FORMAT(span_slice(either->architecture, 0, 60)));
    event.platform = span_text(platform);
    event.old_digest = old_image == NULL ? nothing : old_image->digest;
    event.new_digest = new_image == NULL ? nothing : new_image->digest;
    event.old_status = old_image == NULL ? nothing : old_image->status;
    event.new_status = new_image == NULL ? nothing : new_image->status;
    event.change = old_image == NULL ? DIFF_NEW : new_image == NULL ? DIFF_FIXED : DIFF_CHANGED;
    bool same = span_equal(event.old_digest, event.new_digest) && span_equal(event.old_status, event.new_status);
    if (!same && diff->sink->image(diff->sink->context, &event, err) < 0)
        return -1;
    if (pair_note(diff, &diff->sets, old_image == NULL ? nothing : old_image->package_set,
                  new_image == NULL ? nothing : new_image->package_set, either->reference, err) < 0)
        return -1;
    return pair_note(diff, &diff->digests, event.old_digest, event.new_digest, either->reference, err);
}

static int images_pair(struct diff *diff, struct err *err) {
    const struct export_images *olds = &diff->images[SIDE_OLD], *news = &diff->images[SIDE_NEW];
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        if (diff->images[side].list.count > 0)
            qsort(diff->images[side].list.data, diff->images[side].list.count, sizeof(struct export_image *),
                  image_order);
    }
    for (size_t o = 0, n = 0; o < olds->list.count || n < news->list.count;) {
        int order = o == olds->list.count   ? 1
                    : n == news->list.count ? -1
                                            : image_compare(olds->list.data[o], news->list.data[n]);
        if (image_pair(diff, order <= 0 ? olds->list.data[o] : NULL, order >= 0 ? news->list.data[n] : NULL, err) < 0)
            return -1;
        o += order <= 0;
        n += order >= 0;
    }
    return 0;
}

/* ---- events ---- */

static enum severity severity_of(const struct diff *diff, const struct row_view *view) {
    enum severity severity = SEVERITY_UNKNOWN;
    if (view->table == TABLE_IMAGE_SECRET) {
        size_t found = (size_t)(uintptr_t)map_get(&diff->rules, export_text(view, "rule"));
        return found == 0 ? SEVERITY_UNKNOWN : (enum severity)(found - 1);
    }
    (void)severity_parse(export_text(view, "severity"), &severity); /* an odd word stays unknown */
    return severity;
}

static bool row_is_suppressed(const struct row_view *view) {
    return view->table == TABLE_VULNERABILITY &&
           (export_text(view, "suppressed_by").size > 0 || span_is(export_text(view, "vex_status"), "not_affected"));
}

static struct span state_of(const struct row_view *view) {
    if (row_is_suppressed(view))
        return span_text("suppressed");
    return view->table == TABLE_VULNERABILITY  ? export_text(view, "status")
           : view->table == TABLE_IMAGE_SECRET ? export_text(view, "state")
                                               : span_text("");
}

/* One finding of a pair: `sides` has it before, after or both; those that stayed as they were are none. */
static int finding_report(struct diff *diff, const struct pair *pair, const struct row_view *sides[static SIDE_COUNT],
                          enum diff_cause cause, bool is_rekeyed, struct err *err) {
    const struct row_view *old_view = sides[SIDE_OLD], *view = sides[SIDE_NEW] != NULL ? sides[SIDE_NEW] : old_view;
    struct diff_finding finding = {.table = view->table, .cause = cause, .reference = pair->reference};
    finding.image_count = pair->image_count;
    finding.change = old_view == NULL ? DIFF_NEW : sides[SIDE_NEW] == NULL ? DIFF_FIXED : DIFF_CHANGED;
    finding.severity = severity_of(diff, view);
    finding.old_severity = old_view == NULL ? finding.severity : severity_of(diff, old_view);
    finding.state = state_of(view);
    finding.old_state = old_view == NULL ? finding.state : state_of(old_view);
    if (finding.change == DIFF_CHANGED && finding.severity == finding.old_severity &&
        span_equal(finding.state, finding.old_state))
        return 0;
    if (finding.change != DIFF_CHANGED && row_is_suppressed(view))
        return 0; /* nobody was to see it, nobody misses it */
    if (view->table == TABLE_VULNERABILITY) {
        finding.id = export_text(view, "id");
        finding.name = export_text(view, "name");
        finding.path = export_text(view, is_rekeyed ? "source" : "path"); /* see row_rekey() */
        finding.version = export_text(view, "version");
        finding.old_version = old_view == NULL ? span_text("") : export_text(old_view, "version");
        finding.fixed_version = export_text(view, "fixed_version");
    } else {
        finding.id = export_text(view, "rule");
        finding.path = export_text(view, view->table == TABLE_IMAGE_SECRET ? "location" : "path");
    }
    return diff->sink->finding(diff->sink->context, &finding, err);
}

/* ---- rows that meet in the sort ---- */

/* Copies the row with the side as its sweep, and under the key by which both sides meet. A vulnerability's is the pair,
 * the package and its path: "00000017|npm|lodash|srv/app"; its own path moves into `source`. Packages go along as rows
 * without an id, for whether a package changed decides what the cause is. */
static int row_rekey(struct diff *diff, const struct row_view *view, enum side side, uint64_t number, struct err *err) {
    struct row *row = &diff->row;
    bool is_package = view->table == TABLE_PACKAGE;
    enum table table = is_package ? TABLE_VULNERABILITY : view->table;
    const struct table_info *info = table_info(table);
    row_begin(row, table, span_text(side_names[side]));
    for (size_t i = 1; i < info->column_count; i++) {
        const char *name = info->columns[i].name;
        size_t from = table_column(view->table, span_text(name));
        buf_reset(&diff->key);
        if (table == TABLE_VULNERABILITY && strcmp(name, "package_set") == 0) {
            buf_format(&diff->key, "%08" PRIx64, number);
            static const char *const parts[] = {"type", "name", "path"};
            for (size_t p = 0; p < ARRAY_COUNT(parts); p++) {
                buf_byte(&diff->key, '\n');
                buf_add(&diff->key, export_text(view, parts[p]));
            }
            row_text(row, buf_span(&diff->key));
        } else if (table == TABLE_VULNERABILITY && (strcmp(name, "purl") == 0 || strcmp(name, "path") == 0)) {
            row_text(row, span_text(""));
        } else if (table == TABLE_VULNERABILITY && strcmp(name, "source") == 0) {
            row_text(row, export_text(view, "path"));
        } else if (table == TABLE_IMAGE_SECRET && strcmp(name, "image_digest") == 0) {
            buf_format(&diff->key, "%08" PRIx64, number);
            row_text(row, buf_span(&diff->key));
        } else if (table == TABLE_MISCONFIGURATION && strcmp(name, "line") == 0) {
            row_u64(row, 0); /* lines move */
        } else if (from != SIZE_MAX && table_info(view->table)->columns[from].type == info->columns[i].type) {
            row_encoded(row, view->columns[from], 1);
        } else if (info->columns[i].nullable) {
            row_nil(row);
        } else if (info->columns[i].type == COLUMN_TEXT) {
            row_text(row, span_text(""));
        } else if (info->columns[i].type == COLUMN_F64) {
            row_f64(row, 0);
        } else if (info->columns[i].type == COLUMN_BOOL) {
            row_bool(row, false);
        } else {
            assert(info->columns[i].type == COLUMN_TEXT_LIST); /* what a package row lacks of a vulnerability's */
            row_list(row, NULL, 0);
        }
    }
    if (row_end(row, err) < 0)
        return -1;
    struct row_view copy = row_view_of(row);
    return shard_sort_add(diff->sort, &copy, err);
}

static const char *key_column(enum table table) { return table == TABLE_IMAGE_SECRET ? "image_digest" : "package_set"; }

/* A row that one side has, or both have alike: to all pairs that its key is in. */
static int row_place(struct diff *diff, const struct row_view *sides[static SIDE_COUNT], struct err *err) {
    const struct row_view *any = sides[SIDE_OLD] != NULL ? sides[SIDE_OLD] : sides[SIDE_NEW];
    struct pairs *pairs = any->table == TABLE_IMAGE_SECRET ? &diff->digests : &diff->sets;
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        if (sides[side] == NULL)
            continue;
        struct pair *pair = map_get(&pairs->by_side[side], export_text(any, key_column(any->table)));
        for (; pair != NULL; pair = pair->next_of_side[side]) {
            bool stayed = span_equal(pair->keys[SIDE_OLD], pair->keys[SIDE_NEW]);
            if (!stayed) {
                if (row_rekey(diff, sides[side], side, pair->number, err) < 0)
                    return -1;
            } else if (any->table != TABLE_PACKAGE && (side == SIDE_NEW || sides[SIDE_NEW] == NULL)) {
                /* The same set, the same image: only what we know of it changed. */
                enum diff_cause cause = any->table == TABLE_IMAGE_SECRET ? DIFF_RULES_CHANGED : DIFF_FEED_CHANGED;
                if (finding_report(diff, pair, sides, cause, false, err) < 0)
                    return -1;
            }
        }
    }
    return 0;
}

/* Reads one table of both sweeps side by side, in the order of its key. */
static int table_join(struct diff *diff, enum table table, struct err *err) {
    AUTO(shard_table_release) struct shard_table olds;
    AUTO(shard_table_release) struct shard_table news;
    struct row_view views[SIDE_COUNT];
    shard_table_init(&olds, diff->sweeps[SIDE_OLD]->folder, diff->sweeps[SIDE_OLD]->manifest, table);
    shard_table_init(&news, diff->sweeps[SIDE_NEW]->folder, diff->sweeps[SIDE_NEW]->manifest, table);
    int has_old = shard_table_next(&olds, &views[SIDE_OLD], err);
    int has_new = has_old < 0 ? -1 : shard_table_next(&news, &views[SIDE_NEW], err);
    while (has_old > 0 || has_new > 0) {
        if (has_old < 0 || has_new < 0)
            return -1;
        buf_reset(&diff->key);
        buf_reset(&diff->other);
        if (has_old > 0)
            sort_key_add(&diff->key, &views[SIDE_OLD]);
        if (has_new > 0)
            sort_key_add(&diff->other, &views[SIDE_NEW]);
        int order = has_old == 0 ? 1 : has_new == 0 ? -1 : span_compare(buf_span(&diff->key), buf_span(&diff->other));
        if (diff->key.failed || diff->other.failed)
            return no_memory(err);
        const struct row_view *sides[SIDE_COUNT] = {order <= 0 ? &views[SIDE_OLD] : NULL,
                                                    order >= 0 ? &views[SIDE_NEW] : NULL};
        if (row_place(diff, sides, err) < 0)
            return -1;
        if (order <= 0)
            has_old = shard_table_next(&olds, &views[SIDE_OLD], err);
        if (order >= 0 && has_old >= 0)
            has_new = shard_table_next(&news, &views[SIDE_NEW], err);
    }
    return has_old < 0 || has_new < 0 ? -1 : 0;
}

/* Severities of the rules that found something; misconfigurations, whose key is their target, meet in the sort. */
static int side_read(struct diff *diff, enum side side, enum table table, struct err *err) {
    AUTO(shard_table_release) struct shard_table rows;
    shard_table_init(&rows, diff->sweeps[side]->folder, diff->sweeps[side]->manifest, table);
    struct row_view view;
    int got;
    while ((got = shard_table_next(&rows, &view, err)) > 0) {
        if (table == TABLE_MISCONFIGURATION) {
            if (row_rekey(diff, &view, side, 0, err) < 0)
                return -1;
            continue;
        }
        struct span rule = export_text(&view, "rule");
        if (map_get(&diff->rules, rule) != NULL)
            continue;
        struct span copy = arena_copy(&diff->arena, rule);
        void **place = copy.data == NULL ? NULL : map_put(&diff->rules, copy, NULL);
        if (place == NULL)
            return no_memory(err);
        *place = (void *)(uintptr_t)(severity_of(diff, &view) + 1);
    }
    return got;
}

/* ---- after the sort ---- */

static const struct pair *pair_numbered(const struct pair *const *list, struct span hex) {
    uint64_t number = 0;
    for (size_t i = 0; i < hex.size; i++)
        number = number << 4 | (uint64_t)(text_hex_value(hex.data[i]) & 15);
    return list[number];
}

/* The package at hand has this version on that side. */
static bool version_has(const struct diff *diff, enum side side, struct span version) {
    for (size_t i = 0; i < diff->versions[side].count; i++) {
        if (span_equal(diff->versions[side].data[i], version))
            return true;
    }
    return false;
}

static int version_note(struct diff *diff, const struct row_view *view, enum side side, struct err *err) {
    struct span group = export_text(view, "package_set");
    if (!span_equal(group, diff->group)) {
        arena_reset(&diff->group_arena);
        diff->versions[SIDE_OLD].count = diff->versions[SIDE_NEW].count = 0;
        diff->group = arena_copy(&diff->group_arena, group);
        if (diff->group.data == NULL)
            return no_memory(err);
    }
    struct span version = arena_copy(&diff->group_arena, export_text(view, "version"));
    return version.data == NULL || !vec_push(&diff->versions[side], version) ? no_memory(err) : 0;
}

static enum diff_cause cause_of(const struct diff *diff, const struct pair *pair,
                                const struct row_view *sides[static SIDE_COUNT]) {
    const struct row_view *view = sides[SIDE_NEW] != NULL ? sides[SIDE_NEW] : sides[SIDE_OLD];
    if (pair->keys[SIDE_OLD].size == 0)
        return DIFF_IMAGE_NEW;
    if (pair->keys[SIDE_NEW].size == 0)
        return DIFF_IMAGE_GONE;
    if (view->table == TABLE_VULNERABILITY) {
        enum side other = sides[SIDE_NEW] == NULL ? SIDE_NEW : SIDE_OLD;
        return span_equal(export_text(view, "package_set"), diff->group) &&
                       version_has(diff, other, export_text(view, "version"))
                   ? DIFF_FEED_CHANGED
                   : DIFF_IMAGE_CHANGED;
    }
    /* A layer that was there before, and in which nothing was found: other rules look at it now. */
    if (diff->rules_differ && view->table == TABLE_IMAGE_SECRET) {
        enum side other = sides[SIDE_NEW] == NULL ? SIDE_NEW : SIDE_OLD;
        const struct export_holders *holders = map_get(&diff->images[other].layers, export_text(view, "layer_digest"));
        if (holders != NULL)
            return DIFF_RULES_CHANGED;
    }
    return DIFF_IMAGE_CHANGED;
}

static int met_report(struct diff *diff, const struct pair *const *sets, const struct pair *const *digests,
                      const struct row_view *sides[static SIDE_COUNT], struct err *err) {
    const struct row_view *view = sides[SIDE_NEW] != NULL ? sides[SIDE_NEW] : sides[SIDE_OLD];
    if (view->table == TABLE_MISCONFIGURATION) {
        struct span target = export_text(view, "target");
        struct pair pair = {.reference = target, .image_count = 1, .keys = {target, target}};
        return finding_report(diff, &pair, sides, diff->rules_differ ? DIFF_RULES_CHANGED : DIFF_IMAGE_CHANGED, true,
                              err);
    }
    struct span key = span_slice(export_text(view, key_column(view->table)), 0, 8);
    const struct pair *pair = pair_numbered(view->table == TABLE_VULNERABILITY ? sets : digests, key);
    return finding_report(diff, pair, sides, cause_of(diff, pair, sides), true, err);
}

static bool is_package_row(const struct row_view *view) {
    return view->table == TABLE_VULNERABILITY && export_text(view, "id").size == 0;
}

static enum side side_of(const struct row_view *view) {
    return span_is(export_text(view, "sweep_id"), side_names[SIDE_NEW]) ? SIDE_NEW : SIDE_OLD;
}

/* A row that was kept while the next one was read: both sides of one finding stand behind each other. */
struct kept {
    struct buf bytes, key;
    enum table table;
    bool is_there;
};

static int kept_report(struct diff *diff, struct kept kept[static SIDE_COUNT], const struct pair *const *sets,
                       const struct pair *const *digests, struct err *err) {
    struct row_view views[SIDE_COUNT];
    const struct row_view *sides[SIDE_COUNT] = {NULL, NULL};
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        if (!kept[side].is_there)
            continue;
        if (row_view_parse(kept[side].table, buf_span(&kept[side].bytes), &views[side], err) < 0)
            return -1;
        sides[side] = &views[side];
        kept[side].is_there = false;
    }
    return sides[SIDE_OLD] == NULL && sides[SIDE_NEW] == NULL ? 0 : met_report(diff, sets, digests, sides, err);
}

static int sorted_read(struct diff *diff, struct kept kept[static SIDE_COUNT], const struct pair *const *sets,
                       const struct pair *const *digests, struct err *err) {
    struct shard_sorted sorted;
    struct row_view view;
    int got;
    while ((got = shard_sort_next(diff->sort, &sorted, err)) > 0) {
        assert(!sorted.is_block); /* rows went in one by one */
        if (row_view_parse(sorted.table, sorted.row, &view, err) < 0)
            return -1;
        enum side side = side_of(&view);
        buf_reset(&diff->key);
        sort_key_add(&diff->key, &view);
        for (enum side other = 0; other < SIDE_COUNT; other++) {
            if (kept[other].is_there && !span_equal(buf_span(&kept[other].key), buf_span(&diff->key)) &&
                kept_report(diff, kept, sets, digests, err) < 0)
                return -1;
        }
        if (is_package_row(&view)) {
            if (version_note(diff, &view, side, err) < 0)
                return -1;
            continue;
        }
        /* Two versions of one package under one path: the first stands for both. */
        if (kept[side].is_there)
            continue;
        buf_reset(&kept[side].bytes);
        buf_reset(&kept[side].key);
        buf_add(&kept[side].bytes, sorted.row);
        buf_add(&kept[side].key, buf_span(&diff->key));
        kept[side].table = sorted.table;
        kept[side].is_there = true;
        if (kept[side].bytes.failed || kept[side].key.failed || diff->key.failed)
            return no_memory(err);
    }
    return got < 0 ? -1 : kept_report(diff, kept, sets, digests, err);
}

/* Pairs by their numbers. */
static const struct pair **pairs_list(struct diff *diff, const struct pairs *pairs) {
    const struct pair **list = arena_array(&diff->arena, pairs->count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < pairs->by_both.capacity; i++) {
        const struct pair *pair = pairs->by_both.entries[i].hash == 0 ? NULL : pairs->by_both.entries[i].value;
        if (pair != NULL)
            list[pair->number] = pair;
    }
    return list;
}

static int sorted_report(struct diff *diff, struct err *err) {
    const struct pair **sets = pairs_list(diff, &diff->sets), **digests = pairs_list(diff, &diff->digests);
    struct kept kept[SIDE_COUNT] = {{.is_there = false}, {.is_there = false}};
    if (sets == NULL || digests == NULL)
        return no_memory(err);
    int result = shard_sort_finish(diff->sort, err);
    if (result == 0)
        result = sorted_read(diff, kept, sets, digests, err);
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        buf_release(&kept[side].bytes);
        buf_release(&kept[side].key);
    }
    return result;
}

static int diff_all(struct diff *diff, struct err *err) {
    static const enum table joined[] = {TABLE_PACKAGE, TABLE_VULNERABILITY, TABLE_IMAGE_SECRET};
    static const enum table read[] = {TABLE_SECRET, TABLE_MISCONFIGURATION};
    if (images_load(diff, SIDE_OLD, err) < 0 || images_load(diff, SIDE_NEW, err) < 0 || images_pair(diff, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_COUNT(read); i++) {
        for (enum side side = 0; side < SIDE_COUNT; side++) {
            if (side_read(diff, side, read[i], err) < 0)
                return -1;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(joined); i++) {
        if (table_join(diff, joined[i], err) < 0)
            return -1;
    }
    return sorted_report(diff, err);
}

static void pairs_init(struct pairs *pairs) {
    map_init(&pairs->by_side[SIDE_OLD], clock_ns());
    map_init(&pairs->by_side[SIDE_NEW], clock_ns());
    map_init(&pairs->by_both, clock_ns());
}

static void pairs_release(struct pairs *pairs) {
    map_release(&pairs->by_side[SIDE_OLD]);
    map_release(&pairs->by_side[SIDE_NEW]);
    map_release(&pairs->by_both);
}

int diff_run(const struct diff_sweep *old_sweep, const struct diff_sweep *new_sweep, int scratch_folder,
             const struct diff_sink *sink, struct err *err) {
    struct diff diff = {.sweeps = {old_sweep, new_sweep}, .sink = sink};
    diff.rules_differ = !span_equal(old_sweep->manifest->rules_digest, new_sweep->manifest->rules_digest);
    arena_init(&diff.arena, 0, 0);
    arena_init(&diff.group_arena, 0, 0);
    export_images_init(&diff.images[SIDE_OLD]);
    export_images_init(&diff.images[SIDE_NEW]);
    pairs_init(&diff.sets);
    pairs_init(&diff.digests);
    map_init(&diff.rules, clock_ns());
    row_init(&diff.row);
    int result = shard_sort_new(scratch_folder, SORT_BYTES, &diff.sort, err);
    if (result == 0)
        result = diff_all(&diff, err);
    shard_sort_free(diff.sort);
    row_release(&diff.row);
    map_release(&diff.rules);
    pairs_release(&diff.sets);
    pairs_release(&diff.digests);
    export_images_release(&diff.images[SIDE_OLD]);
    export_images_release(&diff.images[SIDE_NEW]);
    buf_release(&diff.key);
    buf_release(&diff.other);
    vec_release(&diff.versions[SIDE_OLD]);
    vec_release(&diff.versions[SIDE_NEW]);
    arena_release(&diff.group_arena);
    arena_release(&diff.arena);
    return result;
}
