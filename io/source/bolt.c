#include "io/source/bolt.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/reader.h"
#include "io/file/file.h"

#define MAGIC 0xED0CDAEDU
#define VERSION 2U
#define PAGE_HEADER_BYTES ((size_t)16)
#define META_BYTES ((size_t)64)
#define BUCKET_HEADER_BYTES ((size_t)16)
#define ELEMENT_BYTES ((size_t)16)
#define PAGE_BYTES_MIN ((size_t)1024)
#define PAGE_BYTES_MAX ((size_t)65536)

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2 };
enum { ELEMENT_BUCKET = 1 };

/* Up to `size` bytes at `offset`; fewer at the end. */
static int bytes_at(const struct bolt *bolt, uint64_t offset, uint8_t *out, size_t size, size_t *ret_size,
                    struct err *err) {
    if (bolt->fd < 0) {
        struct span found = offset > SIZE_MAX ? (struct span){NULL, 0} : span_slice(bolt->bytes, (size_t)offset, size);
        if (found.size > 0)
            memcpy(out, found.data, found.size);
        *ret_size = found.size;
        return 0;
    }
    return file_read_part(bolt->fd, offset, out, size, ret_size, err) < 0 ? err_wrap(err, "bolt") : 0;
}

/* FNV-1a over the fields before the checksum, which meta pages carry. */
static uint64_t meta_checksum(struct span fields) {
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < fields.size; i++)
        hash = (hash ^ fields.data[i]) * 1099511628211U;
    return hash;
}

/* True when there is a meta page at that offset which is whole; it is taken when it is newer than what is there. */
static bool meta_take(struct bolt *bolt, uint64_t offset) {
    uint8_t bytes[PAGE_HEADER_BYTES + META_BYTES];
    size_t size;
    if (bytes_at(bolt, offset, bytes, sizeof bytes, &size, NULL) < 0 || size < sizeof bytes)
        return false;
    struct reader r = reader_init(span_make(bytes + PAGE_HEADER_BYTES, META_BYTES));
    uint32_t magic = read_le32(&r), version = read_le32(&r), page_size = read_le32(&r);
    read_skip(&r, 4); /* flags */
    uint64_t root = read_le64(&r);
    read_skip(&r, 16); /* the bucket's sequence, the free list */
    uint64_t page_count = read_le64(&r), transaction = read_le64(&r), checksum = read_le64(&r);
    bool power = page_size >= PAGE_BYTES_MIN && page_size <= PAGE_BYTES_MAX && (page_size & (page_size - 1)) == 0;
    if (r.failed || magic != MAGIC || version != VERSION || !power ||
        checksum != meta_checksum(span_make(bytes + PAGE_HEADER_BYTES, META_BYTES - 8)))
        return false;
    if (bolt->page_size == 0 || transaction > bolt->transaction) {
        bolt->page_size = page_size;
        bolt->root = root;
        bolt->page_count = page_count;
        bolt->transaction = transaction;
    }
    return true;
}

/* The second meta page is at the page size, which only the first one tells; where that is damaged it is looked for. */
static bool metas_read(struct bolt *bolt) {
    bool found = meta_take(bolt, 0);
    if (found)
        return meta_take(bolt, bolt->page_size) || found;
    for (size_t size = PAGE_BYTES_MIN; !found && size <= PAGE_BYTES_MAX; size *= 2)
        found = meta_take(bolt, size) && bolt->page_size == size;
    return found;
}

int bolt_open(int fd, struct span bytes, struct bolt *ret_bolt, struct err *err) {
    struct bolt bolt = {.fd = fd, .bytes = bytes, .size = bytes.size};
    struct stat status;
    if (fd >= 0) {
        if (fstat(fd, &status) != 0)
            return err_set(err, ERR_IO, errno, "bolt: %s", strerror(errno));
        bolt.size = (uint64_t)status.st_size;
    }
    if (!metas_read(&bolt))
        return err_set(err, ERR_FORMAT, 0, "bolt: expected a meta page of version 2 with its checksum, found none");
    /* Pages behind the end are none: what the file says of their number bounds no walk. */
    bolt.page_count = u64_min(bolt.page_count, bolt.size / bolt.page_size);
    *ret_bolt = bolt;
    return 0;
}

