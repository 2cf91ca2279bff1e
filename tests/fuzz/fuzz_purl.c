/* What purl_parse() accepts has a canonical form that parses to itself. */
#include "base/limits.h"
#include "base/model/purl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_BUF struct buf once, twice;
    struct arena arena;
    struct purl purl;
    struct err err = {0};
    arena_init(&arena, 0, 64 * LIMIT_MIB);
    buf_init(&once, 0);
    buf_init(&twice, 0);
    if (purl_parse(span_make(data, size), &arena, &purl, &err) == 0) {
        purl_write(&purl, &once);
        /* Encoding triples the size at most, which may lead past the limit. */
        if (purl_parse(buf_span(&once), &arena, &purl, &err) == 0) {
            purl_write(&purl, &twice);
            if (!span_equal(buf_span(&once), buf_span(&twice)))
                __builtin_trap();
        } else if (err.code != ERR_LIMIT) {
            __builtin_trap();
        }
    }
    arena_release(&arena);
    return 0;
}
