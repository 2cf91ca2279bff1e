/* A manifest.json. What is accepted must come out the same after it is written and read again. */
#include "base/prelude.h"

#include "base/text.h"
#include "shard/shard_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct err err = {0};
    struct shard_manifest manifest, back;
    arena_init(&arena, 0, 64 * (size_t)1024 * 1024);
    if (shard_manifest_parse(&arena, span_make(data, size), &manifest, &err) == 0) {
        AUTO_BUF struct buf first = {0}, second = {0};
        shard_manifest_format(&first, &manifest);
        if (!first.failed && shard_manifest_parse(&arena, buf_span(&first), &back, &err) == 0) {
            shard_manifest_format(&second, &back);
            assert(second.failed || span_equal(buf_span(&first), buf_span(&second)));
        } else {
            assert(first.failed || err.code == ERR_NOMEM);
        }
    }
    arena_release(&arena);
    return 0;
}
