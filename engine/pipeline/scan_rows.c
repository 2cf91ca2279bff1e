#include "engine/pipeline/scan_rows.h"

static const struct span nothing = {NULL, 0};

struct span digest_span(const struct digest *digest, char text[DIGEST_TEXT_SIZE]) {
    return digest->algorithm == DIGEST_NONE ? nothing : span_text(digest_text(digest, text));
}

void secret_row(struct row *row, struct span sweep_id, struct span layer, const struct layer_secret *secret,
                struct span suppressed_by) {
    row_begin(row, TABLE_SECRET, sweep_id);
    row_text(row, layer);
    row_text(row, secret->path);
    row_u64(row, secret->line);
    row_u64(row, secret->column);
    row_u64(row, secret->byte_offset);
    row_u64(row, secret->byte_length);
    row_text(row, secret->rule);
    row_text(row, secret->provider);
    row_text(row, span_text(severity_name(secret->severity)));
    row_f64(row, secret->confidence);
    row_text(row, secret->validated);
    row_text(row, secret->redacted);
    row_text(row, secret->fingerprint);
    row_text(row, secret->encoding);
    row_nil(row);
    row_text(row, secret->evidence);
    row_text(row, suppressed_by);
}

void error_row(struct row *row, struct span sweep_id, const struct error_row *error) {
    char text[DIGEST_TEXT_SIZE];
    row_begin(row, TABLE_ERROR, sweep_id);
    row_text(row, error->target);
    row_text_or_nil(row, error->image_digest == NULL ? nothing : digest_span(error->image_digest, text));
    row_text_or_nil(row, error->layer_digest == NULL ? nothing : digest_span(error->layer_digest, text));
    row_text(row, span_text(stage_name(error->stage)));
    row_text(row, error->path);
    if (error->byte_offset == NULL)
        row_nil(row);
    else
        row_u64(row, *error->byte_offset);
    row_text(row, span_text(err_code_name(error->code)));
    row_text(row, error->message);
    row_bool(row, err_is_retryable(error->code));
}
