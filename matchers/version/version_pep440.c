/* Python's order: PEP 440, now the version specifiers specification of packaging.python.org.
 *
 * [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local], with all the spellings that its appendix B normalises.
 * A release without pre-, post- or development part sorts as those parts say: 1.0.dev1 < 1.0a1.dev1 <
 * 1.0a1 < 1.0a1.post1 < 1.0 < 1.0.post1. */
#include "matchers/version/version_rules.h"

enum {
    TAG_RELEASE_END = 1,
    TAG_RELEASE_NUMBER,

    PRE_DEV_ONLY = 0, /* a development release of the final one comes before its alphas */
    PRE_ALPHA,
    PRE_BETA,
    PRE_CANDIDATE,
    PRE_NONE,

    POST_NONE = 0,
    POST_NUMBER,

    DEV_NUMBER = 0,
    DEV_NONE = DEV_NUMBER + KEY_NUMBER_TAGS,

    LOCAL_NONE = 0,
    LOCAL_END,
    LOCAL_WORD,
    LOCAL_NUMBER
};

struct release {
    struct span epoch, numbers, local;
    struct span pre, post, dev; /* their numbers */
    uint8_t pre_kind;
    bool has_post, has_dev, has_local;
};

static void separator_skip(struct version_text *in) {
    uint8_t c = version_text_peek(in);
    if (c == '-' || c == '_' || c == '.')
        in->at++;
}

struct spelling {
    const char *word;
    uint8_t kind;
};

/* [separator]word[separator][number]; leaves the cursor where it was when there is no such word. Longer
 * words first. */
static bool part_take(struct version_text *in, const struct spelling *spellings, size_t count, uint8_t *ret_kind,
                      struct span *ret_number) {
    size_t from = in->at;
    separator_skip(in);
    for (size_t i = 0; i < count; i++) {
        if (version_text_word(in, spellings[i].word)) {
            *ret_kind = spellings[i].kind;
            separator_skip(in);
            *ret_number = version_text_digits(in);
            return true;
        }
    }
    in->at = from;
    return false;
}

static bool release_take(struct version_text *in, struct release *release) {
    struct span digits = version_text_digits(in);
    if (digits.size > 0 && version_text_skip(in, '!')) {
        release->epoch = digits;
        digits = version_text_digits(in);
    }
    size_t from = in->at - digits.size;
    if (digits.size == 0)
        return false;
    for (;;) {
        size_t before = in->at;
        if (!version_text_skip(in, '.') || version_text_digits(in).size == 0) {
            in->at = before;
            break;
        }
    }
    release->numbers = span_slice(in->text, from, in->at - from);
    return true;
}

static bool local_take(struct version_text *in, struct release *release) {
    if (!version_text_skip(in, '+'))
        return true;
    size_t from = in->at;
    do {
        if (version_text_alnum(in).size == 0)
            return false;
        uint8_t c = version_text_peek(in);
        if (c != '-' && c != '_' && c != '.')
            break;
        in->at++;
    } while (true);
    release->has_local = true;
    release->local = span_slice(in->text, from, in->at - from);
    return true;
}

static bool release_parse(struct span text, struct release *ret_release) {
    static const struct spelling pre[] = {
        {"alpha", PRE_ALPHA},       {"a", PRE_ALPHA},       {"beta", PRE_BETA},   {"b", PRE_BETA},
        {"preview", PRE_CANDIDATE}, {"pre", PRE_CANDIDATE}, {"c", PRE_CANDIDATE}, {"rc", PRE_CANDIDATE},
    };
    static const struct spelling post[] = {{"post", 1}, {"rev", 1}, {"r", 1}};
    static const struct spelling dev[] = {{"dev", 1}};
    struct version_text in = {text_trim(text), 0};
    struct release release = {.pre_kind = PRE_NONE};
    uint8_t kind = 0;
    (void)(version_text_skip(&in, 'v') || version_text_skip(&in, 'V'));
    if (!release_take(&in, &release))
        return false;
    (void)part_take(&in, pre, ARRAY_COUNT(pre), &release.pre_kind, &release.pre);
    /* "1.0-1" is a post-release: the one part that is a bare number. */
    size_t from = in.at;
    if (version_text_skip(&in, '-')) {
        release.post = version_text_digits(&in);
        release.has_post = release.post.size > 0;
    }
    if (!release.has_post) {
        in.at = from;
        release.has_post = part_take(&in, post, ARRAY_COUNT(post), &kind, &release.post);
    }
    release.has_dev = part_take(&in, dev, ARRAY_COUNT(dev), &kind, &release.dev);
    if (!local_take(&in, &release) || version_text_left(&in))
        return false;
    if (release.pre_kind == PRE_NONE && !release.has_post && release.has_dev)
        release.pre_kind = PRE_DEV_ONLY;
    *ret_release = release;
    return true;
}

