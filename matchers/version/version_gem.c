/* RubyGems' order: Gem::Version.
 *
 * Segments are runs of digits and runs of letters; "-" stands for ".pre.". Zeros do not count at the
 * end of the numbers before the first word, nor at the very end, and what is missing is zero. Words
 * sort before numbers. */
#include "matchers/version/version_rules.h"

/* The next segment; false at the end. */
static bool segment_take(struct version_text *in, struct span *ret_segment) {
    while (version_text_left(in)) {
        uint8_t c = version_text_peek(in);
        if (c == '-') {
            in->at++;
            *ret_segment = span_text("pre");
            return true;
        }
        *ret_segment = text_is_digit(c) ? version_text_digits(in) : version_text_letters(in);
        if (ret_segment->size > 0)
            return true;
        in->at++;
    }
    return false;
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
    struct version_text in = {text_trim(text), 0};
    struct span segment;
    size_t zeros = 0;
    bool in_numbers = true;
    if (!text_only(in.text, ".-_+") || (in.text.size > 0 && !text_is_alnum(in.text.data[0])))
        return false;
    while (segment_take(&in, &segment)) {
        if (!text_is_digit(segment.data[0])) {
            /* Zeros right before the first word are dropped: "1.0.a" is "1.a". */
            key_padding(key, in_numbers ? 0 : zeros, true);
            key_text(key, segment);
            in_numbers = false;
            zeros = 0;
        } else if (version_zeros_skip(segment).size == 0) {
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

/* The numbers before the first word, with dots: Gem::Version#release. Returns how many. */
static size_t release_text(struct span text, struct buf *out) {
    struct version_text in = {text_trim(text), 0};
    struct span segment;
    size_t count = 0;
    while (segment_take(&in, &segment) && text_is_digit(segment.data[0])) {
        if (count++ > 0)
            buf_byte(out, '.');
        buf_add(out, segment);
    }
    return count;
}

/* Gem::Version#bump: "1.2.3" is "1.3", "1" is "2". */
static void bump_text(struct span text, struct buf *out) {
    size_t count = release_text(text, out);
    if (out->failed)
        return;
    if (count > 1)
        out->size = span_index_last(buf_span(out), '.');
    if (count == 0)
        buf_byte(out, '0');
    size_t at = out->size;
    while (at > 0 && out->data[at - 1] == '9')
        out->data[--at] = '0';
    if (at > 0 && text_is_digit(out->data[at - 1])) {
        out->data[at - 1]++;
        return;
    }
    /* All nines: a "1" in front, and the zeros one place on. */
    buf_byte(out, '0');
    if (!out->failed)
        out->data[at] = '1';
}

static int requirement_holds(const struct range_subject *subject, struct span requirement, bool *ret_holds,
                             struct err *err) {
    struct span bound = requirement;
    int order = 0;
    if (!span_starts(requirement, "~>")) {
        unsigned sides = range_sign_take(&bound);
        if (range_subject_order(subject, bound, &order, err) < 0)
            return -1;
        *ret_holds = range_allows(sides == 0 ? RANGE_EQUAL : sides, order);
        return 0;
    }
    bound = text_trim(span_from(requirement, 2));
    if (bound.size == 0)
        return range_bad(requirement, "~> needs a version", err);
    if (range_subject_order(subject, bound, &order, err) < 0)
        return -1;
    bool holds = order >= 0;
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf bump = {0};
    (void)release_text(subject->version, &text);
    bump_text(bound, &bump);
    if (text.failed || bump.failed)
        return err_set(err, ERR_NOMEM, 0, "range: out of memory");
    struct range_subject release;
    int result = range_subject_init(&release, subject->rules, buf_span(&text), err);
    if (result == 0)
        result = range_subject_order(&release, buf_span(&bump), &order, err);
    range_subject_release(&release);
    *ret_holds = holds && order < 0;
    return result;
}

/* Requirements apart by commas, all of which must hold; "||" between sets of them is what advisories add. */
static int gem_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err) {
    static const struct range_language language = {
        .set_separator = "||", .condition_separator = ",", .empty_holds = true, .holds = requirement_holds};
    return range_sets(&language, rules, range, version, ret_inside, err);
}

const struct version_rules version_rules_gem = {.key = gem_key, .is_valid = gem_is_valid, .in_range = gem_in_range};
