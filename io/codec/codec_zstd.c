/* zstd by libzstd. Each frame's magic is looked at here first: a library built with the legacy formats
 * would otherwise take them, with decoders that nobody tests any more. Spec: RFC 8878. */
#include "io/codec/codec_method.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "base/limits.h"
#include "base/overflow.h"
#include "base/reader.h"

enum { MAGIC_BYTES = 4 };

struct zstd {
    ZSTD_DCtx *context;
    uint8_t magic[MAGIC_BYTES];
    size_t magic_size; /* MAGIC_BYTES inside a frame */
    uint64_t frames;   /* whole ones, skippable ones included */
    bool more;         /* the last call filled the output: call again even without input */
};

static bool magic_known(struct span head) {
    struct reader r = reader_init(head);
    uint32_t magic = read_le32(&r);
    return !r.failed &&
           (magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START);
}

static void zstd_release(void *state) {
    struct zstd *zstd = state;
    if (zstd == NULL)
        return;
    (void)ZSTD_freeDCtx(zstd->context); /* cannot fail: the context is ours and accepts NULL */
    mem_free(zstd);
}

static int zstd_make(void **ret_state, struct err *err) {
    struct zstd *zstd = mem_zalloc(sizeof *zstd);
    if (zstd == NULL || (zstd->context = ZSTD_createDCtx()) == NULL) {
        zstd_release(zstd);
        return err_set(err, ERR_NOMEM, 0, "zstd: out of memory");
    }
    size_t result = ZSTD_DCtx_setParameter(zstd->context, ZSTD_d_windowLogMax, LIMIT_ZSTD_WINDOW_LOG);
    assert(!ZSTD_isError(result));
    *ret_state = zstd;
    return 0;
}

static void zstd_begin(void *state) {
    struct zstd *zstd = state;
    size_t result = ZSTD_DCtx_reset(zstd->context, ZSTD_reset_session_only);
    assert(!ZSTD_isError(result));
    zstd->magic_size = 0;
    zstd->frames = 0;
    zstd->more = false;
}

static int frame_error(const struct zstd *zstd, size_t result, struct err *err) {
    uint64_t frame = zstd->frames + 1;
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_frameParameter_windowTooLarge)
        return err_set(err, ERR_LIMIT, 0, "zstd: frame %" PRIu64 " wants a window of more than %" PRIu64 " MiB", frame,
                       LIMIT_ZSTD_WINDOW_BYTES / LIMIT_MIB);
    if (code == ZSTD_error_memory_allocation)
        return err_set(err, ERR_NOMEM, 0, "zstd: frame %" PRIu64 ": out of memory", frame);
    if (code == ZSTD_error_dictionary_wrong)
        return err_set(err, ERR_UNSUPPORTED, 0, "zstd: frame %" PRIu64 " needs a dictionary", frame);
    return err_set(err, ERR_FORMAT, 0, "zstd: frame %" PRIu64 ": %s", frame, ZSTD_getErrorString(code));
}

/* Gives the decoder bytes of the current frame; 0 or -1. */
static int frame_step(struct zstd *zstd, struct codec_io *io, struct span *input, struct err *err) {
    ZSTD_inBuffer in = {input->data, input->size, 0};
    ZSTD_outBuffer out = {io->out, CODEC_PIECE_BYTES, 0};
    size_t result = ZSTD_decompressStream(zstd->context, &out, &in);
    if (ZSTD_isError(result))
        return frame_error(zstd, result, err);
    *input = span_from(*input, in.pos);
    io->piece = span_make(io->out, out.pos);
    zstd->more = out.pos == out.size;
    if (result == 0) {
        zstd->frames++;
        zstd->magic_size = 0;
        zstd->more = false;
    }
    return 0;
}

/* Gathers the magic of the next frame and hands it to the decoder, which then waits for the rest of the
 * frame's header. */
static int magic_step(struct zstd *zstd, struct codec_io *io, struct err *err) {
    (void)span_gather(&io->input, zstd->magic, &zstd->magic_size, MAGIC_BYTES);
    if (zstd->magic_size < MAGIC_BYTES)
        return 0;
    struct span magic = span_make(zstd->magic, MAGIC_BYTES);
    if (!magic_known(magic))
        return err_set(err, ERR_FORMAT, 0,
                       "zstd: expected a frame after frame %" PRIu64 ", found bytes 0x%02x 0x%02x 0x%02x 0x%02x",
                       zstd->frames, zstd->magic[0], zstd->magic[1], zstd->magic[2], zstd->magic[3]);
    if (frame_step(zstd, io, &magic, err) < 0)
        return -1;
    assert(magic.size == 0 && io->piece.size == 0);
    return 0;
}

static int zstd_step(void *state, struct codec_io *io, struct err *err) {
    struct zstd *zstd = state;
    for (;;) {
        if (io->input.size == 0 && !zstd->more)
            return 0;
        int result = zstd->magic_size < MAGIC_BYTES ? magic_step(zstd, io, err) : frame_step(zstd, io, &io->input, err);
        if (result < 0)
            return -1;
        if (io->piece.size > 0)
            return 1;
    }
}

static int zstd_finish(const void *state, const struct codec_io *io, struct err *err) {
    const struct zstd *zstd = state;
    if (zstd->magic_size == 0)
        return 0;
    return err_set(err, ERR_FORMAT, 0,
                   "zstd: ends in the middle of frame %" PRIu64 " after %" PRIu64 " bytes in, %" PRIu64 " out",
                   zstd->frames + 1, io->bytes_in, io->bytes_out);
}

const struct codec_method codec_method_zstd = {
    .name = "zstd",
    .match = magic_known,
    .make = zstd_make,
    .release = zstd_release,
    .begin = zstd_begin,
    .step = zstd_step,
    .finish = zstd_finish,
};
