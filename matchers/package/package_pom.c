/* Maven's pom.xml, by itself: dependencies with the properties, the dependency management and the profiles of the same
 * file. What a parent or an imported bill of materials says is in other files, often in no file of the image: a
 * dependency whose version comes from there is left out. Spec: Maven's "POM Reference". */
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/pom.xml", "!**/META-INF/**", NULL};

enum { INTERPOLATIONS_MAX = 16 }; /* of properties in each other's values; real files nest two or three */

struct project {
    struct catalogue *run;
    const struct doc *root;
    const struct doc *parent;
    struct map properties; /* name → element, of the project and its active profiles */
    struct map managed;    /* "group:artifact" → dependency */
    struct map seen;
    struct err *err;
};

static struct span child(const struct doc *element, const char *name) { return doc_content(doc_get(element, name)); }

static bool is_active(const struct doc *profile) {
    return span_is(child(doc_get(profile, "activation"), "activeByDefault"), "true");
}

/* The first of a name counts: the project's own before those of profiles. */
static int index_properties(struct project *project, const struct doc *table) {
    for (const struct doc *item = doc_first(table); item != NULL; item = item->next) {
        bool is_new;
        void **place = map_put(&project->properties, item->key, &is_new);
        if (place == NULL)
            return err_set(project->err, ERR_NOMEM, 0, "out of memory");
        if (is_new)
            *place = (void *)(uintptr_t)item;
    }
    return 0;
}

/* The value of "name" in ${name}: the project's own coordinates, else a property, of active profiles too. */
static struct span property(const struct project *project, struct span name) {
    static const char *const prefixes[] = {"project.", "pom."};
    static const char *const own[] = {"groupId", "artifactId", "version"};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        if (!span_starts(name, prefixes[i]))
            continue;
        struct span field = span_from(name, strlen(prefixes[i]));
        bool of_parent = span_starts(field, "parent.");
        if (of_parent)
            field = span_from(field, 7);
        for (size_t k = 0; k < ARRAY_COUNT(own); k++) {
            if (!span_is(field, own[k]))
                continue;
            struct span value = child(of_parent ? project->parent : project->root, own[k]);
            return value.size > 0 ? value : child(project->parent, own[k]);
        }
    }
    return doc_content(map_get(&project->properties, name));
}

/* Replaces ${…} from the left, again and again, a bounded number of times. False where one has no value. */
static int interpolate(const struct project *project, struct span text, struct span *ret_text, bool *ret_whole) {
    *ret_whole = true;
    for (size_t round = 0;; round++) {
        size_t begin = span_find(text, span_text("${"), 0);
        size_t end = begin == SIZE_MAX ? SIZE_MAX : span_index(text, '}', begin);
        if (end == SIZE_MAX)
            break;
        struct span value = property(project, span_slice(text, begin + 2, end - begin - 2));
        if (value.size == 0 || round >= INTERPOLATIONS_MAX || value.size > LIMIT_FIELD_BYTES ||
            text.size > LIMIT_FIELD_BYTES) {
            *ret_whole = false;
            break;
        }
        size_t tail = text.size - end - 1;
        uint8_t *joined = arena_alloc(project->run->scratch, begin + value.size + tail + 1);
        if (joined == NULL)
            return err_set(project->err, ERR_NOMEM, 0, "out of memory");
        memcpy(joined, text.data, begin);
        memcpy(joined + begin, value.data, value.size);
        memcpy(joined + begin + value.size, text.data + end + 1, tail);
        text = span_make(joined, begin + value.size + tail);
    }
    *ret_text = text;
    return 0;
}

/* "[1.0,2.0)" begins at 1.0; "(,2.0]" begins nowhere: the dependency is listed without a version. */
static struct span lower_bound(struct span version) {
    if (version.size == 0 || (version.data[0] != '[' && version.data[0] != '('))
        return version;
    version = span_from(version, 1);
    struct span bound = text_cut(&version, ',');
    while (span_ends(bound, "]") || span_ends(bound, ")"))
        bound.size--;
    return text_trim(bound);
}

static int name_of(struct project *project, const struct doc *dependency, struct span *ret_name) {
    struct span group, artifact;
    bool whole_group, whole_artifact;
    *ret_name = (struct span){NULL, 0};
    if (interpolate(project, child(dependency, "groupId"), &group, &whole_group) < 0 ||
        interpolate(project, child(dependency, "artifactId"), &artifact, &whole_artifact) < 0)
        return -1;
    if (!whole_group || !whole_artifact)
        return 0;
    return catalogue_pair(project->run, group, ":", artifact, ret_name, project->err);
}

