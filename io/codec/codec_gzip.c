/* gzip by ISA-L's igzip, about twice as fast as zlib. The member header is parsed here and not by ISA-L:
 * it is thirty lines, the texts of its errors can then be exact, and ISA-L sees raw deflate and the
 * trailer, its best tested path. Spec: RFC 1952 (members), RFC 1951. */
#include "io/codec/codec_method.h"

#include <isa-l/igzip_lib.h>

#include "base/overflow.h"

/* RFC 1952 section 2.3.1: FLG. */
enum { FLAG_HEADER_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAG_RESERVED = 0xE0 };
enum { HEADER_BYTES = 10, METHOD_DEFLATE = 8 };

/* A library that stands still on some damage must not hang us. Never seen. */
enum { STALLS_MAX = 8 };

enum gzip_place {
    PLACE_HEADER,     /* the ten fixed bytes; at a blob's or a member's begin */
    PLACE_EXTRA_SIZE, /* two bytes, little-endian */
    PLACE_EXTRA,
    PLACE_NAME, /* up to and with a NUL */
    PLACE_COMMENT,
    PLACE_HEADER_CRC, /* two bytes, not checked: hardly any writer makes them, and no reader refuses on them */
    PLACE_DEFLATE,    /* ISA-L, with the trailer */
    PLACE_PADDING,    /* zeros after the last member */
};

struct gzip {
    struct inflate_state inflate;
    enum gzip_place place;
    uint8_t header[HEADER_BYTES];
    size_t header_size;
    size_t skip;      /* bytes left of a field of known size */
    uint64_t members; /* whole ones */
    unsigned stalls;  /* calls in a row that neither took nor gave */
    bool more;        /* the last call filled the output: call again even without input */
    int failed;       /* ISA-L's error, kept until what came out before it was handed over */
};

static bool gzip_match(struct span head) { return head.size >= 2 && head.data[0] == 0x1F && head.data[1] == 0x8B; }

static int gzip_make(void **ret_state, struct err *err) {
    struct gzip *gzip = mem_zalloc(sizeof *gzip);
    if (gzip == NULL)
        return err_set(err, ERR_NOMEM, 0, "gzip: out of memory");
    isal_inflate_init(&gzip->inflate);
    *ret_state = gzip;
    return 0;
}

static void gzip_release(void *state) { mem_free(state); }

static void gzip_begin(void *state) {
    struct gzip *gzip = state;
    gzip->place = PLACE_HEADER;
    gzip->header_size = 0;
    gzip->skip = 0;
    gzip->members = 0;
    gzip->stalls = 0;
    gzip->more = false;
    gzip->failed = ISAL_DECOMP_OK;
}

static void deflate_begin(struct gzip *gzip) {
    isal_inflate_reset(&gzip->inflate);
    gzip->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER; /* no header; the trailer's CRC and size are verified */
    gzip->place = PLACE_DEFLATE;
    gzip->more = false;
}

/* Goes to the next field that the flags announce, after `done`. */
static void header_next(struct gzip *gzip, enum gzip_place done) {
    uint8_t flags = gzip->header[3];
    if (done < PLACE_EXTRA_SIZE && (flags & FLAG_EXTRA) != 0) {
        gzip->place = PLACE_EXTRA_SIZE;
        gzip->skip = 0;
        gzip->header_size = 0;
    } else if (done < PLACE_NAME && (flags & FLAG_NAME) != 0) {
        gzip->place = PLACE_NAME;
    } else if (done < PLACE_COMMENT && (flags & FLAG_COMMENT) != 0) {
        gzip->place = PLACE_COMMENT;
    } else if (done < PLACE_HEADER_CRC && (flags & FLAG_HEADER_CRC) != 0) {
        gzip->place = PLACE_HEADER_CRC;
        gzip->skip = 2;
    } else {
        deflate_begin(gzip);
    }
}

static int header_check(struct gzip *gzip, struct err *err) {
    const uint8_t *h = gzip->header;
    if (h[0] != 0x1F || h[1] != 0x8B)
        return err_set(err, ERR_FORMAT, 0,
                       "gzip: expected a member or zeros after member %" PRIu64 ", found bytes 0x%02x 0x%02x",
                       gzip->members, h[0], h[1]);
    if (h[2] != METHOD_DEFLATE)
        return err_set(err, ERR_UNSUPPORTED, 0, "gzip: member %" PRIu64 ": expected method 8 (deflate), found %u",
                       gzip->members + 1, h[2]);
    if ((h[3] & FLAG_RESERVED) != 0)
        return err_set(err, ERR_FORMAT, 0, "gzip: member %" PRIu64 ": reserved flags 0x%02x are set", gzip->members + 1,
                       h[3]);
    return 0;
}

