/* The catalogue of the CNCF distribution, GET /v2/_catalog, and the tags of each repository: OCI distribution-spec 1.1,
 * "Listing Tags". Both are paged by a Link header. */
#include "base/text.h"
#include "io/source/listing.h"

#define PAGE_NAMES 1000 /* docker-registry's own ceiling */

enum { LEVEL_CATALOGUE, LEVEL_TAGS };

static int catalog_start(struct listing *listing, struct err *err) {
    return listing_chain_add(listing, LEVEL_CATALOGUE, listing_spec_of(listing)->host, 0,
                             listing_url(listing, "/v2/_catalog?n=%d", PAGE_NAMES), err);
}

static int catalog_page(struct listing *listing, struct listing_chain *chain, const struct doc *root, char **ret_next,
                        struct err *err) {
    bool tags = chain->level == LEVEL_TAGS;
    const struct doc *names = NULL;
    (void)ret_next;
    if (listing_array(root, tags ? "tags" : "repositories", &names, err) < 0)
        return -1;
    for (const struct doc *item = doc_first(names); item != NULL; item = item->next) {
        struct span name = doc_text(item);
        if (tags)
            listing_image(listing, listing_spec_of(listing)->host, span_text(chain->name), name, (struct span){NULL, 0},
                          (struct span){NULL, 0});
        else if (listing_wants(listing, name) &&
                 listing_chain_add(listing, LEVEL_TAGS, name, 0,
                                   listing_url(listing, "/v2/%.*s/tags/list?n=%d", SPAN_FORMAT(name), PAGE_NAMES),
                                   err) < 0)
            return -1;
    }
    return 0;
}

/* The large services that have no catalogue, and what to ask in place of it. */
static const struct {
    const char *host, *target;
} services[] = {
    {"docker.io", "Docker Hub has no listing: name repositories in a list file, @FILE"},
    {"ghcr.io", "name the owner: ghcr://OWNER"},
    {"quay.io", "name the namespace: quay://quay.io/NAMESPACE"},
    {"registry.gitlab.com", "name the group or project: gitlab://gitlab.com/GROUP"},
};

static bool catalog_refused(struct listing *listing, const struct listing_chain *chain, struct err *err) {
    struct span host = listing_spec_of(listing)->host;
    const char *advice = "name its own listing: harbor://HOST, gitlab://HOST/GROUP, quay://HOST/NAMESPACE, or @FILE";
    char found[sizeof err->text];
    (void)chain;
    for (size_t i = 0; i < ARRAY_COUNT(services); i++) {
        if (span_is(host, services[i].host))
            advice = services[i].target;
    }
    memcpy(found, err->text, sizeof found);
    (void)err_set(err, err->code, err->sys, "catalogue refused, %s; %.110s", advice, found);
    return false;
}

const struct listing_kind listing_catalog = {
    .name = "catalog",
    .start = catalog_start,
    .page = catalog_page,
    .refused = catalog_refused,
};
