/* Manifests, indexes and configurations of strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "io/source/manifest.h"

#define HEX64 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define DIGEST "sha256:" HEX64
#define DESCRIPTOR "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" DIGEST "\",\"size\":7}"

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

static void kinds(void **state) {
    (void)state;
    static const struct {
        const char *json;
        enum manifest_kind kind;
        size_t entries;
    } cases[] = {
        {"{\"schemaVersion\":2,\"config\":" DESCRIPTOR ",\"layers\":[" DESCRIPTOR "," DESCRIPTOR "]}", MANIFEST_IMAGE,
         2},
        {"{\"config\":" DESCRIPTOR ",\"layers\":[]}", MANIFEST_IMAGE, 0},
        {"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":{\"mediaType\":"
         "\"application/vnd.docker.container.image.v1+json\",\"digest\":\"" DIGEST
         "\",\"size\":1},\"layers\":[" DESCRIPTOR "]}",
         MANIFEST_IMAGE, 1},
        {"{\"manifests\":[" DESCRIPTOR "]}", MANIFEST_INDEX, 1},
        {"{\"manifests\":null}", MANIFEST_INDEX, 0}, /* Go's empty list */
        {"{\"config\":" DESCRIPTOR ",\"layers\":null}", MANIFEST_IMAGE, 0},
        {"{\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"" DIGEST
         "\",\"size\":2},\"layers\":[]}",
         MANIFEST_ARTIFACT, 0},
        {"{\"artifactType\":\"x/y\",\"config\":" DESCRIPTOR ",\"layers\":[]}", MANIFEST_ARTIFACT, 0},
        {"{\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\",\"digest\":\"" DIGEST
         "\",\"size\":2},\"layers\":[" DESCRIPTOR "]}",
         MANIFEST_ARTIFACT, 1},
        {"{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"x\"}]}", MANIFEST_SCHEMA1, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct manifest manifest;
        struct err err = {0};
        if (manifest_parse(&arena, span_text(cases[i].json), &manifest, &err) < 0)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(manifest.kind, cases[i].kind);
        assert_int_equal(manifest.entry_count, cases[i].entries);
    }
}

static void refused(void **state) {
    (void)state;
#define WITH_LAYER(layer) "{\"config\":" DESCRIPTOR ",\"layers\":[" layer "]}"
    static const struct {
        const char *json;
        enum err_code code;
        const char *word; /* what the message has to name */
    } cases[] = {
        {"not json", ERR_FORMAT, "json"},
        {"", ERR_FORMAT, "json"},
        {"null", ERR_FORMAT, "object"},
        {"[]", ERR_FORMAT, "object"},
        {"{}", ERR_FORMAT, "neither"},
        {"{\"config\":null,\"layers\":[]}", ERR_FORMAT, "config"},
        {"{\"config\":" DESCRIPTOR "}", ERR_FORMAT, "layer"},
        {"{\"config\":" DESCRIPTOR ",\"layers\":{}}", ERR_FORMAT, "layer"},
        {WITH_LAYER("7"), ERR_FORMAT, "layer 0"},
        {WITH_LAYER("{\"size\":7}"), ERR_FORMAT, "digest"},
        {WITH_LAYER("{\"digest\":\"" DIGEST "\"}"), ERR_FORMAT, "size"},
        {WITH_LAYER("{\"digest\":\"" DIGEST "\",\"size\":-1}"), ERR_FORMAT, "'-1'"},
        {WITH_LAYER("{\"digest\":\"" DIGEST "\",\"size\":1.5}"), ERR_FORMAT, "size"},
        {WITH_LAYER("{\"digest\":\"" DIGEST "\",\"size\":\"7\"}"), ERR_FORMAT, "size"},
        {WITH_LAYER("{\"digest\":\"" DIGEST "\",\"size\":99999999999999999999}"), ERR_FORMAT, "size"},
        {WITH_LAYER("{\"digest\":\"sha256:../../etc/passwd\",\"size\":7}"), ERR_FORMAT, "digest"},
        {WITH_LAYER("{\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\",\"size\":7}"), ERR_UNSUPPORTED, "md5"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct manifest manifest;
        struct err err = {0};
        if (manifest_parse(&arena, span_text(cases[i].json), &manifest, &err) == 0)
            fail_msg("case %zu was accepted", i);
        assert_int_equal(err.code, cases[i].code);
        if (strstr(err.text, cases[i].word) == NULL)
            fail_msg("case %zu: '%s' does not name %s", i, err.text, cases[i].word);
    }
}

static enum err_code parse_many(const char *field, size_t count) {
    struct buf json;
    struct manifest manifest;
    struct err err = {0};
    buf_init(&json, 0);
    buf_text(&json, strcmp(field, "layers") == 0 ? "{\"config\":" DESCRIPTOR ",\"layers\":[" : "{\"manifests\":[");
    for (size_t i = 0; i < count; i++)
        buf_format(&json, "%s" DESCRIPTOR, i == 0 ? "" : ",");
    buf_text(&json, "]}");
    (void)manifest_parse(&arena, buf_span(&json), &manifest, &err);
    buf_release(&json);
    return err.code;
}

static void limits(void **state) {
    (void)state;
    assert_int_equal(parse_many("layers", LIMIT_LAYERS), ERR_NONE);
    assert_int_equal(parse_many("layers", LIMIT_LAYERS + 1), ERR_LIMIT);
    assert_int_equal(parse_many("manifests", LIMIT_INDEX_MANIFESTS), ERR_NONE);
    assert_int_equal(parse_many("manifests", LIMIT_INDEX_MANIFESTS + 1), ERR_LIMIT);
}

static void descriptors(void **state) {
    (void)state;
    struct manifest index;
    struct err err = {0};
    static const char json[] =
        "{\"manifests\":["
        "{\"digest\":\"" DIGEST
        "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"},"
        "\"annotations\":{\"org.opencontainers.image.ref.name\":\"1.0\"}},"
        "{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},"
        "{\"digest\":\"" DIGEST
        "\",\"size\":1,\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}},"
        "{\"digest\":\"" DIGEST
        "\",\"size\":1,\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\"},"
        "{\"digest\":\"" DIGEST
        "\",\"size\":1,\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip\"}]}";
    assert_int_equal(manifest_parse(&arena, span_text(json), &index, &err), 0);
    assert_true(span_is(index.entries[0].platform.os, "linux") &&
                span_is(index.entries[0].platform.architecture, "arm") &&
                span_is(index.entries[0].platform.variant, "v7") && span_is(index.entries[0].ref_name, "1.0"));
    assert_false(index.entries[0].is_attestation || index.entries[0].is_foreign);
    assert_true(index.entries[1].is_attestation && index.entries[2].is_attestation);
    assert_true(index.entries[3].is_foreign && index.entries[4].is_foreign);
}

