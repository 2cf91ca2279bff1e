#include "matchers/version/version_rules.h"

#include "base/limits.h"

/* 10^19 - 1 is the largest number of 19 digits and fits 64 bits. */
enum { DIGITS_SHORT = 19 };

struct span version_zeros_skip(struct span digits) {
    size_t zeros = 0;
    while (zeros < digits.size && digits.data[zeros] == '0')
        zeros++;
    return span_from(digits, zeros);
}

int version_numbers_order(struct span a, struct span b) {
    a = version_zeros_skip(a);
    b = version_zeros_skip(b);
    return a.size != b.size ? (a.size < b.size ? -1 : 1) : span_compare(a, b);
}

void key_number(struct buf *key, uint8_t tag, struct span digits) {
    digits = version_zeros_skip(digits);
    if (digits.size > DIGITS_SHORT) {
        /* A version is at most LIMIT_FIELD_BYTES long, so that its count of digits fits 16 bits. */
        assert(digits.size <= UINT16_MAX);
        buf_byte(key, (uint8_t)(tag + KEY_NUMBER_TAGS - 1));
        buf_be16(key, (uint16_t)digits.size);
        buf_add(key, digits);
        return;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++)
        value = value * 10 + (uint64_t)(digits.data[i] - '0');
    uint8_t bytes[9];
    unsigned count = 0;
    while (count < 8 && value >> (8 * count) != 0)
        count++;
    bytes[0] = (uint8_t)(tag + count);
    for (unsigned i = 0; i < count; i++)
        bytes[1 + i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    buf_add(key, span_make(bytes, 1 + count));
}

void key_numbers(struct buf *key, uint8_t tag, struct span dotted) {
    size_t size = key->size; /* behind the last number that is not zero */
    while (dotted.data != NULL) {
        size_t before = key->size;
        key_number(key, tag, text_cut(&dotted, '.'));
        if (key->size != before + 1)
            size = key->size;
    }
    if (!key->failed)
        key->size = size;
}

void key_text(struct buf *key, struct span text) {
    buf_add(key, text);
    buf_byte(key, 0);
}

void key_text_lower(struct buf *key, struct span text) {
    for (size_t i = 0; i < text.size; i++)
        buf_byte(key, text_lower_byte(text.data[i]));
    buf_byte(key, 0);
}

void key_padding(struct buf *key, size_t zeros, bool next_is_less) {
    assert(zeros < UINT16_MAX);
    if (next_is_less) {
        /* The sooner something less than zero comes, the less the sequence is. */
        buf_byte(key, KEY_PADDED_LESS);
        buf_be16(key, (uint16_t)zeros);
    } else if (zeros > 0) {
        /* The sooner something more comes, the more it is; right away is the most, and the element's
         * own tag. */
        buf_byte(key, KEY_PADDED_LATER);
        buf_be16(key, (uint16_t)(UINT16_MAX - zeros));
    }
}

struct span version_text_digits(struct version_text *in) {
    size_t from = in->at;
    while (text_is_digit(version_text_peek(in)))
        in->at++;
    return span_slice(in->text, from, in->at - from);
}

struct span version_text_letters(struct version_text *in) {
    size_t from = in->at;
    while (text_is_alpha(version_text_peek(in)))
        in->at++;
    return span_slice(in->text, from, in->at - from);
}

struct span version_text_alnum(struct version_text *in) {
    size_t from = in->at;
    while (text_is_alnum(version_text_peek(in)))
        in->at++;
    return span_slice(in->text, from, in->at - from);
}

bool version_text_word(struct version_text *in, const char *word) {
    struct span expected = span_text(word);
    if (!text_equal_nocase(span_slice(in->text, in->at, expected.size), expected))
        return false;
    in->at += expected.size;
    return true;
}

bool version_is_number(struct span s) {
    for (size_t i = 0; i < s.size; i++) {
        if (!text_is_digit(s.data[i]))
            return false;
    }
    return s.size > 0;
}

int version_rules_key(const struct version_rules *rules, struct span version, struct buf *key, struct err *err) {
    if (version.size > LIMIT_FIELD_BYTES)
        return err_set(err, ERR_LIMIT, 0, "version: %zu bytes, at most %zu are allowed", version.size,
                       LIMIT_FIELD_BYTES);
    size_t size = key->size;
    bool parsed = span_index(version, 0, 0) == SIZE_MAX && rules->key(version, key);
    if (parsed && !key->failed)
        return 0;
    key->size = size;
    char quoted[96];
    if (!parsed)
        return err_set(err, ERR_FORMAT, 0, "version '%s': not one of its scheme",
                       text_quote(version, quoted, sizeof quoted));
    return err_set(err, ERR_NOMEM, 0, "version: out of memory");
}

static int text_check(struct span version, struct err *err) {
    if (version.size > LIMIT_FIELD_BYTES)
        return err_set(err, ERR_LIMIT, 0, "version: %zu bytes, at most %zu are allowed", version.size,
                       LIMIT_FIELD_BYTES);
    if (span_index(version, 0, 0) != SIZE_MAX)
        return err_set(err, ERR_FORMAT, 0, "version: NUL byte");
    return 0;
}

int version_rules_compare(const struct version_rules *rules, struct span a, struct span b, int *ret_order,
                          struct err *err) {
    AUTO_BUF struct buf keys = {0};
    if (rules->compare != NULL) {
        if (text_check(a, err) < 0 || text_check(b, err) < 0)
            return -1;
        return rules->compare(text_trim(a), text_trim(b), ret_order, err);
    }
    if (version_rules_key(rules, a, &keys, err) < 0)
        return -1;
    size_t size = keys.size;
    if (version_rules_key(rules, b, &keys, err) < 0)
        return -1;
    struct span both = buf_span(&keys);
    int order = span_compare(span_slice(both, 0, size), span_from(both, size));
    *ret_order = (order > 0) - (order < 0);
    return 0;
}
