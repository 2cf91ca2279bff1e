#include "engine/cli/scan_policy.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/trivy_ignore.h"
#include "io/file/file.h"
#include "shard/shard_read.h"

/* "0", "1", "0.75": at most four digits behind the point. */
static int confidence_read(const char *text, double *ret_confidence, struct err *err) {
    char quoted[64];
    struct span rest = span_text(text);
    struct span whole = text_cut(&rest, '.');
    uint64_t units = 0, part = 0, scale = 1;
    bool good = text_u64(whole, 10, 1, &units) && rest.size <= 4;
    for (size_t i = 0; good && i < rest.size; i++)
        scale *= 10;
    if (rest.data != NULL)
        good = good && text_u64(rest, 10, scale - 1, &part);
    double confidence = (double)units + (double)part / (double)scale;
    if (!good || confidence > 1)
        return err_set(err, ERR_USAGE, 0, "option --min-confidence: expected a number from 0 to 1, found '%s'",
                       text_quote(span_text(text), quoted, sizeof quoted));
    *ret_confidence = confidence;
    return 0;
}

static int usage(struct err *err, const char *option) {
    if (err->code != ERR_NOMEM)
        err->code = ERR_USAGE;
    return err_wrap(err, "option %s", option);
}

static int ignore_read(const char *path, int64_t now_utc_s, struct buf *identity, struct ignore **ret_ignore,
                       struct err *err) {
    AUTO_BUF struct buf text;
    AUTO_BUF struct buf converted;
    buf_init(&text, LIMIT_IGNORE_FILE_BYTES);
    buf_init(&converted, 4 * LIMIT_IGNORE_FILE_BYTES);
    bool is_trivys = trivy_ignore_is(path);
    if (file_read(path, &text, err) < 0 ||
        (is_trivys && trivy_ignore_convert(buf_span(&text), path, &converted, err) < 0) ||
        ignore_parse(buf_span(is_trivys ? &converted : &text), path, now_utc_s, ret_ignore, err) < 0)
        return usage(err, "--ignorefile");
    /* With the text, the count of those that are over says which hold. */
    buf_add(identity, buf_span(&text));
    buf_format(identity, "\nexpired %zu\n", ignore_expired_count(*ret_ignore));
    return 0;
}

static int vex_read(const struct text_list *files, struct buf *identity, struct vex **ret_vex, struct err *err) {
    if (vex_new(ret_vex, err) < 0)
        return -1;
    for (size_t i = 0; i < files->count; i++) {
        AUTO_BUF struct buf text;
        buf_init(&text, LIMIT_VEX_FILE_BYTES);
        if (file_read(files->data[i], &text, err) < 0 || vex_add(*ret_vex, buf_span(&text), files->data[i], err) < 0)
            return usage(err, "--vex");
        buf_add(identity, buf_span(&text));
        buf_format(identity, "\nvex %s\n", files->data[i]);
    }
    return 0;
}

static int baseline_read(const char *folder, struct policy *policy, struct buf *identity, struct err *err) {
    struct arena arena __attribute__((cleanup(arena_release)));
    struct shard_manifest manifest;
    struct shard_table rows;
    struct row_view row;
    int got;
    size_t column = table_column(TABLE_SECRET, span_text("fingerprint"));
    arena_init(&arena, 0, 0);
    if (shard_manifest_read(&arena, folder, &manifest, err) < 0)
        return usage(err, "--baseline");
    shard_table_init(&rows, folder, &manifest, TABLE_SECRET);
    while ((got = shard_table_next(&rows, &row, err)) > 0) {
        if (!policy_know(policy, row_view_text(&row, column))) {
            got = err_set(err, ERR_NOMEM, 0, "%s: out of memory after %zu secrets", folder, policy->known.count);
            break;
        }
    }
    shard_table_release(&rows);
    if (got < 0)
        return usage(err, "--baseline");
    policy_sort(policy);
    buf_format(identity, "baseline %zu\n", policy->known.count);
    buf_add(identity, span_make(policy->known.data, policy->known.count * sizeof *policy->known.data));
    return 0;
}

int scan_policy_read(const struct scan_policy_options *options, int64_t now_utc_s, struct policy *policy,
                     struct ignore **ret_ignore, struct vex **ret_vex, size_t *ret_expired, struct err *err) {
    static const struct hash_key no_key;
    AUTO_BUF struct buf identity;
    buf_init(&identity, 0);
    if (options->confidence_min != NULL) {
        if (confidence_read(options->confidence_min, &policy->confidence_min, err) < 0)
            return -1;
        buf_format(&identity, "confidence %.4f\n", policy->confidence_min);
    }
    if (options->ignore_file != NULL) {
        if (ignore_read(options->ignore_file, now_utc_s, &identity, ret_ignore, err) < 0)
            return -1;
        policy->ignore = *ret_ignore;
        *ret_expired = ignore_expired_count(*ret_ignore);
    }
    if (ret_vex != NULL && options->vex.count > 0) {
        if (vex_read(&options->vex, &identity, ret_vex, err) < 0)
            return -1;
        policy->vex = *ret_vex;
    }
    if (options->baseline != NULL && baseline_read(options->baseline, policy, &identity, err) < 0)
        return -1;
    if (identity.failed)
        return err_set(err, ERR_NOMEM, 0, "options: out of memory");
    if (identity.size > 0)
        policy->identity = body_hash_once(&no_key, buf_span(&identity));
    return 0;
}
