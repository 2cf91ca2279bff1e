/* Registries. Spec: OCI distribution-spec 1.1: "Pulling manifests", "Pulling blobs". What they hold is listed by
 * listing.h. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/source/listing.h"
#include "io/source/manifest_schema1.h"
#include "io/source/reference.h"
#include "io/source/source.h"

struct registry_source {
    struct source source;
    struct span host;
    struct reference reference; /* the one image, unless `whole` */
    bool whole;
    char *base;                   /* "https://host/v2/" */
    struct listing *listing;      /* while `whole` is listed and after it; or NULL */
    struct registry_login *login; /* or NULL */
};

static const char *const manifest_headers[] = {
    "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    /* Schema 1 last: a registry that has the others gives them. */
    "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5, "
    "application/vnd.docker.distribution.manifest.v1+json;q=0.5",
    NULL,
};

static void registry_close(struct source *source) {
    listing_free(((struct registry_source *)source)->listing);
    mem_free(source);
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
        const char *host = docker_hub ? "registry-1.docker.io" : NULL;
        registry->base = host != NULL
                             ? arena_format(context->arena, "https://%s/v2/", host)
                             : arena_format(context->arena, "%s://%.*s/v2/", source_scheme(context, registry->host),
                                            SPAN_FORMAT(registry->host));
        if (registry->base == NULL)
            result = err_set(err, ERR_NOMEM, 0, "registry: out of memory");
        else if (context->auth != NULL)
            result = registry_auth_login(context->auth, registry->host, span_starts(span_text(registry->base), "http:"),
                                         &registry->login, err);
    }
    if (result < 0) {
        registry_close(&registry->source);
        return -1;
    }
    *ret_source = &registry->source;
    return 0;
}

/* A request about a repository, or about the registry itself where that is empty. */
static struct http_spec spec_make(const struct registry_source *registry, struct span repository, const char *url,
                                  size_t bytes_max) {
    struct registry_login *login = registry->login;
    return (struct http_spec){
        .url = url, .bytes_max = bytes_max, .gate = login == NULL ? NULL : registry_login_gate(login, repository)};
}

/* ---- listing ---- */

static void list_one(struct registry_source *registry, source_list_fn each, source_done_fn done, void *context) {
    struct err err = {0};
    /* HOST/REPOSITORY:TAG@DIGEST is the tag as it was when somebody looked: rows have the name with the tag. */
    struct reference named = registry->reference;
    named.by_digest = named.tag.size == 0;
    char *text = reference_text(registry->source.context->arena, &named);
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
    (void)each(context, &registry->source, &reference); /* there is no further page to hold back */
    done(context, NULL);
}

/* The catalogue is the registry's own, a list of tags the repository's: each needs a token of its own. */
static int page_get(void *owner, struct listing_chain *chain, http_buffer_fn done, struct err *err) {
    const struct registry_source *registry = owner;
    struct span repository = span_text(chain->level == 0 ? "" : chain->name);
    struct http_spec spec = spec_make(registry, repository, chain->url, LIMIT_PAGE_BYTES);
    return http_get_buffer(registry->source.context->http, &spec, done, chain, NULL, err);
}

static struct source *source_of(void *owner, struct span host, struct err *err) {
    (void)host;
    (void)err;
    return owner;
}

static void registry_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct registry_source *registry = (struct registry_source *)source;
    struct err err = {0};
    if (!registry->whole) {
        list_one(registry, each, done, context);
        return;
    }
    char *base =
        arena_text(source->context->arena, span_slice(span_text(registry->base), 0, strlen(registry->base) - 4));
    if (base == NULL) {
        done(context, (err_set(&err, ERR_NOMEM, 0, "registry: out of memory"), &err));
        return;
    }
    registry->listing = listing_start(&(struct listing_spec){.context = source->context,
                                                             .kind = &listing_catalog,
                                                             .host = registry->host,
                                                             .base = base,
                                                             .owner = registry,
                                                             .get = page_get,
                                                             .source_of = source_of,
                                                             .each = each,
                                                             .done = done,
                                                             .done_context = context});
}

static void registry_list_resume(struct source *source) { listing_resume(((struct registry_source *)source)->listing); }

/* ---- manifests and small blobs ---- */

