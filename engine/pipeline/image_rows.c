#include "engine/pipeline/image_rows.h"

void image_rows_columns(size_t *ret_first, size_t *ret_count) {
    *ret_first = table_column(TABLE_IMAGE, span_text("media_type"));
    *ret_count = table_column(TABLE_IMAGE, span_text("labels")) - *ret_first + 1;
}

/* The image's own columns come first and are known last: eight bytes say where they stand. */
void image_rows_begin(struct image_rows *rows, struct span package_set) {
    buf_reset(&rows->bytes);
    rows->open = true;
    buf_le64(&rows->bytes, 0);
    text_pack(package_set, &rows->bytes);
}

void image_rows_add(struct image_rows *rows, const struct row *row) {
    if (!rows->open)
        return;
    buf_byte(&rows->bytes, IMAGE_ROWS_ROW);
    buf_byte(&rows->bytes, (uint8_t)row->table);
    text_pack(row_columns(row, 1, row->column - 1), &rows->bytes);
}

void image_rows_blocks(struct image_rows *rows, struct span blocks) {
    if (!rows->open)
        return;
    buf_byte(&rows->bytes, IMAGE_ROWS_BLOCKS);
    buf_byte(&rows->bytes, 0);
    text_pack(blocks, &rows->bytes);
}

void image_rows_secret(struct image_rows *rows, const struct layer_secret *secret, struct span location,
                       const char *state, bool is_row) {
    if (!rows->open)
        return;
    struct layer_secret kept = {.path = location,
                                .rule = secret->rule,
                                .redacted = secret->redacted,
                                .fingerprint = secret->fingerprint,
                                .severity = secret->severity,
                                .confidence = secret->confidence};
    buf_byte(&rows->bytes, IMAGE_ROWS_SECRET);
    buf_byte(&rows->bytes, is_row);
    text_pack(span_text(state), &rows->bytes);
    secret_pack(&kept, &rows->bytes);
}

void image_rows_end(struct image_rows *rows, const struct row *image_row) {
    size_t first, count, place = rows->bytes.size;
    image_rows_columns(&first, &count);
    buf_add(&rows->bytes, row_columns(image_row, first, count));
    for (size_t i = 0; !rows->bytes.failed && i < 8; i++)
        rows->bytes.data[i] = (uint8_t)((uint64_t)place >> 8 * i);
    rows->open = false;
}

bool image_rows_open(struct span bytes, struct image_rows_reader *ret_reader) {
    struct reader reader = reader_init(bytes);
    uint64_t place = read_le64(&reader);
    if (reader.failed || place > bytes.size)
        return false;
    reader.bytes.size = (size_t)place;
    ret_reader->image_columns = span_from(bytes, (size_t)place);
    ret_reader->package_set = text_unpack(&reader);
    ret_reader->reader = reader;
    struct image_rows_reader rows = *ret_reader;
    struct image_rows_item item;
    while (image_rows_next(&rows, &item))
        ;
    return !rows.reader.failed;
}

bool image_rows_next(struct image_rows_reader *rows, struct image_rows_item *ret_item) {
    struct reader *reader = &rows->reader;
    if (reader_left(reader) == 0)
        return false;
    uint8_t kind = read_u8(reader), detail = read_u8(reader);
    *ret_item = (struct image_rows_item){.kind = (enum image_rows_kind)kind};
    if (kind == IMAGE_ROWS_BLOCKS) {
        ret_item->blocks = text_unpack(reader);
    } else if (kind == IMAGE_ROWS_SECRET) {
        ret_item->is_row = detail != 0;
        ret_item->state = text_unpack(reader);
        if (!secret_unpack(reader, &ret_item->secret))
            reader->failed = true;
    } else if (kind == IMAGE_ROWS_ROW && detail < TABLE_COUNT) {
        ret_item->table = (enum table)detail;
        ret_item->columns = text_unpack(reader);
    } else {
        reader->failed = true;
    }
    return !reader->failed;
}
