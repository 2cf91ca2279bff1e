/* npm's lock files, versions 1 to 3: package-lock.json and npm-shrinkwrap.json.
 * Version 1 nests "dependencies" in each other; 3 lists "packages" by their folder; 2 has both, of which the second
 * says more. Spec: npm's package-lock.json(5). */
#include "base/limits.h"
#include "base/map.h"
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

/* Links "node_modules/name" → "folder": what stands in the project's folder is found under the link's name, which need
 * not be the folder's. */
struct links {
    struct map by_folder;
    bool any; /* those that lead nowhere count: the tool that wrote the file writes links */
};

static int index_links(const struct doc *packages, struct links *links, struct err *err) {
    for (const struct doc *item = doc_first(packages); item != NULL; item = item->next) {
        const struct doc *link = doc_get(item, "link");
        struct span target = doc_text(doc_get(item, "resolved"));
        if (link == NULL || !link->boolean)
            continue;
        links->any = true;
        void **place = target.size == 0 ? NULL : map_put(&links->by_folder, target, NULL);
        if (place != NULL)
            *place = (void *)(uintptr_t)item;
        else if (target.size > 0)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
    }
    return 0;
}

static int add_packages(struct catalogue *run, const struct doc *packages, const struct links *links, struct err *err) {
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
        const struct doc *place = map_get(&links->by_folder, item->key);
        bool is_folder = span_find(item->key, span_text("node_modules/"), 0) == SIZE_MAX;
        if (is_folder && links->any && place == NULL)
            continue; /* a folder of the project that nothing leads to */
        if (package.name.size == 0)
            package.name = name_of_folder(place != NULL ? place->key : item->key);
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

static int parse_packages(struct catalogue *run, const struct doc *packages, struct err *err) {
    struct links links = {.any = false};
    map_init(&links.by_folder, catalogue_seed(run));
    int result = index_links(packages, &links, err);
    if (result == 0)
        result = add_packages(run, packages, &links, err);
    map_release(&links.by_folder);
    return result;
}

/* Some tools write the folder in place of the name. */
static struct span name_of_dependency(struct span key) {
    return span_starts(key, "node_modules/") ? name_of_folder(key) : key;
}

/* "npm:real@1.0" is an alias; "file:…", "git+ssh://…", "github:…" and URLs are no versions. */
static int add_dependency(struct catalogue *run, const struct doc *item, struct err *err) {
    struct span name = name_of_dependency(item->key), version = doc_text(doc_get(item, "version"));
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
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    const struct doc *packages = doc_get(root, "packages");
    return doc_is(packages, DOC_OBJECT) ? parse_packages(run, packages, err)
                                        : parse_dependencies(run, doc_get(root, "dependencies"), err);
}

const struct cataloguer cataloguer_npm_lock = {.name = "npm-lock", .type = PACKAGE_NPM, .paths = paths, .parse = parse};
