#include "engine/cli/retry.h"

#include "engine/image/layer_result.h"
#include "io/source/source.h"
#include "shard/shard_read.h"

struct retry_columns {
    size_t reference, tag, digest, kind, status;
};

static bool is_to_be_retried(const struct row_view *row, const struct retry_columns *columns) {
    struct span status = row_view_text(row, columns->status);
    return span_is(status, "failed") || span_is(status, "partial");
}

/* A reference that ends in its tag takes a digest behind it; one by digest has that of an index, perhaps, and keeps its
 * name by being swept as a whole. */
static char *target_of(struct arena *arena, const struct row_view *row, const struct retry_columns *columns) {
    struct span reference = row_view_text(row, columns->reference), digest = row_view_text(row, columns->digest);
    bool exact = digest.size > 0 && row_view_text(row, columns->tag).size > 0 &&
                 span_is(row_view_text(row, columns->kind), "registry");
    return arena_format(arena, "%.*s%s%.*s", SPAN_FORMAT(reference), exact ? "@" : "", exact ? (int)digest.size : 0,
                        (const char *)digest.data);
}

static int rows_read(struct arena *arena, struct shard_table *rows, struct text_list *targets, struct err *err) {
    const struct retry_columns columns = {.reference = table_column(TABLE_IMAGE, span_text("reference")),
                                          .tag = table_column(TABLE_IMAGE, span_text("tag")),
                                          .digest = table_column(TABLE_IMAGE, span_text("image_digest")),
                                          .kind = table_column(TABLE_IMAGE, span_text("target_kind")),
                                          .status = table_column(TABLE_IMAGE, span_text("status"))};
    struct row_view row;
    int got;
    size_t first = targets->count;
    while ((got = shard_table_next(rows, &row, err)) > 0) {
        if (!is_to_be_retried(&row, &columns))
            continue;
        char *target = target_of(arena, &row, &columns);
        /* Rows come sorted by reference: the platforms of an image that cannot be named exactly follow each other. */
        bool known = target != NULL && targets->count > first && strcmp(targets->data[targets->count - 1], target) == 0;
        if (target == NULL || (!known && !text_list_add(arena, targets, target)))
            return err_set(err, ERR_NOMEM, 0, "out of memory after %zu images", targets->count - first);
    }
    return got;
}

/* A registry whose listing broke off has images that no row knows: it is listed again. */
static int listings_read(struct arena *arena, struct shard_table *rows, struct text_list *targets, struct err *err) {
    size_t target = table_column(TABLE_ERROR, span_text("target")),
           stage = table_column(TABLE_ERROR, span_text("stage"));
    size_t image = table_column(TABLE_ERROR, span_text("image_digest"));
    struct row_view row;
    int got;
    while ((got = shard_table_next(rows, &row, err)) > 0) {
        struct span name = row_view_text(&row, target);
        if (!span_is(row_view_text(&row, stage), stage_name(STAGE_RESOLVE)) || !row_view_is_nil(&row, image) ||
            !source_is_registry(name))
            continue;
        char *text = arena_text(arena, name);
        bool known = text != NULL && targets->count > 0 && strcmp(targets->data[targets->count - 1], text) == 0;
        if (text == NULL || (!known && !text_list_add(arena, targets, text)))
            return err_set(err, ERR_NOMEM, 0, "out of memory after %zu targets", targets->count);
    }
    return got;
}

int retry_targets(struct arena *arena, const char *folder, struct text_list *targets, struct err *err) {
    struct shard_manifest manifest;
    struct shard_table rows;
    if (shard_manifest_read(arena, folder, &manifest, err) < 0) {
        if (err != NULL && err->code == ERR_NOTFOUND)
            err->code = ERR_USAGE;
        return err_wrap(err, "option --retry-failed");
    }
    shard_table_init(&rows, folder, &manifest, TABLE_IMAGE);
    int result = rows_read(arena, &rows, targets, err);
    shard_table_release(&rows);
    if (result == 0) {
        shard_table_init(&rows, folder, &manifest, TABLE_ERROR);
        result = listings_read(arena, &rows, targets, err);
        shard_table_release(&rows);
    }
    return result < 0 ? err_wrap(err, "option --retry-failed: %.100s", folder) : 0;
}