static void configuration(void **state) {
    (void)state;
    struct image_config config;
    struct err err = {0};
    static const char json[] =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2024-01-01T00:00:00Z\",\"config\":{\"User\":\"nobody\","
        "\"Env\":[\"A=b\",\"C=\"],\"Labels\":{\"z\":\"1\",\"a\":\"2\"},\"Cmd\":[\"sh\"]},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\",\"nonsense\"]},"
        "\"history\":[{\"created_by\":\"FROM\"},{\"created_by\":\"ENV\",\"empty_layer\":true}]}";
    assert_int_equal(image_config_parse(&arena, span_text(json), &config, &err), 0);
    assert_true(span_is(config.user, "nobody") && span_is(config.platform.architecture, "amd64"));
    assert_int_equal(config.env_count, 2);
    assert_int_equal(config.label_count, 2);
    assert_true(span_is(config.labels[0], "a") && span_is(config.labels[1], "2") && span_is(config.labels[2], "z"));
    assert_int_equal(config.diff_id_count, 2);
    assert_int_equal(config.diff_ids[0].algorithm, DIGEST_SHA256);
    assert_int_equal(config.diff_ids[1].algorithm, DIGEST_NONE);
    assert_int_equal(config.history_count, 2);
    assert_true(!config.history[0].empty_layer && config.history[1].empty_layer);
    static const char *const fine[] = {"{}", "{\"config\":null,\"rootfs\":null,\"history\":null}",
                                       "{\"config\":{\"Env\":null,\"Labels\":null}}"};
    for (size_t i = 0; i < ARRAY_COUNT(fine); i++)
        assert_int_equal(image_config_parse(&arena, span_text(fine[i]), &config, &err), 0);
    static const char *const bad[] = {"",
                                      "[]",
                                      "x",
                                      "{\"config\":{\"Env\":\"A=b\"}}",
                                      "{\"config\":{\"Env\":[1]}}",
                                      "{\"config\":{\"Labels\":[]}}",
                                      "{\"history\":{}}",
                                      "{\"rootfs\":{\"diff_ids\":\"x\"}}"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        err = (struct err){0};
        assert_int_equal(image_config_parse(&arena, span_text(bad[i]), &config, &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kinds, begin, end),
        cmocka_unit_test_setup_teardown(refused, begin, end),
        cmocka_unit_test_setup_teardown(limits, begin, end),
        cmocka_unit_test_setup_teardown(descriptors, begin, end),
        cmocka_unit_test_setup_teardown(configuration, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
