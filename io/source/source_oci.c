/* OCI image layouts: a folder with oci-layout, index.json and blobs/ALGORITHM/HEX. Spec: OCI image-spec
 * image-layout.md. Blob paths are made from parsed digests only, so no name of the layout ever becomes a path. */
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/file/file.h"
#include "io/source/file_stream.h"
#include "io/source/layout.h"
#include "io/source/source.h"

struct oci_source {
    struct source source;
    struct span text; /* the target as given, without a tag */
    struct span tag;  /* or empty: all */
    int folder;
    struct buf index;
};

static void oci_close(struct source *source) {
    struct oci_source *oci = (struct oci_source *)source;
    if (oci == NULL)
        return;
    if (oci->folder >= 0)
        (void)close(oci->folder);
    buf_release(&oci->index);
    mem_free(oci);
}

/* "DIR[:TAG]": the whole is tried as a folder first, since folders may have colons in their names. */
static int folder_open(struct oci_source *oci, const char *path, struct err *err) {
    oci->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (oci->folder >= 0)
        return 0;
    int sys = errno;
    const char *colon = strrchr(path, ':');
    AUTO_FREE char *shorter = colon == NULL ? NULL : mem_text(path, (size_t)(colon - path));
    if (shorter != NULL && strchr(colon, '/') == NULL) {
        oci->folder = open(shorter, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (oci->folder >= 0) {
            struct span tag = arena_copy(oci->source.context->arena, span_text(colon + 1));
            oci->tag = tag;
            oci->text.size -= tag.size + 1;
            return tag.data == NULL ? err_set(err, ERR_NOMEM, 0, "%s: out of memory", path) : 0;
        }
    }
    return err_set(err, err_code_of_open(sys), sys, "OCI layout %s: expected a folder: %s", path, strerror(sys));
}

static int oci_open(const struct source_context *context, struct span target, struct span location,
                    struct source **ret_source, struct err *err) {
    struct oci_source *oci = mem_zalloc(sizeof *oci);
    if (oci == NULL)
        return err_set(err, ERR_NOMEM, 0, "OCI layout: out of memory");
    *oci = (struct oci_source){.source = {&source_oci_ops, context}, .folder = -1};
    buf_init(&oci->index, LIMIT_PAGE_BYTES);
    AUTO_FREE char *path = mem_text(location.data, location.size);
    oci->text = arena_copy(context->arena, target);
    int result = path == NULL || oci->text.data == NULL ? err_set(err, ERR_NOMEM, 0, "OCI layout: out of memory")
                                                        : folder_open(oci, path, err);
    if (result == 0 && file_read_at(oci->folder, "index.json", false, &oci->index, err) < 0)
        result = err_wrap(err, "OCI layout %s", path);
    if (result < 0) {
        oci_close(&oci->source);
        return -1;
    }
    *ret_source = &oci->source;
    return 0;
}

static void oci_list(struct source *source, source_list_fn each, source_done_fn done, void *context) {
    struct oci_source *oci = (struct oci_source *)source;
    struct err err = {0};
    if (layout_list(source, oci->text, oci->tag, buf_span(&oci->index), each, context, &err) < 0)
        done(context, &err);
    else
        done(context, NULL);
}

static void oci_blob(struct source *source, const struct source_reference *reference,
                     const struct descriptor *descriptor, size_t bytes_max, source_bytes_fn fn, void *context) {
    struct oci_source *oci = (struct oci_source *)source;
    (void)reference;
    layout_blob_answer(oci->folder, descriptor, false, bytes_max, fn, context);
}

static void oci_manifest(struct source *source, const struct source_reference *reference,
                         const struct descriptor *descriptor, source_bytes_fn fn, void *context) {
    struct descriptor named = {.digest = reference->digest};
    oci_blob(source, reference, descriptor == NULL ? &named : descriptor, LIMIT_MANIFEST_BYTES, fn, context);
}

static void oci_stream(struct source *source, const struct source_reference *reference,
                       const struct descriptor *descriptor, struct stream *stream) {
    struct oci_source *oci = (struct oci_source *)source;
    (void)reference;
    char path[LAYOUT_PATH_SIZE];
    struct err err = {0};
    int fd = layout_blob_open(oci->folder, &descriptor->digest, false, &err);
    if (fd < 0)
        stream_end(stream, &err);
    else
        file_stream_start(source->context->loop, fd, layout_blob_path(&descriptor->digest, path), stream);
}

static const char *const prefixes[] = {"oci:", "oci-dir:", "oci-layout:", NULL};

const struct source_ops source_oci_ops = {
    .kind = "oci",
    .prefixes = prefixes,
    .open = oci_open,
    .list = oci_list,
    .manifest = oci_manifest,
    .blob = oci_blob,
    .stream = oci_stream,
    .close = oci_close,
};
