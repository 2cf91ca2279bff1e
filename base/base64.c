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

int base64_value(uint8_t digit) {
    if (text_is_upper(digit))
        return digit - 'A';
    if (text_is_lower(digit))
        return digit - 'a' + 26;
    if (text_is_digit(digit))
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
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
        if (base64_value(text.data[i]) < 0)
            return false;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < text.size; i++) {
        bits = bits << 6 | (uint32_t)base64_value(text.data[i]);
        if (i % 4 > 0) /* the second letter completes the first byte, and so on */
            buf_byte(buf, (uint8_t)(bits >> (6 - 2 * (i % 4))));
    }
    return true;
}
