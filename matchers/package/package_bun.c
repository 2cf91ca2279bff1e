/* bun.lock: JSON with comments and spare commas. "packages" maps a place in node_modules to a list that begins with
 * "name@version". deno.lock: "npm" and "jsr" map "name@version_peers" to what was fetched.
 * Spec: Bun's "lockfile" documentation; Deno's lock file of versions 2 to 5. */
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/bun.lock",   "**/deno.lock",        "**/deno.json",
                                    "**/deno.jsonc", "!**/node_modules/**", NULL};

static int add_entry(struct catalogue *run, struct span id, struct err *err) {
    size_t at = span_index(id, '@', 1);
    if (id.size == 0 || at == SIZE_MAX) {
        catalogue_fault(run, ERR_FORMAT, "an entry is not \"name@version\"");
        return 0;
    }
    struct span name = span_slice(id, 0, at), version = span_from(id, at + 1);
    if (span_starts(version, "npm:"))
        version = span_from(version, 4);
    if (span_starts(version, "workspace:") || span_starts(version, "root:"))
        return 0; /* the project's own folders */
    /* Checkouts, archives and folders: no version of a registry. */
    if (span_index(version, ':', 0) != SIZE_MAX || span_index(version, '/', 0) != SIZE_MAX)
        version = (struct span){NULL, 0};
    version = text_cut(&version, '_');
    return catalogue_declare(run, PACKAGE_NPM, name, version, err);
}

/* "https://deno.land/std@0.140.0/path/mod.ts": of a host that has versions in its addresses. */
static int add_remote(struct catalogue *run, struct span url, struct err *err) {
    size_t scheme = span_find(url, span_text("://"), 0);
    struct span name = span_from(url, scheme == SIZE_MAX ? url.size : scheme + 3);
    size_t at = span_index(name, '@', 1);
    struct span version = span_from(name, at == SIZE_MAX ? name.size : at + 1);
    version = text_cut(&version, '/');
    if (span_starts(version, "v"))
        version = span_from(version, 1);
    if (version.size == 0 || !text_is_digit(version.data[0]))
        return 0;
    return catalogue_declare(run, PACKAGE_GENERIC, span_slice(name, 0, at), version, err);
}

/* "npm:name@^1.0/path", "jsr:@scope/name@1.0", "https://host/name@1.0/mod.ts": a version, or the least one of "^1.0"
 * and
 * "~1.0"; other ranges and none are left out. */
static int add_specifier(struct catalogue *run, struct span text, struct err *err) {
    struct span name = text;
    struct span scheme = text_cut(&name, ':');
    if (span_is(scheme, "https") || span_is(scheme, "http"))
        return add_remote(run, text, err);
    if (!span_is(scheme, "npm") && !span_is(scheme, "jsr"))
        return 0; /* of the project, or of the language */
    if (span_starts(name, "/"))
        name = span_from(name, 1);
    size_t at = span_index(name, '@', 1);
    struct span version = span_from(name, at == SIZE_MAX ? name.size : at + 1);
    version = text_cut(&version, '/');
    if (span_starts(version, "^") || span_starts(version, "~") || span_starts(version, "="))
        version = span_from(version, 1);
    if (version.size == 0 || !text_is_digit(version.data[0]) || !text_only(version, ".-+"))
        return 0;
    return catalogue_declare(run, PACKAGE_NPM, span_slice(name, 0, at), version, err);
}

/* {"imports": {name: specifier}, "scopes": {prefix: {name: specifier}}} */
static int add_imports(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "imports")); item != NULL; item = item->next) {
        if (add_specifier(run, doc_text(item), err) < 0)
            return -1;
    }
    for (const struct doc *scope = doc_first(doc_get(root, "scopes")); scope != NULL; scope = scope->next) {
        for (const struct doc *item = doc_first(scope); item != NULL; item = item->next) {
            if (add_specifier(run, doc_text(item), err) < 0)
                return -1;
        }
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, jsonc_parse, run->body, &root, err) < 0)
        return -1;
    if (!span_ends(run->path, ".lock"))
        return add_imports(run, root, err);
    if (catalogue_path_is(run, "bun.lock")) {
        for (const struct doc *item = doc_first(doc_get(root, "packages")); item != NULL; item = item->next) {
            if (add_entry(run, doc_text(doc_first(item)), err) < 0)
                return -1;
        }
        return 0;
    }
    const struct doc *packages = doc_get(root, "packages");
    static const char *const registries[] = {"npm", "jsr"};
    for (size_t i = 0; i < ARRAY_COUNT(registries); i++) {
        const struct doc *list = doc_get(root, registries[i]);
        if (list == NULL)
            list = doc_get(packages, registries[i]);
        for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
            if (add_entry(run, item->key, err) < 0)
                return -1;
        }
    }
    for (const struct doc *item = doc_first(doc_get(root, "remote")); item != NULL; item = item->next) {
        if (add_remote(run, item->key, err) < 0)
            return -1;
    }
    return 0;
}

const struct cataloguer cataloguer_bun = {.name = "bun", .type = PACKAGE_NPM, .paths = paths, .parse = parse};
