/* Layers to images: what upper layers hide, where packages came in, what the image calls itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/image/compose.h"

/* ---- layers by hand ---- */

static struct layer_result *layer_new(void) {
    struct digest digest = {.algorithm = DIGEST_SHA256};
    struct layer_result *layer = layer_result_new(&digest);
    assert_non_null(layer);
    return layer;
}

static void add_file(struct layer_result *layer, const char *path) {
    assert_true(vec_push(&layer->paths, path_fingerprint(span_text(path))));
}

static void add_folder(struct layer_result *layer, const char *path) {
    assert_true(vec_push(&layer->paths, path_fingerprint(span_text(path)) | 1));
}

static void add_whiteout(struct layer_result *layer, const char *path) {
    assert_true(vec_push(&layer->whiteouts, path_fingerprint(span_text(path))));
}

static void add_opaque(struct layer_result *layer, const char *path) {
    assert_true(vec_push(&layer->opaques, path_fingerprint(span_text(path))));
}

static void add_package(struct layer_result *layer, const char *path, const char *name, const char *version) {
    struct package package = {.type = PACKAGE_DEB,
                              .name = span_text(name),
                              .version = span_text(version),
                              .architecture = span_text("amd64"),
                              .path = span_text(path)};
    add_file(layer, path);
    assert_true(vec_push(&layer->packages, package));
}

static void add_secret(struct layer_result *layer, const char *path) {
    struct layer_secret secret = {.path = span_text(path), .rule = span_text("rule"), .fingerprint = span_text("f")};
    add_file(layer, path);
    assert_true(vec_push(&layer->secrets, secret));
}

static void add_release(struct layer_result *layer, const char *path, const char *id) {
    struct layer_release release = {.path = span_text(path),
                                    .distro = {.id = span_text(id), .version_id = span_text("1")}};
    add_file(layer, path);
    assert_true(vec_push(&layer->releases, release));
}

static void add_link(struct layer_result *layer, const char *path, const char *target) {
    add_file(layer, path);
    assert_true(vec_push(&layer->links, ((struct layer_link){span_text(path), span_text(target), false})));
}

#define LAYERS_MAX 4

static struct composition run(struct layer_result *const *layers, size_t count) {
    struct composition composition;
    struct err err = {0};
    const struct layer_result *constant[LAYERS_MAX];
    for (size_t i = 0; i < count; i++) {
        if (layers[i] != NULL)
            layer_result_seal(layers[i]);
        constant[i] = layers[i];
    }
    assert_int_equal(compose(constant, count, false, &composition, &err), 0);
    return composition;
}

static void layers_free(struct layer_result **layers, size_t count) {
    for (size_t i = 0; i < count; i++)
        layer_result_free(layers[i]);
}

/* ---- cover ---- */

static void cover(void **state) {
    (void)state;
    struct layer_result *upper = layer_new();
    add_file(upper, "etc/same");
    add_folder(upper, "was/file");
    add_file(upper, "was/folder");
    add_folder(upper, "kept");
    add_whiteout(upper, "gone");
    add_whiteout(upper, "dir/gone");
    add_opaque(upper, "opaque");
    add_file(upper, "opaque/again");
    layer_result_seal(upper);
    static const struct {
        const char *path;
        enum cover cover;
    } cases[] = {
        {"etc/same", COVER_OVERWRITTEN}, {"etc/other", COVER_NONE},         {"etc", COVER_NONE},
        {"was/file", COVER_OVERWRITTEN}, {"was/folder", COVER_OVERWRITTEN}, {"was/folder/inner/x", COVER_OVERWRITTEN},
        {"kept/x", COVER_NONE},          {"gone", COVER_DELETED},           {"gone/x/y", COVER_DELETED},
        {"gonex", COVER_NONE},           {"dir/gone", COVER_DELETED},       {"dir/stays", COVER_NONE},
        {"opaque/x", COVER_DELETED},     {"opaque/x/y", COVER_DELETED},     {"opaque/again", COVER_OVERWRITTEN},
        {"opaque", COVER_NONE},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (layer_result_cover(upper, span_text(cases[i].path)) != cases[i].cover)
            fail_msg("cover of %s", cases[i].path);
    }
    layer_result_free(upper);
    upper = layer_new();
    add_opaque(upper, ""); /* the root */
    layer_result_seal(upper);
    assert_int_equal(layer_result_cover(upper, span_text("any/thing")), COVER_DELETED);
    layer_result_free(upper);
}

