/* Manifests, indexes and image configurations: JSON bytes to structs, and nothing else.
 * Specs: OCI image-spec manifest.md, image-index.md, config.md; Docker image manifest v2 schema 2 and manifest list.
 * What a document says about media types is believed only where its shape agrees. All text lives in the arena. */
#ifndef TRAWL_MANIFEST_H
#define TRAWL_MANIFEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash/digest.h"
#include "base/parse/doc.h"

struct platform {
    struct span os;
    struct span architecture;
    struct span variant;
};

struct descriptor {
    struct digest digest;
    struct span media_type;
    uint64_t size;            /* bytes */
    struct platform platform; /* of an index' manifests; empty spans where not given */
    bool is_foreign;          /* a non-distributable layer whose bytes are elsewhere */
    bool is_attestation;      /* buildkit's attestation manifests: platform unknown/unknown or the annotation */
    bool is_unpacked_digest;  /* the digest is of the unpacked bytes (a docker archive names its layers so) */
    struct span ref_name;     /* annotation org.opencontainers.image.ref.name */
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX, MANIFEST_ARTIFACT, MANIFEST_SCHEMA1 };

struct manifest {
    enum manifest_kind kind;
    struct span media_type;
    struct descriptor config;   /* images */
    struct descriptor *entries; /* layers in order, or an index' manifests */
    size_t entry_count;
};

/* FORMAT (not JSON, not a manifest, a bad field: named), LIMIT, UNSUPPORTED (digest algorithm), NOMEM. */
int manifest_parse(struct arena *arena, struct span json, struct manifest *ret_manifest, struct err *err);

struct history_entry {
    struct span created_by;
    bool empty_layer;
};

struct image_config {
    struct platform platform;
    struct span created; /* RFC 3339 as written, or empty */
    struct span user;
    struct digest *diff_ids; /* algorithm DIGEST_NONE where one could not be parsed */
    size_t diff_id_count;
    struct history_entry *history;
    size_t history_count;
    struct span *env; /* "NAME=value" */
    size_t env_count;
    struct span *labels; /* key, value, key, value … sorted by key */
    size_t label_count;
    const struct doc *run; /* the "config" object, for whoever wants more; lives in the arena */
};

/* Errors as manifest_parse(). Missing fields are empty, wrong kinds of fields are FORMAT errors. */
int image_config_parse(struct arena *arena, struct span json, struct image_config *ret_config, struct err *err);

#endif
