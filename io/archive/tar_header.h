/* One 512-byte tar header, and the records of an extended one: fields to numbers and text, nothing else.
 * Layout: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format". */
#ifndef TRAWL_TAR_HEADER_H
#define TRAWL_TAR_HEADER_H

#include "base/err.h"
#include "base/span.h"

#define TAR_BLOCK_BYTES ((size_t)512)

struct tar_header {
    char type;
    uint64_t size;
    uint32_t mode;
    int64_t mtime;
    struct span name;    /* borrow the block */
    struct span prefix;  /* empty unless the format has one */
    struct span link;
    uint64_t real_size;  /* type 'S' */
    bool sparse_goes_on; /* type 'S': a block of the map follows */
};

enum tar_block { TAR_BLOCK_HEADER, TAR_BLOCK_ZERO, TAR_BLOCK_BAD };

/* What a block is, by its checksum (signed or unsigned sums, as old writers disagree). `*ret_expected` and `*ret_found` are
 * the sums of a bad one. */
enum tar_block tar_block_kind(const uint8_t block[TAR_BLOCK_BYTES], uint64_t *ret_expected, uint64_t *ret_found);

/* FORMAT names the field, what was expected and what was found. */
int tar_header_parse(const uint8_t block[TAR_BLOCK_BYTES], struct tar_header *ret_header, struct err *err);

/* A continuation block of an old GNU sparse map: does another one follow? */
bool tar_sparse_goes_on(const uint8_t block[TAR_BLOCK_BYTES]);

/* The next "LENGTH KEY=VALUE\n" of an extended header: 1 record, 0 end, -1 FORMAT. `*rest` moves behind it. */
int tar_pax_next(struct span *rest, struct span *ret_key, struct span *ret_value, struct err *err);

#endif
