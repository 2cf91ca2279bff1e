#include "base/parse/zip.h"

#include "base/limits.h"
#include "base/overflow.h"
#include "base/parse/inflate.h"

/* APPNOTE sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16. */
enum { LOCAL_MAGIC = 0x04034b50, MEMBER_MAGIC = 0x02014b50, END_MAGIC = 0x06054b50 };
enum { END64_MAGIC = 0x06064b50, LOCATOR64_MAGIC = 0x07064b50 };
enum { LOCAL_BYTES = 30, END_BYTES = 22, LOCATOR64_BYTES = 20, END64_BYTES = 56 };
enum { FLAG_ENCRYPTED = 1, METHOD_STORED = 0, METHOD_DEFLATED = 8, EXTRA_ZIP64 = 1 };
#define COMMENT_MAX ((size_t)65535)

/* A deflated byte makes 1032 bytes at most: a directory that says more lies. */
#define DEFLATE_RATIO_MAX ((uint64_t)1032)

struct directory {
    uint64_t offset, size; /* as they are written */
    size_t end;            /* where the end record begins: the directory ends there */
};

/* The last end record whose comment ends within the bytes: what is appended to an archive is let pass. SIZE_MAX. */
static size_t end_find(struct span bytes) {
    if (bytes.size < END_BYTES)
        return SIZE_MAX;
    size_t lowest = bytes.size - END_BYTES - size_min(COMMENT_MAX, bytes.size - END_BYTES);
    for (size_t at = bytes.size - END_BYTES + 1; at-- > lowest;) {
        struct reader r = reader_init(span_from(bytes, at));
        if (bytes.data[at] != 'P' || read_le32(&r) != END_MAGIC)
            continue;
        read_seek(&r, END_BYTES - 2);
        if (read_le16(&r) <= bytes.size - at - END_BYTES)
            return at;
    }
    return SIZE_MAX;
}

/* Zip64: the locator stands right before the end record, and the wide record right before the locator, unless data
 * follows in it; then the locator's offset is believed. */
static int directory_widen(struct span bytes, struct directory *directory, struct err *err) {
    size_t end = directory->end;
    if (end < LOCATOR64_BYTES)
        return 0;
    struct reader r = reader_init(span_slice(bytes, end - LOCATOR64_BYTES, LOCATOR64_BYTES));
    if (read_le32(&r) != LOCATOR64_MAGIC)
        return 0;
    read_skip(&r, 4);
    uint64_t offset = read_le64(&r);
    size_t near = end - LOCATOR64_BYTES;
    near = near < END64_BYTES ? SIZE_MAX : near - END64_BYTES;
    struct reader wide = reader_init(span_from(bytes, near));
    size_t at = near;
    if (near == SIZE_MAX || read_le32(&wide) != END64_MAGIC) {
        if (offset > bytes.size)
            return err_set(err, ERR_FORMAT, 0, "zip: no Zip64 end record at offset %" PRIu64, offset);
        at = (size_t)offset;
        wide = reader_init(span_from(bytes, at));
        if (read_le32(&wide) != END64_MAGIC)
            return err_set(err, ERR_FORMAT, 0, "zip: no Zip64 end record at offset %" PRIu64, offset);
    }
    read_seek(&wide, 40);
    directory->size = read_le64(&wide);
    directory->offset = read_le64(&wide);
    directory->end = at;
    if (wide.failed)
        return err_set(err, ERR_FORMAT, 0, "zip: the Zip64 end record at offset %zu ends early", at);
    return 0;
}

int zip_open(struct span bytes, struct zip *ret_zip, struct err *err) {
    struct directory directory = {.end = end_find(bytes)};
    if (directory.end == SIZE_MAX)
        return err_set(err, ERR_FORMAT, 0, "zip: no end record in %zu bytes: no ZIP archive, or one that was cut off",
                       bytes.size);
    struct reader r = reader_init(span_from(bytes, directory.end));
    read_seek(&r, 12);
    directory.size = read_le32(&r);
    directory.offset = read_le32(&r);
    if (directory_widen(bytes, &directory, err) < 0)
        return -1;
    if (directory.size > directory.end)
        return err_set(err, ERR_FORMAT, 0, "zip: a directory of %" PRIu64 " bytes before its end at offset %zu",
                       directory.size, directory.end);
    size_t begin = directory.end - (size_t)directory.size;
    if (directory.offset > begin)
        return err_set(err, ERR_FORMAT, 0, "zip: directory at offset %" PRIu64 ": expected at most %zu",
                       directory.offset, begin);
    *ret_zip = (struct zip){.bytes = bytes,
                            .directory = reader_init(span_slice(bytes, begin, (size_t)directory.size)),
                            .shift = begin - directory.offset};
    return 0;
}

