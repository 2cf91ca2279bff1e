/* Gentoo's order: Package Manager Specification 8, section 3.3.
 *
 * number{.number}[letter]{_suffix[number]}[-rnumber]: numbers behind the first that begin with 0 (or
 * whose counterpart does) are fractions, compared as text without their last zeros; more numbers win
 * before the letter is looked at. */
#include "matchers/version/version_rules.h"

enum {
    TAG_NUMBERS_END = 1,
    TAG_FRACTION, /* text that begins with 0 is less than text that does not */
    TAG_NUMBER,

    TAG_SUFFIX_PRE = 1, /* alpha, beta, pre, rc */
    TAG_SUFFIXES_END = TAG_SUFFIX_PRE + 4,
    TAG_SUFFIX_P
};

static void component_key(struct span digits, struct buf *key) {
    if (digits.data[0] != '0') {
        key_number(key, TAG_NUMBER, digits);
        return;
    }
    while (digits.size > 0 && digits.data[digits.size - 1] == '0')
        digits.size--;
    buf_byte(key, TAG_FRACTION);
    key_text(key, digits);
}

static bool suffix_key(struct version_text *in, struct buf *key) {
    static const struct {
        const char *name;
        uint8_t tag;
    } suffixes[] = {{"alpha", TAG_SUFFIX_PRE},
                    {"beta", TAG_SUFFIX_PRE + 1},
                    {"pre", TAG_SUFFIX_PRE + 2},
                    {"rc", TAG_SUFFIX_PRE + 3},
                    {"p", TAG_SUFFIX_P}};
    struct span name = version_text_letters(in);
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
        if (span_is(name, suffixes[i].name)) {
            buf_byte(key, suffixes[i].tag);
            key_number(key, 0, version_text_digits(in));
            return true;
        }
    }
    return false;
}

static bool gentoo_key(struct span text, struct buf *key) {
    struct version_text in = {text_trim(text), 0};
    struct span digits = version_text_digits(&in);
    if (digits.size == 0)
        return false;
    key_number(key, 0, digits);
    while (version_text_skip(&in, '.')) {
        digits = version_text_digits(&in);
        if (digits.size == 0)
            return false;
        component_key(digits, key);
    }
    buf_byte(key, TAG_NUMBERS_END);
    uint8_t letter = version_text_peek(&in);
    if (text_is_lower(letter))
        in.at++;
    buf_byte(key, text_is_lower(letter) ? letter : 0);
    while (version_text_skip(&in, '_')) {
        if (!suffix_key(&in, key))
            return false;
    }
    buf_byte(key, TAG_SUFFIXES_END);
    struct span revision = {NULL, 0};
    if (version_text_skip(&in, '-')) {
        if (!version_text_skip(&in, 'r'))
            return false;
        revision = version_text_digits(&in);
        if (revision.size == 0)
            return false;
    }
    key_number(key, 0, revision);
    return !version_text_left(&in);
}

const struct version_rules version_rules_gentoo = {.key = gentoo_key};
