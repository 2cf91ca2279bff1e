/* The orders against tests/data/version/<scheme>.tsv, and the properties that all of them promise. */
#include "matchers/version/version.h"

#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/file/file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const enum version_scheme first_scheme = (enum version_scheme)0;

static enum version_scheme scheme_after(enum version_scheme scheme) { return (enum version_scheme)(scheme + 1); }

#define FOR_EACH_SCHEME(scheme)                                                                                        \
    for (enum version_scheme scheme = first_scheme; scheme < VERSION_SCHEME_COUNT; scheme = scheme_after(scheme))

static int compare(enum version_scheme scheme, struct span a, struct span b) {
    int order = 2;
    struct err err = {0};
    if (version_compare(scheme, a, b, &order, &err) < 0)
        fail_msg("%s: %.*s and %.*s: %s", version_scheme_name(scheme), SPAN_FORMAT(a), SPAN_FORMAT(b), err.text);
    return order;
}

static void data_read(const char *name, const char *suffix, struct buf *text) {
    char path[128];
    (void)snprintf(path, sizeof path, "tests/data/version/%s%s.tsv", name, suffix);
    struct err err = {0};
    if (file_read(path, text, &err) < 0)
        fail_msg("%s: every scheme has its vectors (%s)", path, err.text);
    assert_true(text->size > 0);
}

/* Calls `check` for each line of a file, comments left out. */
static size_t lines_check(enum version_scheme scheme, struct buf *text,
                          void (*check)(enum version_scheme scheme, struct span first, struct span second,
                                        struct span third)) {
    struct reader reader = reader_init(buf_span(text));
    struct span line;
    size_t count = 0;
    while (read_line(&reader, &line)) {
        if (line.size == 0 || line.data[0] == '#')
            continue;
        struct span rest = line;
        struct span first = text_cut(&rest, '\t');
        struct span second = text_cut(&rest, '\t');
        check(scheme, first, second, rest);
        count++;
    }
    return count;
}

static void order_check(enum version_scheme scheme, struct span a, struct span sign, struct span b) {
    int expected = span_is(sign, "<") ? -1 : span_is(sign, ">") ? 1 : 0;
    assert_true(span_is(sign, "<") || span_is(sign, "=") || span_is(sign, ">"));
    if (compare(scheme, a, b) != expected || compare(scheme, b, a) != -expected)
        fail_msg("%s: expected %.*s %.*s %.*s", version_scheme_name(scheme), SPAN_FORMAT(a), SPAN_FORMAT(sign),
                 SPAN_FORMAT(b));
}

static void test_vectors(void **state) {
    (void)state;
    FOR_EACH_SCHEME(scheme) {
        AUTO_BUF struct buf text = {0};
        data_read(version_scheme_name(scheme), "", &text);
        assert_true(lines_check(scheme, &text, order_check) >= 3);
    }
}

/* Versions of every scheme, and every prefix of them: strange, but mostly still versions. */
struct samples {
    VEC(struct span) vec;
    struct buf text;
};

static struct samples *sampling;

static void sample_add(enum version_scheme scheme, struct span a, struct span sign, struct span b) {
    (void)scheme;
    (void)sign;
    for (size_t size = 1; size <= a.size; size++)
        assert_true(vec_push(&sampling->vec, span_slice(a, 0, size)));
    assert_true(vec_push(&sampling->vec, b));
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return *seed >> 33;
}

static bool has_key(enum version_scheme scheme, struct span version) {
    AUTO_BUF struct buf key = {0};
    return version_key(scheme, version, &key, NULL) == 0;
}

static void order_laws_check(enum version_scheme scheme, struct span a, struct span b, struct span c) {
    int ab = compare(scheme, a, b);
    int bc = compare(scheme, b, c);
    int ac = compare(scheme, a, c);
    assert_int_equal(compare(scheme, b, a), -ab);
    assert_int_equal(compare(scheme, a, a), 0);
    /* Orders that no key has are no orders in full: Arch's 1-1 = 1 = 1-2. */
    if (!version_is_keyed(scheme, a) || !version_is_keyed(scheme, b) || !version_is_keyed(scheme, c))
        return;
    if (ab <= 0 && bc <= 0)
        assert_true(ac <= 0 && (ac < 0 || (ab == 0 && bc == 0)));
    if (ab >= 0 && bc >= 0)
        assert_true(ac >= 0);
}

