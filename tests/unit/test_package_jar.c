/* Java archives and those of Python: names, nesting, damage. */
#include "base/limits.h"
#include "tests/support/catalogue_case.h"
#include "tests/support/zip_make.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PROPERTIES(group, artifact, version) "groupId=" group "\nartifactId=" artifact "\nversion=" version "\n"

/* An archive of one member. */
struct jar_case {
    const char *path, *member, *text, *expect;
};

static const struct jar_case jar_cases[] = {
    {"app/a-1.0.jar", "META-INF/maven/org.x/a/pom.properties", "#made\r\n" PROPERTIES("org.x", "a", "1.0"),
     "maven org.x:a 1.0\n"},
    {"app/org.x.a-1.0.jar", "pom.properties", PROPERTIES("org.x", "a", "1.0"), "maven org.x:a 1.0\n"},
    {"app/other-2.0.jar", "META-INF/maven/org.x/a/pom.properties", PROPERTIES("org.x", "a", "1.0"),
     "maven org.x:a 1.0\nmaven other 2.0\n"},
    {"app/a-1.0.jar", "META-INF/maven/org.x/a/pom.properties", PROPERTIES("org.x", "a", "${v}"), "maven a 1.0\n"},
    {"app/a-1.0.jar", "META-INF/maven/org.x/a/pom.xml", "<project/>", "maven org.x:a 1.0\n"},
    {"app/a-1.0.jar", "META-INF/maven/org.x/b/pom.xml", "<project/>", "maven a 1.0\n"},
    {"app/a.jar", "META-INF/MANIFEST.MF",
     "Implementation-Vendor-Id: org.long\r\n name\r\nImplementation-Title: a\r\nImplementation-Version: 3\r\n\r\n"
     "Implementation-Version: 4\r\n",
     "maven org.longname:a 3\n"},
    {"app/x.jar", "META-INF/maven/org.x/a/pom.properties", PROPERTIES("org.x", "a", "1.0"), "maven org.x:a 1.0\n"},
    {"app/a.jar", "META-INF/MANIFEST.MF", "Implementation-Title: The A Library\nImplementation-Version: 3\n", ""},
    {"app/git.hpi", "META-INF/MANIFEST.MF",
     "Group-Id: org.jenkins-ci.plugins\nShort-Name: git\nPlugin-Version: 5.2.0 (private)\nImplementation-Title: git\n",
     "maven org.jenkins-ci.plugins:git 5.2.0\n"},
    {"log4j-1.2-api-2.17.1.jar", "x", "", "maven log4j-1.2-api 2.17.1\n"},
    {"kafka_2.13-3.2.2.jar", "x", "", "maven kafka_2.13 3.2.2\n"},
    {"guava-29.0-jre.jar", "x", "", "maven guava 29.0-jre\n"},
    {"x-1.0-beta-4.jar", "x", "", "maven x 1.0-beta-4\n"},
    {"app.jar", "x", "", ""},
    {"-1.jar", "x", "", ""},
};

static void test_jars(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(jar_cases); i++) {
        const struct jar_case *item = &jar_cases[i];
        struct zip_make make;
        zip_make_init(&make);
        zip_make_add(&make, item->member, span_text(item->text), true);
        assert_true(catalogue_bytes_run(CATALOGUER_JAR, item->path, zip_make_end(&make), item->expect));
        zip_make_release(&make);
    }
}

/* Puts the archive into another one as its only member. */
static void nest(struct zip_make *make, bool deflated) {
    struct zip_make outer;
    zip_make_init(&outer);
    zip_make_add(&outer, "lib/in.jar", buf_span(&make->out), deflated);
    (void)zip_make_end(&outer);
    zip_make_release(make);
    *make = outer;
}

static struct zip_make innermost(void) {
    struct zip_make make;
    zip_make_init(&make);
    zip_make_add(&make, "pom.properties", span_text(PROPERTIES("g", "a", "1")), true);
    (void)zip_make_end(&make);
    return make;
}

