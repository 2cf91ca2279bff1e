#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"
#include "engine/pipeline/vex.h"

#define OPENVEX(statements)                                                                                            \
    "{\"@context\":\"https://openvex.dev/ns/v0.2.0\",\"@id\":\"x\",\"timestamp\":\"2024-01-01T00:00:00Z\","            \
    "\"statements\":[" statements "]}"
#define STATEMENT(cve, product, status, more)                                                                          \
    "{\"vulnerability\":{\"name\":\"" cve "\"},\"products\":[" product "],\"status\":\"" status "\"" more "}"
#define PRODUCT(purl) "{\"@id\":\"" purl "\"}"
#define INSIDE(product, purl) "{\"@id\":\"" product "\",\"subcomponents\":[{\"@id\":\"" purl "\"}]}"

static struct vex *vex_of(const char *text) {
    struct vex *vex = NULL;
    struct err err = {0};
    assert_int_equal(vex_new(&vex, &err), 0);
    if (vex_add(vex, span_text(text), "doc", &err) < 0)
        fail_msg("%s", err.text);
    return vex;
}

static bool has_nothing(void *context, const struct purl *product) {
    (void)context;
    (void)product;
    return false;
}

static struct vex_verdict ask_of(const struct vex *vex, const char *id, const char *purl, const struct vex_image *image,
                                 bool lonely) {
    struct arena arena;
    const struct span ids[] = {span_text("GHSA-none"), span_text(id)};
    arena_init(&arena, 0, 0);
    struct vex_query query = {.ids = ids,
                              .id_count = 2,
                              .purl = span_text(purl),
                              .source_name = span_text("openssl"),
                              .source_version = span_text("3.0.9-1"),
                              .image = image,
                              .has = lonely ? has_nothing : NULL};
    struct vex_verdict verdict = vex_find(vex, &query, &arena);
    arena_release(&arena);
    return verdict;
}

static enum vex_status ask(const struct vex *vex, const char *id, const char *purl) {
    return ask_of(vex, id, purl, NULL, false).status;
}

static void test_openvex(void **state) {
    (void)state;
    struct vex *vex = vex_of(OPENVEX(
        STATEMENT("CVE-2023-1", PRODUCT("pkg:npm/lodash@4.17.15"), "not_affected", ",\"justification\":\"vulnerable_code_not_present\"") "," STATEMENT(
            "CVE-2023-2", PRODUCT("pkg:npm/lodash"), "affected",
            "") "," STATEMENT("CVE-2023-2", PRODUCT("pkg:npm/lodash"), "fixed",
                              ",\"timestamp\":\"2024-06-01T00:00:00Z\"") "," STATEMENT("CVE-2023-2",
                                                                                       PRODUCT("pkg:npm/lodash"),
                                                                                       "affected",
                                                                                       ",\"timestamp\":\"2023-06-01T00:00:00Z\"") "," STATEMENT("CVE-2023-3",
                                                                                                                                                PRODUCT(
                                                                                                                                                    "pkg:deb/debian/openssl?arch=source"),
                                                                                                                                                "under_investigation",
                                                                                                                                                "") "," STATEMENT("CVE-2023-4",
                                                                                                                                                                  INSIDE(
                                                                                                                                                                      "pkg:golang/example.com/app",
                                                                                                                                                                      "pkg:npm/lodash"),
                                                                                                                                                                  "not_affected",
                                                                                                                                                                  "")));
    assert_int_equal(vex_count(vex), 6);
    struct vex_verdict verdict = ask_of(vex, "cve-2023-1", "pkg:npm/lodash@4.17.15", NULL, false);
    assert_int_equal(verdict.status, VEX_NOT_AFFECTED);
    assert_true(span_is(verdict.text, "not_affected (vulnerable_code_not_present), by doc"));
    assert_int_equal(ask(vex, "CVE-2023-1", "pkg:npm/lodash@4.17.16"), VEX_NONE);
    assert_int_equal(ask(vex, "CVE-2023-1", "pkg:npm/lodash-es@4.17.15"), VEX_NONE);
    assert_int_equal(ask(vex, "CVE-2023-9", "pkg:npm/lodash@4.17.15"), VEX_NONE);
    assert_int_equal(ask(vex, "CVE-2023-2", "pkg:npm/lodash@1.0.0"), VEX_FIXED); /* the latest */
    assert_int_equal(ask(vex, "CVE-2023-3", "pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&distro=debian-12"),
                     VEX_UNDER_INVESTIGATION); /* under its source's name */
    assert_int_equal(ask(vex, "CVE-2023-4", "pkg:npm/lodash@1.0.0"), VEX_NOT_AFFECTED);
    assert_int_equal(ask_of(vex, "CVE-2023-4", "pkg:npm/lodash@1.0.0", NULL, true).status, VEX_NONE);
    vex_free(vex);
    /* Qualifiers count where both have them. */
    vex = vex_of(OPENVEX(
        STATEMENT("CVE-5", PRODUCT("pkg:apk/alpine/libssl3@3.0.8-r3?arch=x86_64&upstream=openssl&distro=alpine-3.17.3"),
                  "fixed", "")));
    assert_int_equal(ask(vex, "CVE-5", "pkg:apk/alpine/libssl3@3.0.8-r3?arch=x86_64&distro=3.17.3"), VEX_FIXED);
    assert_int_equal(ask(vex, "CVE-5", "pkg:apk/alpine/libssl3@3.0.8-r3?arch=aarch64&distro=3.17.3"), VEX_NONE);
    assert_int_equal(ask(vex, "CVE-5", "pkg:apk/alpine/libssl3@3.0.8-r3?arch=x86_64&distro=3.18.1"), VEX_NONE);
    vex_free(vex);
    /* The format's first draft. */
    vex = vex_of("{\"statements\":[{\"vulnerability\":\"CVE-1\",\"products\":[\"pkg:npm/a\"],\"status\":\"fixed\"}]}");
    assert_int_equal(ask(vex, "CVE-1", "pkg:npm/a@1"), VEX_FIXED);
    vex_free(vex);
}

