/* PostgreSQL's binary COPY, one table: `COPY package FROM STDIN BINARY` into the table that ddl/postgres.sql makes.
 * Lists and maps are jsonb. A text of PostgreSQL's cannot hold a NUL: it becomes \x00. bigint ends at 2^63 - 1: a
 * number beyond is an error, for no column of a real sweep comes near. Spec: PostgreSQL's manual, COPY, "Binary
 * Format". */
#include "engine/export/export.h"

#define EPOCH_2000_S INT64_C(946684800) /* PostgreSQL counts from 2000-01-01 */

struct pgcopy {
    enum table table; /* TABLE_COUNT before the first row */
    struct buf line;
    struct buf field, item;
};

static int pgcopy_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    struct pgcopy *copy = mem_zalloc(sizeof *copy);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    copy->table = TABLE_COUNT;
    *ret_state = copy;
    /* Signature, no flags, no extension. */
    return export_write(options->out, span_make("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19), err);
}

static void text_add(struct buf *buf, struct span text) {
    for (;;) {
        size_t nul = span_index(text, 0, 0);
        buf_add(buf, span_slice(text, 0, nul));
        if (nul == SIZE_MAX)
            return;
        buf_text(buf, "\\x00");
        text = span_from(text, nul + 1);
    }
}

/* jsonb on the wire is a version and the text; it refuses \u0000, so NULs go first. */
static void jsonb_add(struct pgcopy *copy, const struct row_view *view, size_t column, bool is_map) {
    struct row_items items = is_map ? row_view_map(view, column) : row_view_list(view, column);
    size_t number = 0;
    buf_byte(&copy->field, 1);
    buf_byte(&copy->field, is_map ? '{' : '[');
    for (struct span item; row_items_next(&items, &item); number++) {
        buf_text(&copy->field, number == 0 ? "" : is_map && number % 2 == 1 ? ":" : ",");
        buf_reset(&copy->item);
        text_add(&copy->item, item);
        buf_json_text(&copy->field, buf_span(&copy->item));
    }
    buf_byte(&copy->field, is_map ? '}' : ']');
}

static int field_add(struct pgcopy *copy, const struct row_view *view, size_t column, struct err *err) {
    const struct column *info = &table_info(view->table)->columns[column];
    struct buf *field = &copy->field;
    buf_reset(field);
    if (row_view_is_nil(view, column)) {
        buf_be32(&copy->line, UINT32_MAX);
        return 0;
    }
    switch (info->type) {
    case COLUMN_TEXT:
        text_add(field, row_view_text(view, column));
        break;
    case COLUMN_U64: {
        uint64_t value = row_view_u64(view, column);
        if (value > INT64_MAX)
            return err_set(err, ERR_UNSUPPORTED, 0, "pgcopy: %s.%s: expected at most 2^63 - 1, found %" PRIu64,
                           table_info(view->table)->name, info->name, value);
        buf_be64(field, value);
        break;
    }
    case COLUMN_TIME: {
        int64_t micros;
        if (__builtin_mul_overflow(row_view_time(view, column) - EPOCH_2000_S, INT64_C(1000000), &micros))
            return err_set(err, ERR_UNSUPPORTED, 0, "pgcopy: %s.%s: a time beyond PostgreSQL's",
                           table_info(view->table)->name, info->name);
        buf_be64(field, (uint64_t)micros);
        break;
    }
    case COLUMN_F64: {
        double value = row_view_f64(view, column);
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        buf_be64(field, bits);
        break;
    }
    case COLUMN_BOOL:
        buf_byte(field, row_view_bool(view, column) ? 1 : 0);
        break;
    case COLUMN_TEXT_LIST:
    case COLUMN_TEXT_MAP:
        jsonb_add(copy, view, column, info->type == COLUMN_TEXT_MAP);
        break;
    case COLUMN_TYPE_COUNT:
        assert(false); /* no column is of this type */
        break;
    }
    buf_be32(&copy->line, (uint32_t)field->size); /* a row is at most 16 MiB */
    buf_add(&copy->line, buf_span(field));
    return 0;
}

static int pgcopy_row(void *state, const struct exporter_options *options, const struct row_view *view,
                      struct err *err) {
    struct pgcopy *copy = state;
    const struct table_info *info = table_info(view->table);
    if (copy->table == TABLE_COUNT)
        copy->table = view->table;
    if (copy->table != view->table)
        return err_set(err, ERR_USAGE, 0, "pgcopy: a file holds one table, found %s and %s: name one with --table",
                       table_info(copy->table)->name, info->name);
    buf_reset(&copy->line);
    buf_be16(&copy->line, (uint16_t)info->column_count);
    for (size_t i = 0; i < info->column_count; i++) {
        if (field_add(copy, view, i, err) < 0)
            return -1;
    }
    if (copy->line.failed || copy->field.failed || copy->item.failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return export_write(options->out, buf_span(&copy->line), err);
}

static int pgcopy_end(void *state, const struct exporter_options *options, struct err *err) {
    (void)state;
    return export_write(options->out, span_make("\377\377", 2), err);
}

static void pgcopy_release(void *state) {
    struct pgcopy *copy = state;
    if (copy == NULL)
        return;
    buf_release(&copy->line);
    buf_release(&copy->field);
    buf_release(&copy->item);
    mem_free(copy);
}

const struct exporter_kind exporter_pgcopy = {
    .name = "pgcopy",
    .begin = pgcopy_begin,
    .row = pgcopy_row,
    .end = pgcopy_end,
    .release = pgcopy_release,
};
