/* What NuGet locks and declares: packages.lock.json, project.assets.json, packages.config, the project files of
 * MSBuild, central versions in Directory.Packages.props, Paket's two files, and *.nuspec of Chocolatey. Spec: NuGet's
 * documentation, "PackageReference in project files", "packages.config", "Central Package Management"; Paket's "The
 * paket.lock file". */
#include "base/reader.h"
#include "base/text.h"
#include "base/vec.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/packages.lock.json",
    "**/project.assets.json",
    "**/packages.config",
    "**/*.csproj",
    "**/*.fsproj",
    "**/*.vbproj",
    "**/*Packages.props",
    "**/paket.lock",
    "**/paket.dependencies",
    "**/*.nuspec",
    NULL,
};

/* {"dependencies": {framework: {name: {"type": …, "resolved": …}}}} */
static int parse_lock(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    for (const struct doc *framework = doc_first(doc_get(root, "dependencies")); framework != NULL;
         framework = framework->next) {
        for (const struct doc *item = doc_first(framework); item != NULL; item = item->next) {
            struct span version = doc_text(doc_get(item, "resolved"));
            if (version.size == 0 || text_equal_nocase(doc_text(doc_get(item, "type")), span_text("project")))
                continue;
            if (catalogue_declare(run, PACKAGE_NUGET, item->key, version, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* {"libraries": {"name/version": {"type": "package"}}} */
static int parse_assets(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    for (const struct doc *item = doc_first(doc_get(root, "libraries")); item != NULL; item = item->next) {
        struct span version = item->key;
        struct span name = text_cut(&version, '/');
        if (version.size == 0 || !span_is(doc_text(doc_get(item, "type")), "package"))
            continue;
        if (catalogue_declare(run, PACKAGE_NUGET, name, version, err) < 0)
            return -1;
    }
    return 0;
}

/* Attributes stand as they are or, with MSBuild, as elements; "$(x)" is a variable that other files may set. */
static struct span field(const struct doc *element, const char *name, const char *other) {
    struct span value = doc_content(doc_get(element, name));
    if (value.size == 0)
        value = doc_content(doc_get(element, other));
    value = text_trim(value);
    return span_find(value, span_text("$("), 0) == SIZE_MAX ? value : (struct span){NULL, 0};
}

static struct span exact(struct span version) {
    /* "[1.0]" and "[1.0, 2.0)": what it has to be at least. */
    if (span_starts(version, "[") || span_starts(version, "("))
        version = span_from(version, 1);
    version = text_cut(&version, ',');
    while (span_ends(version, "]") || span_ends(version, ")"))
        version.size--;
    return text_trim(version);
}

static const struct {
    const char *element;
    const char *name;
    const char *name_other;
    const char *version;
    const char *version_other;
} references[] = {
    {"package", "id", "id", "version", "version"},
    {"PackageReference", "Include", "Update", "Version", "VersionOverride"},
    {"PackageVersion", "Include", "Update", "Version", "Version"},
    {"GlobalPackageReference", "Include", "Update", "Version", "Version"},
};

static int add_reference(struct catalogue *run, const struct doc *element, struct err *err) {
    for (size_t i = 0; i < ARRAY_COUNT(references); i++) {
        if (!span_is(element->key, references[i].element))
            continue;
        struct span name = field(element, references[i].name, references[i].name_other);
        struct span version = exact(field(element, references[i].version, references[i].version_other));
        /* Without one the version is elsewhere: in a props file, which is read for itself. */
        if (name.size > 0 && version.size > 0)
            return catalogue_declare(run, PACKAGE_NUGET, name, version, err);
    }
    return 0;
}

/* References stand in item groups of any depth. */
static int parse_project(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    VEC(const struct doc *) todo = {0};
    if (catalogue_document(run, xml_parse, run->body, &root, err) < 0)
        return -1;
    int result = vec_push(&todo, root) ? 0 : err_set(err, ERR_NOMEM, 0, "out of memory");
    while (result == 0 && todo.count > 0) {
        const struct doc *at = todo.data[--todo.count];
        if (at->next != NULL && !vec_push(&todo, at->next))
            result = err_set(err, ERR_NOMEM, 0, "out of memory");
        if (result == 0 && at->first != NULL && !vec_push(&todo, at->first))
            result = err_set(err, ERR_NOMEM, 0, "out of memory");
        if (result == 0)
            result = add_reference(run, at, err);
    }
    vec_release(&todo);
    return result;
}

static int parse_nuspec(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, xml_parse, run->body, &root, err) < 0)
        return -1;
    const struct doc *metadata = doc_get(root, "metadata");
    struct span name = doc_content(doc_get(metadata, "id")), version = doc_content(doc_get(metadata, "version"));
    return name.size == 0 ? 0 : catalogue_declare(run, PACKAGE_NUGET, name, version, err);
}

/* Sections in capitals at the margin; under NUGET a line of four spaces is a locked package. */
static int parse_paket(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        if (!span_starts(line, "    ") || line.size < 5 || line.data[4] == ' ')
            continue;
        struct span version = text_trim(line);
        struct span name = text_trim(text_cut(&version, '('));
        version = text_trim(text_cut(&version, ')'));
        if (version.size == 0 || span_index(name, ':', 0) != SIZE_MAX)
            continue;
        if (catalogue_declare(run, PACKAGE_NUGET, name, version, err) < 0)
            return -1;
    }
    return 0;
}

/* "nuget NAME [OPERATOR] [VERSION] …" */
static int parse_dependencies(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        struct span rest = text_trim(line);
        if (!span_is(text_cut(&rest, ' '), "nuget"))
            continue;
        rest = text_trim(rest);
        struct span name = text_cut(&rest, ' '), version = {NULL, 0};
        while (rest.size > 0 && version.size == 0) {
            struct span word = text_cut(&rest, ' ');
            if (word.size > 0 && text_is_digit(word.data[0]))
                version = word;
        }
        if (name.size > 0 && catalogue_declare(run, PACKAGE_NUGET, name, version, err) < 0)
            return -1;
    }
    return 0;
}

static const struct {
    const char *name;
    int (*parse)(struct catalogue *run, struct err *err);
} kinds[] = {
    {"packages.lock.json", parse_lock}, {"project.assets.json", parse_assets},      {"paket.lock", parse_paket},
    {".nuspec", parse_nuspec},          {"paket.dependencies", parse_dependencies},
};

static int parse(struct catalogue *run, struct err *err) {
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (span_ends(run->path, kinds[i].name))
            return kinds[i].parse(run, err);
    }
    return parse_project(run, err);
}

const struct cataloguer cataloguer_nuget = {.name = "nuget", .type = PACKAGE_NUGET, .paths = paths, .parse = parse};
