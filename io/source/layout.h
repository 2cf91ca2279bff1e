/* What OCI layouts in folders and in archives have in common: the index of references, and the names of blobs. */
#ifndef TRAWL_LAYOUT_H
#define TRAWL_LAYOUT_H

#include "io/source/source.h"

#define LAYOUT_PATH_SIZE 160

/* "blobs/sha256/…"; returns `out`. */
const char *layout_blob_path(const struct digest *digest, char out[LAYOUT_PATH_SIZE]);

/* Opens a blob for reading beneath the folder that holds "blobs". Only a regular file is one: a pipe or a device in its
 * place must not hang the loop. `strict`: no link is followed on the way to it either. Returns the descriptor, or -1:
 * NOTFOUND, FORMAT, IO. */
int layout_blob_open(int folder, const struct digest *digest, bool strict, struct err *err);

/* Reads a small blob whole, verifies it, and answers before it returns. */
void layout_blob_answer(int folder, const struct descriptor *descriptor, bool strict, size_t bytes_max,
                        source_bytes_fn fn, void *context);

/* Calls `each` for every manifest of index.json, or for those that are named `tag` when it is not empty: NOTFOUND when
 * none is. `text` is the layout's target as typed, which references begin with. */
int layout_list(struct source *source, struct span text, struct span tag, struct span index_json, source_list_fn each,
                void *context, struct err *err);

#endif
