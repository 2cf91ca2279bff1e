/* RFC 4180 with a header line, one table. An empty field is nil and "" is an empty text, as PostgreSQL's COPY … CSV
 * reads them; lists and maps are JSON in a field, times RFC 3339. In `csv` a text that a spreadsheet would calculate
 * gets a leading apostrophe; `csv-exact` leaves it as it is, for what loads it elsewhere. */
#include "engine/export/export.h"
#include "engine/export/export_escape.h"

struct csv {
    enum table table; /* TABLE_COUNT before the first row */
    bool defuse;
    struct buf line;
    struct buf field;
};

static int csv_make(bool defuse, void **ret_state, struct err *err) {
    struct csv *csv = mem_zalloc(sizeof *csv);
    if (csv == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    csv->table = TABLE_COUNT;
    csv->defuse = defuse;
    *ret_state = csv;
    return 0;
}

static int csv_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    return csv_make(true, ret_state, err);
}

static int csv_exact_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    return csv_make(false, ret_state, err);
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
    /* Numbers and times are ours. */
    escape_csv(&csv->line, text,
               csv->defuse && (type == COLUMN_TEXT || type == COLUMN_TEXT_LIST || type == COLUMN_TEXT_MAP));
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

const struct exporter_kind exporter_csv_exact = {
    .name = "csv-exact",
    .begin = csv_exact_begin,
    .row = csv_row,
    .release = csv_release,
};
