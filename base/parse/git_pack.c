#include "base/parse/git_pack.h"

#include "base/overflow.h"
#include "base/reader.h"

static const char *const kind_names[GIT_KIND_COUNT] = {"", "commit", "tree", "blob", "tag", "", "delta", "delta"};

const char *git_kind_name(enum git_kind kind) { return kind_names[kind]; }

enum git_kind git_kind_parse(struct span name) {
    for (unsigned kind = GIT_COMMIT; kind <= GIT_TAG; kind++)
        if (span_is(name, kind_names[kind]))
            return (enum git_kind)kind;
    return GIT_NONE;
}

/* Seven bits a byte, the lowest first; more than 64 of them are damage. */
static uint64_t varint(struct reader *r, uint64_t value, unsigned shift, bool more) {
    while (more && !r->failed) {
        uint8_t byte = read_u8(r);
        if (shift > 57)
            r->failed = true;
        else
            value |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
        more = (byte & 0x80) != 0;
    }
    return value;
}

bool git_entry_read(struct span pack, size_t at, size_t hash_bytes, struct git_entry *ret_entry) {
    struct reader r = reader_init(span_from(pack, at));
    uint8_t first = read_u8(&r);
    struct git_entry entry = {.kind = (enum git_kind)(first >> 4 & 7)};
    entry.size = varint(&r, first & 15, 4, (first & 0x80) != 0);
    if (entry.kind == GIT_OFFSET_DELTA) {
        uint8_t byte = read_u8(&r);
        entry.base_distance = byte & 0x7F;
        while ((byte & 0x80) != 0 && !r.failed) {
            byte = read_u8(&r);
            if (entry.base_distance >= UINT64_MAX >> 8)
                r.failed = true;
            else
                entry.base_distance = (entry.base_distance + 1) << 7 | (byte & 0x7F);
        }
    } else if (entry.kind == GIT_HASH_DELTA) {
        entry.base_hash = read_bytes(&r, hash_bytes);
    }
    entry.head_bytes = r.offset;
    if (r.failed || kind_names[entry.kind][0] == '\0')
        return false;
    *ret_entry = entry;
    return true;
}

struct copy {
    uint64_t offset, size;
};

/* What an instruction with its high bit set says: up to four bytes of offset, three of size; 0 means 64 KiB. */
static struct copy copy_read(struct reader *r, uint8_t code) {
    struct copy copy = {0, 0};
    for (unsigned bit = 0; bit < 7; bit++)
        if ((code & 1U << bit) != 0) {
            uint64_t byte = read_u8(r);
            if (bit < 4)
                copy.offset |= byte << 8 * bit;
            else
                copy.size |= byte << 8 * (bit - 4);
        }
    copy.size = copy.size == 0 ? 0x10000 : copy.size;
    return copy;
}

int git_delta_apply(struct span base, struct span delta, struct buf *out, struct err *err) {
    struct reader r = reader_init(delta);
    uint64_t base_size = varint(&r, 0, 0, true), size = varint(&r, 0, 0, true);
    size_t begin = out->size;
    if (r.failed || base_size != base.size)
        return err_set(err, ERR_FORMAT, 0, "git delta: expected a base of %" PRIu64 " bytes, found %zu", base_size,
                       base.size);
    if (out->size_max > 0 && size > out->size_max - out->size)
        return err_set(err, ERR_LIMIT, 0, "git object of %" PRIu64 " bytes: expected at most %zu", size,
                       out->size_max - out->size);
    while (reader_left(&r) > 0) {
        uint8_t code = read_u8(&r);
        struct span piece;
        if ((code & 0x80) != 0) {
            struct copy copy = copy_read(&r, code);
            if (copy.offset > base.size || copy.size > base.size - copy.offset)
                return err_set(err, ERR_FORMAT, 0, "git delta: copies from beyond its base");
            piece = span_slice(base, (size_t)copy.offset, (size_t)copy.size);
        } else {
            piece = read_bytes(&r, code);
        }
        if (r.failed || code == 0 || piece.size > size - (out->size - begin))
            return err_set(err, ERR_FORMAT, 0, "git delta: damaged after %zu bytes", out->size - begin);
        buf_add(out, piece);
        if (out->failed)
            return err_set(err, ERR_NOMEM, 0, "git delta: out of memory");
    }
    if (out->size - begin != size)
        return err_set(err, ERR_FORMAT, 0, "git delta: expected %" PRIu64 " bytes, found %zu", size, out->size - begin);
    return 0;
}

void git_delta_inserts(struct span delta, struct buf *out) {
    struct reader r = reader_init(delta);
    (void)varint(&r, 0, 0, true);
    (void)varint(&r, 0, 0, true);
    while (reader_left(&r) > 0) {
        uint8_t code = read_u8(&r);
        if ((code & 0x80) != 0)
            (void)copy_read(&r, code);
        else
            buf_add(out, read_bytes(&r, code));
    }
}
