/* Registries that are listed by an API of their own: harbor://HOST, gitlab://HOST/GROUP and so on. What is listed are
 * ordinary registry references: for each registry host that the listing names, a registry source is opened, which reads
 * the images and is closed with this one. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/source/listing.h"
#include "io/source/reference.h"

#define REGISTRIES_MAX ((size_t)64) /* hosts that one listing may name: one, or a GitLab's that was moved */

struct listing_source {
    struct source source;
    const struct listing_kind *kind;
    struct span host; /* of the registry */
    struct span path;
    char *base; /* of the API */
    struct listing *listing;
    struct registry_login *login; /* at the host; or NULL */
    struct {
        struct span host;
        struct source *source;
    } registries[REGISTRIES_MAX];
    size_t registry_count;
};

static const struct {
    const char *prefix;
    const struct listing_kind *kind;
} kinds[] = {
#define LISTING(kind) {#kind "://", &listing_##kind},
#include "io/source/listing.def"
#undef LISTING
};

static const char *const prefixes[] = {
#define LISTING(kind) #kind "://",
#include "io/source/listing.def"
#undef LISTING
    NULL,
};

static void listing_source_close(struct source *source) {
    struct listing_source *self = (struct listing_source *)source;
    listing_free(self->listing);
    for (size_t i = 0; i < self->registry_count; i++)
        source_close(self->registries[i].source);
    mem_free(self);
}

/* The host is checked by reference's grammar, which wants a repository behind it. */
static int host_check(struct listing_source *self, struct span target, struct err *err) {
    char *probe = arena_format(self->source.context->arena, "%.*s/x", SPAN_FORMAT(self->host));
    struct reference reference;
    char quoted[128];
    if (probe == NULL)
        return err_set(err, ERR_NOMEM, 0, "listing: out of memory");
    if (reference_parse(span_text(probe), &reference, NULL) < 0 || !span_equal(reference.registry, self->host))
        return err_set(err, ERR_USAGE, 0, "target '%s': expected a host with a dot, a port, or localhost behind ://",
                       text_quote(target, quoted, sizeof quoted));
    return 0;
}

/* ghcr://OWNER has no host: that of the registry is ghcr.io, that of the API another one. */
static int location_read(struct listing_source *self, struct span target, struct span location, struct err *err) {
    const struct source_context *context = self->source.context;
    struct span rest = arena_copy(context->arena, location);
    if (rest.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "listing: out of memory");
    bool is_github = self->kind == &listing_ghcr && span_index(rest, '/', 0) == SIZE_MAX;
    self->host = is_github ? span_text("ghcr.io") : text_cut(&rest, '/');
    while (rest.size > 0 && rest.data[rest.size - 1] == '/')
        rest.size--;
    self->path = rest;
    if (host_check(self, target, err) < 0)
        return -1;
    const char *scheme = source_scheme(context, self->host);
    if (context->listing_api != NULL)
        self->base = arena_text(context->arena, span_text(context->listing_api));
    else if (is_github)
        self->base = arena_text(context->arena, span_text("https://api.github.com"));
    else
        self->base = arena_format(context->arena, "%s://%.*s%s", scheme, SPAN_FORMAT(self->host),
                                  self->kind == &listing_ghcr ? "/api/v3" : "");
    if (self->base == NULL)
        return err_set(err, ERR_NOMEM, 0, "listing: out of memory");
    for (size_t size = strlen(self->base); size > 0 && self->base[size - 1] == '/'; size--)
        self->base[size - 1] = '\0';
    if (!span_starts(span_text(self->base), "http://") && !span_starts(span_text(self->base), "https://"))
        return err_set(err, ERR_USAGE, 0, "option --listing-api: expected a URL with http:// or https://");
    return 0;
}

/* Opens what a reply names: most often the target's own host, which is open already; else a helper that the user's
 * configuration names for the other host may hold up the listing, and nothing but that. */
