/* OCI layouts: names of blobs, and which manifests a tag names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/source/layout.h"

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct fixture {
    struct arena arena;
    struct source_context context;
    struct source source;
    struct buf found; /* a line for each reference */
};

static int begin(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    arena_init(&f->arena, 0, 0);
    buf_init(&f->found, 0);
    f->context.arena = &f->arena;
    f->source.context = &f->context;
    *state = f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    arena_release(&f->arena);
    buf_release(&f->found);
    mem_free(f);
    return 0;
}

static bool on_reference(void *context, struct source *source, const struct source_reference *reference) {
    struct fixture *f = context;
    char text[DIGEST_TEXT_SIZE];
    assert_ptr_equal(source, &f->source);
    assert_true(reference->has_digest);
    assert_string_equal(digest_text(&reference->digest, text), "sha256:" HEX);
    assert_true(span_is(reference->repository, "oci:dir"));
    buf_format(&f->found, "%zu %.*s [%.*s]\n", reference->item, SPAN_FORMAT(reference->text),
               SPAN_FORMAT(reference->tag));
    return true;
}

static int list(struct fixture *f, const char *tag, const char *json, struct err *err) {
    buf_reset(&f->found);
    return layout_list(&f->source, span_text("oci:dir"), span_text(tag), span_text(json), on_reference, f, err);
}

static void blob_paths(void **state) {
    (void)state;
    static const struct {
        const char *digest, *path;
    } cases[] = {
        {"sha256:" HEX, "blobs/sha256/" HEX},
        {"sha512:" HEX HEX, "blobs/sha512/" HEX HEX},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct digest digest;
        struct err err = {0};
        char out[LAYOUT_PATH_SIZE];
        assert_int_equal(digest_parse(span_text(cases[i].digest), &digest, &err), 0);
        assert_string_equal(layout_blob_path(&digest, out), cases[i].path);
    }
}

#define NAMED(name)                                                                                                    \
    "{\"digest\":\"sha256:" HEX "\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}}"

static void tags(void **state) {
    struct fixture *f = *state;
    static const char index[] = "{\"manifests\":[" NAMED("1.0") "," NAMED("host:5000/a/b:1.0") "," NAMED(
        "host:5000/a/b") ","
                         "{\"digest\":\"sha256:" HEX "\",\"size\":1}]}";
    static const struct {
        const char *tag, *expected; /* empty: nothing is named so */
    } cases[] = {
        {"", "0 oci:dir:1.0 [1.0]\n1 oci:dir:host:5000/a/b:1.0 [1.0]\n2 oci:dir:host:5000/a/b [host:5000/a/b]\n"
             "3 oci:dir@sha256:" HEX " []\n"},
        {"1.0", "0 oci:dir:1.0 [1.0]\n1 oci:dir:host:5000/a/b:1.0 [1.0]\n"},
        {"host:5000/a/b:1.0", "1 oci:dir:host:5000/a/b:1.0 [1.0]\n"},
        {"host:5000/a/b", "2 oci:dir:host:5000/a/b [host:5000/a/b]\n"},
        {"1", ""},
        {"5000/a/b", ""}, /* a port's colon does not begin a tag */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = {0};
        int result = list(f, cases[i].tag, index, &err);
        bool none = cases[i].expected[0] == '\0';
        assert_int_equal(result, cases[i].tag[0] != '\0' && none ? -1 : 0);
        assert_int_equal(err.code, result < 0 ? ERR_NOTFOUND : ERR_NONE);
        if (!span_is(buf_span(&f->found), cases[i].expected))
            fail_msg("tag '%s': found:\n%.*s", cases[i].tag, SPAN_FORMAT(buf_span(&f->found)));
    }
}

static void indexes(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *json;
        enum err_code code;
    } cases[] = {
        {"{\"schemaVersion\":2,\"manifests\":[]}", ERR_NONE},
        {"{\"schemaVersion\":2,\"manifests\":null}", ERR_NONE}, /* what Go writes for a new layout */
        {"", ERR_FORMAT},
        {"{}", ERR_FORMAT},
        {"{\"manifests\":{}}", ERR_FORMAT},
        {"{\"manifests\":[{\"digest\":\"sha256:../../../etc/passwd\",\"size\":1}]}", ERR_FORMAT},
        {"{\"config\":{\"digest\":\"sha256:" HEX "\",\"size\":1},\"layers\":[]}",
         ERR_FORMAT}, /* a manifest, not an index */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = {0};
        int result = list(f, "", cases[i].json, &err);
        if (err.code != cases[i].code || result != (cases[i].code == ERR_NONE ? 0 : -1))
            fail_msg("%s: %s", cases[i].json, err.text);
        assert_int_equal(f->found.size, 0);
    }
}

static void short_of_memory(void **state) {
    struct fixture *f = *state;
    struct err err = {0};
    f->arena.bytes_max = 1;
    assert_int_equal(list(f, "", "{\"manifests\":[" NAMED("1.0") "]}", &err), -1);
    assert_int_equal(err.code, ERR_NOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(blob_paths), TEST(tags), TEST(indexes), TEST(short_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
