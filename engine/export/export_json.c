/* One document: {"schema_version":1, "sweep_id":…, "image":[…], …} with every table's rows as objects under its name,
 * in the order of the tables. */
#include "engine/export/export.h"
#include "engine/export/json_out.h"

struct document {
    struct json_out json;
    enum table table; /* the open one, TABLE_COUNT before the first */
};

static int document_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    struct document *document = mem_zalloc(sizeof *document);
    if (document == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    document->table = TABLE_COUNT;
    struct json_out *json = &document->json;
    json_out_open(json, NULL, '{');
    json_out_u64(json, "schema_version", TABLE_SCHEMA_VERSION);
    json_out_text(json, "tool_version", span_text(TRAWL_VERSION));
    json_out_text(json, "sweep_id", options->run.sweep_id);
    *ret_state = document;
    return 0;
}

static int document_row(void *state, const struct exporter_options *options, const struct row_view *view,
                        struct err *err) {
    struct document *document = state;
    struct json_out *json = &document->json;
    const struct table_info *info = table_info(view->table);
    if (document->table != view->table) {
        if (document->table != TABLE_COUNT)
            json_out_close(json);
        json_out_open(json, info->name, '[');
        document->table = view->table;
    }
    json_out_open(json, NULL, '{');
    for (size_t i = 1; i < info->column_count; i++) /* sweep_id stands above */
        json_out_column(json, info->columns[i].name, view, i);
    json_out_close(json);
    return json_out_flush(json, options->out, false, err);
}

static int document_end(void *state, const struct exporter_options *options, struct err *err) {
    struct document *document = state;
    if (document->table != TABLE_COUNT)
        json_out_close(&document->json);
    json_out_close(&document->json);
    return json_out_flush(&document->json, options->out, true, err);
}

static void document_release(void *state) {
    struct document *document = state;
    if (document == NULL)
        return;
    buf_release(&document->json.text);
    mem_free(document);
}

const struct exporter_kind exporter_json = {
    .name = "json",
    .is_ordered = true,
    .begin = document_begin,
    .row = document_row,
    .end = document_end,
    .release = document_release,
};
