/* What the local stores have in common: how a target names a store and an image in it.
 *
 *     ""                      the store in its usual place, all images
 *     DIR                     that store; begins with "/" or "."
 *     NAME                    one image of the store in its usual place
 *     [DIR]NAME               one image of that store; without NAME all of them
 *     [QUALIFIER@DIR]NAME     the qualifier is the storage driver (containers/storage), the namespace (containerd)
 *
 * The brackets are those of skopeo's containers-storage:[driver@root+runroot:option=value,…]name. */
#ifndef TRAWL_STORE_H
#define TRAWL_STORE_H

#include "io/source/source.h"

struct store_location {
    struct span qualifier; /* or empty */
    const char *folder;    /* NULL: the usual place */
    struct span options;   /* behind the folder in brackets, with the "+" or ":" that begins them; or empty */
    struct span name;      /* or empty: all images */
};

/* `with_options`: a "+" or ":" in brackets ends the folder. Text lives in the arena. USAGE for a bracket that is not
 * closed; NOMEM. */
int store_location_parse(struct arena *arena, struct span location, bool with_options,
                         struct store_location *ret_location, struct err *err);

/* Whether a wanted name means the image of that name or id: the name as it stands, with "latest" for a tag that is not
 * given, as a reference that means the same ("alpine" is docker.io/library/alpine:latest), without its host, or
 * "@" and the beginning of the id. An empty `wanted` means all. */
bool store_name_matches(struct span wanted, struct span name, struct span id);

/* How references of the store begin: the prefix as typed, and "[DIR]" where a folder was given. NULL: out of memory. */
const char *store_prefix(struct arena *arena, struct span target, struct span location,
                         const struct store_location *parsed);

/* A reference to an image. `name` empty: the text is made of the id. The registry is empty, as for all that is local,
 * and the repository has its host as the store has it. Text lives in the run's arena; NOMEM. */
int store_reference_make(struct source *source, const char *prefix, struct span name, struct span id,
                         struct source_reference *ret_reference, struct err *err);

/* Whether the text can be one name of a path: letters, digits and ".-_", not "." or "..". What a store's files say is
 * made into paths only so. */
bool store_id_is_plain(struct span id);

/* The manifest that a store without manifests would have had: its configuration and its layers by their diff_ids, as a
 * docker archive has them. `sizes` may be NULL. Buffer failures are the caller's to look at. */
void store_manifest_write(struct buf *json, const struct digest *config, size_t config_size,
                          const struct digest *diff_ids, const uint64_t *sizes, size_t layer_count);

#endif
