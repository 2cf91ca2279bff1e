/* The layers of the made-up fleet: gzip streams of several members whose digests cost next to nothing to know.
 *
 * A layer is the first members of one of eight chains, made once, and one small member of its own at the end. SHA-256
 * of a chain is kept at each of its joints, so a new layer costs the hash of some kilobytes, whatever its size. The
 * members' sizes grow by 1.4 along a chain and are cut in two inside a file, as pigz and estargz do.
 *
 * Chains: two of base images (dpkg's status.d, libraries, documentation), two of runtimes (npm packages, text), one of
 * dependencies (npm packages with their sources), three of applications (text and binary files). */
#ifndef TRAWL_FLEET_LAYERS_H
#define TRAWL_FLEET_LAYERS_H

#include "base/buf.h"
#include "base/hash/digest.h"

enum fleet_kind { FLEET_BASE, FLEET_RUNTIME, FLEET_DEPENDENCIES, FLEET_APPLICATION, FLEET_KIND_COUNT };

enum { FLEET_CHAINS = 8, FLEET_PREFIXES = 8 };

/* What a layer is made of: the chain, how many members of it (1 to FLEET_PREFIXES), and the number that makes it differ
 * from all others. */
struct fleet_shape {
    uint64_t key;
    uint8_t chain, prefix;
};

/* The kind's shape for this key. Bases take 6 to 8 members of a chain, runtimes 4 to 7; the others take 1 to 8 with
 * 24, 22, 18, 14, 10, 6, 4 and 2 per cent. */
struct fleet_shape fleet_shape_of(enum fleet_kind kind, uint64_t key);

/* The packed size of such a layer without its own member, in units of a chain's first member. */
double fleet_shape_weight(struct fleet_shape shape);

struct fleet_layers;
/* Makes the chains. `unit_bytes` is the packed size of the first member of each, at least 512. */
int fleet_layers_new(uint64_t seed, uint64_t unit_bytes, struct fleet_layers **ret_layers, struct err *err);
void fleet_layers_free(struct fleet_layers *layers);

/* What a layer shares with others; borrowed as long as `layers` lives. */
struct span fleet_layers_shared(const struct fleet_layers *layers, struct fleet_shape shape);
/* Appends the member of its own that follows. With `digest` and `diff_id` (both or none) also what the whole has. */
int fleet_layers_own(struct fleet_layers *layers, struct fleet_shape shape, struct buf *ret_packed,
                     struct digest *ret_digest, struct digest *ret_diff_id, struct err *err);
/* The packed bytes of all chains: what the server holds. */
size_t fleet_layers_bytes(const struct fleet_layers *layers);

#endif
