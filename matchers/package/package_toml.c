/* What languages lock and declare in TOML: Python's poetry.lock, uv.lock, pdm.lock, pylock.toml (PEP 751) and
 * pyproject.toml (PEP 621), Cargo.toml, Julia's Manifest.toml, Gleam's gleam.toml and manifest.toml, Gradle's version
 * catalogue and mise.toml. Each kind is a row below.
 * Spec: the documentation of each tool; for Julia, "Pkg: Project.toml and Manifest.toml". */
#include "base/map.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/poetry.lock",
    "**/uv.lock",
    "**/pdm.lock",
    "**/pylock.toml",
    "**/pylock.*.toml",
    "**/pyproject.toml",
    "**/Cargo.toml",
    "**/Manifest.toml",
    "**/Manifest-v*.toml",
    "**/JuliaManifest.toml",
    "**/Project.toml",
    "**/gleam.toml",
    "**/manifest.toml",
    "**/*.versions.toml",
    "**/mise.toml",
    "**/.mise.toml",
    NULL,
};

static bool is_commit(struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text_hex_value(text.data[i]) < 0)
            return false;
    }
    return text.size == 40;
}

/* "name": the packages of a list of tables. A project's own entry, without a source that others could fetch, is not a
 * dependency: uv marks it as virtual or editable. */
static int add_list(struct catalogue *run, const struct doc *list, enum package_type type, struct err *err) {
    for (const struct doc *item = doc_is(list, DOC_ARRAY) ? doc_first(list) : NULL; item != NULL; item = item->next) {
        const struct doc *source = doc_get(item, "source");
        struct span version = doc_text(doc_get(item, "version"));
        if (doc_get(source, "virtual") != NULL || doc_get(source, "editable") != NULL || version.size == 0)
            continue;
        if (catalogue_declare(run, type, doc_text(doc_get(item, "name")), version, err) < 0)
            return -1;
    }
    return 0;
}

static int add_python(struct catalogue *run, const struct doc *root, struct err *err) {
    if (add_list(run, doc_get(root, "packages"), PACKAGE_PYPI, err) < 0)
        return -1;
    return add_list(run, doc_get(root, "package"), PACKAGE_PYPI, err);
}

/* A table of name = "range" or name = {version = …, git = …, rev = …}. */
static int add_table(struct catalogue *run, const struct doc *table, enum package_type type, bool commits_only,
                     struct err *err) {
    for (const struct doc *item = doc_is(table, DOC_OBJECT) ? doc_first(table) : NULL; item != NULL;
         item = item->next) {
        struct span version = doc_text(item);
        if (version.size == 0)
            version = doc_text(doc_get(item, "version"));
        if (span_starts(version, "="))
            version = text_trim(span_from(version, 1));
        bool is_git = doc_get(item, "git") != NULL;
        /* A tag or a branch moves, a folder is the project's own: neither names what is used. */
        if (version.size == 0 && !(is_git && (!commits_only || is_commit(doc_text(doc_get(item, "rev"))))))
            continue;
        if (catalogue_declare(run, type, item->key, version, err) < 0)
            return -1;
    }
    return 0;
}

/* Cargo refuses a manifest whose sources are no strings: what it would build is not known. */
static bool is_cargo_manifest(const struct doc *root) {
    static const char *const members[] = {"version", "git", "rev", "tag", "branch", "path"};
    const struct doc *table = doc_get(root, "dependencies");
    for (const struct doc *item = doc_is(table, DOC_OBJECT) ? doc_first(table) : NULL; item != NULL;
         item = item->next) {
        for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
            const struct doc *value = doc_get(item, members[i]);
            if (value != NULL && !doc_is(value, DOC_STRING))
                return false;
        }
    }
    return true;
}

