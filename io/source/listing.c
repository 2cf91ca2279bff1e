#include "io/source/listing.h"

#include "base/clock.h"
#include "base/hash/xxh.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/source/reference.h"

#include <stdarg.h>

#define PAGE_TREE_BYTES_MAX                                                                                            \
    (16 * LIMIT_PAGE_BYTES) /* a name of one letter takes 4 bytes on the page, 100 as a node                           \
                             */

struct listing {
    struct listing_spec spec;
    struct source *source; /* of the host that listing_image() was last called with */
    struct span source_host;
    VEC(struct listing_chain *) waiting[LISTING_LEVELS]; /* stacks */
    size_t in_flight;                                    /* pages asked for, or being read */
    size_t names;
    bool held;
    bool canceled;
    bool ended;
    struct err err; /* the first fault */
    size_t faults;
};

const struct listing_spec *listing_spec_of(const struct listing *listing) { return &listing->spec; }

void listing_fault(struct listing *listing, const struct err *err) {
    listing->canceled = listing->canceled || err->code == ERR_CANCELED;
    if (listing->faults++ == 0)
        listing->err = *err;
}

static void out_of_memory(struct listing *listing) {
    struct err err = {0};
    (void)err_set(&err, ERR_NOMEM, 0, "listing: out of memory after %zu names", listing->names);
    listing_fault(listing, &err);
}

/* ---- URLs ---- */

