#include "base/text.h"

#include "base/buf.h"

#include <math.h>

#include "base/overflow.h"

bool text_u64(struct span s, unsigned base, uint64_t max, uint64_t *ret_value) {
    assert(base >= 2 && base <= 16);
    if (s.size == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.size; i++) {
        int digit = text_hex_value(s.data[i]);
        if (digit < 0 || (unsigned)digit >= base || !u64_mul(value, base, &value) ||
            !u64_add(value, (uint64_t)digit, &value))
            return false;
    }
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}

bool text_size(struct span s, uint64_t *ret_bytes) {
    size_t digits = 0;
    while (digits < s.size && text_is_digit(s.data[digits]))
        digits++;
    struct span unit = span_from(s, digits);
    unsigned shift = 0;
    if (unit.size > 0) {
        static const char units[] = "kmgt";
        const char *hit = memchr(units, text_lower_byte(unit.data[0]), sizeof units - 1);
        struct span tail = span_from(unit, 1);
        if (hit != NULL)
            shift = 10 * (unsigned)(hit - units + 1);
        else if (text_lower_byte(unit.data[0]) != 'b' || tail.size != 0)
            return false;
        if (tail.size != 0 && !text_equal_nocase(tail, span_text("b")) && !text_equal_nocase(tail, span_text("ib")))
            return false;
    }
    uint64_t value;
    if (!text_u64(span_slice(s, 0, digits), 10, UINT64_MAX >> shift, &value))
        return false;
    *ret_bytes = value << shift;
    return true;
}

struct span text_trim(struct span s) {
    while (s.size > 0 && text_is_space(s.data[0])) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && text_is_space(s.data[s.size - 1]))
        s.size--;
    return s;
}

bool text_equal_nocase(struct span a, struct span b) {
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        if (text_lower_byte(a.data[i]) != text_lower_byte(b.data[i]))
            return false;
    }
    return true;
}

bool text_only(struct span s, const char *signs) {
    size_t sign_count = strlen(signs);
    for (size_t i = 0; i < s.size; i++) {
        if (!text_is_alnum(s.data[i]) && memchr(signs, s.data[i], sign_count) == NULL)
            return false;
    }
    return true;
}

struct span text_cut(struct span *rest, uint8_t byte) {
    size_t at = span_index(*rest, byte, 0);
    struct span head = *rest;
    if (at == SIZE_MAX) {
        *rest = (struct span){NULL, 0};
        return head;
    }
    head.size = at;
    *rest = (struct span){rest->data + at + 1, rest->size - at - 1};
    return head;
}

bool text_next_quoted(struct span *rest, struct span *ret_text) {
    for (size_t i = 0; i < rest->size; i++) {
        uint8_t quote = rest->data[i];
        if (quote == '#')
            return false;
        if (quote != '"' && quote != '\'')
            continue;
        size_t end = span_index(*rest, quote, i + 1);
        if (end == SIZE_MAX)
            return false;
        *ret_text = span_slice(*rest, i + 1, end - i - 1);
        *rest = span_from(*rest, end + 1);
        return true;
    }
    return false;
}

