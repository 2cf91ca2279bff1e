#include "shard/row_view.h"

#include "base/reader.h"
#include "base/text.h"

/* The MessagePack types that a row may hold. Everything else (bin, ext, float32, negative text lengths there are none)
 * is FORMAT. */
enum {
    MSGPACK_NIL = 0xc0,
    MSGPACK_FALSE = 0xc2,
    MSGPACK_TRUE = 0xc3,
    MSGPACK_F64 = 0xcb,
    MSGPACK_U8 = 0xcc,
    MSGPACK_U64 = 0xcf,
    MSGPACK_I8 = 0xd0,
    MSGPACK_I64 = 0xd3,
    MSGPACK_STR8 = 0xd9,
    MSGPACK_STR16 = 0xda,
    MSGPACK_STR32 = 0xdb,
    MSGPACK_ARRAY16 = 0xdc,
    MSGPACK_ARRAY32 = 0xdd,
    MSGPACK_MAP16 = 0xde,
    MSGPACK_MAP32 = 0xdf
};

static struct span text_read(struct reader *r) {
    uint8_t head = read_u8(r);
    size_t size = 0;
    if ((head & 0xe0) == 0xa0)
        size = head & 0x1f;
    else if (head == MSGPACK_STR8)
        size = read_u8(r);
    else if (head == MSGPACK_STR16)
        size = read_be16(r);
    else if (head == MSGPACK_STR32)
        size = read_be32(r);
    else
        r->failed = true;
    return read_bytes(r, size);
}

/* An integer of any width. `*ret_negative` means that the value is a two's complement. */
static uint64_t integer_read(struct reader *r, bool *ret_negative) {
    uint8_t head = read_u8(r);
    *ret_negative = false;
    if (head < 0x80)
        return head;
    if (head >= 0xe0) {
        *ret_negative = true;
        return (uint64_t)(int64_t)(int8_t)head;
    }
    if (head >= MSGPACK_U8 && head <= MSGPACK_U64)
        return reader_integer(r, (size_t)1 << (head - MSGPACK_U8), true);
    if (head >= MSGPACK_I8 && head <= MSGPACK_I64) {
        size_t size = (size_t)1 << (head - MSGPACK_I8);
        uint64_t value = reader_integer(r, size, true);
        uint64_t sign = UINT64_C(1) << (8 * size - 1);
        *ret_negative = (value & sign) != 0;
        return (value ^ sign) - sign; /* sign extension without shifts of negative numbers */
    }
    r->failed = true;
    return 0;
}

static size_t count_read(struct reader *r, uint8_t fix, uint8_t wide16) {
    uint8_t head = read_u8(r);
    if ((head & 0xf0) == fix)
        return head & 0x0f;
    if (head == wide16)
        return read_be16(r);
    if (head == wide16 + 1)
        return read_be32(r);
    r->failed = true;
    return 0;
}

/* Runs over one value of the column's type; false when it is not one. Texts are counted against the bytes by reading
 * them: a count of four billion over an empty rest ends at the first one. */
static bool value_check(struct reader *r, const struct column *column) {
    if (column->nullable && reader_left(r) > 0 && r->bytes.data[r->offset] == MSGPACK_NIL) {
        read_skip(r, 1);
        return true;
    }
    bool negative = false;
    size_t texts = 0;
    switch (column->type) {
    case COLUMN_TEXT:
        texts = 1;
        break;
    case COLUMN_U64:
        (void)integer_read(r, &negative);
        return !r->failed && !negative;
    case COLUMN_TIME: {
        uint64_t value = integer_read(r, &negative);
        return !r->failed && (negative || value <= INT64_MAX);
    }
    case COLUMN_F64:
        r->failed = read_u8(r) != MSGPACK_F64 || r->failed;
        read_skip(r, 8);
        return !r->failed;
    case COLUMN_BOOL: {
        uint8_t head = read_u8(r);
        return !r->failed && (head == MSGPACK_FALSE || head == MSGPACK_TRUE);
    }
    case COLUMN_TEXT_LIST:
        texts = count_read(r, 0x90, MSGPACK_ARRAY16);
        break;
    case COLUMN_TEXT_MAP:
        texts = 2 * count_read(r, 0x80, MSGPACK_MAP16);
        break;
    case COLUMN_TYPE_COUNT:
        assert(false); /* no column is of this type */
        return false;
    }
    for (size_t i = 0; i < texts && !r->failed; i++)
        r->failed = !text_is_utf8(text_read(r)) || r->failed;
    return !r->failed;
}

