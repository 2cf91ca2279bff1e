/* Installed Python distributions: METADATA of a *.dist-info folder, PKG-INFO of an *.egg-info or EGG-INFO folder, or a
 * plain
 * *.egg-info file; inside an egg or wheel as well, once it has been opened.
 * Spec: "Core metadata specifications" of the Python packaging user guide; PEP 639 for licences. */
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/stanza.h"

/* Folder names come in any case. Trees under _vendor are copies inside of pip and setuptools: not distributions that
 * anything can import by their own name, and the vendoring project patches them. */
static const char *const paths[] = {
    "**/*dist-info/METADATA",
    "**/*DIST-INFO/METADATA",
    "**/*egg-info/PKG-INFO",
    "**/*EGG-INFO/PKG-INFO",
    "**/*.egg-info",
    "!**/_vendor/**",
    NULL,
};

struct metadata {
    struct package package;
    struct span expression;
    struct span license;
    struct span classifiers; /* joined with "\n" */
};

/* "License :: OSI Approved :: MIT License" → "MIT License"; what is no licence, or only a family, gives an empty span.
 */
static struct span classifier_license(struct span value) {
    if (!span_starts(value, "License ::"))
        return (struct span){NULL, 0};
    size_t colon = span_index_last(value, ':');
    struct span license = text_trim(span_from(value, colon + 1));
    return span_is(license, "OSI Approved") ? (struct span){NULL, 0} : license;
}

static int add_field(struct catalogue *run, struct metadata *metadata, const struct stanza_field *field,
                     struct err *err) {
    struct span key = field->key, value = field->value;
    if (text_equal_nocase(key, span_text("Name")) && metadata->package.name.size == 0) {
        metadata->package.name = value;
    } else if (text_equal_nocase(key, span_text("Version")) && metadata->package.version.size == 0) {
        metadata->package.version = value;
    } else if (text_equal_nocase(key, span_text("License-Expression"))) {
        metadata->expression = value;
    } else if (text_equal_nocase(key, span_text("License")) && !text_equal_nocase(value, span_text("UNKNOWN"))) {
        metadata->license = value; /* its first line: some put the whole text of the licence there */
    } else if (text_equal_nocase(key, span_text("Classifier"))) {
        return catalogue_join(run, &metadata->classifiers, classifier_license(value), err);
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct stanza_field field;
    bool inside_wheel = span_find(run->path, span_text(".whl!/"), 0) != SIZE_MAX;
    struct metadata metadata = {
        .package = {.type = PACKAGE_PYPI, .evidence = inside_wheel ? EVIDENCE_EMBEDDED : EVIDENCE_INSTALLED}};
    bool begun = false;
    for (;;) {
        enum stanza_token token = stanza_next(&r, &field);
        if (token == STANZA_END || (token == STANZA_BREAK && begun))
            break; /* the description follows the first empty line */
        if (token != STANZA_FIELD)
            continue; /* unfolded descriptions and keywords are common and harmless */
        begun = true;
        if (add_field(run, &metadata, &field, err) < 0)
            return -1;
    }
    if (!begun && text_trim(run->body).size == 0)
        return 0; /* installers leave empty files behind on a full disk: nothing to list, nothing to say */
    if (metadata.package.name.size == 0 || metadata.package.version.size == 0) {
        catalogue_fault(run, ERR_FORMAT, "no name or no version in the metadata");
        return 0;
    }
    metadata.package.licenses = metadata.expression.size > 0 ? metadata.expression
                                : metadata.license.size > 0  ? metadata.license
                                                             : metadata.classifiers;
    return catalogue_add(run, metadata.package, err);
}

const struct cataloguer cataloguer_python = {.name = "python", .type = PACKAGE_PYPI, .paths = paths, .parse = parse};
