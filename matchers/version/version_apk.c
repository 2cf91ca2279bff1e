/* Alpine's order: the comparison of apk-tools 3, whose grammar is
 *
 *     number{.number}[letter]{_suffix[number]}[~commit hash][-rnumber]
 *
 * Versions are compared token by token. Where the kinds of tokens differ, pre-release suffixes come
 * first, then what apk calls an invalid token, the end, and the kinds from the last to the first of the
 * grammar: 1.0_rc1 < 1.0 < 1.0-r1 < 1.0_p1 < 1.0a < 1.0.1. */
#include "matchers/version/version_rules.h"

enum {
    TAG_SUFFIX_PRE = 1, /* alpha, beta, pre, rc */
    TAG_INVALID = TAG_SUFFIX_PRE + 4,
    TAG_END,
    TAG_REVISION,
    TAG_HASH = TAG_REVISION + KEY_NUMBER_TAGS,
    TAG_SUFFIX_NUMBER,
    TAG_SUFFIX_POST = TAG_SUFFIX_NUMBER + KEY_NUMBER_TAGS, /* cvs, svn, git, hg, p */
    TAG_LETTER = TAG_SUFFIX_POST + 5,
    TAG_FRACTION, /* behind a dot, numbers that begin with 0 are compared as text, and are less than all others */
    TAG_NUMBER
};

/* As in apk's order of suffixes. */
static const struct {
    const char *name;
    uint8_t tag;
} suffixes[] = {
    {"alpha", TAG_SUFFIX_PRE},    {"beta", TAG_SUFFIX_PRE + 1}, {"pre", TAG_SUFFIX_PRE + 2},
    {"rc", TAG_SUFFIX_PRE + 3},   {"cvs", TAG_SUFFIX_POST},     {"svn", TAG_SUFFIX_POST + 1},
    {"git", TAG_SUFFIX_POST + 2}, {"hg", TAG_SUFFIX_POST + 3},  {"p", TAG_SUFFIX_POST + 4},
};

/* In the order of the grammar; what follows must not be of an earlier kind. */
enum place { PLACE_NUMBER, PLACE_LETTER, PLACE_SUFFIX, PLACE_SUFFIX_NUMBER, PLACE_HASH, PLACE_REVISION };

struct apk_text {
    struct version_text in;
    enum place place;
    bool is_strict; /* nothing was met that only apk-tools 2 allowed */
};

static bool number_key(struct apk_text *apk, struct buf *key) {
    struct span digits = version_text_digits(&apk->in);
    /* apk-tools 2 let a number follow a letter ("1.8.28p1") and read no number as zero ("4.8.0.-r1"): Alpine shipped
     * such versions, and its advisories still name them. */
    apk->is_strict = apk->is_strict && apk->place == PLACE_NUMBER && digits.size > 0;
    apk->place = PLACE_NUMBER;
    if (digits.size == 0 && version_text_peek(&apk->in) != '.' && version_text_peek(&apk->in) != '-')
        return false;
    if (digits.size == 0 || digits.data[0] != '0') {
        key_number(key, TAG_NUMBER, digits);
    } else {
        buf_byte(key, TAG_FRACTION);
        key_text(key, digits);
    }
    return true;
}

static bool suffix_key(struct apk_text *apk, struct buf *key) {
    size_t from = apk->in.at;
    while (text_is_lower(version_text_peek(&apk->in)))
        apk->in.at++;
    struct span name = span_slice(apk->in.text, from, apk->in.at - from);
    for (size_t i = 0; i < ARRAY_COUNT(suffixes); i++) {
        if (span_is(name, suffixes[i].name)) {
            buf_byte(key, suffixes[i].tag);
            apk->place = PLACE_SUFFIX;
            return true;
        }
    }
    return false;
}

static bool hash_key(struct apk_text *apk, struct buf *key) {
    size_t from = apk->in.at;
    while (text_hex_value(version_text_peek(&apk->in)) >= 0)
        apk->in.at++;
    buf_byte(key, TAG_HASH);
    key_text(key, span_slice(apk->in.text, from, apk->in.at - from));
    apk->place = PLACE_HASH;
    return apk->in.at > from;
}

/* One token behind the first number; false where apk finds none. */
static bool token_key(struct apk_text *apk, struct buf *key) {
    uint8_t c = version_text_peek(&apk->in);
    if (text_is_digit(c)) {
        if (apk->place != PLACE_SUFFIX)
            return apk->place <= PLACE_LETTER && number_key(apk, key);
        key_number(key, TAG_SUFFIX_NUMBER, version_text_digits(&apk->in));
        apk->place = PLACE_SUFFIX_NUMBER;
        return true;
    }
    apk->in.at++;
    if (text_is_lower(c)) {
        bool fits = apk->place == PLACE_NUMBER;
        apk->place = PLACE_LETTER;
        buf_byte(key, TAG_LETTER);
        buf_byte(key, c);
        return fits;
    }
    switch (c) {
    case '.':
        return apk->place == PLACE_NUMBER && number_key(apk, key);
    case '_':
        return apk->place <= PLACE_SUFFIX_NUMBER && suffix_key(apk, key);
    case '~':
        return apk->place < PLACE_HASH && hash_key(apk, key);
    case '-': {
        bool fits = apk->place < PLACE_REVISION && version_text_skip(&apk->in, 'r');
        struct span digits = version_text_digits(&apk->in);
        key_number(key, TAG_REVISION, digits);
        apk->place = PLACE_REVISION;
        apk->is_strict = apk->is_strict && digits.size > 0;
        return fits && (digits.size > 0 || !text_is_alpha(version_text_peek(&apk->in)));
    }
    default:
        return false;
    }
}

