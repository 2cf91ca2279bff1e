/* Conan's order: its Version class. main[-pre][+build], each items apart by dots.
 *
 * Two items that are whole numbers compare as such, all others as text: 2 < 10, "10" < "1a", "1a" < "2". That is a
 * circle, so that no key has this order. Zeros at the end of a part do not count; a version with a pre-release part
 * is less than the one without; builds count, none being the least. */
#include "matchers/version/version_rules.h"

struct conan_parts {
    struct span main, pre, build;
    bool has_pre, has_build;
};

static struct conan_parts parts_of(struct span text) {
    struct conan_parts parts = {.main = text};
    size_t plus = span_index_last(text, '+');
    if (plus != SIZE_MAX) {
        parts.has_build = true;
        parts.build = span_from(text, plus + 1);
        parts.main = span_slice(text, 0, plus);
    }
    size_t dash = span_index(parts.main, '-', 0);
    if (dash != SIZE_MAX) {
        parts.has_pre = true;
        parts.pre = span_from(parts.main, dash + 1);
        parts.main = span_slice(parts.main, 0, dash);
    }
    return parts;
}

/* A whole number, maybe with a sign, as Python's int() reads it; without its zeros. */
static bool item_number(struct span item, bool *ret_negative, struct span *ret_digits) {
    bool negative = item.size > 0 && item.data[0] == '-';
    struct span digits = negative || (item.size > 0 && item.data[0] == '+') ? span_from(item, 1) : item;
    if (!version_is_number(digits))
        return false;
    *ret_digits = version_zeros_skip(digits);
    *ret_negative = negative && ret_digits->size > 0;
    return true;
}

/* A number, written out without its zeros, as text. */
static int number_text_order(bool negative, struct span digits, struct span text) {
    if (negative) {
        if (text.size == 0 || text.data[0] != '-')
            return text.size > 0 && text.data[0] > '-' ? -1 : 1;
        text = span_from(text, 1);
    }
    return span_compare(digits.size == 0 ? span_text("0") : digits, text);
}

static int item_order(struct span a, struct span b) {
    bool a_negative = false;
    bool b_negative = false;
    struct span a_digits;
    struct span b_digits;
    bool a_number = item_number(a, &a_negative, &a_digits);
    bool b_number = item_number(b, &b_negative, &b_digits);
    if (!a_number && !b_number)
        return span_compare(a, b);
    if (!b_number)
        return number_text_order(a_negative, a_digits, b);
    if (!a_number)
        return -number_text_order(b_negative, b_digits, a);
    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    int order = version_numbers_order(a_digits, b_digits);
    return a_negative ? -order : order;
}

/* How many items a part has, those at the end that are zero not counted. */
static size_t item_count(struct span part) {
    size_t count = 0;
    size_t kept = 0;
    bool more = true;
    while (more) {
        size_t dot = span_index(part, '.', 0);
        bool negative = false;
        struct span digits;
        count++;
        if (!item_number(dot == SIZE_MAX ? part : span_slice(part, 0, dot), &negative, &digits) || digits.size > 0)
            kept = count;
        more = dot != SIZE_MAX;
        part = span_from(part, more ? dot + 1 : 0);
    }
    return kept;
}

static int part_order(struct span a, struct span b) {
    size_t a_count = item_count(a);
    size_t b_count = item_count(b);
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        int order = item_order(text_cut(&a, '.'), text_cut(&b, '.'));
        if (order != 0)
            return order;
    }
    return (a_count > b_count) - (a_count < b_count);
}

static int conan_compare(struct span a, struct span b, int *ret_order, struct err *err) {
    if (a.size == 0 || b.size == 0)
        return err_set(err, ERR_FORMAT, 0, "version '': not one of its scheme");
    struct conan_parts left = parts_of(a);
    struct conan_parts right = parts_of(b);
    int order = part_order(left.main, right.main);
    if (order == 0 && left.has_pre != right.has_pre)
        order = left.has_pre ? -1 : 1;
    else if (order == 0 && left.has_pre)
        order = part_order(left.pre, right.pre);
    if (order == 0 && left.has_build != right.has_build)
        order = left.has_build ? 1 : -1;
    else if (order == 0 && left.has_build)
        order = part_order(left.build, right.build);
    *ret_order = (order > 0) - (order < 0);
    return 0;
}

/* The text itself: what has equal keys is equal, and no more. */
static bool conan_key(struct span text, struct buf *key) {
    text = text_trim(text);
    key_text(key, text);
    return text.size > 0;
}

const struct version_rules version_rules_conan = {.key = conan_key, .compare = conan_compare};
