/* Which images a fact belongs to: facts name a package set, a layer or an image by digest, and the tables of images
 * come first. Holds about a kilobyte for each image and 200 bytes for each distinct layer. */
#ifndef TRAWL_EXPORT_IMAGES_H
#define TRAWL_EXPORT_IMAGES_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "shard/row_view.h"

struct export_image {
    struct span reference, registry, repository, tag, digest, kind, os, architecture, package_set, status, reason;
    int64_t scanned_at;
    struct export_image *next_of_set;    /* another one with the same package set */
    struct export_image *next_of_digest; /* another name of the same image */
};

/* What a digest stands for: an image, a layer, an image's configuration or a package set. */
struct export_holders {
    struct export_image *first, *last;
    uint64_t count;
};

struct export_images {
    struct arena arena;
    VEC(struct export_image *) list; /* in the order they came */
    struct map sets;                 /* package set → struct export_holders */
    struct map digests;              /* image digest → the same */
    struct map layers;               /* digest of a layer or a configuration → the same; only `first` and `count` */
};

void export_images_init(struct export_images *images);
void export_images_release(struct export_images *images);

/* Takes rows of `image` and `image_layer`, ignores others. NOMEM. */
int export_images_row(struct export_images *images, const struct row_view *view, struct err *err);

/* The images of a row of any table with a package set, a layer or an image in it; NULL when none is known. */
const struct export_holders *export_images_of(const struct export_images *images, const struct row_view *view);

#endif
