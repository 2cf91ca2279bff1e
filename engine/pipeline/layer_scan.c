#include "engine/pipeline/layer_scan.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

struct layer_scan {
    const struct layer_scan_options *options;
    struct inspect *inspect;
    struct codec *codec;
    struct tar *tar;
    struct digest_stream *packed;   /* of the blob */
    struct digest_stream *unpacked; /* of the tar, when asked for */
    bool hash_unpacked;
    struct layer_result *result;
    struct err failure; /* the first thing that ended inflating or walking */
    enum stage failure_stage;
    bool in_file;                /* between the entry and the end of a regular file */
    struct body_hash *tree_body; /* trees only: of the file at hand */
    struct hash_key tree_key;
};

void layer_scan_free(struct layer_scan *scan) {
    if (scan == NULL)
        return;
    inspect_free(scan->inspect);
    codec_free(scan->codec);
    tar_free(scan->tar);
    digest_stream_free(scan->packed);
    digest_stream_free(scan->unpacked);
    body_hash_free(scan->tree_body);
    mem_free(scan);
}

int layer_scan_new(const struct layer_scan_options *options, struct layer_scan **ret_scan, struct err *err) {
    struct layer_scan *scan = mem_zalloc(sizeof *scan);
    if (scan == NULL)
        return err_set(err, ERR_NOMEM, 0, "scan thread: out of memory");
    scan->options = options;
    scan->tree_body = body_hash_new(&scan->tree_key);
    int result = scan->tree_body == NULL ? err_set(err, ERR_NOMEM, 0, "scan thread: out of memory") : 0;
    if (result < 0 || inspect_new(&options->inspect, &scan->inspect, err) < 0 || codec_new(&scan->codec, err) < 0 ||
        tar_new(&scan->tar, err) < 0 || digest_stream_new(DIGEST_SHA256, &scan->packed, err) < 0 ||
        digest_stream_new(DIGEST_SHA256, &scan->unpacked, err) < 0) {
        layer_scan_free(scan);
        return -1;
    }
    *ret_scan = scan;
    return 0;
}

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "layer: out of memory"); }

static bool canceled(const struct layer_scan *scan) {
    return scan->options->stop != NULL && atomic_load_explicit(scan->options->stop, memory_order_relaxed);
}

/* ---- the walk's events: the same from a tar and from a folder ---- */

/* Links that lead to a release file or are a folder near the root ("lib", "usr/lib"): all that composition ever
 * follows. */
static bool link_matters(const struct layer_scan *scan, struct span path) {
    size_t slash = span_index(path, '/', 0);
    bool shallow = slash == SIZE_MAX || span_index(path, '/', slash + 1) == SIZE_MAX;
    return shallow || classify_wants(scan->options->inspect.classify, path);
}

static int link_keep(struct layer_scan *scan, const struct tar_entry *entry, struct err *err) {
    struct layer_result *result = scan->result;
    if (!scan->options->inspect.packages || !link_matters(scan, entry->path))
        return 0;
    bool is_hard = entry->kind == TAR_HARD_LINK;
    struct layer_link link = {.path = arena_copy(&result->arena, entry->path),
                              .target = arena_copy(&result->arena, is_hard ? entry->link_path : entry->link),
                              .is_hard = is_hard};
    if (link.path.data == NULL || link.target.data == NULL || !vec_push(&result->links, link))
        return memory_short(err);
    /* The body stands under the target's name. When that name tells nobody that it is package data it went by unread:
     * rare, and never silent. */
    const struct classify *classify = scan->options->inspect.classify;
    if (is_hard && entry->stored_bytes == 0 && classify_wants(classify, entry->path) &&
        !classify_wants(classify, entry->link_path)) {
        struct err problem = {0};
        char quoted[96];
        (void)err_set(&problem, ERR_UNSUPPORTED, 0, "package data is a hard link to '%s', which was not read as such",
                      text_quote(entry->link_path, quoted, sizeof quoted));
        layer_result_error(result, STAGE_PACKAGE, entry->path, &entry->offset, &problem, SCAN_PARTIAL);
    }
    return 0;
}

