/* Manifests, indexes and configurations of strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "io/source/manifest_schema1.h"

#define HEX64 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define DIGEST "sha256:" HEX64
#define TAR "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" DIGEST "\",\"size\":7}"
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
        {"{\"artifactType\":\"x/y\",\"config\":" DESCRIPTOR ",\"layers\":[" TAR "]}", MANIFEST_IMAGE, 1},
        {"{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"" DIGEST "\"}],\"history\":[{\"v1Compatibility\":\"{}\"}]}",
         MANIFEST_SCHEMA1, 1},
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

/* What is no image says what it is, and of what. */
static void artifacts(void **state) {
    (void)state;
#define TYPED(type) "{\"mediaType\":\"" type "\",\"digest\":\"" DIGEST "\",\"size\":7}"
#define EMPTY TYPED("application/vnd.oci.empty.v1+json")
#define SUBJECT ",\"subject\":" TYPED("application/vnd.oci.image.manifest.v1+json")
    static const struct {
        const char *json, *tag, *text; /* NULL: an image */
    } cases[] = {
        /* OCI 1.1 */
        {"{\"artifactType\":\"application/spdx+json\",\"config\":" EMPTY ",\"layers\":[" EMPTY "]" SUBJECT "}", "x",
         "SBOM of " DIGEST},
        {"{\"artifactType\":\"application/vnd.cncf.notary.signature\",\"config\":" EMPTY ",\"layers\":[]" SUBJECT "}",
         "", "signature of " DIGEST},
        {"{\"artifactType\":\"application/vnd.in-toto+json\",\"config\":" EMPTY ",\"layers\":[]" SUBJECT "}", "",
         "attestation of " DIGEST},
        {"{\"artifactType\":\"text/x\",\"config\":" EMPTY ",\"layers\":[]" SUBJECT "}", "",
         "artifact with type text/x of " DIGEST},
        {"{\"artifactType\":\"text/x\",\"config\":" EMPTY ",\"layers\":[]}", "",
         "artifact with type text/x, not an image"},
        {"{\"artifactType\":\"a\\u001bb\",\"config\":" EMPTY ",\"layers\":[]}", "",
         "artifact with type a\\x1bb, not an image"},
        {"{\"artifactType\":\"text/x\",\"blobs\":[]}", "", "artifact with type text/x, not an image"},
        /* The type stands only at the layer. */
        {"{\"config\":" EMPTY ",\"layers\":[" TYPED("application/vnd.cyclonedx+json") "]}", "1", "SBOM, not an image"},
        /* A bad subject is no reason to refuse. */
        {"{\"artifactType\":\"application/spdx+json\",\"config\":" EMPTY ",\"layers\":[],\"subject\":{\"digest\":7}}",
         "", "SBOM, not an image"},
        /* cosign: the configuration of an image, and tags */
        {"{\"config\":" DESCRIPTOR ",\"layers\":[" TYPED("application/vnd.dev.cosign.simplesigning.v1+json") "]}",
         "sha256-" HEX64 ".sig", "signature of " DIGEST},
        {"{\"config\":" DESCRIPTOR ",\"layers\":[" TYPED("application/vnd.dsse.envelope.v1+json") "]}",
         "sha256-" HEX64 ".att", "attestation of " DIGEST},
        {"{\"config\":" DESCRIPTOR ",\"layers\":[" TYPED("text/spdx+json") "]}", "sha256-" HEX64 ".sbom",
         "SBOM of " DIGEST},
        {"{\"config\":" DESCRIPTOR ",\"layers\":[" TYPED("text/spdx+json") "]}", "sha256-" HEX64 ".other",
         "SBOM, not an image"},
        /* others */
        {"{\"config\":" TYPED("application/vnd.cncf.helm.config.v1+json") ",\"layers\":[" TAR "]}", "1",
         "Helm chart, not an image"},
        {"{\"config\":" TYPED("application/vnd.wasm.config.v0+json") ",\"layers\":[" TYPED("application/wasm") "]}",
         "1", "WASM module, not an image"},
        {"{\"config\":" DESCRIPTOR ",\"layers\":[" TYPED("application/wasm") "]}", "1", "WASM module, not an image"},
        {"{\"config\":" TYPED("application/vnd.cncf.openpolicyagent.config.v1+json") ",\"layers\":[]}", "1",
         "policy, not an image"},
        {"{\"config\":" TYPED("application/vnd.cncf.model.config.v1+json") ",\"layers\":[]}", "1",
         "machine-learning model, not an image"},
        /* Images, whatever they and their tags say. */
        {"{\"artifactType\":\"application/spdx+json\",\"config\":" DESCRIPTOR ",\"layers\":[" TAR "]" SUBJECT "}",
         "sha256-" HEX64 ".sig", NULL},
        {"{\"config\":" DESCRIPTOR ",\"layers\":[" TYPED("application/vnd.dev.cosign.simplesigning.v1+json") "," TAR
                                                                                                             "]}",
         "sha256-" HEX64 ".sig", NULL},
        {"{\"config\":" DESCRIPTOR ",\"layers\":[]" SUBJECT "}", "1", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct manifest manifest;
        struct err err = {0};
        if (manifest_parse(&arena, span_text(cases[i].json), &manifest, &err) < 0)
            fail_msg("case %zu: %s", i, err.text);
        if ((manifest.kind == MANIFEST_IMAGE) != (cases[i].text == NULL))
            fail_msg("case %zu: kind %d", i, (int)manifest.kind);
        struct span text = span_text(manifest_artifact_text(&arena, &manifest));
        text = manifest_artifact_text_of_tag(&arena, text, span_text(cases[i].tag));
        if (cases[i].text != NULL && !span_is(text, cases[i].text))
            fail_msg("case %zu: %.*s", i, SPAN_FORMAT(text));
    }
}

static void tag_subjects(void **state) {
    (void)state;
    struct digest expected, found;
    assert_int_equal(digest_parse(span_text(DIGEST), &expected, NULL), 0);
    static const char *const good[] = {"sha256-" HEX64, "sha256-" HEX64 ".sig", "sha256-" HEX64 ".sbom"};
    static const char *const bad[] = {"",
                                      "latest",
                                      "sha256-",
                                      "sha256-123.sig",
                                      "sha256:" HEX64,
                                      "sha512-" HEX64,
                                      "sha256-" HEX64 ".sig.sig",
                                      "sha256-" HEX64 HEX64 HEX64};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        found = manifest_tag_subject(span_text(good[i]));
        assert_true(digest_equal(&found, &expected));
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        found = manifest_tag_subject(span_text(bad[i]));
        assert_int_equal(found.algorithm, DIGEST_NONE);
    }
}