static struct source *source_of(void *owner, struct span host, struct err *err) {
    struct listing_source *self = owner;
    const struct source_context *context = self->source.context;
    for (size_t i = 0; i < self->registry_count; i++) {
        if (span_equal(self->registries[i].host, host))
            return self->registries[i].source;
    }
    char *target = arena_format(context->arena, "registry://%.*s", SPAN_FORMAT(host));
    if (target == NULL || self->registry_count == REGISTRIES_MAX) {
        (void)err_set(err, target == NULL ? ERR_NOMEM : ERR_LIMIT, 0, "listing: expected at most %zu registries",
                      REGISTRIES_MAX);
        return NULL;
    }
    struct source *source = NULL;
    struct span text = span_text(target);
    if (source_open(context, text, &source, err) < 0)
        return NULL;
    self->registries[self->registry_count].host = span_from(text, strlen("registry://"));
    self->registries[self->registry_count++].source = source;
    return source;
}

/* The registry's own source, and its login, while nothing waits for us yet. */
static int login_open(struct listing_source *self, struct err *err) {
    const struct source_context *context = self->source.context;
    if (source_of(self, self->host, err) == NULL)
        return -1;
    bool plain = strcmp(source_scheme(context, self->host), "http") == 0;
    return context->auth == NULL ? 0 : registry_auth_login(context->auth, self->host, plain, &self->login, err);
}

static int listing_source_open(const struct source_context *context, struct span target, struct span location,
                               struct source **ret_source, struct err *err) {
    struct listing_source *self = mem_zalloc(sizeof *self);
    if (self == NULL)
        return err_set(err, ERR_NOMEM, 0, "listing: out of memory");
    self->source = (struct source){&source_listing_ops, context};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (span_starts(target, kinds[i].prefix))
            self->kind = kinds[i].kind;
    }
    assert(self->kind != NULL);
    if (location_read(self, target, location, err) < 0 || login_open(self, err) < 0) {
        listing_source_close(&self->source);
        return -1;
    }
    *ret_source = &self->source;
    return 0;
}

/* The command line's login, else that of the registry where the API takes the same. */
static int credential_find(const struct listing_source *self, struct credential *ret_credential, struct err *err) {
    const struct source_context *context = self->source.context;
    if (context->username != NULL)
        *ret_credential = (struct credential){.username = context->username, .password = context->password};
    else if (self->kind->shares_login && self->login != NULL)
        return registry_login_credential(self->login, ret_credential, err) < 0 ? -1 : 0;
    return 0;
}

/* GitLab, Quay and GitHub take the token with which one logs in to their registry, as a bearer token. */
static int page_get(void *owner, struct listing_chain *chain, http_buffer_fn done, struct err *err) {
    struct listing_source *self = owner;
    struct http_spec spec = {.url = chain->url, .headers = self->kind->headers, .bytes_max = LIMIT_PAGE_BYTES};
    struct credential credential = {0};
    AUTO_FREE char *bearer = NULL;
    size_t size = 0;
    if (credential_find(self, &credential, err) < 0)
        return -1;
    if (credential.password != NULL && self->kind->token) {
        size = strlen("Bearer ") + strlen(credential.password) + 1;
        bearer = mem_alloc(size);
        if (bearer == NULL)
            return err_set(err, ERR_NOMEM, 0, "listing: out of memory");
        (void)snprintf(bearer, size, "Bearer %s", credential.password);
        spec.authorization = bearer;
    } else if (credential.username != NULL && !self->kind->token) {
        spec.username = credential.username;
        spec.password = credential.password;
    }
    int result = http_get_buffer(self->source.context->http, &spec, done, chain, NULL, err);
    if (bearer != NULL)
        explicit_bzero(bearer, size);
    return result;
}

static void listing_source_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct listing_source *self = (struct listing_source *)source;
    self->listing = listing_start(&(struct listing_spec){.context = source->context,
                                                         .kind = self->kind,
                                                         .host = self->host,
                                                         .path = self->path,
                                                         .base = self->base,
                                                         .owner = self,
                                                         .get = page_get,
                                                         .source_of = source_of,
                                                         .each = each,
                                                         .done = done,
                                                         .done_context = context});
}

static void listing_source_resume(struct source *source) { listing_resume(((struct listing_source *)source)->listing); }

const struct source_ops source_listing_ops = {
    .kind = "registry", /* as its images are */
    .prefixes = prefixes,
    .open = listing_source_open,
    .list = listing_source_list,
    .list_resume = listing_source_resume,
    .close = listing_source_close,
};
