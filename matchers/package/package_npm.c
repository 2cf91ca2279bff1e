/* Installed npm packages: package.json directly in a package's folder of a node_modules tree.
 * Deeper ones are test data and module markers of the package; elsewhere it is a project's manifest. The folder need
 * not be the package's name: `npm install other@npm:name` installs under another one. Spec: npm's package.json(5). */
#include "matchers/package/cataloguers.h"

/* The Node images unpack yarn into /opt without npm. */
static const char *const paths[] = {
    "**/node_modules/*/package.json",
    "**/node_modules/@*/*/package.json",
    "opt/yarn-v*/package.json",
    NULL,
};

/* The same file name serves extensions of VS Code and packages of Unity, which npm's advisories do not speak of. */
static bool is_foreign(const struct doc *root) {
    return (doc_get(doc_get(root, "engines"), "vscode") != NULL && doc_get(root, "publisher") != NULL) ||
           doc_is(doc_get(root, "unity"), DOC_STRING);
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    struct package package = {
        .type = PACKAGE_NPM,
        .evidence = EVIDENCE_INSTALLED,
        .name = doc_text(doc_get_last(root, "name")),
        .version = doc_text(doc_get_last(root, "version")),
    };
    if (package.name.size == 0 || package.version.size == 0 || is_foreign(root))
        return 0; /* {"type": "module"} and the like */
    if (catalogue_licenses(run, &package.licenses, doc_get_last(root, "license"), err) < 0 ||
        (package.licenses.size == 0 &&
         catalogue_licenses(run, &package.licenses, doc_get_last(root, "licenses"), err) < 0))
        return -1;
    return catalogue_add(run, package, err);
}

const struct cataloguer cataloguer_npm = {.name = "npm", .type = PACKAGE_NPM, .paths = paths, .parse = parse};
