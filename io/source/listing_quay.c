/* Quay's API, v1: the repositories of a namespace, and of each its tags with digests. The first is paged by a token in
 * the body, the second by a number. Spec: Red Hat Quay API reference, listRepos and listRepoTags. */
#include "base/text.h"
#include "io/source/listing.h"

#define PAGE_NAMES 100 /* Quay's own ceiling for tags */

enum { LEVEL_REPOSITORIES, LEVEL_TAGS };

/* `public` adds those that need no credentials; private ones come by virtue of the token. */
static char *repositories_url(const struct listing *listing, struct span token) {
    AUTO_FREE char *namespace = listing_escape(listing_spec_of(listing)->path);
    AUTO_FREE char *escaped = listing_escape(token);
    if (namespace == NULL || escaped == NULL)
        return NULL;
    return listing_url(listing, "/api/v1/repository?namespace=%s&public=true%s%s", namespace,
                       token.size > 0 ? "&next_page=" : "", escaped);
}

static char *tags_url(const struct listing *listing, struct span repository, size_t page) {
    return listing_url(listing, "/api/v1/repository/%.*s/tag/?onlyActiveTags=true&limit=%d&page=%zu",
                       SPAN_FORMAT(repository), PAGE_NAMES, page);
}

static int quay_start(struct listing *listing, struct err *err) {
    struct span namespace = listing_spec_of(listing)->path;
    char quoted[96];
    if (namespace.size == 0 || span_index(namespace, '/', 0) != SIZE_MAX)
        return err_set(err, ERR_USAGE, 0, "target quay://…/%s: expected HOST/NAMESPACE",
                       text_quote(namespace, quoted, sizeof quoted));
    return listing_chain_add(listing, LEVEL_REPOSITORIES, namespace, 0,
                             repositories_url(listing, (struct span){NULL, 0}), err);
}

static int repository_add(struct listing *listing, const struct doc *item, struct err *err) {
    struct span kind = doc_text(doc_get_last(item, "kind"));
    struct span namespace = doc_text(doc_get_last(item, "namespace")), name = doc_text(doc_get_last(item, "name"));
    if (kind.size > 0 && !span_is(kind, "image"))
        return 0; /* "application": a Helm chart of the time before OCI, which /v2/ does not have */
    struct buf full;
    buf_init(&full, 0);
    buf_format(&full, "%.*s/%.*s", SPAN_FORMAT(namespace), SPAN_FORMAT(name));
    int result = full.failed ? err_set(err, ERR_NOMEM, 0, "listing: out of memory") : 0;
    if (result == 0 && listing_wants(listing, buf_span(&full)))
        result = listing_chain_add(listing, LEVEL_TAGS, buf_span(&full), 0, tags_url(listing, buf_span(&full), 1), err);
    buf_release(&full);
    return result;
}

static int next_page(const struct listing *listing, const struct listing_chain *chain, const struct doc *root,
                     char **ret_next, struct err *err) {
    struct span token = doc_text(doc_get_last(root, "next_page"));
    const struct doc *more = doc_get_last(root, "has_additional");
    bool has_next = chain->level == LEVEL_TAGS ? doc_is(more, DOC_BOOL) && more->boolean : token.size > 0;
    if (!has_next)
        return 0;
    *ret_next = chain->level == LEVEL_TAGS ? tags_url(listing, span_text(chain->name), chain->pages + 1)
                                           : repositories_url(listing, token);
    return *ret_next == NULL ? err_set(err, ERR_NOMEM, 0, "listing: out of memory") : 0;
}

static int quay_page(struct listing *listing, struct listing_chain *chain, const struct doc *root, char **ret_next,
                     struct err *err) {
    bool tags = chain->level == LEVEL_TAGS;
    const struct doc *items = NULL;
    if (listing_array(root, tags ? "tags" : "repositories", &items, err) < 0)
        return -1;
    for (const struct doc *item = doc_first(items); item != NULL; item = item->next) {
        struct err bad = {0};
        if (tags)
            listing_image(listing, listing_spec_of(listing)->host, span_text(chain->name),
                          doc_text(doc_get_last(item, "name")), doc_text(doc_get_last(item, "manifest_digest")),
                          (struct span){NULL, 0});
        else if (repository_add(listing, item, &bad) < 0)
            listing_fault(listing, &bad);
    }
    return next_page(listing, chain, root, ret_next, err);
}

const struct listing_kind listing_quay = {
    .name = "quay",
    .token = true,
    .start = quay_start,
    .page = quay_page,
};
