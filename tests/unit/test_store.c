/* How targets name local stores and images in them, and where podman's configuration says its store is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/source/storage_conf.h"
#include "io/source/store.h"

static struct arena arena;

static int begin(void **state) {
    (void)state;
    arena_init(&arena, 0, 0);
    return 0;
}

static int end(void **state) {
    (void)state;
    arena_release(&arena);
    return 0;
}

static void locations(void **state) {
    static const struct {
        const char *location;
        bool with_options;
        const char *qualifier, *folder, *options, *name, *prefix;
    } cases[] = {
        {"", true, "", NULL, "", "", "x:"},
        {"/var/lib/x", true, "", "/var/lib/x", "", "", "x:[/var/lib/x]"},
        {"./x:y", true, "", "./x:y", "", "", "x:[./x:y]"},
        {"alpine:3", true, "", NULL, "", "alpine:3", "x:"},
        {"[/d]alpine", true, "", "/d", "", "alpine", "x:[/d]"},
        {"[vfs@/d+/run:vfs.imagestore=/e]a", true, "vfs", "/d", "+/run:vfs.imagestore=/e", "a", "x:[vfs@/d]"},
        {"[/d:o=1]", true, "", "/d", ":o=1", "", "x:[/d]"},
        {"[/d+e:f]", false, "", "/d+e:f", "", "", "x:[/d+e:f]"},
        {"[k8s.io@]", false, "k8s.io", NULL, "", "", "x:[k8s.io@]"},
        {"[/d@e]", false, "", "/d@e", "", "", "x:[/d@e]"},
        {"[/a]b]c", false, "", "/a]b", "", "c", "x:[/a]b]"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct store_location parsed;
        struct err err = {0};
        struct span target = span_text(arena_format(&arena, "x:%s", cases[i].location));
        struct span location = span_from(target, 2);
        assert_int_equal(store_location_parse(&arena, location, cases[i].with_options, &parsed, &err), 0);
        assert_true(span_is(parsed.qualifier, cases[i].qualifier));
        assert_true(span_is(parsed.options, cases[i].options));
        assert_true(span_is(parsed.name, cases[i].name));
        assert_string_equal(parsed.folder == NULL ? "" : parsed.folder, cases[i].folder == NULL ? "" : cases[i].folder);
        assert_string_equal(store_prefix(&arena, target, location, &parsed), cases[i].prefix);
    }
    struct store_location parsed;
    struct err err = {0};
    assert_int_equal(store_location_parse(&arena, span_text("[/d"), true, &parsed, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
}

static void names(void **state) {
    static const struct {
        const char *wanted, *name, *id;
        bool matches;
    } cases[] = {
        {"", "localhost/app:1", "abc", true},
        {"localhost/app:1", "localhost/app:1", "abc", true},
        {"app:1", "localhost/app:1", "abc", true},
        {"app", "localhost/app:1", "abc", false},
        {"app", "localhost/app:latest", "abc", true},
        {"pp:1", "localhost/app:1", "abc", false},
        {"docker.io/library/alpine:3", "alpine:3", "abc", true}, /* as Docker writes it */
        {"alpine", "docker.io/library/alpine:latest", "abc", true},
        {"alpine", "quay.io/team/alpine:latest", "abc", true},
        {"@ab", "localhost/app:1", "abc", true},
        {"@sha256:abc", "localhost/app:1", "abc", true},
        {"@", "localhost/app:1", "abc", false},
        {"@b", "localhost/app:1", "abc", false},
        {"@abcd", "localhost/app:1", "abc", false},
        {"abc", "", "abc", false},
        {"@abc", "", "abc", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        bool found = store_name_matches(span_text(cases[i].wanted), span_text(cases[i].name), span_text(cases[i].id));
        if (found != cases[i].matches)
            fail_msg("'%s' and '%s'", cases[i].wanted, cases[i].name);
    }
}

static void ids(void **state) {
    (void)state;
    assert_true(store_id_is_plain(span_text("0aF.-_")));
    assert_false(store_id_is_plain(span_text("")));
    assert_false(store_id_is_plain(span_text(".")));
    assert_false(store_id_is_plain(span_text("..")));
    assert_false(store_id_is_plain(span_text("a/b")));
    assert_false(store_id_is_plain(span_make("a\0b", 3)));
}

static void configuration(void **state) {
    static const char toml[] = "# graphroot = \"/not\"\n[storage]\ndriver='vfs' # \"comment\"\n  graphroot = \"/g\"\r\n"
                               "rootless_storage_path=\"$HOME/s\"\nrunroot = \"/run\"\n[storage.options]\n"
                               "additionalimagestores = [ # some ]\n \"/a\", '/b',\n# \"/c\",\n]\n"
                               "[storage.options.overlay]\ngraphroot = \"/other\"\n";
    struct storage_conf conf;
    struct err err = {0};
    (void)state;
    assert_int_equal(storage_conf_parse(&arena, span_text(toml), &conf, &err), 0);
    assert_true(span_is(conf.graph_root, "/g"));
    assert_true(span_is(conf.rootless_path, "$HOME/s"));
    assert_true(span_is(conf.driver, "vfs"));
    assert_int_equal(conf.additional_count, 2);
    assert_true(span_is(conf.additional[0], "/a"));
    assert_true(span_is(conf.additional[1], "/b"));
    assert_int_equal(storage_conf_parse(&arena, span_text("[storage]\ngraphroot = \"/unclosed\n= \n[\n"), &conf, &err),
                     0);
    assert_int_equal(conf.graph_root.size, 0);
}

/* At the limit and one more. */
static void additional_stores(void **state) {
    struct buf toml;
    struct storage_conf conf;
    struct err err = {0};
    (void)state;
    buf_init(&toml, 0);
    buf_text(&toml, "[storage.options]\nadditionalimagestores = [\n");
    for (size_t i = 0; i < LIMIT_STORE_ROOTS; i++)
        buf_text(&toml, "\"/a\",\n");
    assert_int_equal(storage_conf_parse(&arena, buf_span(&toml), &conf, &err), 0);
    assert_int_equal(conf.additional_count, LIMIT_STORE_ROOTS);
    buf_text(&toml, "\"/b\"]\n");
    assert_int_equal(storage_conf_parse(&arena, buf_span(&toml), &conf, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&toml);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(locations), cmocka_unit_test(names), cmocka_unit_test(ids),
                                       cmocka_unit_test(configuration), cmocka_unit_test(additional_stores)};
    return cmocka_run_group_tests(tests, begin, end);
}