static void numbers_key(struct span numbers, struct buf *key) {
    key_numbers(key, TAG_RELEASE_NUMBER, numbers);
    buf_byte(key, TAG_RELEASE_END);
}

static void local_key(struct span local, struct buf *key) {
    size_t from = 0;
    for (size_t i = 0; i <= local.size; i++) {
        if (i < local.size && text_is_alnum(local.data[i]))
            continue;
        struct span part = span_slice(local, from, i - from);
        from = i + 1;
        if (version_is_number(part)) {
            key_number(key, LOCAL_NUMBER, part);
        } else {
            buf_byte(key, LOCAL_WORD);
            key_text_lower(key, part);
        }
    }
    buf_byte(key, LOCAL_END);
}

static void release_key(const struct release *release, struct buf *key) {
    key_number(key, 0, release->epoch);
    numbers_key(release->numbers, key);
    buf_byte(key, release->pre_kind);
    if (release->pre_kind != PRE_NONE && release->pre_kind != PRE_DEV_ONLY)
        key_number(key, 0, release->pre);
    if (release->has_post)
        key_number(key, POST_NUMBER, release->post);
    else
        buf_byte(key, POST_NONE);
    if (release->has_dev)
        key_number(key, DEV_NUMBER, release->dev);
    else
        buf_byte(key, DEV_NONE);
    if (release->has_local)
        local_key(release->local, key);
    else
        buf_byte(key, LOCAL_NONE);
}

static bool pep440_key(struct span text, struct buf *key) {
    struct release release;
    if (!release_parse(text, &release))
        return false;
    release_key(&release, key);
    return true;
}

/* Which parts of a release take part in a comparison. */
enum part { PART_BASE, PART_PUBLIC, PART_ALL };

static int release_compare(const struct release *a, const struct release *b, enum part part, int *ret_order,
                           struct err *err) {
    const struct release *both[2] = {a, b};
    struct buf all = {0};
    size_t middle = 0;
    for (size_t i = 0; i < 2; i++) {
        struct release release = *both[i];
        if (part != PART_ALL)
            release.has_local = false;
        if (part == PART_BASE)
            release = (struct release){.epoch = release.epoch, .numbers = release.numbers, .pre_kind = PRE_NONE};
        middle = all.size;
        release_key(&release, &all);
    }
    bool failed = all.failed;
    struct span bytes = buf_span(&all);
    *ret_order = span_compare(span_slice(bytes, 0, middle), span_from(bytes, middle));
    buf_release(&all);
    return failed ? err_set(err, ERR_NOMEM, 0, "range: out of memory") : 0;
}

static bool is_prerelease(const struct release *release) { return release->pre_kind != PRE_NONE || release->has_dev; }

/* "==1.2.*": the first `count` numbers are the same, missing ones being zero. */
static bool prefix_matches(const struct release *release, const struct release *prefix, size_t count) {
    struct span a = release->numbers;
    struct span b = prefix->numbers;
    bool same = span_equal(version_zeros_skip(release->epoch), version_zeros_skip(prefix->epoch));
    for (size_t i = 0; i < count && same; i++)
        same = span_equal(version_zeros_skip(text_cut(&a, '.')), version_zeros_skip(text_cut(&b, '.')));
    return same;
}

static size_t number_count(struct span numbers) {
    size_t count = 1;
    for (size_t i = 0; i < numbers.size; i++)
        count += numbers.data[i] == '.';
    return count;
}