static bool apk_walk(struct span text, struct buf *key, bool *ret_valid) {
    struct apk_text apk = {.in = {text, 0}, .place = PLACE_NUMBER, .is_strict = true};
    struct span digits = version_text_digits(&apk.in);
    if (digits.size == 0 && version_text_peek(&apk.in) != '.')
        return false;
    apk.is_strict = digits.size > 0;
    key_number(key, TAG_NUMBER, digits);
    while (version_text_left(&apk.in)) {
        size_t size = key->size;
        if (!token_key(&apk, key)) {
            /* apk compares what is before the first invalid token, and calls two of them equal. */
            if (!key->failed)
                key->size = size;
            buf_byte(key, TAG_INVALID);
            *ret_valid = false;
            return true;
        }
    }
    buf_byte(key, TAG_END);
    *ret_valid = apk.is_strict;
    return true;
}

static bool apk_key(struct span text, struct buf *key) {
    bool valid = false;
    return apk_walk(text, key, &valid);
}

/* Where nothing like a version begins, there are no tokens to compare. */
static bool apk_is_keyed(struct span text) {
    return text.size > 0 && (text_is_digit(text.data[0]) || text.data[0] == '.');
}

/* What is no version at all stands in the order of texts: behind all versions when it begins with a letter. */
static int apk_compare(struct span a, struct span b, int *ret_order, struct err *err) {
    AUTO_BUF struct buf keys = {0};
    struct span texts[2] = {a, b};
    if (a.size == 0 || b.size == 0)
        return err_set(err, ERR_FORMAT, 0, "version '': not one of its scheme");
    if (apk_is_keyed(a) && apk_is_keyed(b)) {
        (void)apk_key(a, &keys);
        size_t size = keys.size;
        (void)apk_key(b, &keys);
        if (keys.failed)
            return err_set(err, ERR_NOMEM, 0, "version: out of memory");
        texts[0] = span_slice(buf_span(&keys), 0, size);
        texts[1] = span_from(buf_span(&keys), size);
    }
    int order = span_compare(texts[0], texts[1]);
    *ret_order = (order > 0) - (order < 0);
    return 0;
}

static bool apk_is_valid(struct span text) {
    AUTO_BUF struct buf key = {0};
    bool valid = false;
    return apk_walk(text, &key, &valid) && valid && !key.failed;
}

/* The signs of apk's dependencies; "~" in one makes a version equal to all that continue it: "~3.8"
 * holds for 3.8.1. */
static unsigned sign_take(struct span *rest, bool *ret_fuzzy) {
    unsigned sides = 0;
    *ret_fuzzy = false;
    size_t size = 0;
    for (; size < rest->size && size < 3; size++) {
        uint8_t c = rest->data[size];
        if (c != '<' && c != '>' && c != '=' && c != '~' && c != '!')
            break;
        sides |= c == '<' ? RANGE_LESS : c == '>' ? RANGE_MORE : c == '!' ? RANGE_LESS | RANGE_MORE : 0;
        if (c == '=' && sides != (RANGE_LESS | RANGE_MORE))
            sides |= RANGE_EQUAL;
        if (c == '~')
            sides |= RANGE_EQUAL;
        *ret_fuzzy = *ret_fuzzy || c == '~';
    }
    *rest = text_trim(span_from(*rest, size));
    return sides == 0 ? RANGE_EQUAL : sides;
}

static int dependency_holds(const struct range_subject *subject, struct span dependency, bool *ret_holds,
                            struct err *err) {
    bool fuzzy = false;
    unsigned sides = sign_take(&dependency, &fuzzy);
    AUTO_BUF struct buf bound = {0};
    AUTO_BUF struct buf version = {0};
    int order = 0;
    if (!apk_is_keyed(dependency))
        return range_bad(dependency, "not a version", err);
    if (range_subject_order(subject, dependency, &order, err) < 0)
        return -1;
    if (fuzzy) {
        if (version_rules_key(subject->rules, dependency, &bound, err) < 0)
            return err_wrap(err, "range");
        struct span begin = span_slice(buf_span(&bound), 0, bound.size - 1);
        if (version_rules_key(subject->rules, subject->version, &version, NULL) == 0 &&
            span_equal(span_slice(buf_span(&version), 0, begin.size), begin))
            order = 0;
    }
    *ret_holds = range_allows(sides, order);
    return 0;
}

static int apk_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err) {
    static const struct range_language language = {
        .set_separator = "||", .condition_separator = ",", .empty_holds = true, .holds = dependency_holds};
    return range_sets(&language, rules, range, version, ret_inside, err);
}

const struct version_rules version_rules_apk = {.key = apk_key,
                                                .is_valid = apk_is_valid,
                                                .in_range = apk_in_range,
                                                .compare = apk_compare,
                                                .is_keyed = apk_is_keyed};
