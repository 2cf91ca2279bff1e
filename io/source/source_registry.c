/* Registries. Spec: OCI distribution-spec 1.1: "Pulling manifests", "Pulling blobs", "Listing Tags"; the catalogue is
 * the CNCF distribution's GET /v2/_catalog. Both listings are paged by a Link header (RFC 8288, rel="next"). */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/source/reference.h"
#include "io/source/source.h"

#define PAGE_NAMES 1000
#define TAG_LISTINGS_MAX ((size_t)32) /* in flight; more only fill the queue of the HTTP client */

/* A registry that is asked: a mirror, or the one that the reference names. */
struct endpoint {
    const char *base;             /* "https://host/v2/" */
    struct registry_login *login; /* or NULL */
};

struct registry_source {
    struct source source;
    struct span host;
    struct reference reference; /* the one image, unless `whole` */
    bool whole;
    struct endpoint *endpoints; /* the mirrors, then the registry itself */
    size_t endpoint_count;
    const struct endpoint *origin; /* the last of them */
};

static const char *const manifest_headers[] = {
    "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json",
    NULL,
};

static void registry_close(struct source *source) { mem_free(source); }

/* A registry on this machine is spoken to in plain HTTP, as the container engines do. */
static bool is_loopback(struct span host) {
    struct span name = host;
    size_t colon = span_index_last(host, ':');
    if (colon != SIZE_MAX && !span_ends(host, "]"))
        name.size = colon;
    return span_is(name, "localhost") || span_starts(name, "127.") || span_is(name, "[::1]");
}

static int endpoint_open(const struct source_context *context, struct span host, struct endpoint *ret_endpoint,
                         struct err *err) {
    bool docker_hub = span_is(host, "docker.io");
    bool plain = !docker_hub && (context->plain_http || (is_loopback(host) && !context->tls));
    struct span name = docker_hub ? span_text("registry-1.docker.io") : host;
    struct endpoint endpoint = {
        .base = arena_format(context->arena, "%s://%.*s/v2/", plain ? "http" : "https", SPAN_FORMAT(name))};
    if (endpoint.base == NULL)
        return err_set(err, ERR_NOMEM, 0, "registry: out of memory");
    if (context->auth != NULL && registry_auth_login(context->auth, host, plain, &endpoint.login, err) < 0)
        return -1;
    *ret_endpoint = endpoint;
    return 0;
}

/* The registry itself and its mirrors. */
static int endpoints_open(struct registry_source *registry, struct err *err) {
    const struct source_context *context = registry->source.context;
    size_t count = 0;
    registry->endpoints = arena_array(context->arena, context->mirror_count + 1, sizeof *registry->endpoints);
    if (registry->endpoints == NULL)
        return err_set(err, ERR_NOMEM, 0, "registry: out of memory");
    for (size_t i = 0; i < context->mirror_count; i++) {
        const struct source_mirror *mirror = &context->mirrors[i];
        if (span_equal(mirror->host, registry->host) &&
            endpoint_open(context, mirror->mirror, &registry->endpoints[count++], err) < 0)
            return err_wrap(err, "mirror %.*s", SPAN_FORMAT(mirror->mirror));
    }
    registry->origin = &registry->endpoints[count];
    registry->endpoint_count = count + 1;
    return endpoint_open(context, registry->host, &registry->endpoints[count], err);
}

