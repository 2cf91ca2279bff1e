#include "io/archive/tar_header.h"

#include "base/reader.h"
#include "base/text.h"

/* POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"; star(5). */
enum {
    NAME_AT = 0,
    NAME_SIZE = 100,
    MODE_AT = 100,
    MODE_SIZE = 8,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    CHECKSUM_AT = 148,
    CHECKSUM_SIZE = 8,
    TYPE_AT = 156,
    LINK_AT = 157,
    LINK_SIZE = 100,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
    STAR_PREFIX_SIZE = 131,
    GNU_ATIME_AT = 345,
    GNU_CTIME_AT = 357,
    GNU_TIME_SIZE = 12,
    GNU_EXTENDED_AT = 482,
    GNU_REAL_SIZE_AT = 483,
    GNU_REAL_SIZE_SIZE = 12,
    STAR_TRAILER_AT = 508,
};

static struct span field(const uint8_t *block, size_t at, size_t size) {
    return span_slice(span_make(block, TAR_BLOCK_BYTES), at, size);
}

/* Up to the first NUL, or the whole field: a name of exactly 100 bytes has none. */
static struct span text_field(const uint8_t *block, size_t at, size_t size) {
    struct span s = field(block, at, size);
    return text_cut(&s, 0);
}

bool tar_block_is_zero(const uint8_t *block) {
    return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK_BYTES - 1) == 0;
}

/* Two's complement, big-endian, the first bit set as the mark; all bits but that one count. */
static bool base256_number(struct span s, int64_t *ret_value) {
    uint8_t flip = (s.data[0] & 0x40) != 0 ? 0xFF : 0;
    uint64_t value = 0;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i] ^ flip;
        if (i == 0)
            c &= 0x7F;
        if (value >> 56 != 0)
            return false;
        value = value << 8 | c;
    }
    if (value > INT64_MAX)
        return false;
    *ret_value = flip != 0 ? -(int64_t)value - 1 : (int64_t)value;
    return true;
}

/* busybox fills unused fields with spaces, old tars put them before the digits, and some end in none at
 * all. */
