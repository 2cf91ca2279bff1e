/* PHP's Composer: composer.lock says what a project wants, vendor/composer/installed.json what was installed.
 * Version 1 of the latter is an array of packages, version 2 an object that holds one.
 * Spec: Composer's documentation, "composer.json schema". */
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/composer.lock",
    "**/installed.json",
    NULL,
};

static int add_packages(struct catalogue *run, const struct doc *packages, enum package_evidence evidence,
                        struct err *err) {
    if (!doc_is(packages, DOC_ARRAY))
        return 0;
    for (const struct doc *item = doc_first(packages); item != NULL; item = item->next) {
        struct package package = {
            .type = PACKAGE_COMPOSER,
            .evidence = evidence,
            .name = doc_text(doc_get(item, "name")),
            .version = doc_text(doc_get(item, "version")),
        };
        /* The file's name is a common word: only "vendor/name" is Composer's. */
        if (package.version.size == 0 || span_index(package.name, '/', 0) == SIZE_MAX)
            continue;
        if (catalogue_licenses(run, &package.licenses, doc_get(item, "license"), err) < 0 ||
            catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    enum package_evidence evidence = span_ends(run->path, ".lock") ? EVIDENCE_DECLARED : EVIDENCE_INSTALLED;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    if (doc_is(root, DOC_ARRAY))
        return add_packages(run, root, evidence, err);
    if (add_packages(run, doc_get(root, "packages"), evidence, err) < 0)
        return -1;
    return add_packages(run, doc_get(root, "packages-dev"), evidence, err);
}

const struct cataloguer cataloguer_composer = {
    .name = "composer", .type = PACKAGE_COMPOSER, .paths = paths, .parse = parse};
