/* Conan: conan.lock of version 1 (a graph of nodes) and 2 (lists of references), the [requires] of conanfile.txt, and
 * conaninfo.txt. A reference is name/version@user/channel#revision:package. Spec: Conan's documentation. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/conan.lock", "**/conanfile*.txt", "**/conaninfo.txt", NULL};

static int add_reference(struct catalogue *run, struct span reference, struct err *err) {
    struct span version = reference;
    struct span name = text_trim(text_cut(&version, '/'));
    static const char ends[] = "@#:% \t";
    for (size_t i = 0; i < version.size; i++) {
        if (catalogue_one_of(version.data[i], ends))
            version.size = i;
    }
    /* A range does not say what is used. */
    if (name.size == 0 || version.size == 0 || version.data[0] == '[')
        return 0;
    return catalogue_declare(run, PACKAGE_CONAN, name, version, err);
}

static int parse_lock(struct catalogue *run, struct err *err) {
    /* Not "build_requires": what only builds, as automake, is no part of what comes out. */
    static const char *const lists[] = {"requires", "python_requires"};
    struct doc *root = NULL;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    for (const struct doc *node = doc_first(doc_get(doc_get(root, "graph_lock"), "nodes")); node != NULL;
         node = node->next) {
        struct span reference = doc_text(doc_get(node, "ref"));
        /* Node 0, and the one with a path and nothing built, is the project. */
        bool is_project = doc_get(node, "path") != NULL && doc_get(node, "prev") == NULL &&
                          doc_get(node, "package_id") == NULL && span_index(reference, '@', 0) == SIZE_MAX;
        if (reference.size == 0)
            reference = doc_text(doc_get(node, "pref"));
        if (!is_project && add_reference(run, reference, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        for (const struct doc *item = doc_first(doc_get(root, lists[i])); item != NULL; item = item->next) {
            if (add_reference(run, doc_text(item), err) < 0)
                return -1;
        }
    }
    return 0;
}

/* Lines of sections: the references that a recipe asks for, or that a binary was built with. */
static int parse_sections(struct catalogue *run, struct err *err) {
    bool is_info = catalogue_path_is(run, "conaninfo.txt"), wanted = false;
    /* In the cache it lies under name/version/user/channel/package/<id>: that is the package itself. */
    if (is_info && span_is(catalogue_folder(run->path, 2), "package") &&
        catalogue_add_installed(run, PACKAGE_CONAN, catalogue_folder(run->path, 6), catalogue_folder(run->path, 5),
                                err) < 0)
        return -1;
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        line = text_trim(text_cut(&line, '#'));
        if (line.size == 0)
            continue;
        if (line.data[0] == '[')
            wanted = is_info ? span_is(line, "[full_requires]")
                             : span_is(line, "[requires]") || span_is(line, "[build_requires]") ||
                                   span_is(line, "[tool_requires]") || span_is(line, "[test_requires]");
        else if (wanted && add_reference(run, line, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    return span_ends(run->path, ".lock") ? parse_lock(run, err) : parse_sections(run, err);
}

/* Locks are written for one purpose each, and called by it: "release.lock". */
static const char *const lock_paths[] = {"**/*.lock", "!**/conan.lock", NULL};

static int parse_other_lock(struct catalogue *run, struct err *err) {
    struct span head = span_slice(run->body, 0, 65536);
    bool is_lock =
        span_starts(text_trim(head), "{") && (span_find(head, span_text("\"graph_lock\""), 0) != SIZE_MAX ||
                                              (span_find(head, span_text("\"build_requires\""), 0) != SIZE_MAX &&
                                               span_find(head, span_text("\"requires\""), 0) != SIZE_MAX));
    return is_lock ? parse_lock(run, err) : 0;
}

const struct cataloguer cataloguer_conan_lock = {
    .name = "conan", .type = PACKAGE_CONAN, .paths = lock_paths, .by_content = true, .parse = parse_other_lock};

const struct cataloguer cataloguer_conan = {.name = "conan", .type = PACKAGE_CONAN, .paths = paths, .parse = parse};
