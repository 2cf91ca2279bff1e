/* Image references as people type them: HOST[:PORT]/REPOSITORY[:TAG|@DIGEST].
 * Grammar: distribution/reference and OCI distribution-spec "Pulling manifests" (name, tag). A reference without a host
 * means docker.io, one without a path there means library/NAME, as everywhere else. */
#ifndef TRAWL_REFERENCE_H
#define TRAWL_REFERENCE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash/digest.h"

struct reference {
    struct span registry; /* host[:port] */
    struct span repository;
    struct span tag; /* empty when none was given and there is a digest; "latest" when neither was */
    bool by_digest;
    struct digest digest; /* when by_digest */
};

/* Spans borrow `text` or static storage. USAGE when the text is not a reference; digest errors as digest_parse(). */
int reference_parse(struct span text, struct reference *ret_reference, struct err *err);

/* "host/repository:tag" or "host/repository@digest"; NULL when memory is short. */
char *reference_text(struct arena *arena, const struct reference *reference);

/* Repository names: lower-case components with separators, at most 255 bytes; tags: [\w][\w.-]{0,127}. */
bool reference_repository_is_valid(struct span name);
bool reference_tag_is_valid(struct span tag);

#endif
