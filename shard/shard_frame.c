#include "shard/shard_frame.h"

#include <lz4frame.h>

#include "base/limits.h"
#include "base/overflow.h"

/* The smallest header; the magic number and the flags are inside it. */
#define FRAME_HEADER_BYTES ((size_t)7)
#define FRAME_MAGIC UINT32_C(0x184d2204)
#define FRAME_FLAG_CONTENT_CHECKSUM 0x04

/* What is read at once, and the least room that a decoding step gets. */
#define FRAME_INPUT_BYTES (64 * LIMIT_KIB)

int frame_encode(struct buf *out, struct span content, struct err *err) {
    LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = content.size > 256 * LIMIT_KIB ? LZ4F_max1MB : LZ4F_max64KB,
                      .blockMode = LZ4F_blockIndependent,
                      .contentChecksumFlag = LZ4F_contentChecksumEnabled,
                      .contentSize = content.size},
    };
    size_t bound = LZ4F_compressFrameBound(content.size, &preferences);
    if (!buf_reserve(out, bound))
        return err_set(err, ERR_NOMEM, 0, "frame of %zu bytes: out of memory", content.size);
    size_t size = LZ4F_compressFrame(out->data + out->size, bound, content.data, content.size, &preferences);
    if (LZ4F_isError(size))
        return err_set(err, ERR_NOMEM, 0, "frame of %zu bytes: %s", content.size, LZ4F_getErrorName(size));
    out->size += size;
    return 0;
}

struct frame_reader {
    int fd; /* or -1: all bytes are in `input` from the start */
    char *name;
    LZ4F_dctx *decoder;
    uint8_t *buffer;    /* FRAME_INPUT_BYTES, only with a descriptor */
    struct span input;  /* read and not yet decoded */
    struct buf content; /* at most LIMIT_SHARD_FRAME_BYTES + 1 */
    uint64_t offset;    /* behind the last whole frame */
    uint64_t used;      /* bytes decoded so far */
};

int frame_reader_new(int fd, struct span bytes, const char *name, struct frame_reader **ret_reader, struct err *err) {
    struct frame_reader *reader = mem_zalloc(sizeof *reader);
    if (reader == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    reader->fd = fd;
    reader->name = mem_text(name, strlen(name));
    reader->buffer = fd < 0 ? NULL : mem_alloc(FRAME_INPUT_BYTES);
    reader->input = fd < 0 ? bytes : (struct span){NULL, 0};
    buf_init(&reader->content, LIMIT_SHARD_FRAME_BYTES + 1);
    bool decoder_failed = LZ4F_isError(LZ4F_createDecompressionContext(&reader->decoder, LZ4F_VERSION));
    if (reader->name == NULL || (fd >= 0 && reader->buffer == NULL) || decoder_failed) {
        if (decoder_failed)
            reader->decoder = NULL;
        frame_reader_free(reader);
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    }
    *ret_reader = reader;
    return 0;
}

void frame_reader_free(struct frame_reader *reader) {
    if (reader == NULL)
        return;
    (void)LZ4F_freeDecompressionContext(reader->decoder); /* accepts NULL; its result tells of an unfinished frame */
    buf_release(&reader->content);
    mem_free(reader->buffer);
    mem_free(reader->name);
    mem_free(reader);
}

uint64_t frame_offset(const struct frame_reader *reader) { return reader->offset; }

static int torn(const struct frame_reader *reader, const char *why, struct err *err) {
    return err_set(err, ERR_FORMAT, 0, "%s: torn at offset %" PRIu64 ": %s", reader->name, reader->offset, why);
}

/* Reads until at least `size` bytes (at most FRAME_INPUT_BYTES) are at hand or the input ends. */
static int input_fill(struct frame_reader *reader, size_t size, struct err *err) {
    if (reader->fd < 0)
        return 0;
    assert(size <= FRAME_INPUT_BYTES);
    if (reader->input.size > 0 && reader->input.size < size)
        memmove(reader->buffer, reader->input.data, reader->input.size);
    while (reader->input.size < size) {
        size_t have = reader->input.size;
        ssize_t got = read(reader->fd, reader->buffer + have, FRAME_INPUT_BYTES - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, errno, "%s: read: %s", reader->name, strerror(errno));
        reader->input = span_make(reader->buffer, have + (size_t)got);
        if (got == 0)
            return 0;
    }
    return 0;
}

/* One step of the decoder; `*ret_done` after the frame's checksum. */
static int decode_step(struct frame_reader *reader, bool *ret_done, struct err *err) {
    if (reader->input.size == 0)
        return torn(reader, "the file ends inside a frame", err);
    struct buf *content = &reader->content;
    size_t room = size_min(FRAME_INPUT_BYTES, content->size_max - content->size);
    if (room == 0)
        return err_set(err, ERR_LIMIT, 0, "%s: the frame at offset %" PRIu64 " holds more than %zu bytes", reader->name,
                       reader->offset, content->size_max - 1);
    if (!buf_reserve(content, room))
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", reader->name);
    room = content->capacity - content->size;
    size_t taken = reader->input.size;
    size_t hint =
        LZ4F_decompress(reader->decoder, content->data + content->size, &room, reader->input.data, &taken, NULL);
    if (LZ4F_isError(hint))
        return torn(reader, LZ4F_getErrorName(hint), err);
    content->size += room;
    reader->input = span_from(reader->input, taken);
    reader->used += taken;
    if (hint != 0 && room == 0 && taken == 0)
        return torn(reader, "the frame makes no progress", err);
    *ret_done = hint == 0;
    return 0;
}

int frame_next(struct frame_reader *reader, struct span *ret_content, struct err *err) {
    if (input_fill(reader, FRAME_HEADER_BYTES, err) < 0)
        return -1;
    if (reader->input.size == 0)
        return 0;
    if (reader->input.size < FRAME_HEADER_BYTES)
        return torn(reader, "the file ends inside a frame's header", err);
    const uint8_t *head = reader->input.data;
    uint32_t magic = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
    if (magic != FRAME_MAGIC)
        return torn(reader, "no LZ4 frame begins here", err);
    if ((head[4] & FRAME_FLAG_CONTENT_CHECKSUM) == 0)
        return torn(reader, "the LZ4 frame has no content checksum", err);
    buf_reset(&reader->content);
    for (bool done = false; !done;) {
        if (input_fill(reader, 1, err) < 0 || decode_step(reader, &done, err) < 0)
            return -1;
    }
    if (reader->content.size > LIMIT_SHARD_FRAME_BYTES)
        return err_set(err, ERR_LIMIT, 0, "%s: the frame at offset %" PRIu64 " holds more than %zu bytes", reader->name,
                       reader->offset, LIMIT_SHARD_FRAME_BYTES);
    reader->offset = reader->used;
    *ret_content = buf_span(&reader->content);
    return 1;
}