static void test_nested(void **state) {
    struct zip_make make = innermost();
    (void)state;
    for (size_t depth = 1; depth < LIMIT_ARCHIVE_DEPTH; depth++)
        nest(&make, depth % 3 != 0);
    assert_true(catalogue_bytes_run(CATALOGUER_JAR, "x.ear", buf_span(&make.out), "maven g:a 1\n"));
    nest(&make, true);
    assert_true(catalogue_bytes_run(CATALOGUER_JAR, "x.ear", buf_span(&make.out), "! LIMIT archives in each other"));
    zip_make_release(&make);
}

/* A member that is no archive is said, and what stands beside it is read. */
static void test_damaged_member(void **state) {
    struct zip_make inner = innermost(), make;
    (void)state;
    zip_make_init(&make);
    zip_make_add(&make, "a.jar", span_text("no archive"), false);
    zip_make_add(&make, "b.jar", buf_span(&inner.out), true);
    zip_make_add(&make, "c.jar", span_slice(buf_span(&inner.out), 0, inner.out.size - 30), true);
    struct span bytes = zip_make_end(&make);
    assert_true(catalogue_bytes_run(CATALOGUER_JAR, "x.war", bytes, "maven g:a 1\n! FORMAT member a.jar"));
    assert_true(catalogue_bytes_run(CATALOGUER_JAR, "x.war", span_slice(bytes, 0, 100), "! FORMAT cut off"));
    assert_true(catalogue_bytes_run(CATALOGUER_JAR, "x.war", span_text(""), ""));
    zip_make_release(&make);
    zip_make_release(&inner);
}

/* A hundred members that unpack to the same 40 MiB of zeros: the account for one file ends before they do. */
static void test_bomb(void **state) {
    struct zip_make make;
    const size_t size = 40 * LIMIT_MIB;
    (void)state;
    AUTO_FREE uint8_t *zeros = mem_zalloc(size);
    AUTO_BUF struct buf packed;
    assert_non_null(zeros);
    buf_init(&packed, 0);
    zip_make_init(&make);
    zip_make_add(&make, "0.jar", span_make(zeros, size), true);
    /* All entries of the directory name the same member. */
    AUTO_BUF struct buf entry;
    buf_init(&entry, 0);
    buf_add(&entry, buf_span(&make.directory));
    for (size_t i = 1; i < 100; i++) {
        buf_add(&make.directory, buf_span(&entry));
        make.count++;
    }
    struct span bytes = zip_make_end(&make);
    assert_true(catalogue_bytes_run(CATALOGUER_JAR, "x.jar", bytes, "! FORMAT and 99 more"));
    zip_make_release(&make);
}

static void test_python(void **state) {
    struct zip_make make;
    (void)state;
    zip_make_init(&make);
    zip_make_add(&make, "EGG-INFO/PKG-INFO", span_text("Name: m\nVersion: 1\n"), true);
    zip_make_add(&make, "deep/EGG-INFO/PKG-INFO", span_text("Name: n\nVersion: 1\n"), true);
    struct span bytes = zip_make_end(&make);
    assert_true(catalogue_bytes_run(CATALOGUER_PYTHON_ARCHIVE, "m-1.egg", bytes, "pypi m 1\n"));
    zip_make_release(&make);
    zip_make_init(&make);
    zip_make_add(&make, "w-2.dist-info/METADATA", span_text("Name: w\nVersion: 2\n"), false);
    bytes = zip_make_end(&make);
    assert_true(catalogue_bytes_run(CATALOGUER_PYTHON_ARCHIVE, "w-2.whl", bytes, "pypi w 2 embedded\n"));
    make.out.data[40]++; /* a byte of the member's name, then of its text: the checksum tells */
    make.out.data[60]++;
    assert_true(catalogue_bytes_run(CATALOGUER_PYTHON_ARCHIVE, "w-2.whl", bytes, "! FORMAT member w-2"));
    zip_make_release(&make);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jars), cmocka_unit_test(test_nested), cmocka_unit_test(test_damaged_member),
        cmocka_unit_test(test_bomb), cmocka_unit_test(test_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