/* The wide values of a Zip64 extra field stand there in this order, each only where the narrow one is full. */
static void member_widen(struct zip_member *member, struct span extra) {
    struct reader r = reader_init(extra);
    while (reader_left(&r) >= 4) {
        uint16_t id = read_le16(&r);
        struct reader field = reader_init(read_bytes(&r, read_le16(&r)));
        if (id != EXTRA_ZIP64)
            continue;
        uint64_t *const values[] = {&member->size, &member->packed_size, &member->offset};
        for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
            if (*values[i] == UINT32_MAX && reader_left(&field) >= 8)
                *values[i] = read_le64(&field);
        }
        return;
    }
}

int zip_next(struct zip *zip, struct zip_member *ret_member, struct err *err) {
    struct reader *r = &zip->directory;
    if (reader_left(r) == 0)
        return 0;
    if (zip->member_count >= LIMIT_ZIP_MEMBERS)
        return err_set(err, ERR_LIMIT, 0, "zip: more than %zu members", LIMIT_ZIP_MEMBERS);
    struct zip_member member = {.offset = 0};
    uint32_t magic = read_le32(r);
    read_skip(r, 4); /* versions */
    member.flags = read_le16(r);
    member.method = read_le16(r);
    read_skip(r, 4); /* time */
    member.crc32 = read_le32(r);
    member.packed_size = read_le32(r);
    member.size = read_le32(r);
    uint16_t name_size = read_le16(r), extra_size = read_le16(r), comment_size = read_le16(r);
    read_skip(r, 8); /* disk, attributes */
    member.offset = read_le32(r);
    member.name = read_bytes(r, name_size);
    struct span extra = read_bytes(r, extra_size);
    read_skip(r, comment_size);
    if (r->failed || magic != MEMBER_MAGIC)
        return err_set(err, ERR_FORMAT, 0, "zip: the directory is damaged after %" PRIu64 " members",
                       zip->member_count);
    member_widen(&member, extra);
    if (!u64_add(member.offset, zip->shift, &member.offset))
        member.offset = UINT64_MAX;
    zip->member_count++;
    *ret_member = member;
    return 1;
}

/* The packed bytes, behind the local header, whose own sizes are not looked at: writers leave them empty. */
static int member_locate(const struct zip *zip, const struct zip_member *member, struct span *ret_packed,
                         struct err *err) {
    struct reader r = reader_init(zip->bytes);
    read_seek(&r, (size_t)u64_min(member->offset, SIZE_MAX));
    uint32_t magic = read_le32(&r);
    read_skip(&r, LOCAL_BYTES - 8);
    uint16_t name_size = read_le16(&r), extra_size = read_le16(&r);
    read_skip(&r, name_size);
    read_skip(&r, extra_size);
    *ret_packed = read_bytes(&r, (size_t)u64_min(member->packed_size, SIZE_MAX));
    if (r.failed || magic != LOCAL_MAGIC)
        return err_set(err, ERR_FORMAT, 0, "zip: no member of %" PRIu64 " bytes at offset %" PRIu64,
                       member->packed_size, member->offset);
    return 0;
}

static int member_unpack(const struct zip_member *member, struct span packed, struct buf *out, struct err *err) {
    if (member->size / DEFLATE_RATIO_MAX > member->packed_size)
        return err_set(err, ERR_FORMAT, 0, "zip: %" PRIu64 " bytes out of %" PRIu64 ": deflate cannot do that",
                       member->size, member->packed_size);
    size_t ceiling = out->size_max;
    buf_reset(out);
    out->size_max = size_max(1, (size_t)member->size);
    int result = inflate_bytes(packed, INFLATE_RAW, out, err);
    out->size_max = ceiling;
    if (result < 0 && err != NULL && err->code == ERR_LIMIT)
        return err_set(err, ERR_FORMAT, 0, "zip: a member unpacks to more than the %" PRIu64 " bytes it claims",
                       member->size);
    return result < 0 ? err_wrap(err, "zip") : 0;
}

int zip_read(const struct zip *zip, const struct zip_member *member, struct buf *out, size_t size_max,
             struct span *ret_body, struct err *err) {
    struct span body;
    if ((member->flags & FLAG_ENCRYPTED) != 0)
        return err_set(err, ERR_UNSUPPORTED, 0, "zip: the member is encrypted");
    if (member->method != METHOD_STORED && member->method != METHOD_DEFLATED)
        return err_set(err, ERR_UNSUPPORTED, 0, "zip: compression method %u: expected stored or deflate",
                       (unsigned)member->method);
    if (member->size > size_max)
        return err_set(err, ERR_LIMIT, 0, "zip: a member of %" PRIu64 " bytes: expected at most %zu", member->size,
                       size_max);
    if (member_locate(zip, member, &body, err) < 0)
        return -1;
    if (member->method == METHOD_DEFLATED) {
        if (member_unpack(member, body, out, err) < 0)
            return -1;
        body = buf_span(out);
    }
    if (body.size != member->size || inflate_crc32(body) != member->crc32)
        return err_set(err, ERR_FORMAT, 0, "zip: a member's %zu bytes are not the %" PRIu64 " that the directory has",
                       body.size, member->size);
    *ret_body = body;
    return 0;
}
