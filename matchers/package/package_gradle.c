/* What Gradle and sbt lock: gradle.lockfile ("group:name:version=configurations"), verification-metadata.xml, and
 * sbt-dependency-lock's build.sbt.lock. Spec: Gradle's "Locking Versions" and "Verifying dependencies". */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/gradle.lockfile",   "**/buildscript-gradle.lockfile",
    "**/*.gradle.lockfile", "**/verification-metadata.xml",
    "**/build.sbt.lock",    NULL,
};

static int parse_lines(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        line = text_trim(line);
        struct span rest = line;
        struct span left = text_cut(&rest, '=');
        size_t colon = span_index_last(left, ':'), first = span_index(left, ':', 0);
        /* "empty=…" names configurations without dependencies. */
        if (line.size == 0 || line.data[0] == '#' || colon == SIZE_MAX || colon == first || rest.data == NULL)
            continue;
        struct span version = span_from(left, colon + 1);
        if (version.size > 0 && catalogue_declare(run, PACKAGE_MAVEN, span_slice(left, 0, colon), version, err) < 0)
            return -1;
    }
    return 0;
}

static int parse_verification(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, xml_parse, run->body, &root, err) < 0)
        return -1;
    for (const struct doc *item = doc_first(doc_get(root, "components")); item != NULL; item = item->next) {
        struct span name, version = doc_content(doc_get(item, "version"));
        if (catalogue_pair(run, doc_content(doc_get(item, "group")), ":", doc_content(doc_get(item, "name")), &name,
                           err) < 0)
            return -1;
        if (name.size > 0 && version.size > 0 && catalogue_declare(run, PACKAGE_MAVEN, name, version, err) < 0)
            return -1;
    }
    return 0;
}

/* Of the configurations that want it, whether all are for tests: not part of the product, as Maven's scope "test". */
static bool is_test_only(const struct doc *item) {
    const struct doc *configuration = doc_first(doc_get(item, "configurations"));
    bool any = configuration != NULL;
    for (; configuration != NULL; configuration = configuration->next)
        any &= span_is(doc_text(configuration), "test");
    return any;
}

static int parse_sbt(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    for (const struct doc *item = doc_first(doc_get(root, "dependencies")); item != NULL; item = item->next) {
        struct span name, version = doc_text(doc_get(item, "version"));
        if (catalogue_pair(run, doc_text(doc_get(item, "org")), ":", doc_text(doc_get(item, "name")), &name, err) < 0)
            return -1;
        if (name.size > 0 && version.size > 0 && !is_test_only(item) &&
            catalogue_declare(run, PACKAGE_MAVEN, name, version, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    if (span_ends(run->path, ".xml"))
        return parse_verification(run, err);
    return span_ends(run->path, ".lockfile") ? parse_lines(run, err) : parse_sbt(run, err);
}

const struct cataloguer cataloguer_gradle = {.name = "gradle", .type = PACKAGE_MAVEN, .paths = paths, .parse = parse};
