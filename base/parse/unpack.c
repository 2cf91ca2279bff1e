#include "base/parse/unpack.h"

#include "base/overflow.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>

#define STEP_BYTES ((size_t)64 * 1024)

bool unpack_is_packed(struct span head) {
    return span_starts(head, "\x1f\x8b") ||
           span_starts(head, "\xfd"
                             "7zXZ") ||
           span_starts(head, "\x28\xb5\x2f\xfd") || span_starts(head, "BZh");
}

static int fail(struct archive *archive, struct err *err) {
    char quoted[120];
    const char *why = archive_error_string(archive);
    return err_set(err, archive_errno(archive) == ENOMEM ? ERR_NOMEM : ERR_FORMAT, 0, "packed data: %s",
                   text_quote(span_text(why == NULL ? "damaged" : why), quoted, sizeof quoted));
}

static int read_all(struct archive *archive, struct span packed, struct buf *out, struct err *err) {
    struct archive_entry *entry = NULL;
    if (archive_read_open_memory(archive, packed.data, packed.size) != ARCHIVE_OK)
        return fail(archive, err);
    int status = archive_read_next_header(archive, &entry);
    if (status == ARCHIVE_EOF)
        return 0; /* nothing was packed */
    if (status != ARCHIVE_OK)
        return fail(archive, err);
    for (;;) {
        uint8_t beyond;
        size_t room = size_min(out->size_max - out->size, STEP_BYTES);
        if (room > 0 && !buf_reserve(out, room))
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        la_ssize_t got = archive_read_data(archive, room == 0 ? &beyond : out->data + out->size, size_max(room, 1));
        if (got < 0)
            return fail(archive, err);
        if (got == 0)
            return 0;
        if (room == 0)
            return err_set(err, ERR_LIMIT, 0, "unpacks to more than %zu bytes", out->size_max);
        out->size += (size_t)got;
    }
}

int unpack_bytes(struct span packed, struct buf *out, struct err *err) {
    assert(out->size_max > 0 && out->size <= out->size_max);
    if (!unpack_is_packed(packed))
        return err_set(err, ERR_FORMAT, 0, "packed data: expected gzip, xz, zstd or bzip2");
    struct archive *archive = archive_read_new();
    if (archive == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    int result = 0;
    /* A filter that libarchive would run a program for counts as absent: ARCHIVE_WARN. */
    if (archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
        archive_read_support_filter_xz(archive) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
        archive_read_support_filter_bzip2(archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(archive) != ARCHIVE_OK ||
        archive_read_support_format_raw(archive) != ARCHIVE_OK)
        result = err_set(err, ERR_UNSUPPORTED, 0, "packed data: libarchive was built without a filter that is needed");
    if (result == 0)
        result = read_all(archive, packed, out, err);
    (void)archive_read_free(archive);
    return result;
}
