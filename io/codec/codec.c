#include "io/codec/codec.h"

#include "base/limits.h"
#include "base/overflow.h"
#include "io/codec/codec_method.h"

static const struct codec_method *const methods[] = {
#define CODEC(identifier) &codec_method_##identifier,
#include "io/codec/codec.def"
#undef CODEC
};

struct codec {
    const struct codec_method *method;  /* NULL while the first bytes do not tell */
    void *state;                        /* the method's own, one of `states` */
    void *states[ARRAY_COUNT(methods)]; /* made at first use, kept for later blobs */
    struct codec_limits limits;
    struct codec_io io;
    struct span pending; /* what of `head` the method has not seen */
    size_t head_size;
    uint8_t head[CODEC_HEAD_BYTES]; /* the first bytes, kept only when they came in pieces too short to tell */
    struct err failure;             /* the error that every call gives from now on */
    uint8_t out[CODEC_PIECE_BYTES];
};

struct codec_limits codec_limits_default(void) {
    return (struct codec_limits){.unpacked_bytes_max = LIMIT_LAYER_BYTES,
                                 .ratio_max = LIMIT_RATIO,
                                 .ratio_floor_bytes = LIMIT_RATIO_FLOOR_BYTES};
}

int codec_new(struct codec **ret_codec, struct err *err) {
    struct codec *codec = mem_alloc(sizeof *codec);
    if (codec == NULL)
        return err_set(err, ERR_NOMEM, 0, "codec: out of memory");
    memset(codec, 0, offsetof(struct codec, out));
    codec_begin(codec, NULL);
    *ret_codec = codec;
    return 0;
}

void codec_free(struct codec *codec) {
    if (codec == NULL)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++)
        methods[i]->release(codec->states[i]);
    mem_free(codec);
}

void codec_begin(struct codec *codec, const struct codec_limits *limits) {
    codec->method = NULL;
    codec->state = NULL;
    codec->limits = limits == NULL ? codec_limits_default() : *limits;
    codec->io = (struct codec_io){.out = codec->out};
    codec->pending = (struct span){NULL, 0};
    codec->head_size = 0;
    codec->failure.code = ERR_NONE;
}

const char *codec_name(const struct codec *codec) { return codec->method == NULL ? "unknown" : codec->method->name; }

uint64_t codec_bytes_in(const struct codec *codec) { return codec->io.bytes_in; }

uint64_t codec_bytes_out(const struct codec *codec) { return codec->io.bytes_out; }

/* Packings that we know and do not unpack: their bytes must not be taken for a damaged tar. bzip2 is
 * recognised together with its block magic, for a plain tar may well begin with a file named "BZh1…". */
static const char *foreign_name(struct span head) {
    struct span block = span_slice(head, 4, 6);
    if (span_starts(head, "BZh") && (span_is(block, "1AY&SY") || span_is(block, "\x17rE8P\x90")))
        return "bzip2";
    if (span_equal(span_slice(head, 0, 6), span_make("\xFD"
                                                     "7zXZ\0",
                                                     6)))
        return "xz";
    if (span_starts(head, "\x04\x22\x4D\x18"))
        return "lz4";
    if (span_starts(head, "\x1F\x9D"))
        return "compress (.Z)";
    return NULL;
}

static int method_choose(struct codec *codec, struct span head, struct err *err) {
    const char *foreign = foreign_name(head);
    if (foreign != NULL)
        return err_set(err, ERR_UNSUPPORTED, 0, "%s: not a packing of layers; expected gzip, zstd or plain tar",
                       foreign);
    size_t i = 0;
    while (!methods[i]->match(head))
        i++;
    assert(i < ARRAY_COUNT(methods)); /* plain, the last, matches all */
    if (codec->states[i] == NULL && methods[i]->make(&codec->states[i], err) < 0)
        return -1;
    methods[i]->begin(codec->states[i]);
    codec->state = codec->states[i];
    codec->method = methods[i];
    return 0;
}

