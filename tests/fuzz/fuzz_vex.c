/* Hostile VEX documents and Trivy ignore files; and a damaged database asked for everything that findings ask of it. */
#include "engine/cli/trivy_ignore.h"
#include "engine/pipeline/finding.h"
#include "engine/pipeline/ignore.h"
#include "engine/pipeline/vex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void vex_try(struct span input) {
    AUTO_VEX struct vex *vex = NULL;
    struct err err = {0};
    struct arena scratch;
    const struct span ids[] = {span_text("CVE-2021-23337")};
    struct vex_image image = {.registry = span_text("host"), .repository = span_text("a/b"), .tag = span_text("1")};
    struct vex_query query = {.ids = ids, .id_count = 1, .purl = span_text("pkg:npm/lodash@4.17.15"), .image = &image};
    if (vex_new(&vex, &err) < 0 || vex_add(vex, input, "input", &err) < 0)
        return;
    arena_init(&scratch, 0, 0);
    struct vex_verdict verdict = vex_find(vex, &query, &scratch);
    assert((verdict.status == VEX_NONE) == (verdict.text.size == 0));
    (void)vex_names_image(vex, &image);
    arena_release(&scratch);
}

static void ignore_try(struct span input, const char *path) {
    AUTO_BUF struct buf yaml;
    AUTO_IGNORE struct ignore *ignore = NULL;
    struct err err = {0};
    buf_init(&yaml, 0);
    if (trivy_ignore_convert(input, path, &yaml, &err) == 0)
        (void)ignore_parse(buf_span(&yaml), path, 0, &ignore, &err);
}

static void findings_try(struct span input) {
    struct findings *findings = NULL;
    struct vuln_db db;
    struct err err = {0};
    const struct finding *list;
    size_t count;
    AUTO_BUF struct buf aligned;
    buf_init(&aligned, 0);
    buf_add(&aligned, input);
    if (aligned.failed || vuln_db_open(buf_span(&aligned), CPU_SCALAR, &db, &err) < 0 ||
        findings_new(&(struct finding_options){.db = &db, .old = &db}, &findings, &err) < 0)
        return;
    struct distro distro = {.id = span_text("debian"), .version_id = span_text("12")};
    struct package packages[] = {
        {.type = PACKAGE_NPM, .name = span_text("lodash"), .version = span_text("4.17.15")},
        {.type = PACKAGE_DEB, .name = span_text("openssl"), .version = span_text("3.0.9-1")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(packages); i++)
        (void)findings_of(findings, &distro, &packages[i], &list, &count, &err);
    (void)findings_of_distro(findings, &distro, &list, &count, &err);
    findings_free(findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span input = span_make(data, size);
    vex_try(input);
    ignore_try(input, ".trivyignore");
    ignore_try(input, ".trivyignore.yaml");
    findings_try(input);
    return 0;
}