#define EMPTY_TAR "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
#define LAYER_B "sha256:0000000000000000000000000000000000000000000000000000000000000b0b"

static void schema1(void **state) {
    (void)state;
    struct manifest manifest;
    struct err err = {0};
    /* Newest first: a step without a layer, a layer, an empty layer, a base. */
    static const char json[] =
        "{\"schemaVersion\":1,\"name\":\"a/b\",\"tag\":\"1\",\"architecture\":\"arm64\",\"fsLayers\":["
        "{\"blobSum\":\"" DIGEST "\"},{\"blobSum\":\"" LAYER_B "\"},{\"blobSum\":\"" EMPTY_TAR
        "\"},{\"blobSum\":\"" DIGEST "\"}],\"history\":["
        "{\"v1Compatibility\":\"{\\\"os\\\":\\\"linux\\\",\\\"created\\\":\\\"2015-01-02T03:04:05Z\\\",\\\"config\\\":"
        "{\\\"User\\\":\\\"app\\\",\\\"Env\\\":[\\\"A=b\\\"]},\\\"throwaway\\\":true}\"},"
        "{\"v1Compatibility\":\"{\\\"container_config\\\":{\\\"Cmd\\\":[\\\"/bin/sh\\\",\\\"-c\\\",\\\"make\\\"]}}\"},"
        "{\"v1Compatibility\":\"{}\"},{\"v1Compatibility\":\"{\\\"id\\\":\\\"x\\\"}\"}]}";
    if (manifest_parse(&arena, span_text(json), &manifest, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(manifest.kind, MANIFEST_SCHEMA1);
    assert_int_equal(manifest.entry_count, 2);
    char text[DIGEST_TEXT_SIZE];
    assert_string_equal(digest_text(&manifest.entries[0].digest, text), DIGEST);
    assert_string_equal(digest_text(&manifest.entries[1].digest, text), LAYER_B);
    assert_true(manifest.entries[0].size_unknown);
    const struct image_config *config = manifest.converted;
    assert_true(span_is(config->user, "app") && span_is(config->platform.architecture, "arm64") &&
                span_is(config->platform.os, "linux") && span_is(config->created, "2015-01-02T03:04:05Z"));
    assert_int_equal(config->env_count, 1);
    assert_int_equal(config->diff_id_count, 2);
    assert_int_equal(config->diff_ids[1].algorithm, DIGEST_NONE);
    assert_int_equal(config->history_count, 4);
    static const bool empty[] = {false, true, false, true}; /* oldest first */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(config->history[i].empty_layer, empty[i]);
    assert_true(span_is(config->history[2].created_by, "/bin/sh -c make"));
}

static void schema1_refused(void **state) {
    (void)state;
#define STEP(sum, text)                                                                                                \
    "{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"" sum "\"}],\"history\":[{\"v1Compatibility\":" text "}]}"
    static const struct {
        const char *json;
        enum err_code code;
        const char *word;
    } cases[] = {
        {"{\"schemaVersion\":1}", ERR_FORMAT, "fsLayers"},
        {"{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}", ERR_FORMAT, "found 0 and 0"},
        {"{\"fsLayers\":[{\"blobSum\":\"" DIGEST "\"}],\"history\":[]}", ERR_FORMAT, "found 1 and 0"},
        {"{\"fsLayers\":{},\"history\":[]}", ERR_FORMAT, "fsLayers"},
        {STEP("x", "\"{}\""), ERR_FORMAT, "step 0"},
        {STEP("md5:d41d8cd98f00b204e9800998ecf8427e", "\"{}\""), ERR_UNSUPPORTED, "md5"},
        {STEP(DIGEST, "\"not json\""), ERR_FORMAT, "schema 1"},
        {STEP(DIGEST, "{}"), ERR_FORMAT, "schema 1"},
        {STEP(DIGEST, "\"[]\""), ERR_FORMAT, "object"},
        {"{\"fsLayers\":[7],\"history\":[{\"v1Compatibility\":\"{}\"}]}", ERR_FORMAT, "step 0"},
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

/* The bytes without their signatures: {"formatLength":21,"formatTail":"Cn0"} says that the first 21 bytes are theirs
 * and that "\n}" followed. */
static void schema1_signed(void **state) {
    (void)state;
#define SIGNED(protected)                                                                                              \
    "{\n \"schemaVersion\": 1,\n \"signatures\": [{\"header\":{\"alg\":\"ES256\"},\"signature\":\"x\",\"protected\":\"" protected "\"}]\n}"
    static const char good[] = SIGNED("eyJmb3JtYXRMZW5ndGgiOjIxLCJmb3JtYXRUYWlsIjoiQ24wIn0");
    struct span part = manifest_signed_part(&arena, span_text(good));
    if (!span_is(part, "{\n \"schemaVersion\": 1\n}"))
        fail_msg("%.*s", SPAN_FORMAT(part));
    static const char *const as_they_are[] = {
        SIGNED(""),
        SIGNED("not base64"),
        SIGNED("eyJmb3JtYXRMZW5ndGgiOjk5OTk5LCJmb3JtYXRUYWlsIjoiQ24wIn0"), /* behind the end */
        SIGNED("eyJmb3JtYXRMZW5ndGgiOi0xLCJmb3JtYXRUYWlsIjoiQ24wIn0"),     /* negative */
        SIGNED("eyJmb3JtYXRMZW5ndGgiOjIxLCJmb3JtYXRUYWlsIjoiPyJ9"),        /* a tail that is no base64 */
        "{\"schemaVersion\":2,\"signatures\":[{\"protected\":\"eyJmb3JtYXRMZW5ndGgiOjIxLCJmb3JtYXRUYWlsIjoiQ24wIn0\"}]}",
        "{\"schemaVersion\":1,\"signatures\":[]}",
        "{\"schemaVersion\":1,\"signatures\"",
        "",
    };
    for (size_t i = 0; i < ARRAY_COUNT(as_they_are); i++) {
        part = manifest_signed_part(&arena, span_text(as_they_are[i]));
        if (!span_is(part, as_they_are[i]))
            fail_msg("case %zu: %.*s", i, SPAN_FORMAT(part));
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
        cmocka_unit_test_setup_teardown(artifacts, begin, end),
        cmocka_unit_test_setup_teardown(tag_subjects, begin, end),
        cmocka_unit_test_setup_teardown(schema1, begin, end),
        cmocka_unit_test_setup_teardown(schema1_refused, begin, end),
        cmocka_unit_test_setup_teardown(schema1_signed, begin, end),
        cmocka_unit_test_setup_teardown(limits, begin, end),
        cmocka_unit_test_setup_teardown(descriptors, begin, end),
        cmocka_unit_test_setup_teardown(configuration, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