static void test_images(void **state) {
    (void)state;
#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    static const struct {
        const char *product;
        bool applies;
    } cases[] = {
        {"pkg:oci/app@sha256%3Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?"
         "repository_url=host.example/team/app",
         true},
        {"pkg:oci/app?repository_url=host.example/team/app", true},
        {"pkg:oci/app?repository_url=host.example/other/app", false},
        {"pkg:oci/app?repository_url=host.example/team", true},
        {"pkg:oci/app@sha256%3Acccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", true},
        {"pkg:oci/app?tag=1.0", true},
        {"pkg:oci/app?tag=2.0", false},
        {"pkg:oci/other", false},
        {"pkg:oci/app@sha256%3Abaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"host.example/team/app:1.0", true},
        {"host.example/team/app", true},
        {"host.example/team/app:2.0", false},
        {"host.example/team/app@" DIGEST, true},
    };
    struct vex_image image = {.registry = span_text("host.example"),
                              .repository = span_text("team/app"),
                              .tag = span_text("1.0"),
                              .digest = span_text(DIGEST),
                              .reference =
                                  span_text("host.example/team/app@sha256:"
                                            "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc")};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "{\"statements\":[{\"vulnerability\":{\"name\":\"CVE-1\"},\"status\":\"not_affected\","
                       "\"products\":[{\"@id\":\"%s\",\"subcomponents\":[{\"@id\":\"pkg:npm/a\"}]}]}]}",
                       cases[i].product);
        struct vex *vex = vex_of(text);
        assert_int_equal(vex_names_image(vex, &image), cases[i].applies);
        assert_int_equal(ask_of(vex, "CVE-1", "pkg:npm/a@1", &image, false).status,
                         cases[i].applies ? VEX_NOT_AFFECTED : VEX_NONE);
        assert_int_equal(ask_of(vex, "CVE-1", "pkg:npm/b@1", &image, false).status, VEX_NONE);
        assert_int_equal(ask_of(vex, "CVE-1", "pkg:npm/a@1", NULL, false).status, VEX_NONE);
        vex_free(vex);
    }
}

static void test_csaf(void **state) {
    (void)state;
    struct vex *vex = vex_of(
        "{\"document\":{\"category\":\"csaf_vex\",\"csaf_version\":\"2.0\",\"tracking\":{\"current_release_date\":"
        "\"2024-01-01T00:00:00Z\"}},\"product_tree\":{\"branches\":[{\"category\":\"vendor\",\"branches\":["
        "{\"product\":{\"product_id\":\"p1\",\"product_identification_helper\":{\"purl\":\"pkg:npm/lodash@4.17.15\"}}},"
        "{\"product\":{\"product_id\":\"os\",\"product_identification_helper\":{\"cpe\":\"cpe:/o:x:y:9\"}}},"
        "{\"product\":{\"product_id\":\"p2\",\"product_identification_helper\":{\"purl\":"
        "\"pkg:deb/debian/openssl?arch=src\"}}}]}],"
        "\"relationships\":[{\"category\":\"default_component_of\",\"product_reference\":\"p2\","
        "\"relates_to_product_reference\":\"os\",\"full_product_name\":{\"product_id\":\"os:p2\"}}]},"
        "\"vulnerabilities\":[{\"cve\":\"CVE-2024-1\",\"product_status\":{\"known_not_affected\":[\"p1\",\"unknown\"],"
        "\"known_affected\":[\"os:p2\"]},\"flags\":[{\"label\":\"component_not_present\",\"product_ids\":[\"p1\"]}]}]}");
    struct vex_verdict verdict = ask_of(vex, "CVE-2024-1", "pkg:npm/lodash@4.17.15", NULL, false);
    assert_int_equal(verdict.status, VEX_NOT_AFFECTED);
    assert_true(span_is(verdict.text, "not_affected (component_not_present), by doc"));
    assert_int_equal(ask(vex, "CVE-2024-1", "pkg:deb/debian/libssl3@3.0.9-1?arch=amd64"), VEX_AFFECTED);
    assert_int_equal(vex_count(vex), 2);
    vex_free(vex);
}

