/* The vulnerability database: one file, mapped read-only, shared by all threads and processes. FORMAT.md is the
 * contract.
 *
 * Opening checks the header and the section table (magic, format version, byte order, bounds, equal lengths of columns)
 * and nothing else, so it costs microseconds whatever the size. Offsets inside the sections are checked where they are
 * used: a damaged file gives a FORMAT error or an empty text, never a read out of bounds. vuln_db_verify() compares
 * checksums.
 *
 * The struct holds no memory of its own: it borrows the bytes, which must outlive it. Any thread may read. */
#ifndef TRAWL_VULN_DB_H
#define TRAWL_VULN_DB_H

#include "base/cpu.h"
#include "base/err.h"
#include "base/span.h"
#include "matchers/version/version.h"
#include "matchers/vuln/range.h"
#include "matchers/vuln/vuln_format.h"

struct vuln_db {
    struct span bytes;
    struct span section[VULN_SECTION_COUNT];
    size_t slot_count; /* a power of two */
    size_t name_count;
    size_t range_count;
    size_t advisory_count;
    int64_t data_time_utc_s; /* the newest `modified` of the input */
    range_candidates_fn range_candidates;
};

/* `bytes` begin at an address divisible by 8 (a map or an allocation does). `level` chooses the twin of the range test;
 * all give equal results. Errors: FORMAT, UNSUPPORTED (another format version or byte order). */
int vuln_db_open(struct span bytes, enum cpu_level level, struct vuln_db *ret_db, struct err *err);

/* Reads the whole file and compares every section's checksum. FORMAT names the first section that differs. */
int vuln_db_verify(const struct vuln_db *db, struct err *err);

/* The hash that the slots hold: XXH64 of the folded key with seed 0; a hash of 0 is stored as 1. */
uint64_t vuln_key_hash(struct span key);
/* Eight bytes of a key from `skip` on as a big-endian number, padded with zeros: its order is the keys' order up to
 * ties. */
uint64_t vuln_key_prefix(struct span key, size_t skip);

/* The runs of ranges of one package. */
struct vuln_name {
    struct span key;      /* "ecosystem NUL name", folded */
    struct span scheme;   /* name of the version order; empty when there is none */
    uint32_t keyed_first; /* ranges in version keys */
    uint32_t keyed_count;
    uint32_t text_first; /* enumerated versions that the version order cannot parse, compared as text */
    uint32_t text_count;
    struct span common; /* the bytes that all bounds' keys of the keyed run begin with */
};

/* Finds a package by its folded key. 1 found, 0 not there, <0 FORMAT. */
int vuln_db_find(const struct vuln_db *db, struct span key, struct vuln_name *ret_name, struct err *err);
/* By number, for dumps and tests; `index` < name_count. */
int vuln_db_name(const struct vuln_db *db, size_t index, struct vuln_name *ret_name, struct err *err);

/* A range's bounds. `lower` empty: no lower bound; `flags` are VULN_RANGE_*. */
struct vuln_range {
    struct span lower_key, upper_key;
    struct span lower_text, upper_text;
    uint32_t entry;
    uint8_t flags;
};
/* False when `index` or something it points to is out of bounds. */
bool vuln_db_range(const struct vuln_db *db, size_t index, struct vuln_range *ret_range);

/* Texts of a list, such as aliases. */
struct vuln_list {
    const struct vuln_db *db;
    size_t offset; /* of the first item in the lists section */
    size_t count;
};
/* Empty past the end or in a damaged file. */
struct span vuln_list_get(const struct vuln_list *list, size_t index);

struct span vuln_db_text(const struct vuln_db *db, uint32_t offset);
struct vuln_list vuln_db_list(const struct vuln_db *db, uint32_t offset);
bool vuln_db_entry(const struct vuln_db *db, size_t index, struct vuln_entry *ret_entry);
bool vuln_db_advisory(const struct vuln_db *db, size_t index, struct vuln_advisory *ret_advisory);

#endif