static int on_entry(void *context, const struct tar_entry *entry, struct err *err) {
    struct layer_scan *scan = context;
    struct layer_result *result = scan->result;
    scan->in_file = false;
    if (entry->whiteout == TAR_WHITEOUT_OPAQUE)
        return vec_push(&result->opaques, path_fingerprint(entry->path)) ? TAR_SKIP : memory_short(err);
    if (entry->whiteout == TAR_WHITEOUT_NAME)
        return vec_push(&result->whiteouts, path_fingerprint(entry->path)) ? TAR_SKIP : memory_short(err);
    uint64_t fingerprint = path_fingerprint(entry->path) | (entry->kind == TAR_DIRECTORY);
    if (!vec_push(&result->paths, fingerprint))
        return memory_short(err);
    result->file_count++;
    if (entry->kind == TAR_SYMLINK || entry->kind == TAR_HARD_LINK) {
        if (link_keep(scan, entry, err) < 0)
            return -1;
        /* A hard link that carries its own body (pax allows it) is a file like any other. */
        if (entry->kind == TAR_SYMLINK || entry->stored_bytes == 0)
            return TAR_SKIP;
    } else if (entry->kind != TAR_FILE && entry->kind != TAR_OTHER) {
        return TAR_SKIP;
    }
    scan->in_file = true;
    inspect_begin(scan->inspect, entry->path, entry->stored_bytes, entry->offset);
    return 0;
}

static int on_data(void *context, struct span piece, struct err *err) {
    struct layer_scan *scan = context;
    (void)err;
    inspect_data(scan->inspect, piece);
    return 0;
}

static int on_entry_end(void *context, struct err *err) {
    struct layer_scan *scan = context;
    (void)err;
    if (scan->in_file)
        inspect_end(scan->inspect);
    scan->in_file = false;
    return 0;
}

static int on_problem(void *context, const struct err *problem, struct span path, uint64_t offset, struct err *err) {
    struct layer_scan *scan = context;
    (void)err;
    layer_result_error(scan->result, STAGE_WALK, path, &offset, problem, SCAN_PARTIAL);
    return 0;
}

static const struct tar_handler tar_events = {
    .entry = on_entry, .data = on_data, .entry_end = on_entry_end, .problem = on_problem};

/* ---- a blob ---- */

static int on_unpacked(void *context, struct span piece, struct err *err) {
    struct layer_scan *scan = context;
    if (scan->hash_unpacked)
        digest_stream_add(scan->unpacked, piece);
    /* A tar that went wrong is not walked any further; the bytes still count for the diff_id. */
    if (scan->failure.code == ERR_NONE && tar_push(scan->tar, piece, &scan->failure) < 0)
        scan->failure_stage = STAGE_WALK;
    return canceled(scan) ? err_set(err, ERR_CANCELED, 0, "canceled") : 0;
}

static void keep_failure(struct layer_scan *scan, enum stage stage, const struct err *err) {
    if (scan->failure.code == ERR_NONE || err->code == ERR_CANCELED) {
        scan->failure = *err;
        scan->failure_stage = stage;
    }
}

