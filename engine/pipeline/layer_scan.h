/* One layer from first byte to last: verify, inflate, walk, inspect. Plain function calls in one scan thread; the
 * result is a pure function of the bytes and the options (architecture invariant 2).
 *
 * One object per scan thread, used for one layer after another. */
#ifndef TRAWL_LAYER_SCAN_H
#define TRAWL_LAYER_SCAN_H

#include <stdatomic.h>

#include "engine/pipeline/inspect.h"
#include "io/archive/tree.h"
#include "io/codec/codec.h"
#include "io/source/manifest.h"
#include "io/source/stream.h"

struct layer_scan_options {
    struct inspect_options inspect;
    struct codec_limits codec_limits;
    struct tar_limits tar_limits;
    bool verify_diff_id;
    const _Atomic bool *stop; /* set by another thread: end soon, with CANCELED */
};

struct layer_scan;

int layer_scan_new(const struct layer_scan_options *options, struct layer_scan **ret_scan, struct err *err);
void layer_scan_free(struct layer_scan *scan);

/* Reads the stream to its end whatever goes wrong on the way, so that a wrong digest is told from wrong contents.
 * `diff_id` is the configuration's (DIGEST_NONE: not known). NULL only when memory is short; every other failure is in
 * the result. */
struct layer_result *layer_scan_stream(struct layer_scan *scan, const struct descriptor *descriptor,
                                       const struct digest *diff_id, struct stream *stream);

/* The same for a folder on disk. `named` is what the layer is called: the diff_id of a layer that a local store has
 * unpacked. Nothing can be verified there, for the tar is gone. DIGEST_NONE: the layer is called by its contents, the
 * SHA-256 over every entry's path, kind, mode and body. */
struct layer_result *layer_scan_tree(struct layer_scan *scan, const struct tree_root *root,
                                     const struct descriptor *named);

#endif
