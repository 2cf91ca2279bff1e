/* Aligned tables for a terminal: of each table the columns that a person asks for first, the worst severity first,
 * fitted to the width. Rows are held until the end, since widths are known only then; what is held is bounded, and what
 * was left out is said. */
#include "base/arena.h"
#include "base/limits.h"
#include "base/model/severity.h"
#include "base/overflow.h"
#include "base/text.h"
#include "engine/export/export.h"

#define SHOWN_MAX 9   /* columns */
#define WIDTH_LEAST 8 /* no column is cut below this */
#define WIDTH_DEFAULT 100
#define CELL_BYTES 512  /* a quoted value is cut to this; wider than any terminal */
#define DIGEST_SHOWN 19 /* "sha256:" and 12 digits */

/* Column names of base/model/table.h; tests/unit/test_export.c checks that each exists. */
static const char *const shown[TABLE_COUNT][SHOWN_MAX + 1] = {
    [TABLE_IMAGE] = {"status", "reference", "os", "architecture", "layer_count", "image_digest", "reason"},
    [TABLE_IMAGE_LAYER] = {"ordinal", "image_digest", "layer_digest", "created_by"},
    [TABLE_LAYER] = {"status", "layer_digest", "file_count", "unpacked_bytes", "scan_ms"},
    [TABLE_PACKAGE] = {"type", "name", "version", "architecture", "evidence", "path"},
    [TABLE_VULNERABILITY] = {"severity", "id", "name", "version", "fixed_version", "status", "path"},
    [TABLE_SECRET] = {"severity", "rule", "path", "line", "redacted", "confidence"},
    [TABLE_IMAGE_SECRET] = {"state", "rule", "location", "image_digest"},
    [TABLE_MISCONFIGURATION] = {"severity", "rule", "path", "line", "title"},
    [TABLE_COMPLIANCE] = {"status", "specification", "control", "finding_count", "title"},
    [TABLE_ERROR] = {"stage", "target", "path", "code", "message"},
};

struct line {
    struct line *next;
    struct span cells[SHOWN_MAX];
};

struct bucket {
    struct line *first, *last;
    uint64_t count; /* with those left out */
};

struct sheet {
    size_t columns[SHOWN_MAX];
    size_t column_count;
    size_t severity; /* the column, or SIZE_MAX */
    size_t widths[SHOWN_MAX];
    struct bucket buckets[SEVERITY_COUNT];
};

struct table_state {
    struct arena arena;
    struct buf text;
    struct sheet sheets[TABLE_COUNT];
};

static int table_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    struct table_state *state = mem_zalloc(sizeof *state);
    if (state == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    arena_init(&state->arena, 0, 0);
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        struct sheet *sheet = &state->sheets[table];
        sheet->severity = table_column(table, span_text("severity"));
        for (size_t i = 0; shown[table][i] != NULL; i++) {
            size_t column = table_column(table, span_text(shown[table][i]));
            assert(column != SIZE_MAX);
            sheet->columns[sheet->column_count] = column;
            sheet->widths[sheet->column_count++] = strlen(shown[table][i]);
        }
    }
    *ret_state = state;
    return 0;
}

/* Characters; wide ones count as one, for a locale's tables would make the output depend on the machine. */
static size_t text_width(struct span text) {
    size_t width = 0;
    for (size_t i = 0; i < text.size; i++)
        width += (text.data[i] & 0xc0) != 0x80;
    return width;
}

/* The last or the first `width` characters. */
static struct span text_end(struct span text, size_t width) {
    size_t at = text.size;
    for (; at > 0 && width > 0; at--)
        width -= (text.data[at - 1] & 0xc0) != 0x80;
    return span_from(text, at);
}

static struct span text_start(struct span text, size_t width) {
    size_t at = 0;
    for (; at < text.size; at++) {
        if ((text.data[at] & 0xc0) != 0x80 && width-- == 0)
            break;
    }
    return span_slice(text, 0, at);
}

