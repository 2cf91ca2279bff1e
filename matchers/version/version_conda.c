/* Conda's order: VersionOrder of conda.models.version.
 *
 * [epoch!]component{.component}[+local]; a component is runs of digits and of everything else, and
 * begins with a number: "rc1" is 0, "rc", 1. Missing runs and components are zero; words sort before
 * numbers, "dev" before all words, "post" behind all numbers. */
#include "matchers/version/version_rules.h"

enum { TAG_POST = KEY_PADDED_MORE + KEY_NUMBER_TAGS };

enum run_kind { RUN_ZERO, RUN_WORD, RUN_NUMBER, RUN_POST };

/* The next run of a component. */
static enum run_kind run_take(struct version_text *in, struct span *ret_run) {
    struct span digits = version_text_digits(in);
    if (digits.size > 0) {
        *ret_run = digits;
        return version_zeros_skip(digits).size > 0 ? RUN_NUMBER : RUN_ZERO;
    }
    size_t from = in->at;
    bool stars = version_text_peek(in) == '*';
    while (version_text_left(in) && !text_is_digit(version_text_peek(in)) && (version_text_peek(in) == '*') == stars)
        in->at++;
    *ret_run = span_slice(in->text, from, in->at - from);
    return text_equal_nocase(*ret_run, span_text("post")) ? RUN_POST : RUN_WORD;
}

/* Appends the component behind the padding for the `*zeros` components before it that are zero; one
 * more when it is too. */
static void component_key(struct span component, size_t *zeros, struct buf *key) {
    struct version_text in = {component, 0};
    /* A component that begins with a word has a zero in front. */
    size_t zero_runs = text_is_digit(version_text_peek(&in)) ? 0 : 1;
    bool written = false;
    while (version_text_left(&in)) {
        struct span run;
        enum run_kind kind = run_take(&in, &run);
        if (kind == RUN_ZERO) {
            zero_runs++;
            continue;
        }
        if (!written) {
            /* The first run that is not zero says on which side of zero the component is. */
            key_padding(key, *zeros, kind == RUN_WORD);
            if (kind != RUN_WORD)
                buf_byte(key, KEY_PADDED_MORE);
            *zeros = 0;
            written = true;
        }
        key_padding(key, zero_runs, kind == RUN_WORD);
        zero_runs = 0;
        if (kind == RUN_NUMBER)
            key_number(key, KEY_PADDED_MORE, run);
        else if (kind == RUN_POST)
            buf_byte(key, TAG_POST);
        else if (text_equal_nocase(run, span_text("dev")))
            key_text(key, span_text("DEV"));
        else
            key_text_lower(key, run);
    }
    if (written)
        buf_byte(key, KEY_PADDED_END);
    else
        (*zeros)++;
}

static bool components_key(struct span text, bool keep_last, struct buf *key) {
    size_t zeros = 0;
    size_t from = 0;
    for (size_t i = 0; i <= text.size; i++) {
        bool separates = i == text.size || text.data[i] == '.' || text.data[i] == '_' || text.data[i] == '-';
        /* A "_" or "-" at the very end belongs to the component: "1.0.1_" < "1.0.1a", as OpenSSL's
         * patches want it. */
        if (!separates || (keep_last && i + 1 == text.size && text.data[i] != '.'))
            continue;
        if (i == from)
            return false;
        component_key(span_slice(text, from, i - from), &zeros, key);
        from = i + 1;
    }
    buf_byte(key, KEY_PADDED_END);
    return true;
}

static bool conda_key(struct span text, struct buf *key) {
    struct span rest = text_trim(text);
    struct span epoch = {NULL, 0};
    /* Dashes stand for underscores, but not beside them. */
    if (rest.size == 0 || !text_only(rest, "*.+!_-") ||
        (span_index(rest, '-', 0) != SIZE_MAX && span_index(rest, '_', 0) != SIZE_MAX))
        return false;
    size_t mark = span_index(rest, '!', 0);
    if (mark != SIZE_MAX) {
        epoch = span_slice(rest, 0, mark);
        rest = span_from(rest, mark + 1);
        if (!version_is_number(epoch))
            return false;
    }
    struct span version = text_cut(&rest, '+');
    bool has_local = rest.data != NULL;
    if (span_index(version, '!', 0) != SIZE_MAX || version.size == 0 ||
        (has_local && (span_index(rest, '+', 0) != SIZE_MAX || span_index(rest, '!', 0) != SIZE_MAX)))
        return false;
    key_number(key, 0, epoch);
    if (!components_key(version, true, key))
        return false;
    if (has_local)
        return components_key(rest, false, key);
    buf_byte(key, KEY_PADDED_END);
    return true;
}

const struct version_rules version_rules_conda = {.key = conda_key};
