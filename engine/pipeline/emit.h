/* From a scanned plan to rows: composes every image, matches every distinct package set once, and hands all rows to a
 * sink. One thread; the order of rows is determined by the plan alone. */
#ifndef TRAWL_EMIT_H
#define TRAWL_EMIT_H

#include "base/model/row.h"
#include "engine/pipeline/finding.h"
#include "engine/pipeline/layer_store.h"
#include "engine/pipeline/policy.h"
#include "engine/pipeline/totals.h"
#include "matchers/secret/secret_engine.h"
#include "matchers/vuln/vuln_match.h"
#include "shard/row_block.h"

struct row_sink {
    int (*add)(void *context, const struct row *row, struct err *err);
    /* NULL: blocks come row by row. */
    int (*add_block)(void *context, struct span sweep_id, const struct row_block *block, struct err *err);
    void *context;
};

/* Ends a row and hands it over. */
static inline int row_put(const struct row_sink *sink, struct row *row, struct err *err) {
    return row_end(row, err) < 0 ? -1 : sink->add(sink->context, row, err);
}

/* Hands over the blocks that `blocks` holds one after the other; `row` is scratch. FORMAT (no blocks), and what the
 * sink returns. `*ret_rows`: how many rows they are. */
int blocks_put(const struct row_sink *sink, struct row *row, struct span sweep_id, struct span blocks,
               uint64_t *ret_rows, struct err *err);

struct emit_options {
    struct span sweep_id;
    struct cache *cache;
    struct hash128 profile;
    struct layer_store *layers;
    bool packages, secrets;
    bool with_declared; /* packages that lock files only declare: of folders, not of images */
    bool show_secrets;
    const struct policy *policy;  /* never NULL */
    const struct vuln_db *db;     /* NULL: no matching */
    const struct vuln_db *old_db; /* or NULL: findings that it does not have */
    struct finding_filter filter; /* of vulnerabilities */
    size_t memo_bytes;            /* as struct finding_options has it */
    const struct err *db_damage;  /* why not, when one was named: becomes an error row with `db_name` as target */
    struct span db_name;
    const struct secret_engine *secret_engine;
    int64_t scanned_at;
    bool (*stop)(void *context); /* asked between layers and between images */
    void *stop_context;
};

/* CANCELED, NOMEM, or the sink's error. Texts in `*ret_totals` live as long as the plan; after an error it
 * holds what was counted until then. */
int emit(struct plan *plan, const struct emit_options *options, const struct row_sink *sink, struct totals *ret_totals,
         struct err *err);

#endif
