/* Listing what a registry holds, page by page, through whichever API it has.
 *
 * Here are the pages: which to ask for next, how many at a time, when to hold, when they go round in circles. What
 * stands on them is a kind's: listing_<kind>.c and a row in listing.def.
 *
 * A chain is a list in pages: the projects of a registry, the repositories of one, the tags of one. Chains of a higher
 * level are read before further pages of a lower one, so that what is kept at any time is some pages' worth of names,
 * however long the catalogue: LISTING_IN_FLIGHT_MAX pages of each level, and page_set.h for each page. Pages are
 * parsed, handed on and forgotten; the run's arena holds the references that are wanted and nothing else.
 *
 * A bad name, page or chain does not end the listing: the rest is listed, and the listing ends with the first fault and
 * how many more there were. Everything runs in the loop's thread. */
#ifndef TRAWL_LISTING_H
#define TRAWL_LISTING_H

#include "io/source/page_set.h"
#include "io/source/source.h"

#define LISTING_LEVELS ((size_t)3)
#define LISTING_IN_FLIGHT_MAX ((size_t)32) /* more only fill the queue of the HTTP client */

struct listing;

struct listing_chain {
    struct listing *listing;
    size_t level;
    uint64_t id;  /* the kind's own */
    char *name;   /* what it lists the contents of: "", a project, a repository */
    char *url;    /* of the page that is next or under way */
    size_t pages; /* that were asked for */
    struct page_set seen;
};

/* One listing API. */
struct listing_kind {
    const char *name;
    bool token;        /* the password is a bearer token, not one half of Basic */
    bool shares_login; /* who may log in at the registry may ask the API: what configuration files say holds. Not
                        * GitLab's, which is on another host than the registry that the files name, nor Quay's, which
                        * takes OAuth tokens that no registry login is: both only know the command line's, and refuse
                        * a robot that may pull what they tell anybody */
    const char *const *headers; /* or NULL */
    /* Checks host and path of the target and adds the first chain. USAGE, NOMEM. */
    int (*start)(struct listing *listing, struct err *err);
    /* Hands on what stands on a page: chains, images. `*ret_next` (NULL on entry) takes the heap text of the next
     * page's URL; where it stays NULL, the Link header says. FORMAT, NOMEM. */
    int (*page)(struct listing *listing, struct listing_chain *chain, const struct doc *root, char **ret_next,
                struct err *err);
    /* The first page of all was refused (AUTH, NOTFOUND, UNSUPPORTED). True: another chain was added in its place. May
     * write a better text. May be NULL. */
    bool (*refused)(struct listing *listing, const struct listing_chain *chain, struct err *err);
};

/* What a listing is of. All text must outlive it. */
struct listing_spec {
    const struct source_context *context;
    const struct listing_kind *kind;
    struct span host; /* of the registry, as references name it */
    struct span path; /* behind it in the target, or empty */
    const char *base; /* of the API, without a slash at its end: "https://host" */
    void *owner;
    /* Asks for the chain's page with the owner's credentials: `done` once, with the chain, not within the call. */
    int (*get)(void *owner, struct listing_chain *chain, http_buffer_fn done, struct err *err);
    /* The source that reads images of a host, for the callback; NULL with `err`. */
    struct source *(*source_of)(void *owner, struct span host, struct err *err);
    source_list_fn each;
    source_done_fn done;
    void *done_context;
};

/* Starts. `done` comes exactly once, perhaps before the call returns. NULL (NOMEM): `done` has been called with it. */
struct listing *listing_start(const struct listing_spec *spec);
/* After a callback said hold: asks for further pages again. Harmless otherwise, on NULL too. */
void listing_resume(struct listing *listing);
/* Not while requests are under way: they end with the HTTP client. NULL is accepted. */
void listing_free(struct listing *listing);

/* ---- for the kinds ---- */

const struct listing_spec *listing_spec_of(const struct listing *listing);

/* The URL of a path of the API, on the heap; NULL when memory is short. */
char *listing_url(const struct listing *listing, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Percent-encodes all but RFC 3986's unreserved characters, onto the heap. */
char *listing_escape(struct span text);

/* Adds a chain; takes `url` (NULL is NOMEM). */
int listing_chain_add(struct listing *listing, size_t level, struct span name, uint64_t id, char *url, struct err *err);
/* Whether the repository's tags are to be listed. A name that is none is noted as a fault. */
bool listing_wants(struct listing *listing, struct span repository);
/* One image. `digest` may be empty, `created` (RFC 3339) too. What is no name, tag or digest is noted as a fault. */
void listing_image(struct listing *listing, struct span host, struct span repository, struct span tag,
                   struct span digest, struct span created);
/* Notes a fault; the listing goes on. */
void listing_fault(struct listing *listing, const struct err *err);

/* The array that a page must be, or have under that name; an absent or null member is an empty one. FORMAT. */
int listing_array(const struct doc *root, const char *member, const struct doc **ret_array, struct err *err);

/* The target of rel="next" in a Link header (RFC 8288); empty when there is none. */
struct span listing_link_next(struct span header);

#define LISTING(kind) extern const struct listing_kind listing_##kind;
#include "io/source/listing.def"
#undef LISTING
extern const struct listing_kind listing_catalog;

#endif
