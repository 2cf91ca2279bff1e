/* A folder that is the root of a file system: scanned in place, as one layer. There are no manifests and no blobs. */
#include "base/cleanup.h"
#include "io/source/source.h"

struct rootfs_source {
    struct source source;
    struct span text;
    struct tree_root root;
};

static void rootfs_close(struct source *source) { mem_free(source); }

static int rootfs_open(const struct source_context *context, struct span target, struct span location,
                       struct source **ret_source, struct err *err) {
    struct rootfs_source *rootfs = mem_zalloc(sizeof *rootfs);
    if (rootfs == NULL)
        return err_set(err, ERR_NOMEM, 0, "folder: out of memory");
    *rootfs = (struct rootfs_source){.source = {&source_rootfs_ops, context},
                                     .text = arena_copy(context->arena, target),
                                     .root = {.folder = arena_text(context->arena, location)}};
    if (rootfs->text.data == NULL || rootfs->root.folder == NULL) {
        rootfs_close(&rootfs->source);
        return err_set(err, ERR_NOMEM, 0, "folder: out of memory");
    }
    *ret_source = &rootfs->source;
    return 0;
}

static void rootfs_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct rootfs_source *rootfs = (struct rootfs_source *)source;
    struct source_reference reference = {
        .text = rootfs->text, .registry = span_text(""), .repository = span_text(rootfs->root.folder)};
    (void)each(context, source, &reference); /* all is at hand: nothing to hold back */
    done(context, NULL);
}

static const struct tree_root *rootfs_tree(struct source *source, const struct source_reference *reference,
                                           size_t layer) {
    (void)reference;
    (void)layer;
    return &((struct rootfs_source *)source)->root;
}

static const char *const prefixes[] = {"rootfs:", "dir:", NULL};

const struct source_ops source_rootfs_ops = {
    .kind = "rootfs",
    .prefixes = prefixes,
    .open = rootfs_open,
    .list = rootfs_list,
    .tree = rootfs_tree,
    .close = rootfs_close,
};
