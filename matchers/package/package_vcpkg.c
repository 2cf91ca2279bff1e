/* vcpkg.json, what a project asks vcpkg for: names, some with the version that they need at least, and overrides, which
 * fix one. Spec: vcpkg's "Manifest mode: vcpkg.json reference". */
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/vcpkg.json", NULL};

static const char *const version_members[] = {"version", "version-semver", "version-string", "version-date"};

static struct span version_of(const struct doc *item) {
    struct span version = {NULL, 0};
    for (size_t i = 0; i < ARRAY_COUNT(version_members) && version.size == 0; i++)
        version = doc_text(doc_get(item, version_members[i]));
    return version;
}

/* "1.2#3" is the third change of the port of 1.2. */
static int add(struct catalogue *run, struct span name, struct span version, struct err *err) {
    version = text_cut(&version, '#');
    return name.size == 0 || version.size == 0 ? 0 : catalogue_declare(run, PACKAGE_VCPKG, name, version, err);
}

static const struct doc *override_of(const struct doc *root, struct span name) {
    for (const struct doc *item = doc_first(doc_get(root, "overrides")); item != NULL; item = item->next) {
        if (span_equal(doc_text(doc_get(item, "name")), name))
            return item;
    }
    return NULL;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, jsonc_parse, run->body, &root, err) < 0)
        return -1;
    const struct doc *overrides = doc_get(root, "overrides");
    for (const struct doc *item = doc_first(overrides); item != NULL; item = item->next) {
        if (add(run, doc_text(doc_get(item, "name")), version_of(item), err) < 0)
            return -1;
    }
    for (const struct doc *item = doc_first(doc_get(root, "dependencies")); item != NULL; item = item->next) {
        struct span name = doc_text(doc_get(item, "name"));
        /* A manifest has some overrides; with thousands of both the look-up is left out, which lists both. */
        bool is_fixed = overrides != NULL && overrides->count <= 1000 && override_of(root, name) != NULL;
        if (!is_fixed && add(run, name, doc_text(doc_get(item, "version>=")), err) < 0)
            return -1;
    }
    return 0;
}

const struct cataloguer cataloguer_vcpkg = {.name = "vcpkg", .type = PACKAGE_VCPKG, .paths = paths, .parse = parse};