/* ---- packages ---- */

static void database_is_rewritten(void **state) {
    (void)state;
    struct layer_result *layers[3] = {layer_new(), layer_new(), layer_new()};
    const char *db = "var/lib/dpkg/status";
    add_package(layers[0], db, "aaa", "1");
    add_package(layers[0], db, "bbb", "1");
    add_package(layers[0], db, "ccc", "1");
    add_package(layers[1], db, "aaa", "1");
    add_package(layers[1], db, "bbb", "1");
    add_package(layers[1], db, "ccc", "2");
    add_package(layers[2], db, "aaa", "1");
    add_package(layers[2], db, "ccc", "2");
    add_package(layers[2], db, "ddd", "1");
    struct composition composition = run(layers, 3);
    static const struct {
        const char *name, *version;
        size_t layer;
    } expected[] = {{"aaa", "1", 0}, {"ccc", "2", 1}, {"ddd", "1", 2}};
    assert_int_equal(composition.packages.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(span_is(composition.packages.data[i].package->name, expected[i].name));
        assert_true(span_is(composition.packages.data[i].package->version, expected[i].version));
        assert_int_equal(composition.packages.data[i].layer_index, expected[i].layer);
    }
    composition_release(&composition);
    layers_free(layers, 3);
}

static void reinstalled_after_removal(void **state) {
    (void)state;
    struct layer_result *layers[3] = {layer_new(), layer_new(), layer_new()};
    add_package(layers[0], "m/x/package.json", "x", "1");
    add_whiteout(layers[1], "m/x");
    add_package(layers[2], "m/x/package.json", "x", "1");
    struct composition composition = run(layers, 3);
    assert_int_equal(composition.packages.count, 1);
    assert_int_equal(composition.packages.data[0].layer_index, 2); /* it came back here */
    composition_release(&composition);
    layers_free(layers, 3);
}

static void whiteouts_reach_down_only(void **state) {
    (void)state;
    struct layer_result *layers[2] = {layer_new(), layer_new()};
    add_package(layers[0], "m/old/package.json", "old", "1");
    add_package(layers[0], "m/kept/package.json", "kept", "1");
    add_opaque(layers[1], "m/old");
    add_package(layers[1], "m/old/new/package.json", "new", "1"); /* below its own opaque marker */
    struct composition composition = run(layers, 2);
    assert_int_equal(composition.packages.count, 2);
    assert_true(span_is(composition.packages.data[0].package->name, "kept"));
    assert_true(span_is(composition.packages.data[1].package->name, "new"));
    composition_release(&composition);
    layers_free(layers, 2);
}