static int registry_open(const struct source_context *context, struct span target, struct span location,
                         struct source **ret_source, struct err *err) {
    struct registry_source *registry = mem_zalloc(sizeof *registry);
    if (registry == NULL)
        return err_set(err, ERR_NOMEM, 0, "registry: out of memory");
    *registry = (struct registry_source){.source = {&source_registry_ops, context}};
    struct span text = arena_copy(context->arena, location);
    registry->whole = source_is_registry(target);
    int result = text.data == NULL ? err_set(err, ERR_NOMEM, 0, "registry: out of memory") : 0;
    if (result == 0 && registry->whole) {
        /* A dummy repository lets the reference grammar check the host. */
        char *probe = arena_format(context->arena, "%.*s/x", SPAN_FORMAT(text));
        result = probe == NULL ? err_set(err, ERR_NOMEM, 0, "registry: out of memory")
                               : reference_parse(span_text(probe), &registry->reference, err);
        if (result == 0 && !span_equal(registry->reference.registry, text))
            result = err_set(err, ERR_USAGE, 0, "registry '%.*s': expected a host with a dot, a port, or localhost",
                             SPAN_FORMAT(text));
        registry->host = text;
    } else if (result == 0) {
        result = reference_parse(text, &registry->reference, err);
        registry->host = registry->reference.registry;
    }
    if (result == 0) {
        bool docker_hub = span_is(registry->host, "docker.io");
        if (docker_hub && !registry->whole && span_index(registry->reference.repository, '/', 0) == SIZE_MAX) {
            char *library = arena_format(context->arena, "library/%.*s", SPAN_FORMAT(registry->reference.repository));
            registry->reference.repository = span_text(library == NULL ? "" : library);
        }
        result = endpoints_open(registry, err);
    }
    if (result < 0) {
        registry_close(&registry->source);
        return -1;
    }
    *ret_source = &registry->source;
    return 0;
}

/* A request about a repository, or about the registry itself where that is empty. NOMEM. */
static int spec_make(const struct endpoint *endpoint, struct span repository, const char *url, size_t bytes_max,
                     struct http_spec *ret_spec, struct err *err) {
    struct http_gate *gate = NULL;
    if (endpoint->login != NULL && (gate = registry_login_gate(endpoint->login, repository)) == NULL)
        return err_set(err, ERR_NOMEM, 0, "registry: out of memory");
    *ret_spec = (struct http_spec){.url = url, .bytes_max = bytes_max, .gate = gate};
    return 0;
}

/* ---- listing ---- */

struct listing {
    struct registry_source *registry;
    source_list_fn each;
    source_done_fn done;
    void *context;
    VEC(struct span) repositories; /* still to be listed: a stack */
    size_t in_flight;              /* requests */
    bool catalog_done;
    struct err err; /* the first failure: the listing ends with it, the rest is listed all the same */
};

struct page {
    struct listing *listing;
    struct span repository; /* empty: a page of the catalogue */
    size_t number;
};

static void listing_fail(struct listing *listing, const struct err *err) {
    if (listing->err.code == ERR_NONE)
        listing->err = *err;
}

/* The URL of the next page out of a Link header, or NULL. Relative ones are resolved against the registry; others may
 * not leave it, since the credentials go there. */
static char *next_page(const struct registry_source *registry, const char *link, struct err *err) {
    struct span header = span_text(link);
    size_t open = span_index(header, '<', 0), close_at = span_index(header, '>', 0);
    if (open == SIZE_MAX || close_at == SIZE_MAX || close_at < open ||
        span_find(header, span_text("next"), close_at) == SIZE_MAX)
        return NULL;
    struct span url = span_slice(header, open + 1, close_at - open - 1);
    const struct source_context *context = registry->source.context;
    struct span base = span_text(registry->origin->base); /* "https://host/v2/" */
    struct span origin = span_slice(base, 0, base.size - 4);
    char *text = NULL;
    if (url.size > 0 && url.data[0] == '/' && !span_starts(url, "//"))
        text = arena_format(context->arena, "%.*s%.*s", SPAN_FORMAT(origin), SPAN_FORMAT(url));
    else if (span_equal(span_slice(url, 0, base.size), base))
        text = arena_text(context->arena, url);
    if (text == NULL) {
        char quoted[96];
        (void)err_set(err, ERR_FORMAT, 0, "%.*s: next page '%s': expected a path of the same registry",
                      SPAN_FORMAT(origin), text_quote(url, quoted, sizeof quoted));
    }
    return text;
}

static void listing_step(struct listing *listing);
static void on_page(void *context, const struct http_result *result, struct span body);

