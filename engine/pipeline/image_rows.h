/* An image's rows as they were written once, kept in the cache under the manifest's digest and the profile: another
 * sweep that finds the image unchanged writes them again without composing it, and without its configuration. Only of
 * images that are done, layers and all: what is partial is looked at again.
 *
 * The rows lack what differs from sweep to sweep or from reference to reference: the sweep's id, and of the image's own
 * row all but the columns from media_type to labels. */
#ifndef TRAWL_IMAGE_ROWS_H
#define TRAWL_IMAGE_ROWS_H

#include "base/model/row.h"
#include "engine/image/layer_pack.h"

/* Writing: begin, any number of rows, blocks of rows and secrets, end. `bytes.failed` says when memory was short. */
struct image_rows {
    struct buf bytes;
    bool open;
};
void image_rows_begin(struct image_rows *rows, struct span package_set);
void image_rows_add(struct image_rows *rows, const struct row *row);
void image_rows_blocks(struct image_rows *rows, struct span blocks); /* shard/row_block.h, one after the other */
/* What the totals and the summary need of a secret; `is_row` says that a row of the secret table stands for it. */
void image_rows_secret(struct image_rows *rows, const struct layer_secret *secret, struct span location,
                       const char *state, bool is_row);
void image_rows_end(struct image_rows *rows, const struct row *image_row);

/* Reading. Everything borrows the bytes. */
enum image_rows_kind { IMAGE_ROWS_ROW, IMAGE_ROWS_BLOCKS, IMAGE_ROWS_SECRET };
struct image_rows_item {
    enum image_rows_kind kind;
    enum table table; /* of a row */
    struct span columns;
    struct span blocks;
    struct layer_secret secret; /* rule, redacted, fingerprint, severity, confidence and path: the location */
    struct span state;
    bool is_row;
};
struct image_rows_reader {
    struct reader reader;
    struct span package_set;
    struct span image_columns;
};
/* The image table's columns that `image_columns` holds: the first, and how many. */
void image_rows_columns(size_t *ret_first, size_t *ret_count);
/* False when the bytes are no such record: looked at to the end, so that nobody writes half of one. */
bool image_rows_open(struct span bytes, struct image_rows_reader *ret_reader);
/* False at the end. */
bool image_rows_next(struct image_rows_reader *reader, struct image_rows_item *ret_item);

#endif
