/* Bytes as they are: no copy, pieces are borrowed from the input. */
#include "io/codec/codec_method.h"

static bool plain_match(struct span head) {
    (void)head;
    return true;
}

static int plain_make(void **ret_state, struct err *err) {
    (void)err;
    *ret_state = NULL;
    return 0;
}

static void plain_release(void *state) { (void)state; }

static void plain_begin(void *state) { (void)state; }

static int plain_step(void *state, struct codec_io *io, struct err *err) {
    (void)state;
    (void)err;
    if (io->input.size == 0)
        return 0;
    io->piece = span_slice(io->input, 0, CODEC_PIECE_BYTES);
    io->input = span_from(io->input, io->piece.size);
    return 1;
}

static int plain_finish(const void *state, const struct codec_io *io, struct err *err) {
    (void)state;
    (void)io;
    (void)err;
    return 0;
}

const struct codec_method codec_method_plain = {
    .name = "plain",
    .match = plain_match,
    .make = plain_make,
    .release = plain_release,
    .begin = plain_begin,
    .step = plain_step,
    .finish = plain_finish,
};
