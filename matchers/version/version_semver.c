/* Semantic Versioning 2.0.0, section 11: precedence.
 *
 * The key is lenient where feeds are: a "v" in front, missing minor and patch numbers (zero), further
 * numbers, leading zeros. Build metadata has no part in precedence. */
#include "matchers/version/version_semver.h"

bool semver_identifiers_key(struct span identifiers, bool is_caseless, struct buf *key) {
    if (identifiers.size == 0)
        return false;
    while (identifiers.data != NULL) {
        struct span identifier = text_cut(&identifiers, '.');
        if (identifier.size == 0 || !text_only(identifier, "-"))
            return false;
        if (version_is_number(identifier)) {
            key_number(key, SEMVER_TAG_NUMBER, identifier);
        } else {
            buf_byte(key, SEMVER_TAG_WORD);
            (is_caseless ? key_text_lower : key_text)(key, identifier);
        }
    }
    buf_byte(key, SEMVER_TAG_PRE_END);
    return true;
}

bool semver_split(struct span text, struct semver_parts *ret_parts) {
    struct semver_parts parts = {0};
    size_t plus = span_index(text, '+', 0);
    if (plus != SIZE_MAX) {
        parts.has_build = true;
        parts.build = span_from(text, plus + 1);
        text = span_slice(text, 0, plus);
    }
    size_t dash = span_index(text, '-', 0);
    if (dash != SIZE_MAX) {
        parts.has_pre = true;
        parts.pre = span_from(text, dash + 1);
        text = span_slice(text, 0, dash);
    }
    while (text.data != NULL || parts.number_count == 0) {
        struct span number = text_cut(&text, '.');
        if (!version_is_number(number))
            return false;
        if (parts.number_count < SEMVER_NUMBERS)
            parts.numbers[parts.number_count] = number;
        else if (parts.number_count == SEMVER_NUMBERS)
            parts.more = span_make(number.data, number.size + (text.data == NULL ? 0 : text.size + 1));
        parts.number_count++;
    }
    *ret_parts = parts;
    return true;
}

bool semver_split_loose(struct span text, struct semver_parts *ret_parts) {
    size_t numbers = 0;
    while (numbers < text.size && (text_is_digit(text.data[numbers]) || text.data[numbers] == '.'))
        numbers++;
    if (numbers == 0 || numbers == text.size || !text_is_alpha(text.data[numbers]) || text.data[numbers - 1] == '.')
        return semver_split(text, ret_parts);
    if (!semver_split(span_slice(text, 0, numbers), ret_parts))
        return false;
    struct span pre = span_from(text, numbers);
    size_t plus = span_index(pre, '+', 0);
    if (plus != SIZE_MAX) {
        ret_parts->has_build = true;
        ret_parts->build = span_from(pre, plus + 1);
        pre = span_slice(pre, 0, plus);
    }
    ret_parts->has_pre = true;
    ret_parts->pre = pre;
    return true;
}

bool semver_parts_key(const struct semver_parts *parts, struct buf *key) {
    for (size_t i = 0; i < SEMVER_NUMBERS; i++)
        key_number(key, 0, parts->numbers[i]);
    key_numbers(key, SEMVER_TAG_MORE, parts->more);
    if (parts->has_pre)
        return semver_identifiers_key(parts->pre, parts->is_caseless, key);
    buf_byte(key, SEMVER_TAG_RELEASE);
    return true;
}

static bool semver_key(struct span text, struct buf *key) {
    text = text_trim(text);
    if (text.size > 1 && (text.data[0] == 'v' || text.data[0] == 'V'))
        text = span_from(text, 1);
    struct semver_parts parts;
    return semver_split(text, &parts) && semver_parts_key(&parts, key);
}

static bool number_is_strict(struct span number) {
    return version_is_number(number) && (number.size == 1 || number.data[0] != '0');
}

bool semver_identifiers_are_strict(struct span s, bool is_pre) {
    if (s.data == NULL)
        return false;
    while (s.data != NULL) {
        struct span identifier = text_cut(&s, '.');
        if (identifier.size == 0 || !text_only(identifier, "-") ||
            (is_pre && version_is_number(identifier) && !number_is_strict(identifier)))
            return false;
    }
    return true;
}

bool semver_numbers_are_strict(const struct semver_parts *parts) {
    for (size_t i = 0; i < SEMVER_NUMBERS && i < parts->number_count; i++) {
        if (!number_is_strict(parts->numbers[i]))
            return false;
    }
    return true;
}

bool semver_is_strict(struct span text) {
    struct semver_parts parts;
    return semver_split(text, &parts) && parts.number_count == SEMVER_NUMBERS && semver_numbers_are_strict(&parts) &&
           (!parts.has_pre || semver_identifiers_are_strict(parts.pre, true)) &&
           (!parts.has_build || semver_identifiers_are_strict(parts.build, false));
}

static int cargo_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                          struct err *err) {
    static const struct semver_language language = {.caret_by_default = true, .commas = true};
    return semver_in_range(&language, rules, range, version, ret_inside, err);
}

const struct version_rules version_rules_semver = {.key = semver_key, .is_valid = semver_is_strict};
/* The order of versions that Cargo's registry and advisories use; Rust's semver crate also orders build
 * metadata. */
const struct version_rules version_rules_cargo = {
    .key = semver_key, .is_valid = semver_is_strict, .in_range = cargo_in_range};
