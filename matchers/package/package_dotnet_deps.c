/* .NET applications: <app>.deps.json, which the runtime reads to find its assemblies.
 * "libraries" lists what the build knew, "targets" which of them bring files at run time; those without any, reference
 * assemblies and empty facades, are not in the application.
 * Spec: "Runtime configuration file" of the .NET runtime's documentation (corehost). */
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

/* A cursor instead of a search from the start: tools write both lists in the same order, and a hostile file that does not
 * only costs itself the match. */
static const struct doc *find_library(const struct doc *target, const struct doc **cursor, struct span key) {
    const struct doc *start = *cursor == NULL ? doc_first(target) : *cursor;
    size_t steps = 0, steps_max = 4096;
    for (const struct doc *item = start; item != NULL && steps < steps_max; steps++) {
        if (span_equal(item->key, key)) {
            *cursor = item->next;
            return item;
        }
        item = item->next == NULL ? doc_first(target) : item->next;
        if (item == start)
            break;
    }
    return NULL;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (json_parse(run->scratch, run->body, doc_limits_default(), &root, err) < 0)
        return -1;
    const struct doc *target = find_target(root), *cursor = NULL;
    for (const struct doc *library = doc_first(doc_get(root, "libraries")); library != NULL;
         library = library->next) {
        const struct doc *entry = find_library(target, &cursor, library->key);
        if (entry != NULL && !has_files(entry))
            continue;
        size_t slash = span_index(library->key, '/', 0);
        if (slash == SIZE_MAX)
            continue; /* a name alone: the tools write none such, and there is no version to speak of */
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

const struct cataloguer cataloguer_dotnet_deps = {
    .name = "dotnet-deps", .type = PACKAGE_NUGET, .paths = paths, .parse = parse};
