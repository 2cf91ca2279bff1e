/* SemVer's parts, for the schemes that are made of them. Private to this folder. */
#ifndef TRAWL_VERSION_SEMVER_H
#define TRAWL_VERSION_SEMVER_H

#include "matchers/version/version_rules.h"

/* After the numbers: pre-release identifiers sort before the release, further numbers ("1.2.3.4") behind it. */
enum {
    SEMVER_TAG_PRE_END = 1,
    SEMVER_TAG_NUMBER = 2,
    SEMVER_TAG_WORD = SEMVER_TAG_NUMBER + KEY_NUMBER_TAGS,
    SEMVER_TAG_RELEASE,
    SEMVER_TAG_MORE
};

enum { SEMVER_NUMBERS = 3 };

struct semver_parts {
    struct span numbers[SEMVER_NUMBERS]; /* empty where missing, which is zero */
    size_t number_count;                 /* as written, may exceed SEMVER_NUMBERS */
    struct span more;                    /* the numbers past the third, with their dots */
    struct span pre, build;              /* without "-" and "+"; may be empty where the text ends in the sign */
    bool has_pre, has_build;
    bool is_caseless; /* set by schemes whose identifiers are the same in any case */
};

/* Splits numbers[-pre][+build]; false when a number is missing or is none. Identifiers are not looked at. */
bool semver_split(struct span text, struct semver_parts *ret_parts);

/* The same where a pre-release may follow the numbers without its dash: "1.2.3beta" is "1.2.3-beta". */
bool semver_split_loose(struct span text, struct semver_parts *ret_parts);

/* Appends numbers and pre-release; false when an identifier is empty or has bytes that may not be in one. */
bool semver_parts_key(const struct semver_parts *parts, struct buf *key);
bool semver_identifiers_key(struct span identifiers, bool is_caseless, struct buf *key);

/* No leading zeros; identifiers not empty, of the bytes they may have, and with `is_pre` without
 * leading zeros. */
bool semver_numbers_are_strict(const struct semver_parts *parts);
bool semver_identifiers_are_strict(struct span identifiers, bool is_pre);

/* Exactly the grammar of semver.org. */
bool semver_is_strict(struct span text);

/* What npm and Cargo do not share. */
struct semver_language {
    bool caret_by_default; /* "1.2" is "^1.2", not "=1.2" */
    bool commas;           /* between comparators; else spaces, and "||" between sets of them */
    bool hyphens;          /* "1 - 2" */
    bool v_in_front;       /* "v1.2" */
    bool include_pre;      /* pre-releases are versions like all others */
    bool is_loose;         /* "1.2.3beta" */
};
int semver_in_range(const struct semver_language *language, const struct version_rules *rules, struct span range,
                    struct span version, bool *ret_inside, struct err *err);

#endif