char *listing_url(const struct listing *listing, const char *format, ...) {
    char *path = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t base_size = strlen(listing->spec.base);
    if (size >= 0)
        path = mem_alloc(base_size + (size_t)size + 1);
    if (path == NULL)
        return NULL;
    memcpy(path, listing->spec.base, base_size);
    va_start(arguments, format);
    (void)vsnprintf(path + base_size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return path;
}

char *listing_escape(struct span text) {
    struct buf out;
    buf_init(&out, 0);
    buf_percent(&out, text);
    char *escaped = out.failed ? NULL : mem_text(out.data, out.size);
    buf_release(&out);
    return escaped;
}

/* Whether a link's parameters have rel=next, alone or among several relations in quotes. */
static bool relation_is_next(struct span parameters) {
    while (parameters.data != NULL) {
        struct span value = text_trim(text_cut(&parameters, ';'));
        struct span name = text_trim(text_cut(&value, '='));
        value = text_trim(value);
        if (!text_equal_nocase(name, span_text("rel")))
            continue;
        if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"')
            value = span_slice(value, 1, value.size - 2);
        while (value.data != NULL) {
            if (text_equal_nocase(text_trim(text_cut(&value, ' ')), span_text("next")))
                return true;
        }
        return false; /* RFC 8288: only the first rel counts */
    }
    return false;
}

struct span listing_link_next(struct span header) {
    size_t open;
    while ((open = span_index(header, '<', 0)) != SIZE_MAX) {
        size_t close_at = span_index(header, '>', open);
        if (close_at == SIZE_MAX)
            break;
        /* The parameters end at a comma outside of quotes; a comma may also stand in the next link's URL. */
        size_t end = close_at + 1;
        for (bool quoted = false; end < header.size && (quoted || header.data[end] != ','); end++)
            quoted = quoted != (header.data[end] == '"');
        if (relation_is_next(span_slice(header, close_at + 1, end - close_at - 1)))
            return span_slice(header, open + 1, close_at - open - 1);
        header = span_from(header, end);
    }
    return (struct span){NULL, 0};
}

/* A link's URL as an absolute one of the API's own origin, since the credentials go there. Of an absolute one only the
 * authority has to be ours: a registry behind a proxy that ends TLS writes http:// and means itself. */
static char *link_resolve(const struct listing *listing, struct span url, struct err *err) {
    struct span base = span_text(listing->spec.base);
    size_t start = span_find(base, span_text("://"), 0) + 3;
    size_t slash = span_index(base, '/', start);
    struct span origin = span_slice(base, 0, slash == SIZE_MAX ? base.size : slash);
    struct span path = url;
    if (span_starts(url, "http://") || span_starts(url, "https://")) {
        path = span_from(url, span_find(url, span_text("://"), 0) + 3);
        size_t end = span_index(path, '/', 0);
        bool ours = text_equal_nocase(span_slice(path, 0, end), span_from(origin, start));
        path = ours ? span_from(path, end) : (struct span){NULL, 0};
    }
    if (!span_starts(path, "/") || span_starts(path, "//")) {
        char quoted[96];
        struct span shown = text_cut(&url, '?'); /* what follows may be somebody's signature */
        (void)err_set(err, ERR_FORMAT, 0, "next page '%s': expected a path of the same registry",
                      text_quote(shown, quoted, sizeof quoted));
        return NULL;
    }
    char *text = mem_alloc(origin.size + path.size + 1);
    if (text == NULL) {
        (void)err_set(err, ERR_NOMEM, 0, "listing: out of memory");
        return NULL;
    }
    memcpy(text, origin.data, origin.size);
    memcpy(text + origin.size, path.data, path.size);
    text[origin.size + path.size] = '\0';
    return text;
}

/* ---- chains ---- */

static void chain_free(struct listing_chain *chain) {
    mem_free(chain->name);
    mem_free(chain->url);
    page_set_release(&chain->seen);
    mem_free(chain);
}

int listing_chain_add(struct listing *listing, size_t level, struct span name, uint64_t id, char *url,
                      struct err *err) {
    assert(level < LISTING_LEVELS);
    struct listing_chain *chain = mem_alloc(sizeof *chain);
    char *copy = mem_text(name.data, name.size);
    if (chain == NULL || copy == NULL || url == NULL || !vec_push(&listing->waiting[level], chain)) {
        mem_free(chain);
        mem_free(copy);
        mem_free(url);
        return err_set(err, ERR_NOMEM, 0, "listing: out of memory after %zu names", listing->names);
    }
    *chain = (struct listing_chain){.listing = listing, .level = level, .id = id, .name = copy, .url = url};
    return 0;
}

static void on_page(void *context, const struct http_result *result, struct span body);

static void page_request(struct listing_chain *chain) {
    struct listing *listing = chain->listing;
    struct err err = {0};
    chain->pages++;
    if (listing->spec.get(listing->spec.owner, chain, on_page, &err) == 0) {
        listing->in_flight++;
        return;
    }
    listing_fault(listing, &err);
    chain_free(chain);
}

static struct listing_chain *chain_take(struct listing *listing) {
    for (size_t level = LISTING_LEVELS; level-- > 0;) {
        if (listing->waiting[level].count > 0)
            return listing->waiting[level].data[--listing->waiting[level].count];
    }
    return NULL;
}

static void listing_end(struct listing *listing) {
    listing->ended = true;
    if (listing->faults > 1) {
        char found[sizeof listing->err.text];
        memcpy(found, listing->err.text, sizeof found);
        (void)err_set(&listing->err, listing->err.code, listing->err.sys, "%.200s; and %zu more", found,
                      listing->faults - 1);
    }
    listing->spec.done(listing->spec.done_context, listing->faults == 0 ? NULL : &listing->err);
}

/* Asks for what may be asked for; ends the listing when nothing is left. */
static void listing_step(struct listing *listing) {
    struct listing_chain *chain;
    while (listing->canceled && (chain = chain_take(listing)) != NULL)
        chain_free(chain);
    while (!listing->held && listing->in_flight < LISTING_IN_FLIGHT_MAX && (chain = chain_take(listing)) != NULL)
        page_request(chain);
    for (size_t level = 0; level < LISTING_LEVELS; level++) {
        if (listing->waiting[level].count > 0)
            return;
    }
    if (listing->in_flight == 0 && !listing->ended)
        listing_end(listing);
}

/* ---- pages ---- */

int listing_array(const struct doc *root, const char *member, const struct doc **ret_array, struct err *err) {
    const struct doc *array = member == NULL ? root : doc_get_last(root, member);
    bool absent = member != NULL && doc_is(root, DOC_OBJECT) && (array == NULL || doc_is(array, DOC_NULL));
    if (!absent && !doc_is(array, DOC_ARRAY))
        return member == NULL ? err_set(err, ERR_FORMAT, 0, "expected an array")
                              : err_set(err, ERR_FORMAT, 0, "expected an object with an array of %s", member);
    *ret_array = absent ? NULL : array;
    return 0;
}

/* Some registries send an empty page in the middle, the same each time. */
static bool page_is_empty(const struct doc *root) {
    if (doc_is(root, DOC_ARRAY))
        return root->count == 0;
    for (const struct doc *member = doc_first(root); member != NULL; member = member->next) {
        if (doc_is(member, DOC_ARRAY) && member->count > 0)
            return false;
    }
    return true;
}

/* Whether the page and the URL behind it are new: a listing that has a next page for ever would never end. */
static int page_mark(struct listing_chain *chain, struct span body, const char *next, struct err *err) {
    uint64_t seed = (uint64_t)(uintptr_t)chain->listing;
    int body_new = body.size == 0 ? 1 : page_set_add(&chain->seen, xxh64_seeded(body, seed));
    int own = page_set_add(&chain->seen, xxh64_seeded(span_text(chain->url), ~seed));
    int next_new = page_set_add(&chain->seen, xxh64_seeded(span_text(next), ~seed));
    if (body_new < 0 || own < 0 || next_new < 0)
        return err_set(err, ERR_NOMEM, 0, "listing: out of memory after %zu pages", chain->pages);
    if (body_new == 0)
        return err_set(err, ERR_FORMAT, 0, "page %zu is one that came before: the listing goes round in circles",
                       chain->pages);
    if (next_new == 0 && strcmp(next, chain->url) == 0)
        return err_set(err, ERR_FORMAT, 0, "the next page is the page itself");
    /* The next page's URL is marked here and as its own one once more: only this mark tells. */
    if (next_new == 0)
        return err_set(err, ERR_FORMAT, 0,
                       "the page behind page %zu is one that came before: the listing goes round in circles",
                       chain->pages);
    if (chain->pages >= LIMIT_PAGES)
        return err_set(err, ERR_LIMIT, 0, "expected at most %zu pages", LIMIT_PAGES);
    if (chain->listing->names >= LIMIT_LISTING_NAMES)
        return err_set(err, ERR_LIMIT, 0, "expected at most %zu names", LIMIT_LISTING_NAMES);
    return 0;
}

/* Hands on a page; `*ret_next` is the next one's URL, or NULL. */
static int page_read(struct listing_chain *chain, struct span body, const char *link, char **ret_next,
                     struct err *err) {
    struct listing *listing = chain->listing;
    struct arena arena;
    struct doc *root = NULL;
    char *next = NULL;
    arena_init(&arena, 0, PAGE_TREE_BYTES_MAX);
    int result = json_parse(&arena, body, doc_limits_default(), &root, err);
    bool empty = result == 0 && page_is_empty(root);
    if (result == 0)
        result = listing->spec.kind->page(listing, chain, root, &next, err);
    arena_release(&arena);
    struct span url = listing_link_next(span_text(link));
    if (result == 0 && next == NULL && url.size > 0) {
        next = link_resolve(listing, url, err);
        result = next == NULL ? -1 : 0;
    }
    if (result == 0 && next != NULL)
        result = page_mark(chain, empty ? (struct span){NULL, 0} : body, next, err);
    if (result < 0) {
        mem_free(next);
        return -1;
    }
    *ret_next = next;
    return 0;
}

/* The next page waits like any other chain, behind those of higher levels. */
static void chain_continue(struct listing_chain *chain, char *next) {
    struct listing *listing = chain->listing;
    mem_free(chain->url);
    chain->url = next;
    if (vec_push(&listing->waiting[chain->level], chain))
        return;
    out_of_memory(listing);
    chain_free(chain);
}

static bool chain_refused(const struct listing_chain *chain, struct err *err) {
    const struct listing_kind *kind = chain->listing->spec.kind;
    bool refusal = err->code == ERR_AUTH || err->code == ERR_NOTFOUND || err->code == ERR_UNSUPPORTED;
    return refusal && chain->level == 0 && chain->pages == 1 && kind->refused != NULL &&
           kind->refused(chain->listing, chain, err);
}

static void on_page(void *context, const struct http_result *result, struct span body) {
    struct listing_chain *chain = context;
    struct listing *listing = chain->listing;
    struct err err = result->err;
    char *next = NULL;
    if (err.code == ERR_NONE)
        (void)page_read(chain, body, result->link, &next, &err);
    /* What was listed may be gone by now; registries also keep the name of a repository whose last tag was deleted. */
    bool gone = err.code == ERR_NOTFOUND && chain->level > 0;
    if (err.code != ERR_NONE && !gone && (listing->canceled || !chain_refused(chain, &err))) {
        char quoted[96];
        (void)err_wrap(&err, "listing %s", text_quote(span_text(chain->name), quoted, sizeof quoted));
        listing_fault(listing, &err);
    }
    if (next != NULL)
        chain_continue(chain, next);
    else
        chain_free(chain);
    listing->in_flight--; /* not before: whoever resumes from a callback must not find the listing at its end */
    listing_step(listing);
}

/* ---- names ---- */

bool listing_wants(struct listing *listing, struct span repository) {
    const struct source_context *context = listing->spec.context;
    struct err err = {0};
    char quoted[96];
    listing->names++;
    if (!reference_repository_is_valid(repository)) {
        (void)err_set(&err, ERR_FORMAT, 0, "listing: '%s' is no repository name",
                      text_quote(repository, quoted, sizeof quoted));
        listing_fault(listing, &err);
        return false;
    }
    return source_wants(context, repository, (struct span){NULL, 0});
}

static struct source *source_of(struct listing *listing, struct span host, struct err *err) {
    if (listing->source == NULL || !span_equal(host, listing->source_host)) {
        listing->source = listing->spec.source_of(listing->spec.owner, host, err);
        listing->source_host = (struct span){NULL, 0};
        if (listing->source != NULL) {
            struct span copy = arena_copy(listing->spec.context->arena, host);
            if (copy.data != NULL)
                listing->source_host = copy;
        }
    }
    return listing->source;
}

static int image_add(struct listing *listing, struct span host, struct span repository, struct span tag,
                     struct span digest, struct span created, struct err *err) {
    const struct source_context *context = listing->spec.context;
    char quoted[96];
    if (!reference_tag_is_valid(tag))
        return err_set(err, ERR_FORMAT, 0, "tags of %.*s: '%s' is no tag", SPAN_FORMAT(repository),
                       text_quote(tag, quoted, sizeof quoted));
    if (!source_wants(context, repository, tag))
        return 0;
    struct source_reference reference = {.has_digest = digest.size > 0};
    if (reference.has_digest && digest_parse(digest, &reference.digest, err) < 0)
        return err_wrap(err, "tag %.*s:%.*s", SPAN_FORMAT(repository), SPAN_FORMAT(tag));
    reference.has_created = created.size > 0 && clock_parse(created, &reference.created_utc_s);
    struct source *source = source_of(listing, host, err);
    if (source == NULL)
        return -1;
    char *text =
        arena_format(context->arena, "%.*s/%.*s:%.*s", SPAN_FORMAT(host), SPAN_FORMAT(repository), SPAN_FORMAT(tag));
    if (text == NULL)
        return err_set(err, ERR_NOMEM, 0, "listing: out of memory after %zu names", listing->names);
    reference.text = span_text(text);
    reference.registry = span_slice(reference.text, 0, host.size);
    reference.repository = span_slice(reference.text, host.size + 1, repository.size);
    reference.tag = span_from(reference.text, reference.text.size - tag.size);
    if (!listing->spec.each(listing->spec.done_context, source, &reference))
        listing->held = true;
    return 0;
}

void listing_image(struct listing *listing, struct span host, struct span repository, struct span tag,
                   struct span digest, struct span created) {
    struct err err = {0};
    listing->names++;
    if (image_add(listing, host, repository, tag, digest, created, &err) < 0)
        listing_fault(listing, &err);
}

/* ---- the whole ---- */

struct listing *listing_start(const struct listing_spec *spec) {
    struct err err = {0};
    struct listing *listing = mem_zalloc(sizeof *listing);
    if (listing == NULL) {
        spec->done(spec->done_context, (err_set(&err, ERR_NOMEM, 0, "listing: out of memory"), &err));
        return NULL;
    }
    listing->spec = *spec;
    if (spec->kind->start(listing, &err) < 0)
        listing_fault(listing, &err);
    listing_step(listing);
    return listing;
}

void listing_resume(struct listing *listing) {
    if (listing == NULL)
        return;
    listing->held = false;
    listing_step(listing);
}

void listing_free(struct listing *listing) {
    struct listing_chain *chain;
    if (listing == NULL)
        return;
    assert(listing->in_flight == 0);
    while ((chain = chain_take(listing)) != NULL)
        chain_free(chain);
    for (size_t level = 0; level < LISTING_LEVELS; level++)
        vec_release(&listing->waiting[level]);
    mem_free(listing);
}
