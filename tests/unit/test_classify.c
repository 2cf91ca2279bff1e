#include "matchers/classify/classify.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BIT(id) ((uint64_t)1 << CATALOGUER_##id)

static const struct {
    const char *path;
    uint64_t set;
} cases[] = {
    {"var/lib/dpkg/status", BIT(DPKG)},
    {"srv/chroot/lib/dpkg/status", BIT(DPKG)},
    {"lib/dpkg/status", BIT(DPKG)},
    {"var/xlib/dpkg/status", 0},
    {"var/lib/dpkg/status-old", 0},
    {"var/lib/dpkg/status.d/base-files", BIT(DPKG)},
    {"var/lib/dpkg/status.d/libc6.md5sums", 0},
    {"var/lib/dpkg/status.d/a/b", 0},
    {"usr/lib/opkg/status", BIT(DPKG)},
    {"vcpkg/installed/vcpkg/status", BIT(LINES)},
    {"lib/apk/db/installed", BIT(APK)},
    {"usr/lib/apk/db/installed", BIT(APK)},
    {"home/x/lib/apk/db/installed", 0},
    {"app/node_modules/a/package.json", BIT(NPM)},
    {"app/node_modules/@s/a/package.json", BIT(NPM)},
    {"app/node_modules/.pnpm/a@1/node_modules/a/package.json", BIT(NPM)},
    {"app/node_modules/resolve/test/pkg/package.json", 0},
    {"app/node_modules/a/node_modules/b/package.json", BIT(NPM)},
    {"opt/yarn-v1.22.22/package.json", BIT(NPM)},
    {"app/package.json", 0},
    {"package.json", 0},
    {"usr/lib/python3/dist-packages/a-1.dist-info/METADATA", BIT(PYTHON)},
    {"x/DIST-INFO/METADATA", BIT(PYTHON)},
    {"x/a.egg-info/PKG-INFO", BIT(PYTHON)},
    {"x/a.egg-info", BIT(PYTHON)},
    {"x/m-1.6-py3.egg!/EGG-INFO/PKG-INFO", BIT(PYTHON)},
    {"x/setuptools/_vendor/a-1.dist-info/METADATA", 0},
    {"x/METADATA", 0},
    {"etc/os-release", CLASSIFY_RELEASE},
    {"usr/lib/os-release", CLASSIFY_RELEASE},
    {"etc/debian_version", CLASSIFY_RELEASE},
    {"srv/etc/os-release", 0},
    {"", 0},
    {"/", 0},
    {"a/", 0},
    {".", 0},
};

static void test_paths(void **state) {
    static struct classify classify; /* larger than a frame should be */
    (void)state;
    classify_init(&classify);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t set = classify_path(&classify, span_text(cases[i].path));
        if (set != cases[i].set)
            fail_msg("%s: %" PRIx64 " instead of %" PRIx64, cases[i].path, set, cases[i].set);
    }
}

/* The table must answer as the globs do when each is tried in turn. */
static void test_equals_globs(void **state) {
    static struct classify classify; /* larger than a frame should be */
    (void)state;
    classify_init(&classify);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct span path = span_text(cases[i].path);
        uint64_t set = 0;
        for (enum cataloguer_id id = 0; id < CATALOGUER_COUNT; id++) {
            bool wanted = false, taken_back = false;
            for (const char *const *glob = cataloguer_get(id)->paths; *glob != NULL; glob++) {
                bool negative = **glob == '!';
                bool hit = text_glob(span_text(*glob + (negative ? 1 : 0)), path);
                wanted |= hit && !negative;
                taken_back |= hit && negative;
            }
            if (wanted && !taken_back)
                set |= (uint64_t)1 << id;
        }
        assert_int_equal(set, classify_path(&classify, path) & ~CLASSIFY_RELEASE);
    }
}

static void test_next(void **state) {
    uint64_t set = BIT(PYTHON) | BIT(APK);
    (void)state;
    assert_int_equal(classify_next(&set), CATALOGUER_APK);
    assert_int_equal(classify_next(&set), CATALOGUER_PYTHON);
    assert_int_equal(set, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_equals_globs),
        cmocka_unit_test(test_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
