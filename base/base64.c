#include "base/base64.h"

#include "base/text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *buf, struct span bytes) {
    for (size_t i = 0; i < bytes.size; i += 3) {
        struct span group = span_slice(bytes, i, 3);
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < group.size ? group.data[k] : 0U);
        for (size_t k = 0; k < 4; k++)
            buf_byte(buf, k <= group.size ? (uint8_t)alphabet[bits >> (18 - 6 * k) & 63] : (uint8_t)'=');
    }
}

static int value_of(uint8_t c) {
    if (text_is_upper(c))
        return c - 'A';
    if (text_is_lower(c))
        return c - 'a' + 26;
    if (text_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct buf *buf, struct span text) {
    size_t padding = 0;
    while (padding < 2 && text.size > 0 && text.data[text.size - 1] == '=') {
        text.size--;
        padding++;
    }
    /* One letter alone is six bits: no byte. */
    if (text.size % 4 == 1 || (padding > 0 && (text.size + padding) % 4 != 0))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (value_of(text.data[i]) < 0)
            return false;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < text.size; i++) {
        bits = bits << 6 | (uint32_t)value_of(text.data[i]);
        if (i % 4 > 0) /* the second letter completes the first byte, and so on */
            buf_byte(buf, (uint8_t)(bits >> (6 - 2 * (i % 4))));
    }
    return true;
}
