#include "io/source/layout.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "io/file/file.h"

const char *layout_blob_path(const struct digest *digest, char out[LAYOUT_PATH_SIZE]) {
    char text[DIGEST_TEXT_SIZE];
    digest_text(digest, text);
    char *colon = strchr(text, ':');
    if (colon != NULL)
        *colon = '/';
    (void)snprintf(out, LAYOUT_PATH_SIZE, "blobs/%s", text);
    return out;
}

int layout_blob_open(int folder, const struct digest *digest, bool strict, struct err *err) {
    char path[LAYOUT_PATH_SIZE];
    struct stat status;
    layout_blob_path(digest, path);
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = strict ? file_open_beneath(folder, path, flags, err) : openat(folder, path, flags);
    if (fd < 0)
        return strict ? -1 : err_set(err, err_code_of_open(errno), errno, "%.26s…: %s", path, strerror(errno));
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    (void)close(fd);
    return err_set(err, ERR_FORMAT, 0, "%.26s…: expected a regular file", path);
}

void layout_blob_answer(int folder, const struct descriptor *descriptor, bool strict, size_t bytes_max,
                        source_bytes_fn fn, void *context) {
    struct err err = {0};
    char path[LAYOUT_PATH_SIZE];
    AUTO_BUF struct buf bytes;
    AUTO_CLOSE int fd = layout_blob_open(folder, &descriptor->digest, strict, &err);
    buf_init(&bytes, bytes_max);
    if (fd < 0 || file_read_open(fd, layout_blob_path(&descriptor->digest, path), &bytes, &err) < 0 ||
        source_verify(descriptor, buf_span(&bytes), &err) < 0)
        fn(context, (struct span){NULL, 0}, NULL, &err);
    else
        fn(context, buf_span(&bytes), &descriptor->digest, NULL);
}

/* A ref.name annotation is a tag by the specification, a whole reference by several tools' habit: its tag is behind the
 * last colon that no slash follows. */
static struct span tag_of(struct span ref_name) {
    size_t colon = span_index_last(ref_name, ':');
    struct span tail = colon == SIZE_MAX ? ref_name : span_from(ref_name, colon + 1);
    return span_index(tail, '/', 0) == SIZE_MAX ? tail : ref_name;
}

static int reference_make(struct source *source, struct span text, const struct descriptor *entry, size_t item,
                          struct source_reference *ret_reference, struct err *err) {
    struct arena *arena = source->context->arena;
    char digest[DIGEST_TEXT_SIZE];
    char *full = entry->ref_name.size > 0
                     ? arena_format(arena, "%.*s:%.*s", SPAN_FORMAT(text), SPAN_FORMAT(entry->ref_name))
                     : arena_format(arena, "%.*s@%s", SPAN_FORMAT(text), digest_text(&entry->digest, digest));
    if (full == NULL)
        return err_set(err, ERR_NOMEM, 0, "index.json: out of memory");
    *ret_reference = (struct source_reference){.text = span_text(full),
                                               .registry = span_text(""),
                                               .repository = text,
                                               .tag = tag_of(entry->ref_name),
                                               .has_digest = true,
                                               .digest = entry->digest,
                                               .platform = entry->platform,
                                               .item = item};
    return 0;
}

int layout_list(struct source *source, struct span text, struct span tag, struct span index_json, source_list_fn each,
                void *context, struct err *err) {
    struct manifest index;
    if (manifest_parse(source->context->arena, index_json, &index, err) < 0)
        return err_wrap(err, "index.json");
    if (index.kind != MANIFEST_INDEX)
        return err_set(err, ERR_FORMAT, 0, "index.json: expected an index with manifests");
    size_t matched = 0;
    for (size_t i = 0; i < index.entry_count; i++) {
        const struct descriptor *entry = &index.entries[i];
        if (tag.size > 0 && !span_equal(entry->ref_name, tag) && !span_equal(tag_of(entry->ref_name), tag))
            continue;
        struct source_reference reference;
        if (reference_make(source, text, entry, i, &reference, err) < 0)
            return -1;
        matched++;
        (void)each(context, source, &reference); /* all is at hand: nothing to hold back */
    }
    char quoted[96];
    if (matched == 0 && tag.size > 0)
        return err_set(err, ERR_NOTFOUND, 0, "index.json: no manifest is named '%s'",
                       text_quote(tag, quoted, sizeof quoted));
    return 0;
}
