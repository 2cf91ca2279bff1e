#include "matchers/secret/secret_archive.h"

#include "base/overflow.h"
#include "base/parse/inflate.h"
#include "base/text.h"

#define TAR_BLOCK ((size_t)512)
#define TAR_MAGIC_AT ((size_t)257)
#define AR_HEAD ((size_t)60)

const char *secret_archive_name(enum secret_archive_kind kind) {
    static const char *const names[] = {"gzip", "zip", "tar", "ar", "git", "git-pack"};
    return names[kind];
}

/* zlib's first two bytes, as git writes them. */
static bool is_zlib(struct span bytes) {
    return bytes.size >= 8 && bytes.data[0] == 0x78 && ((unsigned)bytes.data[0] << 8 | bytes.data[1]) % 31 == 0;
}

static bool kind_of(struct span bytes, enum secret_archive_kind *ret_kind) {
    static const uint8_t gzip[] = {0x1F, 0x8B, 8};
    if (bytes.size < 18)
        return false;
    if (memcmp(bytes.data, gzip, sizeof gzip) == 0)
        *ret_kind = SECRET_GZIP;
    else if (span_starts(bytes, "PK\3\4"))
        *ret_kind = SECRET_ZIP;
    else if (span_starts(bytes, "!<arch>\n"))
        *ret_kind = SECRET_AR;
    else if (span_starts(bytes, "PACK"))
        *ret_kind = SECRET_GIT_PACK;
    else if (span_starts(span_from(bytes, TAR_MAGIC_AT), "ustar"))
        *ret_kind = SECRET_TAR;
    else if (is_zlib(bytes))
        *ret_kind = SECRET_GIT_OBJECT;
    else
        return false;
    return true;
}

bool secret_archive_is(struct span bytes) {
    enum secret_archive_kind kind;
    return kind_of(bytes, &kind);
}

bool secret_archive_open(struct span bytes, struct secret_archive *ret_archive) {
    struct err err;
    *ret_archive = (struct secret_archive){.bytes = bytes};
    if (!kind_of(bytes, &ret_archive->kind))
        return false;
    if (ret_archive->kind == SECRET_ZIP)
        return zip_open(bytes, &ret_archive->zip, &err) == 0;
    if (ret_archive->kind == SECRET_AR)
        ret_archive->at = 8;
    if (ret_archive->kind == SECRET_GIT_PACK)
        ret_archive->at = 12;
    return true;
}

/* What an unpacker said of a member: 1 it is there, as a whole or its beginning; 0 it cannot be read; -1 no memory. */
static int unpacked(int result, const struct buf *out, struct secret_member *member, struct err *problem,
                    struct err *err) {
    if (result < 0 && problem->code == ERR_NOMEM) {
        *err = *problem;
        return -1;
    }
    member->truncated = result < 0 && problem->code == ERR_LIMIT;
    if (result < 0 && !member->truncated)
        return 0;
    member->body = buf_span(out);
    return 1;
}

/* ---- gzip ---- */

static struct span text_until_zero(struct reader *r) {
    size_t begin = r->offset, zero = span_index(r->bytes, 0, begin);
    if (zero == SIZE_MAX) {
        r->failed = true;
        return (struct span){NULL, 0};
    }
    (void)read_bytes(r, zero + 1 - begin);
    return span_slice(r->bytes, begin, zero - begin);
}

/* RFC 1952: members follow one another; what is not one ends the file. */
static int gzip_next(struct secret_archive *archive, struct buf *out, struct secret_member *member, struct err *err) {
    struct reader r = reader_init(span_from(archive->bytes, archive->at));
    enum { CHECKED = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };
    uint16_t magic = read_le16(&r);
    uint8_t method = read_u8(&r), flags = read_u8(&r);
    (void)read_bytes(&r, 6);
    if ((flags & EXTRA) != 0)
        (void)read_bytes(&r, read_le16(&r));
    member->name = (flags & NAME) != 0 ? text_until_zero(&r) : (struct span){NULL, 0};
    if ((flags & COMMENT) != 0)
        (void)text_until_zero(&r);
    if ((flags & CHECKED) != 0)
        (void)read_bytes(&r, 2);
    if (r.failed || magic != 0x8B1F || method != 8)
        return 0;
    struct err problem = {0};
    size_t used = 0;
    member->offset = archive->at;
    int result = inflate_used(span_from(r.bytes, r.offset), INFLATE_RAW, out, &used, &problem);
    archive->at = result < 0 ? archive->bytes.size : archive->at + r.offset + used + 8;
    /* A file that was cut off is searched as far as it goes. */
    if (result < 0 && problem.code == ERR_FORMAT && out->size > 0)
        result = 0;
    return unpacked(result, out, member, &problem, err);
}

