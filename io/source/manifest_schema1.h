/* Docker's image manifest version 2, schema 1: deprecated since 2016, and still what old registries hold. Layers come
 * newest first, each with a JSON text of its own that once was the layer's configuration; the newest one's is the
 * image's. Sizes and diff_ids are not told.
 * Spec: CNCF distribution, docs/spec/manifest-v2-1.md; how it converts to schema 2: distribution and containers/image.
 */
#ifndef TRAWL_MANIFEST_SCHEMA1_H
#define TRAWL_MANIFEST_SCHEMA1_H

#include "io/source/manifest.h"

/* Fills kind, entries (lowest first, without those that change nothing) and `converted`. FORMAT, LIMIT, UNSUPPORTED
 * (digest algorithm), NOMEM. For manifest_parse(). */
int manifest_schema1_read(struct arena *arena, const struct doc *root, struct manifest *manifest, struct err *err);

/* What the digest of a manifest is of, and what is to be parsed: the bytes as they came, except for a signed schema 1
 * manifest, from which the signatures are taken out again (JWS in libtrust's form). Bytes that are signed wrongly come
 * back as they are, and fail where their digest is checked. The result borrows `json` or lives in the arena. */
struct span manifest_signed_part(struct arena *arena, struct span json);

#endif
