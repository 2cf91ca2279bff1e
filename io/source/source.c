#include "io/source/source.h"

#include "base/text.h"

static const struct source_ops *const all_ops[] = {
#define SOURCE(kind) &source_##kind##_ops,
#include "io/source/source.def"
#undef SOURCE
};

/* The source whose prefix the target has; NULL when it has none. `*ret_location` is what stands behind the prefix. */
static const struct source_ops *ops_find(struct span target, struct span *ret_location) {
    for (size_t i = 0; i < ARRAY_COUNT(all_ops); i++) {
        for (const char *const *prefix = all_ops[i]->prefixes; *prefix != NULL; prefix++) {
            if (span_starts(target, *prefix)) {
                *ret_location = span_from(target, strlen(*prefix));
                return all_ops[i];
            }
        }
    }
    return NULL;
}

const char *source_kind(struct span target) {
    struct span location;
    const struct source_ops *ops = ops_find(target, &location);
    return ops == NULL ? source_registry_ops.kind : ops->kind;
}

bool source_is_registry(struct span target) {
    struct span location;
    return ops_find(target, &location) == &source_listing_ops ||
           (span_starts(target, "registry://") && span_index(target, '/', strlen("registry://")) == SIZE_MAX);
}

static bool is_loopback(struct span host) {
    struct span name = host;
    size_t colon = span_index_last(host, ':');
    if (colon != SIZE_MAX && !span_ends(host, "]"))
        name.size = colon;
    return span_is(name, "localhost") || span_starts(name, "127.") || span_is(name, "[::1]");
}

const char *source_scheme(const struct source_context *context, struct span host) {
    return context->plain_http || (is_loopback(host) && !context->tls) ? "http" : "https";
}

/* A prefix is letters and dashes before a colon. What could as well be a host with a port ("localhost:5000/x") is none.
 */
static struct span unknown_prefix(struct span target) {
    size_t colon = span_index(target, ':', 0);
    struct span prefix = span_slice(target, 0, colon == SIZE_MAX ? 0 : colon);
    for (size_t i = 0; i < prefix.size; i++) {
        if (!text_is_lower(prefix.data[i]) && prefix.data[i] != '-')
            return (struct span){NULL, 0};
    }
    struct span rest = span_from(target, colon == SIZE_MAX ? target.size : colon + 1);
    bool path = rest.size > 0 && (rest.data[0] == '/' || rest.data[0] == '.');
    return path ? prefix : (struct span){NULL, 0};
}

int source_open(const struct source_context *context, struct span target, struct source **ret_source, struct err *err) {
    char quoted[128];
    struct span location = {NULL, 0};
    const struct source_ops *ops = ops_find(target, &location);
    /* The requests that end now make room for further targets, and an archive is not unpacked for nobody. */
    if (context->http != NULL && http_is_closing(context->http))
        return err_set(err, ERR_CANCELED, 0, "target '%s': canceled", text_quote(target, quoted, sizeof quoted));
    if (ops != NULL && location.size == 0 && !ops->location_is_optional)
        return err_set(err, ERR_USAGE, 0, "target '%s': expected something behind the colon",
                       text_quote(target, quoted, sizeof quoted));
    if (ops != NULL)
        return ops->open(context, target, location, ret_source, err);
    struct span prefix = unknown_prefix(target);
    if (prefix.size > 0)
        return err_set(err, ERR_USAGE, 0, "target '%s': unknown kind '%.*s'; `trawl sweep --help` lists them",
                       text_quote(target, quoted, sizeof quoted), SPAN_FORMAT(prefix));
    return source_registry_ops.open(context, target, target, ret_source, err);
}

void source_close(struct source *source) {
    if (source != NULL)
        source->ops->close(source);
}

int source_verify(const struct descriptor *descriptor, struct span bytes, struct err *err) {
    struct digest found;
    char expected_text[DIGEST_TEXT_SIZE], found_text[DIGEST_TEXT_SIZE];
    if (descriptor->size != 0 && descriptor->size != bytes.size)
        return err_set(err, ERR_DIGEST, 0, "blob %.19s…: expected %" PRIu64 " bytes, found %zu",
                       digest_text(&descriptor->digest, expected_text), descriptor->size, bytes.size);
    if (digest_of(descriptor->digest.algorithm, bytes, &found, err) < 0)
        return -1;
    if (!digest_equal(&found, &descriptor->digest))
        return err_set(err, ERR_DIGEST, 0, "blob: expected %s, found %.19s…",
                       digest_text(&descriptor->digest, expected_text), digest_text(&found, found_text));
    return 0;
}