int row_view_parse(enum table table, struct span bytes, struct row_view *ret_view, struct err *err) {
    static const char *const expected[COLUMN_TYPE_COUNT] = {
        [COLUMN_TEXT] = "UTF-8 text",
        [COLUMN_U64] = "a non-negative integer",
        [COLUMN_TIME] = "an integer",
        [COLUMN_F64] = "a float64",
        [COLUMN_BOOL] = "a boolean",
        [COLUMN_TEXT_LIST] = "a list of UTF-8 text",
        [COLUMN_TEXT_MAP] = "a map of UTF-8 text",
    };
    const struct table_info *info = table_info(table);
    struct reader r = reader_init(bytes);
    ret_view->table = table;
    for (size_t i = 0; i < info->column_count; i++) {
        size_t begin = r.offset;
        if (!value_check(&r, &info->columns[i])) {
            if (begin == bytes.size)
                return err_set(err, ERR_FORMAT, 0, "%s.%s: expected %s, found the end", info->name,
                               info->columns[i].name, expected[info->columns[i].type]);
            return err_set(err, ERR_FORMAT, 0, "%s.%s: expected %s, found msgpack byte 0x%02x and what follows",
                           info->name, info->columns[i].name, expected[info->columns[i].type], bytes.data[begin]);
        }
        ret_view->columns[i] = span_slice(bytes, begin, r.offset - begin);
    }
    ret_view->bytes = span_slice(bytes, 0, r.offset);
    return 0;
}

struct row_view row_view_of(const struct row *row) {
    struct row_view view = {.table = row->table, .bytes = buf_span(&row->bytes)};
    assert(row->column == table_info(row->table)->column_count);
    for (size_t i = 0; i < row->column; i++)
        view.columns[i] = row_column(row, i);
    return view;
}

static struct reader column_reader(const struct row_view *view, size_t column, enum column_type type) {
    assert(column < table_info(view->table)->column_count);
    assert(table_info(view->table)->columns[column].type == type);
    (void)type;
    return reader_init(view->columns[column]);
}

bool row_view_is_nil(const struct row_view *view, size_t column) {
    assert(column < table_info(view->table)->column_count);
    return view->columns[column].data[0] == MSGPACK_NIL;
}

struct span row_view_text(const struct row_view *view, size_t column) {
    struct reader r = column_reader(view, column, COLUMN_TEXT);
    return text_read(&r); /* nil fails, which gives the empty text */
}

uint64_t row_view_u64(const struct row_view *view, size_t column) {
    struct reader r = column_reader(view, column, COLUMN_U64);
    bool negative;
    return integer_read(&r, &negative);
}

int64_t row_view_time(const struct row_view *view, size_t column) {
    struct reader r = column_reader(view, column, COLUMN_TIME);
    bool negative;
    return (int64_t)integer_read(&r, &negative);
}

double row_view_f64(const struct row_view *view, size_t column) {
    struct reader r = column_reader(view, column, COLUMN_F64);
    double value = 0;
    if (read_u8(&r) == MSGPACK_F64) {
        uint64_t bits = read_be64(&r);
        memcpy(&value, &bits, sizeof value);
    }
    return value;
}

bool row_view_bool(const struct row_view *view, size_t column) {
    struct reader r = column_reader(view, column, COLUMN_BOOL);
    return read_u8(&r) == MSGPACK_TRUE;
}

static struct row_items items_begin(struct reader r, uint8_t fix, uint8_t wide16, size_t texts_each) {
    size_t count = count_read(&r, fix, wide16);
    if (r.failed)
        return (struct row_items){{NULL, 0}, 0};
    return (struct row_items){span_from(r.bytes, r.offset), count * texts_each};
}

struct row_items row_view_list(const struct row_view *view, size_t column) {
    return items_begin(column_reader(view, column, COLUMN_TEXT_LIST), 0x90, MSGPACK_ARRAY16, 1);
}

struct row_items row_view_map(const struct row_view *view, size_t column) {
    return items_begin(column_reader(view, column, COLUMN_TEXT_MAP), 0x80, MSGPACK_MAP16, 2);
}

bool row_items_next(struct row_items *items, struct span *ret_text) {
    if (items->left == 0)
        return false;
    struct reader r = reader_init(items->rest);
    struct span text = text_read(&r);
    if (r.failed) {
        items->left = 0;
        return false;
    }
    items->left--;
    items->rest = span_from(r.bytes, r.offset);
    *ret_text = text;
    return true;
}