/* Reads all there is. Returns false when the bytes themselves did not come: then nothing can be said of the rest. */
static bool stream_scan(struct layer_scan *scan, struct stream *stream, bool hash_packed, uint64_t *ret_bytes) {
    struct span bytes;
    struct err err = {0};
    bool inflating = true;
    int got;
    while ((got = stream_read(stream, &bytes, &err)) > 0) {
        *ret_bytes += bytes.size;
        if (hash_packed)
            digest_stream_add(scan->packed, bytes);
        if (inflating && codec_push(scan->codec, bytes, on_unpacked, scan, &err) < 0) {
            keep_failure(scan, STAGE_INFLATE, &err);
            inflating = false;
        }
        if (canceled(scan))
            return (void)err_set(&scan->failure, ERR_CANCELED, 0, "canceled"), scan->failure_stage = STAGE_FETCH, false;
    }
    if (got < 0) {
        scan->failure = err;
        scan->failure_stage = STAGE_FETCH;
        return false;
    }
    if (inflating && codec_finish(scan->codec, on_unpacked, scan, &err) < 0)
        keep_failure(scan, STAGE_INFLATE, &err);
    if (scan->failure.code == ERR_NONE && tar_finish(scan->tar, &err) < 0)
        keep_failure(scan, STAGE_WALK, &err);
    return true;
}

/* Whether the blob is what was named; the error is set where it is not. */
static bool blob_is_right(struct layer_scan *scan, const struct descriptor *descriptor, const struct digest *diff_id,
                          uint64_t bytes, struct err *err) {
    char expected[DIGEST_TEXT_SIZE], found[DIGEST_TEXT_SIZE];
    if (!descriptor->is_unpacked_digest) {
        struct digest digest = digest_stream_end(scan->packed);
        if (!digest_equal(&digest, &descriptor->digest)) {
            (void)err_set(err, ERR_DIGEST, 0, "blob: expected %s, found %.26s… in %" PRIu64 " bytes",
                          digest_text(&descriptor->digest, expected), digest_text(&digest, found), bytes);
            return false;
        }
        if (!descriptor->size_unknown && descriptor->size != bytes) {
            (void)err_set(err, ERR_DIGEST, 0, "blob: expected %" PRIu64 " bytes as the manifest says, found %" PRIu64,
                          descriptor->size, bytes);
            return false;
        }
    }
    if (!scan->hash_unpacked)
        return true;
    scan->result->diff_id = digest_stream_end(scan->unpacked);
    const struct digest *wanted = descriptor->is_unpacked_digest ? &descriptor->digest : diff_id;
    if (wanted->algorithm == DIGEST_NONE || digest_equal(wanted, &scan->result->diff_id))
        return true;
    (void)err_set(err, ERR_DIGEST, 0, "unpacked layer: expected diff_id %s, found %.26s…",
                  digest_text(wanted, expected), digest_text(&scan->result->diff_id, found));
    return false;
}

static bool result_begin(struct layer_scan *scan, const struct digest *digest) {
    scan->result = layer_result_new(digest);
    scan->failure = (struct err){.code = ERR_NONE};
    scan->in_file = false;
    if (scan->result != NULL)
        inspect_layer(scan->inspect, scan->result);
    return scan->result != NULL;
}

static struct layer_result *result_end(struct layer_scan *scan, uint64_t started_ns) {
    struct layer_result *result = scan->result;
    inspect_layer_end(scan->inspect);
    layer_result_seal(result);
    result->scan_ms = (clock_ns() - started_ns) / 1000000;
    scan->result = NULL;
    return result;
}

