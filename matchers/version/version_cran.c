/* R's order: package_version(). Numbers apart by "." or "-", compared in turn; a version is less than
 * its continuations. */
#include "matchers/version/version_rules.h"

static bool numbers_key(struct span text, bool dash_separates, struct buf *key) {
    struct version_text in = {text_trim(text), 0};
    do {
        struct span number = version_text_digits(&in);
        if (number.size == 0)
            return false;
        key_number(key, 1, number);
    } while (version_text_skip(&in, '.') || (dash_separates && version_text_skip(&in, '-')));
    buf_byte(key, 0);
    return !version_text_left(&in);
}

static bool cran_key(struct span text, struct buf *key) { return numbers_key(text, true, key); }

/* Haskell's Data.Version as Hackage has it: numbers apart by dots, in the same order. */
static bool hackage_key(struct span text, struct buf *key) { return numbers_key(text, false, key); }

const struct version_rules version_rules_cran = {.key = cran_key};
const struct version_rules version_rules_hackage = {.key = hackage_key};
