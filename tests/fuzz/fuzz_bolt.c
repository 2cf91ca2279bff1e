/* bbolt databases: whatever bytes come, an error or items whose bytes can all be read. The checksums of the meta pages
 * are made right first, or no mutation would get past them. */
#include "base/alloc.h"
#include "base/reader.h"
#include "io/source/bolt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define META_OFFSET ((size_t)16)
#define CHECKSUM_OFFSET (META_OFFSET + 56)

static size_t sum;

struct descent {
    struct bolt *bolt;
    size_t depth; /* buckets in each other that are looked into: as many as containerd has */
    size_t items; /* a page that is reached again and again makes a walk of minutes */
};

static int on_item(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct descent *descent = context;
    struct bolt_bucket bucket;
    for (size_t i = 0; i < key.size; i++)
        sum += key.data[i];
    for (size_t i = 0; i < value.size; i++)
        sum += value.data[i];
    if (++descent->items > 2000)
        return 1;
    if (!is_bucket || descent->depth == 6 || bolt_bucket_of(value, &bucket, err) < 0)
        return 0;
    descent->depth++;
    int result = bolt_each(descent->bolt, &bucket, on_item, context, err);
    descent->depth--;
    return result < 0 ? 0 : result;
}

static void checksum_fix(uint8_t *page, size_t size) {
    uint64_t hash = 14695981039346656037U;
    if (size < CHECKSUM_OFFSET + 8)
        return;
    for (size_t i = META_OFFSET; i < CHECKSUM_OFFSET; i++)
        hash = (hash ^ page[i]) * 1099511628211U;
    for (size_t i = 0; i < 8; i++)
        page[CHECKSUM_OFFSET + i] = (uint8_t)(hash >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = {0};
    struct bolt bolt;
    uint8_t *copy = mem_alloc(size);
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    for (size_t page = 0; page <= 65536; page = page == 0 ? 1024 : page * 2) {
        if (page < size)
            checksum_fix(copy + page, size - page);
    }
    if (bolt_open(-1, span_make(copy, size), &bolt, &err) == 0) {
        struct descent descent = {.bolt = &bolt};
        struct bolt_bucket root = bolt_root(&bolt);
        assert(bolt_is_unchanged(&bolt));
        (void)bolt_each(&bolt, &root, on_item, &descent, &err);
    }
    mem_free(copy);
    return 0;
}