static int add_cargo(struct catalogue *run, const struct doc *root, struct err *err) {
    if (!is_cargo_manifest(root)) {
        catalogue_fault(run, ERR_FORMAT, "a dependency's source is no string");
        return 0;
    }
    const struct doc *own = doc_get(root, "package");
    struct span version = doc_text(doc_get(own, "version"));
    if (version.size > 0 && catalogue_declare(run, PACKAGE_CARGO, doc_text(doc_get(own, "name")), version, err) < 0)
        return -1;
    return add_table(run, doc_get(root, "dependencies"), PACKAGE_CARGO, true, err);
}

static int add_gleam(struct catalogue *run, const struct doc *root, struct err *err) {
    if (add_list(run, doc_get(root, "packages"), PACKAGE_HEX, err) < 0 ||
        add_table(run, doc_get(root, "dependencies"), PACKAGE_HEX, false, err) < 0)
        return -1;
    return add_table(run, doc_get(root, "dev-dependencies"), PACKAGE_HEX, false, err);
}

static int add_mise(struct catalogue *run, const struct doc *root, struct err *err) {
    return add_table(run, doc_get(root, "tools"), PACKAGE_GENERIC, false, err);
}

/* Version 1 of the format has the packages at the top, version 2 under "deps"; each is a list, for several packages may
 * have one name. The standard library's packages carry no version before 1.8: they are part of Julia. */