static void page_request(struct listing *listing, struct span repository, size_t number, const char *url) {
    struct registry_source *registry = listing->registry;
    struct err err = {0};
    struct page *page = mem_zalloc(sizeof *page);
    struct http_spec spec = {0};
    if (page == NULL) {
        (void)err_set(&err, ERR_NOMEM, 0, "listing: out of memory");
    } else {
        *page = (struct page){listing, repository, number};
        if (spec_make(registry->origin, repository, url, LIMIT_PAGE_BYTES, &spec, &err) == 0 &&
            http_get_buffer(registry->source.context->http, &spec, on_page, page, NULL, &err) == 0) {
            listing->in_flight++;
            return;
        }
        mem_free(page);
    }
    listing_fail(listing, &err);
}

static void tags_request(struct listing *listing, struct span repository) {
    char *url = arena_format(listing->registry->source.context->arena, "%s%.*s/tags/list?n=%d",
                             listing->registry->origin->base, SPAN_FORMAT(repository), PAGE_NAMES);
    struct err err = {0};
    if (url != NULL)
        page_request(listing, repository, 1, url);
    else
        listing_fail(listing, (err_set(&err, ERR_NOMEM, 0, "listing: out of memory"), &err));
}

/* Starts what may be started; ends the listing when nothing is left. */
static void listing_step(struct listing *listing) {
    while (listing->repositories.count > 0 && listing->in_flight < TAG_LISTINGS_MAX)
        tags_request(listing, listing->repositories.data[--listing->repositories.count]);
    if (listing->in_flight > 0 || !listing->catalog_done)
        return;
    listing->done(listing->context, listing->err.code == ERR_NONE ? NULL : &listing->err);
    vec_release(&listing->repositories);
    mem_free(listing);
}

static int repository_add(struct listing *listing, struct span name, struct err *err) {
    char quoted[96];
    if (!reference_repository_is_valid(name))
        return err_set(err, ERR_FORMAT, 0, "catalogue: '%s' is no repository name",
                       text_quote(name, quoted, sizeof quoted));
    struct span copy = arena_copy(listing->registry->source.context->arena, name);
    if (copy.data == NULL || !vec_push(&listing->repositories, copy))
        return err_set(err, ERR_NOMEM, 0, "catalogue: out of memory after %zu repositories",
                       listing->repositories.count);
    return 0;
}

static int tag_add(struct listing *listing, struct span repository, struct span tag, struct err *err) {
    struct registry_source *registry = listing->registry;
    struct arena *arena = registry->source.context->arena;
    char quoted[96];
    if (!reference_tag_is_valid(tag))
        return err_set(err, ERR_FORMAT, 0, "tags of %.*s: '%s' is no tag", SPAN_FORMAT(repository),
                       text_quote(tag, quoted, sizeof quoted));
    char *text =
        arena_format(arena, "%.*s/%.*s:%.*s", SPAN_FORMAT(registry->host), SPAN_FORMAT(repository), SPAN_FORMAT(tag));
    if (text == NULL)
        return err_set(err, ERR_NOMEM, 0, "tags of %.*s: out of memory", SPAN_FORMAT(repository));
    struct source_reference reference = {.text = span_text(text), .registry = registry->host, .repository = repository};
    reference.tag = span_from(reference.text, reference.text.size - tag.size);
    listing->each(listing->context, &registry->source, &reference);
    return 0;
}

static int page_read(struct page *page, struct span body, struct err *err) {
    struct listing *listing = page->listing;
    bool catalog = page->repository.size == 0;
    struct arena arena;
    struct doc *root = NULL;
    arena_init(&arena, 0, 16 * LIMIT_PAGE_BYTES);
    int result = json_parse(&arena, body, doc_limits_default(), &root, err);
    const struct doc *names = doc_get_last(root, catalog ? "repositories" : "tags");
    if (result == 0 && names != NULL && !doc_is(names, DOC_ARRAY) && !doc_is(names, DOC_NULL))
        result = err_set(err, ERR_FORMAT, 0, "expected an array of names");
    for (const struct doc *name = doc_first(names); result == 0 && name != NULL; name = name->next) {
        /* One bad name does not end the listing: it is reported and the others go on. */
        struct err bad = {0};
        if ((catalog ? repository_add(listing, doc_text(name), &bad)
                     : tag_add(listing, page->repository, doc_text(name), &bad)) < 0)
            listing_fail(listing, &bad);
    }
    arena_release(&arena);
    return result;
}