struct fetch {
    struct descriptor descriptor; /* digest DIGEST_NONE: whatever the server says it is */
    bool is_manifest;
    source_bytes_fn fn;
    void *context;
};

/* A tag names no digest, so nothing but the server's own word tells a manifest that was damaged on its way from
 * another. The digest of a signed schema 1 manifest is not that of its bytes: it leaves the signatures out. */
static int named_by_server(const struct http_result *result, struct span body, struct digest *ret_digest,
                           struct err *err) {
    struct err unreadable = {0};
    struct descriptor told = {.digest = {.algorithm = DIGEST_NONE}};
    bool signed_apart = span_find(span_text(result->content_type), span_text("prettyjws"), 0) != SIZE_MAX;
    if (signed_apart || digest_parse(span_text(result->content_digest), &told.digest, &unreadable) < 0)
        return digest_of(DIGEST_SHA256, body, ret_digest, err);
    if (source_verify(&told, body, err) < 0)
        return err_wrap(err, "manifest, as Docker-Content-Digest names it");
    *ret_digest = told.digest;
    return 0;
}

static void on_bytes(void *context, const struct http_result *result, struct span body) {
    struct fetch *fetch = context;
    struct err err = result->err;
    struct digest digest = fetch->descriptor.digest;
    struct arena arena;
    arena_init(&arena, 0, 16 * LIMIT_MANIFEST_BYTES);
    if (err.code == ERR_NONE && fetch->is_manifest)
        body = manifest_signed_part(&arena, body);
    if (err.code == ERR_NONE && digest.algorithm == DIGEST_NONE)
        (void)named_by_server(result, body, &digest, &err);
    else if (err.code == ERR_NONE)
        (void)source_verify(&fetch->descriptor, body, &err);
    if (err.code == ERR_NONE)
        fetch->fn(fetch->context, body, &digest, NULL);
    else
        fetch->fn(fetch->context, (struct span){NULL, 0}, NULL, &err);
    arena_release(&arena);
    mem_free(fetch);
}

static void fetch_start(struct registry_source *registry, const struct http_spec *spec,
                        const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct err err = {0};
    struct fetch *fetch = mem_zalloc(sizeof *fetch);
    if (fetch == NULL) {
        fn(context, (struct span){NULL, 0}, NULL, (err_set(&err, ERR_NOMEM, 0, "registry: out of memory"), &err));
        return;
    }
    *fetch = (struct fetch){.is_manifest = spec->headers == manifest_headers, .fn = fn, .context = context};
    if (descriptor != NULL)
        fetch->descriptor = *descriptor;
    if (http_get_buffer(registry->source.context->http, spec, on_bytes, fetch, NULL, &err) < 0) {
        mem_free(fetch);
        fn(context, (struct span){NULL, 0}, NULL, &err);
    }
}

/* "https://host/v2/REPOSITORY/KIND/NAME"; freed by the caller. */
static char *object_url(const struct registry_source *registry, const struct source_reference *reference,
                        const char *kind, const char *name) {
    struct buf url;
    buf_init(&url, 0);
    buf_format(&url, "%s%.*s/%s/%s", registry->base, SPAN_FORMAT(reference->repository), kind, name);
    char *text = url.failed ? NULL : mem_text(url.data, url.size);
    buf_release(&url);
    return text;
}

/* The URL of a reference's manifest, by digest where one is known; freed by the caller. */
static char *manifest_url(const struct registry_source *registry, const struct source_reference *reference,
                          const struct digest *digest) {
    char name[DIGEST_TEXT_SIZE];
    if (digest != NULL)
        digest_text(digest, name);
    else
        (void)snprintf(name, sizeof name, "%.*s", SPAN_FORMAT(reference->tag));
    return object_url(registry, reference, "manifests", name);
}

static void registry_manifest(struct source *source, const struct source_reference *reference,
                              const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct registry_source *registry = (struct registry_source *)source;
    struct descriptor named = {.digest = reference->digest};
    if (descriptor == NULL && reference->has_digest)
        descriptor = &named;
    AUTO_FREE char *url = manifest_url(registry, reference, descriptor == NULL ? NULL : &descriptor->digest);
    struct http_spec spec = spec_make(registry, reference->repository, url == NULL ? "" : url, LIMIT_MANIFEST_BYTES);
    spec.headers = manifest_headers;
    fetch_start(registry, &spec, descriptor, fn, context);
}

