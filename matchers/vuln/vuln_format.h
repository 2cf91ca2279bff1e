/* Numbers of the database file, for its reader here and its writer in engine/vulndb. FORMAT.md explains them. */
#ifndef TRAWL_VULN_FORMAT_H
#define TRAWL_VULN_FORMAT_H

#include "base/prelude.h"

#define VULN_MAGIC "TRAWLVDB"
#define VULN_FORMAT_VERSION 1u
#define VULN_BYTE_ORDER 0x01020304u
#define VULN_HEADER_SIZE ((size_t)64)
#define VULN_SECTION_ENTRY_SIZE ((size_t)32)
#define VULN_SECTION_ALIGN ((size_t)64)
#define VULN_NONE UINT32_MAX /* no list, no score */

enum vuln_section {
    VULN_SECTION_SLOT_HASH,   /* u64: XXH64 of a package key, 0 for a free slot */
    VULN_SECTION_SLOT_NAME,   /* u32: index into NAME */
    VULN_SECTION_NAME,        /* struct, 32 bytes */
    VULN_SECTION_LOWER,       /* u64: eight bytes of the lower bound's key, after the run's common bytes */
    VULN_SECTION_UPPER,       /* u64 */
    VULN_SECTION_FLAGS,       /* u8: VULN_RANGE_* */
    VULN_SECTION_ENTRY_INDEX, /* u32: index into ENTRY */
    VULN_SECTION_LOWER_KEY,   /* u32: offset into KEY */
    VULN_SECTION_UPPER_KEY,   /* u32 */
    VULN_SECTION_LOWER_TEXT,  /* u32: offset into TEXT */
    VULN_SECTION_UPPER_TEXT,  /* u32 */
    VULN_SECTION_ENTRY,       /* struct, 16 bytes */
    VULN_SECTION_ADVISORY,    /* struct, 64 bytes */
    VULN_SECTION_LIST,        /* u32: a count, then so many offsets into TEXT */
    VULN_SECTION_KEY,         /* u16 length and bytes, again and again; offset 0 is the empty key */
    VULN_SECTION_TEXT,        /* u32 length and bytes, again and again; offset 0 is the empty text */
    VULN_SECTION_COUNT
};

enum {
    VULN_RANGE_NO_LOWER = 1,
    VULN_RANGE_NO_UPPER = 2,
    VULN_RANGE_UPPER_INCLUSIVE = 4, /* last_affected, or an enumerated version */
    VULN_RANGE_EXACT = 8,           /* an enumerated version: lower and upper are the same */
    VULN_RANGE_BY_TEXT = 16         /* a bound whose key is not in the scheme's order: version_compare() of the texts */
};

#define VULN_NAME_SIZE ((size_t)32)
#define VULN_ENTRY_SIZE ((size_t)16)
#define VULN_ADVISORY_SIZE ((size_t)64)

/* What an advisory says about its packages; shared by all packages of which it says the same. */
struct vuln_entry {
    uint32_t advisory;
    uint32_t vector;  /* TEXT: CVSS vector, or empty */
    uint16_t score10; /* CVSS base score × 10, or UINT16_MAX */
    uint8_t severity; /* enum severity */
    uint8_t status;   /* enum vuln_status, for ranges without a fixed version */
    uint8_t flags;    /* VULN_ENTRY_* */
};
enum {
    VULN_ENTRY_COARSE = 1 /* the record says that the range is wider than the truth (Go's custom_ranges) */
};

struct vuln_advisory {
    uint32_t id;       /* TEXT */
    uint32_t summary;  /* TEXT */
    uint32_t source;   /* TEXT */
    uint32_t aliases;  /* LIST */
    uint32_t upstream; /* LIST */
    uint32_t group;    /* smallest index of the advisories that share an alias with this one */
    uint32_t epss;     /* × 10⁹, or VULN_NONE; the highest of its CVEs */
    uint32_t epss_percentile;
    int64_t published_utc_s; /* 0 when unknown */
    int64_t modified_utc_s;
    uint8_t flags; /* VULN_ADVISORY_* */
};
enum {
    VULN_ADVISORY_KEV = 1,
    VULN_ADVISORY_RANSOMWARE = 2,
    VULN_ADVISORY_INFORMATIONAL = 4, /* a bug fix, an enhancement, an unmaintained package: not a vulnerability */
    VULN_ADVISORY_DISPUTED = 8       /* the vendor says that it is none */
};

#endif
