/* Tar archives for tests, right ones and wrong ones. Not for hostile input: out of memory ends the test. */
#ifndef TRAWL_TAR_BUILD_H
#define TRAWL_TAR_BUILD_H

#include "base/buf.h"

enum tar_build_format { TAR_BUILD_USTAR, TAR_BUILD_GNU, TAR_BUILD_V7 };
enum tar_build_checksum { TAR_BUILD_CHECKSUM_UNSIGNED, TAR_BUILD_CHECKSUM_SIGNED, TAR_BUILD_CHECKSUM_BAD };

/* One member, field by field; what is left out is sensible. */
struct tar_build_entry {
    const char *name;
    const char *prefix; /* ustar only */
    char type;          /* 0 means '0'; use 'v' for v7's NUL */
    const char *link;
    struct span data;
    uint64_t size; /* the size field, where `size_set`; else data.size */
    bool size_set;
    bool base256;         /* the size field in GNU's binary form */
    const char *size_raw; /* the size field's 12 bytes as they are */
    uint32_t mode;        /* 0 means 0644 */
    uint64_t mtime;
    enum tar_build_format format;
    enum tar_build_checksum checksum;
    bool data_unpadded;
};

void tar_build_add(struct buf *tar, const struct tar_build_entry *entry);

void tar_build_file(struct buf *tar, const char *name, const char *text);
void tar_build_bytes(struct buf *tar, const char *name, struct span data);
void tar_build_folder(struct buf *tar, const char *name);
void tar_build_symlink(struct buf *tar, const char *name, const char *target);
void tar_build_hard_link(struct buf *tar, const char *name, const char *target);

/* GNU long name ('L') or long link ('K') for the next member. */
void tar_build_long(struct buf *tar, char type, struct span text);

/* Appends "length key=value\n" to `records`. */
void tar_build_record(struct buf *records, const char *key, struct span value);
/* The extended header 'x' or 'g' with these records, whatever they are. */
void tar_build_pax(struct buf *tar, char type, struct span records);
/* An 'x' with one record. */
void tar_build_pax_one(struct buf *tar, const char *key, const char *value);

struct tar_build_extent {
    uint64_t offset;
    uint64_t size;
};
/* An old GNU sparse member ('S') with continuation headers past four extents; `data` is what is stored. */
void tar_build_sparse(struct buf *tar, const char *name, uint64_t real_size, const struct tar_build_extent *extents,
                      size_t count, struct span data);

/* The end-of-archive marker. */
void tar_build_end(struct buf *tar);

#endif