static int ordered_holds(const struct release *version, const struct release *bound, unsigned sides, bool *ret_holds,
                         struct err *err) {
    int order = 0;
    int base = 0;
    bool is_equality = sides == RANGE_EQUAL || sides == (RANGE_LESS | RANGE_MORE);
    bool is_strict = !is_equality && (sides & RANGE_EQUAL) == 0;
    /* A local version is equal to what it was made of, unless the specifier has one itself. */
    enum part part = is_strict || (is_equality && bound->has_local) ? PART_ALL : PART_PUBLIC;
    if (release_compare(version, bound, part, &order, err) < 0 ||
        release_compare(version, bound, PART_BASE, &base, err) < 0)
        return -1;
    bool holds = range_allows(sides, order);
    /* "<1.0" does not mean 1.0's own pre-releases, nor ">1.0" its post-releases or local versions. */
    if (is_strict && base == 0) {
        if (sides == RANGE_LESS)
            holds = holds && (is_prerelease(bound) || !is_prerelease(version));
        else
            holds = holds && (bound->has_post || !version->has_post) && !version->has_local;
    }
    *ret_holds = holds;
    return 0;
}

static int specifier_holds(struct span specifier, struct span version_text, const struct release *version,
                           bool *ret_holds, struct err *err) {
    struct span bound_text = specifier;
    struct release bound;
    if (span_starts(specifier, "===")) {
        *ret_holds = text_equal_nocase(text_trim(span_from(specifier, 3)), text_trim(version_text));
        return 0;
    }
    bool is_compatible = span_starts(specifier, "~=");
    if (is_compatible)
        bound_text = text_trim(span_from(specifier, 2));
    unsigned sides = is_compatible ? RANGE_MORE | RANGE_EQUAL : range_sign_take(&bound_text);
    if (sides == 0)
        sides = RANGE_EQUAL;
    if (bound_text.size >= 2 && bound_text.data[0] == '"' && bound_text.data[bound_text.size - 1] == '"')
        bound_text = span_slice(bound_text, 1, bound_text.size - 2);
    bool is_prefix = span_ends(bound_text, ".*");
    if (is_prefix)
        bound_text.size -= 2;
    if (!release_parse(bound_text, &bound))
        return range_bad(specifier, "not a version specifier", err);
    size_t count = number_count(bound.numbers);
    if (is_prefix) {
        bool matches = prefix_matches(version, &bound, count);
        *ret_holds = sides == RANGE_EQUAL ? matches : !matches;
        bool is_plain = bound.pre_kind == PRE_NONE && !bound.has_post && !bound.has_dev && !bound.has_local;
        return is_plain && !is_compatible && (sides == RANGE_EQUAL || sides == (RANGE_LESS | RANGE_MORE))
                   ? 0
                   : range_bad(specifier, "only == and != take a version with .*", err);
    }
    if (is_compatible && count < 2)
        return range_bad(specifier, "~= needs two numbers", err);
    if (ordered_holds(version, &bound, sides, ret_holds, err) < 0)
        return -1;
    if (is_compatible)
        *ret_holds = *ret_holds && prefix_matches(version, &bound, count - 1);
    return 0;
}

/* Specifiers apart by commas; "||" between sets of them is what advisories add. Whether pre-releases
 * are wanted at all is for an installer to ask: here they are versions like all others. */
static int pep440_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                           struct err *err) {
    (void)rules;
    struct release release;
    struct span set;
    bool any = range.size == 0;
    if (!release_parse(version, &release))
        return range_bad(version, "not a version", err);
    while (range_alternative_take(&range, "||", &set)) {
        bool all = true;
        struct span specifier;
        while (set.size > 0 && range_alternative_take(&set, ",", &specifier)) {
            bool holds = true;
            if (specifier.size > 0 && specifier_holds(specifier, version, &release, &holds, err) < 0)
                return -1;
            all = all && holds;
        }
        any = any || all;
    }
    *ret_inside = any;
    return 0;
}

const struct version_rules version_rules_pep440 = {.key = pep440_key, .in_range = pep440_in_range};
