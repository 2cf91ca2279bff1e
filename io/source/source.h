/* What a target can mean. A source lists references, gives manifests and small blobs whole, and streams large ones.
 *
 * Everything here runs in the loop thread and answers through callbacks, perhaps before the call returns. An answer
 * comes exactly once. To add a kind of source: source_<kind>.c with a struct source_ops, and a row in source.def. */
#ifndef TRAWL_SOURCE_H
#define TRAWL_SOURCE_H

#include "base/arena.h"
#include "io/archive/tree.h"
#include "io/http/http.h"
#include "io/loop/loop.h"
#include "io/source/manifest.h"
#include "io/source/registry_auth.h"
#include "io/source/stream.h"

/* Another registry that has the same contents. */
struct source_mirror {
    struct span host, mirror;
};

/* What all sources share; constant during the run. */
struct source_context {
    struct loop *loop;
    struct http *http;
    struct arena *arena; /* of the run */
    bool plain_http;     /* http instead of https for every registry; loopback registries are plain unless `tls` */
    bool tls;
    struct registry_auth *auth; /* NULL: every registry is asked without credentials */
    /* Asked in this order for manifests and blobs of their host, before the host itself, which is asked for what none
     * of them gives. It alone lists, and references keep its name. */
    const struct source_mirror *mirrors;
    size_t mirror_count;
    const char *username; /* of the command line, for listing APIs; or NULL */
    const char *password;
    const char *listing_api; /* the base URL of a listing API in place of the one that its kind means; or NULL */
    /* Whether a registry's image is wanted at all, asked before anything of it is fetched; with an empty tag: whether
     * any tag of the repository may be. NULL: all are. */
    bool (*wants)(void *context, struct span repository, struct span tag);
    void *wants_context;
};

static inline bool source_wants(const struct source_context *context, struct span repository, struct span tag) {
    return context->wants == NULL || context->wants(context->wants_context, repository, tag);
}

/* One image, or index of images, that a source lists. Text lives in the run's arena. */
struct source_reference {
    struct span text; /* as people name it: "host/repository:tag", "oci:dir:tag" */
    struct span registry;
    struct span repository;
    struct span tag; /* or empty */
    bool has_digest;
    struct digest digest;     /* of the manifest, when the listing names it */
    struct platform platform; /* when the listing names it */
    bool has_created;
    int64_t created_utc_s; /* of the image, when the listing names it */
    size_t item;           /* the source's own number for it */
};

struct source;

/* `source` reads the reference: the one that lists, or one that it opened for the reference's registry and closes
 * itself. Returns false to hold: the source then asks for no further page until `list_resume`; what it has already may
 * come all the same. */
typedef bool (*source_list_fn)(void *context, struct source *source, const struct source_reference *reference);
/* `err` NULL: the listing is complete. */
typedef void (*source_done_fn)(void *context, const struct err *err);
/* `bytes` are valid during the call and belong to `digest`: verified where the reference named one. On failure `err` is
 * set and the others are not. */
typedef void (*source_bytes_fn)(void *context, struct span bytes, const struct digest *digest, const struct err *err);
/* `digest` is what the server says the manifest's is, and nothing that was checked: good for telling that nothing has
 * changed. Its algorithm is DIGEST_NONE when the server does not say: ask for the manifest. NULL when `err` is set. */
typedef void (*source_head_fn)(void *context, const struct digest *digest, const struct err *err);

struct source_ops {
    const char *kind;            /* the image table's target_kind */
    const char *const *prefixes; /* "oci:", "oci-dir:" …, ended by NULL; a source without any takes plain references */
    bool location_is_optional;   /* nothing behind the prefix means the usual place */
    bool digests_are_unpacked;   /* layers are named by their diff_id: the digest of the unpacked bytes */
    /* `location` is the target without its prefix. Light work only: a folder's or an archive's list of contents. */
    int (*open)(const struct source_context *context, struct span target, struct span location,
                struct source **ret_source, struct err *err);
    /* Each reference, then `done`. */
    void (*list)(struct source *source, source_list_fn each, source_done_fn done, void *context);
    /* Goes on after a hold; of the source whose `list` was called. Harmless otherwise. NULL for sources that list all
     * at once. */
    void (*list_resume)(struct source *source);
    /* The manifest or index of a reference; of `digest` when it is not NULL (an index' entry). */
    void (*manifest)(struct source *source, const struct source_reference *reference,
                     const struct descriptor *descriptor, source_bytes_fn fn, void *context);
    /* The digest that a reference's tag has now, without its manifest: one cheap request. NULL for sources whose
     * listing names the digest. */
    void (*head)(struct source *source, const struct source_reference *reference, source_head_fn fn, void *context);
    /* A small blob, whole: at most `bytes_max` bytes, of the descriptor's size and digest. */
    void (*blob)(struct source *source, const struct source_reference *reference, const struct descriptor *descriptor,
                 size_t bytes_max, source_bytes_fn fn, void *context);
    /* A large blob into the stream; failures end the stream. Whoever reads it verifies the digest. */
    void (*stream)(struct source *source, const struct source_reference *reference, const struct descriptor *descriptor,
                   struct stream *stream);
    /* Sources that hold layers unpacked: the folder of a layer, counted from the lowest one of the manifest, which is
     * then walked in place of stream(). Lives in the run's arena. NULL where it is not there: stream() says why. NULL
     * itself for all other sources. A root file system has no manifest() and is one such layer. */
    const struct tree_root *(*tree)(struct source *source, const struct source_reference *reference, size_t layer);
    void (*close)(struct source *source);
};

struct source {
    const struct source_ops *ops;
    const struct source_context *context;
};

/* Opens what a target names. USAGE for an unknown prefix or a bad reference, CANCELED while the HTTP client closes.
 * `@FILE` and `-` are lists and not sources: see engine/pipeline/resolve.h. */
int source_open(const struct source_context *context, struct span target, struct source **ret_source, struct err *err);
void source_close(struct source *source);
/* The kind that a target would be, whether or not it can be opened; and whether it names a whole registry, or a part of
 * one that has to be listed. */
const char *source_kind(struct span target);
bool source_is_registry(struct span target);
/* "http" or "https": a registry on this machine is spoken to in plain HTTP, as the container engines do. */
const char *source_scheme(const struct source_context *context, struct span host);

/* The rows of source.def. */
#define SOURCE(kind) extern const struct source_ops source_##kind##_ops;
#include "io/source/source.def"
#undef SOURCE

/* Checks a whole small blob: its size where the descriptor gives one, and its digest. */
int source_verify(const struct descriptor *descriptor, struct span bytes, struct err *err);

#endif