static struct span cell_make(struct table_state *state, const struct row_view *view, size_t column) {
    const struct column *info = &table_info(view->table)->columns[column];
    char quoted[CELL_BYTES];
    struct span text;
    if (row_view_is_nil(view, column))
        return span_text("");
    if (info->type == COLUMN_TEXT) {
        text = row_view_text(view, column);
        if (span_ends(span_text(info->name), "digest") && text.size > DIGEST_SHOWN)
            text = span_slice(text, 0, DIGEST_SHOWN);
    } else {
        buf_reset(&state->text);
        if (info->type == COLUMN_F64)
            buf_format(&state->text, "%.2f", row_view_f64(view, column));
        else
            export_json_column(&state->text, view, column);
        text = buf_span(&state->text);
    }
    return arena_copy(&state->arena, span_text(text_quote(text, quoted, sizeof quoted)));
}

static int table_row(void *data, const struct exporter_options *options, const struct row_view *view, struct err *err) {
    (void)options;
    struct table_state *state = data;
    struct sheet *sheet = &state->sheets[view->table];
    enum severity severity = SEVERITY_UNKNOWN;
    if (sheet->severity != SIZE_MAX)
        (void)severity_parse(row_view_text(view, sheet->severity), &severity); /* an odd word stays unknown */
    /* What is rather no secret stands last, whatever it would open. */
    size_t confidence = view->table == TABLE_SECRET ? table_column(TABLE_SECRET, span_text("confidence")) : SIZE_MAX;
    if (confidence != SIZE_MAX && row_view_f64(view, confidence) < 0.5)
        severity = SEVERITY_UNKNOWN;
    struct bucket *bucket = &sheet->buckets[severity];
    if (bucket->count++ >= LIMIT_EXPORT_TABLE_ROWS)
        return 0;
    struct line *line = arena_zalloc(&state->arena, sizeof *line);
    if (line == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    for (size_t i = 0; i < sheet->column_count; i++) {
        line->cells[i] = cell_make(state, view, sheet->columns[i]);
        if (line->cells[i].data == NULL || state->text.failed)
            return err_set(err, ERR_NOMEM, 0, "export: out of memory");
        sheet->widths[i] = size_max(sheet->widths[i], text_width(line->cells[i]));
    }
    if (bucket->last == NULL)
        bucket->first = line;
    else
        bucket->last->next = line;
    bucket->last = line;
    return 0;
}

/* Takes from the widest column until all fit or none can give more. */
static void widths_fit(struct sheet *sheet, size_t width) {
    size_t total = 2 * (sheet->column_count - 1);
    for (size_t i = 0; i < sheet->column_count; i++)
        total += sheet->widths[i];
    while (total > width) {
        size_t widest = 0;
        for (size_t i = 1; i < sheet->column_count; i++) {
            if (sheet->widths[i] > sheet->widths[widest])
                widest = i;
        }
        if (sheet->widths[widest] <= WIDTH_LEAST)
            return;
        sheet->widths[widest]--;
        total--;
    }
}

/* Paths and the like say most at their end. */
static bool keeps_end(const char *name) {
    return strcmp(name, "path") == 0 || strcmp(name, "target") == 0 || strcmp(name, "location") == 0 ||
           strcmp(name, "reference") == 0;
}

/* On a terminal that may be coloured, a severity stands out; the width is not touched by it. */
static const char *severity_color(struct span text) {
    enum severity severity;
    if (!severity_parse(text, &severity))
        return "";
    return severity >= SEVERITY_CRITICAL ? "\x1b[1;31m"
           : severity == SEVERITY_HIGH   ? "\x1b[31m"
           : severity == SEVERITY_MEDIUM ? "\x1b[33m"
                                         : "\x1b[2m";
}

static void cell_add(struct buf *buf, const struct column *column, struct span text, size_t width, bool last) {
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t used = text_width(text);
    size_t pad = used < width ? width - used : 0;
    bool right = column->type == COLUMN_U64 || column->type == COLUMN_F64;
    if (right)
        buf_fill(buf, ' ', pad);
    if (used <= width) {
        buf_add(buf, text);
    } else if (keeps_end(column->name)) {
        buf_text(buf, ellipsis);
        buf_add(buf, text_end(text, width - 1));
    } else {
        buf_add(buf, text_start(text, width - 1));
        buf_text(buf, ellipsis);
    }
    if (last)
        return;
    if (!right)
        buf_fill(buf, ' ', pad);
    buf_text(buf, "  ");
}

static void header_add(struct buf *buf, const struct table_info *info, const struct sheet *sheet) {
    for (size_t i = 0; i < sheet->column_count; i++) {
        const struct column *column = &info->columns[sheet->columns[i]];
        char name[64];
        size_t size = size_min(strlen(column->name), sizeof name);
        for (size_t c = 0; c < size; c++)
            name[c] = column->name[c] == '_'                    ? ' '
                      : text_is_lower((uint8_t)column->name[c]) ? (char)(column->name[c] - 32)
                                                                : column->name[c];
        cell_add(buf, column, span_make(name, size), sheet->widths[i], i + 1 == sheet->column_count);
    }
    buf_byte(buf, '\n');
}

static int sheet_write(struct table_state *state, enum table table, const struct exporter_options *options, bool first,
                       struct err *err) {
    struct sheet *sheet = &state->sheets[table];
    const struct table_info *info = table_info(table);
    uint64_t count = 0, left_out = 0;
    for (enum severity severity = 0; severity < SEVERITY_COUNT; severity++) {
        uint64_t all = sheet->buckets[severity].count;
        count += all;
        left_out += all > LIMIT_EXPORT_TABLE_ROWS ? all - LIMIT_EXPORT_TABLE_ROWS : 0;
    }
    widths_fit(sheet, options->width == 0 ? WIDTH_DEFAULT : options->width);
    buf_reset(&state->text);
    buf_format(&state->text, "%s%s: %" PRIu64 " row%s\n", first ? "" : "\n", info->name, count, count == 1 ? "" : "s");
    header_add(&state->text, info, sheet);
    for (size_t severity = SEVERITY_COUNT; severity-- > 0;) {
        for (const struct line *line = sheet->buckets[severity].first; line != NULL; line = line->next) {
            for (size_t i = 0; i < sheet->column_count; i++) {
                bool colored = options->color && sheet->columns[i] == sheet->severity;
                buf_text(&state->text, colored ? severity_color(line->cells[i]) : "");
                cell_add(&state->text, &info->columns[sheet->columns[i]], line->cells[i], sheet->widths[i],
                         i + 1 == sheet->column_count);
                buf_text(&state->text, colored ? "\x1b[0m" : "");
            }
            buf_byte(&state->text, '\n');
            if (state->text.failed)
                return err_set(err, ERR_NOMEM, 0, "export: out of memory");
            if (export_write(options->out, buf_span(&state->text), err) < 0)
                return -1;
            buf_reset(&state->text);
        }
    }
    if (left_out > 0)
        buf_format(&state->text, "and %" PRIu64 " more rows: --format ndjson has all\n", left_out);
    return export_write(options->out, buf_span(&state->text), err);
}

static int table_end(void *data, const struct exporter_options *options, struct err *err) {
    struct table_state *state = data;
    bool first = true;
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        bool any = false;
        for (enum severity severity = 0; severity < SEVERITY_COUNT; severity++)
            any = any || state->sheets[table].buckets[severity].count > 0;
        if (!any)
            continue;
        if (sheet_write(state, table, options, first, err) < 0)
            return -1;
        first = false;
    }
    return first ? export_write(options->out, span_text("no rows\n"), err) : 0;
}

static void table_release(void *data) {
    struct table_state *state = data;
    if (state == NULL)
        return;
    arena_release(&state->arena);
    buf_release(&state->text);
    mem_free(state);
}

const struct exporter_kind exporter_table = {
    .name = "table",
    .begin = table_begin,
    .row = table_row,
    .end = table_end,
    .release = table_release,
};
