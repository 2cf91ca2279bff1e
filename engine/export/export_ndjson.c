/* One row a line: {"table":"secret","sweep_id":…} with the columns by name, in the table's order. The format that
 * scripts read. */
#include "engine/export/export.h"

static int ndjson_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    struct buf *line = mem_zalloc(sizeof *line);
    if (line == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    *ret_state = line;
    return 0;
}

static int ndjson_row(void *state, const struct exporter_options *options, const struct row_view *view,
                      struct err *err) {
    struct buf *line = state;
    const struct table_info *info = table_info(view->table);
    buf_reset(line);
    buf_format(line, "{\"table\":\"%s\"", info->name);
    for (size_t i = 0; i < info->column_count; i++) {
        buf_format(line, ",\"%s\":", info->columns[i].name);
        export_json_column(line, view, i);
    }
    buf_text(line, "}\n");
    if (line->failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return export_write(options->out, buf_span(line), err);
}

static void ndjson_release(void *state) {
    buf_release(state);
    mem_free(state);
}

const struct exporter_kind exporter_ndjson = {
    .name = "ndjson",
    .begin = ndjson_begin,
    .row = ndjson_row,
    .release = ndjson_release,
};
