/* Which of the images that a registry lists are swept: --include, --exclude, --since, --newest. Pure functions over
 * names and times. */
#ifndef TRAWL_SELECTION_H
#define TRAWL_SELECTION_H

#include "base/span.h"

/* Zero-initialised it selects everything. A pattern is a glob of text_glob(): `*` stays within a component of a
 * repository's path, `**` does not. It is matched against the repository or, where it has a colon, against
 * "repository:tag"; registry hosts take no part. */
struct selection {
    const struct span *includes; /* at least one has to match; none: everything does */
    size_t include_count;
    const struct span *excludes; /* none may match */
    size_t exclude_count;
    bool has_since;
    int64_t since_utc_s; /* images created before are not wanted */
    uint64_t newest;     /* tags of each repository; 0: all */
};

/* Whether the name is wanted, before anything of it is fetched. With an empty tag: whether any tag of the repository
 * may be. `selection` may be NULL: everything is. */
bool selection_wants_name(const struct selection *selection, struct span repository, struct span tag);

/* Whether an image of that age is wanted. Where the time is not known, call nothing: it is wanted. */
bool selection_wants_time(const struct selection *selection, int64_t created_utc_s);

/* An image for selection_newest(). All images of one tag (its platforms) stay or go together, by the newest of them. */
struct selection_item {
    struct span repository; /* with its registry, where there are several: what is equal is one repository */
    struct span tag;
    bool has_created; /* those without are older than all others */
    int64_t created_utc_s;
    bool stays; /* the answer */
};

/* Marks the newest tags of each repository: by time, and at the same time by the natural order of the tags, in which
 * "1.10" is newer than "1.9". Images without a tag (by digest) stay and take no place. False: out of memory. */
bool selection_newest(const struct selection *selection, struct selection_item *items, size_t count);

/* Byte order, but runs of digits compare as numbers: <0, 0, >0. Total: equal only for equal texts. */
int selection_natural_compare(struct span a, struct span b);

#endif
