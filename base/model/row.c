#include "base/model/row.h"

#include "base/reader.h"
#include "base/text.h"

void row_init(struct row *row) { *row = (struct row){.table = TABLE_COUNT}; }

void row_release(struct row *row) {
    if (row != NULL)
        buf_release(&row->bytes);
}

static void add_text_head(struct buf *buf, size_t size) {
    if (size < 32) {
        buf_byte(buf, (uint8_t)(0xa0 | size));
    } else if (size <= UINT8_MAX) {
        buf_byte(buf, 0xd9);
        buf_byte(buf, (uint8_t)size);
    } else if (size <= UINT16_MAX) {
        buf_byte(buf, 0xda);
        buf_be16(buf, (uint16_t)size);
    } else if (size <= UINT32_MAX) {
        buf_byte(buf, 0xdb);
        buf_be32(buf, (uint32_t)size);
    } else {
        buf->failed = true;
    }
}

/* Bytes that are no UTF-8 are escaped one by one. */
static void add_escaped(struct buf *buf, struct span text) {
    while (text.size > 0) {
        size_t length = text_utf8_length(text);
        if (length == 0)
            buf_format(buf, "\\x%02x", text.data[0]);
        else
            buf_add(buf, span_slice(text, 0, length));
        text = span_from(text, length == 0 ? 1 : length);
    }
}

static void add_text(struct buf *buf, struct span text) {
    size_t bad = 0;
    for (struct span rest = text_is_utf8(text) ? (struct span){NULL, 0} : text; rest.size > 0;) {
        size_t length = text_utf8_length(rest);
        bad += length == 0;
        rest = span_from(rest, length == 0 ? 1 : length);
    }
    add_text_head(buf, text.size + 3 * bad);
    if (bad == 0)
        buf_add(buf, text);
    else
        add_escaped(buf, text);
}

struct span row_text_valid(struct arena *arena, struct span text) {
    if (text_is_utf8(text))
        return text.data == NULL ? span_make("", 0) : text;
    AUTO_BUF struct buf valid = {0};
    add_escaped(&valid, text);
    return valid.failed ? (struct span){NULL, 0} : arena_copy(arena, buf_span(&valid));
}

static void add_u64(struct buf *buf, uint64_t value) {
    if (value < 128) {
        buf_byte(buf, (uint8_t)value);
    } else if (value <= UINT8_MAX) {
        buf_byte(buf, 0xcc);
        buf_byte(buf, (uint8_t)value);
    } else if (value <= UINT16_MAX) {
        buf_byte(buf, 0xcd);
        buf_be16(buf, (uint16_t)value);
    } else if (value <= UINT32_MAX) {
        buf_byte(buf, 0xce);
        buf_be32(buf, (uint32_t)value);
    } else {
        buf_byte(buf, 0xcf);
        buf_be64(buf, value);
    }
}

static void add_count(struct buf *buf, size_t count, uint8_t fix, uint8_t wide16) {
    if (count < 16) {
        buf_byte(buf, (uint8_t)(fix | count));
    } else if (count <= UINT16_MAX) {
        buf_byte(buf, wide16);
        buf_be16(buf, (uint16_t)count);
    } else {
        buf_byte(buf, (uint8_t)(wide16 + 1));
        buf_be32(buf, (uint32_t)count);
    }
}

static void column_next(struct row *row, enum column_type type, bool nil) {
    const struct table_info *info = table_info(row->table);
    assert(row->column < info->column_count);
    const struct column *column = &info->columns[row->column];
    assert(nil ? column->nullable : column->type == type);
    (void)column;
    (void)type;
    (void)nil;
    row->offsets[row->column++] = (uint32_t)row->bytes.size;
}

void row_begin(struct row *row, enum table table, struct span sweep_id) {
    row->table = table;
    row->column = 0;
    buf_reset(&row->bytes);
    row_text(row, sweep_id);
}

void row_text(struct row *row, struct span text) {
    column_next(row, COLUMN_TEXT, false);
    add_text(&row->bytes, text);
}

void row_text_or_nil(struct row *row, struct span text) {
    if (text.size == 0)
        row_nil(row);
    else
        row_text(row, text);
}

void row_nil(struct row *row) {
    column_next(row, COLUMN_TYPE_COUNT, true);
    buf_byte(&row->bytes, 0xc0);
}

