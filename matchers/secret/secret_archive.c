#include "matchers/secret/secret_archive.h"

#include "base/overflow.h"
#include "base/parse/git_pack.h"
#include "base/parse/inflate.h"
#include "base/text.h"

#define TAR_BLOCK ((size_t)512)
#define TAR_MAGIC_AT ((size_t)257)
#define AR_HEAD ((size_t)60)
#define GIT_HASH_BYTES ((size_t)20)

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
    if (git_kind_parse(kind) == GIT_NONE)
        return 0;
    member->name = kind;
    member->body = span_from(member->body, zero + 1);
    return 1;
}

/* Where an object begins is only known when the one before it is through: what is damaged ends the pack. Of a delta the
 * text that it brings along is looked at; what it copies stands in another object of the pack. */
static int git_pack_next(struct secret_archive *archive, struct buf *out, struct secret_member *member,
                         struct err *err) {
    struct git_entry entry;
    while (git_entry_read(archive->bytes, archive->at, GIT_HASH_BYTES, &entry)) {
        struct err problem = {0};
        AUTO_BUF struct buf delta;
        bool is_delta = entry.kind >= GIT_OFFSET_DELTA;
        size_t used = 0;
        buf_init(&delta, out->size_max);
        buf_reset(out);
        int result = inflate_used(span_from(archive->bytes, archive->at + entry.head_bytes), INFLATE_ZLIB,
                                  is_delta ? &delta : out, &used, &problem);
        if (result == 0 && is_delta)
            git_delta_inserts(buf_span(&delta), out);
        member->offset = archive->at;
        member->name = span_text(git_kind_name(entry.kind));
        archive->at = result < 0 ? archive->bytes.size : archive->at + entry.head_bytes + used;
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
