/* .NET applications: <app>.deps.json, which the runtime reads to find its assemblies.
 * "libraries" lists what the build knew, "targets" which of them bring files at run time; those without any, reference
 * assemblies and empty facades, are not in the application.
 * Spec: "Runtime configuration file" of the .NET runtime's documentation (corehost). */
#include "base/map.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/*.deps.json", NULL};

static bool has_files(const struct doc *library) {
    static const char *const members[] = {"runtime", "runtimeTargets", "native", "resources"};
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        if (doc_first(doc_get(library, members[i])) != NULL)
            return true;
    }
    return false;
}

/* The target that the application runs with; NULL when the file does not say. */
static const struct doc *find_target(const struct doc *root) {
    struct span name = doc_text(doc_get(doc_get(root, "runtimeTarget"), "name"));
    for (const struct doc *target = doc_first(doc_get(root, "targets")); target != NULL; target = target->next) {
        if (span_equal(target->key, name))
            return target;
    }
    return NULL;
}

static const bool with_files = true, without_files = false;

/* Maps the keys of the target's libraries to one of the two flags above. */
static int index_target(struct map *map, const struct doc *target, struct err *err) {
    for (const struct doc *item = doc_first(target); item != NULL; item = item->next) {
        void **place = map_put(map, item->key, NULL);
        if (place == NULL)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        *place = (void *)(uintptr_t)(has_files(item) ? &with_files : &without_files);
    }
    return 0;
}

static int add_libraries(struct catalogue *run, const struct doc *libraries, const struct map *target,
                         struct err *err) {
    for (const struct doc *library = doc_first(libraries); library != NULL; library = library->next) {
        const bool *flag = map_get(target, library->key);
        size_t slash = span_index(library->key, '/', 0);
        /* A name alone has no version to speak of: the tools write none such. */
        if (flag == &without_files || slash == SIZE_MAX)
            continue;
        struct package package = {
            .type = PACKAGE_NUGET,
            .evidence = EVIDENCE_INSTALLED,
            .name = span_slice(library->key, 0, slash),
            .version = span_from(library->key, slash + 1),
        };
        /* The runtime that a self-contained application brings along. */
        if (span_is(doc_text(doc_get(library, "type")), "runtimepack") && span_starts(package.name, "runtimepack."))
            package.name = span_from(package.name, sizeof "runtimepack." - 1);
        if (catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    struct map target;
    if (catalogue_document(run, json_parse, run->body, &root, err) < 0)
        return -1;
    map_init(&target, catalogue_seed(run));
    int result = index_target(&target, find_target(root), err);
    if (result == 0)
        result = add_libraries(run, doc_get(root, "libraries"), &target, err);
    map_release(&target);
    return result;
}

const struct cataloguer cataloguer_dotnet_deps = {
    .name = "dotnet-deps", .type = PACKAGE_NUGET, .paths = paths, .parse = parse};
