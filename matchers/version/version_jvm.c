/* The order of Java runtimes: JEP 223 ("17.0.2+8", "11.0.4-ea+3"), and the older form, which says the same with "1." in
 * front
 * ("1.8.0_131-b11" and "8u131" are 8.0.131). Zeros at the end do not count, builds have no part, early access comes
 * before. */
#include "matchers/version/version_rules.h"

enum { TAG_NUMBERS_END = 0, TAG_NUMBER = 1, TAG_EARLY = 0, TAG_RELEASE = 1 };

/* "." and "_", and what stands for "_": "u" ("8u131", which leaves the zero between out) and "-update". */
static bool separator_take(struct version_text *in, struct buf *key) {
    if (version_text_skip(in, '.') || version_text_skip(in, '_') || version_text_word(in, "-update"))
        return true;
    if (!version_text_skip(in, 'u'))
        return false;
    key_number(key, TAG_NUMBER, (struct span){NULL, 0});
    return true;
}

static bool jvm_key(struct span text, struct buf *key) {
    struct version_text in = {text_trim(text), 0};
    if (span_starts(in.text, "1.") && in.text.size > 2)
        in.at = 2;
    size_t size = key->size;
    do {
        struct span number = version_text_digits(&in);
        size_t before = key->size;
        if (number.size == 0)
            return false;
        key_number(key, TAG_NUMBER, number);
        if (key->size != before + 1)
            size = key->size;
    } while (separator_take(&in, key));
    if (key->failed)
        return true;
    key->size = size;
    buf_byte(key, TAG_NUMBERS_END);
    struct span rest = span_from(in.text, in.at);
    if (rest.size > 0 && rest.data[0] != '-' && rest.data[0] != '+')
        return false;
    bool is_early = false;
    bool words = true;
    while (rest.data != NULL && words) {
        struct span word = text_cut(&rest, '-');
        size_t plus = span_index(word, '+', 0);
        words = plus == SIZE_MAX;
        is_early = is_early || text_equal_nocase(words ? word : span_slice(word, 0, plus), span_text("ea"));
    }
    buf_byte(key, is_early ? TAG_EARLY : TAG_RELEASE);
    return true;
}

const struct version_rules version_rules_jvm = {.key = jvm_key};
