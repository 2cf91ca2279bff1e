#include "tests/support/pack.h"

#include <zlib.h>
#include <zstd.h>

void pack_gzip(struct buf *out, struct span bytes, const char *name) {
    z_stream stream = {0};
    int result = deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    assert(result == Z_OK);
    char *copy = name == NULL ? NULL : mem_text(name, strlen(name));
    gz_header header = {.name = (Bytef *)copy, .os = 255};
    if (copy != NULL)
        result = deflateSetHeader(&stream, &header);
    assert(result == Z_OK);
    bool room = buf_reserve(out, deflateBound(&stream, bytes.size) + 64);
    assert(room);
    stream.next_in = (Bytef *)(uintptr_t)bytes.data;
    stream.avail_in = (uInt)bytes.size;
    stream.next_out = out->data + out->size;
    stream.avail_out = (uInt)(out->capacity - out->size);
    result = deflate(&stream, Z_FINISH);
    assert(result == Z_STREAM_END);
    out->size += stream.total_out;
    (void)deflateEnd(&stream); /* all went well up to here */
    mem_free(copy);
    (void)result;
    (void)room;
}

void pack_zstd(struct buf *out, struct span bytes, int window_log) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert(context != NULL);
    size_t result = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    assert(!ZSTD_isError(result));
    if (window_log != 0) {
        result = ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
        assert(!ZSTD_isError(result));
        result = ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
        assert(!ZSTD_isError(result));
    }
    bool room = buf_reserve(out, ZSTD_compressBound(bytes.size) + 64);
    assert(room);
    ZSTD_inBuffer in = {bytes.data, bytes.size, 0};
    ZSTD_outBuffer to = {out->data + out->size, out->capacity - out->size, 0};
    /* Two calls: with the whole input at ZSTD_e_end the library would shrink the window to the content. */
    result = ZSTD_compressStream2(context, &to, &in, ZSTD_e_continue);
    assert(!ZSTD_isError(result));
    result = ZSTD_compressStream2(context, &to, &in, ZSTD_e_end);
    assert(result == 0);
    out->size += to.pos;
    (void)ZSTD_freeCCtx(context);
    (void)result;
    (void)room;
}

void pack_zstd_skippable(struct buf *out, struct span bytes) {
    buf_le32(out, ZSTD_MAGIC_SKIPPABLE_START + 10);
    buf_le32(out, (uint32_t)bytes.size);
    buf_add(out, bytes);
    assert(!out->failed);
}
