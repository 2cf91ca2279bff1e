#include "matchers/package/os_release.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *path;
    const char *body;
    const char *id; /* NULL: names no distribution */
    const char *version;
    const char *codename;
} cases[] = {
    {"etc/os-release", "# comment\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", "debian", "12",
     "bookworm"},
    {"etc/os-release", "ID='opensuse-leap'\r\nVERSION_ID=\"15.2.1\" # no comment here\r\n", "opensuse-leap", "15.2.1",
     ""},
    {"etc/os-release", "  ID = \"a\\\"b\\$c\\d\"\nVERSION_ID=\"a\"'b'c\\ d\n", "a\"b$c\\d", "abc d", ""},
    {"etc/os-release", "ID=Ubuntu\nID=debian\nVERSION_ID=", "debian", "", ""},
    {"etc/os-release", "XID=a\nID_LIKE=b\n", NULL, "", ""},
    {"etc/lsb-release", "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=18.04\nDISTRIB_CODENAME=bionic\n", "ubuntu", "18.04",
     "bionic"},
    {"etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n", "centos", "7.9.2009", ""},
    {"etc/redhat-release", "Red Hat Enterprise Linux release 8.4 (Ootpa)", "rhel", "8.4", ""},
    {"etc/rocky-release", "\nRocky Linux release 8.4 (Green Obsidian)", "rocky", "8.4", ""},
    {"etc/almalinux-release", "AlmaLinux release 8.4 (Electric Cheetah)", "almalinux", "8.4", ""},
    {"etc/oracle-release", "Oracle Linux Server release 7.6\n", "ol", "7.6", ""},
    {"etc/alpine-release", "3.18.4\n", "alpine", "3.18.4", ""},
    {"etc/debian_version", "trixie/sid\n", "debian", "trixie/sid", ""},
    {"etc/arch-release", "", "arch", "", ""},
    {"etc/redhat-release", "Something else 4\n", NULL, "", ""},
    {"usr/share/elsewhere", "ID=wolfi\nVERSION_ID=20230201\n", "wolfi", "20230201", ""},
    {"etc/os-release", "", NULL, "", ""},
};

static void test_files(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena;
        struct distro distro = {.id = {NULL, 0}};
        struct err err = {0};
        arena_init(&arena, 0, 0);
        int result = os_release_parse(span_text(cases[i].path), span_text(cases[i].body), &arena, &distro, &err);
        if (cases[i].id == NULL) {
            assert_int_equal(result, -1);
            assert_int_equal(err.code, ERR_NOTFOUND);
        } else if (result != 0 || !span_is(distro.id, cases[i].id) || !span_is(distro.version_id, cases[i].version) ||
                   !span_is(distro.version_codename, cases[i].codename)) {
            fail_msg("case %zu: %d %s: id %.*s, version %.*s, codename %.*s", i, result, err.text,
                     SPAN_FORMAT(distro.id), SPAN_FORMAT(distro.version_id), SPAN_FORMAT(distro.version_codename));
        }
        arena_release(&arena);
    }
}

static void test_not_text(void **state) {
    struct arena arena;
    struct distro distro;
    struct err err = {0};
    (void)state;
    arena_init(&arena, 0, 0);
    assert_int_equal(os_release_parse(span_text("etc/os-release"), span_make("ID=a\0b", 6), &arena, &distro, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    arena_release(&arena);
}

static void test_rank(void **state) {
    (void)state;
    assert_true(os_release_rank(span_text("etc/os-release")) > os_release_rank(span_text("usr/lib/os-release")));
    assert_true(os_release_rank(span_text("usr/lib/os-release")) > os_release_rank(span_text("etc/redhat-release")));
    assert_true(os_release_rank(span_text("etc/centos-release")) > os_release_rank(span_text("etc/redhat-release")));
    assert_true(os_release_rank(span_text("etc/debian_version")) > 0);
    assert_int_equal(os_release_rank(span_text("opt/etc/os-release")), 0);
}

static void test_complete(void **state) {
    struct distro sid = {.id = SPAN_LITERAL("debian")};
    const struct distro version = {.id = SPAN_LITERAL("debian"), .version_id = SPAN_LITERAL("trixie/sid")};
    const struct distro other = {.id = SPAN_LITERAL("ubuntu"), .version_codename = SPAN_LITERAL("noble")};
    (void)state;
    os_release_complete(&sid, &version);
    os_release_complete(&sid, &other);
    assert_true(span_is(sid.version_id, "trixie/sid"));
    assert_int_equal(sid.version_codename.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_not_text),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
