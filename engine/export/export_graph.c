#include "engine/export/export_graph.h"

#include "base/clock.h"
#include "base/limits.h"
#include "engine/export/export.h"
#include "io/file/file.h"

int export_graph_init(struct export_graph *graph, struct err *err) {
    *graph = (struct export_graph){.members = {.fd = -1}, .edges = {.fd = -1}};
    arena_init(&graph->arena, 0, 0);
    arena_init(&graph->set_arena, 0, 0);
    map_init(&graph->sets, clock_ns());
    map_init(&graph->owners, clock_ns());
    return spool_open(&graph->members, err) < 0 || spool_open(&graph->edges, err) < 0 ? -1 : 0;
}

void export_graph_release(struct export_graph *graph) {
    arena_release(&graph->arena);
    arena_release(&graph->set_arena);
    map_release(&graph->sets);
    map_release(&graph->owners);
    vec_release(&graph->owned);
    buf_release(&graph->block);
    spool_close(&graph->members);
    spool_close(&graph->edges);
}

static struct hash128 package_hash(const struct row_view *view) {
    static const struct hash_key no_key;
    static const char *const columns[] = {"package_set", "purl", "path"};
    uint8_t texts[3 * 16];
    /* Hashed apart, so that no text can be moved from one column to the next. */
    for (size_t i = 0; i < ARRAY_COUNT(columns); i++) {
        struct hash128 hash = body_hash_once(&no_key, export_text(view, columns[i]));
        memcpy(texts + 16 * i, &hash, sizeof hash);
    }
    return body_hash_once(&no_key, span_make(texts, sizeof texts));
}

const char *graph_id_text(struct hash128 hash, char *out) {
    (void)snprintf(out, GRAPH_ID_SIZE, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
    return out;
}

const char *graph_id(const struct row_view *view, char *out) { return graph_id_text(package_hash(view), out); }

static int edge_compare(const void *a, const void *b) { return memcmp(a, b, sizeof(struct hash128)); }

/* Owners are packages of the same set, known only when it is whole. */
static int set_close(struct export_graph *graph, struct err *err) {
    if (graph->set == NULL)
        return 0;
    struct graph_edge *edges = arena_array(&graph->set_arena, graph->owned.count, sizeof *edges);
    size_t count = 0;
    if (edges == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    for (size_t i = 0; i < graph->owned.count; i++) {
        const struct hash128 *owner = map_get(&graph->owners, graph->owned.data[i].owner);
        if (owner != NULL && !hash128_equal(*owner, graph->owned.data[i].owned))
            edges[count++] = (struct graph_edge){*owner, graph->owned.data[i].owned};
    }
    if (count > 0)
        qsort(edges, count, sizeof *edges, edge_compare);
    graph->set->count = graph->block.size / sizeof(struct hash128);
    graph->set->offset = graph->members.size;
    if (graph->block.failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    if (spool_add(&graph->members, buf_span(&graph->block), err) < 0 ||
        spool_add(&graph->edges, span_make(edges, count * sizeof *edges), err) < 0)
        return -1;
    buf_reset(&graph->block);
    map_release(&graph->owners);
    map_init(&graph->owners, clock_ns());
    arena_reset(&graph->set_arena);
    graph->owned.count = 0;
    graph->set = NULL;
    return 0;
}

static int set_open(struct export_graph *graph, struct span name, struct err *err) {
    graph->set_name = arena_copy(&graph->arena, name);
    graph->set = arena_zalloc(&graph->arena, sizeof *graph->set);
    void **place =
        graph->set_name.data == NULL || graph->set == NULL ? NULL : map_put(&graph->sets, graph->set_name, NULL);
    if (place == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    *place = graph->set;
    return 0;
}

int export_graph_row(struct export_graph *graph, const struct row_view *view, struct err *err) {
    struct span name = export_text(view, "package_set");
    if (graph->set == NULL || !span_equal(name, graph->set_name)) {
        if (set_close(graph, err) < 0 || set_open(graph, name, err) < 0)
            return -1;
    }
    struct hash128 hash = package_hash(view);
    struct hash128 *kept = arena_alloc(&graph->set_arena, sizeof *kept);
    struct span purl = arena_copy(&graph->set_arena, export_text(view, "purl"));
    bool is_new = false;
    void **place = kept == NULL || purl.data == NULL ? NULL : map_put(&graph->owners, purl, &is_new);
    if (place == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    *kept = hash;
    if (is_new)
        *place = kept;
    buf_add(&graph->block, span_make(&hash, sizeof hash));
    if (export_is_nil(view, "owner_purl"))
        return 0;
    struct span owner = arena_copy(&graph->set_arena, export_text(view, "owner_purl"));
    if (owner.data == NULL || !vec_push(&graph->owned, (struct graph_owned){owner, hash}))
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    return 0;
}

int export_graph_finish(struct export_graph *graph, struct err *err) { return set_close(graph, err); }

/* Reads `count` records of `size` bytes from `offset` on, some at a time. */
typedef int (*record_fn)(void *context, const uint8_t *record, struct err *err);

static int records_read(const struct spool *spool, uint64_t offset, uint64_t count, size_t size, record_fn each,
                        void *context, struct err *err) {
    uint8_t block[4096];
    size_t at_once = sizeof block / size;
    while (count > 0) {
        size_t some = count < at_once ? (size_t)count : at_once, got = 0;
        if (file_read_part(spool->fd, offset, block, some * size, &got, err) < 0)
            return -1;
        if (got != some * size)
            return err_set(err, ERR_IO, 0, "export: a temporary file is shorter than what was written to it");
        for (size_t i = 0; i < some; i++) {
            if (each(context, block + i * size, err) < 0)
                return -1;
        }
        count -= some;
        offset += got;
    }
    return 0;
}

struct member_walk {
    graph_member_fn each;
    void *context;
};

static int member_record(void *context, const uint8_t *record, struct err *err) {
    const struct member_walk *walk = context;
    struct hash128 hash;
    memcpy(&hash, record, sizeof hash);
    return walk->each(walk->context, hash, err);
}

int export_graph_members(const struct export_graph *graph, struct span set, graph_member_fn each, void *context,
                         struct err *err) {
    const struct graph_set *found = map_get(&graph->sets, set);
    struct member_walk walk = {each, context};
    if (found == NULL)
        return 0;
    return records_read(&graph->members, found->offset, found->count, sizeof(struct hash128), member_record, &walk,
                        err);
}

struct edge_walk {
    graph_edge_fn each;
    void *context;
};

static int edge_record(void *context, const uint8_t *record, struct err *err) {
    const struct edge_walk *walk = context;
    struct graph_edge edge;
    memcpy(&edge, record, sizeof edge);
    return walk->each(walk->context, &edge, err);
}

int export_graph_edges(const struct export_graph *graph, graph_edge_fn each, void *context, struct err *err) {
    struct edge_walk walk = {each, context};
    return records_read(&graph->edges, 0, graph->edges.size / sizeof(struct graph_edge), sizeof(struct graph_edge),
                        edge_record, &walk, err);
}
