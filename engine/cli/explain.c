#include "engine/cli/explain.h"

#include "base/overflow.h"
#include "base/text.h"
#include "shard/shard_read.h"

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "explain: out of memory"); }

static struct span column(const struct row_view *row, const char *name) {
    return row_view_text(row, table_column(row->table, span_text(name)));
}

static double number(const struct row_view *row, const char *name) {
    size_t index = table_column(row->table, span_text(name));
    return row_view_is_nil(row, index) ? -1 : row_view_f64(row, index);
}

/* Rows die with the next one: what is kept is copied. */
static bool keep(struct arena *arena, const struct row_view *row, const char *name, struct span *ret_text) {
    struct span text = column(row, name);
    *ret_text = text.size == 0 ? (struct span){NULL, 0} : arena_copy(arena, text);
    return text.size == 0 || ret_text->data != NULL;
}

/* Each row of a table. A negative return of `each` stops. */
static int rows_walk(const char *folder, const struct shard_manifest *manifest, enum table table,
                     int (*each)(void *context, const struct row_view *row, struct err *err), void *context,
                     struct err *err) {
    struct shard_table rows;
    struct row_view row;
    int got;
    shard_table_init(&rows, folder, manifest, table);
    while ((got = shard_table_next(&rows, &row, err)) > 0) {
        if (each(context, &row, err) < 0) {
            got = -1;
            break;
        }
    }
    shard_table_release(&rows);
    return got < 0 ? -1 : 0;
}

struct collect {
    struct arena *arena;
    struct explain *explain;
    struct span id, what;
};

/* ---- vulnerabilities ---- */

static bool is_about(const struct collect *collect, const struct row_view *row) {
    size_t aliases = table_column(TABLE_VULNERABILITY, span_text("aliases"));
    bool about = text_equal_nocase(column(row, "id"), collect->id);
    struct row_items items = row_view_list(row, aliases);
    for (struct span alias; !about && row_items_next(&items, &alias);)
        about = text_equal_nocase(alias, collect->id);
    struct span purl = column(row, "purl");
    return about && (collect->what.size == 0 || text_equal_nocase(column(row, "name"), collect->what) ||
                     text_equal_nocase(span_slice(purl, 0, collect->what.size), collect->what));
}

static bool aliases_keep(struct arena *arena, const struct row_view *row, struct explain_finding *finding) {
    struct row_items items = row_view_list(row, table_column(TABLE_VULNERABILITY, span_text("aliases")));
    finding->aliases = arena_array(arena, items.left + 1, sizeof *finding->aliases);
    if (finding->aliases == NULL)
        return false;
    for (struct span alias; row_items_next(&items, &alias);) {
        finding->aliases[finding->alias_count] = arena_copy(arena, alias);
        if (finding->aliases[finding->alias_count++].data == NULL)
            return false;
    }
    return true;
}

static bool finding_keep(struct arena *arena, const struct row_view *row, struct explain_finding *finding) {
    const struct {
        const char *name;
        struct span *text;
    } texts[] = {
        {"id", &finding->id},
        {"purl", &finding->purl},
        {"name", &finding->name},
        {"version", &finding->version},
        {"path", &finding->path},
        {"layer_digest", &finding->layer_digest},
        {"severity", &finding->severity},
        {"cvss_vector", &finding->cvss_vector},
        {"status", &finding->status},
        {"introduced", &finding->introduced},
        {"fixed_version", &finding->fixed_version},
        {"source", &finding->source},
        {"evidence", &finding->evidence},
        {"vex_status", &finding->vex_status},
        {"suppressed_by", &finding->suppressed_by},
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (!keep(arena, row, texts[i].name, texts[i].text))
            return false;
    }
    finding->cvss_score = number(row, "cvss_score");
    finding->epss = number(row, "epss");
    finding->epss_percentile = number(row, "epss_percentile");
    finding->confidence = number(row, "confidence");
    finding->priority = number(row, "priority");
    finding->kev = row_view_bool(row, table_column(TABLE_VULNERABILITY, span_text("kev")));
    finding->published_utc_s = row_view_time(row, table_column(TABLE_VULNERABILITY, span_text("published_at")));
    return aliases_keep(arena, row, finding);
}

static bool is_same(const struct explain_finding *finding, const struct row_view *row) {
    return span_equal(finding->id, column(row, "id")) && span_equal(finding->purl, column(row, "purl")) &&
           span_equal(finding->path, column(row, "path")) &&
           span_equal(finding->layer_digest, column(row, "layer_digest")) &&
           span_equal(finding->suppressed_by, column(row, "suppressed_by"));
}

