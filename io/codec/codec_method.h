/* What a codec is made of: one of these per packing, found through codec.def. Only codec*.c include this.
 *
 * step() works on `io`: it moves `input` past what it used and sets `piece` to what it made: in `out`, or,
 * like plain, borrowed from the input. It returns 1 with a piece that is not empty, 0 when the input is
 * empty and nothing more can come out of what it has, -1 on error. finish() is asked after step() returned
 * 0 for the blob's last byte. */
#ifndef TRAWL_CODEC_METHOD_H
#define TRAWL_CODEC_METHOD_H

#include "io/codec/codec.h"

/* What match() may look at; fewer only where the blob is shorter. */
#define CODEC_HEAD_BYTES ((size_t)16)

struct codec_io {
    struct span input;
    struct span piece;
    uint8_t *out;      /* CODEC_PIECE_BYTES of room */
    uint64_t bytes_in; /* used and made so far, for the texts of errors */
    uint64_t bytes_out;
};

struct codec_method {
    const char *name;
    bool (*match)(struct span head);
    int (*make)(void **ret_state, struct err *err);
    void (*release)(void *state); /* accepts NULL */
    void (*begin)(void *state);
    int (*step)(void *state, struct codec_io *io, struct err *err);
    int (*finish)(const void *state, const struct codec_io *io, struct err *err);
};

#define CODEC(identifier) extern const struct codec_method codec_method_##identifier;
#include "io/codec/codec.def"
#undef CODEC

#endif
