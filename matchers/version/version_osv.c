/* Orders that OSV needs beside the tools' own: texts that a tool refuses have a place too, and "0" lies before all. */
#include "matchers/version/version.h"
#include "matchers/version/version_rules.h"

/* "scheme:version", for asking about OSV's events in any scheme: "introduced": "0" is not version 0 but the beginning,
 * before "0~rc1" and "0.dev0". Other schemes' versions are apart by the scheme's name. */
static bool event_key(struct span text, struct buf *key) {
    enum version_scheme scheme;
    struct span version = text_trim(text);
    struct span name = text_cut(&version, ':');
    if (version.data == NULL || !version_scheme_find(name, &scheme) || scheme == VERSION_OSV_EVENT)
        return false;
    key_text(key, span_text(version_scheme_name(scheme)));
    buf_byte(key, span_is(version, "0") ? 0 : 1);
    struct err why = {0};
    if (span_is(version, "0") || version_key(scheme, version, key, &why) == 0)
        return true;
    key->failed = key->failed || why.code == ERR_NOMEM;
    return key->failed;
}

/* Whether a version is at or behind the event "scheme:introduced". */
static int event_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                          struct err *err) {
    enum version_scheme scheme;
    struct span introduced = text_trim(range);
    struct span name = text_cut(&introduced, ':');
    int order = 0;
    (void)rules;
    if (introduced.data == NULL || !version_scheme_find(name, &scheme) || scheme == VERSION_OSV_EVENT)
        return range_bad(range, "expected SCHEME:VERSION", err);
    if (version_compare(scheme, version, span_is(introduced, "0") ? version : introduced, &order, err) < 0)
        return err_wrap(err, "range");
    *ret_inside = order >= 0;
    return 0;
}

const struct version_rules version_rules_osv_event = {.key = event_key, .in_range = event_in_range};

/* RubyGems refuses a version that does not begin with a number; OSV sorts it behind all others. */
static bool gem_lenient_key(struct span text, struct buf *key) {
    text = text_trim(text);
    bool is_word = text.size > 0 && text_is_alpha(text.data[0]);
    buf_byte(key, is_word);
    if (!is_word)
        return version_rules_gem.key(text, key);
    key_text(key, text);
    return true;
}

const struct version_rules version_rules_gem_lenient = {.key = gem_lenient_key};

/* One piece of setuptools' old order: digits filled up to eight, words behind a star; "-" and the words for
 * pre-releases under other names, so that they sort before "*final". */
static void legacy_piece_key(struct span piece, struct buf *key) {
    static const struct {
        const char *word;
        const char *stands_for;
    } words[] = {{"pre", "c"}, {"preview", "c"}, {"rc", "c"}, {"dev", "@"}, {"-", "final-"}};
    if (text_is_digit(piece.data[0])) {
        buf_fill(key, '0', piece.size < 8 ? 8 - piece.size : 0);
        key_text(key, piece);
        return;
    }
    buf_byte(key, '*');
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (text_equal_nocase(piece, span_text(words[i].word))) {
            key_text(key, span_text(words[i].stands_for));
            return;
        }
    }
    key_text_lower(key, piece);
}

static bool legacy_byte_is_other(uint8_t c) { return !text_is_alnum(c) && c != '.' && c != '-'; }

static struct span legacy_piece_take(struct version_text *in) {
    struct span piece = version_text_digits(in);
    if (piece.size == 0)
        piece = version_text_letters(in);
    if (piece.size > 0)
        return piece;
    size_t from = in->at++;
    while (version_text_left(in) && legacy_byte_is_other(in->text.data[from]) &&
           legacy_byte_is_other(version_text_peek(in)))
        in->at++;
    return span_slice(in->text, from, in->at - from);
}

/* Drops from `size` on the last pieces that read `text`; `from` is where the pieces begin. */
static void legacy_pieces_drop(struct buf *key, size_t from, const char *text) {
    size_t size = strlen(text) + 1;
    while (!key->failed && key->size - from >= size && memcmp(key->data + key->size - size, text, size) == 0)
        key->size -= size;
}

/* Versions of the time before PEP 440, all of which sort before those that follow it. */
static void legacy_key(struct span text, struct buf *key) {
    struct version_text in = {text, 0};
    size_t from = key->size;
    bool is_last = false;
    while (!is_last) {
        is_last = !version_text_left(&in);
        struct span piece = is_last ? span_text("final") : legacy_piece_take(&in);
        if (span_is(piece, "."))
            continue;
        AUTO_BUF struct buf next = {0};
        legacy_piece_key(piece, &next);
        struct span bytes = buf_span(&next);
        if (bytes.size > 0 && bytes.data[0] == '*') {
            if (span_compare(span_slice(bytes, 0, bytes.size - 1), span_text("*final")) < 0)
                legacy_pieces_drop(key, from, "*final-");
            legacy_pieces_drop(key, from, "00000000");
        }
        buf_add(key, bytes);
        key->failed = key->failed || next.failed;
    }
    buf_byte(key, 0);
}

static bool pep440_legacy_key(struct span text, struct buf *key) {
    text = text_trim(text);
    size_t size = key->size;
    buf_byte(key, 1);
    if (version_rules_pep440.key(text, key))
        return true;
    if (key->failed)
        return true;
    key->size = size;
    buf_byte(key, 0);
    legacy_key(text, key);
    return text.size > 0;
}

const struct version_rules version_rules_pep440_legacy = {.key = pep440_legacy_key};
