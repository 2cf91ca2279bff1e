/* OpenSSL's own numbering. Up to 1.1.1 a patch is letters behind the third number (1.0.2 < 1.0.2a < … <
 * 1.0.2z < 1.0.2za); from 3.0.0 on the third number is the patch. Pre-releases are "-alpha1", "-beta2",
 * "-pre3", "-rc1", "-dev". */
#include "matchers/version/version_rules.h"

enum { TAG_PRE = 1, TAG_RELEASE };

static bool openssl_key(struct span text, struct buf *key) {
    struct version_text in = {text_trim(text), 0};
    for (unsigned i = 0; i < 3; i++) {
        struct span number = version_text_digits(&in);
        if (number.size == 0 || (i < 2 && !version_text_skip(&in, '.')))
            return false;
        key_number(key, 0, number);
    }
    key_text(key, version_text_letters(&in));
    if (!version_text_skip(&in, '-')) {
        buf_byte(key, TAG_RELEASE);
        return !version_text_left(&in);
    }
    struct span word = version_text_letters(&in);
    /* "-fips" builds are the release itself. */
    buf_byte(key, span_is(word, "fips") ? TAG_RELEASE : TAG_PRE);
    if (!span_is(word, "fips")) {
        /* A "-dev" snapshot comes before the pre-releases. */
        key_text_lower(key, span_is(word, "dev") ? span_text("") : word);
        key_number(key, 0, version_text_digits(&in));
    }
    return word.size > 0 && !version_text_left(&in);
}

const struct version_rules version_rules_openssl = {.key = openssl_key};