static int add_julia(struct catalogue *run, const struct doc *root, struct err *err) {
    /* With it beside, a Project.toml names the project and nothing that it needs. */
    const struct package clue = {
        .type = PACKAGE_JULIA, .evidence = EVIDENCE_CLUE, .name = span_text("manifest"), .version = span_text("1")};
    if (catalogue_add(run, clue, err) < 0)
        return -1;
    const struct doc *packages = doc_get(root, "manifest_format") != NULL ? doc_get(root, "deps") : root;
    struct span julia = doc_text(doc_get(root, "julia_version"));
    for (const struct doc *list = doc_is(packages, DOC_OBJECT) ? doc_first(packages) : NULL; list != NULL;
         list = list->next) {
        for (const struct doc *item = doc_is(list, DOC_ARRAY) ? doc_first(list) : NULL; item != NULL;
             item = item->next) {
            struct span version = doc_text(doc_get(item, "version"));
            if (version.size == 0)
                version = julia.size > 0 ? julia : span_text("unknown");
            if (doc_is(item, DOC_OBJECT) && catalogue_declare(run, PACKAGE_JULIA, list->key, version, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* Project.toml: the package itself; its "compat" holds ranges, the manifest what they came to. */
static int add_julia_project(struct catalogue *run, const struct doc *root, struct err *err) {
    struct span name = doc_text(doc_get(root, "name")), version = doc_text(doc_get(root, "version"));
    const struct package clue = {.type = PACKAGE_JULIA, .evidence = EVIDENCE_CLUE, .name = name, .version = version};
    return name.size == 0 || version.size == 0 ? 0 : catalogue_add(run, clue, err);
}

/* The name that a requirement of PEP 508 begins with, and the version that it pins or asks for at least. */
static int add_requirement(struct catalogue *run, struct span text, struct err *err) {
    size_t end = 0;
    text = text_trim(text_cut(&text, ';'));
    while (end < text.size && (text_is_alnum(text.data[end]) || catalogue_one_of(text.data[end], "-_.")))
        end++;
    struct span name = span_slice(text, 0, end), rest = span_from(text, end);
    size_t at = span_find(rest, span_text("=="), 0);
    if (at == SIZE_MAX)
        at = span_find(rest, span_text(">="), 0);
    if (at == SIZE_MAX)
        at = span_find(rest, span_text("~="), 0);
    struct span version = at == SIZE_MAX ? (struct span){NULL, 0} : span_from(rest, at + 2);
    version = text_trim(text_cut(&version, ','));
    return name.size == 0 || version.size == 0 ? 0 : catalogue_declare(run, PACKAGE_PYPI, name, version, err);
}

static int add_requirements(struct catalogue *run, const struct doc *list, struct err *err) {
    for (const struct doc *item = doc_is(list, DOC_ARRAY) ? doc_first(list) : NULL; item != NULL; item = item->next) {
        if (doc_is(item, DOC_STRING) && add_requirement(run, item->text, err) < 0)
            return -1;
    }
    return 0;
}

static int add_pyproject(struct catalogue *run, const struct doc *root, struct err *err) {
    const struct doc *project = doc_get(root, "project");
    const struct doc *groups = doc_get(project, "optional-dependencies");
    if (add_requirements(run, doc_get(project, "dependencies"), err) < 0)
        return -1;
    for (const struct doc *group = doc_first(groups); group != NULL; group = group->next) {
        if (add_requirements(run, group, err) < 0)
            return -1;
    }
    return 0;
}

static struct span rich_version(const struct doc *version, const struct map *versions) {
    static const char *const kinds[] = {"strictly", "require", "prefer"};
    struct span text = doc_text(version), ref = doc_text(doc_get(version, "ref"));
    if (ref.size > 0) {
        version = map_get(versions, ref);
        text = doc_text(version);
    }
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && text.size == 0; i++)
        text = doc_text(doc_get(version, kinds[i]));
    return text;
}

/* [libraries]: "group:name:version", {module = "group:name", version = …} or {group = …, name = …, version = …}. */
static int add_libraries(struct catalogue *run, const struct doc *root, const struct map *versions, struct err *err) {
    const struct doc *libraries = doc_get(root, "libraries");
    for (const struct doc *item = doc_is(libraries, DOC_OBJECT) ? doc_first(libraries) : NULL; item != NULL;
         item = item->next) {
        struct span version = rich_version(doc_get(item, "version"), versions);
        struct span name = doc_text(doc_get(item, "module")), text = doc_text(item);
        size_t colon = span_index_last(text, ':');
        if (colon != SIZE_MAX) {
            name = span_slice(text, 0, colon);
            version = span_from(text, colon + 1);
        } else if (name.size == 0 && catalogue_pair(run, doc_text(doc_get(item, "group")), ":",
                                                    doc_text(doc_get(item, "name")), &name, err) < 0) {
            return -1;
        }
        if (name.size > 0 && catalogue_declare(run, PACKAGE_MAVEN, name, version, err) < 0)
            return -1;
    }
    return 0;
}

static int add_catalog(struct catalogue *run, const struct doc *root, struct err *err) {
    const struct doc *table = doc_get(root, "versions");
    struct map versions;
    int result = 0;
    map_init(&versions, catalogue_seed(run));
    for (const struct doc *item = doc_first(table); item != NULL && result == 0; item = item->next) {
        void **place = map_put(&versions, item->key, NULL);
        if (place == NULL)
            result = err_set(err, ERR_NOMEM, 0, "out of memory");
        else
            *place = (void *)(uintptr_t)item;
    }
    if (result == 0)
        result = add_libraries(run, root, &versions, err);
    map_release(&versions);
    return result;
}

static const struct {
    const char *name; /* the end of the path */
    int (*add)(struct catalogue *run, const struct doc *root, struct err *err);
} kinds[] = {
    {"pyproject.toml", add_pyproject}, {"Cargo.toml", add_cargo},   {"gleam.toml", add_gleam},
    {"manifest.toml", add_gleam},      {"mise.toml", add_mise},     {"Project.toml", add_julia_project},
    {".versions.toml", add_catalog},   {"poetry.lock", add_python}, {"uv.lock", add_python},
    {"pdm.lock", add_python},
};

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, toml_parse, run->body, &root, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (span_ends(run->path, kinds[i].name))
            return kinds[i].add(run, root, err);
    }
    bool is_julia = span_find(run->path, span_text("Manifest"), 0) != SIZE_MAX;
    return is_julia ? add_julia(run, root, err) : add_python(run, root, err);
}

const struct cataloguer cataloguer_toml = {.name = "toml", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
