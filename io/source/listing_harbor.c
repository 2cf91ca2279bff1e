/* Harbor's own API, v2.0: projects, their repositories, and of each the artifacts with tags and digests, so that no
 * request per tag is needed. Paged by a Link header. What the user may not see is left out of the lists.
 * Spec: Harbor's api/v2.0/swagger.yaml: listProjects, listRepositories, listArtifacts. */
#include "base/text.h"
#include "io/source/listing.h"

#define PAGE_NAMES 100 /* Harbor's own ceiling */

enum { LEVEL_PROJECTS, LEVEL_REPOSITORIES, LEVEL_ARTIFACTS };

static int project_add(struct listing *listing, struct span project, struct err *err) {
    AUTO_FREE char *escaped = listing_escape(project);
    char *url = escaped == NULL ? NULL
                                : listing_url(listing, "/api/v2.0/projects/%s/repositories?page=1&page_size=%d",
                                              escaped, PAGE_NAMES);
    return listing_chain_add(listing, LEVEL_REPOSITORIES, project, 0, url, err);
}

static int harbor_start(struct listing *listing, struct err *err) {
    struct span project = listing_spec_of(listing)->path;
    char quoted[96];
    if (span_index(project, '/', 0) != SIZE_MAX)
        return err_set(err, ERR_USAGE, 0, "target harbor://…/%s: expected HOST or HOST/PROJECT",
                       text_quote(project, quoted, sizeof quoted));
    if (project.size > 0)
        return project_add(listing, project, err);
    return listing_chain_add(listing, LEVEL_PROJECTS, listing_spec_of(listing)->host, 0,
                             listing_url(listing, "/api/v2.0/projects?page=1&page_size=%d", PAGE_NAMES), err);
}

/* A repository's name begins with its project's. A slash in the rest is escaped twice: the swagger file says so, since
 * the first escape is undone on the way. */
static int repository_add(struct listing *listing, const struct listing_chain *project, struct span name,
                          struct err *err) {
    size_t prefix = strlen(project->name);
    if (!span_starts(name, project->name) || name.size <= prefix + 1 || name.data[prefix] != '/') {
        char quoted[96];
        return err_set(err, ERR_FORMAT, 0, "expected a repository of the project, found '%s'",
                       text_quote(name, quoted, sizeof quoted));
    }
    AUTO_FREE char *once = listing_escape(span_from(name, prefix + 1));
    AUTO_FREE char *twice = listing_escape(span_text(once));
    AUTO_FREE char *escaped = listing_escape(span_text(project->name));
    char *url =
        once == NULL || twice == NULL || escaped == NULL
            ? NULL
            : listing_url(listing, "/api/v2.0/projects/%s/repositories/%s/artifacts?page=1&page_size=%d&with_tag=true",
                          escaped, twice, PAGE_NAMES);
    return listing_chain_add(listing, LEVEL_ARTIFACTS, name, 0, url, err);
}

static void artifact_read(struct listing *listing, const struct listing_chain *repository, const struct doc *artifact) {
    struct span digest = doc_text(doc_get_last(artifact, "digest"));
    struct span created = doc_text(doc_get_last(doc_get_last(artifact, "extra_attrs"), "created"));
    for (const struct doc *tag = doc_first(doc_get_last(artifact, "tags")); tag != NULL; tag = tag->next)
        listing_image(listing, listing_spec_of(listing)->host, span_text(repository->name),
                      doc_text(doc_get_last(tag, "name")), digest, created);
}

static int harbor_page(struct listing *listing, struct listing_chain *chain, const struct doc *root, char **ret_next,
                       struct err *err) {
    const struct doc *items = NULL;
    (void)ret_next;
    if (listing_array(root, NULL, &items, err) < 0)
        return -1;
    for (const struct doc *item = doc_first(items); item != NULL; item = item->next) {
        struct span name = doc_text(doc_get_last(item, "name"));
        struct err bad = {0};
        if (chain->level == LEVEL_ARTIFACTS)
            artifact_read(listing, chain, item);
        else if (chain->level == LEVEL_PROJECTS
                     ? project_add(listing, name, &bad) < 0
                     : listing_wants(listing, name) && repository_add(listing, chain, name, &bad) < 0)
            listing_fault(listing, &bad);
    }
    return 0;
}

const struct listing_kind listing_harbor = {
    .name = "harbor",
    .shares_login = true,
    .start = harbor_start,
    .page = harbor_page,
};
