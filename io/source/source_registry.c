/* Registries. Spec: OCI distribution-spec 1.1: "Pulling manifests", "Pulling blobs". What they hold is listed by
 * listing.h. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/source/listing.h"
#include "io/source/manifest_schema1.h"
#include "io/source/reference.h"
#include "io/source/source.h"

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
    struct listing *listing;       /* while `whole` is listed and after it; or NULL */
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

static int endpoint_open(const struct source_context *context, struct span host, struct endpoint *ret_endpoint,
                         struct err *err) {
    bool docker_hub = span_is(host, "docker.io");
    bool plain = !docker_hub && strcmp(source_scheme(context, host), "http") == 0;
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
            if (library == NULL)
                result = err_set(err, ERR_NOMEM, 0, "registry: out of memory");
            else
                registry->reference.repository = span_text(library);
        }
        if (result == 0)
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
static int spec_make(const struct endpoint *endpoint, struct span repository, const char *url, uint64_t bytes_max,
                     struct http_spec *ret_spec, struct err *err) {
    struct http_gate *gate = NULL;
    if (endpoint->login != NULL && (gate = registry_login_gate(endpoint->login, repository)) == NULL)
        return err_set(err, ERR_NOMEM, 0, "registry: out of memory");
    *ret_spec = (struct http_spec){.url = url, .bytes_max = bytes_max, .gate = gate};
    return 0;
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
    if (source_wants(registry->source.context, reference.repository, reference.tag))
        (void)each(context, &registry->source, &reference); /* there is no further page to hold back */
    done(context, NULL);
}

/* The catalogue is the registry's own, a list of tags the repository's: each needs a token of its own. */
static int page_get(void *owner, struct listing_chain *chain, http_buffer_fn done, struct err *err) {
    const struct registry_source *registry = owner;
    struct span repository = span_text(chain->level == 0 ? "" : chain->name);
    struct http_spec spec = {0};
    if (spec_make(registry->origin, repository, chain->url, LIMIT_PAGE_BYTES, &spec, err) < 0)
        return -1;
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
    char *base = arena_text(source->context->arena,
                            span_slice(span_text(registry->origin->base), 0, strlen(registry->origin->base) - 4));
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

/* ---- manifests and blobs ---- */

/* One object, asked for at one registry after another. */
struct fetch {
    struct registry_source *registry;
    size_t endpoint; /* which is asked now */
    struct span repository;
    const char *kind; /* "manifests" or "blobs" */
    char name[DIGEST_TEXT_SIZE];
    struct descriptor descriptor; /* digest DIGEST_NONE: whatever the server says it is */
    uint64_t bytes_max;
    /* What is made of it: one of the three. */
    source_bytes_fn bytes_fn;
    source_head_fn head_fn;
    struct stream *stream;
    void *context;  /* of the functions */
    uint64_t taken; /* of a layer: bytes that the stream has, the descriptor's size at most */
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
    if (err.code == ERR_NONE && strcmp(fetch->kind, "manifests") == 0)
        body = manifest_signed_part(&arena, body);
    if (err.code == ERR_NONE && digest.algorithm == DIGEST_NONE)
        (void)named_by_server(result, body, &digest, &err);
    else if (err.code == ERR_NONE)
        (void)source_verify(&fetch->descriptor, body, &err);
    if (err.code == ERR_NONE) {
        fetch->bytes_fn(fetch->context, body, &digest, NULL);
        mem_free(fetch);
    } else {
        fetch_fail(fetch, &err);
    }
    arena_release(&arena);
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

/* A registry whose layer ends early is asked no further: another one may have the rest. What goes on behind the size
 * that the manifest names is not ours, and was not taken. Whether these are the right bytes the reader finds out, when
 * it is too late to ask elsewhere: a mirror that sends other bytes of the same number costs the layer. */
static void on_layer_done(void *context, const struct http_result *result) {
    struct fetch *fetch = context;
    struct err err = result->err;
    uint64_t size = fetch->descriptor.size;
    stream_attach(fetch->stream, NULL, NULL, NULL); /* the request's handle dies here */
    if (err.code == ERR_LIMIT && size > 0 && fetch->taken == size)
        err = (struct err){.code = ERR_NONE};
    if (err.code == ERR_NONE && fetch->taken < size)
        (void)err_set(&err, ERR_NET, 0, "blob %.19s…: expected %" PRIu64 " bytes, found %" PRIu64, fetch->name, size,
                      fetch->taken);
    if (err.code != ERR_NONE) {
        fetch_fail(fetch, &err);
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
    struct fetch wanted = {
        .registry = (struct registry_source *)source, .kind = "blobs", .descriptor = *descriptor, .stream = stream};
    /* Schema 1 tells no size; and where two manifests tell different ones, neither may cut the other's layer. */
    if (descriptor->size_unknown)
        wanted.descriptor.size = 0;
    wanted.bytes_max = wanted.descriptor.size;
    fetch_start(&wanted, reference, &descriptor->digest);
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
