#include "engine/image/layer_result.h"

#include "base/overflow.h"
#include "base/hash/xxh.h"

/* A layer with more broken files than this says so once more and then stops listing them. */
#define ERRORS_MAX ((size_t)1000)

const char *scan_status_name(enum scan_status status) {
    static const char *const names[SCAN_STATUS_COUNT] = {"done", "partial", "failed", "skipped"};
    return names[status];
}

const char *stage_name(enum stage stage) {
    static const char *const names[STAGE_COUNT] = {"resolve", "manifest", "config", "fetch",   "verify", "inflate",
                                                   "walk",    "package",  "secret", "compose", "match"};
    return names[stage];
}

struct layer_result *layer_result_new(const struct digest *digest) {
    struct layer_result *result = mem_zalloc(sizeof *result);
    if (result == NULL)
        return NULL;
    arena_init(&result->arena, 16 * 1024, 0);
    result->digest = *digest;
    return result;
}

void layer_result_discard(struct layer_result *result) {
    vec_release(&result->packages);
    vec_release(&result->secrets);
    vec_release(&result->links);
    vec_release(&result->releases);
    vec_release(&result->owners);
    vec_release(&result->owned);
    vec_release(&result->paths);
    vec_release(&result->whiteouts);
    vec_release(&result->opaques);
    result->errors.count = 0;
    result->file_count = result->body_count = result->body_seen_count = 0;
    result->unpacked_bytes = 0;
}

void layer_result_free(struct layer_result *result) {
    if (result == NULL)
        return;
    layer_result_discard(result);
    vec_release(&result->errors);
    arena_release(&result->arena);
    mem_free(result);
}

void layer_result_error(struct layer_result *result, enum stage stage, struct span path, const uint64_t *byte_offset,
                        const struct err *err, enum scan_status status) {
    if (status > result->status)
        result->status = status;
    if (result->errors.count > ERRORS_MAX)
        return;
    struct layer_error error = {.stage = stage,
                                .path = arena_copy(&result->arena, path),
                                .has_offset = byte_offset != NULL,
                                .byte_offset = byte_offset == NULL ? 0 : *byte_offset,
                                .code = err->code,
                                .message = arena_copy(&result->arena, span_text(err->text))};
    if (result->errors.count == ERRORS_MAX)
        error =
            (struct layer_error){.stage = stage,
                                 .code = ERR_LIMIT,
                                 .path = span_text(""),
                                 .message = span_text("more than 1000 errors in this layer: the rest is not listed")};
    if (error.path.data != NULL && error.message.data != NULL)
        (void)vec_push(&result->errors, error);
}

int layer_package_compare(const struct package *a, const struct package *b) {
    int order = span_compare(a->path, b->path);
    if (order == 0)
        order = (a->type > b->type) - (a->type < b->type);
    if (order == 0)
        order = span_compare(a->name, b->name);
    if (order == 0)
        order = span_compare(a->version, b->version);
    return order != 0 ? order : span_compare(a->architecture, b->architecture);
}

static int package_order(const void *left, const void *right) {
    const struct package *a = left, *b = right;
    int order = layer_package_compare(a, b);
    /* The stronger evidence first: it is the one of its equals that compose keeps. */
    return order != 0 ? order : (a->evidence > b->evidence) - (a->evidence < b->evidence);
}

static int secret_order(const void *left, const void *right) {
    const struct layer_secret *a = left, *b = right;
    int order = span_compare(a->path, b->path);
    if (order == 0)
        order = (a->byte_offset > b->byte_offset) - (a->byte_offset < b->byte_offset);
    return order != 0 ? order : span_compare(a->rule, b->rule);
}

static int link_order(const void *left, const void *right) {
    const struct layer_link *a = left, *b = right;
    return span_compare(a->path, b->path);
}

static int release_order(const void *left, const void *right) {
    const struct layer_release *a = left, *b = right;
    return span_compare(a->path, b->path);
}

static int owner_order(const void *left, const void *right) {
    const struct layer_owner *a = left, *b = right;
    int order = span_compare(a->path, b->path);
    if (order == 0)
        order = (a->type > b->type) - (a->type < b->type);
    if (order == 0)
        order = span_compare(a->name, b->name);
    if (order == 0)
        order = span_compare(a->architecture, b->architecture);
    return order != 0 ? order : (a->first > b->first) - (a->first < b->first);
}

#define SORT(vec, order) qsort((vec).data, (vec).count, sizeof *(vec).data, order)

void layer_result_seal(struct layer_result *result) {
    if (result->packages.count > 0)
        SORT(result->packages, package_order);
    if (result->secrets.count > 0)
        SORT(result->secrets, secret_order);
    if (result->links.count > 0)
        SORT(result->links, link_order);
    if (result->releases.count > 0)
        SORT(result->releases, release_order);
    if (result->owners.count > 0)
        SORT(result->owners, owner_order);
    if (result->paths.count > 0)
        SORT(result->paths, u64_order);
    if (result->whiteouts.count > 0)
        SORT(result->whiteouts, u64_order);
    if (result->opaques.count > 0)
        SORT(result->opaques, u64_order);
}

uint64_t path_fingerprint(struct span path) { return xxh64_seeded(path, 0x7472617770617468U) & ~(uint64_t)1; }

uint64_t path_fingerprint_twin(struct span path) {
    static const char *const merged[] = {"bin/", "sbin/", "lib/", "lib64/", "lib32/", "libx32/"};
    bool under_usr = span_starts(path, "usr/");
    struct span rest = under_usr ? span_from(path, 4) : path;
    for (size_t i = 0; i < ARRAY_COUNT(merged); i++) {
        if (!span_starts(rest, merged[i]))
            continue;
        if (under_usr)
            return path_fingerprint(rest);
        uint8_t twin[PATH_MAX + 4];
        if (path.size > PATH_MAX)
            break;
        memcpy(twin, "usr/", 4);
        memcpy(twin + 4, path.data, path.size);
        return path_fingerprint(span_make(twin, path.size + 4));
    }
    return path_fingerprint(path);
}

static bool holds(const uint64_t *data, size_t count, uint64_t value) {
    return count > 0 && bsearch(&value, data, count, sizeof value, u64_order) != NULL;
}

bool layer_result_has(const struct layer_result *layer, uint64_t fingerprint) {
    return holds(layer->paths.data, layer->paths.count, fingerprint);
}

enum cover layer_result_cover(const struct layer_result *upper, struct span path) {
    /* From the root down: an ancestor that went takes everything below with it. */
    for (size_t end = 0;; end++) {
        bool whole = end >= path.size;
        /* What lies in an archive ("a.jar!/b.jar") goes with it. */
        bool in_archive = !whole && path.data[end] == '!' && end + 1 < path.size && path.data[end + 1] == '/';
        if (!whole && end != 0 && path.data[end] != '/' && !in_archive)
            continue;
        uint64_t fingerprint = path_fingerprint(span_slice(path, 0, end));
        if (end > 0 && holds(upper->whiteouts.data, upper->whiteouts.count, fingerprint))
            return COVER_DELETED;
        if (!whole && holds(upper->opaques.data, upper->opaques.count, fingerprint))
            return holds(upper->paths.data, upper->paths.count, path_fingerprint(path)) ? COVER_OVERWRITTEN
                                                                                        : COVER_DELETED;
        bool is_file = holds(upper->paths.data, upper->paths.count, fingerprint);
        bool is_directory = whole && holds(upper->paths.data, upper->paths.count, fingerprint | 1);
        if (end > 0 && (is_file || is_directory))
            return COVER_OVERWRITTEN;
        if (whole)
            return COVER_NONE;
    }
}