/* Where both versions say that their keys are right, the keys' order is the comparison's. */
static void key_order_check(enum version_scheme scheme, struct span a, struct span b) {
    struct buf keys[2] = {{0}, {0}};
    struct version_point points[2] = {{.text = a}, {.text = b}};
    int order = 2;
    struct err err = {0};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(version_key(scheme, points[i].text, &keys[i], &err), 0);
        points[i].key = buf_span(&keys[i]);
        points[i].keyed = version_is_keyed(scheme, points[i].text);
    }
    assert_int_equal(version_point_compare(scheme, &points[0], &points[1], &order, &err), 0);
    if (order != compare(scheme, a, b))
        fail_msg("%s: keys of %.*s and %.*s say %d, the comparison %d", version_scheme_name(scheme), SPAN_FORMAT(a),
                 SPAN_FORMAT(b), order, compare(scheme, a, b));
    buf_release(&keys[0]);
    buf_release(&keys[1]);
}

static void test_order_laws(void **state) {
    (void)state;
    FOR_EACH_SCHEME(scheme) {
        struct samples samples = {0};
        sampling = &samples;
        data_read(version_scheme_name(scheme), "", &samples.text);
        (void)lines_check(scheme, &samples.text, sample_add);
        uint64_t seed = 20;
        size_t checked = 0;
        for (size_t i = 0; i < 20000; i++) {
            struct span pick[3];
            bool parsed = true;
            for (size_t j = 0; j < 3; j++) {
                pick[j] = samples.vec.data[next_random(&seed) % samples.vec.count];
                parsed = parsed && has_key(scheme, pick[j]);
            }
            if (!parsed)
                continue;
            order_laws_check(scheme, pick[0], pick[1], pick[2]);
            key_order_check(scheme, pick[0], pick[1]);
            checked++;
        }
        assert_true(checked > 100);
        vec_release(&samples.vec);
        buf_release(&samples.text);
    }
}

static void range_check(enum version_scheme scheme, struct span range, struct span version, struct span expected) {
    bool inside = false;
    struct err err = {0};
    int result = version_in_range(scheme, range, version, &inside, &err);
    const char *found = result < 0 ? "error" : inside ? "in" : "out";
    assert_true(result == 0 || err.code == ERR_FORMAT);
    if (!span_is(expected, found))
        fail_msg("%s: '%.*s' of '%.*s': expected %.*s, found %s", version_scheme_name(scheme), SPAN_FORMAT(version),
                 SPAN_FORMAT(range), SPAN_FORMAT(expected), found);
}

static void test_ranges(void **state) {
    (void)state;
    static const enum version_scheme with_ranges[] = {
        VERSION_ALPM,      VERSION_APK,       VERSION_BITNAMI_GRYPE, VERSION_CARGO,  VERSION_COMPOSER,
        VERSION_CONAN,     VERSION_CONDA,     VERSION_DEB,           VERSION_GEM,    VERSION_GEM_GRYPE,
        VERSION_HEX,       VERSION_HEX_NOPRE, VERSION_MAVEN,         VERSION_NPM,    VERSION_NPM_PRE,
        VERSION_NPM_LOOSE, VERSION_NUGET,     VERSION_OSV_EVENT,     VERSION_PEP440, VERSION_PEP440_GRYPE,
        VERSION_PUB,       VERSION_RPM,       VERSION_RPM_GRYPE,     VERSION_SEMVER,
    };
    for (size_t i = 0; i < ARRAY_COUNT(with_ranges); i++) {
        AUTO_BUF struct buf text = {0};
        data_read(version_scheme_name(with_ranges[i]), ".range", &text);
        assert_true(lines_check(with_ranges[i], &text, range_check) >= 2);
    }
}

