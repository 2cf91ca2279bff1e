/* Debian's order: deb-version(7), as dpkg's verrevcmp() carries it out.
 *
 * [epoch:]upstream[-revision]. Upstream and revision are each read as runs of non-digits and digits in
 * turn, and a run is never missing: nothing is the empty text and zero, which is why "1" = "1-0" and
 * "1." = "1.0". Non-digits sort byte for byte: "~", the end of the run, letters, everything else. */
#include "matchers/version/version_rules.h"

enum {
    TAG_TILDE = 1,
    TAG_END,
    TAG_LETTER,                       /* A to Z, a to z */
    TAG_OTHER_HIGH = TAG_LETTER + 52, /* bytes above ASCII: verrevcmp() sees them as negative chars plus 256 */
    TAG_OTHER = TAG_OTHER_HIGH + 128,
    TAG_NUMBER = 0 /* stands where nothing but a number can */
};

static uint8_t byte_tag(uint8_t c) {
    if (c == '~')
        return TAG_TILDE;
    if (text_is_upper(c))
        return (uint8_t)(TAG_LETTER + c - 'A');
    if (text_is_lower(c))
        return (uint8_t)(TAG_LETTER + 26 + c - 'a');
    if (c >= 0x80)
        return (uint8_t)(TAG_OTHER_HIGH + c - 0x80);
    /* Below 128 the digits and letters leave a gap that is closed, so that the tags fit a byte: 183 +
     * 64 at most. */
    unsigned skipped = (c > '9' ? 10u : 0u) + (c > 'Z' ? 26u : 0u) + (c > 'z' ? 26u : 0u);
    return (uint8_t)(TAG_OTHER + c - skipped);
}

static void part_key(struct span part, struct buf *key) {
    struct version_text in = {part, 0};
    do {
        while (version_text_left(&in) && !text_is_digit(version_text_peek(&in)))
            buf_byte(key, byte_tag(in.text.data[in.at++]));
        buf_byte(key, TAG_END);
        key_number(key, TAG_NUMBER, version_text_digits(&in));
    } while (version_text_left(&in));
    buf_byte(key, TAG_END);
}

struct parts {
    struct span epoch, upstream, revision;
    bool has_epoch, has_revision;
};

static struct parts parts_of(struct span text) {
    struct parts parts = {.upstream = text_trim(text)};
    size_t colon = span_index(parts.upstream, ':', 0);
    if (colon != SIZE_MAX) {
        parts.has_epoch = true;
        parts.epoch = span_slice(parts.upstream, 0, colon);
        parts.upstream = span_from(parts.upstream, colon + 1);
    }
    size_t dash = span_index_last(parts.upstream, '-');
    if (dash != SIZE_MAX) {
        parts.has_revision = true;
        parts.revision = span_from(parts.upstream, dash + 1);
        parts.upstream = span_slice(parts.upstream, 0, dash);
    }
    return parts;
}

/* dpkg refuses more than deb_key() does (is_valid), but its comparison has an order for everything with
 * a readable epoch, and installed packages of third parties do carry such versions. */
static bool deb_key(struct span text, struct buf *key) {
    struct parts parts = parts_of(text);
    if (parts.upstream.size + parts.revision.size == 0 || (parts.has_epoch && !version_is_number(parts.epoch)))
        return false;
    key_number(key, TAG_NUMBER, parts.epoch);
    part_key(parts.upstream, key);
    part_key(parts.revision, key);
    return true;
}

static bool deb_is_valid(struct span text) {
    struct parts parts = parts_of(text);
    uint64_t epoch = 0;
    if (parts.has_epoch && (!version_is_number(parts.epoch) || !text_u64(parts.epoch, 10, INT_MAX, &epoch)))
        return false;
    if (parts.upstream.size == 0 || !text_is_digit(parts.upstream.data[0]))
        return false;
    if (parts.has_revision && parts.revision.size == 0)
        return false;
    return text_only(parts.upstream, ".-+~:") && text_only(parts.revision, ".+~");
}

const struct version_rules version_rules_deb = {.key = deb_key, .is_valid = deb_is_valid};
