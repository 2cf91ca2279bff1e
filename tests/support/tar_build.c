#include "tests/support/tar_build.h"

#define BLOCK ((size_t)512)

static void put(uint8_t *block, size_t at, size_t room, struct span s) {
    assert(s.size <= room);
    if (s.size > 0)
        memcpy(block + at, s.data, s.size);
}

static void put_octal(uint8_t *block, size_t at, size_t digits, uint64_t value) {
    for (size_t i = digits; i-- > 0; value >>= 3)
        block[at + i] = (uint8_t)('0' + (value & 7));
    assert(value == 0);
}

static void put_base256(uint8_t *block, size_t at, size_t size, uint64_t value) {
    for (size_t i = size; i-- > 0; value >>= 8)
        block[at + i] = (uint8_t)value;
    block[at] |= 0x80;
}

static void seal(uint8_t *block, enum tar_build_checksum how) {
    int64_t sum = 0;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += how == TAR_BUILD_CHECKSUM_SIGNED ? (int8_t)block[i] : block[i];
    if (how == TAR_BUILD_CHECKSUM_BAD)
        sum++;
    assert(sum >= 0);
    put_octal(block, 148, 6, (uint64_t)sum);
    block[154] = 0;
}

static void header(uint8_t *block, const struct tar_build_entry *entry) {
    memset(block, 0, BLOCK);
    put(block, 0, 100, span_text(entry->name));
    put_octal(block, 100, 7, entry->mode == 0 ? 0644 : entry->mode);
    put_octal(block, 108, 7, 0);
    put_octal(block, 116, 7, 0);
    uint64_t size = entry->size_set ? entry->size : entry->data.size;
    if (entry->size_raw != NULL)
        memcpy(block + 124, entry->size_raw, 12);
    else if (entry->base256)
        put_base256(block, 124, 12, size);
    else
        put_octal(block, 124, 11, size);
    put_octal(block, 136, 11, entry->mtime);
    block[156] = (uint8_t)(entry->type == 0 ? '0' : entry->type == 'v' ? 0 : entry->type);
    put(block, 157, 100, span_text(entry->link));
    if (entry->format == TAR_BUILD_USTAR) {
        memcpy(block + 257, "ustar\00000", 8);
        put(block, 345, 155, span_text(entry->prefix));
    } else if (entry->format == TAR_BUILD_GNU) {
        memcpy(block + 257, "ustar  ", 8);
    }
    seal(block, entry->checksum);
}

static void pad(struct buf *tar) {
    buf_fill(tar, 0, (size_t)(-tar->size & (BLOCK - 1)));
    assert(!tar->failed);
}

void tar_build_add(struct buf *tar, const struct tar_build_entry *entry) {
    uint8_t block[BLOCK];
    header(block, entry);
    buf_add(tar, span_make(block, BLOCK));
    buf_add(tar, entry->data);
    if (!entry->data_unpadded)
        pad(tar);
}

void tar_build_bytes(struct buf *tar, const char *name, struct span data) {
    tar_build_add(tar, &(struct tar_build_entry){.name = name, .data = data});
}

void tar_build_file(struct buf *tar, const char *name, const char *text) {
    tar_build_bytes(tar, name, span_text(text));
}

void tar_build_folder(struct buf *tar, const char *name) {
    tar_build_add(tar, &(struct tar_build_entry){.name = name, .type = '5', .mode = 0755});
}

void tar_build_symlink(struct buf *tar, const char *name, const char *target) {
    tar_build_add(tar, &(struct tar_build_entry){.name = name, .type = '2', .link = target, .mode = 0777});
}

void tar_build_hard_link(struct buf *tar, const char *name, const char *target) {
    tar_build_add(tar, &(struct tar_build_entry){.name = name, .type = '1', .link = target});
}

void tar_build_long(struct buf *tar, char type, struct span text) {
    struct buf data = {0};
    buf_add(&data, text);
    buf_byte(&data, 0);
    tar_build_add(tar, &(struct tar_build_entry){
                           .name = "././@LongLink", .type = type, .data = buf_span(&data), .format = TAR_BUILD_GNU});
    buf_release(&data);
}

void tar_build_record(struct buf *records, const char *key, struct span value) {
    size_t rest = 1 + strlen(key) + 1 + value.size + 1; /* " key=value\n" */
    size_t length = rest + 1;
    char digits[24];
    while ((size_t)snprintf(digits, sizeof digits, "%zu", length) + rest != length)
        length++;
    buf_text(records, digits);
    buf_byte(records, ' ');
    buf_text(records, key);
    buf_byte(records, '=');
    buf_add(records, value);
    buf_byte(records, '\n');
    assert(!records->failed);
}

void tar_build_pax(struct buf *tar, char type, struct span records) {
    tar_build_add(tar, &(struct tar_build_entry){.name = "PaxHeaders/x", .type = type, .data = records});
}

void tar_build_pax_one(struct buf *tar, const char *key, const char *value) {
    struct buf records = {0};
    tar_build_record(&records, key, span_text(value));
    tar_build_pax(tar, 'x', buf_span(&records));
    buf_release(&records);
}

static void put_extents(uint8_t *block, size_t at, const struct tar_build_extent *extents, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put_octal(block, at + i * 24, 11, extents[i].offset);
        put_octal(block, at + i * 24 + 12, 11, extents[i].size);
    }
}

void tar_build_sparse(struct buf *tar, const char *name, uint64_t real_size, const struct tar_build_extent *extents,
                      size_t count, struct span data) {
    uint8_t block[BLOCK];
    header(block, &(struct tar_build_entry){.name = name, .type = 'S', .data = data, .format = TAR_BUILD_GNU});
    size_t here = count < 4 ? count : 4;
    put_extents(block, 386, extents, here);
    put_base256(block, 483, 12, real_size);
    block[482] = count > here;
    seal(block, TAR_BUILD_CHECKSUM_UNSIGNED);
    buf_add(tar, span_make(block, BLOCK));
    while (count > here) {
        extents += here;
        count -= here;
        here = count < 21 ? count : 21;
        memset(block, 0, BLOCK);
        put_extents(block, 0, extents, here);
        block[504] = count > here;
        buf_add(tar, span_make(block, BLOCK));
    }
    buf_add(tar, data);
    pad(tar);
}

void tar_build_end(struct buf *tar) {
    buf_fill(tar, 0, 2 * BLOCK);
    assert(!tar->failed);
}
