#include "matchers/package/store_path.h"

#include "base/text.h"

enum { HASH_BYTES = 32 };

/* 160 bits in base 32, of which the digits are these. */
static bool is_hash(struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!text_is_digit(c) && (!text_is_lower(c) || c == 'e' || c == 'o' || c == 't' || c == 'u'))
            return false;
    }
    return text.size == HASH_BYTES;
}

/* The outputs that builders of both name so; "out", the main one, is not written. */
static struct span without_output(struct span text) {
    static const char *const outputs[] = {"-bin",  "-dev",  "-lib",   "-doc",    "-man",   "-info",  "-devdoc",
                                          "-data", "-dist", "-debug", "-static", "-tools", "-getent"};
    for (size_t i = 0; i < ARRAY_COUNT(outputs); i++) {
        if (span_ends(text, outputs[i]))
            return span_slice(text, 0, text.size - strlen(outputs[i]));
    }
    return text;
}

/* What is no package but what one is made of. */
static bool is_source(struct span text) {
    static const char *const ends[] = {".drv", ".patch", ".diff", ".tar.gz", ".tar.xz", ".tar.bz2",
                                       ".tgz", ".zip",   ".sh",   ".lock",   ".check"};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        if (span_ends(text, ends[i]))
            return true;
    }
    return false;
}

int store_path_add(struct catalogue *run, enum package_type type, struct span folder, struct span path,
                   struct err *err) {
    if (folder.size < HASH_BYTES + 2 || !is_hash(span_slice(folder, 0, HASH_BYTES)) || folder.data[HASH_BYTES] != '-' ||
        is_source(folder))
        return 0;
    struct span text = without_output(span_from(folder, HASH_BYTES + 1));
    /* A version begins at the first '-' that no letter follows, or names the day of a checkout. */
    size_t dash = span_find(text, span_text("-unstable-"), 0);
    for (size_t i = 1; i + 1 < text.size && dash == SIZE_MAX; i++)
        dash = text.data[i] == '-' && text_is_digit(text.data[i + 1]) ? i : SIZE_MAX;
    if (dash == SIZE_MAX || dash == 0)
        return 0;
    const struct package package = {.type = type,
                                    .evidence = EVIDENCE_INSTALLED,
                                    .name = span_slice(text, 0, dash),
                                    .version = span_from(text, dash + 1),
                                    .path = path};
    return catalogue_add(run, package, err);
}
