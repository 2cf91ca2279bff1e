/* RFC 4180 with a header line, one table. An empty field is nil and "" is an empty text, as PostgreSQL's COPY … CSV
 * reads them; lists and maps are JSON in a field, times RFC 3339. Values are exact: what a spreadsheet makes of a field
 * that begins with '=' is the spreadsheet's doing, so do not open rows of strangers with one. */
#include "engine/export/export.h"

struct csv {
    enum table table; /* TABLE_COUNT before the first row */
    struct buf line;
    struct buf field;
};

static int csv_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    struct csv *csv = mem_zalloc(sizeof *csv);
    if (csv == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    csv->table = TABLE_COUNT;
    *ret_state = csv;
    return 0;
}

static void quoted_add(struct buf *buf, struct span text) {
    buf_byte(buf, '"');
    for (;;) {
        size_t quote = span_index(text, '"', 0);
        buf_add(buf, span_slice(text, 0, quote));
        if (quote == SIZE_MAX)
            break;
        buf_text(buf, "\"\"");
        text = span_from(text, quote + 1);
    }
    buf_byte(buf, '"');
}

static bool needs_quotes(struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == ',' || text.data[i] == '\n' || text.data[i] == '\r')
            return true;
    }
    return text.size == 0 || text.data[0] == ' ' || text.data[text.size - 1] == ' ';
}

static void field_add(struct csv *csv, const struct row_view *view, size_t column) {
    if (row_view_is_nil(view, column))
        return;
    enum column_type type = table_info(view->table)->columns[column].type;
    struct span text;
    if (type == COLUMN_TEXT) {
        text = row_view_text(view, column);
    } else {
        buf_reset(&csv->field);
        export_json_column(&csv->field, view, column);
        text = buf_span(&csv->field);
        if (type == COLUMN_TIME && text.size >= 2)
            text = span_slice(text, 1, text.size - 2); /* without JSON's quotes */
    }
    if (needs_quotes(text))
        quoted_add(&csv->line, text);
    else
        buf_add(&csv->line, text);
}

static int csv_row(void *state, const struct exporter_options *options, const struct row_view *view, struct err *err) {
    struct csv *csv = state;
    const struct table_info *info = table_info(view->table);
    buf_reset(&csv->line);
    if (csv->table == TABLE_COUNT) {
        csv->table = view->table;
        for (size_t i = 0; i < info->column_count; i++)
            buf_format(&csv->line, "%s%s", i == 0 ? "" : ",", info->columns[i].name);
        buf_text(&csv->line, "\r\n");
    }
    if (csv->table != view->table)
        return err_set(err, ERR_USAGE, 0, "csv: a file holds one table, found %s and %s: name one with --table",
                       table_info(csv->table)->name, info->name);
    for (size_t i = 0; i < info->column_count; i++) {
        if (i > 0)
            buf_byte(&csv->line, ',');
        field_add(csv, view, i);
    }
    buf_text(&csv->line, "\r\n");
    if (csv->line.failed || csv->field.failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return export_write(options->out, buf_span(&csv->line), err);
}

static void csv_release(void *state) {
    struct csv *csv = state;
    if (csv == NULL)
        return;
    buf_release(&csv->line);
    buf_release(&csv->field);
    mem_free(csv);
}

const struct exporter_kind exporter_csv = {
    .name = "csv",
    .begin = csv_begin,
    .row = csv_row,
    .release = csv_release,
};
