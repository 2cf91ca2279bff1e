#include "engine/pipeline/plan_save.h"

/* Only a registry's images: everything else is listed again. */
static bool is_saved(const struct planned_image *image) {
    return image->source != NULL && image->source->ops->head != NULL;
}

/* Read whole, so that its digest says everything. */
static bool is_settled(const struct image_facts *facts) { return facts->is_skipped || facts->has_config; }

/* A reference is "REGISTRY/REPOSITORY:TAG", or ends otherwise: then its parts are written out. */
static bool is_of_parts(const struct planned_image *image) {
    struct reader text = reader_init(image->text);
    bool right = image->text.size <= UINT16_MAX &&
                 span_equal(read_bytes(&text, image->registry.size), image->registry) && read_u8(&text) == '/' &&
                 span_equal(read_bytes(&text, image->repository.size), image->repository);
    return right && (image->tag.size == 0 ||
                     (read_u8(&text) == ':' && span_equal(read_bytes(&text, image->tag.size), image->tag)));
}

static void names_save(const struct planned_image *image, struct buf *buf) {
    text_pack(image->text, buf);
    buf_byte(buf, is_of_parts(image));
    if (is_of_parts(image)) {
        buf_le16(buf, (uint16_t)image->registry.size);
        buf_le16(buf, (uint16_t)image->repository.size);
        buf_le16(buf, (uint16_t)image->tag.size);
    } else {
        text_pack(image->registry, buf);
        text_pack(image->repository, buf);
        text_pack(image->tag, buf);
    }
}

static void names_restore(struct reader *reader, struct saved_image *image) {
    image->text = text_unpack(reader);
    if (read_u8(reader) != 0) {
        struct reader text = reader_init(image->text);
        size_t registry = read_le16(reader), repository = read_le16(reader), tag = read_le16(reader);
        image->registry = read_bytes(&text, registry);
        (void)read_u8(&text);
        image->repository = read_bytes(&text, repository);
        if (tag > 0) {
            (void)read_u8(&text);
            image->tag = read_bytes(&text, tag);
        }
        reader->failed = reader->failed || text.failed;
    } else {
        image->registry = text_unpack(reader);
        image->repository = text_unpack(reader);
        image->tag = text_unpack(reader);
    }
}

static void image_save(const struct planned_image *image, struct buf *buf) {
    static const struct digest again = {.algorithm = DIGEST_NONE};
    const struct image_facts *facts = image->facts;
    bool is_skipped = facts->is_skipped && !facts->has_config; /* one of another platform is judged again */
    names_save(image, buf);
    bool is_exact = is_settled(facts) || facts->is_named || image->tag.size == 0;
    digest_pack(is_exact ? &facts->digest : &again, buf);
    buf_byte(buf, is_skipped);
    if (is_skipped) {
        buf_byte(buf, facts->is_told);
        text_pack(facts->media_type, buf);
        text_pack(facts->reason, buf);
    }
}

void plan_save(const struct plan *plan, const bool *listed, size_t target_count, struct buf *buf) {
    size_t count = 0;
    buf_le64(buf, target_count);
    for (size_t i = 0; i < target_count; i++)
        buf_byte(buf, listed[i]);
    for (size_t i = 0; i < plan->images.count; i++)
        count += is_saved(&plan->images.data[i]);
    buf_le64(buf, count);
    for (size_t i = 0; i < plan->images.count; i++) {
        if (is_saved(&plan->images.data[i]))
            image_save(&plan->images.data[i], buf);
    }
}

int plan_restore(struct span bytes, bool *listed, size_t target_count, saved_image_fn fn, void *context,
                 struct err *err) {
    struct reader reader = reader_init(bytes);
    if (read_le64(&reader) != target_count)
        return err_set(err, ERR_FORMAT, 0, "saved plan: expected one of %zu targets", target_count);
    for (size_t i = 0; i < target_count; i++)
        listed[i] = read_u8(&reader) != 0;
    for (uint64_t left = read_le64(&reader); left > 0 && !reader.failed; left--) {
        struct saved_image image = {.tag = {NULL, 0}};
        names_restore(&reader, &image);
        if (!digest_unpack(&reader, &image.digest))
            break;
        image.is_skipped = read_u8(&reader) != 0;
        if (image.is_skipped) {
            image.is_told = read_u8(&reader) != 0;
            image.media_type = text_unpack(&reader);
            image.reason = text_unpack(&reader);
        }
        if (!reader.failed && fn(context, &image, err) < 0)
            return -1;
    }
    return reader.failed || reader_left(&reader) > 0 ? err_set(err, ERR_FORMAT, 0, "saved plan: it is damaged") : 0;
}
