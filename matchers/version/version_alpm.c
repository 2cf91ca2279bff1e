/* Arch's order: what pacman's vercmp says of [epoch:]version[-release].
 *
 * A version is runs of digits and runs of letters, apart by anything else. Unlike rpm, the number of separating bytes
 * counts ("2___a" > "2_a"), letters at the end make a version older ("1.5b" < "1.5"), and a release that one side lacks
 * is ignored: 1-1 = 1 = 1-2, but 1-1 < 1-2. That equality is not transitive, so that no key has this order. */
#include "matchers/version/version_rules.h"

struct alpm_parts {
    struct span epoch, version, release;
    bool has_release;
};

static struct alpm_parts parts_of(struct span text) {
    struct alpm_parts parts = {.version = text};
    struct version_text in = {text, 0};
    struct span digits = version_text_digits(&in);
    if (version_text_skip(&in, ':')) {
        parts.epoch = digits;
        parts.version = span_from(text, in.at);
    }
    size_t dash = span_index_last(parts.version, '-');
    if (dash != SIZE_MAX) {
        parts.has_release = true;
        parts.release = span_from(parts.version, dash + 1);
        parts.version = span_slice(parts.version, 0, dash);
    }
    return parts;
}

static size_t separators_skip(struct version_text *in) {
    size_t from = in->at;
    while (version_text_left(in) && !text_is_alnum(version_text_peek(in)))
        in->at++;
    return in->at - from;
}

static int part_order(struct span left, struct span right) {
    struct version_text a = {left, 0};
    struct version_text b = {right, 0};
    if (span_equal(left, right))
        return 0;
    while (version_text_left(&a) && version_text_left(&b)) {
        size_t separators_a = separators_skip(&a);
        size_t separators_b = separators_skip(&b);
        if (!version_text_left(&a) || !version_text_left(&b))
            break;
        if (separators_a != separators_b)
            return separators_a < separators_b ? -1 : 1;
        bool is_number = text_is_digit(version_text_peek(&a));
        struct span run_a = is_number ? version_text_digits(&a) : version_text_letters(&a);
        struct span run_b = is_number ? version_text_digits(&b) : version_text_letters(&b);
        if (run_b.size == 0)
            return is_number ? 1 : -1;
        int order = is_number ? version_numbers_order(run_a, run_b) : span_compare(run_a, run_b);
        if (order != 0)
            return order;
    }
    if (!version_text_left(&a) && !version_text_left(&b))
        return 0;
    bool a_is_older =
        (!version_text_left(&a) && !text_is_alpha(version_text_peek(&b))) || text_is_alpha(version_text_peek(&a));
    return a_is_older ? -1 : 1;
}

static int alpm_compare(struct span a, struct span b, int *ret_order, struct err *err) {
    if (a.size == 0 || b.size == 0)
        return err_set(err, ERR_FORMAT, 0, "version '': not one of its scheme");
    struct alpm_parts left = parts_of(a);
    struct alpm_parts right = parts_of(b);
    int order = version_numbers_order(left.epoch, right.epoch);
    if (order == 0)
        order = part_order(left.version, right.version);
    if (order == 0 && left.has_release && right.has_release)
        order = part_order(left.release, right.release);
    *ret_order = (order > 0) - (order < 0);
    return 0;
}

/* The text itself: what has equal keys is equal, and no more. */
static bool alpm_key(struct span text, struct buf *key) {
    text = text_trim(text);
    key_text(key, text);
    return text.size > 0;
}

const struct version_rules version_rules_alpm = {.key = alpm_key, .compare = alpm_compare};
