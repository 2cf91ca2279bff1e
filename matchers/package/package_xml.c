/* Kinds that are told by what an XML document begins with, whatever it is called: AppStream's metainfo of a Flatpak,
 * Joomla's extensions. Spec: AppStream 1.0 "Upstream Metadata"; Joomla's "Manifest files". */
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/*.xml",
    "!**/pom.xml",
    NULL,
};

enum { HEAD_BYTES = 4096 };

/* A distribution's packages bring such documents too, and are listed as those. */
static bool is_of_distribution(struct span path) {
    static const char *const folders[] = {"**/share/metainfo/*", "**/share/appdata/*", "**/share/swcatalog/**"};
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        if (text_glob(span_text(folders[i]), path))
            return !text_glob(span_text("**/flatpak/**"), path);
    }
    return false;
}

/* <component><id>…</id><releases><release version="…"/>…: the newest first. */
static int add_component(struct catalogue *run, const struct doc *root, struct err *err) {
    const struct doc *release = doc_first(doc_get(root, "releases"));
    struct span id = doc_content(doc_get(root, "id"));
    if (is_of_distribution(run->path))
        return 0;
    if (span_ends(id, ".desktop"))
        id.size -= strlen(".desktop");
    return catalogue_add_installed(run, PACKAGE_FLATPAK, id, doc_content(doc_get(release, "version")), err);
}

/* <extension type="component"><name>com_x</name><version>1.0</version> */
static int add_extension(struct catalogue *run, const struct doc *root, struct err *err) {
    if (doc_content(doc_get(root, "type")).size == 0)
        return 0;
    return catalogue_add_installed(run, PACKAGE_GENERIC, doc_content(doc_get(root, "name")),
                                   doc_content(doc_get(root, "version")), err);
}

static const struct {
    const char *opens; /* in the head */
    const char *root;
    int (*add)(struct catalogue *run, const struct doc *root, struct err *err);
} kinds[] = {
    {"<component ", "component", add_component},
    {"<component>", "component", add_component},
    {"<extension ", "extension", add_extension},
};

static int parse(struct catalogue *run, struct err *err) {
    struct span head = span_slice(run->body, 0, HEAD_BYTES);
    struct doc *root = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (span_find(head, span_text(kinds[i].opens), 0) == SIZE_MAX)
            continue;
        if (catalogue_document(run, xml_parse, run->body, &root, err) < 0)
            return -1;
        return span_is(root->key, kinds[i].root) ? kinds[i].add(run, root, err) : 0;
    }
    return 0;
}

const struct cataloguer cataloguer_xml = {
    .name = "xml", .type = PACKAGE_GENERIC, .paths = paths, .by_content = true, .parse = parse};
