#include "tests/support/zip_make.h"

#include "base/parse/inflate.h"

#include <isa-l/igzip_lib.h>

void zip_make_init(struct zip_make *make) {
    buf_init(&make->out, 0);
    buf_init(&make->directory, 0);
    make->count = 0;
}

void zip_make_release(struct zip_make *make) {
    buf_release(&make->out);
    buf_release(&make->directory);
}

void deflate_make(struct span bytes, struct buf *out) {
    AUTO_FREE struct isal_zstream *stream = mem_zalloc(sizeof *stream);
    if (stream == NULL || !buf_reserve(out, bytes.size + bytes.size / 100 + 1024))
        return;
    isal_deflate_stateless_init(stream);
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)(uintptr_t)bytes.data;
    stream->avail_in = (uint32_t)bytes.size;
    stream->next_out = out->data + out->size;
    stream->avail_out = (uint32_t)(out->capacity - out->size);
    out->failed = isal_deflate_stateless(stream) != COMP_OK;
    out->size += stream->total_out;
}

/* What local header and directory have in common, from the flags on. */
static void fields_add(struct buf *buf, struct span name, struct span body, size_t packed, bool deflated) {
    buf_le16(buf, 0);
    buf_le16(buf, deflated ? 8 : 0);
    buf_le32(buf, 0);
    buf_le32(buf, inflate_crc32(body));
    buf_le32(buf, (uint32_t)packed);
    buf_le32(buf, (uint32_t)body.size);
    buf_le16(buf, (uint16_t)name.size);
    buf_le16(buf, 0);
}

void zip_make_add(struct zip_make *make, const char *name, struct span body, bool deflated) {
    AUTO_BUF struct buf packed;
    size_t offset = make->out.size;
    buf_init(&packed, 0);
    if (deflated)
        deflate_make(body, &packed);
    else
        buf_add(&packed, body);
    buf_le32(&make->out, 0x04034b50);
    buf_le16(&make->out, 20);
    fields_add(&make->out, span_text(name), body, packed.size, deflated);
    buf_text(&make->out, name);
    buf_add(&make->out, buf_span(&packed));
    buf_le32(&make->directory, 0x02014b50);
    buf_le32(&make->directory, 20 << 16 | 20);
    fields_add(&make->directory, span_text(name), body, packed.size, deflated);
    buf_fill(&make->directory, 0, 10);
    buf_le32(&make->directory, (uint32_t)offset);
    buf_text(&make->directory, name);
    make->count++;
}

struct span zip_make_end(struct zip_make *make) {
    size_t offset = make->out.size;
    buf_add(&make->out, buf_span(&make->directory));
    buf_le32(&make->out, 0x06054b50);
    buf_le32(&make->out, 0);
    buf_le16(&make->out, make->count);
    buf_le16(&make->out, make->count);
    buf_le32(&make->out, (uint32_t)make->directory.size);
    buf_le32(&make->out, (uint32_t)offset);
    buf_le16(&make->out, 0);
    return buf_span(&make->out);
}