void row_u64(struct row *row, uint64_t value) {
    column_next(row, COLUMN_U64, false);
    add_u64(&row->bytes, value);
}

void row_time(struct row *row, int64_t utc_s) {
    column_next(row, COLUMN_TIME, false);
    if (utc_s >= 0) {
        add_u64(&row->bytes, (uint64_t)utc_s);
    } else {
        buf_byte(&row->bytes, 0xd3);
        buf_be64(&row->bytes, (uint64_t)utc_s);
    }
}

void row_f64(struct row *row, double value) {
    column_next(row, COLUMN_F64, false);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    buf_byte(&row->bytes, 0xcb);
    buf_be64(&row->bytes, bits);
}

void row_bool(struct row *row, bool value) {
    column_next(row, COLUMN_BOOL, false);
    buf_byte(&row->bytes, value ? 0xc3 : 0xc2);
}

void row_list(struct row *row, const struct span *items, size_t count) {
    column_next(row, COLUMN_TEXT_LIST, false);
    add_count(&row->bytes, count, 0x90, 0xdc);
    for (size_t i = 0; i < count; i++)
        add_text(&row->bytes, items[i]);
}

void row_map(struct row *row, const struct span *pairs, size_t count) {
    column_next(row, COLUMN_TEXT_MAP, false);
    add_count(&row->bytes, count, 0x80, 0xde);
    for (size_t i = 0; i < 2 * count; i++)
        add_text(&row->bytes, pairs[i]);
}

/* How many bytes the value at the start takes with its head, and how many values follow that belong to it; 0 bytes: cut
 * off, or nothing that this file writes. */
static size_t value_skip(struct span bytes, uint64_t *ret_inner) {
    struct reader reader = reader_init(bytes);
    uint8_t head = read_u8(&reader);
    uint64_t size = 0;
    *ret_inner = 0;
    if ((head & 0xe0) == 0xa0)
        size = head & 0x1f;
    else if (head == 0xd9)
        size = read_u8(&reader);
    else if (head == 0xda)
        size = read_be16(&reader);
    else if (head == 0xdb)
        size = read_be32(&reader);
    else if (head >= 0xcc && head <= 0xcf)
        size = (uint64_t)1 << (head - 0xcc);
    else if (head == 0xd3 || head == 0xcb)
        size = 8;
    else if ((head & 0xf0) == 0x90 || (head & 0xf0) == 0x80)
        *ret_inner = (uint64_t)(head & 0x0f) << ((head & 0xf0) == 0x80);
    else if (head == 0xdc || head == 0xde)
        *ret_inner = (uint64_t)read_be16(&reader) << (head == 0xde);
    else if (head == 0xdd || head == 0xdf)
        *ret_inner = (uint64_t)read_be32(&reader) << (head == 0xdf);
    else if (head >= 0x80 && head != 0xc0 && head != 0xc2 && head != 0xc3)
        return 0;
    (void)read_bytes(&reader, (size_t)size);
    return reader.failed ? 0 : reader.offset;
}

void row_encoded(struct row *row, struct span columns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t size = 0, step;
        uint64_t left = 1, inner;
        for (; left > 0; left--, left += inner, size += step) {
            step = value_skip(span_from(columns, size), &inner);
            if (step == 0) {
                row->bytes.failed = true;
                return;
            }
        }
        assert(row->column < table_info(row->table)->column_count);
        row->offsets[row->column++] = (uint32_t)row->bytes.size;
        buf_add(&row->bytes, span_slice(columns, 0, size));
        columns = span_from(columns, size);
    }
    if (columns.size > 0)
        row->bytes.failed = true;
}

int row_end(struct row *row, struct err *err) {
    const struct table_info *info = table_info(row->table);
    assert(row->column == info->column_count);
    if (row->bytes.failed || row->bytes.size > UINT32_MAX)
        return err_set(err, ERR_NOMEM, 0, "row of table %s: out of memory", info->name);
    row->offsets[row->column] = (uint32_t)row->bytes.size;
    return 0;
}

struct span row_columns(const struct row *row, size_t first, size_t count) {
    assert(first + count <= row->column);
    return span_slice(buf_span(&row->bytes), row->offsets[first], row->offsets[first + count] - row->offsets[first]);
}

struct span row_column(const struct row *row, size_t column) {
    return row_columns(row, column, 1);
}