static void on_page(void *context, const struct http_result *result, struct span body) {
    struct page *page = context;
    struct listing *listing = page->listing;
    struct registry_source *registry = listing->registry;
    struct err err = result->err;
    bool catalog = page->repository.size == 0;
    char *next = NULL;
    listing->in_flight--;
    /* An empty repository answers 404 NAME_UNKNOWN: registries keep the name of one whose last tag was deleted. */
    bool empty = !catalog && err.code == ERR_NOTFOUND;
    if (err.code == ERR_NONE && page_read(page, body, &err) == 0)
        next = next_page(registry, result->link, &err);
    if (next != NULL && page->number >= LIMIT_PAGES)
        (void)err_set(&err, ERR_LIMIT, 0, "expected at most %zu pages: the listing goes round in circles", LIMIT_PAGES);
    else if (next != NULL && strcmp(next, result->url) == 0)
        (void)err_set(&err, ERR_FORMAT, 0, "the next page is the page itself");
    else if (next != NULL)
        page_request(listing, page->repository, page->number + 1, next);
    if (err.code != ERR_NONE && !empty) {
        (void)err_wrap(&err, "%s of %.*s", catalog ? "catalogue" : "tags",
                       SPAN_FORMAT(catalog ? registry->host : page->repository));
        listing_fail(listing, &err);
    }
    if (catalog)
        listing->catalog_done = listing->catalog_done || next == NULL || err.code != ERR_NONE;
    mem_free(page);
    listing_step(listing);
}

static void list_one(struct registry_source *registry, source_list_fn each, source_done_fn done, void *context) {
    struct err err = {0};
    char *text = reference_text(registry->source.context->arena, &registry->reference);
    if (text == NULL) {
        done(context, (err_set(&err, ERR_NOMEM, 0, "registry: out of memory"), &err));
        return;
    }
    struct source_reference reference = {.text = span_text(text),
                                         .registry = registry->host,
                                         .repository = registry->reference.repository,
                                         .tag = registry->reference.tag,
                                         .has_digest = registry->reference.by_digest,
                                         .digest = registry->reference.digest};
    each(context, &registry->source, &reference);
    done(context, NULL);
}

static void registry_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct registry_source *registry = (struct registry_source *)source;
    if (!registry->whole) {
        list_one(registry, each, done, context);
        return;
    }
    struct err err = {0};
    struct listing *listing = mem_zalloc(sizeof *listing);
    char *url = arena_format(source->context->arena, "%s_catalog?n=%d", registry->origin->base, PAGE_NAMES);
    if (listing == NULL || url == NULL) {
        mem_free(listing);
        done(context, (err_set(&err, ERR_NOMEM, 0, "registry: out of memory"), &err));
        return;
    }
    *listing = (struct listing){.registry = registry, .each = each, .done = done, .context = context};
    page_request(listing, (struct span){NULL, 0}, 1, url);
    if (listing->in_flight == 0) {
        listing->catalog_done = true;
        listing_step(listing);
    }
}

/* ---- manifests and blobs ---- */

/* One object, asked for at one registry after another. */
struct fetch {
    struct registry_source *registry;
    size_t endpoint; /* which is asked now */
    struct span repository;
    const char *kind; /* "manifests" or "blobs" */
    char name[DIGEST_TEXT_SIZE];
    struct descriptor descriptor; /* digest DIGEST_NONE: whatever comes is right */
    size_t bytes_max;
    /* What is made of it: one of the three. */
    source_bytes_fn bytes_fn;
    source_head_fn head_fn;
    struct stream *stream;
    void *context;  /* of the functions */
    uint64_t taken; /* of a layer: bytes that the stream has */
};

