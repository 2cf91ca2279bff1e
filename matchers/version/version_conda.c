/* Conda's order: VersionOrder of conda.models.version.
 *
 * [epoch!]component{.component}[+local]; a component is runs of digits and of everything else, and
 * begins with a number: "rc1" is 0, "rc", 1. Missing runs and components are zero; words sort before
 * numbers, "dev" before all words, "post" behind all numbers. */
#include "matchers/version/version_conda.h"

#include "base/vec.h"

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

/* Whether a component ends before byte `i`. A "_" or "-" at the very end belongs to the component: "1.0.1_" < "1.0.1a",
 * as OpenSSL's patches want it. */
static bool component_ends(struct span text, size_t i, bool keep_last) {
    if (i == text.size)
        return true;
    bool separates = text.data[i] == '.' || text.data[i] == '_' || text.data[i] == '-';
    return separates && !(keep_last && i + 1 == text.size && text.data[i] != '.');
}

static bool components_key(struct span text, bool keep_last, struct buf *key) {
    size_t zeros = 0;
    size_t from = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (!component_ends(text, i, keep_last))
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

/* A run of a version's components, or what stands for the missing ones. */
struct run {
    enum run_kind kind;
    struct span text;
    size_t component;
};
struct runs {
    VEC(struct run) vec;
    size_t component_count;
    bool failed;
};

static void runs_release(struct runs *runs) { vec_release(&runs->vec); }

static void run_add(struct runs *runs, struct run run) { runs->failed = !vec_push(&runs->vec, run) || runs->failed; }

/* The components of `text`, behind those that are there already. */
static void runs_add(struct runs *runs, struct span text, bool keep_last) {
    size_t from = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (!component_ends(text, i, keep_last))
            continue;
        struct version_text in = {span_slice(text, from, i - from), 0};
        if (!text_is_digit(version_text_peek(&in)))
            run_add(runs, (struct run){.kind = RUN_ZERO, .component = runs->component_count});
        while (version_text_left(&in)) {
            struct run run = {.component = runs->component_count};
            run.kind = run_take(&in, &run.text);
            run_add(runs, run);
        }
        runs->component_count++;
        from = i + 1;
    }
}

/* Epoch and version, or the local part. */
static void runs_make(struct span text, bool local, struct runs *runs) {
    struct span rest = text_trim(text);
    struct span version = text_cut(&rest, '+');
    if (local) {
        if (rest.data != NULL)
            runs_add(runs, rest, false);
        return;
    }
    size_t mark = span_index(version, '!', 0);
    runs_add(runs, mark == SIZE_MAX ? span_text("0") : span_slice(version, 0, mark), false);
    runs_add(runs, mark == SIZE_MAX ? version : span_from(version, mark + 1), true);
}

/* Run `index` of a component; zero where there is none. */
static struct run run_get(const struct runs *runs, size_t component, size_t index) {
    for (size_t i = 0; i < runs->vec.count; i++) {
        if (runs->vec.data[i].component == component && index-- == 0)
            return runs->vec.data[i];
    }
    return (struct run){.kind = RUN_ZERO};
}

static size_t run_count(const struct runs *runs, size_t component) {
    size_t count = 0;
    for (size_t i = 0; i < runs->vec.count; i++)
        count += runs->vec.data[i].component == component;
    return count;
}

static bool run_equal(struct run a, struct run b) {
    if (a.kind != b.kind || a.kind == RUN_ZERO || a.kind == RUN_POST)
        return a.kind == b.kind;
    return a.kind == RUN_NUMBER ? version_numbers_order(a.text, b.text) == 0 : text_equal_nocase(a.text, b.text);
}

static bool component_equal(const struct runs *a, const struct runs *b, size_t component) {
    size_t a_count = run_count(a, component);
    size_t b_count = run_count(b, component);
    for (size_t i = 0; i < a_count || i < b_count; i++) {
        if (!run_equal(run_get(a, component, i), run_get(b, component, i)))
            return false;
    }
    return true;
}

static bool runs_equal(const struct runs *a, const struct runs *b) {
    for (size_t i = 0; i < a->component_count || i < b->component_count; i++) {
        if (!component_equal(a, b, i))
            return false;
    }
    return true;
}

static bool runs_start(const struct runs *runs, const struct runs *begin) {
    size_t last = begin->component_count - 1;
    for (size_t i = 0; i < last; i++) {
        if (!component_equal(runs, begin, i))
            return false;
    }
    size_t count = run_count(begin, last);
    for (size_t i = 0; i + 1 < count; i++) {
        if (!run_equal(run_get(runs, last, i), run_get(begin, last, i)))
            return false;
    }
    struct run a = run_get(runs, last, count - 1);
    struct run b = run_get(begin, last, count - 1);
    if (b.kind != RUN_WORD)
        return run_equal(a, b);
    return a.kind == RUN_WORD && text_equal_nocase(span_slice(a.text, 0, b.text.size), b.text);
}

int conda_starts(struct span version, struct span begin, bool *ret_starts, struct err *err) {
    AUTO(runs_release) struct runs main = {0};
    AUTO(runs_release) struct runs main_begin = {0};
    AUTO(runs_release) struct runs local = {0};
    AUTO(runs_release) struct runs local_begin = {0};
    AUTO_BUF struct buf key = {0};
    if (!conda_key(begin, &key))
        return range_bad(begin, "not a version", err);
    runs_make(version, false, &main);
    runs_make(version, true, &local);
    runs_make(begin, false, &main_begin);
    runs_make(begin, true, &local_begin);
    if (key.failed || main.failed || main_begin.failed || local.failed || local_begin.failed)
        return err_set(err, ERR_NOMEM, 0, "range: out of memory");
    *ret_starts = local_begin.component_count > 0 ? runs_equal(&main, &main_begin) && runs_start(&local, &local_begin)
                                                  : runs_start(&main, &main_begin);
    return 0;
}

const struct version_rules version_rules_conda = {.key = conda_key, .in_range = conda_in_range};