/* ---- zip ---- */

static int zip_member_next(struct secret_archive *archive, struct buf *out, struct secret_member *member,
                           struct err *err) {
    struct zip_member entry;
    struct err problem = {0};
    while (zip_next(&archive->zip, &entry, &problem) > 0) {
        if (entry.size == 0)
            continue;
        buf_reset(out);
        *member = (struct secret_member){.name = entry.name, .offset = (size_t)entry.offset};
        if (zip_read(&archive->zip, &entry, out, out->size_max, &member->body, &problem) == 0)
            return 1;
        if (problem.code == ERR_NOMEM) {
            *err = problem;
            return -1;
        }
        if (problem.code == ERR_LIMIT) {
            member->body = buf_span(out);
            member->truncated = true;
            return 1;
        }
    }
    return 0;
}

/* ---- tar ---- */

static bool octal(struct span field, uint64_t *ret_value) {
    while (field.size > 0 && (field.data[field.size - 1] == 0 || field.data[field.size - 1] == ' '))
        field.size--;
    return text_u64(text_trim(field), 8, INT64_MAX, ret_value);
}

static struct span until_zero(struct span field) {
    size_t zero = span_index(field, 0, 0);
    return zero == SIZE_MAX ? field : span_slice(field, 0, zero);
}

/* What follows a header that is none: damage, or padding. It is a last member without a name, so that it is searched.
 */
static int rest_next(struct secret_archive *archive, struct secret_member *member) {
    member->offset = archive->at;
    member->body = span_from(archive->bytes, archive->at);
    archive->at = archive->bytes.size;
    for (size_t i = 0; i < member->body.size; i++)
        if (member->body.data[i] != 0)
            return 1;
    return 0;
}

