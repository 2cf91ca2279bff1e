/* What the parts of product_signature.h share: the loader, the search, the test of examples. */
#ifndef TRAWL_PRODUCT_SIGNATURE_INTERNAL_H
#define TRAWL_PRODUCT_SIGNATURE_INTERNAL_H

#include "base/map.h"
#include "base/regex.h"
#include "base/vec.h"
#include "matchers/package/product_signature.h"

struct signature_example {
    struct span path, text;
    struct span version; /* empty: the product must not be found */
    uint32_t line;
};

struct signature_product {
    struct span name;
    enum package_type type;
    const struct signature_example *examples;
    size_t example_count;
    const char *file;
    uint32_t line;
};

struct signature {
    uint32_t product;         /* index */
    const struct span *paths; /* globs; one that begins with '!' takes back what the others gave */
    const struct span *literals;
    const struct span *unless; /* the file is not of this product when one of these stands in it */
    size_t path_count, literal_count, unless_count;
    struct regex *regex; /* changes nothing but its machine code */
    size_t before_bytes; /* how far before its literal a match may begin */
    size_t max_bytes;    /* how far behind the literal's first byte it may end */
    bool series;         /* the file's name has the version's first numbers: "python3.11", "php8.2" */
    bool of_path;        /* the expression is for the path, not for the body */
};

/* A glob under the key that a path is looked up by; `next` is the 1-based index of the next glob of the same key. */
struct signature_glob {
    struct span glob, prefix;
    uint32_t signature;
    uint32_t next;
};

struct signatures {
    struct arena arena;
    VEC(struct signature_product) products;
    VEC(struct signature)
    signatures; /* in the order of files, products and lists: the first that finds something wins */
    VEC(struct regex *) regexes;
    VEC(struct signature_glob) globs;
    struct map names;     /* literal last component, to the first of its globs */
    uint32_t starts[256]; /* first byte of a last component with a wildcard, likewise */
};

/* The signatures that ask for this path, in their order; at most `max` of them. Returns how many. */
size_t signatures_of_path(const struct signatures *set, struct span path, uint32_t *ret_indices, size_t max);

#endif