struct layer_result *layer_scan_stream(struct layer_scan *scan, const struct descriptor *descriptor,
                                       const struct digest *diff_id, struct stream *stream) {
    uint64_t started_ns = clock_ns(), bytes = 0;
    struct err err = {0};
    if (!result_begin(scan, &descriptor->digest))
        return NULL;
    struct layer_result *result = scan->result;
    const struct digest *unpacked = descriptor->is_unpacked_digest ? &descriptor->digest : diff_id;
    bool hash_packed = !descriptor->is_unpacked_digest;
    scan->hash_unpacked =
        descriptor->is_unpacked_digest || (scan->options->verify_diff_id && unpacked->algorithm != DIGEST_NONE);
    result->media_type = arena_copy(&result->arena, descriptor->media_type);
    codec_begin(scan->codec, &scan->options->codec_limits);
    tar_begin(scan->tar, &scan->options->tar_limits, &tar_events, scan);
    if ((hash_packed && digest_stream_begin(scan->packed, descriptor->digest.algorithm, &err) < 0) ||
        (scan->hash_unpacked && digest_stream_begin(scan->unpacked, unpacked->algorithm, &err) < 0)) {
        layer_result_error(result, STAGE_VERIFY, (struct span){NULL, 0}, NULL, &err, SCAN_FAILED);
        return result_end(scan, started_ns);
    }
    bool arrived = stream_scan(scan, stream, hash_packed, &bytes);
    result->compressed_bytes = bytes;
    result->unpacked_bytes = codec_bytes_out(scan->codec);
    if (!arrived) {
        layer_result_discard(result);
        layer_result_error(result, scan->failure_stage, (struct span){NULL, 0}, NULL, &scan->failure, SCAN_FAILED);
    } else if (!blob_is_right(scan, descriptor, diff_id, bytes, &err)) {
        layer_result_discard(result);
        layer_result_error(result, STAGE_VERIFY, (struct span){NULL, 0}, NULL, &err, SCAN_FAILED);
    } else if (scan->failure.code != ERR_NONE) {
        /* The bytes are the right ones and they are bad: what stood before the damage holds. */
        bool nothing = result->file_count == 0;
        layer_result_error(result, scan->failure_stage, (struct span){NULL, 0}, NULL, &scan->failure,
                           nothing ? SCAN_FAILED : SCAN_PARTIAL);
    }
    return result_end(scan, started_ns);
}

/* ---- a folder ---- */

static int on_tree_entry(void *context, const struct tar_entry *entry, struct err *err) {
    struct layer_scan *scan = context;
    uint8_t head[16];
    uint64_t kind = (uint64_t)entry->kind << 32 | entry->mode;
    memcpy(head, &kind, sizeof kind);
    memcpy(head + 8, &entry->size, sizeof entry->size);
    digest_stream_add(scan->packed, entry->path);
    digest_stream_add(scan->packed, span_make("", 1));
    digest_stream_add(scan->packed, span_make(head, sizeof head));
    digest_stream_add(scan->packed, entry->link);
    body_hash_begin(scan->tree_body);
    scan->result->unpacked_bytes += entry->size;
    int result = on_entry(context, entry, err);
    return result;
}

static int on_tree_data(void *context, struct span piece, struct err *err) {
    struct layer_scan *scan = context;
    body_hash_add(scan->tree_body, piece);
    return on_data(context, piece, err);
}

static int on_tree_entry_end(void *context, struct err *err) {
    struct layer_scan *scan = context;
    struct hash128 hash = body_hash_end(scan->tree_body);
    digest_stream_add(scan->packed, span_make(&hash, sizeof hash));
    return on_entry_end(context, err);
}

static const struct tar_handler tree_events = {
    .entry = on_tree_entry, .data = on_tree_data, .entry_end = on_tree_entry_end, .problem = on_problem};

struct layer_result *layer_scan_tree(struct layer_scan *scan, const struct tree_root *root,
                                     const struct descriptor *named) {
    uint64_t started_ns = clock_ns();
    bool is_named = named->digest.algorithm != DIGEST_NONE;
    struct err err = {0};
    if (!result_begin(scan, &named->digest))
        return NULL;
    scan->result->media_type = arena_copy(&scan->result->arena, named->media_type);
    if (digest_stream_begin(scan->packed, DIGEST_SHA256, &err) < 0 ||
        tree_walk(root, &tree_events, scan, scan->options->stop, &err) < 0) {
        bool nothing = scan->result->file_count == 0 || err.code == ERR_CANCELED;
        layer_result_error(scan->result, STAGE_WALK, (struct span){NULL, 0}, NULL, &err,
                           nothing ? SCAN_FAILED : SCAN_PARTIAL);
    }
    struct digest contents = digest_stream_end(scan->packed);
    if (!is_named)
        scan->result->digest = contents;
    return result_end(scan, started_ns);
}
