/* Manifests, indexes and image configurations: JSON bytes to structs, and nothing else.
 * Specs: OCI image-spec 1.1 manifest.md, image-index.md, config.md; Docker image manifest v2 schema 2 and manifest
 * list; schema 1 in manifest_schema1.h. What a document says about media types is believed only where its shape agrees.
 * All text lives in the arena. */
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
    bool size_unknown;        /* schema 1 does not tell, or manifests disagree: `size` is a guess, or 0 */
    struct platform platform; /* of an index' manifests; empty spans where not given */
    bool is_foreign;          /* a non-distributable layer whose bytes are elsewhere */
    bool is_attestation;      /* buildkit's attestation manifests: platform unknown/unknown or the annotation */
    bool is_unpacked_digest;  /* the digest is of the unpacked bytes (a docker archive names its layers so) */
    struct span ref_name;     /* annotation org.opencontainers.image.ref.name */
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX, MANIFEST_ARTIFACT, MANIFEST_SCHEMA1 };

/* What a manifest is that is no image. The first three say something of another manifest, their subject. */
enum artifact_kind {
    ARTIFACT_SIGNATURE,
    ARTIFACT_SBOM,
    ARTIFACT_ATTESTATION,
    ARTIFACT_HELM_CHART,
    ARTIFACT_WASM_MODULE,
    ARTIFACT_POLICY,
    ARTIFACT_MODEL,
    ARTIFACT_OTHER,
    ARTIFACT_KIND_COUNT
};

struct image_config;

struct manifest {
    enum manifest_kind kind;
    struct span media_type;
    struct descriptor config;   /* images */
    struct descriptor *entries; /* layers in order, or an index' manifests */
    size_t entry_count;
    struct image_config *converted; /* schema 1: the configuration that it has in itself; diff_ids are DIGEST_NONE */
    enum artifact_kind artifact;    /* artifacts */
    struct span artifact_type;      /* artifacts: the media type that told, or empty */
    struct digest subject;          /* what it refers to, or DIGEST_NONE; an image may have one too */
};

/* FORMAT (not JSON, not a manifest, a bad field: named), LIMIT, UNSUPPORTED (digest algorithm), NOMEM. */
int manifest_parse(struct arena *arena, struct span json, struct manifest *ret_manifest, struct err *err);

/* Tags that tools give to what refers to another manifest: cosign's sha256-HEX.sig, .att and .sbom, and sha256-HEX,
 * under which the distribution specification keeps the index of all referrers where a registry has no API for them. The
 * subject's digest; DIGEST_NONE for any other tag. Whether an artifact is there only the manifest says: everybody may
 * name an image so. */
struct digest manifest_tag_subject(struct span tag);

/* Why an artifact is not scanned: "signature of sha256:…" where the manifest has a subject, else "Helm chart, not an
 * image". NULL when memory is short. */
char *manifest_artifact_text(struct arena *arena, const struct manifest *manifest);
/* The same text for a reference with that tag: "signature, not an image" under the tag sha256-HEX.sig is "signature of
 * sha256:HEX". Apart, as all references to one digest share the first text. The text itself where the tag tells nothing
 * or memory is short. */
struct span manifest_artifact_text_of_tag(struct arena *arena, struct span text, struct span tag);

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
