/* Between the readers of VEX formats and the statements (vex.c). */
#ifndef TRAWL_VEX_READ_H
#define TRAWL_VEX_READ_H

#include "base/parse/doc.h"
#include "engine/pipeline/vex.h"

/* One statement about one product; texts borrow the document. */
struct vex_draft {
    struct span ids[16];
    size_t id_count;
    struct span product;      /* a package URL or an image reference; empty: any */
    struct span subcomponent; /* a package URL, or empty */
    enum vex_status status;
    struct span reason; /* a justification, or what was done */
    int64_t at_utc_s;
};

typedef int (*vex_draft_fn)(void *context, const struct vex_draft *draft, struct err *err);

/* Each reads its format's document: `each` for every statement and product. FORMAT names what is wrong. */
int vex_read_openvex(const struct doc *root, vex_draft_fn each, void *context, struct err *err);
int vex_read_csaf(struct arena *arena, const struct doc *root, vex_draft_fn each, void *context, struct err *err);
int vex_read_cyclonedx(struct arena *arena, const struct doc *root, vex_draft_fn each, void *context, struct err *err);

/* Adds an id; what is beyond the draft's room is left out. */
void vex_draft_id(struct vex_draft *draft, struct span id);

#endif
