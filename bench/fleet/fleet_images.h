/* The images of the made-up fleet: which layers each has, their documents and digests, and what a digest names.
 *
 * Sharing: LAYERS / 400 base layers lie under all images, LAYERS / 40 runtimes stand on one base each, all others
 * belong to applications. Half of what chooses a runtime or a base chooses the same one (fleet_favourite). A repository
 * has one runtime, and one to several hundred tags. An image is base, runtime, and one to eight application
 * layers (10, 20, 22, 18, 12, 8, 6, 4 per cent): its own, which is shared by IMAGES / application layers neighbours,
 * and some of the sixteen before it, which are those of older tags or of the team's other repositories. Every layer is
 * used.
 *
 * Generations: with each, `changed_percent` of the application layers are rebuilt, each a new layer on top of the
 * images that had the old one there. So the share of new layers, and of changed images, is that percentage. */
#ifndef TRAWL_FLEET_IMAGES_H
#define TRAWL_FLEET_IMAGES_H

#include "base/vec.h"
#include "bench/fleet/fleet_layers.h"

struct fleet_options {
    uint64_t seed;
    uint32_t images, repositories, layers;
    uint64_t layer_bytes; /* packed, on average over all layers */
    uint32_t changed_percent;
};

#define FLEET_STACK_MAX 10

struct fleet_layer {
    struct fleet_shape shape;
    uint8_t digest[32], diff_id[32];
    uint32_t size;    /* packed */
    uint32_t fetches; /* of it, from its first byte: for the server */
};

struct fleet_image {
    uint8_t manifest[32], config[32];
    uint16_t manifest_size, config_size;
};

enum fleet_object_kind { FLEET_NOTHING, FLEET_LAYER, FLEET_CONFIG, FLEET_MANIFEST };

struct fleet_object {
    enum fleet_object_kind kind;
    uint32_t id; /* of the layer or of the image */
};

struct fleet;

/* USAGE for options that make no fleet: each repository needs an image, each application layer too. */
int fleet_new(const struct fleet_options *options, struct fleet **ret_fleet, struct err *err);
void fleet_free(struct fleet *fleet);

/* Makes the fleet as it is at this generation; 0 is the first. Layers of others stay. */
int fleet_generation_set(struct fleet *fleet, uint32_t generation, struct err *err);
uint32_t fleet_generation(const struct fleet *fleet);

const struct fleet_options *fleet_options(const struct fleet *fleet);
/* Layers so far, those that the images of this generation have, and the images that it changed. */
size_t fleet_layer_count(const struct fleet *fleet);
size_t fleet_layer_count_used(const struct fleet *fleet);
size_t fleet_image_count_changed(const struct fleet *fleet);
struct fleet_layer *fleet_layer(struct fleet *fleet, uint32_t id);
const struct fleet_image *fleet_image(const struct fleet *fleet, uint32_t id);
struct span fleet_layer_shared(const struct fleet *fleet, uint32_t id);
/* Appends what follows the shared bytes. */
int fleet_layer_own(struct fleet *fleet, uint32_t id, struct buf *out, struct err *err);
size_t fleet_shared_bytes(const struct fleet *fleet);

struct fleet_object fleet_find(const struct fleet *fleet, const struct digest *digest);

/* Appends the document. */
void fleet_manifest(struct fleet *fleet, uint32_t image, struct buf *out);
void fleet_config(struct fleet *fleet, uint32_t image, struct buf *out);

#define FLEET_NAME_SIZE 64
/* Repositories and, in each, tags are numbered in the order of their names. */
const char *fleet_repository_name(uint32_t repository, char *out);
const char *fleet_tag_name(uint32_t tag, char *out);
uint32_t fleet_tag_count(const struct fleet *fleet, uint32_t repository);
uint32_t fleet_image_of(const struct fleet *fleet, uint32_t repository, uint32_t tag);
/* The number of the first name after `name`, and whether `name` itself is one (then it is the one before). */
uint32_t fleet_repository_after(const struct fleet *fleet, struct span name, bool *ret_found);
uint32_t fleet_tag_after(const struct fleet *fleet, uint32_t repository, struct span name, bool *ret_found);

#endif
