#include "engine/export/export_ranked.h"

#include "base/limits.h"

const enum table ranked_tables[] = {TABLE_VULNERABILITY, TABLE_SECRET, TABLE_MISCONFIGURATION, TABLE_COUNT};

const struct ranked_column *ranked_columns(enum table table, const char **ret_heading) {
    static const struct ranked_column vulnerability[] = {
        {"Advisory", RANKED_ID}, {"Package", RANKED_PACKAGE}, {"Version", RANKED_VERSION}, {"Fixed in", RANKED_FIXED},
        {"Path", RANKED_PATH},   {"Image", RANKED_TARGET},    {NULL, RANKED_CELL_COUNT}};
    static const struct ranked_column secret[] = {{"Rule", RANKED_ID},
                                                  {"Place", RANKED_PLACE},
                                                  {"Found", RANKED_DETAIL},
                                                  {"Image", RANKED_TARGET},
                                                  {NULL, RANKED_CELL_COUNT}};
    static const struct ranked_column misconfiguration[] = {{"Check", RANKED_ID},      {"Title", RANKED_TITLE},
                                                            {"Place", RANKED_PLACE},   {"Remedy", RANKED_REMEDY},
                                                            {"Target", RANKED_TARGET}, {NULL, RANKED_CELL_COUNT}};
    if (table == TABLE_VULNERABILITY) {
        *ret_heading = "Vulnerabilities";
        return vulnerability;
    }
    *ret_heading = table == TABLE_SECRET ? "Secrets" : "Misconfigurations";
    return table == TABLE_SECRET ? secret : misconfiguration;
}

struct export_ranked *export_ranked_new(struct err *err) {
    struct export_ranked *ranked = mem_zalloc(sizeof *ranked);
    if (ranked == NULL) {
        err_fill(err, ERR_NOMEM, 0, "export: out of memory");
        return NULL;
    }
    arena_init(&ranked->arena, 0, 0);
    finding_maker_init(&ranked->maker);
    return ranked;
}

void export_ranked_free(struct export_ranked *ranked) {
    if (ranked == NULL)
        return;
    finding_maker_release(&ranked->maker);
    arena_release(&ranked->arena);
    buf_release(&ranked->text);
    mem_free(ranked);
}

uint64_t export_ranked_count(const struct export_ranked *ranked, enum table table) {
    uint64_t count = 0;
    for (enum severity severity = 0; severity < SEVERITY_COUNT; severity++)
        count += ranked->buckets[table][severity].count;
    return count;
}

static bool cell_fill(struct export_ranked *ranked, struct ranked_line *line, enum ranked_cell cell, struct span text) {
    line->cells[cell] = arena_copy(&ranked->arena, text);
    return line->cells[cell].data != NULL;
}

static bool line_fill(struct export_ranked *ranked, struct ranked_line *line, const struct finding *finding) {
    struct buf *text = &ranked->text;
    buf_reset(text);
    buf_add(text, finding->path);
    if (finding->line > 0)
        buf_format(text, ":%" PRIu64, finding->line);
    if (!cell_fill(ranked, line, RANKED_PLACE, buf_span(text)))
        return false;
    buf_reset(text);
    buf_add(text, finding->target);
    if (finding->image_count > 1)
        buf_format(text, " and %" PRIu64 " more", finding->image_count - 1);
    return cell_fill(ranked, line, RANKED_TARGET, buf_span(text)) && cell_fill(ranked, line, RANKED_ID, finding->id) &&
           cell_fill(ranked, line, RANKED_TITLE, finding->title) &&
           cell_fill(ranked, line, RANKED_PACKAGE, finding->name) &&
           cell_fill(ranked, line, RANKED_VERSION, finding->version) &&
           cell_fill(ranked, line, RANKED_FIXED, finding->fixed_version) &&
           cell_fill(ranked, line, RANKED_PATH, finding->path) &&
           cell_fill(ranked, line, RANKED_DETAIL, finding->description) &&
           cell_fill(ranked, line, RANKED_REMEDY, finding->remedy) && !text->failed;
}

static int error_take(struct export_ranked *ranked, const struct row_view *view, struct err *err) {
    if (ranked->error_count++ >= LIMIT_EXPORT_TABLE_ROWS)
        return 0;
    struct ranked_error *error = arena_zalloc(&ranked->arena, sizeof *error);
    if (error == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    error->target = arena_copy(&ranked->arena, export_text(view, "target"));
    error->message = arena_copy(&ranked->arena, export_text(view, "message"));
    if (error->target.data == NULL || error->message.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    if (ranked->error_last == NULL)
        ranked->error_first = error;
    else
        ranked->error_last->next = error;
    ranked->error_last = error;
    return 0;
}

int export_ranked_row(struct export_ranked *ranked, const struct row_view *view, struct err *err) {
    struct finding finding;
    if (export_images_row(&ranked->maker.images, view, err) < 0)
        return -1;
    if (view->table == TABLE_ERROR)
        return error_take(ranked, view, err);
    if (!finding_make(&ranked->maker, view, &finding))
        return 0;
    if (finding_is_suppressed(&finding)) {
        ranked->suppressed++;
        return 0;
    }
    struct ranked_bucket *bucket = &ranked->buckets[finding.table][finding.severity];
    if (bucket->count++ >= LIMIT_EXPORT_TABLE_ROWS)
        return 0;
    struct ranked_line *line = arena_zalloc(&ranked->arena, sizeof *line);
    if (line == NULL || finding_maker_failed(&ranked->maker) || !line_fill(ranked, line, &finding))
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    if (bucket->last == NULL)
        bucket->first = line;
    else
        bucket->last->next = line;
    bucket->last = line;
    return 0;
}