static void on_bytes(void *context, const struct http_result *result, struct span body);
static void on_head(void *context, const struct http_result *result);
static enum http_flow on_layer_bytes(void *context, struct span bytes, size_t *ret_taken, struct err *err);
static void on_layer_done(void *context, const struct http_result *result);

static void layer_resume(void *context) { http_resume(context); }

static void layer_cancel(void *context) { http_cancel(context); }

/* Asks the endpoint. The answer ends in one of the callbacks above. */
static int fetch_ask(struct fetch *fetch, struct err *err) {
    const struct endpoint *endpoint = &fetch->registry->endpoints[fetch->endpoint];
    struct http *http = fetch->registry->source.context->http;
    struct http_request *request = NULL;
    struct buf url;
    buf_init(&url, 0);
    buf_format(&url, "%s%.*s/%s/%s", endpoint->base, SPAN_FORMAT(fetch->repository), fetch->kind, fetch->name);
    buf_byte(&url, '\0');
    if (url.failed) {
        buf_release(&url);
        return err_set(err, ERR_NOMEM, 0, "registry: out of memory");
    }
    struct http_spec spec = {0};
    if (spec_make(endpoint, fetch->repository, (const char *)url.data, fetch->bytes_max, &spec, err) < 0) {
        buf_release(&url);
        return -1;
    }
    if (strcmp(fetch->kind, "manifests") == 0)
        spec.headers = manifest_headers;
    spec.context = fetch;
    spec.head = fetch->head_fn != NULL;
    spec.offset = fetch->taken;
    spec.body = on_layer_bytes;
    spec.done = fetch->head_fn != NULL ? on_head : on_layer_done;
    int result = fetch->bytes_fn != NULL ? http_get_buffer(http, &spec, on_bytes, fetch, NULL, err)
                                         : http_start(http, &spec, &request, err);
    if (result == 0 && fetch->stream != NULL)
        stream_attach(fetch->stream, layer_resume, layer_cancel, request);
    buf_release(&url);
    return result;
}

/* After a failure: whether another registry has been asked. What a mirror does not have, or has wrong, is its own
 * affair; of a layer it may have sent the beginning. */
static bool fetch_elsewhere(struct fetch *fetch, const struct err *err) {
    struct err ignored = {0};
    if (err->code == ERR_CANCELED || err->code == ERR_NOMEM)
        return false;
    while (fetch->endpoint + 1 < fetch->registry->endpoint_count) {
        fetch->endpoint++;
        if (fetch_ask(fetch, &ignored) == 0)
            return true;
    }
    return false;
}

/* The last word about an object that could not be had. */
static void fail(const struct fetch *fetch, const struct err *err) {
    if (fetch->bytes_fn != NULL)
        fetch->bytes_fn(fetch->context, (struct span){NULL, 0}, NULL, err);
    else if (fetch->head_fn != NULL)
        fetch->head_fn(fetch->context, NULL, err);
    else
        stream_end(fetch->stream, err);
}

static void fetch_fail(struct fetch *fetch, const struct err *err) {
    if (fetch_elsewhere(fetch, err))
        return;
    fail(fetch, err);
    mem_free(fetch);
}

static void on_bytes(void *context, const struct http_result *result, struct span body) {
    struct fetch *fetch = context;
    struct err err = result->err;
    struct digest digest = fetch->descriptor.digest;
    if (err.code == ERR_NONE && digest.algorithm == DIGEST_NONE)
        (void)digest_of(DIGEST_SHA256, body, &digest, &err);
    else if (err.code == ERR_NONE)
        (void)source_verify(&fetch->descriptor, body, &err);
    if (err.code != ERR_NONE) {
        fetch_fail(fetch, &err);
        return;
    }
    fetch->bytes_fn(fetch->context, body, &digest, NULL);
    mem_free(fetch);
}

