/* Files that are part of the binary: the secret rules, the signatures of programs and the help texts. scripts/embed.sh
 * makes the tables at build time. */
#ifndef TRAWL_EMBED_H
#define TRAWL_EMBED_H

#include "base/span.h"

struct embed_file {
    const char *name; /* the file's name without its folder; NULL ends the table */
    const uint8_t *begin;
    const uint8_t *end;
};

extern const struct embed_file embed_rules[] __attribute__((visibility("hidden")));
extern const struct embed_file embed_signatures[] __attribute__((visibility("hidden")));
extern const struct embed_file embed_help[] __attribute__((visibility("hidden")));

static inline struct span embed_bytes(const struct embed_file *file) {
    return (struct span){file->begin, (size_t)(file->end - file->begin)};
}

#endif