/* The key of what parses is what compares, appended to what was there. */
static void test_key(void **state) {
    (void)state;
    AUTO_BUF struct buf keys = {0};
    struct err err = {0};
    buf_text(&keys, "before");
    assert_int_equal(version_key(VERSION_DEB, span_text("1.0"), &keys, &err), 0);
    assert_memory_equal(keys.data, "before", 6);
    size_t size = keys.size;
    assert_int_equal(version_key(VERSION_DEB, span_text("0:1.0-0"), &keys, &err), 0);
    assert_true(span_equal(span_slice(buf_span(&keys), 6, size - 6), span_from(buf_span(&keys), size)));
    assert_int_equal(err.code, ERR_NONE);

    size = keys.size;
    assert_int_equal(version_key(VERSION_PEP440, span_text("1.0+"), &keys, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    assert_int_equal(keys.size, size);
}

static void test_memory_is_short(void **state) {
    (void)state;
    FOR_EACH_SCHEME(scheme) {
        struct span version = span_text(scheme == VERSION_OSV_EVENT ? "deb:1.2.3" : "1.2.3");
        for (uint64_t countdown = 1; countdown < 8; countdown++) {
            struct buf key = {0};
            struct err err = {0};
            mem_fail_after(countdown, true);
            int result = version_key(scheme, version, &key, &err);
            mem_fail_after(0, false);
            assert_true(result == 0 || (err.code == ERR_NOMEM && key.size == 0));
            assert_true(countdown > 1 || result < 0);
            buf_release(&key);
        }
    }
}

static void refuse_check(enum version_scheme scheme, struct span version, enum err_code code) {
    AUTO_BUF struct buf key = {0};
    struct err err = {0};
    assert_int_equal(version_key(scheme, version, &key, &err), -1);
    assert_int_equal(err.code, code);
    assert_int_equal(key.size, 0);
    assert_false(version_is_valid(scheme, version));
}

/* Texts at and past the ceiling, of the kinds that cost the most; NUL bytes; nothing at all. */
static void test_hostile(void **state) {
    (void)state;
    static const char *const fillers[] = {"9", "0", "0.", "1.", "-", "a", "1a", "~", "_p", ".0a", "-0"};
    char *text = mem_alloc(LIMIT_FIELD_BYTES + 1);
    assert_non_null(text);
    FOR_EACH_SCHEME(scheme) {
        for (size_t f = 0; f < ARRAY_COUNT(fillers); f++) {
            size_t length = strlen(fillers[f]);
            text[0] = '1';
            for (size_t i = 1; i <= LIMIT_FIELD_BYTES; i++)
                text[i] = fillers[f][(i - 1) % length];
            AUTO_BUF struct buf key = {0};
            struct err err = {0};
            int result = version_key(scheme, span_make(text, LIMIT_FIELD_BYTES), &key, &err);
            assert_true(result == 0 || err.code == ERR_FORMAT);
            assert_true(key.size <= 16 * LIMIT_FIELD_BYTES);
            (void)version_is_valid(scheme, span_make(text, LIMIT_FIELD_BYTES));
            bool inside = false;
            result = version_in_range(scheme, span_make(text, LIMIT_FIELD_BYTES), span_text("1.2.3"), &inside, NULL);
            assert_true(result == 0 || result == -1);
            result =
                version_in_range(scheme, span_make(text, LIMIT_FIELD_BYTES + 1), span_text("1.2.3"), &inside, NULL);
            assert_int_equal(result, -1);
            refuse_check(scheme, span_make(text, LIMIT_FIELD_BYTES + 1), ERR_LIMIT);
        }
        refuse_check(scheme, span_make("1.\0", 3), ERR_FORMAT);
        refuse_check(scheme, span_make("\0", 1), ERR_FORMAT);
    }
    mem_free(text);
    struct span many[2];
    AUTO_BUF struct buf digits = {0};
    buf_text(&digits, "1.");
    buf_fill(&digits, '9', 4000);
    many[0] = buf_span(&digits);
    assert_int_equal(compare(VERSION_DEB, many[0], span_slice(many[0], 0, 4001)), 1);
    assert_int_equal(compare(VERSION_MAVEN, span_slice(many[0], 0, 4001), many[0]), -1);
}

static void test_names(void **state) {
    (void)state;
    enum version_scheme found = VERSION_SCHEME_COUNT;
    FOR_EACH_SCHEME(scheme) {
        assert_true(version_scheme_find(span_text(version_scheme_name(scheme)), &found));
        assert_int_equal(found, scheme);
        if (scheme_after(scheme) < VERSION_SCHEME_COUNT)
            assert_true(strcmp(version_scheme_name(scheme), version_scheme_name(scheme_after(scheme))) < 0);
    }
    assert_true(version_scheme_find(span_text("Debian"), &found) && found == VERSION_DEB);
    assert_true(version_scheme_find(span_text("pypi"), &found) && found == VERSION_PEP440);
    assert_false(version_scheme_find(span_text(""), &found));
    assert_false(version_scheme_find(span_text("de"), &found));
    assert_false(version_scheme_find(span_text("debian dpkg"), &found));
}

static const struct {
    enum version_scheme scheme;
    const char *version;
    bool valid;
} validity_cases[] = {
    {VERSION_DEB, "1:2.0-1", true},
    {VERSION_DEB, "a1", false},
    {VERSION_DEB, "1.0-", false},
    {VERSION_DEB, "2147483647:1", true},
    {VERSION_DEB, "2147483648:1", false},
    {VERSION_DEB, "1_0", false},
    {VERSION_APK, "1.2.3_rc1-r0", true},
    {VERSION_APK, "1.0-r", false},
    {VERSION_APK, "1.0_p1a", false},
    {VERSION_APK, "1.8.28p1", false},
    {VERSION_APK, "1.0~", false},
    {VERSION_PEP440, "1.0.post1.dev2", true},
    {VERSION_PEP440, "1.0.x", false},
    {VERSION_SEMVER, "1.0.0-x.7", true},
    {VERSION_SEMVER, "1.0", false},
    {VERSION_SEMVER, "1.0.01", false},
    {VERSION_SEMVER, "1.0.0-01", false},
    {VERSION_SEMVER, "1.0.0+01", true},
    {VERSION_SEMVER, "1.0.0-", false},
    {VERSION_SEMVER, "v1.0.0", false},
    {VERSION_GO, "v1.0", true},
    {VERSION_GO, "v1.0-pre", false},
    {VERSION_GO, "1.0.0", false},
    {VERSION_GEM, "1.0.a", true},
    {VERSION_GEM, "1.0..2", false},
    {VERSION_COMPOSER, "1.x-dev", true},
    {VERSION_COMPOSER, "1.0.0.0.0", false},
    {VERSION_APK, "1..2", false},
    {VERSION_APK, "1.", false},
    {VERSION_MAVEN_RANGE, "[1.0,2.0)", true},
    {VERSION_MAVEN_RANGE, "[1],[2,3)", true},
    {VERSION_MAVEN_RANGE, "1.0", true},
    {VERSION_MAVEN_RANGE, "(1)", false},
    {VERSION_MAVEN_RANGE, "[2,1]", false},
    {VERSION_MAVEN_RANGE, "[1,1)", false},
    {VERSION_MAVEN_RANGE, "[1,3),(2,4]", false},
    {VERSION_MAVEN_RANGE, "[1,),[2,3]", false},
    {VERSION_MAVEN_RANGE, "[1,2", false},
    {VERSION_MAVEN_RANGE, "[1,2]x", false},
    {VERSION_NUGET_RANGE, "[1.0, 2.0)", true},
    {VERSION_NUGET_RANGE, "1.*", true},
    {VERSION_NUGET_RANGE, "(,)", false},
    {VERSION_NUGET_RANGE, "[", false},
    {VERSION_NUGET_RANGE, "[1],[2]", false},
    {VERSION_CONAN, "", false},
    {VERSION_NPM, "9007199254740991.0.0", true},
    {VERSION_NPM, "9007199254740992.0.0", false},
};

static void test_validity(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(validity_cases); i++) {
        if (version_is_valid(validity_cases[i].scheme, span_text(validity_cases[i].version)) != validity_cases[i].valid)
            fail_msg("%s %s: expected %s", version_scheme_name(validity_cases[i].scheme), validity_cases[i].version,
                     validity_cases[i].valid ? "valid" : "invalid");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_order_laws),      cmocka_unit_test(test_key),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_memory_is_short), cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_validity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
