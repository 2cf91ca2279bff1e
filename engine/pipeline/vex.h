/* What somebody who knows says of a vulnerability in a product (VEX): read from OpenVEX, CSAF and CycloneDX documents.
 *
 * A statement names vulnerabilities, a product and a status. The product is a package ("pkg:deb/debian/openssl", any
 * version where it names none), or an image ("pkg:oci/app@sha256:…"), perhaps with a package in it as subcomponent. Of
 * several statements that apply the latest counts, by their times and then by their places.
 *
 * "not_affected" and "fixed" suppress a finding: it stays a row with `vex_status` and `suppressed_by`. "affected" and
 * "under_investigation" only fill `vex_status`.
 * Specs: OpenVEX 0.2.0; OASIS CSAF 2.0 (profile 5, VEX); CycloneDX 1.4 to 1.6, `vulnerabilities`; purl as in
 * base/model/purl.h. */
#ifndef TRAWL_VEX_H
#define TRAWL_VEX_H

#include "base/cleanup.h"
#include "base/model/purl.h"

enum vex_status { VEX_NONE, VEX_NOT_AFFECTED, VEX_AFFECTED, VEX_FIXED, VEX_UNDER_INVESTIGATION };
const char *vex_status_name(enum vex_status status); /* "" for none, "not_affected", … */

/* Statements of any number of documents. Immutable once it is used: shared by all threads. */
struct vex;
int vex_new(struct vex **ret_vex, struct err *err);
void vex_free(struct vex *vex);
CLEANUP_DEFINE(vex, struct vex, vex_free)
#define AUTO_VEX AUTO(cleanup_vex)

/* Adds a document's statements; `name` is for messages and for `suppressed_by`. FORMAT (no VEX document, or one with a
 * statement that cannot be understood: which), LIMIT, NOMEM. */
int vex_add(struct vex *vex, struct span text, const char *name, struct err *err);
size_t vex_count(const struct vex *vex); /* statements; 0 for NULL */

/* An image, as products name one. */
struct vex_image {
    struct span registry, repository, tag; /* or empty */
    struct span digest;                    /* "sha256:…" of the manifest */
    struct span reference;                 /* as it was named: may have the digest of an index */
};
/* Whether a statement names this image: its rows may then differ from those of an image with the same packages. */
bool vex_names_image(const struct vex *vex, const struct vex_image *image);

struct vex_query {
    const struct span *ids; /* the finding's id and aliases */
    size_t id_count;
    struct span purl; /* of its package */
    struct span source_name, source_version;
    const struct vex_image *image; /* or NULL: statements about images do not apply */
    /* Whether the same image has a package that a product names; NULL: unknown, and taken as yes. */
    bool (*has)(void *context, const struct purl *product);
    void *context;
};

struct vex_verdict {
    enum vex_status status; /* VEX_NONE: nobody says anything */
    struct span text;       /* "not_affected (vulnerable_code_not_present), by NAME"; lives as long as `vex` */
};
/* `scratch` is for the time of the call. A lack of memory is VEX_NONE: the finding stays. */
struct vex_verdict vex_find(const struct vex *vex, const struct vex_query *query, struct arena *scratch);

/* Whether a package URL is what a product's URL names: the same type, namespace and name; the version where the product
 * has one; no qualifier with two values, but the architecture "src". */
bool vex_purl_matches(const struct purl *product, const struct purl *package);

#endif
