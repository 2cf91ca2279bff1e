/* Any bytes as entries of a git pack, and as a delta against a base made of the same bytes. */
#include "base/limits.h"
#include "base/parse/git_pack.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span bytes = {data, size};
    struct git_entry entry;
    struct err err = {0};
    AUTO_BUF struct buf out;
    buf_init(&out, LIMIT_MIB);
    for (size_t at = 0; at < size; at++)
        if (git_entry_read(bytes, at, at % 2 == 0 ? 20 : 32, &entry) &&
            (entry.head_bytes == 0 || entry.head_bytes > size - at || git_kind_name(entry.kind)[0] == '\0'))
            abort();
    for (size_t base = 0; base <= size && base < 64; base++) {
        buf_reset(&out);
        if (git_delta_apply(span_slice(bytes, 0, base), span_from(bytes, base), &out, &err) == 0 &&
            out.size > LIMIT_MIB)
            abort();
    }
    buf_reset(&out);
    git_delta_inserts(bytes, &out);
    if (out.size > size)
        abort();
    return 0;
}
