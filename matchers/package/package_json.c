/* Locks and inventories whose whole shape is "a list of objects, each with a name and a version" in JSON: a row says
 * where the list is and what its members are called. Formats with more to them have files of their own.
 * Spec: the documentation of each tool. */
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/sbom.h"

static const char *const paths[] = {
    "**/renv.lock",
    "**/conda-meta/*.json",
    "**/.spack/spec.json",
    "etc/cos-package-info.json",
    "usr/share/bottlerocket/application-inventory.json",
    "**/.bitnami_components.json",
    "**/.vscode/extensions/extensions.json",
    "**/.vscode-server/extensions/extensions.json",
    "**/extensions/extensions.json",
    "**/.build/Package.resolved",
    "**/Package.resolved",
    "**/.package.resolved",
    "**/META.json",
    "**/*/*/manifest.json",
    "**/.meta/*/install.json",
    NULL,
};

/* Where a value is: names of members apart by '.', "" for the value itself, "*" for a member's own name. */
struct shape {
    const char *path; /* the end of the file's path */
    const char *list; /* of objects, or an object of them, or one object that is no list: see `single` */
    const char *name;
    const char *version;
    enum package_type type;
    enum package_evidence evidence;
    bool single;
};

static const struct shape shapes[] = {
    {"renv.lock", "Packages", "Package", "Version", PACKAGE_CRAN, EVIDENCE_DECLARED, false},
    {"/spec.json", "spec.nodes", "name", "version", PACKAGE_SPACK, EVIDENCE_INSTALLED, false},
    {"cos-package-info.json", "installedPackages", "name", "version", PACKAGE_COS, EVIDENCE_INSTALLED, false},
    {"application-inventory.json", "Content", "Name", "Version", PACKAGE_BOTTLEROCKET, EVIDENCE_INSTALLED, false},
    {".bitnami_components.json", "", "*", "version", PACKAGE_BITNAMI, EVIDENCE_INSTALLED, false},
    {"extensions.json", "", "identifier.id", "version", PACKAGE_VSCODE_EXTENSION, EVIDENCE_INSTALLED, false},
    {"ackage.resolved", "pins", "location", "state.version", PACKAGE_SWIFT, EVIDENCE_DECLARED, false},
    {"ackage.resolved", "object.pins", "repositoryURL", "state.version", PACKAGE_SWIFT, EVIDENCE_DECLARED, false},
    {"META.json", "", "name", "version", PACKAGE_CPAN, EVIDENCE_INSTALLED, true},
    {"install.json", "", "dist", "version", PACKAGE_CPAN, EVIDENCE_INSTALLED, true},
};

/* The shapes of documents whose name says nothing, told by what stands near their begin. */
static const struct {
    const char *begins; /* in the first bytes */
    const char *holds;  /* further on */
    struct shape shape;
} contents[] = {
    {"\"spec\"", "\"nodes\"", {"", "spec.nodes", "name", "version", PACKAGE_SPACK, EVIDENCE_INSTALLED, false}},
    {"\"identifier\"",
     "\"relativeLocation\"",
     {"", "", "identifier.id", "version", PACKAGE_VSCODE_EXTENSION, EVIDENCE_INSTALLED, false}},
    {"\"abstract\"", "\"meta-spec\"", {"", "", "name", "version", PACKAGE_CPAN, EVIDENCE_DECLARED, true}},
};

enum { BEGIN_BYTES = 128, HEAD_BYTES = 8192 };

static const struct shape conda = {"", "", "name", "version", PACKAGE_CONDA, EVIDENCE_INSTALLED, true};

static const struct doc *find(const struct doc *from, const char *path) {
    char name[32];
    for (const char *at = path; *at != 0 && from != NULL;) {
        size_t size = strcspn(at, ".");
        assert(size < sizeof name);
        memcpy(name, at, size);
        name[size] = 0;
        from = doc_get(from, name);
        at += size + (at[size] == '.');
    }
    return from;
}

/* "https://github.com/owner/name.git" and "git@github.com:owner/name.git" → "github.com/owner/name". */
static int swift_name(struct catalogue *run, struct span *name, struct err *err) {
    size_t scheme = span_find(*name, span_text("://"), 0);
    if (scheme != SIZE_MAX)
        *name = span_from(*name, scheme + 3);
    struct span slash = *name;
    struct span host = text_cut(&slash, '/');
    size_t at = span_index_last(host, '@');
    if (at != SIZE_MAX)
        *name = span_from(*name, at + 1);
    if (span_ends(*name, ".git"))
        name->size -= 4;
    while (span_ends(*name, "/"))
        name->size--;
    size_t colon = span_index(*name, ':', 0);
    if (scheme != SIZE_MAX || colon == SIZE_MAX)
        return 0;
    return catalogue_pair(run, span_slice(*name, 0, colon), "/", span_from(*name, colon + 1), name, err);
}