struct head {
    source_head_fn fn;
    void *context;
};

static void on_head(void *context, const struct http_result *result) {
    struct head *head = context;
    struct digest digest = {.algorithm = DIGEST_NONE};
    struct err err = result->err, unreadable = {0};
    /* A server that knows no HEAD, or whose digest we cannot read: the manifest itself will tell. */
    if (result->status == 405)
        err.code = ERR_NONE;
    if (err.code == ERR_NONE && digest_parse(span_text(result->content_digest), &digest, &unreadable) < 0)
        digest.algorithm = DIGEST_NONE;
    head->fn(head->context, err.code == ERR_NONE ? &digest : NULL, err.code == ERR_NONE ? NULL : &err);
    mem_free(head);
}

static void registry_head(struct source *source, const struct source_reference *reference, source_head_fn fn,
                          void *context) {
    struct registry_source *registry = (struct registry_source *)source;
    struct err err = {0};
    struct head *head = mem_zalloc(sizeof *head);
    AUTO_FREE char *url = manifest_url(registry, reference, reference->has_digest ? &reference->digest : NULL);
    if (head == NULL || url == NULL) {
        mem_free(head);
        fn(context, NULL, (err_set(&err, ERR_NOMEM, 0, "registry: out of memory"), &err));
        return;
    }
    *head = (struct head){fn, context};
    struct http_spec spec = spec_make(registry, reference->repository, url, 0);
    spec.head = true;
    spec.headers = manifest_headers;
    spec.done = on_head;
    spec.context = head;
    if (http_start(source->context->http, &spec, NULL, &err) < 0) {
        mem_free(head);
        fn(context, NULL, &err);
    }
}

static void registry_blob(struct source *source, const struct source_reference *reference,
                          const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn, void *context) {
    struct registry_source *registry = (struct registry_source *)source;
    char name[DIGEST_TEXT_SIZE];
    AUTO_FREE char *url = object_url(registry, reference, "blobs", digest_text(&descriptor->digest, name));
    struct http_spec spec = spec_make(registry, reference->repository, url == NULL ? "" : url, bytes_max);
    fetch_start(registry, &spec, descriptor, fn, context);
}

/* ---- layers ---- */

static enum http_flow on_layer_bytes(void *context, struct span bytes, size_t *ret_taken, struct err *err) {
    (void)err;
    *ret_taken = stream_put(context, bytes);
    return *ret_taken == bytes.size ? HTTP_CONTINUE : HTTP_PAUSE;
}

static void on_layer_done(void *context, const struct http_result *result) {
    struct stream *stream = context;
    stream_attach(stream, NULL, NULL, NULL); /* the request's handle dies here */
    stream_end(stream, result->err.code == ERR_NONE ? NULL : &result->err);
}

static void layer_resume(void *context) { http_resume(context); }

static void layer_cancel(void *context) { http_cancel(context); }

static void registry_stream(struct source *source, const struct source_reference *reference,
                            const struct descriptor *descriptor, struct stream *stream) {
    struct registry_source *registry = (struct registry_source *)source;
    char name[DIGEST_TEXT_SIZE];
    struct err err = {0};
    struct http_request *request = NULL;
    AUTO_FREE char *url = object_url(registry, reference, "blobs", digest_text(&descriptor->digest, name));
    struct http_spec spec = spec_make(registry, reference->repository, url == NULL ? "" : url, 0);
    spec.body = on_layer_bytes;
    spec.done = on_layer_done;
    spec.context = stream;
    if (http_start(source->context->http, &spec, &request, &err) < 0)
        stream_end(stream, &err);
    else
        stream_attach(stream, layer_resume, layer_cancel, request);
}

static const char *const prefixes[] = {"registry://", "registry:", NULL};

const struct source_ops source_registry_ops = {
    .kind = "registry",
    .prefixes = prefixes,
    .open = registry_open,
    .list = registry_list,
    .list_resume = registry_list_resume,
    .manifest = registry_manifest,
    .head = registry_head,
    .blob = registry_blob,
    .stream = registry_stream,
    .close = registry_close,
};
