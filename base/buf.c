#include "base/buf.h"

#include <stdarg.h>

#include "base/overflow.h"
#include "base/text.h"

void buf_init(struct buf *buf, size_t size_max) { *buf = (struct buf){.size_max = size_max}; }

void buf_release(struct buf *buf) {
    if (buf == NULL)
        return;
    mem_free(buf->data);
    *buf = (struct buf){.size_max = buf->size_max};
}

void buf_reset(struct buf *buf) {
    buf->size = 0;
    buf->failed = false;
}

bool buf_reserve(struct buf *buf, size_t size) {
    size_t needed;
    if (buf->failed)
        return false;
    if (!size_add(buf->size, size, &needed) || (buf->size_max != 0 && needed > buf->size_max)) {
        buf->failed = true;
        return false;
    }
    if (needed <= buf->capacity)
        return true;
    size_t capacity = size_max(64, buf->capacity + buf->capacity / 2);
    if (capacity < needed)
        capacity = needed;
    if (buf->size_max != 0 && capacity > buf->size_max)
        capacity = buf->size_max;
    uint8_t *data = mem_resize(buf->data, capacity, 1);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_add(struct buf *buf, struct span s) {
    if (s.size == 0 || !buf_reserve(buf, s.size))
        return;
    memcpy(buf->data + buf->size, s.data, s.size);
    buf->size += s.size;
}

void buf_text(struct buf *buf, const char *text) { buf_add(buf, span_text(text)); }

void buf_byte(struct buf *buf, uint8_t byte) {
    if (buf_reserve(buf, 1))
        buf->data[buf->size++] = byte;
}

static void add_integer(struct buf *buf, uint64_t value, size_t size, bool big_endian) {
    if (!buf_reserve(buf, size))
        return;
    for (size_t i = 0; i < size; i++)
        buf->data[buf->size + i] = (uint8_t)(value >> 8 * (big_endian ? size - 1 - i : i));
    buf->size += size;
}

void buf_le16(struct buf *buf, uint16_t value) { add_integer(buf, value, 2, false); }
void buf_le32(struct buf *buf, uint32_t value) { add_integer(buf, value, 4, false); }
void buf_le64(struct buf *buf, uint64_t value) { add_integer(buf, value, 8, false); }
void buf_be16(struct buf *buf, uint16_t value) { add_integer(buf, value, 2, true); }
void buf_be32(struct buf *buf, uint32_t value) { add_integer(buf, value, 4, true); }
void buf_be64(struct buf *buf, uint64_t value) { add_integer(buf, value, 8, true); }

void buf_fill(struct buf *buf, uint8_t byte, size_t count) {
    if (count == 0 || !buf_reserve(buf, count))
        return;
    memset(buf->data + buf->size, byte, count);
    buf->size += count;
}

void buf_format(struct buf *buf, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) {
        buf->failed = true;
        return;
    }
    /* One byte more for the NUL that vsnprintf insists on; it is not counted. */
    if (!buf_reserve(buf, (size_t)size + 1))
        return;
    va_start(arguments, format);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)size;
}

void buf_json_text(struct buf *buf, struct span s) {
    buf_byte(buf, '"');
    for (size_t i = 0; i < s.size;) {
        uint8_t byte = s.data[i];
        size_t length = text_utf8_length(span_from(s, i));
        if (length == 0) {
            buf_text(buf, "\\ufffd");
            i++;
        } else if (length > 1) {
            uint32_t code;
            if (text_hidden_length(span_from(s, i), &code) > 0)
                buf_format(buf, "\\u%04x", code);
            else
                buf_add(buf, span_slice(s, i, length));
            i += length;
        } else {
            if (byte == '"' || byte == '\\') {
                buf_byte(buf, '\\');
                buf_byte(buf, byte);
            } else if (byte < 0x20 || byte == 0x7f) {
                buf_format(buf, "\\u%04x", byte);
            } else {
                buf_byte(buf, byte);
            }
            i++;
        }
    }
    buf_byte(buf, '"');
}

void buf_percent_byte(struct buf *buf, uint8_t byte) {
    static const char digits[] = "0123456789ABCDEF";
    buf_byte(buf, '%');
    buf_byte(buf, (uint8_t)digits[byte >> 4]);
    buf_byte(buf, (uint8_t)digits[byte & 15]);
}

void buf_percent(struct buf *buf, struct span s) {
    for (size_t i = 0; i < s.size; i++) {
        if (text_is_unreserved(s.data[i]))
            buf_byte(buf, s.data[i]);
        else
            buf_percent_byte(buf, s.data[i]);
    }
}
