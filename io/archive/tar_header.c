#include "io/archive/tar_header.h"

#include "base/reader.h"
#include "base/text.h"

#define CHECKSUM_OFFSET 148
#define CHECKSUM_SIZE 8

/* The text of a field up to its first NUL. */
static struct span field_text(const uint8_t *block, size_t offset, size_t size) {
    struct span field = span_make(block + offset, size);
    size_t end = span_index(field, '\0', 0);
    return span_slice(field, 0, end == SIZE_MAX ? size : end);
}

/* A number as writers really store it: octal with leading and trailing spaces or NULs, or GNU's base 256 with the first bit
 * set. False: neither, negative, or beyond 63 bits. An empty field is zero. */
static bool field_number(const uint8_t *block, size_t offset, size_t size, uint64_t *ret_value) {
    const uint8_t *field = block + offset;
    uint64_t value = 0;
    if ((field[0] & 0x80) != 0) {
        if ((field[0] & 0x40) != 0)
            return false; /* negative */
        for (size_t i = 0; i < size; i++) {
            uint8_t byte = i == 0 ? field[i] & 0x3f : field[i];
            if (value > (uint64_t)INT64_MAX >> 8)
                return false;
            value = value << 8 | byte;
        }
        *ret_value = value;
        return true;
    }
    size_t i = 0;
    while (i < size && (field[i] == ' ' || field[i] == '\0'))
        i++;
    for (; i < size && field[i] != ' ' && field[i] != '\0'; i++) {
        if (field[i] < '0' || field[i] > '7' || value > (uint64_t)INT64_MAX >> 3)
            return false;
        value = value << 3 | (uint64_t)(field[i] - '0');
    }
    *ret_value = value;
    return true;
}

enum tar_block tar_block_kind(const uint8_t block[TAR_BLOCK_BYTES], uint64_t *ret_expected, uint64_t *ret_found) {
    uint64_t unsigned_sum = 0;
    int64_t signed_sum = 0;
    bool zero = true;
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
        bool checksum = i >= CHECKSUM_OFFSET && i < CHECKSUM_OFFSET + CHECKSUM_SIZE;
        uint8_t byte = checksum ? ' ' : block[i];
        zero = zero && block[i] == 0;
        unsigned_sum += byte;
        signed_sum += (int8_t)byte;
    }
    if (zero)
        return TAR_BLOCK_ZERO;
    uint64_t stored = 0;
    bool number = field_number(block, CHECKSUM_OFFSET, CHECKSUM_SIZE, &stored);
    if (number && (stored == unsigned_sum || (int64_t)stored == signed_sum))
        return TAR_BLOCK_HEADER;
    *ret_expected = unsigned_sum;
    *ret_found = number ? stored : UINT64_MAX;
    return TAR_BLOCK_BAD;
}

static int number_read(const uint8_t *block, const char *name, size_t offset, size_t size, uint64_t *ret_value, struct err *err) {
    char quoted[64];
    if (field_number(block, offset, size, ret_value))
        return 0;
    return err_set(err, ERR_FORMAT, 0, "field %s: expected a number of at most 63 bits, found '%s'", name,
                   text_quote(field_text(block, offset, size), quoted, sizeof quoted));
}

int tar_header_parse(const uint8_t block[TAR_BLOCK_BYTES], struct tar_header *ret_header, struct err *err) {
    struct tar_header header = {.type = (char)block[156],
                                .name = field_text(block, 0, 100),
                                .link = field_text(block, 157, 100),
                                .prefix = span_text("")};
    uint64_t mode = 0, mtime = 0;
    if (number_read(block, "size", 124, 12, &header.size, err) < 0)
        return -1;
    /* Neither decides what is read next: damaged ones count as zero. */
    (void)field_number(block, 100, 8, &mode);
    (void)field_number(block, 136, 12, &mtime);
    header.mode = (uint32_t)(mode & 07777);
    header.mtime = (int64_t)mtime;
    bool ustar = memcmp(block + 257, "ustar\0", 6) == 0;
    bool star = ustar && memcmp(block + 508, "tar\0", 4) == 0;
    if (ustar)
        header.prefix = field_text(block, 345, star ? 131 : 155);
    if (header.type == 'S') {
        if (number_read(block, "real size", 483, 12, &header.real_size, err) < 0)
            return -1;
        header.sparse_goes_on = block[482] != 0;
    }
    *ret_header = header;
    return 0;
}

bool tar_sparse_goes_on(const uint8_t block[TAR_BLOCK_BYTES]) {
    return block[504] != 0;
}

int tar_pax_next(struct span *rest, struct span *ret_key, struct span *ret_value, struct err *err) {
    if (rest->size == 0 || rest->data[0] == '\0') /* some writers pad with NULs */
        return 0;
    size_t space = span_index(*rest, ' ', 0);
    uint64_t length;
    if (space == SIZE_MAX || !text_u64(span_slice(*rest, 0, space), 10, rest->size, &length) || length < space + 3 ||
        rest->data[length - 1] != '\n')
        return err_set(err, ERR_FORMAT, 0, "extended header: expected 'LENGTH KEY=VALUE' and a line feed, %zu bytes before its end",
                       rest->size);
    struct span value = span_slice(*rest, space + 1, (size_t)length - space - 2);
    struct span key = text_cut(&value, '=');
    if (value.data == NULL || key.size == 0)
        return err_set(err, ERR_FORMAT, 0, "extended header: expected KEY=VALUE");
    *rest = span_from(*rest, (size_t)length);
    *ret_key = key;
    *ret_value = value;
    return 1;
}