static void test_cyclonedx(void **state) {
    (void)state;
    struct vex *vex = vex_of(
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":[{\"bom-ref\":\"ref-1\",\"purl\":"
        "\"pkg:npm/a@1.0.0\",\"components\":[{\"bom-ref\":\"ref-2\",\"purl\":\"pkg:npm/b\"}]}],\"vulnerabilities\":["
        "{\"id\":\"CVE-1\",\"analysis\":{\"state\":\"false_positive\"},\"affects\":[{\"ref\":\"ref-1\"}]},"
        "{\"id\":\"CVE-2\",\"analysis\":{\"state\":\"in_triage\"},\"affects\":[{\"ref\":\"ref-2\"}]},"
        "{\"id\":\"CVE-3\",\"analysis\":{\"state\":\"resolved\"},\"affects\":[{\"ref\":"
        "\"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm/c@1.0.0\"}]},"
        "{\"id\":\"CVE-4\",\"affects\":[{\"ref\":\"ref-1\"}]}]}");
    assert_int_equal(ask(vex, "CVE-1", "pkg:npm/a@1.0.0"), VEX_NOT_AFFECTED);
    assert_int_equal(ask(vex, "CVE-2", "pkg:npm/b@7.0.0"), VEX_UNDER_INVESTIGATION);
    assert_int_equal(ask(vex, "CVE-3", "pkg:npm/c@1.0.0"), VEX_FIXED);
    assert_int_equal(ask(vex, "CVE-4", "pkg:npm/a@1.0.0"), VEX_NONE);
    vex_free(vex);
}

static void test_wrong(void **state) {
    (void)state;
    static const char *const documents[] = {
        "",
        "[]",
        "{}",
        "{\"statements\":{}}",
        "{\"statements\":[{}]}",
        OPENVEX(STATEMENT("CVE-1", PRODUCT("pkg:npm/a"), "perhaps", "")),
        OPENVEX(STATEMENT("CVE-1", "", "fixed", "")),
        OPENVEX(STATEMENT("CVE-1", "{}", "fixed", "")),
        OPENVEX(STATEMENT("CVE-1", PRODUCT("pkg:"), "fixed", "")),
        "{\"statements\":[{\"vulnerability\":7,\"products\":[\"pkg:npm/a\"],\"status\":\"fixed\"}]}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(documents); i++) {
        struct vex *vex = NULL;
        struct err err = {0};
        assert_int_equal(vex_new(&vex, &err), 0);
        assert_int_equal(vex_add(vex, span_text(documents[i]), "doc", &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
        assert_true(span_find(span_text(err.text), span_text("doc"), 0) == 0);
        vex_free(vex);
    }
    /* A thousand deep: no recursion, whatever the document's parser thinks of it. */
    AUTO_BUF struct buf deep;
    struct vex *vex = NULL;
    struct err err = {0};
    buf_init(&deep, 0);
    buf_text(&deep, "{\"bomFormat\":\"CycloneDX\",\"components\":[");
    for (int i = 0; i < 100; i++)
        buf_text(&deep, "{\"components\":[");
    for (int i = 0; i < 100; i++)
        buf_text(&deep, "]}");
    buf_text(&deep, "]}");
    assert_int_equal(vex_new(&vex, &err), 0);
    assert_int_equal(vex_add(vex, buf_span(&deep), "deep", &err), 0);
    assert_int_equal(vex_count(vex), 0);
    vex_free(vex);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openvex),   cmocka_unit_test(test_images), cmocka_unit_test(test_csaf),
        cmocka_unit_test(test_cyclonedx), cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests_name("vex", tests, NULL, NULL);
}
