/* Tar layers as a stream of events. Bytes are pushed in pieces of any size; entries come out through
 * callbacks. Nothing is extracted, file bodies are not copied: data() borrows the pushed piece.
 *
 * Our own parser, because libarchive hides what a scanner must see: it merges or drops duplicate and
 * damaged members, tells neither offsets nor raw names, and gives way on what it calls recoverable without
 * saying where.
 *
 * Reads v7, ustar, star, GNU ('L', 'K', base-256, old sparse 'S') and PAX ('x', 'g', GNU.sparse 0.0, 0.1,
 * 1.0). Where writers or readers disagree it does what Go's archive/tar does, for that is what every
 * container runtime unpacks with:
 *  - a GNU long name wins over a PAX path; a second 'x' replaces the first; a 'g' forgets a pending 'x',
 *    'L' or 'K';
 *  - path, linkpath and size in a global header do not apply to entries (POSIX would); they are reported
 *    as a problem;
 *  - directories, links, devices and pipes have no body whatever their size field says. A hard link may
 *    have one: it has when the block after it is neither a header nor zeros.
 *
 * Paths are byte strings relative to the root: no leading "/" or "./", no "//", "/./", trailing "/", and
 * ".." resolved. An entry whose name climbs above the root is reported as a problem and skipped. The root
 * itself has the empty path.
 *
 * Whiteouts (OCI image-spec, layer.md): "dir/.wh.name" is an entry with `whiteout` TAR_WHITEOUT_NAME and
 * path "dir/name", what it deletes; "dir/.wh..wh..opq" has TAR_WHITEOUT_OPAQUE and path "dir". Other
 * ".wh..wh.*" (aufs metadata) are ignored.
 *
 * Errors of push and finish: FORMAT (offset, expected and found), LIMIT (pax bytes, entries), NOMEM, or a
 * callback's own. They end the stream: every later call until tar_begin() fails with the same error. An
 * end at a block boundary without the end-of-archive marker is accepted, missing padding after the last
 * body too, and no bytes at all are an empty layer.
 *
 * Memory of one parser: some KiB and at most LIMIT_PAX_BYTES for each of a PAX header, a long name and a
 * long link. Spec: POSIX.1-2017 pax; GNU tar manual, "Basic Tar Format" and "Sparse Formats". Thread rule:
 * any thread, own object. */
#ifndef TRAWL_TAR_H
#define TRAWL_TAR_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/span.h"

struct tar;

enum tar_kind {
    TAR_FILE,
    TAR_DIRECTORY,
    TAR_SYMLINK,
    TAR_HARD_LINK,
    TAR_CHAR_DEVICE,
    TAR_BLOCK_DEVICE,
    TAR_FIFO,
    TAR_OTHER, /* a type that POSIX does not name; its body comes like a file's */
    TAR_KIND_COUNT
};

enum tar_whiteout { TAR_WHITEOUT_NONE, TAR_WHITEOUT_NAME, TAR_WHITEOUT_OPAQUE };

/* All spans are valid until the entry's entry_end(). */
struct tar_entry {
    enum tar_kind kind;
    enum tar_whiteout whiteout;
    bool sparse;           /* holes: `size` is the file's size, only `stored_bytes` of it are in the stream */
    bool escapes;          /* the link target climbs above the root; `link_path` is held at the root */
    struct span path;      /* normalised; of a whiteout: what it deletes */
    struct span name;      /* as it stands in the archive, up to the first NUL */
    struct span link;      /* symlink and hard link target as it stands there */
    struct span link_path; /* hard link: the target as a path. Symlink: the target resolved against the entry's folder,
                              by text alone (an absolute one is taken from the root) */
    uint64_t size;         /* bytes of the file; 0 for kinds without a body */
    uint64_t stored_bytes; /* bytes that data() will deliver. Unpacked sparse data leaves out the holes */
    uint32_t mode;         /* permission bits with setuid, setgid, sticky */
    uint64_t offset;       /* of the entry's own header in the stream */
    uint64_t data_offset;  /* of its first body byte; meaningful for the kinds that have one and are not sparse */
};

/* What the parser calls. Each returns 0 to go on, or -1 with `err` set to end the stream. entry() may also
 * return TAR_SKIP: this entry's data() is not called. For each entry: entry(), data() zero or more times,
 * entry_end(). */
#define TAR_SKIP 1
struct tar_handler {
    int (*entry)(void *context, const struct tar_entry *entry, struct err *err);
    int (*data)(void *context, struct span piece, struct err *err); /* borrowed: valid until it returns */
    int (*entry_end)(void *context, struct err *err);
    /* Something is wrong and the stream goes on: an entry was skipped, or an extended header was used up to its damage.
     * `path` is the name as it stands in the archive (may be empty), `offset` is where. `problem` is borrowed. */
    int (*problem)(void *context, const struct err *problem, struct span path, uint64_t offset, struct err *err);
};

struct tar_limits {
    uint64_t entries_max; /* (--max-layer-entries) */
    size_t path_bytes_max;
    size_t pax_bytes_max;
};
/* LIMIT_LAYER_ENTRIES, LIMIT_PATH_BYTES, LIMIT_PAX_BYTES. */
struct tar_limits tar_limits_default(void);

int tar_new(struct tar **ret_tar, struct err *err);
void tar_free(struct tar *tar);
CLEANUP_DEFINE(tar, struct tar, tar_free)
#define AUTO_TAR AUTO(cleanup_tar)

/* Starts over with another stream. `limits` NULL means the defaults; `handler` must outlive the stream. */
void tar_begin(struct tar *tar, const struct tar_limits *limits, const struct tar_handler *handler, void *context);

int tar_push(struct tar *tar, struct span input, struct err *err);

/* Says that the stream has ended: FORMAT where it must not end here. */
int tar_finish(struct tar *tar, struct err *err);

/* For callers that can seek: bytes from here on that only pass through to data(), or through nothing.
 * tar_skip() moves the parser past so many of them (at most tar_skippable()) without seeing them; data()
 * is not called for what was skipped. */
uint64_t tar_skippable(const struct tar *tar);
int tar_skip(struct tar *tar, uint64_t size, struct err *err);

uint64_t tar_offset(const struct tar *tar); /* bytes seen or skipped */
bool tar_at_end(const struct tar *tar);     /* the end-of-archive marker was seen */

const char *tar_kind_name(enum tar_kind kind); /* "file", "directory", … */

/* Normalises a path as described above into `out`, which has room for `name.size` bytes at least. `folder`
 * is what a relative name starts from (itself normalised; empty for the root), then `out` has room for
 * folder.size + 1 + name.size. Returns the size. `*ret_escapes` says whether it climbed above the root; it
 * was then held there. */
size_t tar_path_normalise(struct span folder, struct span name, uint8_t *out, bool *ret_escapes);

#endif
