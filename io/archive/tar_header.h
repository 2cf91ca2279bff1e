/* The fixed parts of tar: one 512-byte header block, and the records of a PAX extended header. No state,
 * no I/O. Only tar.c and its tests include this. */
#ifndef TRAWL_TAR_HEADER_H
#define TRAWL_TAR_HEADER_H

#include "base/err.h"
#include "base/span.h"

#define TAR_BLOCK_BYTES ((size_t)512)

enum tar_format { TAR_FORMAT_V7, TAR_FORMAT_USTAR, TAR_FORMAT_GNU, TAR_FORMAT_STAR };

/* A header block with its fields told apart. Spans borrow the block. */
struct tar_header {
    enum tar_format format;
    uint8_t type;       /* as it stands there: '0', '5', 'x', 0, … */
    struct span name;   /* up to the first NUL */
    struct span prefix; /* to be put before the name with a '/', or empty */
    struct span link;
    uint64_t size;
    uint32_t mode;
    bool sparse_extended; /* type 'S': another block of the sparse map follows */
    uint64_t sparse_size; /* type 'S': the file's size with its holes */
};

bool tar_block_is_zero(const uint8_t *block);

/* Whether the checksum field is the sum of the block's bytes, taken as unsigned (POSIX) or as signed (old
 * BSD and Sun tars). The two sums' first and what stands there come back for the error's text. */
bool tar_block_checksum(const uint8_t *block, uint64_t *ret_expected, uint64_t *ret_found);

/* FORMAT where the size is damaged, negative or beyond 2^63 - 1: what follows could not be found. Damage
 * in mode is let pass as 0. The checksum is the caller's. */
int tar_header_parse(const uint8_t *block, uint64_t offset, struct tar_header *ret_header, struct err *err);

/* A numeric field: octal with spaces or NULs before and after, or base-256. False for anything else. */
bool tar_number(struct span field, int64_t *ret_value);

/* What trawl uses of the records of one extended header. Spans borrow the records; size 0 means not there
 * (POSIX: an empty value deletes what was said before). */
struct tar_pax {
    struct span path;
    struct span link_path;
    struct span size;
    struct span sparse_major; /* GNU.sparse.major, … */
    struct span sparse_minor;
    struct span sparse_name;
    struct span sparse_size;      /* GNU.sparse.size (0.0, 0.1) */
    struct span sparse_real_size; /* GNU.sparse.realsize (1.0) */
    bool sparse_map;              /* GNU.sparse.map, or 0.0's pairs of offset and numbytes */
};

/* Reads all records, or those before the first damaged one. FORMAT then, `*ret_pax` is written all the
 * same. */
int tar_pax_parse(struct span records, struct tar_pax *ret_pax, struct err *err);

/* Digits only, at most 2^63 - 1. */
bool tar_pax_number(struct span s, uint64_t *ret_value);

/* The map of PAX 1.0: decimal numbers, each with a newline: the count of pairs, then so many offsets and
 * sizes. */
struct tar_sparse_text {
    uint64_t value;
    uint64_t left;      /* numbers to come; of no meaning before the count is known */
    uint64_t pairs_max; /* a pair takes four bytes of the body at least */
    bool digits;        /* `value` has at least one */
    bool counted;
};

/* Reads the map's numbers out of one block. 1 the map ends in it, 0 it goes on, -1 it is no map. */
int tar_sparse_text_read(struct tar_sparse_text *text, const uint8_t *block);

#endif
