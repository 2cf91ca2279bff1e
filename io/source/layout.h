/* What OCI layouts in folders and in archives have in common: the index of references, and the names of blobs. */
#ifndef TRAWL_LAYOUT_H
#define TRAWL_LAYOUT_H

#include "io/source/source.h"

#define LAYOUT_PATH_SIZE 160

/* "blobs/sha256/…"; returns `out`. */
const char *layout_blob_path(const struct digest *digest, char out[LAYOUT_PATH_SIZE]);

/* Calls `each` for every manifest of index.json, or for those that are named `tag` when it is not empty: NOTFOUND when
 * none is. `text` is the layout's target as typed, which references begin with. */
int layout_list(struct source *source, struct span text, struct span tag, struct span index_json, source_list_fn each,
                void *context, struct err *err);

#endif
