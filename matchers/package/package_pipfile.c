/* Pipenv's Pipfile.lock: two groups of packages, each with its pinned version as "==1.0".
 * Spec: pipenv's documentation, "Pipfile & Pipfile.lock". */
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/Pipfile.lock", NULL};

static int add_group(struct catalogue *run, const struct doc *group, struct err *err) {
    if (!doc_is(group, DOC_OBJECT))
        return 0;
    for (const struct doc *item = doc_first(group); item != NULL; item = item->next) {
        struct span version = doc_text(doc_get(item, "version"));
        while (version.size > 0 && (version.data[0] == '=' || text_is_space(version.data[0])))
            version = span_from(version, 1);
        if (version.size == 0)
            continue; /* from a checkout or a path */
        const struct package package = {
            .type = PACKAGE_PYPI, .evidence = EVIDENCE_DECLARED, .name = item->key, .version = version};
        if (catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    if (add_group(run, doc_get(root, "default"), err) < 0)
        return -1;
    return add_group(run, doc_get(root, "develop"), err);
}

const struct cataloguer cataloguer_pipfile = {.name = "pipfile", .type = PACKAGE_PYPI, .paths = paths, .parse = parse};
