/* Which package is in which set, and which owns which: what bills of materials say of packages after they have named
 * them. Packages come by set, as the table has them; what is kept of them goes to a file without a name, so that memory
 * holds one set at a time. */
#ifndef TRAWL_EXPORT_GRAPH_H
#define TRAWL_EXPORT_GRAPH_H

#include "base/arena.h"
#include "base/hash/xxh.h"
#include "base/map.h"
#include "base/vec.h"
#include "io/file/spool.h"
#include "shard/row_view.h"

#define GRAPH_ID_SIZE 33 /* 32 hex digits and a NUL */

struct graph_set {
    uint64_t offset, count; /* of its packages' hashes in `members` */
};

struct graph_edge {
    struct hash128 owner, owned;
};

struct graph_owned {
    struct span owner; /* its purl */
    struct hash128 owned;
};

struct export_graph {
    struct arena arena; /* sets: their names and places */
    struct map sets;    /* package set → struct graph_set */
    struct spool members, edges;
    struct buf block; /* of the set at hand: 16 bytes a package */
    /* The set at hand. */
    struct arena set_arena;
    struct graph_set *set;
    struct span set_name;
    struct map owners; /* purl → struct hash128 of its first package */
    VEC(struct graph_owned) owned;
};

int export_graph_init(struct export_graph *graph, struct err *err);
void export_graph_release(struct export_graph *graph);

/* What stands for a package within a document: of a row of `package` or `vulnerability`, as hex digits into `out` of
 * GRAPH_ID_SIZE bytes, which it returns. */
const char *graph_id(const struct row_view *view, char *out);
const char *graph_id_text(struct hash128 hash, char *out);

/* Takes a row of `package`. IO, NOMEM. */
int export_graph_row(struct export_graph *graph, const struct row_view *view, struct err *err);
/* After the last package. */
int export_graph_finish(struct export_graph *graph, struct err *err);

/* Runs over the packages of a set, or over all edges, those of an owner together. `each` returns 0 to go on. */
typedef int (*graph_member_fn)(void *context, struct hash128 member, struct err *err);
int export_graph_members(const struct export_graph *graph, struct span set, graph_member_fn each, void *context,
                         struct err *err);
typedef int (*graph_edge_fn)(void *context, const struct graph_edge *edge, struct err *err);
int export_graph_edges(const struct export_graph *graph, graph_edge_fn each, void *context, struct err *err);

#endif
