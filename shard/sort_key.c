#include "shard/sort_key.h"

/* A zero byte inside a text becomes 00 ff and its end 00 00: so a text sorts before every longer one that begins with
 * it, whatever stands behind it in the key. */
static void key_add_text(struct buf *buf, struct span text) {
    for (;;) {
        size_t zero = span_index(text, 0, 0);
        buf_add(buf, span_slice(text, 0, zero));
        buf_byte(buf, 0);
        if (zero == SIZE_MAX) {
            buf_byte(buf, 0);
            return;
        }
        buf_byte(buf, 0xff);
        text = span_from(text, zero + 1);
    }
}

static void key_add_column(struct buf *buf, const struct row_view *view, size_t column) {
    if (row_view_is_nil(view, column)) {
        buf_byte(buf, 0);
        return;
    }
    buf_byte(buf, 1);
    enum column_type type = table_info(view->table)->columns[column].type;
    if (type == COLUMN_TEXT) {
        key_add_text(buf, row_view_text(view, column));
    } else {
        assert(type == COLUMN_U64); /* what the tables have for keys; tests/unit/test_shard.c looks at them all */
        buf_be64(buf, row_view_u64(view, column));
    }
}

void sort_key_add(struct buf *buf, const struct row_view *view) {
    const struct table_info *info = table_info(view->table);
    buf_byte(buf, (uint8_t)view->table);
    size_t columns[TABLE_COLUMNS_MAX], count = 0;
    for (size_t i = 0; i < info->column_count; i++) {
        if (info->columns[i].key == 0)
            continue;
        columns[info->columns[i].key - 1] = i;
        count++;
    }
    for (size_t i = 0; i < count; i++)
        key_add_column(buf, view, columns[i]);
}
