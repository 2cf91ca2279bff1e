/* The order of rpm: rpmvercmp() over [epoch:]version[-release].
 *
 * A part is read as runs of digits and runs of letters; everything else separates and has no weight,
 * but for "~", which sorts before the end, and "^", which sorts behind it and before everything else. */
#include "matchers/version/version_rules.h"

enum { TAG_TILDE = 1, TAG_END, TAG_CARET, TAG_LETTERS, TAG_NUMBER };

static void part_key(struct span part, struct buf *key) {
    struct version_text in = {part, 0};
    while (version_text_left(&in)) {
        uint8_t c = version_text_peek(&in);
        if (text_is_digit(c)) {
            key_number(key, TAG_NUMBER, version_text_digits(&in));
        } else if (text_is_alpha(c)) {
            buf_byte(key, TAG_LETTERS);
            key_text(key, version_text_letters(&in));
        } else {
            if (c == '~' || c == '^')
                buf_byte(key, c == '~' ? TAG_TILDE : TAG_CARET);
            in.at++;
        }
    }
    buf_byte(key, TAG_END);
}

/* A missing epoch is 0; a missing release is an empty one, which is less than any other. */
static bool rpm_key(struct span text, struct buf *key) {
    struct version_text in = {text_trim(text), 0};
    if (in.text.size == 0)
        return false;
    struct span epoch = version_text_digits(&in);
    struct span version = in.text;
    if (version_text_skip(&in, ':'))
        version = span_from(in.text, in.at);
    else
        epoch = (struct span){NULL, 0};
    size_t dash = span_index_last(version, '-');
    key_number(key, 0, epoch);
    part_key(dash == SIZE_MAX ? version : span_slice(version, 0, dash), key);
    part_key(dash == SIZE_MAX ? (struct span){NULL, 0} : span_from(version, dash + 1), key);
    return true;
}

const struct version_rules version_rules_rpm = {.key = rpm_key};
