/* SBOMs that stand in images: SPDX 2 in JSON (Bitnami names it .spdx-<name>.spdx) and CycloneDX in JSON. Each claims
 * what is in the image; a package whose purl is of a type that this program knows is listed as that type.
 * Spec: SPDX 2.3 §7, CycloneDX 1.6 "components". */
#include "base/model/purl.h"
#include "base/text.h"
#include "base/vec.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/sbom.h"

static const char *const paths[] = {
    "**/.spdx-*.spdx", "**/*.spdx",     "**/*.spdx.json", "**/*.spdx.yml",   "**/*.spdx.yaml",      "**/*.spdx.cdx",
    "**/*.cdx",        "**/*.cdx.json", "**/bom.json",    "**/.spdx.*.json", "**/*.cyclonedx.json", NULL,
};

/* A maven name is "group:artifact", that of the others "namespace/name"; system packages have no namespace. */
static int name_of(struct catalogue *run, const struct purl *purl, struct package *package, struct err *err) {
    bool is_system = package->type == PACKAGE_DEB || package->type == PACKAGE_RPM || package->type == PACKAGE_APK ||
                     package->type == PACKAGE_ALPM || package->type == PACKAGE_GENERIC;
    package->name = purl->name;
    if (purl->namespace.size == 0 || is_system)
        return 0;
    return catalogue_pair(run, purl->namespace, package->type == PACKAGE_MAVEN ? ":" : "/", purl->name, &package->name,
                          err);
}

int sbom_component_add(struct catalogue *run, struct span text, struct span name, struct span version,
                       struct span license, struct err *err) {
    struct package package = {.type = PACKAGE_GENERIC, .evidence = EVIDENCE_SBOM, .name = name, .version = version};
    struct purl purl;
    struct err ignored = {0};
    if (text.size > 0 && purl_parse(text, run->scratch, &purl, &ignored) == 0) {
        if (!package_type_parse(purl.type, &package.type))
            package.type = PACKAGE_GENERIC;
        if (name_of(run, &purl, &package, err) < 0)
            return -1;
        if (purl.version.size > 0)
            package.version = purl.version;
        for (size_t i = 0; i < purl.qualifier_count; i++) {
            if (span_is(purl.qualifiers[i].key, "arch"))
                package.architecture = purl.qualifiers[i].value;
        }
    }
    if (!span_is(license, "NOASSERTION") && !span_is(license, "NONE"))
        package.licenses = license;
    if (package.name.size == 0 || package.version.size == 0 || span_starts(package.version, "sha256:"))
        return 0; /* a claim that nothing can be matched with */
    return catalogue_add(run, package, err);
}

static struct span external_purl(const struct doc *package) {
    for (const struct doc *ref = doc_first(doc_get(package, "externalRefs")); ref != NULL; ref = ref->next) {
        if (span_is(doc_text(doc_get(ref, "referenceType")), "purl"))
            return doc_text(doc_get(ref, "referenceLocator"));
    }
    return (struct span){NULL, 0};
}

static int add_spdx(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "packages")); item != NULL; item = item->next) {
        struct span license = doc_text(doc_get(item, "licenseDeclared"));
        struct span purl = external_purl(item);
        /* The root that stands for the image, the folder or the operating system is no package. */
        bool is_root =
            purl.size == 0 && (span_is(doc_text(doc_get(item, "primaryPackagePurpose")), "CONTAINER") ||
                               span_is(doc_text(doc_get(item, "primaryPackagePurpose")), "OPERATING-SYSTEM"));
        if (!is_root && sbom_component_add(run, purl, doc_text(doc_get(item, "name")),
                                           doc_scalar(doc_get(item, "versionInfo")), license, err) < 0)
            return -1;
    }
    return 0;
}

/* Components may hold components; an explicit stack, as deep as the document is long. */
static int add_cyclonedx(struct catalogue *run, const struct doc *root, struct err *err) {
    VEC(const struct doc *) todo = {0};
    int result = 0;
    const struct doc *at = doc_first(doc_get(root, "components"));
    while (result == 0 && at != NULL) {
        struct span type = doc_text(doc_get(at, "type")), group = doc_text(doc_get(at, "group"));
        struct span name = doc_text(doc_get(at, "name"));
        if (catalogue_pair(run, group, "/", name, &group, err) < 0)
            result = -1;
        else if (!span_is(type, "operating-system") && !span_is(type, "file"))
            result = sbom_component_add(run, doc_text(doc_get(at, "purl")), group.size > 0 ? group : name,
                                        doc_scalar(doc_get(at, "version")), (struct span){NULL, 0}, err);
        const struct doc *inner = doc_first(doc_get(at, "components"));
        if (result == 0 && inner != NULL && !vec_push(&todo, inner))
            result = err_set(err, ERR_NOMEM, 0, "out of memory");
        at = at->next;
        if (at == NULL && todo.count > 0)
            at = todo.data[--todo.count];
    }
    vec_release(&todo);
    return result;
}

bool sbom_is_path(struct span path) {
    for (size_t i = 0; paths[i] != NULL; i++) {
        if (text_glob(span_text(paths[i]), path))
            return true;
    }
    return false;
}

int sbom_document_add(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    bool is_yaml = span_ends(run->path, ".yml") || span_ends(run->path, ".yaml");
    struct span body = text_trim(run->body);
    if (!is_yaml && !span_starts(body, "{"))
        return 0; /* tag-value and RDF: package_sbom_text.c */
    if (catalogue_document(run, is_yaml ? yaml_parse : json_parse, run->body, &root, err) < 0)
        return -1;
    if (span_is(doc_text(doc_get(root, "bomFormat")), "CycloneDX"))
        return add_cyclonedx(run, root, err);
    return doc_get(root, "spdxVersion") == NULL ? 0 : add_spdx(run, root, err);
}

const struct cataloguer cataloguer_spdx = {
    .name = "sbom", .type = PACKAGE_GENERIC, .paths = paths, .parse = sbom_document_add};
