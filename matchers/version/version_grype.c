/* Orders as Grype applies them, where they differ from the tools' own. They are for `trawl vercmp`, which answers in
 * the dialect it is asked in; matching uses the tools' orders. */
#include "matchers/version/version_rules.h"

/* [epoch:]version[-release] cut apart; the release begins at the first dash. */
struct grype_rpm {
    struct span epoch, version, release;
    bool has_epoch;
};

static bool grype_rpm_of(struct span text, struct grype_rpm *ret_parts) {
    struct grype_rpm parts = {.version = text};
    size_t colon = span_index(text, ':', 0);
    if (colon != SIZE_MAX) {
        parts.has_epoch = true;
        parts.epoch = text_trim(span_slice(text, 0, colon));
        parts.version = span_from(text, colon + 1);
        if (!version_is_number(parts.epoch))
            return false;
    }
    size_t dash = span_index(parts.version, '-', 0);
    if (dash != SIZE_MAX) {
        parts.release = span_from(parts.version, dash + 1);
        parts.version = span_slice(parts.version, 0, dash);
    }
    *ret_parts = parts;
    return true;
}

/* The next run of digits, of letters, or "~"; empty at the end. */
static struct span run_take(struct version_text *in) {
    while (version_text_left(in)) {
        struct span run = version_text_digits(in);
        if (run.size == 0)
            run = version_text_letters(in);
        if (run.size > 0)
            return run;
        in->at++;
        if (in->text.data[in->at - 1] == '~')
            return span_slice(in->text, in->at - 1, 1);
    }
    return (struct span){NULL, 0};
}

static bool run_is(struct span run, uint8_t byte) { return run.size > 0 && run.data[0] == byte; }

static int rpm_part_order(struct span left, struct span right) {
    struct version_text a = {left, 0};
    struct version_text b = {right, 0};
    struct span x = run_take(&a);
    struct span y = run_take(&b);
    for (; x.size > 0 && y.size > 0; x = run_take(&a), y = run_take(&b)) {
        if (run_is(x, '~') != run_is(y, '~'))
            return run_is(x, '~') ? -1 : 1;
        bool x_number = text_is_digit(x.data[0]);
        bool y_number = text_is_digit(y.data[0]);
        if (x_number != y_number)
            return x_number ? 1 : -1;
        int order = x_number ? version_numbers_order(x, y) : span_compare(x, y);
        if (order != 0)
            return order;
    }
    if (x.size == 0 && y.size == 0)
        return 0;
    int longer = x.size > 0 ? 1 : -1;
    struct version_text *rest = x.size > 0 ? &a : &b;
    struct span run = x.size > 0 ? x : y;
    if (run_is(run, '~'))
        return -longer;
    /* Zeros that one side has more do not count. */
    while (span_is(run, "0"))
        run = run_take(rest);
    return run.size > 0 ? longer : 0;
}

/* Epochs count only where both sides have one. Not transitive, so that no key has this order. */
static int rpm_grype_compare(struct span a, struct span b, int *ret_order, struct err *err) {
    struct grype_rpm left;
    struct grype_rpm right;
    if (a.size == 0 || b.size == 0 || !grype_rpm_of(a, &left) || !grype_rpm_of(b, &right))
        return err_set(err, ERR_FORMAT, 0, "version: not one of its scheme");
    int order = left.has_epoch && right.has_epoch ? version_numbers_order(left.epoch, right.epoch) : 0;
    if (order == 0)
        order = rpm_part_order(left.version, right.version);
    if (order == 0)
        order = rpm_part_order(left.release, right.release);
    *ret_order = (order > 0) - (order < 0);
    return 0;
}

static bool rpm_grype_key(struct span text, struct buf *key) {
    struct grype_rpm parts;
    text = text_trim(text);
    key_text(key, text);
    return text.size > 0 && grype_rpm_of(text, &parts);
}

/* Bitnami's revision, "-3" at the end, is of its packaging and not a pre-release; Grype leaves it out. */
static bool bitnami_grype_key(struct span text, struct buf *key) {
    text = text_trim(text);
    size_t dash = span_index_last(text, '-');
    if (dash != SIZE_MAX && version_is_number(span_from(text, dash + 1)))
        text = span_slice(text, 0, dash);
    return version_rules_semver.key(text, key);
}

/* A gem built for one platform has its name behind the version: "1.19.3-aarch64-linux-gnu". The first part that names
 * a processor or a virtual machine ends the version. */
static bool gem_grype_key(struct span text, struct buf *key) {
    static const char *const platforms[] = {"x86",   "x86_64", "x64",     "universal", "aarch64", "arm",   "arm64",
                                            "armv5", "armv6",  "armv7",   "armv8",     "i386",    "i686",  "java",
                                            "jruby", "dalvik", "powerpc", "ppc",       "sparc",   "mswin", "mingw32"};
    text = text_trim(text);
    for (size_t dash = span_index(text, '-', 0); dash != SIZE_MAX; dash = span_index(text, '-', dash + 1)) {
        struct span rest = span_from(text, dash + 1);
        struct span word = text_cut(&rest, '-');
        for (size_t i = 0; i < ARRAY_COUNT(platforms); i++) {
            if (span_is(word, platforms[i]))
                return version_rules_gem.key(span_slice(text, 0, dash), key);
        }
    }
    return version_rules_gem.key(text, key);
}

static struct span local_cut(struct span version) {
    size_t plus = span_index(version, '+', 0);
    return plus == SIZE_MAX ? version : span_slice(version, 0, plus);
}

/* Plain comparison, where the specification leaves pre-releases and local versions of a bound out; a local version
 * counts only where the bound has one. */
static int pep440_comparator_holds(const struct range_subject *subject, struct span bound, bool *ret_holds,
                                   struct err *err) {
    unsigned sides = range_sign_take(&bound);
    int order = 0;
    if (bound.size >= 2 && bound.data[0] == '"' && bound.data[bound.size - 1] == '"')
        bound = span_slice(bound, 1, bound.size - 2);
    struct span version = span_index(bound, '+', 0) == SIZE_MAX ? local_cut(subject->version) : subject->version;
    if (version_rules_compare(subject->rules, version, bound, &order, err) < 0)
        return err_wrap(err, "range");
    *ret_holds = range_allows(sides == 0 ? RANGE_EQUAL : sides, order);
    return 0;
}

static bool pep440_grype_key(struct span text, struct buf *key) { return version_rules_pep440.key(text, key); }

static int pep440_grype_in_range(const struct version_rules *rules, struct span range, struct span version,
                                 bool *ret_inside, struct err *err) {
    static const struct range_language language = {
        .set_separator = "||", .condition_separator = ",", .empty_holds = true, .holds = pep440_comparator_holds};
    return range_sets(&language, rules, range, version, ret_inside, err);
}

const struct version_rules version_rules_rpm_grype = {.key = rpm_grype_key, .compare = rpm_grype_compare};
const struct version_rules version_rules_bitnami_grype = {.key = bitnami_grype_key};
const struct version_rules version_rules_gem_grype = {.key = gem_grype_key};
const struct version_rules version_rules_pep440_grype = {.key = pep440_grype_key, .in_range = pep440_grype_in_range};
