/* Packages, a hash database of Berkeley DB: pages in the byte order of the machine that wrote them. All hash pages are
 * read one after the other, in place of the buckets that lead to them: what we want is every value, not one.
 * Values of more than a quarter page stand on chains of overflow pages.
 * Spec: dbinc/db_page.h of Berkeley DB's sources; offsets stand beside the fields here. */
#include "base/buf.h"
#include "base/overflow.h"
#include "base/reader.h"
#include "matchers/package/rpmdb.h"

enum { HASH_MAGIC = 0x061561, PAGE_BYTES_MIN = 512, PAGE_BYTES_MAX = 65536, PAGE_HEADER_BYTES = 26 };
enum page_type { PAGE_HASH_UNSORTED = 2, PAGE_OVERFLOW = 7, PAGE_HASH = 13 };
enum item_type { ITEM_HERE = 1, ITEM_ELSEWHERE = 3 };

/* A header without packages' names has eight bytes; what is shorter is the counter that rpm keeps under key 0. */
enum { HEADER_BYTES_MIN = 8 };

struct bdb {
    struct span bytes;
    size_t page_bytes;
    bool big_endian;
    size_t left;     /* bytes that values may yet have: no page belongs to two of them */
    struct buf body; /* a value on overflow pages */
};

static uint32_t read_u32(const struct bdb *bdb, struct reader *r) {
    return bdb->big_endian ? read_be32(r) : read_le32(r);
}

static uint16_t read_u16(const struct bdb *bdb, struct reader *r) {
    return bdb->big_endian ? read_be16(r) : read_le16(r);
}

/* What stands in a page's header. */
struct page {
    struct span bytes;
    uint32_t next;        /* at 16 */
    uint16_t entry_count; /* at 20 */
    uint16_t size;        /* at 22; of an overflow page's data */
    uint8_t type;         /* at 25 */
};

/* A page that is not whole has type 0, as free ones do. */
static struct page page_get(const struct bdb *bdb, uint32_t number) {
    struct page page = {.type = 0};
    if (number >= bdb->bytes.size / bdb->page_bytes)
        return page;
    page.bytes = span_slice(bdb->bytes, number * bdb->page_bytes, bdb->page_bytes);
    struct reader r = reader_init(page.bytes);
    read_seek(&r, 16);
    page.next = read_u32(bdb, &r);
    page.entry_count = read_u16(bdb, &r);
    page.size = read_u16(bdb, &r);
    read_skip(&r, 1);
    page.type = read_u8(&r);
    return page;
}

/* Follows a chain of overflow pages; false where it breaks off. */
static bool value_collect(struct bdb *bdb, uint32_t number, size_t size) {
    buf_reset(&bdb->body);
    if (size > bdb->left)
        return false;
    bdb->left -= size;
    while (bdb->body.size < size && !bdb->body.failed) {
        struct page page = page_get(bdb, number);
        struct span piece = span_slice(page.bytes, PAGE_HEADER_BYTES, size_min(page.size, size - bdb->body.size));
        if (page.type != PAGE_OVERFLOW || piece.size == 0)
            return false;
        buf_add(&bdb->body, piece);
        number = page.next;
    }
    return !bdb->body.failed;
}

/* One value of a hash page, whose bytes go from `begin` to `end`. */
static int value_read(struct catalogue *run, struct bdb *bdb, const struct page *page, size_t begin, size_t end,
                      struct err *err) {
    struct reader r = reader_init(span_slice(page->bytes, begin, end - begin));
    uint8_t type = read_u8(&r);
    struct span header = span_from(r.bytes, 1);
    if (type == ITEM_ELSEWHERE) {
        read_skip(&r, 3);
        uint32_t number = read_u32(bdb, &r);
        size_t size = read_u32(bdb, &r);
        bool whole = !r.failed && value_collect(bdb, number, size);
        if (bdb->body.failed)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        if (!whole) {
            catalogue_fault(run, ERR_FORMAT, "bdb: a value of %zu bytes breaks off at page %" PRIu32, size, number);
            return 0;
        }
        header = buf_span(&bdb->body);
    } else if (type != ITEM_HERE || header.size <= HEADER_BYTES_MIN) {
        return 0;
    }
    return rpm_header_add(run, header, err);
}

/* Items lie from the page's end towards its begin, keys and values in turn. */
static int page_read(struct catalogue *run, struct bdb *bdb, const struct page *page, struct err *err) {
    struct reader r = reader_init(page->bytes);
    size_t end = page->bytes.size;
    read_seek(&r, PAGE_HEADER_BYTES);
    for (size_t i = 0; i < page->entry_count; i++) {
        size_t begin = read_u16(bdb, &r);
        if (r.failed || begin < PAGE_HEADER_BYTES || begin > end) {
            catalogue_fault(run, ERR_FORMAT, "bdb: a page's items are out of order, after %zu packages",
                            run->package_count);
            return 0;
        }
        if (i % 2 == 1 && value_read(run, bdb, page, begin, end, err) < 0)
            return -1;
        end = begin;
    }
    return 0;
}

int rpmdb_bdb_read(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct bdb bdb = {.bytes = run->body, .left = run->body.size};
    read_seek(&r, 12);
    uint32_t magic = read_le32(&r);
    bdb.big_endian = magic == __builtin_bswap32(HASH_MAGIC);
    read_skip(&r, 4); /* version */
    bdb.page_bytes = read_u32(&bdb, &r);
    if (r.failed || (magic != HASH_MAGIC && !bdb.big_endian))
        return err_set(err, ERR_FORMAT, 0, "no database of rpm's: neither SQLite, nor NDB, nor a hash of Berkeley DB");
    if (bdb.page_bytes < PAGE_BYTES_MIN || bdb.page_bytes > PAGE_BYTES_MAX)
        return err_set(err, ERR_FORMAT, 0, "bdb: pages of %zu bytes: expected %d to %d", bdb.page_bytes, PAGE_BYTES_MIN,
                       PAGE_BYTES_MAX);
    buf_init(&bdb.body, run->body.size);
    int result = 0;
    for (size_t number = 1; result == 0 && number < run->body.size / bdb.page_bytes; number++) {
        struct page page = page_get(&bdb, (uint32_t)number);
        if (page.type == PAGE_HASH || page.type == PAGE_HASH_UNSORTED)
            result = page_read(run, &bdb, &page, err);
    }
    buf_release(&bdb.body);
    if (result == 0 && run->body.size % bdb.page_bytes != 0)
        catalogue_fault(run, ERR_FORMAT, "bdb: the file ends inside a page");
    return result;
}