bool tar_number(struct span s, int64_t *ret_value) {
    if (s.size > 0 && (s.data[0] & 0x80) != 0)
        return base256_number(s, ret_value);
    size_t i = 0;
    while (i < s.size && (s.data[i] == ' ' || s.data[i] == 0))
        i++;
    uint64_t value = 0;
    for (; i < s.size && s.data[i] >= '0' && s.data[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(s.data[i] - '0'); /* 12 digits at most: 36 bits */
    if (i < s.size && s.data[i] != ' ' && s.data[i] != 0)
        return false;
    *ret_value = (int64_t)value;
    return true;
}

bool tar_block_checksum(const uint8_t *block, uint64_t *ret_expected, uint64_t *ret_found) {
    uint32_t sum = 0;
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
        sum += block[i];
    for (size_t i = CHECKSUM_AT; i < CHECKSUM_AT + CHECKSUM_SIZE; i++)
        sum += (uint32_t)' ' - block[i];
    int64_t found;
    bool readable = tar_number(field(block, CHECKSUM_AT, CHECKSUM_SIZE), &found) && found >= 0;
    *ret_expected = sum;
    *ret_found = readable ? (uint64_t)found : 0;
    if (!readable)
        return false;
    if (found == sum)
        return true;
    int64_t sum_signed = 0;
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
        sum_signed += i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_SIZE ? ' ' : (int8_t)block[i];
    return found == sum_signed;
}

static enum tar_format header_format(const uint8_t *block) {
    struct span magic = field(block, MAGIC_AT, 8);
    if (span_equal(magic, span_make("ustar  \0", 8)))
        return TAR_FORMAT_GNU;
    if (!span_equal(span_slice(magic, 0, 6), span_make("ustar\0", 6)))
        return TAR_FORMAT_V7;
    if (span_equal(field(block, STAR_TRAILER_AT, 4), span_make("tar\0", 4)))
        return TAR_FORMAT_STAR;
    return TAR_FORMAT_USTAR;
}

/* GNU keeps times where ustar has the prefix. Go's writer before 1.8 put a prefix there under GNU's magic,
 * and images of that age exist: what is not a number is taken for a prefix, as Go's reader does. */
static struct span gnu_prefix(const uint8_t *block) {
    int64_t ignored;
    struct span atime = field(block, GNU_ATIME_AT, GNU_TIME_SIZE),
                ctime_field = field(block, GNU_CTIME_AT, GNU_TIME_SIZE);
    bool times = (atime.data[0] == 0 || tar_number(atime, &ignored)) &&
                 (ctime_field.data[0] == 0 || tar_number(ctime_field, &ignored));
    struct span prefix = text_field(block, PREFIX_AT, PREFIX_SIZE);
    if (times)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < prefix.size; i++)
        if (prefix.data[i] >= 0x80)
            return (struct span){NULL, 0};
    return prefix;
}

static struct span header_prefix(const uint8_t *block, enum tar_format format) {
    switch (format) {
    case TAR_FORMAT_USTAR:
        return text_field(block, PREFIX_AT, PREFIX_SIZE);
    case TAR_FORMAT_STAR:
        return text_field(block, PREFIX_AT, STAR_PREFIX_SIZE);
    case TAR_FORMAT_GNU:
        return gnu_prefix(block);
    case TAR_FORMAT_V7:
        break;
    }
    return (struct span){NULL, 0};
}

int tar_header_parse(const uint8_t *block, uint64_t offset, struct tar_header *ret_header, struct err *err) {
    struct tar_header header = {.format = header_format(block), .type = block[TYPE_AT]};
    int64_t size, mode, real_size;
    char quoted[64];
    struct span size_field = field(block, SIZE_AT, SIZE_SIZE);
    if (!tar_number(size_field, &size))
        return err_set(err, ERR_FORMAT, 0, "tar: header at offset %" PRIu64 ": expected a size, found \"%s\"", offset,
                       text_quote(size_field, quoted, sizeof quoted));
    if (size < 0)
        return err_set(err, ERR_FORMAT, 0, "tar: header at offset %" PRIu64 ": negative size %" PRId64, offset, size);
    header.size = (uint64_t)size;
    header.mode = tar_number(field(block, MODE_AT, MODE_SIZE), &mode) ? (uint32_t)((uint64_t)mode & 07777) : 0;
    header.name = text_field(block, NAME_AT, NAME_SIZE);
    header.link = text_field(block, LINK_AT, LINK_SIZE);
    header.prefix = header_prefix(block, header.format);
    if (header.type == 'S') {
        bool readable = tar_number(field(block, GNU_REAL_SIZE_AT, GNU_REAL_SIZE_SIZE), &real_size) && real_size >= 0;
        header.sparse_size = readable ? (uint64_t)real_size : header.size;
        header.sparse_extended = block[GNU_EXTENDED_AT] != 0;
    }
    *ret_header = header;
    return 0;
}

/* One record: "length key=value\n", where the length counts itself. */
static bool record_read(struct reader *r, struct span *ret_key, struct span *ret_value) {
    size_t start = r->offset;
    struct span digits = read_until(r, ' ');
    uint64_t length;
    if (r->failed || !text_u64(digits, 10, r->bytes.size, &length) || length < r->offset - start)
        return false;
    struct span record = read_bytes(r, (size_t)length - (r->offset - start));
    if (r->failed || record.size == 0 || record.data[record.size - 1] != '\n')
        return false;
    record.size--;
    size_t equals = span_index(record, '=', 0);
    if (equals == SIZE_MAX || equals == 0)
        return false;
    *ret_key = span_slice(record, 0, equals);
    *ret_value = span_from(record, equals + 1);
    return true;
}

static void record_take(struct tar_pax *pax, struct span key, struct span value) {
    const struct {
        const char *key;
        struct span *value;
    } known[] = {
        {"path", &pax->path},
        {"linkpath", &pax->link_path},
        {"size", &pax->size},
        {"GNU.sparse.major", &pax->sparse_major},
        {"GNU.sparse.minor", &pax->sparse_minor},
        {"GNU.sparse.name", &pax->sparse_name},
        {"GNU.sparse.size", &pax->sparse_size},
        {"GNU.sparse.realsize", &pax->sparse_real_size},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (span_is(key, known[i].key)) {
            *known[i].value = value;
            return;
        }
    }
    if (span_is(key, "GNU.sparse.map") || span_is(key, "GNU.sparse.offset"))
        pax->sparse_map = true;
}

int tar_pax_parse(struct span records, struct tar_pax *ret_pax, struct err *err) {
    struct tar_pax pax = {0};
    struct reader r = reader_init(records);
    int result = 0;
    while (reader_left(&r) > 0) {
        size_t start = r.offset;
        struct span key, value;
        if (!record_read(&r, &key, &value)) {
            char quoted[64];
            result = err_set(err, ERR_FORMAT, 0, "tar: damaged pax record at byte %zu of its header: \"%s\"", start,
                             text_quote(span_slice(records, start, 40), quoted, sizeof quoted));
            break;
        }
        record_take(&pax, key, value);
    }
    *ret_pax = pax;
    return result;
}

bool tar_pax_number(struct span s, uint64_t *ret_value) { return text_u64(s, 10, INT64_MAX, ret_value); }

int tar_sparse_text_read(struct tar_sparse_text *text, const uint8_t *block) {
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
        if (text_is_digit(block[i])) {
            if (text->value > (INT64_MAX - 9) / 10)
                return -1;
            text->value = text->value * 10 + (uint64_t)(block[i] - '0');
            text->digits = true;
            continue;
        }
        if (block[i] != '\n' || !text->digits)
            return -1;
        if (text->counted) {
            text->left--;
        } else if (text->value > text->pairs_max) {
            return -1;
        } else {
            text->left = text->value * 2;
            text->counted = true;
        }
        text->value = 0;
        text->digits = false;
        if (text->left == 0)
            return 1;
    }
    return 0;
}