static int index_managed(struct project *project, const struct doc *of) {
    const struct doc *list = doc_get(doc_get(of, "dependencyManagement"), "dependencies");
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        struct span name;
        if (name_of(project, item, &name) < 0)
            return -1;
        if (name.size == 0)
            continue;
        void **place = map_put(&project->managed, name, NULL);
        if (place == NULL)
            return err_set(project->err, ERR_NOMEM, 0, "out of memory");
        *place = (void *)(uintptr_t)item;
    }
    return 0;
}

/* The project itself; its group and version may come from its parent. One that neither asks for anything nor inherits
 * or gathers is its own sources alone. */
static int add_own(struct project *project) {
    static const char *const elements[] = {"dependencies", "parent", "modules", "dependencyManagement", "profiles"};
    bool has_any = false;
    for (size_t i = 0; i < ARRAY_COUNT(elements); i++)
        has_any |= doc_get(project->root, elements[i]) != NULL;
    if (!has_any)
        return 0;
    struct span group = child(project->root, "groupId"), version = child(project->root, "version"), name;
    bool whole;
    if (group.size == 0)
        group = child(project->parent, "groupId");
    if (version.size == 0)
        version = child(project->parent, "version");
    if (interpolate(project, version, &version, &whole) < 0 ||
        catalogue_pair(project->run, group, ":", child(project->root, "artifactId"), &name, project->err) < 0)
        return -1;
    if (name.size == 0 || !whole || version.size == 0)
        return 0;
    return catalogue_declare(project->run, PACKAGE_MAVEN, name, version, project->err);
}

/* What only tests need, a folder of the machine, or an import of another file's table is not part of the product. */
static bool is_used(const struct doc *dependency) {
    static const char *const others[] = {"test", "import", "provided", "system"};
    struct span scope = child(dependency, "scope");
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        if (span_is(scope, others[i]))
            return false;
    }
    return true;
}

static int add_dependencies(struct project *project, const struct doc *list) {
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        struct span name, version = child(item, "version");
        bool whole, is_new;
        if (name_of(project, item, &name) < 0)
            return -1;
        if (name.size == 0 || !is_used(item))
            continue;
        if (version.size == 0)
            version = child(map_get(&project->managed, name), "version");
        if (interpolate(project, version, &version, &whole) < 0)
            return -1;
        if (map_put(&project->seen, name, &is_new) == NULL)
            return err_set(project->err, ERR_NOMEM, 0, "out of memory");
        bool is_known = whole && version.size > 0;
        if (is_new && is_known &&
            catalogue_declare(project->run, PACKAGE_MAVEN, name, lower_bound(version), project->err) < 0)
            return -1;
    }
    return 0;
}

static int add_project(struct project *project) {
    const struct doc *profiles = doc_get(project->root, "profiles");
    if (index_properties(project, doc_get(project->root, "properties")) < 0)
        return -1;
    for (const struct doc *profile = doc_first(profiles); profile != NULL; profile = profile->next) {
        if (is_active(profile) && index_properties(project, doc_get(profile, "properties")) < 0)
            return -1;
    }
    if (index_managed(project, project->root) < 0 || add_own(project) < 0)
        return -1;
    if (add_dependencies(project, doc_get(project->root, "dependencies")) < 0)
        return -1;
    for (const struct doc *profile = doc_first(profiles); profile != NULL; profile = profile->next) {
        if (is_active(profile) && add_dependencies(project, doc_get(profile, "dependencies")) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (catalogue_document(run, xml_parse, run->body, &root, err) < 0)
        return -1;
    struct project project = {.run = run, .root = root, .parent = doc_get(root, "parent"), .err = err};
    map_init(&project.properties, catalogue_seed(run));
    map_init(&project.managed, catalogue_seed(run));
    map_init(&project.seen, catalogue_seed(run));
    int result = add_project(&project);
    map_release(&project.seen);
    map_release(&project.managed);
    map_release(&project.properties);
    return result;
}

const struct cataloguer cataloguer_pom = {.name = "pom", .type = PACKAGE_MAVEN, .paths = paths, .parse = parse};
