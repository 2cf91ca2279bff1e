/* Python's order: PEP 440, now the version specifiers specification of packaging.python.org.
 *
 * [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local], with all the spellings that its appendix B normalises. A release without
 * pre-, post- or development part sorts as those parts say: 1.0.dev1 < 1.0a1.dev1 < 1.0a1 < 1.0a1.post1 < 1.0 < 1.0.post1. */
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

/* [separator]word[separator][number]; leaves the cursor where it was when there is no such word. Longer words first. */
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
        {"alpha", PRE_ALPHA},       {"a", PRE_ALPHA},       {"beta", PRE_BETA},    {"b", PRE_BETA},
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

/* Zeros at the end are as good as absent: the key is cut back behind the last number that is not zero. */
static void numbers_key(struct span numbers, struct buf *key) {
    size_t size = key->size;
    while (numbers.data != NULL) {
        size_t before = key->size;
        key_number(key, TAG_RELEASE_NUMBER, text_cut(&numbers, '.'));
        if (key->size != before + 1)
            size = key->size;
    }
    if (!key->failed)
        key->size = size;
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

const struct version_rules version_rules_pep440 = {.key = pep440_key};
