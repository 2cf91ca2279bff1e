#include "io/archive/tar.h"

size_t tar_path_normalise(struct span folder, struct span name, uint8_t *out, bool *ret_escapes) {
    size_t size = 0;
    bool escapes = false;
    bool absolute = name.size > 0 && name.data[0] == '/';
    if (folder.size > 0 && !absolute) {
        memcpy(out, folder.data, folder.size);
        size = folder.size;
    }
    for (size_t at = 0; at < name.size;) {
        size_t end = span_index(name, '/', at);
        struct span part = span_slice(name, at, (end == SIZE_MAX ? name.size : end) - at);
        at += part.size + 1;
        if (part.size == 0 || span_is(part, "."))
            continue;
        if (span_is(part, "..")) {
            size_t slash = span_index_last(span_make(out, size), '/');
            escapes |= size == 0;
            size = slash == SIZE_MAX ? 0 : slash;
            continue;
        }
        if (size > 0)
            out[size++] = '/';
        memmove(out + size, part.data, part.size);
        size += part.size;
    }
    *ret_escapes = escapes;
    return size;
}