/* A folder that is a package: told again for a file in it, it stays; removed, emptied or replaced, it goes. */
static void folders_that_are_packages(void **state) {
    static const struct {
        void (*add)(struct layer_result *layer, const char *path);
        const char *path;
        bool stays;
    } cases[] = {
        {add_folder, "nix/store/a-1", true},    {add_file, "nix/store/a-1/x", true},
        {add_whiteout, "nix/store/a-1", false}, {add_opaque, "nix/store/a-1", false},
        {add_file, "nix/store/a-1", false},     {add_opaque, "nix/store", false},
        {add_whiteout, "nix/store/a-11", true}, {add_whiteout, "nix", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct layer_result *layer = layer_new();
        cases[i].add(layer, cases[i].path);
        layer_result_seal(layer);
        assert_int_equal(layer_result_cover(layer, span_text("nix/store/a-1/")) == COVER_NONE, cases[i].stays);
        layer_result_free(layer);
    }
}

static void folder_told_by_two_layers(void **state) {
    struct layer_result *layers[2] = {layer_new(), layer_new()};
    const struct package package = {
        .type = PACKAGE_NIX, .name = span_text("a"), .version = span_text("1"), .path = span_text("nix/store/a-1/")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        add_file(layers[i], i == 0 ? "nix/store/a-1/x" : "nix/store/a-1/y");
        assert_true(vec_push(&layers[i]->packages, package));
    }
    struct composition composition = run(layers, 2);
    assert_int_equal(composition.packages.count, 1);
    assert_int_equal(composition.packages.data[0].layer_index, 0);
    composition_release(&composition);
    layers_free(layers, 2);
}

static void declared_and_failed(void **state) {
    (void)state;
    struct layer_result *layers[2] = {layer_new(), NULL}; /* the upper one could not be read */
    struct composition composition;
    struct err err = {0};
    add_package(layers[0], "a/package.json", "a", "1");
    add_package(layers[0], "b/lock", "b", "1");
    layers[0]->packages.data[1].evidence = EVIDENCE_DECLARED;
    /* The same one twice: what is installed is not hidden by what is declared. */
    add_package(layers[0], "c/status", "c", "1");
    add_package(layers[0], "c/status", "c", "1");
    layers[0]->packages.data[2].evidence = EVIDENCE_DECLARED;
    composition = run(layers, 2);
    assert_int_equal(composition.packages.count, 2);
    assert_int_equal(composition.packages.data[1].package->evidence, EVIDENCE_INSTALLED);
    composition_release(&composition);
    assert_int_equal(compose((const struct layer_result *const[]){layers[0]}, 1, true, &composition, &err), 0);
    assert_int_equal(composition.packages.count, 3);
    composition_release(&composition);
    layers_free(layers, 1);
}

/* ---- owners ---- */

static void add_module(struct layer_result *layer, const char *path, const char *name) {
    add_package(layer, path, name, "1");
    layer->packages.data[layer->packages.count - 1].type = PACKAGE_PYPI;
}

/* `owned` may be NULL: only to say what the owner is. */
static void add_owner(struct layer_result *layer, const char *path, const char *name, const char *owned, bool foreign) {
    struct layer_owner owner = {.path = span_text(path),
                                .type = PACKAGE_DEB,
                                .name = span_text(name),
                                .architecture = span_text(""),
                                .foreign = foreign,
                                .first = layer->owned.count,
                                .count = owned != NULL};
    add_file(layer, path);
    assert_true(vec_push(&layer->owners, owner));
    assert_true(owned == NULL || vec_push(&layer->owned, path_fingerprint(span_text(owned))));
}

/* "owner" or "owner!" of another than the distribution, "-" for none, by name of the module. */
static void expect_owner(const struct composition *composition, const char *module, const char *expected) {
    for (size_t i = 0; i < composition->packages.count; i++) {
        const struct composed_package *composed = &composition->packages.data[i];
        char text[64] = "-";
        if (!span_is(composed->package->name, module))
            continue;
        if (composed->owner != NULL)
            (void)snprintf(text, sizeof text, "%.*s%s", SPAN_FORMAT(composed->owner->name),
                           composed->is_foreign ? "!" : "");
        assert_string_equal(text, expected);
        return;
    }
    fail_msg("%s is not there", module);
}

static void owners(void **state) {
    (void)state;
    struct layer_result *layers[3] = {layer_new(), layer_new(), layer_new()};
    const char *db = "var/lib/dpkg/status";
    /* The modules came first, the database over them, as where an image is put together of parts. */
    add_module(layers[0], "usr/lib/python3/a/METADATA", "a");
    add_module(layers[0], "usr/lib/python3/b/METADATA", "b");
    add_module(layers[0], "opt/c/METADATA", "c");
    add_module(layers[0], "usr/lib/python3/d.jar!/x.jar", "d");
    add_module(layers[0], "usr/lib/python3/e/METADATA", "e");
    add_module(layers[0], "usr/lib/python3/f/METADATA", "f");
    add_module(layers[0], "usr/lib/python3/g/METADATA", "g");
    add_package(layers[1], db, "deb", "1");
    add_package(layers[1], db, "other", "1");
    add_owner(layers[1], "i/1.list", "deb", "lib/python3/a/METADATA", false); /* as before /usr was merged */
    add_owner(layers[1], "i/2.list", "deb", "opt/c/METADATA", false);
    add_owner(layers[1], "i/3.list", "deb", "usr/lib/python3/d.jar", false);
    add_owner(layers[1], "i/4.list", "gone", "usr/lib/python3/e/METADATA", false); /* of a package that is removed */
    add_owner(layers[1], "i/5.list", "deb", "usr/lib/python3/f/METADATA", false);  /* the list goes away above */
    add_owner(layers[1], "i/6.list", "other", "usr/lib/python3/b/METADATA", false);
    add_owner(layers[1], db, "other", NULL, true);
    add_owner(layers[1], "i/7.list", "deb", "usr/lib/python3/g/METADATA", false);
    add_whiteout(layers[2], "i/5.list");
    /* Somebody put a file of his own in the place of one that a package brought. */
    add_package(layers[2], "usr/lib/python3/g/METADATA", "g", "2");
    layers[2]->packages.data[0].type = PACKAGE_PYPI;
    struct composition composition = run(layers, 3);
    expect_owner(&composition, "a", "deb");
    expect_owner(&composition, "b", "other!");
    expect_owner(&composition, "c", "deb!");
    expect_owner(&composition, "d", "deb");
    expect_owner(&composition, "e", "-");
    expect_owner(&composition, "f", "-");
    expect_owner(&composition, "g", "-");
    expect_owner(&composition, "deb", "-");
    composition_release(&composition);
    layers_free(layers, 3);
}

/* Beside dpkg's database, a package of status.d needs a file. */
static void strays(void **state) {
    (void)state;
    for (int with_database = 0; with_database < 2; with_database++) {
        struct layer_result *layers[2] = {layer_new(), layer_new()};
        add_package(layers[0], "var/lib/dpkg/status.d/here", "here", "1");
        add_owner(layers[0], "var/lib/dpkg/status.d/here.md5sums", "here", "usr/lib/x", false);
        add_file(layers[0], "usr/lib/x");
        add_package(layers[0], "var/lib/dpkg/status.d/gone", "gone", "1");
        add_owner(layers[0], "var/lib/dpkg/status.d/gone.md5sums", "gone", "usr/lib/y", false);
        add_package(layers[0], "var/lib/dpkg/status.d/mute", "mute", "1");
        if (with_database)
            add_file(layers[1], "var/lib/dpkg/status");
        struct composition composition = run(layers, 2);
        assert_int_equal(composition.packages.count, with_database ? 2 : 3);
        for (size_t i = 0; with_database && i < 2; i++)
            assert_false(span_is(composition.packages.data[i].package->name, "gone"));
        composition_release(&composition);
        layers_free(layers, 2);
    }
}

/* ---- clues ---- */

static void add_clue(struct layer_result *layer, const char *path, enum package_type type, const char *name,
                     const char *version) {
    add_package(layer, path, name, version);
    struct package *package = &layer->packages.data[layer->packages.count - 1];
    package->type = type;
    package->evidence = EVIDENCE_CLUE;
}

static bool shows(const struct composition *composition, const char *name, const char *version) {
    for (size_t i = 0; i < composition->packages.count; i++) {
        const struct package *package = composition->packages.data[i].package;
        if (span_is(package->name, name) && span_is(package->version, version))
            return package->evidence != EVIDENCE_CLUE;
    }
    return false;
}

static void clues(void **state) {
    (void)state;
    struct layer_result *layers[2] = {layer_new(), layer_new()};
    struct composition composition;
    struct err err = {0};
    /* A gem whose version is in another layer, one whose file is elsewhere, one whose file is gone. */
    add_clue(layers[1], "g/a.gemspec", PACKAGE_GEM, "a", "A::VERSION");
    add_clue(layers[0], "g/lib/a/version.rb", PACKAGE_GEM, "A::VERSION", "1.5");
    add_clue(layers[0], "f/b.gemspec", PACKAGE_GEM, "b", "A::VERSION");
    add_clue(layers[0], "gx/c.gemspec", PACKAGE_GEM, "c", "C::VERSION");
    add_clue(layers[0], "gx/lib/version.rb", PACKAGE_GEM, "C::VERSION", "1");
    add_whiteout(layers[1], "gx/lib/version.rb");
    /* go.sum: beside a go.mod of 1.16, of 1.17, and of none. */
    add_clue(layers[0], "old/go.mod", PACKAGE_GOLANG, "go", "1.16");
    add_clue(layers[0], "old/go.sum", PACKAGE_GOLANG, "e.x/old", "v1");
    add_clue(layers[0], "old/go.sum", PACKAGE_GOLANG, "e.x/named", "v1");
    add_package(layers[0], "old/go.mod", "e.x/named", "v2");
    layers[0]->packages.data[layers[0]->packages.count - 1].type = PACKAGE_GOLANG;
    add_clue(layers[0], "new/go.mod", PACKAGE_GOLANG, "go", "1.17.1");
    add_clue(layers[0], "new/go.sum", PACKAGE_GOLANG, "e.x/new", "v1");
    add_clue(layers[0], "go.sum", PACKAGE_GOLANG, "e.x/alone", "v1");
    /* Projects: below a yarn.lock, and elsewhere. */
    add_module(layers[0], "y/yarn.lock", "dependency");
    add_clue(layers[0], "y/w/package.json", PACKAGE_NPM, "workspace", "1");
    add_clue(layers[0], "z/package.json", PACKAGE_NPM, "other", "1");
    /* Julia: a project with a manifest, one without. */
    add_clue(layers[0], "j/Manifest.toml", PACKAGE_JULIA, "manifest", "1");
    add_clue(layers[0], "j/Project.toml", PACKAGE_JULIA, "J", "1");
    add_clue(layers[0], "k/Project.toml", PACKAGE_JULIA, "K", "1");
    composition = run(layers, 2);
    assert_int_equal(composition.packages.count, 3); /* the gem, the module and the dependency: no clue is listed */
    assert_true(shows(&composition, "a", "1.5"));
    composition_release(&composition);
    const struct layer_result *const both[] = {layers[0], layers[1]};
    assert_int_equal(compose(both, 2, true, &composition, &err), 0);
    assert_int_equal(composition.packages.count, 7);
    assert_true(shows(&composition, "a", "1.5") && shows(&composition, "e.x/old", "v1"));
    assert_true(shows(&composition, "e.x/alone", "v1") && shows(&composition, "workspace", "1"));
    assert_true(shows(&composition, "K", "1") && shows(&composition, "e.x/named", "v2"));
    composition_release(&composition);
    layers_free(layers, 2);
}

/* ---- secrets ---- */

static void secret_states(void **state) {
    (void)state;
    struct layer_result *layers[3] = {layer_new(), layer_new(), layer_new()};
    add_secret(layers[0], "effective");
    add_secret(layers[0], "overwritten");
    add_secret(layers[0], "deleted/key");
    add_file(layers[1], "overwritten");
    add_whiteout(layers[1], "deleted");
    add_secret(layers[1], "late");
    add_whiteout(layers[2], "late");
    struct composition composition = run(layers, 3);
    static const struct {
        const char *path;
        enum secret_state state;
    } expected[] = {{"deleted/key", SECRET_DELETED},
                    {"effective", SECRET_EFFECTIVE},
                    {"overwritten", SECRET_OVERWRITTEN},
                    {"late", SECRET_DELETED}};
    assert_int_equal(composition.secrets.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(span_is(composition.secrets.data[i].secret->path, expected[i].path));
        assert_int_equal(composition.secrets.data[i].state, expected[i].state);
    }
    composition_release(&composition);
    layers_free(layers, 3);
}

/* ---- the distribution ---- */

static void release_through_links(void **state) {
    (void)state;
    static const struct {
        const char *link, *target, *file; /* a link, where it points, where the file is */
        bool found;
    } cases[] = {
        {"etc/os-release", "../usr/lib/os-release", "usr/lib/os-release", true},
        {"etc/os-release", "/usr/lib/os-release", "usr/lib/os-release", true},
        {"etc/os-release", "/opt/vendor/os-release", "opt/vendor/os-release", true},
        {"etc/os-release", "../../../../opt/vendor/os-release", "opt/vendor/os-release", true}, /* held at the root */
        {"etc/os-release", "os-release", "opt/vendor/os-release", false},                       /* itself */
        {"etc/os-release", "/nowhere", "opt/vendor/os-release", false},
        {"etc", "real/etc", "real/etc/os-release", false}, /* nothing names etc/os-release: no candidate */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct layer_result *layers[2] = {layer_new(), layer_new()};
        add_release(layers[0], cases[i].file, "debian");
        add_link(layers[1], cases[i].link, cases[i].target);
        struct composition composition = run(layers, 2);
        if ((composition.distro.id.size > 0) != cases[i].found)
            fail_msg("%s -> %s", cases[i].link, cases[i].target);
        composition_release(&composition);
        layers_free(layers, 2);
    }
}

static void release_of_the_top(void **state) {
    (void)state;
    struct layer_result *layers[2] = {layer_new(), layer_new()};
    add_release(layers[0], "etc/os-release", "debian");
    add_release(layers[1], "etc/os-release", "derived");
    add_release(layers[1], "usr/lib/os-release", "other"); /* of lower rank */
    struct composition composition = run(layers, 2);
    assert_true(span_is(composition.distro.id, "derived"));
    composition_release(&composition);
    layers_free(layers, 2);
}

static void errors_have_a_ceiling(void **state) {
    (void)state;
    struct layer_result *layer = layer_new();
    struct err err = {.code = ERR_FORMAT, .text = "bad"};
    for (int i = 0; i < 5000; i++)
        layer_result_error(layer, STAGE_PACKAGE, span_text("p"), NULL, &err, SCAN_PARTIAL);
    assert_int_equal(layer->errors.count, 1001);
    assert_int_equal(layer->errors.data[1000].code, ERR_LIMIT); /* says that there were more */
    assert_int_equal(layer->status, SCAN_PARTIAL);
    layer_result_error(layer, STAGE_VERIFY, span_text(""), NULL, &err, SCAN_FAILED);
    assert_int_equal(layer->status, SCAN_FAILED);
    layer_result_discard(layer);
    assert_int_equal(layer->errors.count, 0);
    layer_result_free(layer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cover),
        cmocka_unit_test(database_is_rewritten),
        cmocka_unit_test(reinstalled_after_removal),
        cmocka_unit_test(whiteouts_reach_down_only),
        cmocka_unit_test(folders_that_are_packages),
        cmocka_unit_test(folder_told_by_two_layers),
        cmocka_unit_test(declared_and_failed),
        cmocka_unit_test(owners),
        cmocka_unit_test(strays),
        cmocka_unit_test(clues),
        cmocka_unit_test(secret_states),
        cmocka_unit_test(release_through_links),
        cmocka_unit_test(release_of_the_top),
        cmocka_unit_test(errors_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
