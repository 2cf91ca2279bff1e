/* Version orders: one file per scheme, one row in scheme.def.
 *
 * Every scheme offers a key: bytes whose memcmp order is the scheme's order, a shorter key that is a prefix of a longer
 * one sorting first. The vulnerability database stores keys of range boundaries and compares a package's key with them.
 * Equal versions have equal keys ("1.0" and "0:1.0" for dpkg; build metadata is dropped for SemVer).
 *
 * Some tools' orders have cycles, or equalities that are not transitive: no key can have them. Such a scheme says
 * through version_is_keyed() which versions its keys are right for (none of Arch's and Conan's, all but malformed ones
 * of Alpine's, all of Maven's but those with a qualifier between numbers), and version_compare() is the tool's own
 * comparison for all. */
#ifndef TRAWL_VERSION_H
#define TRAWL_VERSION_H

#include "base/buf.h"
#include "base/err.h"

enum version_scheme {
#define SCHEME(id, name, rules, synonyms) VERSION_##id,
#include "matchers/version/scheme.def"
#undef SCHEME
    VERSION_SCHEME_COUNT
};

const char *version_scheme_name(enum version_scheme scheme);
/* By the scheme's name ("deb", "pep440") or a synonym ("dpkg", "pypi", "debian"). */
bool version_scheme_find(struct span name, enum version_scheme *ret_scheme);

/* Appends the key of `version` to `key`. FORMAT when the scheme cannot parse the text (nothing is appended then), LIMIT
 * when it is longer than LIMIT_FIELD_BYTES, NOMEM. */
int version_key(enum version_scheme scheme, struct span version, struct buf *key, struct err *err);

/* `*ret_order` is -1, 0 or 1. Errors as version_key(). */
int version_compare(enum version_scheme scheme, struct span a, struct span b, int *ret_order, struct err *err);

/* Whether the key of `version` has the scheme's order among the keys of versions of which the same is true. */
bool version_is_keyed(enum version_scheme scheme, struct span version);

/* A version that is compared many times: by its key where both have one that is right, else by its text. */
struct version_point {
    struct span text;
    struct span key;
    bool keyed; /* version_is_keyed(), and `key` is its key */
};
int version_point_compare(enum version_scheme scheme, const struct version_point *a, const struct version_point *b,
                          int *ret_order, struct err *err);

/* Whether the scheme's own rules accept the text; stricter than version_key() for schemes whose tools order
 * invalid text too. */
bool version_is_valid(enum version_scheme scheme, struct span version);

/* Whether `version` satisfies a range in the scheme's own language (npm "^1.2 || 2.x", PEP 440 "~=1.4, !=1.4.2", Maven
 * "[1.0,2.0)"), or, where a scheme has none, in comparators: alternatives apart by "||" of < <= > >= = != << >> apart
 * by commas or spaces, as advisories write them. FORMAT when the range or the version cannot be parsed, LIMIT, NOMEM.
 */
int version_in_range(enum version_scheme scheme, struct span range, struct span version, bool *ret_inside,
                     struct err *err);

#endif
