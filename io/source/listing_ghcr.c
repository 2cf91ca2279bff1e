/* GitHub's packages API: the container packages of an organisation or a user, and of each the versions, which are
 * digests with their tags. Paged by a Link header. It answers nobody without a token that has read:packages.
 * Spec: GitHub REST API, "REST API endpoints for packages". */
#include "base/text.h"
#include "io/source/listing.h"

#define PAGE_NAMES 100 /* GitHub's own ceiling */

enum { LEVEL_PACKAGES, LEVEL_VERSIONS };
enum { ID_ORGANISATION, ID_USER };

static const char *const owners[] = {[ID_ORGANISATION] = "orgs", [ID_USER] = "users"};

static int packages_add(struct listing *listing, uint64_t id, struct err *err) {
    struct span owner = listing_spec_of(listing)->path;
    AUTO_FREE char *escaped = listing_escape(owner);
    char *url = escaped == NULL ? NULL
                                : listing_url(listing, "/%s/%s/packages?package_type=container&per_page=%d&page=1",
                                              owners[id], escaped, PAGE_NAMES);
    return listing_chain_add(listing, LEVEL_PACKAGES, owner, id, url, err);
}

static int ghcr_start(struct listing *listing, struct err *err) {
    struct span owner = listing_spec_of(listing)->path;
    char quoted[96];
    if (owner.size == 0 || span_index(owner, '/', 0) != SIZE_MAX)
        return err_set(err, ERR_USAGE, 0, "target ghcr://%s: expected OWNER or HOST/OWNER",
                       text_quote(owner, quoted, sizeof quoted));
    return packages_add(listing, ID_ORGANISATION, err);
}

/* GitHub does not say beforehand which of the two an owner is. */
static bool ghcr_refused(struct listing *listing, const struct listing_chain *chain, struct err *err) {
    struct err failed = {0};
    return err->code == ERR_NOTFOUND && chain->id == ID_ORGANISATION && packages_add(listing, ID_USER, &failed) == 0;
}

/* A package's name may have slashes; in the registry it stands behind the owner's, in small letters. */
static int package_add(struct listing *listing, const struct listing_chain *packages, struct span name,
                       struct err *err) {
    struct span owner = listing_spec_of(listing)->path;
    AUTO_FREE char *escaped_owner = listing_escape(owner);
    AUTO_FREE char *escaped = listing_escape(name);
    struct buf repository;
    buf_init(&repository, 0);
    for (size_t i = 0; i < owner.size; i++)
        buf_byte(&repository, text_lower_byte(owner.data[i]));
    buf_byte(&repository, '/');
    for (size_t i = 0; i < name.size; i++)
        buf_byte(&repository, text_lower_byte(name.data[i]));
    bool failed = repository.failed || escaped_owner == NULL || escaped == NULL;
    int result = failed ? err_set(err, ERR_NOMEM, 0, "listing: out of memory") : 0;
    if (result == 0 && listing_wants(listing, buf_span(&repository)))
        result = listing_chain_add(listing, LEVEL_VERSIONS, buf_span(&repository), 0,
                                   listing_url(listing, "/%s/%s/packages/container/%s/versions?per_page=%d&page=1",
                                               owners[packages->id], escaped_owner, escaped, PAGE_NAMES),
                                   err);
    buf_release(&repository);
    return result;
}

static void version_read(struct listing *listing, const struct listing_chain *package, const struct doc *version) {
    const struct doc *container = doc_get_last(doc_get_last(version, "metadata"), "container");
    struct span digest = doc_text(doc_get_last(version, "name"));
    for (const struct doc *tag = doc_first(doc_get_last(container, "tags")); tag != NULL; tag = tag->next)
        listing_image(listing, listing_spec_of(listing)->host, span_text(package->name), doc_text(tag), digest,
                      (struct span){NULL, 0});
}

static int ghcr_page(struct listing *listing, struct listing_chain *chain, const struct doc *root, char **ret_next,
                     struct err *err) {
    const struct doc *items = NULL;
    (void)ret_next;
    if (listing_array(root, NULL, &items, err) < 0)
        return -1;
    for (const struct doc *item = doc_first(items); item != NULL; item = item->next) {
        struct err bad = {0};
        if (chain->level == LEVEL_VERSIONS)
            version_read(listing, chain, item);
        else if (package_add(listing, chain, doc_text(doc_get_last(item, "name")), &bad) < 0)
            listing_fault(listing, &bad);
    }
    return 0;
}

static const char *const headers[] = {"Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28", NULL};

const struct listing_kind listing_ghcr = {
    .name = "ghcr",
    .token = true,
    .shares_login = true,
    .headers = headers,
    .start = ghcr_start,
    .page = ghcr_page,
    .refused = ghcr_refused,
};
