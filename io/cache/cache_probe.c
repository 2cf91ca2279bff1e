/* LMDB believes what its pages say of themselves and would spread a mistake in one with the next write. What can be
 * seen from outside is held against it, by the format of LMDB 0.9: a page begins with its number u64, two bytes, flags
 * u16, and, of a leaf, where its list of offsets ends u16 and its nodes begin u16; an overflow has its count of pages
 * u32 there. A leaf's nodes are eight bytes, the key, and the value or the number of its overflow, to an even size;
 * they fill the page to its end. */
#include "io/cache/cache_probe.h"

#include <sys/mman.h>

#include "base/clock.h"
#include "base/reader.h"
#include "io/cache/cache.h"

#define PAGE_HEAD_BYTES ((size_t)16)
#define NODE_HEAD_BYTES ((size_t)8)

static const uint8_t *page_of(const struct cache_probe *probe, const uint8_t *at) {
    return at - (uintptr_t)at % probe->page_bytes; /* the map begins at a page */
}

/* The page's head behind its number, when the number is that of its place. */
static bool page_open(struct cache_probe *probe, const uint8_t *page, struct reader *ret_head) {
    *ret_head = reader_init(span_make(page, PAGE_HEAD_BYTES));
    uint64_t number = read_le64(ret_head);
    if (probe->map == NULL)
        probe->map = page - number * probe->page_bytes;
    return page == probe->map + number * probe->page_bytes;
}

static bool leaf_is_filled(const struct cache_probe *probe) {
    struct reader head = reader_init(span_make(probe->leaf, PAGE_HEAD_BYTES));
    (void)read_bytes(&head, 14);
    return probe->leaf_used == probe->page_bytes - read_le16(&head);
}

static bool node_is_sound(struct cache_probe *probe, struct span key, struct span value) {
    if (!probe->knows_format)
        return true;
    const uint8_t *node = key.data - NODE_HEAD_BYTES, *page = page_of(probe, node);
    struct reader head;
    if (page != probe->leaf) {
        if ((probe->leaf != NULL && !leaf_is_filled(probe)) || !page_open(probe, page, &head))
            return false;
        probe->leaf = page;
        probe->leaf_used = 0;
    }
    bool inside = value.data == key.data + key.size;
    size_t bytes = NODE_HEAD_BYTES + key.size + (inside ? value.size : sizeof(uint64_t));
    probe->leaf_used += bytes + bytes % 2;
    if (inside)
        return probe->leaf_used <= probe->page_bytes;
    page = value.data - PAGE_HEAD_BYTES;
    if (page != page_of(probe, page) || !page_open(probe, page, &head))
        return false;
    (void)read_bytes(&head, 4);
    return read_le32(&head) == (PAGE_HEAD_BYTES + value.size + probe->page_bytes - 1) / probe->page_bytes;
}

/* One entry of the table of free pages: within the file, each once, in their order. A page that is handed out wrongly
 * would be written over something that is in use. */
static bool free_pages_are_sound(struct span pages, uint64_t last_page, uint8_t *seen) {
    struct reader list = reader_init(pages);
    uint64_t count = read_le64(&list), above = last_page + 1;
    if (count > reader_left(&list) / sizeof count)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t page = read_le64(&list);
        if (page < 2 || page >= above || (seen[page / 8] >> page % 8 & 1) != 0)
            return false;
        seen[page / 8] |= (uint8_t)(1U << page % 8);
        above = page;
    }
    return true;
}

bool cache_probe_table(struct cache_probe *probe, MDB_txn *transaction, MDB_dbi handle, uint64_t last_page,
                       uint8_t *free_seen) {
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    struct span before = {NULL, 0};
    uint64_t count = 0;
    int code = mdb_cursor_open(transaction, handle, &cursor);
    probe->leaf = NULL;
    while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct span name = span_make(key.mv_data, key.mv_size), bytes = span_make(value.mv_data, value.mv_size);
        if (name.size == 0 || name.size > CACHE_KEY_MAX || !node_is_sound(probe, name, bytes))
            return false;
        if (free_seen != NULL && !free_pages_are_sound(bytes, last_page, free_seen))
            return false;
        /* Free pages are by number and not by text. */
        if (free_seen == NULL && before.size > 0 && span_compare(before, name) >= 0)
            return false;
        before = name;
        if (++count % 1024 != 0)
            continue;
        if (clock_ns() > probe->deadline_ns)
            return true;
        /* A large cache goes by without staying in memory. A failure costs memory alone. */
        (void)madvise((void *)(uintptr_t)probe->map, (last_page + 1) * probe->page_bytes, MADV_DONTNEED);
    }
    return code == MDB_NOTFOUND && (probe->leaf == NULL || leaf_is_filled(probe));
}
