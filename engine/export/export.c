#include "engine/export/export.h"

#include <math.h>

#include "base/clock.h"
#include "shard/shard_read.h"

#define EXPORTER(name) extern const struct exporter_kind exporter_##name;
#include "engine/export/exporter.def"
#undef EXPORTER

const struct exporter_kind *const exporter_kinds[] = {
#define EXPORTER(name) &exporter_##name,
#include "engine/export/exporter.def"
#undef EXPORTER
    NULL,
};

struct exporter {
    const struct exporter_kind *kind;
    struct exporter_options options;
    void *state;
};

static const struct exporter_kind *kind_find(struct span name) {
    for (const struct exporter_kind *const *kind = exporter_kinds; *kind != NULL; kind++) {
        if (span_is(name, (*kind)->name))
            return *kind;
    }
    return NULL;
}

bool exporter_is_known(struct span format) { return kind_find(format) != NULL; }

void exporter_set_run(struct exporter *exporter, const struct export_run *run) { exporter->options.run = *run; }

bool exporter_is_ordered(const struct exporter *exporter) { return exporter->kind->is_ordered; }

static int format_unknown(const char *format, struct err *err) {
    AUTO_BUF struct buf known = {0};
    for (const struct exporter_kind *const *kind = exporter_kinds; *kind != NULL; kind++)
        buf_format(&known, "%s%s", kind == exporter_kinds ? "" : ", ", (*kind)->name);
    return err_set(err, ERR_USAGE, 0, "format '%.40s': expected one of %.*s", format, SPAN_FORMAT(buf_span(&known)));
}

int exporter_open(const char *format, const struct exporter_options *options, struct exporter **ret_exporter,
                  struct err *err) {
    const struct exporter_kind *kind = kind_find(span_text(format));
    if (kind == NULL)
        return format_unknown(format, err);
    AUTO_EXPORTER struct exporter *exporter = mem_zalloc(sizeof *exporter);
    if (exporter == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    exporter->kind = kind;
    exporter->options = *options;
    if (kind->begin != NULL && kind->begin(&exporter->options, &exporter->state, err) < 0)
        return -1;
    *ret_exporter = STEAL(exporter);
    return 0;
}

int export_row(struct exporter *exporter, const struct row_view *view, struct err *err) {
    return exporter->kind->row(exporter->state, &exporter->options, view, err);
}

int export_table(struct exporter *exporter, const char *folder, const struct shard_manifest *manifest, enum table table,
                 struct err *err) {
    AUTO(shard_table_release) struct shard_table rows;
    shard_table_init(&rows, folder, manifest, table);
    struct row_view view;
    int got;
    while ((got = shard_table_next(&rows, &view, err)) > 0) {
        if (export_row(exporter, &view, err) < 0)
            return -1;
    }
    return got;
}

int exporter_finish(struct exporter *exporter, struct err *err) {
    if (exporter->kind->end != NULL && exporter->kind->end(exporter->state, &exporter->options, err) < 0)
        return -1;
    if (fflush(exporter->options.out) != 0)
        return err_set(err, ERR_IO, errno, "export: write: %s", strerror(errno));
    return 0;
}

void exporter_free(struct exporter *exporter) {
    if (exporter == NULL)
        return;
    if (exporter->kind->release != NULL)
        exporter->kind->release(exporter->state);
    mem_free(exporter);
}

static size_t column_of(const struct row_view *view, const char *column) {
    size_t index = table_column(view->table, span_text(column));
    assert(index != SIZE_MAX);
    return index;
}

struct span export_text(const struct row_view *view, const char *column) {
    return row_view_text(view, column_of(view, column));
}

uint64_t export_u64(const struct row_view *view, const char *column) {
    return row_view_u64(view, column_of(view, column));
}

double export_f64_of(const struct row_view *view, const char *column) {
    return row_view_f64(view, column_of(view, column));
}

bool export_is_nil(const struct row_view *view, const char *column) {
    return row_view_is_nil(view, column_of(view, column));
}

int export_write(FILE *out, struct span bytes, struct err *err) {
    if (bytes.size > 0 && fwrite(bytes.data, 1, bytes.size, out) != bytes.size)
        return err_set(err, ERR_IO, errno, "export: write: %s", strerror(errno));
    return 0;
}

void export_f64(struct buf *buf, double value) {
    if (!isfinite(value)) {
        buf_text(buf, "null"); /* JSON has no other way to say it */
        return;
    }
    /* The fewest digits that read back as the same number: 0.1, not 0.10000000000000001. */
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (digits == 17 || strtod(text, NULL) == value)
            break;
    }
    buf_text(buf, text);
}

void export_json_column(struct buf *buf, const struct row_view *view, size_t column) {
    char time[CLOCK_TEXT_SIZE];
    if (row_view_is_nil(view, column)) {
        buf_text(buf, "null");
        return;
    }
    switch (table_info(view->table)->columns[column].type) {
    case COLUMN_TEXT:
        buf_json_text(buf, row_view_text(view, column));
        break;
    case COLUMN_U64:
        buf_format(buf, "%" PRIu64, row_view_u64(view, column));
        break;
    case COLUMN_TIME:
        buf_format(buf, "\"%s\"", clock_text(row_view_time(view, column), time));
        break;
    case COLUMN_F64:
        export_f64(buf, row_view_f64(view, column));
        break;
    case COLUMN_BOOL:
        buf_text(buf, row_view_bool(view, column) ? "true" : "false");
        break;
    case COLUMN_TEXT_LIST: {
        struct row_items items = row_view_list(view, column);
        buf_byte(buf, '[');
        const char *comma = "";
        for (struct span item; row_items_next(&items, &item); comma = ",") {
            buf_text(buf, comma);
            buf_json_text(buf, item);
        }
        buf_byte(buf, ']');
        break;
    }
    case COLUMN_TEXT_MAP: {
        struct row_items pairs = row_view_map(view, column);
        buf_byte(buf, '{');
        const char *comma = "";
        for (struct span key, value; row_items_next(&pairs, &key) && row_items_next(&pairs, &value); comma = ",") {
            buf_text(buf, comma);
            buf_json_text(buf, key);
            buf_byte(buf, ':');
            buf_json_text(buf, value);
        }
        buf_byte(buf, '}');
        break;
    }
    case COLUMN_TYPE_COUNT:
        assert(false); /* no column is of this type */
        break;
    }
}
