/* Package URLs: made from packages, parsed, and written in canonical form.
 * Spec: ECMA-427 (package-url/purl-spec), with the type rules of base/model/purl.c. */
#ifndef TRAWL_PURL_H
#define TRAWL_PURL_H

#include "base/buf.h"
#include "base/model/package.h"

struct purl_qualifier {
    struct span key;
    struct span value;
};

/* All text is decoded; empty where the purl has none. */
struct purl {
    struct span type;      /* lower case */
    struct span namespace; /* segments joined with '/'; npm scopes with their '@' */
    struct span name;
    struct span version;
    struct span subpath;               /* segments joined with '/' */
    struct purl_qualifier *qualifiers; /* sorted by key, values not empty */
    size_t qualifier_count;
};

/* The text's parts, normalised by the rules of its type (deb names in lower case, pypi '_' as '-' …). Parts live in the
 * arena. FORMAT, LIMIT (longer than LIMIT_PURL_BYTES, more than LIMIT_PURL_QUALIFIERS), NOMEM. */
int purl_parse(struct span text, struct arena *arena, struct purl *ret_purl, struct err *err);

/* Normalises the parts in place by the rules of the type, as purl_parse() does: for parts that come from elsewhere.
 * FORMAT where a rule forbids what is there. */
int purl_normalise(struct purl *purl, struct arena *arena, struct err *err);

/* Appends the canonical text of normalised parts. buf->failed tells of a lack of memory. */
void purl_write(const struct purl *purl, struct buf *buf);

/* Appends the purl of a package found in an image of that distribution (NULL: unknown). System packages carry the
 * distribution as namespace and as qualifier: "pkg:deb/debian/apt@1.6.3?arch=amd64&distro=debian-12". Where the
 * distribution is unknown both are left out. buf->failed tells of a lack of memory. */
void purl_make(const struct package *package, const struct distro *distro, struct buf *buf);

#endif