static void on_head(void *context, const struct http_result *result) {
    struct fetch *fetch = context;
    struct digest digest = {.algorithm = DIGEST_NONE};
    struct err unreadable = {0};
    /* A server that knows no HEAD, or whose digest we cannot read: the manifest itself will tell. */
    if (result->err.code != ERR_NONE && result->status != 405) {
        fetch_fail(fetch, &result->err);
        return;
    }
    if (digest_parse(span_text(result->content_digest), &digest, &unreadable) < 0)
        digest.algorithm = DIGEST_NONE;
    fetch->head_fn(fetch->context, &digest, NULL);
    mem_free(fetch);
}

static enum http_flow on_layer_bytes(void *context, struct span bytes, size_t *ret_taken, struct err *err) {
    struct fetch *fetch = context;
    (void)err;
    *ret_taken = stream_put(fetch->stream, bytes);
    fetch->taken += *ret_taken;
    return *ret_taken == bytes.size ? HTTP_CONTINUE : HTTP_PAUSE;
}

static void on_layer_done(void *context, const struct http_result *result) {
    struct fetch *fetch = context;
    stream_attach(fetch->stream, NULL, NULL, NULL); /* the request's handle dies here */
    if (result->err.code != ERR_NONE) {
        fetch_fail(fetch, &result->err);
        return;
    }
    stream_end(fetch->stream, NULL);
    mem_free(fetch);
}

/* Starts what `wanted` describes; the name is the digest, or the reference's tag where that is NULL. */
static void fetch_start(const struct fetch *wanted, const struct source_reference *reference,
                        const struct digest *digest) {
    struct err err = {0};
    struct fetch *fetch = mem_alloc(sizeof *fetch);
    if (fetch == NULL) {
        fail(wanted, (err_set(&err, ERR_NOMEM, 0, "registry: out of memory"), &err));
        return;
    }
    *fetch = *wanted;
    fetch->repository = reference->repository;
    if (digest != NULL)
        digest_text(digest, fetch->name);
    else
        (void)snprintf(fetch->name, sizeof fetch->name, "%.*s", SPAN_FORMAT(reference->tag));
    if (fetch_ask(fetch, &err) < 0)
        fetch_fail(fetch, &err);
}

static void registry_manifest(struct source *source, const struct source_reference *reference,
                              const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct fetch wanted = {.registry = (struct registry_source *)source,
                           .kind = "manifests",
                           .bytes_max = LIMIT_MANIFEST_BYTES,
                           .bytes_fn = fn,
                           .context = context};
    if (descriptor != NULL)
        wanted.descriptor = *descriptor;
    else if (reference->has_digest)
        wanted.descriptor.digest = reference->digest;
    bool named = descriptor != NULL || reference->has_digest;
    fetch_start(&wanted, reference, named ? &wanted.descriptor.digest : NULL);
}

static void registry_head(struct source *source, const struct source_reference *reference, source_head_fn fn,
                          void *context) {
    struct fetch wanted = {
        .registry = (struct registry_source *)source, .kind = "manifests", .head_fn = fn, .context = context};
    fetch_start(&wanted, reference, reference->has_digest ? &reference->digest : NULL);
}

static void registry_blob(struct source *source, const struct source_reference *reference,
                          const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn, void *context) {
    struct fetch wanted = {.registry = (struct registry_source *)source,
                           .kind = "blobs",
                           .descriptor = *descriptor,
                           .bytes_max = bytes_max,
                           .bytes_fn = fn,
                           .context = context};
    fetch_start(&wanted, reference, &descriptor->digest);
}

/* ---- layers ---- */

static void registry_stream(struct source *source, const struct source_reference *reference,
                            const struct descriptor *descriptor, struct stream *stream) {
    struct fetch wanted = {.registry = (struct registry_source *)source, .kind = "blobs", .stream = stream};
    fetch_start(&wanted, reference, &descriptor->digest);
}

static const char *const prefixes[] = {"registry://", "registry:", NULL};

const struct source_ops source_registry_ops = {
    .kind = "registry",
    .prefixes = prefixes,
    .open = registry_open,
    .list = registry_list,
    .manifest = registry_manifest,
    .head = registry_head,
    .blob = registry_blob,
    .stream = registry_stream,
    .close = registry_close,
};