static int add_item(struct catalogue *run, const struct shape *shape, const struct doc *item, struct err *err) {
    struct package package = {
        .type = shape->type,
        .evidence = shape->evidence,
        .name = shape->name[0] == '*' ? item->key : doc_text(find(item, shape->name)),
        .version = doc_text(find(item, shape->version)),
        .architecture = doc_text(doc_get(item, "Architecture")),
    };
    if (!doc_is(item, DOC_OBJECT) || package.name.size == 0 || package.version.size == 0)
        return 0; /* other programs use these names too; a checkout has no version */
    /* What R fetched from a repository: packages of GitHub have names of their own making. */
    struct span source = doc_text(doc_get(item, "Source")), repository = doc_text(doc_get(item, "Repository"));
    if (shape->type == PACKAGE_CRAN && (repository.size == 0 || !(span_is(source, "Repository") || source.size == 0)))
        return 0;
    if (shape->type == PACKAGE_SPACK && doc_get(item, "external") != NULL)
        return 0; /* of the system, not built by Spack */
    if (shape->type == PACKAGE_SWIFT && swift_name(run, &package.name, err) < 0)
        return -1;
    if (catalogue_licenses(run, &package.licenses, doc_get(item, "license"), err) < 0)
        return -1;
    return catalogue_add(run, package, err);
}

static int add_shape(struct catalogue *run, const struct shape *shape, const struct doc *root, struct err *err) {
    if (shape->single)
        return add_item(run, shape, root, err);
    for (const struct doc *item = doc_first(find(root, shape->list)); item != NULL; item = item->next) {
        if (add_item(run, shape, item, err) < 0)
            return -1;
    }
    return 0;
}

/* An extension of Chrome: <id>/<version>/manifest.json, where the id is 32 letters from a to p. Its name may be a
 * translation's key; the id is what everybody knows it by. */
static int add_extension(struct catalogue *run, const struct doc *root, struct err *err) {
    struct span id = catalogue_folder(run->path, 2);
    for (size_t i = 0; i < id.size; i++) {
        if (id.data[i] < 'a' || id.data[i] > 'p')
            return 0;
    }
    if (id.size != 32 || doc_get(root, "manifest_version") == NULL)
        return 0;
    return catalogue_add_installed(run, PACKAGE_CHROME_EXTENSION, id, doc_text(doc_get(root, "version")), err);
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    bool is_extension = catalogue_path_is(run, "manifest.json");
    /* Many programs have a manifest.json: one that is no JSON at all is theirs to mend. */
    if (is_extension && catalogue_folder(run->path, 2).size != 32)
        return 0;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    if (is_extension)
        return add_extension(run, root, err);
    if (span_find(run->path, span_text("conda-meta/"), 0) != SIZE_MAX)
        return add_shape(run, &conda, root, err);
    for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
        if (span_ends(run->path, shapes[i].path) && add_shape(run, &shapes[i], root, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- by content ---- */

static const char *const content_paths[] = {"**/*.json", "!**/package.json", "!**/node_modules/**", NULL};

static bool holds(struct span text, const char *word) { return span_find(text, span_text(word), 0) != SIZE_MAX; }

/* Tools put the members of an SBOM in any order: the name of the format stands near one of its ends. */
static bool is_sbom(struct span body) {
    struct span head = span_slice(body, 0, HEAD_BYTES);
    struct span tail = span_from(body, body.size < HEAD_BYTES ? 0 : body.size - HEAD_BYTES);
    return (holds(head, "\"bomFormat\"") && holds(head, "CycloneDX")) || holds(head, "\"spdxVersion\"") ||
           holds(tail, "\"spdxVersion\"");
}

static int parse_content(struct catalogue *run, struct err *err) {
    struct span begin = span_slice(run->body, 0, BEGIN_BYTES);
    struct doc *root = NULL;
    if (is_sbom(run->body))
        return sbom_is_path(run->path) ? 0 : sbom_document_add(run, err);
    size_t kind = 0;
    while (kind < ARRAY_COUNT(contents) &&
           !(holds(begin, contents[kind].begins) && holds(span_slice(run->body, 0, HEAD_BYTES), contents[kind].holds)))
        kind++;
    if (kind == ARRAY_COUNT(contents))
        return 0;
    for (size_t i = 0; paths[i] != NULL; i++) {
        if (text_glob(span_text(paths[i]), run->path))
            return 0; /* its name says the same */
    }
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    return add_shape(run, &contents[kind].shape, root, err);
}

const struct cataloguer cataloguer_json_content = {
    .name = "json", .type = PACKAGE_GENERIC, .paths = content_paths, .by_content = true, .parse = parse_content};

const struct cataloguer cataloguer_json = {.name = "json", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