bool bolt_is_unchanged(const struct bolt *bolt) {
    struct bolt now = {.fd = bolt->fd, .bytes = bolt->bytes};
    return metas_read(&now) && now.transaction == bolt->transaction;
}

struct bolt_bucket bolt_root(const struct bolt *bolt) {
    return (struct bolt_bucket){.root = bolt->root};
}

int bolt_bucket_of(struct span value, struct bolt_bucket *ret_bucket, struct err *err) {
    struct reader r = reader_init(value);
    uint64_t root = read_le64(&r);
    read_skip(&r, 8); /* sequence */
    if (r.failed)
        return err_set(err, ERR_FORMAT, 0, "bolt: bucket: expected %zu bytes or more, found %zu", BUCKET_HEADER_BYTES,
                       value.size);
    *ret_bucket = (struct bolt_bucket){root, root == 0 ? span_from(value, BUCKET_HEADER_BYTES) : (struct span){0}};
    return 0;
}

/* A page on the way down; `next` is the element to go on with. */
struct level {
    uint8_t *owned; /* NULL: the page of an inline bucket, which is borrowed */
    struct span bytes;
    uint16_t flags, count, next;
};

static int page_header_read(struct level *level, uint64_t number, struct err *err) {
    struct reader r = reader_init(level->bytes);
    read_skip(&r, 8); /* its number */
    level->flags = read_le16(&r);
    level->count = read_le16(&r);
    if (r.failed || (level->flags != PAGE_BRANCH && level->flags != PAGE_LEAF))
        return err_set(err, ERR_FORMAT, 0, "bolt: page %" PRIu64 ": expected a branch or a leaf, found flags 0x%x",
                       number, level->flags);
    return 0;
}

/* A page with what it overflows into. */
static int page_read(struct bolt *bolt, uint64_t number, struct level *level, struct err *err) {
    uint8_t header[PAGE_HEADER_BYTES];
    uint64_t offset, size;
    size_t got;
    if (number < 2 || number >= bolt->page_count || !u64_mul(number, bolt->page_size, &offset) || offset >= bolt->size)
        return err_set(err, ERR_FORMAT, 0, "bolt: page %" PRIu64 ": expected one of %" PRIu64 " in %" PRIu64 " bytes",
                       number, bolt->page_count, bolt->size);
    if (bytes_at(bolt, offset, header, sizeof header, &got, err) < 0)
        return -1;
    struct reader r = reader_init(span_make(header, got));
    read_skip(&r, 12);
    uint64_t pages = (uint64_t)read_le32(&r) + 1;
    if (r.failed || !u64_mul(pages, bolt->page_size, &size) || size > bolt->size - offset)
        return err_set(err, ERR_FORMAT, 0, "bolt: page %" PRIu64 ": %" PRIu64 " pages go beyond the file", number,
                       pages);
    if (size > LIMIT_BOLT_PAGE_BYTES)
        return err_set(err, ERR_LIMIT, 0, "bolt: page %" PRIu64 ": expected at most %zu bytes, found %" PRIu64, number,
                       LIMIT_BOLT_PAGE_BYTES, size);
    if (pages > bolt->pages_left)
        return err_set(err, ERR_FORMAT, 0,
                       "bolt: page %" PRIu64 ": expected each page in one place, found them in several or in a circle",
                       number);
    bolt->pages_left -= pages;
    level->owned = mem_alloc((size_t)size);
    if (level->owned == NULL)
        return err_set(err, ERR_NOMEM, 0, "bolt: out of memory");
    int result = bytes_at(bolt, offset, level->owned, (size_t)size, &got, err);
    level->bytes = span_make(level->owned, got);
    if (result == 0)
        result = page_header_read(level, number, err);
    if (result < 0)
        mem_free(STEAL(level->owned));
    return result;
}

