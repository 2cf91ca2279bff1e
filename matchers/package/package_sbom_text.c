/* SBOMs that are not JSON: SPDX 2 as lines of "Tag: value" and as RDF in XML, CycloneDX in XML.
 * Spec: SPDX 2.3 §7 and its RDF ontology, CycloneDX 1.6's XML schema. */
#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/vec.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/sbom.h"

static const char *const paths[] = {"**/*.spdx", "**/*.rdf", "**/*.tag", "**/*.xml", "!**/pom.xml", NULL};

enum { HEAD_BYTES = 4096 };

/* ---- tag and value ---- */

struct component {
    struct span purl, name, version, license, purpose;
    bool is_open;
};

static int component_end(struct catalogue *run, struct component *component, struct err *err) {
    bool is_root = component->purl.size == 0 &&
                   (span_is(component->purpose, "CONTAINER") || span_is(component->purpose, "OPERATING-SYSTEM"));
    int result = component->is_open && !is_root ? sbom_component_add(run, component->purl, component->name,
                                                                     component->version, component->license, err)
                                                : 0;
    *component = (struct component){.is_open = false};
    return result;
}

static int parse_tags(struct catalogue *run, struct err *err) {
    struct component component = {.is_open = false};
    struct reader r = reader_init(run->body);
    struct span line;
    bool in_text = false; /* between <text> and </text>, where lines are not ours */
    while (read_line(&r, &line)) {
        struct span value = line, tag = text_trim(text_cut(&value, ':'));
        if (in_text || line.size == 0 || line.data[0] == '#') {
            in_text = in_text && span_find(line, span_text("</text>"), 0) == SIZE_MAX;
            continue;
        }
        value = text_trim(value);
        in_text = span_find(value, span_text("<text>"), 0) != SIZE_MAX &&
                  span_find(value, span_text("</text>"), 0) == SIZE_MAX;
        if (span_is(tag, "PackageName") || span_is(tag, "FileName") || span_is(tag, "SnippetSPDXID")) {
            if (component_end(run, &component, err) < 0)
                return -1;
            component.is_open = span_is(tag, "PackageName");
            component.name = value;
        } else if (span_is(tag, "PackageVersion")) {
            component.version = value;
        } else if (span_is(tag, "PackageLicenseDeclared")) {
            component.license = value;
        } else if (span_is(tag, "PrimaryPackagePurpose")) {
            component.purpose = value;
        } else if (span_is(tag, "ExternalRef")) {
            (void)text_cut(&value, ' ');
            value = text_trim(value);
            if (span_is(text_cut(&value, ' '), "purl") && component.purl.size == 0)
                component.purl = text_trim(value);
        }
    }
    return component_end(run, &component, err);
}

/* ---- XML ---- */

/* <Package><name/><versionInfo/><externalRef><ExternalRef><referenceType resource="…/purl"/><referenceLocator/> */
static int add_package(struct catalogue *run, const struct doc *package, struct err *err) {
    struct span purl = {NULL, 0};
    for (const struct doc *item = doc_first(package); item != NULL && purl.size == 0; item = item->next) {
        const struct doc *reference = doc_get(item, "ExternalRef");
        if (span_is(item->key, "externalRef") &&
            span_ends(doc_content(doc_get(doc_get(reference, "referenceType"), "resource")), "/purl"))
            purl = doc_content(doc_get(reference, "referenceLocator"));
    }
    return sbom_component_add(run, purl, doc_content(doc_get(package, "name")),
                              doc_content(doc_get(package, "versionInfo")), (struct span){NULL, 0}, err);
}

/* <component type=""><group/><name/><version/><licenses><license><id/></license></licenses><purl/> */
static int add_component(struct catalogue *run, const struct doc *component, struct err *err) {
    static const char *const others[] = {"operating-system", "file", "container", "device"};
    struct span name = doc_content(doc_get(component, "name")), type = doc_content(doc_get(component, "type"));
    const struct doc *licenses = doc_get(component, "licenses"), *license = doc_get(licenses, "license");
    struct span group = doc_content(doc_get(component, "group")), text = doc_content(doc_get(license, "id"));
    struct span purl = doc_content(doc_get(component, "purl"));
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        if (purl.size == 0 && span_is(type, others[i]))
            return 0;
    }
    if (text.size == 0)
        text = doc_content(doc_get(licenses, "expression"));
    if (text.size == 0)
        text = doc_content(doc_get(license, "name"));
    if (group.size > 0 && catalogue_pair(run, group, "/", name, &name, err) < 0)
        return -1;
    return sbom_component_add(run, purl, name, doc_content(doc_get(component, "version")), text, err);
}

/* Packages stand inside of relationships, components in each other: the whole tree is walked, in its order. What the
 * document itself is about stands under "metadata" and is no package of it. */
static int parse_xml(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    VEC(const struct doc *) todo = {0};
    if (catalogue_document(run, xml_parse, run->body, &root, err) < 0)
        return -1;
    bool is_rdf = span_is(root->key, "RDF"), is_bom = span_is(root->key, "bom");
    int result = !is_rdf && !is_bom ? 0 : vec_push(&todo, root) ? 0 : err_set(err, ERR_NOMEM, 0, "out of memory");
    while (result == 0 && todo.count > 0) {
        const struct doc *at = todo.data[--todo.count];
        bool is_subject = is_bom && span_is(at->key, "metadata");
        if ((at->next != NULL && !vec_push(&todo, at->next)) ||
            (at->first != NULL && !is_subject && !vec_push(&todo, at->first)))
            result = err_set(err, ERR_NOMEM, 0, "out of memory");
        else if (is_rdf && span_is(at->key, "Package"))
            result = add_package(run, at, err);
        else if (is_bom && span_is(at->key, "component"))
            result = add_component(run, at, err);
    }
    vec_release(&todo);
    return result;
}

static int parse(struct catalogue *run, struct err *err) {
    struct span head = span_slice(run->body, 0, HEAD_BYTES);
    if (span_find(head, span_text("cyclonedx.org/schema/bom"), 0) != SIZE_MAX ||
        (span_find(head, span_text("spdx.org/rdf/terms"), 0) != SIZE_MAX && !span_starts(text_trim(head), "{")))
        return parse_xml(run, err);
    return span_find(head, span_text("SPDXVersion:"), 0) != SIZE_MAX ? parse_tags(run, err) : 0;
}

const struct cataloguer cataloguer_sbom_text = {
    .name = "sbom", .type = PACKAGE_GENERIC, .paths = paths, .by_content = true, .parse = parse};
