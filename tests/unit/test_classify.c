#include "matchers/classify/classify.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BY(id) CATALOGUER_##id
#define NOBODY CLASSIFY_MEMBER_COUNT

static const struct {
    const char *path;
    unsigned member; /* the only one who wants it */
} cases[] = {
    {"var/lib/dpkg/status", BY(DPKG)},
    {"srv/chroot/lib/dpkg/status", BY(DPKG)},
    {"lib/dpkg/status", BY(DPKG)},
    {"var/xlib/dpkg/status", NOBODY},
    {"var/lib/dpkg/status-old", NOBODY},
    {"var/lib/dpkg/status.d/base-files", BY(DPKG)},
    {"var/lib/dpkg/status.d/libc6.md5sums", BY(FILES)},
    {"var/lib/dpkg/info/libc6:amd64.list", BY(FILES)},
    {"var/lib/dpkg/status.d/a/b", NOBODY},
    {"usr/lib/opkg/status", BY(DPKG)},
    {"vcpkg/installed/vcpkg/status", BY(LINES)},
    {"lib/apk/db/installed", BY(APK)},
    {"usr/lib/apk/db/installed", BY(APK)},
    {"home/x/lib/apk/db/installed", NOBODY},
    {"app/node_modules/a/package.json", BY(NPM)},
    {"app/node_modules/@s/a/package.json", BY(NPM)},
    {"app/node_modules/.pnpm/a@1/node_modules/a/package.json", BY(NPM)},
    {"app/node_modules/resolve/test/pkg/package.json", NOBODY},
    {"app/node_modules/a/node_modules/b/package.json", BY(NPM)},
    {"opt/yarn-v1.22.22/package.json", BY(NPM)},
    {"app/package.json", BY(CLUE)},
    {"package.json", BY(CLUE)},
    {"usr/lib/python3/dist-packages/a-1.dist-info/METADATA", BY(PYTHON)},
    {"x/DIST-INFO/METADATA", BY(PYTHON)},
    {"x/a.egg-info/PKG-INFO", BY(PYTHON)},
    {"x/a.egg-info", BY(PYTHON)},
    {"x/m-1.6-py3.egg!/EGG-INFO/PKG-INFO", BY(PYTHON)},
    {"x/setuptools/_vendor/a-1.dist-info/METADATA", NOBODY},
    {"x/METADATA", NOBODY},
    {"etc/os-release", CLASSIFY_RELEASE},
    {"usr/lib/os-release", CLASSIFY_RELEASE},
    {"etc/debian_version", CLASSIFY_RELEASE},
    {"srv/etc/os-release", NOBODY},
    {"nix/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-a-1/bin/a", BY(PATHS)},
    {"srv/nix/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-a-1/bin/a", NOBODY},
    {"nix/var/x", NOBODY},
    {"etc/app/settings.json", BY(JSON_CONTENT)},
    {"app/node_modules/a/settings.json", NOBODY},
    {"", NOBODY},
    {"/", NOBODY},
    {"a/", NOBODY},
    {".", NOBODY},
};

static struct classify_set set_of(unsigned member) {
    struct classify_set set = {0};
    if (member != NOBODY)
        classify_set_add(&set, member);
    return set;
}

static void test_paths(void **state) {
    static struct classify classify; /* larger than a frame should be */
    (void)state;
    classify_init(&classify);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct classify_set set = classify_path(&classify, span_text(cases[i].path));
        struct classify_set expected = set_of(cases[i].member);
        if (memcmp(&set, &expected, sizeof set) != 0)
            fail_msg("%s: not member %u alone", cases[i].path, cases[i].member);
        /* Not where the path tells all, nor where the body may be anything. */
        assert_int_equal(classify_wants(&classify, span_text(cases[i].path)), cases[i].member != NOBODY &&
                                                                                  cases[i].member != BY(PATHS) &&
                                                                                  cases[i].member != BY(JSON_CONTENT));
    }
}

/* The table must answer as the globs do when each is tried in turn. */
static void test_equals_globs(void **state) {
    static struct classify classify; /* larger than a frame should be */
    (void)state;
    classify_init(&classify);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct span path = span_text(cases[i].path);
        struct classify_set set = classify_path(&classify, path);
        for (enum cataloguer_id id = 0; id < CATALOGUER_COUNT; id++) {
            bool wanted = false, taken_back = false;
            for (const char *const *glob = cataloguer_get(id)->paths; *glob != NULL; glob++) {
                bool negative = **glob == '!';
                bool hit = text_glob(span_text(*glob + (negative ? 1 : 0)), path);
                wanted |= hit && !negative;
                taken_back |= hit && negative;
            }
            assert_int_equal(classify_set_has(&set, id), wanted && !taken_back);
        }
    }
}

/* Every member has a place of its own, whatever the number of words; the release files' is no cataloguer's. */
static void test_set(void **state) {
    struct classify_set all = {0}, none = {0};
    enum cataloguer_id id = CATALOGUER_COUNT;
    (void)state;
    assert_true(classify_set_is_empty(&all));
    for (unsigned member = 0; member < CLASSIFY_MEMBER_COUNT; member++) {
        struct classify_set one = set_of(member);
        assert_false(classify_set_has(&all, member));
        classify_set_join(&all, &one);
        assert_true(classify_set_has(&all, member));
        assert_false(classify_set_is_empty(&one));
        assert_int_equal(classify_set_take(&one, &id), member != CLASSIFY_RELEASE);
        assert_int_equal(classify_set_is_empty(&one), member != CLASSIFY_RELEASE);
    }
    for (unsigned member = 0; member < CATALOGUER_COUNT; member++) {
        assert_true(classify_set_take(&all, &id));
        assert_int_equal(id, member);
    }
    assert_false(classify_set_take(&all, &id));
    assert_true(classify_set_has(&all, CLASSIFY_RELEASE));
    classify_set_remove(&all, CLASSIFY_RELEASE);
    assert_true(classify_set_is_empty(&all));
    classify_set_join(&all, &none);
    assert_true(classify_set_is_empty(&all));
    classify_set_add(&all, 1);
    classify_set_add(&all, CLASSIFY_RELEASE);
    struct classify_set part = set_of(1), taken = classify_set_split(&all, &part);
    assert_true(classify_set_has(&taken, 1) && !classify_set_has(&taken, CLASSIFY_RELEASE));
    assert_true(!classify_set_has(&all, 1) && classify_set_has(&all, CLASSIFY_RELEASE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_equals_globs),
        cmocka_unit_test(test_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
