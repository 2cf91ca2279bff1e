#include "engine/pipeline/image_record.h"

#include "base/limits.h"
#include "engine/image/layer_pack.h"

void image_record_pack(const struct image_record *record, struct buf *buf) {
    text_pack(record->media_type, buf);
    digest_pack(&record->config_digest, buf);
    text_pack(record->platform.os, buf);
    text_pack(record->platform.architecture, buf);
    text_pack(record->platform.variant, buf);
    buf_le64(buf, (uint64_t)record->created);
    buf_le32(buf, (uint32_t)record->layer_count);
    for (size_t i = 0; i < record->layer_count; i++) {
        const struct descriptor *layer = &record->layers[i];
        digest_pack(&layer->digest, buf);
        digest_pack(&record->diff_ids[i], buf);
        buf_le64(buf, layer->size);
        buf_byte(buf, layer->size_unknown);
        buf_byte(buf, layer->is_foreign);
        text_pack(layer->media_type, buf);
    }
    buf_byte(buf, record->is_schema1);
    text_pack(record->config, buf);
}

bool image_record_unpack(struct arena *arena, struct span bytes, struct image_record *ret_record) {
    struct reader reader = reader_init(bytes);
    struct image_record record = {.media_type = text_unpack(&reader)};
    if (!digest_unpack(&reader, &record.config_digest))
        return false;
    record.platform.os = text_unpack(&reader);
    record.platform.architecture = text_unpack(&reader);
    record.platform.variant = text_unpack(&reader);
    record.created = (int64_t)read_le64(&reader);
    record.layer_count = read_le32(&reader);
    if (reader.failed || record.layer_count > LIMIT_LAYERS)
        return false;
    record.layers = arena_array(arena, record.layer_count, sizeof *record.layers);
    record.diff_ids = arena_array(arena, record.layer_count, sizeof *record.diff_ids);
    if (record.layers == NULL || record.diff_ids == NULL)
        return false;
    for (size_t i = 0; i < record.layer_count; i++) {
        struct descriptor *layer = &record.layers[i];
        if (!digest_unpack(&reader, &layer->digest) || !digest_unpack(&reader, &record.diff_ids[i]))
            return false;
        layer->size = read_le64(&reader);
        layer->size_unknown = read_u8(&reader) != 0;
        layer->is_foreign = read_u8(&reader) != 0;
        layer->media_type = text_unpack(&reader);
    }
    record.is_schema1 = read_u8(&reader) != 0;
    record.config = text_unpack(&reader);
    *ret_record = record;
    return !reader.failed && reader_left(&reader) == 0;
}
