/* Text in spans: numbers, trimming, folding, quoting. Bytes, ASCII rules, no locale. */
#ifndef TRAWL_TEXT_H
#define TRAWL_TEXT_H

#include "base/span.h"

static inline bool text_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static inline bool text_is_lower(uint8_t c) { return c >= 'a' && c <= 'z'; }
static inline bool text_is_upper(uint8_t c) { return c >= 'A' && c <= 'Z'; }
static inline bool text_is_alpha(uint8_t c) { return text_is_lower(c) || text_is_upper(c); }
static inline bool text_is_alnum(uint8_t c) { return text_is_alpha(c) || text_is_digit(c); }
static inline bool text_is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline uint8_t text_lower_byte(uint8_t c) { return text_is_upper(c) ? (uint8_t)(c + 32) : c; }

/* RFC 3986, 2.3: what a URL never has to escape. */
static inline bool text_is_unreserved(uint8_t c) {
    return text_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* The value of a hex digit, or -1. */
static inline int text_hex_value(uint8_t c) {
    if (text_is_digit(c))
        return c - '0';
    c = text_lower_byte(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The whole span as an unsigned number in `base` 2 to 16: digits only, at least one, at most `max`. False otherwise;
 * `*ret_value` is written on success only. */
bool text_u64(struct span s, unsigned base, uint64_t max, uint64_t *ret_value);

/* Bytes with a suffix: 512, 64K, 256M, 2G, 1T, also KiB/MiB/GiB and KB (all powers of 1024). */
bool text_size(struct span s, uint64_t *ret_bytes);

struct span text_trim(struct span s);                 /* without white space at both ends */
bool text_equal_nocase(struct span a, struct span b); /* ASCII letters folded */

/* Whether there is nothing in it but ASCII letters, digits and the bytes of `signs`; true when empty. */
bool text_only(struct span s, const char *signs);

/* Cuts `*rest` at the first `byte`: returns what is before it and leaves what is after it. Without one, returns all and
 * leaves `*rest` empty with data NULL. */
struct span text_cut(struct span *rest, uint8_t byte);

/* The next text in single or double quotes, without them; `*rest` goes on behind it. False, with `*rest` as it was,
 * when there is none before a '#', which begins a comment. Nothing is an escape. */
bool text_next_quoted(struct span *rest, struct span *ret_text);

/* The length of the well-formed UTF-8 character at the start (1 to 4), or 0. Follows Unicode 15 table 3-7: no
 * surrogates, no overlong forms. */
size_t text_utf8_length(struct span s);
bool text_is_utf8(struct span s);

/* The length of a well-formed character at the start that has no picture of its own but changes how others look: C1
 * controls, marks of direction, zero-width ones, separators of lines; 0 for any other. `*ret_code` is its code point.
 * U+200C and U+200D are not among them: scripts and emoji need those. */
size_t text_hidden_length(struct span s, uint32_t *ret_code);

/* Makes untrusted text fit to print on a terminal or in an error: controls, quotes, backslashes and bytes that are not
 * UTF-8 become \n, \t, \xNN, hidden characters \uNNNN; longer than fits ends in "…". Writes a NUL-terminated string
 * into `out` of `out_size` bytes (at least 8) and returns `out`. */
const char *text_quote(struct span s, char *out, size_t out_size);

/* Shell-style match of the whole text: `*` any run without '/', `**` any run, `?` one byte but '/', `[a-z]` a class.
 * "**" followed by '/' also matches nothing ("**" "/x" matches "x"). No recursion: O(pattern × text) at worst. */
bool text_glob(struct span pattern, struct span text);

/* Shannon entropy in bits per byte, 0 for an empty span. */
double text_entropy(struct span s);

struct buf;
/* Appends the bytes that pairs of hexadecimal digits stand for; false, with nothing appended, for anything else.
 * `out->failed` is for the caller to check. */
bool text_hex_decode(struct span digits, struct buf *out);

#endif
