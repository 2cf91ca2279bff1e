#include "engine/vulndb/feed_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include "base/limits.h"
#include "base/text.h"

bool feed_archive_is(struct span bytes) {
    static const struct span magics[] = {
        SPAN_LITERAL("PK\x03\x04"),
        SPAN_LITERAL("PK\x05\x06"),
        SPAN_LITERAL("\x1f\x8b"),
        SPAN_LITERAL("\x28\xb5\x2f\xfd"),
        SPAN_LITERAL("\xfd"
                     "7zXZ"),
        SPAN_LITERAL("BZh"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(magics); i++) {
        if (span_equal(span_slice(bytes, 0, magics[i].size), magics[i]))
            return true;
    }
    return span_equal(span_slice(bytes, 257, 5), span_text("ustar"));
}

static void archive_close(struct archive **archive) {
    if (*archive != NULL)
        (void)archive_read_free(*archive);
}

static int archive_fail(struct archive *archive, const char *name, struct err *err) {
    const char *why = archive_error_string(archive);
    char quoted[120];
    return err_set(err, ERR_FORMAT, 0, "%s: %s", name,
                   text_quote(span_text(why == NULL ? "damaged" : why), quoted, sizeof quoted));
}

/* Reads one member, whose claimed size is not believed. */
static int member_read(struct archive *archive, const char *name, struct buf *body, struct err *err) {
    for (;;) {
        if (!buf_reserve(body, 65536) && !buf_reserve(body, 1))
            return err_set(err, ERR_LIMIT, 0, "%s: a document of more than %zu bytes, or out of memory", name,
                           LIMIT_FEED_DOCUMENT_BYTES);
        la_ssize_t got = archive_read_data(archive, body->data + body->size, body->capacity - body->size);
        if (got < 0)
            return archive_fail(archive, name, err);
        if (got == 0)
            return 0;
        body->size += (size_t)got;
        if (body->size > LIMIT_FEED_DOCUMENT_BYTES)
            return err_set(err, ERR_LIMIT, 0, "%s: a document of more than %zu bytes", name, LIMIT_FEED_DOCUMENT_BYTES);
    }
}

static struct archive *archive_make(void) {
    struct archive *archive = archive_read_new();
    if (archive == NULL)
        return NULL;
    /* Only what feeds use; ARCHIVE_WARN (a filter by an external program) counts as absent. */
    bool made = archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
                archive_read_support_filter_xz(archive) == ARCHIVE_OK &&
                archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
                archive_read_support_filter_bzip2(archive) == ARCHIVE_OK &&
                archive_read_support_format_zip(archive) == ARCHIVE_OK &&
                archive_read_support_format_tar(archive) == ARCHIVE_OK &&
                archive_read_support_format_raw(archive) == ARCHIVE_OK;
    if (!made)
        archive_close(&archive);
    return made ? archive : NULL;
}

int feed_archive_walk(const char *name, struct span bytes, feed_archive_walk_fn each, void *context, struct err *err) {
    AUTO(archive_close) struct archive *archive = archive_make();
    AUTO_BUF
    struct buf body;
    buf_init(&body, 0);
    if (archive == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    if (archive_read_open_memory(archive, bytes.data, bytes.size) != ARCHIVE_OK)
        return archive_fail(archive, name, err);
    uint64_t total = 0;
    for (uint64_t members = 0;; members++) {
        struct archive_entry *entry = NULL;
        int status = archive_read_next_header(archive, &entry);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return archive_fail(archive, name, err);
        if (members >= LIMIT_FEED_MEMBERS)
            return err_set(err, ERR_LIMIT, 0, "%s: more than %zu members", name, LIMIT_FEED_MEMBERS);
        bool raw = archive_format(archive) == ARCHIVE_FORMAT_RAW;
        if (!raw && archive_entry_filetype(entry) != AE_IFREG)
            continue;
        buf_reset(&body);
        if (member_read(archive, name, &body, err) < 0)
            return -1;
        total += body.size;
        if (total > LIMIT_FEED_BYTES)
            return err_set(err, ERR_LIMIT, 0, "%s: unpacks to more than %" PRIu64 " bytes", name, LIMIT_FEED_BYTES);
        const char *member = raw ? name : archive_entry_pathname(entry);
        int result = each(context, member == NULL ? name : member, buf_span(&body), err);
        if (result < 0)
            return result;
    }
}