/* Regular files only; a long name stands in a member of its own and is not put together: the place tells. */
static int tar_member_next(struct secret_archive *archive, struct secret_member *member) {
    while (archive->at + TAR_BLOCK <= archive->bytes.size) {
        struct span head = span_slice(archive->bytes, archive->at, TAR_BLOCK);
        uint64_t size = 0;
        if (!span_starts(span_from(head, TAR_MAGIC_AT), "ustar") || !octal(span_slice(head, 124, 12), &size))
            return rest_next(archive, member);
        member->offset = archive->at;
        member->name = until_zero(span_slice(head, 0, 100));
        member->body = span_slice(archive->bytes, archive->at + TAR_BLOCK,
                                  size > archive->bytes.size ? archive->bytes.size : (size_t)size);
        size_t padded = (member->body.size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        archive->at += TAR_BLOCK + padded;
        if ((head.data[156] == '0' || head.data[156] == 0) && member->body.size > 0)
            return 1;
    }
    return 0;
}

/* ---- ar ---- */

static int ar_member_next(struct secret_archive *archive, struct secret_member *member) {
    while (archive->at + AR_HEAD <= archive->bytes.size) {
        struct span head = span_slice(archive->bytes, archive->at, AR_HEAD);
        uint64_t size = 0;
        if (!text_u64(text_trim(span_slice(head, 48, 10)), 10, archive->bytes.size, &size) || head.data[58] != '`')
            return rest_next(archive, member);
        member->offset = archive->at;
        member->name = text_trim(span_slice(head, 0, 16));
        member->body = span_slice(archive->bytes, archive->at + AR_HEAD, (size_t)size);
        archive->at += AR_HEAD + (size_t)size + (size_t)(size & 1);
        if (member->body.size > 0)
            return 1;
    }
    return 0;
}

/* ---- git ---- */

static const char *const git_kinds[] = {"", "commit", "tree", "blob", "tag", "", "delta", "delta"};

/* "blob 123\0" and the contents, in one zlib stream. */
static int git_object_next(struct secret_archive *archive, struct buf *out, struct secret_member *member,
                           struct err *err) {
    struct err problem = {0};
    if (archive->at > 0)
        return 0;
    archive->at = archive->bytes.size;
    int result = unpacked(inflate_bytes(archive->bytes, INFLATE_ZLIB, out, &problem), out, member, &problem, err);
    size_t zero = result <= 0 ? SIZE_MAX : span_index(span_slice(member->body, 0, 32), 0, 0);
    if (result <= 0 || zero == SIZE_MAX)
        return result < 0 ? -1 : 0;
    struct span size = span_slice(member->body, 0, zero);
    struct span kind = text_cut(&size, ' ');
    bool known = false;
    for (size_t i = 1; i < 5; i++)
        known = known || span_is(kind, git_kinds[i]);
    if (!known)
        return 0;
    member->name = kind;
    member->body = span_from(member->body, zero + 1);
    return 1;
}

/* A delta is instructions: what it inserts is text of the object, what it copies stands in another object of the pack
 * and is searched there. In place: what is kept only moves to the front. */
static void delta_inserts(struct buf *out) {
    struct reader r = reader_init(buf_span(out));
    size_t kept = 0;
    for (int i = 0; i < 2; i++) /* sizes of the base and of the result */
        while ((read_u8(&r) & 0x80) != 0 && !r.failed)
            continue;
    while (reader_left(&r) > 0) {
        uint8_t code = read_u8(&r);
        if ((code & 0x80) != 0) {
            for (uint8_t bit = 1; bit < 0x80 && bit != 0; bit = (uint8_t)(bit << 1))
                if ((code & bit) != 0)
                    (void)read_u8(&r);
            continue;
        }
        struct span text = read_bytes(&r, code);
        if (text.size > 0)
            memmove(out->data + kept, text.data, text.size);
        kept += text.size;
    }
    out->size = kept;
}

/* gitformat-pack: type and size, for deltas where their base is, a zlib stream. Where an object begins is only known
 * when the one before it is through: what is damaged ends the pack. */
static int git_pack_next(struct secret_archive *archive, struct buf *out, struct secret_member *member,
                         struct err *err) {
    while (archive->at + 20 < archive->bytes.size) {
        struct reader r = reader_init(span_from(archive->bytes, archive->at));
        struct err problem = {0};
        size_t used = 0;
        uint8_t byte = read_u8(&r);
        unsigned kind = byte >> 4 & 7;
        while ((byte & 0x80) != 0 && !r.failed)
            byte = read_u8(&r);
        if (kind == 6)
            while ((read_u8(&r) & 0x80) != 0 && !r.failed)
                continue;
        if (kind == 7)
            (void)read_bytes(&r, 20);
        if (r.failed || git_kinds[kind][0] == '\0')
            return 0;
        buf_reset(out);
        int result = inflate_used(span_from(r.bytes, r.offset), INFLATE_ZLIB, out, &used, &problem);
        member->offset = archive->at;
        archive->at = result < 0 ? archive->bytes.size : archive->at + r.offset + used;
        if (result == 0 && kind >= 6)
            delta_inserts(out);
        (void)snprintf(archive->name, sizeof archive->name, "%s", git_kinds[kind]);
        member->name = span_text(archive->name);
        result = unpacked(result, out, member, &problem, err);
        if (result != 0 && (result < 0 || member->body.size > 0))
            return result;
    }
    return 0;
}

int secret_archive_next(struct secret_archive *archive, struct buf *out, struct secret_member *ret_member,
                        struct err *err) {
    *ret_member = (struct secret_member){.truncated = false};
    buf_reset(out);
    archive->count++;
    switch (archive->kind) {
    case SECRET_GZIP:
        return gzip_next(archive, out, ret_member, err);
    case SECRET_ZIP:
        return zip_member_next(archive, out, ret_member, err);
    case SECRET_TAR:
        return tar_member_next(archive, ret_member);
    case SECRET_AR:
        return ar_member_next(archive, ret_member);
    case SECRET_GIT_OBJECT:
        return git_object_next(archive, out, ret_member, err);
    case SECRET_GIT_PACK:
        return git_pack_next(archive, out, ret_member, err);
    case SECRET_ARCHIVE_COUNT:
        break;
    }
    return 0;
}
