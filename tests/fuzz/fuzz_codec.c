/* A hostile packed blob, whole and in pieces whose size its first byte chooses: what both unpack without error is the
 * same, and neither gives more than the limits allow. */
#include "base/overflow.h"
#include "io/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNPACKED_BYTES_MAX ((uint64_t)4 * 1024 * 1024)

struct watch {
    uint64_t bytes;
    uint64_t sum;
};

static int on_piece(void *context, struct span piece, struct err *err) {
    struct watch *watch = context;
    (void)err;
    assert(piece.size > 0 && piece.size <= CODEC_PIECE_BYTES);
    watch->bytes += piece.size;
    assert(watch->bytes <= UNPACKED_BYTES_MAX);
    for (size_t i = 0; i < piece.size; i++)
        watch->sum = (watch->sum ^ piece.data[i]) * 1099511628211u;
    return 0;
}

static bool run(struct codec *codec, struct span bytes, size_t step, struct watch *watch) {
    struct codec_limits limits = codec_limits_default();
    struct err err = {0};
    int result = 0;
    limits.unpacked_bytes_max = UNPACKED_BYTES_MAX;
    codec_begin(codec, &limits);
    for (size_t at = 0; at < bytes.size && result == 0; at += step)
        result = codec_push(codec, span_slice(bytes, at, step), on_piece, watch, &err);
    if (result == 0)
        result = codec_finish(codec, on_piece, watch, &err);
    assert(result == 0 || err.code != ERR_NONE);
    assert(codec_bytes_in(codec) <= bytes.size && codec_bytes_out(codec) == watch->bytes);
    return result == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_CODEC struct codec *codec = NULL;
    struct watch whole = {0}, pieces = {0};
    if (size == 0 || codec_new(&codec, NULL) < 0)
        return 0;
    struct span bytes = span_make(data + 1, size - 1);
    bool good = run(codec, bytes, size, &whole);
    bool good_pieces = run(codec, bytes, size_max(data[0], 1), &pieces);
    assert(good == good_pieces);
    assert(!good || (whole.bytes == pieces.bytes && whole.sum == pieces.sum));
    (void)good_pieces;
    return 0;
}