/* Positions count from the element's own begin. */
static struct span element_bytes(const struct level *level, size_t element, uint32_t position, uint32_t skip,
                                 uint32_t size, bool *failed) {
    struct reader r = reader_init(level->bytes);
    read_seek(&r, element);
    read_skip(&r, position);
    read_skip(&r, skip);
    struct span found = read_bytes(&r, size);
    *failed = *failed || r.failed;
    return found;
}

struct walk {
    struct bolt *bolt;
    struct level levels[LIMIT_BOLT_DEPTH];
    size_t depth;
};

static int level_push(struct walk *walk, uint64_t page, struct err *err) {
    if (walk->depth == LIMIT_BOLT_DEPTH)
        return err_set(err, ERR_LIMIT, 0, "bolt: expected a tree of at most %zu levels", LIMIT_BOLT_DEPTH);
    struct level *level = &walk->levels[walk->depth];
    *level = (struct level){.next = 0};
    if (page_read(walk->bolt, page, level, err) < 0)
        return -1;
    walk->depth++;
    return 0;
}

static int element_visit(struct walk *walk, struct level *level, bolt_each_fn each, void *context, struct err *err) {
    size_t element = PAGE_HEADER_BYTES + (size_t)level->next * ELEMENT_BYTES;
    struct reader r = reader_init(level->bytes);
    level->next++;
    read_seek(&r, element);
    if (walk->bolt->elements_left-- == 0) {
        walk->bolt->elements_left = 0;
        return err_set(err, ERR_FORMAT, 0,
                       "bolt: expected each element in one place, found more than %" PRIu64 " bytes hold",
                       walk->bolt->size);
    }
    if (level->flags == PAGE_BRANCH) {
        read_skip(&r, 8); /* where the key is, and its size: all is walked, nothing looked up */
        uint64_t page = read_le64(&r);
        if (r.failed)
            return err_set(err, ERR_FORMAT, 0, "bolt: branch element goes beyond its page");
        return level_push(walk, page, err);
    }
    uint32_t flags = read_le32(&r), position = read_le32(&r), key_size = read_le32(&r), value_size = read_le32(&r);
    bool failed = r.failed;
    struct span key = element_bytes(level, element, position, 0, key_size, &failed);
    struct span value = element_bytes(level, element, position, key_size, value_size, &failed);
    if (failed)
        return err_set(err, ERR_FORMAT, 0, "bolt: leaf element %u goes beyond its page", level->next - 1U);
    return each(context, key, value, (flags & ELEMENT_BUCKET) != 0, err);
}

int bolt_each(struct bolt *bolt, const struct bolt_bucket *bucket, bolt_each_fn each, void *context, struct err *err) {
    struct walk walk = {.bolt = bolt};
    int result = 0;
    if (bolt->walks++ == 0) {
        bolt->pages_left = bolt->page_count;
        bolt->elements_left = bolt->size / ELEMENT_BYTES;
    }
    if (bucket->root != 0) {
        result = level_push(&walk, bucket->root, err);
    } else {
        walk.levels[0] = (struct level){.bytes = bucket->page};
        walk.depth = 1;
        result = page_header_read(&walk.levels[0], 0, err);
        if (result == 0 && walk.levels[0].flags != PAGE_LEAF)
            result = err_set(err, ERR_FORMAT, 0, "bolt: a bucket inside of a value: expected a leaf, found a branch");
    }
    while (result == 0 && walk.depth > 0) {
        struct level *level = &walk.levels[walk.depth - 1];
        if (level->next < level->count) {
            result = element_visit(&walk, level, each, context, err);
        } else {
            mem_free(level->owned);
            walk.depth--;
        }
    }
    while (walk.depth > 0)
        mem_free(walk.levels[--walk.depth].owned);
    bolt->walks--;
    return result;
}
