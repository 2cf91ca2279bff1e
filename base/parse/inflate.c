#include "base/parse/inflate.h"

#include "base/overflow.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

/* Room that is asked for at a time: small members stay small, large ones grow by half. */
#define STEP_BYTES ((size_t)16 * 1024)

uint32_t inflate_crc32(struct span bytes) { return bytes.size == 0 ? 0 : crc32_gzip_refl(0, bytes.data, bytes.size); }

/* One call into the library, with as much output as there is room for. 1 at the end of the data. */
static int inflate_step(struct inflate_state *state, struct buf *out, struct err *err) {
    size_t room = out->size_max - out->size;
    uint8_t beyond;
    bool full = room == 0; /* the data may end here, to the byte: one more byte of output tells */
    if (!full && !buf_reserve(out, size_min(room, STEP_BYTES)))
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    room = full ? 1 : size_min(size_min(out->capacity, out->size_max) - out->size, UINT32_MAX);
    state->next_out = full ? &beyond : out->data + out->size;
    state->avail_out = (uint32_t)room;
    uint32_t left = state->avail_in;
    int result = isal_inflate(state);
    size_t made = room - state->avail_out;
    if (full && made > 0)
        return err_set(err, ERR_LIMIT, 0, "unpacks to more than %zu bytes", out->size_max);
    out->size += made;
    if (result != ISAL_DECOMP_OK)
        return err_set(err, ERR_FORMAT, 0, "deflate data is damaged after %zu unpacked bytes", out->size);
    /* The library may be through with the data while output waits in its own buffer: room that is left tells. */
    if (state->block_state == ISAL_BLOCK_FINISH && state->avail_out > 0)
        return 1;
    if (made == 0 && left == state->avail_in)
        return err_set(err, ERR_FORMAT, 0, "deflate data ends early, after %zu unpacked bytes", out->size);
    return 0;
}

int inflate_bytes(struct span packed, enum inflate_form form, struct buf *out, struct err *err) {
    size_t used;
    return inflate_used(packed, form, out, &used, err);
}

int inflate_used(struct span packed, enum inflate_form form, struct buf *out, size_t *ret_used, struct err *err) {
    assert(out->size_max > 0 && out->size <= out->size_max);
    if (packed.size > UINT32_MAX)
        return err_set(err, ERR_LIMIT, 0, "deflate data of %zu bytes: expected less than 4 GiB", packed.size);
    /* 80 KiB: too large for a stack frame. */
    AUTO_FREE struct inflate_state *state = mem_alloc(sizeof *state);
    if (state == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    isal_inflate_init(state);
    state->crc_flag = form == INFLATE_ZLIB ? ISAL_ZLIB : ISAL_DEFLATE;
    /* The library takes what it reads as if it could write to it. */
    state->next_in = (uint8_t *)(uintptr_t)packed.data;
    state->avail_in = (uint32_t)packed.size;
    int result = 0;
    while (result == 0)
        result = inflate_step(state, out, err);
    if (result < 0)
        return -1;
    /* Whole bytes in the library's own buffer were read and not used. */
    size_t unused = state->avail_in + (state->read_in_length > 0 ? (size_t)state->read_in_length / 8 : 0);
    *ret_used = packed.size - size_min(unused, packed.size);
    return 0;
}
