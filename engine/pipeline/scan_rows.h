/* Rows of the secret and the error table, as every command that scans writes them. Both leave the row for the caller to
 * end. */
#ifndef TRAWL_SCAN_ROWS_H
#define TRAWL_SCAN_ROWS_H

#include "base/model/row.h"
#include "engine/image/layer_result.h"

/* `layer` is the layer's digest as text, empty where there is no layer. */
void secret_row(struct row *row, struct span sweep_id, struct span layer, const struct layer_secret *secret,
                struct span suppressed_by);

struct error_row {
    struct span target;
    const struct digest *image_digest; /* or NULL */
    const struct digest *layer_digest;
    enum stage stage;
    struct span path;
    const uint64_t *byte_offset; /* or NULL */
    enum err_code code;
    struct span message;
};
void error_row(struct row *row, struct span sweep_id, const struct error_row *error);

/* The digest's text, or an empty one where there is no digest. */
struct span digest_span(const struct digest *digest, char text[DIGEST_TEXT_SIZE]);

#endif
