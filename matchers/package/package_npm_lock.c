/* npm's lock files, versions 1 to 3: package-lock.json and npm-shrinkwrap.json.
 * Version 1 nests "dependencies" in each other; 3 lists "packages" by their folder; 2 has both, of which the second
 * says more. Spec: npm's package-lock.json(5). */
#include "base/limits.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/package-lock.json",
    "**/npm-shrinkwrap.json",
    "!**/node_modules/**", /* lock files that packages were published with describe their authors' machines */
    NULL,
};

/* The name after the last "node_modules/" of a folder; a workspace has none, its folder's last component stands for it.
 */
static struct span name_of_folder(struct span folder) {
    const struct span marker = SPAN_LITERAL("node_modules/");
    size_t at = span_find(folder, marker, 0);
    if (at == SIZE_MAX) {
        size_t slash = span_index_last(folder, '/');
        return slash == SIZE_MAX ? folder : span_from(folder, slash + 1);
    }
    for (; at != SIZE_MAX; at = span_find(folder, marker, 0))
        folder = span_from(folder, at + marker.size);
    return folder;
}

static int parse_packages(struct catalogue *run, const struct doc *packages, struct err *err) {
    for (const struct doc *item = doc_first(packages); item != NULL; item = item->next) {
        const struct doc *link = doc_get(item, "link");
        struct package package = {
            .type = PACKAGE_NPM,
            .evidence = EVIDENCE_DECLARED,
            .name = doc_text(doc_get(item, "name")), /* where the folder has another one: aliases, workspaces */
            .version = doc_text(doc_get(item, "version")),
        };
        /* "" is the project itself; links point to an entry of their own. */
        if (item->key.size == 0 || (link != NULL && link->boolean))
            continue;
        if (package.name.size == 0)
            package.name = name_of_folder(item->key);
        if (package.version.size == 0) { /* workspaces and checkouts */
            if (catalogue_declare(run, PACKAGE_NPM, package.name, package.version, err) < 0)
                return -1;
            continue;
        }
        if (catalogue_licenses(run, &package.licenses, doc_get(item, "license"), err) < 0 ||
            catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

/* "npm:real@1.0" is an alias; "file:…", "git+ssh://…", "github:…" and URLs are no versions. */
static int add_dependency(struct catalogue *run, const struct doc *item, struct err *err) {
    struct span name = item->key, version = doc_text(doc_get(item, "version"));
    if (span_starts(version, "npm:")) {
        struct span real = span_from(version, 4);
        size_t at = span_index_last(real, '@');
        if (at == SIZE_MAX || at == 0)
            return 0;
        name = span_slice(real, 0, at);
        version = span_from(real, at + 1);
    }
    if (version.size == 0)
        return 0;
    if (span_index(version, ':', 0) != SIZE_MAX) /* a checkout, an archive, a folder */
        version = (struct span){NULL, 0};
    return catalogue_declare(run, PACKAGE_NPM, name, version, err);
}

/* Depth first, in the document's order; the parser has bounded the depth. */
static int parse_dependencies(struct catalogue *run, const struct doc *dependencies, struct err *err) {
    const struct doc *stack[LIMIT_DOC_DEPTH];
    size_t depth = 0;
    stack[depth] = doc_first(dependencies);
    for (;;) {
        const struct doc *item = stack[depth];
        if (item == NULL) {
            if (depth-- == 0)
                return 0;
            continue;
        }
        stack[depth] = item->next;
        if (add_dependency(run, item, err) < 0)
            return -1;
        const struct doc *inner = doc_first(doc_get(item, "dependencies"));
        if (inner != NULL) {
            assert(depth + 1 < LIMIT_DOC_DEPTH);
            stack[++depth] = inner;
        }
    }
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (json_parse(run->scratch, run->body, doc_limits_default(), &root, err) < 0)
        return -1;
    const struct doc *packages = doc_get(root, "packages");
    return doc_is(packages, DOC_OBJECT) ? parse_packages(run, packages, err)
                                        : parse_dependencies(run, doc_get(root, "dependencies"), err);
}

const struct cataloguer cataloguer_npm_lock = {.name = "npm-lock", .type = PACKAGE_NPM, .paths = paths, .parse = parse};