/* Uses input up to the end of one header field at most. */
static int header_step(struct gzip *gzip, struct span *input, struct err *err) {
    switch (gzip->place) {
    case PLACE_HEADER:
        if (gzip->header_size == 0 && gzip->members > 0 && input->data[0] == 0) {
            gzip->place = PLACE_PADDING;
            return 0;
        }
        (void)span_gather(input, gzip->header, &gzip->header_size, HEADER_BYTES);
        if (gzip->header_size < HEADER_BYTES)
            return 0;
        if (header_check(gzip, err) < 0)
            return -1;
        header_next(gzip, PLACE_HEADER);
        return 0;
    case PLACE_EXTRA_SIZE:
        gzip->skip |= (size_t)input->data[0] << (8 * gzip->header_size++);
        *input = span_from(*input, 1);
        if (gzip->header_size == 2)
            gzip->place = PLACE_EXTRA;
        return 0;
    case PLACE_EXTRA:
    case PLACE_HEADER_CRC: {
        size_t size = size_min(gzip->skip, input->size);
        *input = span_from(*input, size);
        gzip->skip -= size;
        if (gzip->skip == 0)
            header_next(gzip, gzip->place);
        return 0;
    }
    case PLACE_NAME:
    case PLACE_COMMENT: {
        size_t end = span_index(*input, 0, 0);
        *input = span_from(*input, end == SIZE_MAX ? input->size : end + 1);
        if (end != SIZE_MAX)
            header_next(gzip, gzip->place);
        return 0;
    }
    case PLACE_PADDING:
        for (size_t i = 0; i < input->size; i++)
            if (input->data[i] != 0)
                return err_set(err, ERR_FORMAT, 0, "gzip: expected only zeros after member %" PRIu64 ", found 0x%02x",
                               gzip->members, input->data[i]);
        *input = span_from(*input, input->size);
        return 0;
    case PLACE_DEFLATE:
        break;
    }
    return err_set(err, ERR_FORMAT, 0, "gzip: deflate data where a header was expected"); /* callers do not ask */
}

static int inflate_error(const struct gzip *gzip, struct err *err) {
    uint64_t member = gzip->members + 1;
    switch (gzip->failed) {
    case ISAL_INCORRECT_CHECKSUM:
        return err_set(err, ERR_FORMAT, 0, "gzip: member %" PRIu64 ": its checksum or size is not that of its data",
                       member);
    case ISAL_INVALID_BLOCK:
        return err_set(err, ERR_FORMAT, 0, "gzip: member %" PRIu64 ": damaged deflate block header", member);
    case ISAL_INVALID_SYMBOL:
        return err_set(err, ERR_FORMAT, 0, "gzip: member %" PRIu64 ": damaged deflate data (no such code)", member);
    case ISAL_INVALID_LOOKBACK:
        return err_set(err, ERR_FORMAT, 0, "gzip: member %" PRIu64 ": damaged deflate data (distance too far back)",
                       member);
    default:
        return err_set(err, ERR_FORMAT, 0, "gzip: member %" PRIu64 ": damaged (ISA-L %d)", member, gzip->failed);
    }
}

/* One call of ISA-L. Sets the piece when something came out. */
static void inflate_step(struct gzip *gzip, struct codec_io *io) {
    struct inflate_state *inflate = &gzip->inflate;
    size_t given = size_min(io->input.size, (size_t)1 << 30); /* avail_in has 32 bits */
    inflate->next_in = (uint8_t *)(uintptr_t)io->input.data;  /* ISA-L's interface lacks the const */
    inflate->avail_in = (uint32_t)given;
    inflate->next_out = io->out;
    inflate->avail_out = (uint32_t)CODEC_PIECE_BYTES;
    int result = isal_inflate(inflate);
    /* On damaged data ISA-L 2.30 has returned an `avail_in` of -1: its counts are believed only where they can be true.
     */
    bool sound = inflate->avail_in <= given && inflate->avail_out <= CODEC_PIECE_BYTES;
    size_t left = result == ISAL_DECOMP_OK && sound ? inflate->avail_in : 0;
    io->input = span_from(io->input, given - left);
    size_t room = size_min(inflate->avail_out, CODEC_PIECE_BYTES);
    io->piece = span_make(io->out, CODEC_PIECE_BYTES - room);
    gzip->more = inflate->avail_out == 0;
    bool finished = inflate->block_state == ISAL_BLOCK_FINISH;
    bool moved = left < given || io->piece.size > 0 || finished;
    gzip->stalls = moved ? 0 : gzip->stalls + 1;
    if (result != ISAL_DECOMP_OK || !sound || gzip->stalls > STALLS_MAX) {
        gzip->failed = result != ISAL_DECOMP_OK ? result : ISAL_INVALID_BLOCK;
    } else if (finished) {
        gzip->members++;
        gzip->place = PLACE_HEADER;
        gzip->header_size = 0;
        gzip->more = false;
    }
}

static int gzip_step(void *state, struct codec_io *io, struct err *err) {
    struct gzip *gzip = state;
    for (;;) {
        if (gzip->failed != ISAL_DECOMP_OK)
            return inflate_error(gzip, err);
        if (io->input.size == 0 && !(gzip->place == PLACE_DEFLATE && gzip->more))
            return 0;
        if (gzip->place != PLACE_DEFLATE) {
            if (header_step(gzip, &io->input, err) < 0)
                return -1;
            continue;
        }
        inflate_step(gzip, io);
        if (io->piece.size > 0)
            return 1;
    }
}

static int gzip_finish(const void *state, const struct codec_io *io, struct err *err) {
    const struct gzip *gzip = state;
    bool between = gzip->place == PLACE_HEADER && gzip->header_size == 0 && gzip->members > 0;
    if (between || gzip->place == PLACE_PADDING)
        return 0;
    return err_set(err, ERR_FORMAT, 0,
                   "gzip: ends in the middle of member %" PRIu64 " after %" PRIu64 " bytes in, %" PRIu64 " out",
                   gzip->members + 1, io->bytes_in, io->bytes_out);
}

const struct codec_method codec_method_gzip = {
    .name = "gzip",
    .match = gzip_match,
    .make = gzip_make,
    .release = gzip_release,
    .begin = gzip_begin,
    .step = gzip_step,
    .finish = gzip_finish,
};
