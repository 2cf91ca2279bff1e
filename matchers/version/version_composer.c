/* Composer's order: composer/semver's VersionParser::normalize(), then PHP's version_compare().
 *
 * A version is numbers (up to four, missing ones are zero; or a date of any length), a stability with a
 * number, and "-dev". PHP compares pieces in turn: any other word < dev < alpha < beta < RC < the end <
 * a number < patch. */
#include "matchers/version/version_composer.h"

enum {
    TAG_OTHER = 1, /* words that PHP does not know are all the same */
    TAG_DEV,
    TAG_ALPHA,
    TAG_BETA,
    TAG_CANDIDATE,
    TAG_END,
    TAG_NUMBER,
    TAG_PATCH = TAG_NUMBER + KEY_NUMBER_TAGS
};

static const struct {
    const char *word;
    uint8_t tag;
} stabilities[] = {
    {"stable", TAG_END}, {"beta", TAG_BETA},   {"b", TAG_BETA},   {"rc", TAG_CANDIDATE}, {"alpha", TAG_ALPHA},
    {"a", TAG_ALPHA},    {"patch", TAG_PATCH}, {"pl", TAG_PATCH}, {"p", TAG_PATCH},
};

/* What a branch's "x" stands for. */
static const char branch_number[] = "9999999";

static bool is_separator(uint8_t c) { return c == '.' || c == '-' || c == '_'; }

/* Cuts what has no part in the order: an alias, a stability flag, build metadata. */
static struct span version_bare(struct span text) {
    text = text_trim(text);
    size_t alias = span_find(text, span_text(" as "), 0);
    if (alias != SIZE_MAX)
        text = text_trim(span_slice(text, 0, alias));
    size_t at = span_index_last(text, '@');
    if (at != SIZE_MAX) {
        static const char *const flags[] = {"stable", "rc", "beta", "alpha", "dev"};
        for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
            if (text_equal_nocase(span_from(text, at + 1), span_text(flags[i])))
                return span_slice(text, 0, at);
        }
    }
    return text;
}

static bool is_named_branch(struct span text) {
    return text_equal_nocase(span_slice(text, 0, 4), span_text("dev-")) || span_is(text, "master") ||
           span_is(text, "trunk") || span_is(text, "default");
}

/* What PHP makes of a word: the first of these that it begins with. */
static uint8_t word_tag(struct span word) {
    static const struct {
        const char *begin;
        uint8_t tag;
    } words[] = {{"dev", TAG_DEV},      {"a", TAG_ALPHA},      {"b", TAG_BETA},
                 {"RC", TAG_CANDIDATE}, {"rc", TAG_CANDIDATE}, {"p", TAG_PATCH}};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (span_starts(word, words[i].begin))
            return words[i].tag;
    }
    return TAG_OTHER;
}

/* The rest of a text that is not normalised, in pieces as version_compare() sees them. */
static void pieces_key(struct version_text *in, struct buf *key) {
    while (version_text_left(in)) {
        struct span digits = version_text_digits(in);
        struct span letters = version_text_letters(in);
        if (digits.size > 0)
            key_number(key, TAG_NUMBER, digits);
        if (letters.size > 0)
            buf_byte(key, word_tag(letters));
        if (digits.size + letters.size == 0)
            in->at++;
    }
    buf_byte(key, TAG_END);
}

/* Numbers apart by dots, and in dates by "-" and ":"; "x" and "*" where a branch ends. */
static bool numbers_key(struct version_text *in, bool *ret_is_branch, struct buf *key, bool *ret_valid) {
    size_t count = 0;
    size_t from = in->at;
    *ret_is_branch = false;
    struct span first = version_text_digits(in);
    if (first.size == 0)
        return false;
    /* More than five digits in front, and four before a dash, are a date. */
    bool digit_behind = in->at + 1 < in->text.size && text_is_digit(in->text.data[in->at + 1]);
    bool is_date = first.size > 5 ||
                   (first.size == 4 && digit_behind && (version_text_peek(in) == '-' || version_text_peek(in) == ':'));
    key_number(key, TAG_NUMBER, first);
    for (count = 1; version_text_left(in); count++) {
        from = in->at;
        uint8_t separator = version_text_peek(in);
        if (separator != '.' && !(is_date && (separator == '-' || separator == ':')))
            break;
        in->at++;
        struct span number = version_text_digits(in);
        uint8_t next = version_text_peek(in);
        if (number.size == 0 && count < 4 && (next == 'x' || next == 'X' || next == '*')) {
            in->at++;
            *ret_is_branch = true;
            number = span_text(branch_number);
        } else if (number.size == 0) {
            in->at = from;
            break;
        }
        key_number(key, TAG_NUMBER, number);
    }
    *ret_valid = is_date || count <= 4;
    struct span rest = span_from(in->text, in->at);
    bool only_dev = text_equal_nocase(rest, span_text("-dev")) || text_equal_nocase(rest, span_text(".dev")) ||
                    text_equal_nocase(rest, span_text("dev"));
    /* "1.x-dev" and "2.1.*-dev" are branches; what is missing there is "x" too. */
    for (; count < 4 && (!is_date || *ret_is_branch); count++)
        key_number(key, TAG_NUMBER, *ret_is_branch && only_dev ? span_text(branch_number) : (struct span){NULL, 0});
    return !*ret_is_branch || only_dev;
}