/* Tells the packing. 1 it is known, 0 more bytes are needed (all of `*input` is kept), -1 error. */
static int detect(struct codec *codec, struct span *input, bool ended, struct err *err) {
    if (codec->head_size == 0 && input->size >= CODEC_HEAD_BYTES)
        return method_choose(codec, span_slice(*input, 0, CODEC_HEAD_BYTES), err) < 0 ? -1 : 1;
    (void)span_gather(input, codec->head, &codec->head_size, CODEC_HEAD_BYTES);
    if (codec->head_size < CODEC_HEAD_BYTES && !ended)
        return 0;
    codec->pending = span_make(codec->head, codec->head_size);
    return method_choose(codec, codec->pending, err) < 0 ? -1 : 1;
}

/* Counts a piece against the limits; cuts it where the last byte allowed is inside. The texts hold nothing
 * that depends on how the input was cut, so that the same blob gives the same error row every time. */
static int limits_check(struct codec *codec, struct span *piece, struct err *err) {
    const struct codec_limits *limits = &codec->limits;
    uint64_t left = limits->unpacked_bytes_max - codec->io.bytes_out;
    if (piece->size > left) {
        err_set(&codec->failure, ERR_LIMIT, 0,
                "%s: unpacks to more than %" PRIu64 " bytes, the ceiling of --max-layer-bytes", codec->method->name,
                limits->unpacked_bytes_max);
        if (left == 0) {
            if (err != NULL)
                *err = codec->failure;
            return -1;
        }
        piece->size = (size_t)left;
    }
    codec->io.bytes_out += piece->size;
    uint64_t allowed;
    if (codec->io.bytes_out > limits->ratio_floor_bytes && u64_mul(codec->io.bytes_in, limits->ratio_max, &allowed) &&
        codec->io.bytes_out > allowed)
        return err_set(err, ERR_LIMIT, 0,
                       "%s: unpacks to more than %" PRIu64 " times its packed size, the ceiling of --max-ratio",
                       codec->method->name, limits->ratio_max);
    return 0;
}

/* One step of the method over `*input`. */
static int method_step(struct codec *codec, struct span *input, struct span *ret_piece, struct err *err) {
    struct codec_io *io = &codec->io;
    io->input = *input;
    io->piece = (struct span){NULL, 0};
    int result = codec->method->step(codec->state, io, err);
    io->bytes_in += input->size - io->input.size;
    *input = io->input;
    if (result != 1)
        return result;
    if (limits_check(codec, &io->piece, err) < 0)
        return -1;
    *ret_piece = io->piece;
    return 1;
}

static int step(struct codec *codec, struct span *input, bool ended, struct span *ret_piece, struct err *err) {
    if (codec->method == NULL) {
        int known = detect(codec, input, ended, err);
        if (known <= 0)
            return known;
    }
    if (codec->pending.size > 0) {
        int result = method_step(codec, &codec->pending, ret_piece, err);
        if (result != 0)
            return result;
    }
    int result = method_step(codec, input, ret_piece, err);
    if (result == 0 && ended)
        return codec->method->finish(codec->state, &codec->io, err);
    return result;
}

int codec_step(struct codec *codec, struct span *input, bool ended, struct span *ret_piece, struct err *err) {
    if (codec->failure.code != ERR_NONE) {
        if (err != NULL)
            *err = codec->failure;
        return -1;
    }
    struct err failure;
    int result = step(codec, input, ended, ret_piece, &failure);
    if (result < 0) {
        codec->failure = failure;
        if (err != NULL)
            *err = failure;
    }
    return result;
}

static int run(struct codec *codec, struct span input, bool ended, codec_output_fn output, void *context,
               struct err *err) {
    for (;;) {
        struct span piece;
        int result = codec_step(codec, &input, ended, &piece, err);
        if (result <= 0)
            return result;
        struct err failure;
        if (output(context, piece, &failure) < 0) {
            codec->failure = failure;
            if (err != NULL)
                *err = failure;
            return -1;
        }
    }
}

int codec_push(struct codec *codec, struct span input, codec_output_fn output, void *context, struct err *err) {
    return run(codec, input, false, output, context, err);
}

int codec_finish(struct codec *codec, codec_output_fn output, void *context, struct err *err) {
    return run(codec, (struct span){NULL, 0}, true, output, context, err);
}
