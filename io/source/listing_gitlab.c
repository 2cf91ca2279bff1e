/* GitLab's container registry API, v4: the registry repositories of a project, or of a group with all below it, and the
 * tags of each. Paged by a Link header. The replies say on which host and port the registry is.
 * Spec: GitLab, "Container registry API" and "REST API", "Pagination" and "Namespaced paths". */
#include "base/text.h"
#include "io/source/listing.h"
#include "io/source/reference.h"

#define PAGE_NAMES 100 /* GitLab's own ceiling */

enum { LEVEL_REPOSITORIES, LEVEL_TAGS };
enum { ID_GROUP, ID_PROJECT };

static int repositories_add(struct listing *listing, uint64_t id, struct err *err) {
    struct span path = listing_spec_of(listing)->path;
    AUTO_FREE char *escaped = listing_escape(path);
    char *url = escaped == NULL ? NULL
                                : listing_url(listing, "/api/v4/%s/%s/registry/repositories?per_page=%d&page=1",
                                              id == ID_PROJECT ? "projects" : "groups", escaped, PAGE_NAMES);
    return listing_chain_add(listing, LEVEL_REPOSITORIES, path, id, url, err);
}

/* A path of several names is a project's or a subgroup's: the first is tried first. */
static int gitlab_start(struct listing *listing, struct err *err) {
    struct span path = listing_spec_of(listing)->path;
    if (path.size == 0)
        return err_set(err, ERR_USAGE, 0, "target gitlab://: expected HOST/GROUP or HOST/GROUP/PROJECT");
    return repositories_add(listing, span_index(path, '/', 0) == SIZE_MAX ? ID_GROUP : ID_PROJECT, err);
}

static bool gitlab_refused(struct listing *listing, const struct listing_chain *chain, struct err *err) {
    struct err failed = {0};
    return err->code == ERR_NOTFOUND && chain->id == ID_PROJECT && repositories_add(listing, ID_GROUP, &failed) == 0;
}

static struct span host_name(struct span host) {
    size_t colon = span_index_last(host, ':');
    return colon == SIZE_MAX || span_ends(host, "]") ? host : span_slice(host, 0, colon);
}

/* Credentials go to the host that a reply names: it has to be the target's own with any port, or stand under the same
 * domain, as registry.gitlab.com does to gitlab.com and registry.example.com to gitlab.example.com. */
static bool host_is_related(struct span target, struct span host) {
    struct span own = host_name(target), other = host_name(host);
    if (text_equal_nocase(own, other))
        return true;
    size_t dot = span_index(own, '.', 0);
    struct span domain = dot != SIZE_MAX && span_index(own, '.', dot + 1) != SIZE_MAX ? span_from(own, dot + 1) : own;
    if (other.size <= domain.size || text_is_digit(own.data[own.size - 1]) || span_ends(own, "]") || dot == SIZE_MAX)
        return false;
    size_t at = other.size - domain.size;
    return other.data[at - 1] == '.' && text_equal_nocase(span_from(other, at), domain);
}

static int repository_add(struct listing *listing, const struct doc *item, struct err *err) {
    struct span location = doc_text(doc_get_last(item, "location"));
    int64_t id = 0, project = 0;
    struct reference reference;
    char quoted[96];
    text_quote(location, quoted, sizeof quoted);
    if (!doc_i64(doc_get_last(item, "id"), &id) || !doc_i64(doc_get_last(item, "project_id"), &project) || id < 0 ||
        project < 0)
        return err_set(err, ERR_FORMAT, 0, "repository '%s': expected numbers id and project_id", quoted);
    if (reference_parse(location, &reference, NULL) < 0 ||
        reference.repository.size + reference.registry.size + 1 != location.size)
        return err_set(err, ERR_FORMAT, 0, "expected a location HOST/REPOSITORY, found '%s'", quoted);
    if (!host_is_related(listing_spec_of(listing)->host, reference.registry))
        return err_set(err, ERR_FORMAT, 0, "location '%s': expected a registry in the domain of %.*s", quoted,
                       SPAN_FORMAT(listing_spec_of(listing)->host));
    if (!listing_wants(listing, reference.repository))
        return 0;
    return listing_chain_add(
        listing, LEVEL_TAGS, location, 0,
        listing_url(listing, "/api/v4/projects/%" PRId64 "/registry/repositories/%" PRId64 "/tags?per_page=%d&page=1",
                    project, id, PAGE_NAMES),
        err);
}

static int gitlab_page(struct listing *listing, struct listing_chain *chain, const struct doc *root, char **ret_next,
                       struct err *err) {
    const struct doc *items = NULL;
    (void)ret_next;
    if (listing_array(root, NULL, &items, err) < 0)
        return -1;
    struct span repository = span_text(chain->name);
    struct span host = text_cut(&repository, '/');
    for (const struct doc *item = doc_first(items); item != NULL; item = item->next) {
        struct err bad = {0};
        if (chain->level == LEVEL_TAGS)
            listing_image(listing, host, repository, doc_text(doc_get_last(item, "name")), (struct span){NULL, 0},
                          (struct span){NULL, 0});
        else if (repository_add(listing, item, &bad) < 0)
            listing_fault(listing, &bad);
    }
    return 0;
}

const struct listing_kind listing_gitlab = {
    .name = "gitlab",
    .token = true,
    .start = gitlab_start,
    .page = gitlab_page,
    .refused = gitlab_refused,
};