static int vulnerability_take(void *context, const struct row_view *row, struct err *err) {
    struct collect *collect = context;
    struct explain *explain = collect->explain;
    struct explain_finding *finding = NULL;
    if (!is_about(collect, row))
        return 0;
    for (size_t i = 0; i < explain->finding_count && finding == NULL; i++)
        finding = is_same(&explain->findings[i], row) ? &explain->findings[i] : NULL;
    if (finding == NULL && explain->finding_count == EXPLAIN_FINDINGS_MAX) {
        explain->left_out++;
        return 0;
    }
    if (finding == NULL) {
        finding = &explain->findings[explain->finding_count++];
        if (!finding_keep(collect->arena, row, finding))
            return memory_short(err);
    }
    struct span set = arena_copy(collect->arena, column(row, "package_set"));
    return set.data != NULL && vec_push(&finding->sets, set) ? 0 : memory_short(err);
}

/* ---- packages, images, layers ---- */

static bool has_set(const struct explain_finding *finding, struct span set) {
    for (size_t i = 0; i < finding->sets.count; i++) {
        if (span_equal(finding->sets.data[i], set))
            return true;
    }
    return false;
}

static int package_take(void *context, const struct row_view *row, struct err *err) {
    struct collect *collect = context;
    struct span purl = column(row, "purl"), path = column(row, "path");
    for (size_t i = 0; i < collect->explain->finding_count; i++) {
        struct explain_finding *finding = &collect->explain->findings[i];
        struct package *package = &finding->package;
        if (package->name.size > 0 || !span_equal(finding->purl, purl) || !span_equal(finding->path, path) ||
            !has_set(finding, column(row, "package_set")))
            continue;
        struct span evidence = column(row, "evidence");
        for (enum package_evidence e = 0; e < EVIDENCE_COUNT; e++)
            package->evidence = span_is(evidence, package_evidence_name(e)) ? e : package->evidence;
        if (!package_type_parse(column(row, "type"), &package->type) ||
            !keep(collect->arena, row, "name", &package->name) ||
            !keep(collect->arena, row, "version", &package->version) ||
            !keep(collect->arena, row, "source_name", &package->source_name) ||
            !keep(collect->arena, row, "source_version", &package->source_version) ||
            !keep(collect->arena, row, "owner_purl", &finding->owner_purl))
            return memory_short(err);
    }
    return 0;
}

static int image_take(void *context, const struct row_view *row, struct err *err) {
    struct collect *collect = context;
    struct span set = column(row, "package_set");
    for (size_t i = 0; i < collect->explain->finding_count && set.size > 0; i++) {
        struct explain_finding *finding = &collect->explain->findings[i];
        if (!has_set(finding, set) || finding->image_count++ >= EXPLAIN_IMAGES_MAX)
            continue;
        struct explain_image *image = &finding->images[finding->image_count - 1];
        if (!keep(collect->arena, row, "reference", &image->reference) ||
            !keep(collect->arena, row, "image_digest", &image->digest))
            return memory_short(err);
    }
    return 0;
}

static int layer_take(void *context, const struct row_view *row, struct err *err) {
    struct collect *collect = context;
    struct span digest = column(row, "image_digest");
    for (size_t i = 0; i < collect->explain->finding_count; i++) {
        struct explain_finding *finding = &collect->explain->findings[i];
        for (size_t k = 0; k < size_min(finding->image_count, EXPLAIN_IMAGES_MAX); k++) {
            struct explain_image *image = &finding->images[k];
            if (!span_equal(image->digest, digest))
                continue;
            image->layer_count++;
            if (!span_equal(column(row, "layer_digest"), finding->layer_digest))
                continue;
            image->has_layer = true;
            image->ordinal = row_view_u64(row, table_column(TABLE_IMAGE_LAYER, span_text("ordinal")));
            if (!keep(collect->arena, row, "created_by", &image->created_by))
                return memory_short(err);
        }
    }
    return 0;
}

int explain_read(struct arena *arena, const char *folder, const struct shard_manifest *manifest, struct span id,
                 struct span what, struct explain *ret_explain, struct err *err) {
    struct collect collect = {.arena = arena, .explain = ret_explain, .id = id, .what = what};
    *ret_explain = (struct explain){.findings = NULL};
    ret_explain->findings = arena_array(arena, EXPLAIN_FINDINGS_MAX, sizeof *ret_explain->findings);
    if (ret_explain->findings == NULL)
        return memory_short(err);
    if (rows_walk(folder, manifest, TABLE_VULNERABILITY, vulnerability_take, &collect, err) < 0)
        return -1;
    if (ret_explain->finding_count == 0)
        return 0;
    return rows_walk(folder, manifest, TABLE_PACKAGE, package_take, &collect, err) < 0 ||
                   rows_walk(folder, manifest, TABLE_IMAGE, image_take, &collect, err) < 0 ||
                   rows_walk(folder, manifest, TABLE_IMAGE_LAYER, layer_take, &collect, err) < 0
               ? -1
               : 0;
}

void explain_release(struct explain *explain) {
    for (size_t i = 0; i < explain->finding_count; i++)
        vec_release(&explain->findings[i].sets);
}
