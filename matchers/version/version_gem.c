/* RubyGems' order: Gem::Version.
 *
 * Segments are runs of digits and runs of letters; "-" stands for ".pre.". Zeros do not count at the end of the numbers before
 * the first word, nor at the very end, and what is missing is zero. Words sort before numbers. */
#include "matchers/version/version_rules.h"

struct segments {
    struct version_text in;
};

/* The next segment; false at the end. */
static bool segment_take(struct segments *segments, struct span *ret_segment) {
    while (version_text_left(&segments->in)) {
        uint8_t c = version_text_peek(&segments->in);
        if (c == '-') {
            segments->in.at++;
            *ret_segment = span_text("pre");
            return true;
        }
        *ret_segment = text_is_digit(c) ? version_text_digits(&segments->in) : version_text_letters(&segments->in);
        if (ret_segment->size > 0)
            return true;
        segments->in.at++;
    }
    return false;
}

static bool is_zero(struct span number) {
    for (size_t i = 0; i < number.size; i++) {
        if (number.data[i] != '0')
            return false;
    }
    return true;
}

static bool gem_is_valid(struct span text) {
    struct version_text in = {text_trim(text), 0};
    if (in.text.size == 0)
        return true; /* RubyGems reads it as 0 */
    if (version_text_digits(&in).size == 0)
        return false;
    while (version_text_skip(&in, '.')) {
        if (version_text_alnum(&in).size == 0)
            return false;
    }
    if (!version_text_left(&in))
        return true;
    if (!version_text_skip(&in, '-'))
        return false;
    do {
        size_t from = in.at;
        while (text_is_alnum(version_text_peek(&in)) || version_text_peek(&in) == '-')
            in.at++;
        if (in.at == from)
            return false;
    } while (version_text_skip(&in, '.'));
    return !version_text_left(&in);
}

static bool gem_key(struct span text, struct buf *key) {
    struct segments segments = {.in = {text_trim(text), 0}};
    struct span segment;
    size_t zeros = 0;
    bool in_numbers = true;
    for (size_t i = 0; i < segments.in.text.size; i++) {
        uint8_t c = segments.in.text.data[i];
        if (!text_is_alnum(c) && c != '.' && c != '-' && c != '_' && c != '+')
            return false;
    }
    if (segments.in.text.size > 0 && !text_is_alnum(segments.in.text.data[0]))
        return false;
    while (segment_take(&segments, &segment)) {
        if (!text_is_digit(segment.data[0])) {
            /* Zeros right before the first word are dropped: "1.0.a" is "1.a". */
            key_padding(key, in_numbers ? 0 : zeros, true);
            key_text(key, segment);
            in_numbers = false;
            zeros = 0;
        } else if (is_zero(segment)) {
            zeros++;
        } else {
            key_padding(key, zeros, false);
            key_number(key, KEY_PADDED_MORE, segment);
            zeros = 0;
        }
    }
    buf_byte(key, KEY_PADDED_END);
    return true;
}

const struct version_rules version_rules_gem = {.key = gem_key, .is_valid = gem_is_valid};