size_t text_utf8_length(struct span s) {
    if (s.size == 0)
        return 0;
    uint8_t lead = s.data[0];
    if (lead < 0x80)
        return 1;
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || s.size < length)
        return 0;
    uint8_t low = 0x80, high = 0xbf;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (s.data[1] < low || s.data[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((s.data[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

bool text_is_utf8(struct span s) {
    while (s.size > 0) {
        /* Eight ASCII bytes at a time: nearly all text of a sweep is ASCII, and every row is checked twice. */
        uint64_t eight;
        if (s.size >= sizeof eight) {
            memcpy(&eight, s.data, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                s = span_from(s, sizeof eight);
                continue;
            }
        }
        size_t length = text_utf8_length(s);
        if (length == 0)
            return false;
        s = span_from(s, length);
    }
    return true;
}

size_t text_hidden_length(struct span s, uint32_t *ret_code) {
    uint32_t code;
    /* All of them begin with one of four bytes: others cost one look. */
    if (s.size < 2 || (s.data[0] != 0xc2 && s.data[0] != 0xd8 && s.data[0] != 0xe2 && s.data[0] != 0xef))
        return 0;
    size_t length = text_utf8_length(s);
    if (length == 2)
        code = (uint32_t)(s.data[0] & 0x1f) << 6 | (s.data[1] & 0x3f);
    else if (length == 3)
        code = (uint32_t)(s.data[0] & 0x0f) << 12 | (uint32_t)(s.data[1] & 0x3f) << 6 | (s.data[2] & 0x3f);
    else
        return 0;
    bool hidden = (code >= 0x80 && code < 0xa0) || code == 0x61c || code == 0x200b || code == 0x200e ||
                  code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x2069) ||
                  code == 0xfeff;
    if (!hidden)
        return 0;
    *ret_code = code;
    return length;
}

const char *text_quote(struct span s, char *out, size_t out_size) {
    static const char ellipsis[] = "\xe2\x80\xa6";
    assert(out_size >= 8);
    size_t room = out_size - sizeof ellipsis; /* leaves space for the ellipsis and the NUL */
    size_t used = 0;
    while (s.size > 0) {
        char piece[8];
        size_t piece_size;
        size_t length = text_utf8_length(s);
        uint8_t byte = s.data[0];
        /* C1 controls (U+0080 to U+009F) drive terminals as well as C0 does. */
        bool c1 = length == 2 && byte == 0xc2 && s.data[1] < 0xa0;
        uint32_t code;
        if (!c1 && text_hidden_length(s, &code) > 0) {
            piece_size = (size_t)snprintf(piece, sizeof piece, "\\u%04x", code & 0xffff);
        } else if (length > 1 && !c1) {
            memcpy(piece, s.data, length);
            piece_size = length;
        } else if (length == 1 && byte >= 0x20 && byte != 0x7f && byte != '\\') {
            piece[0] = (char)byte;
            piece_size = 1;
        } else {
            length = 1;
            if (byte == '\n' || byte == '\t' || byte == '\\')
                piece_size = (size_t)snprintf(piece, sizeof piece, "\\%c",
                                              byte == '\n'   ? 'n'
                                              : byte == '\t' ? 't'
                                                             : '\\');
            else
                piece_size = (size_t)snprintf(piece, sizeof piece, "\\x%02x", byte);
        }
        if (piece_size > room - used) {
            memcpy(out + used, ellipsis, sizeof ellipsis - 1);
            used += sizeof ellipsis - 1;
            break;
        }
        memcpy(out + used, piece, piece_size);
        used += piece_size;
        s = span_from(s, length);
    }
    out[used] = '\0';
    return out;
}

/* Matches one byte against the class that begins behind '[' at `*at`; moves `*at` behind the ']'. An unclosed class
 * matches a literal '['. */
static bool class_match(struct span pattern, size_t *at, uint8_t byte) {
    size_t i = *at;
    bool negate = i < pattern.size && (pattern.data[i] == '!' || pattern.data[i] == '^');
    i += negate;
    bool hit = false;
    for (size_t first = i; i < pattern.size && (pattern.data[i] != ']' || i == first); i++) {
        uint8_t low = pattern.data[i], high = low;
        if (i + 2 < pattern.size && pattern.data[i + 1] == '-' && pattern.data[i + 2] != ']') {
            high = pattern.data[i + 2];
            i += 2;
        }
        hit = hit || (byte >= low && byte <= high);
    }
    if (i >= pattern.size)
        return byte == '[';
    *at = i + 1;
    return hit != negate && byte != '/';
}

bool text_glob(struct span pattern, struct span text) {
    size_t p = 0, t = 0;
    /* Where to go on after a mismatch: the last `*` and the last `**`, each with the text it has taken so far. */
    size_t star_p = SIZE_MAX, star_t = 0, deep_p = SIZE_MAX, deep_t = 0;
    for (;;) {
        if (p < pattern.size && pattern.data[p] == '*') {
            if (p + 1 < pattern.size && pattern.data[p + 1] == '*') {
                p += 2;
                if (p < pattern.size && pattern.data[p] == '/')
                    p++;
                deep_p = p;
                deep_t = t;
                star_p = SIZE_MAX;
            } else {
                star_p = ++p;
                star_t = t;
            }
            continue;
        }
        if (t == text.size && p == pattern.size)
            return true;
        if (t < text.size && p < pattern.size) {
            size_t next = p + 1;
            uint8_t want = pattern.data[p], got = text.data[t];
            bool hit = want == '?' ? got != '/' : want == '[' ? class_match(pattern, &next, got) : want == got;
            if (hit) {
                p = next;
                t++;
                continue;
            }
        }
        if (star_p != SIZE_MAX && star_t < text.size && text.data[star_t] != '/') {
            p = star_p;
            t = ++star_t;
        } else if (deep_p != SIZE_MAX && deep_t < text.size) {
            /* A "**" "/" takes whole components: go on behind the next slash. A final "**" takes everything. */
            bool whole = deep_p > 0 && pattern.data[deep_p - 1] == '/';
            if (whole) {
                size_t slash = span_index(text, '/', deep_t);
                if (slash == SIZE_MAX)
                    return false;
                deep_t = slash + 1;
            } else {
                deep_t++;
            }
            p = deep_p;
            t = deep_t;
            star_p = SIZE_MAX;
        } else {
            return false;
        }
    }
}

double text_entropy(struct span s) {
    size_t counts[256] = {0};
    for (size_t i = 0; i < s.size; i++)
        counts[s.data[i]]++;
    double bits = 0;
    for (size_t i = 0; i < 256; i++) {
        if (counts[i] > 0) {
            double share = (double)counts[i] / (double)s.size;
            bits -= share * log2(share);
        }
    }
    return bits;
}

bool text_hex_decode(struct span digits, struct buf *out) {
    size_t begin = out->size;
    bool good = digits.size % 2 == 0 && digits.size > 0;
    for (size_t i = 0; good && i < digits.size; i += 2) {
        int high = text_hex_value(digits.data[i]), low = text_hex_value(digits.data[i + 1]);
        good = high >= 0 && low >= 0;
        if (good)
            buf_byte(out, (uint8_t)(high << 4 | low));
    }
    if (!good)
        out->size = begin;
    return good;
}
