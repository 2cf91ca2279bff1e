/* Layers to image: which packages a container of it would show and which layer brought them, what it calls itself, and
 * what became of each secret. Spec: OCI image-spec layer.md, "Applying Changesets": whiteouts and opaque directories
 * hide what lower layers hold and nothing of their own layer. */
#ifndef TRAWL_COMPOSE_H
#define TRAWL_COMPOSE_H

#include "engine/image/layer_result.h"

struct composed_package {
    const struct package *package; /* borrowed from its layer */
    size_t layer_index;            /* the layer where this record came in or last changed */
    const struct package *owner;   /* the system's package that its file belongs to; borrowed, NULL: none */
    bool is_foreign;               /* the owner is not of the distribution, or put the file where none may */
};

enum secret_state { SECRET_EFFECTIVE, SECRET_OVERWRITTEN, SECRET_DELETED };

struct composed_secret {
    const struct layer_secret *secret;
    size_t layer_index;
    enum secret_state state;
};

struct composition {
    struct arena arena;                    /* of what no layer holds */
    VEC(struct composed_package) clues;    /* visible, of EVIDENCE_CLUE; clue.h makes packages of them */
    VEC(struct composed_package) packages; /* of installed software; sorted by path and name */
    VEC(struct composed_secret) secrets;   /* in layer order */
    struct distro distro;                  /* borrowed; all empty when the image does not say */
    struct span distro_path;               /* the release file that says so, */
    size_t distro_layer_index;             /* and its layer; only where distro.id is not empty */
};

/* `layers` lowest first; a NULL one (it failed) counts as empty. `with_declared` also keeps what lock files only
 * declare. The composition borrows from the layers. NOMEM. */
int compose(const struct layer_result *const *layers, size_t layer_count, bool with_declared,
            struct composition *ret_composition, struct err *err);
void composition_release(struct composition *composition);

const char *secret_state_name(enum secret_state state);

#endif