/* True for "stable", behind which Composer drops "-dev". */
static bool stability_key(struct version_text *in, struct buf *key) {
    size_t from = in->at;
    if (is_separator(version_text_peek(in)))
        in->at++;
    for (size_t i = 0; i < ARRAY_COUNT(stabilities); i++) {
        if (!version_text_word(in, stabilities[i].word))
            continue;
        if (stabilities[i].tag != TAG_END)
            buf_byte(key, stabilities[i].tag);
        for (;;) {
            size_t before = in->at;
            if (version_text_peek(in) == '.' || version_text_peek(in) == '-')
                in->at++;
            struct span digits = version_text_digits(in);
            if (digits.size == 0) {
                in->at = before;
                return stabilities[i].tag == TAG_END;
            }
            if (stabilities[i].tag != TAG_END)
                key_number(key, TAG_NUMBER, digits);
        }
    }
    in->at = from;
    return false;
}

static bool build_is_cut(struct span *text) {
    size_t plus = span_index(*text, '+', 0);
    if (plus == SIZE_MAX)
        return true;
    for (size_t i = plus + 1; i < text->size; i++) {
        if (text_is_space(text->data[i]))
            return false;
    }
    bool has_build = plus + 1 < text->size;
    *text = span_slice(*text, 0, plus);
    return has_build;
}

/* `*ret_valid` says whether Composer takes the text; what it refuses behind the numbers is compared as
 * PHP would. */
static bool composer_walk(struct span text, struct buf *key, bool *ret_valid) {
    text = version_bare(text);
    *ret_valid = true;
    if (is_named_branch(text)) {
        struct version_text name = {text, text_equal_nocase(span_slice(text, 0, 4), span_text("dev-")) ? 4 : 0};
        buf_byte(key, TAG_DEV);
        pieces_key(&name, key);
        return true;
    }
    if (!build_is_cut(&text))
        return false;
    struct version_text in = {text, 0};
    bool is_branch = false;
    (void)(version_text_skip(&in, 'v') || version_text_skip(&in, 'V'));
    if (!numbers_key(&in, &is_branch, key, ret_valid))
        return false;
    size_t size = key->size;
    size_t behind_numbers = in.at;
    bool is_stable = stability_key(&in, key);
    size_t from = in.at;
    if (is_separator(version_text_peek(&in)))
        in.at++;
    if (!version_text_word(&in, "dev"))
        in.at = from;
    else if (!is_stable)
        buf_byte(key, TAG_DEV);
    if (version_text_left(&in)) {
        *ret_valid = false;
        in.at = behind_numbers;
        if (!key->failed)
            key->size = size;
    }
    pieces_key(&in, key);
    return true;
}

static bool composer_key(struct span text, struct buf *key) {
    bool valid = false;
    return composer_walk(text, key, &valid);
}

static bool composer_is_valid(struct span text) {
    AUTO_BUF struct buf key = {0};
    bool valid = false;
    return composer_walk(text, &key, &valid) && valid && !key.failed;
}

/* What Composer refuses still needs an order: OSV compares the pieces as they are, without the normalisation that
 * makes "v3.0" of "3.0.0.0". */
static bool composer_lenient_key(struct span text, struct buf *key) {
    struct version_text in = {text_trim(text), 0};
    (void)(version_text_skip(&in, 'v') || version_text_skip(&in, 'V'));
    pieces_key(&in, key);
    return in.text.size > 0;
}

const struct version_rules version_rules_composer_lenient = {.key = composer_lenient_key};
const struct version_rules version_rules_composer = {
    .key = composer_key, .is_valid = composer_is_valid, .in_range = composer_in_range};
