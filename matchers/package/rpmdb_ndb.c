/* Packages.db, rpm's own format: a header, pages of slots that say where each package's blob lies in units of 16 bytes,
 * and the blobs, each with a head and a tail. Little-endian.
 * Spec: lib/backend/ndb of rpm's sources is the only one; offsets stand beside the fields here. */
#include "base/reader.h"
#include "matchers/package/rpmdb.h"

enum { PAGE_BYTES = 4096, UNIT_BYTES = 16, SLOTS_OF_HEADER = 2, HEAD_BYTES = 16, SLOT_PAGES_OFFSET = 12 };
enum { SLOT_MAGIC = 0x746f6c53, BLOB_MAGIC = 0x53626c42 }; /* "Slot", "BlbS" */

/* The header behind the blob's head; an empty span where it is damaged. */
static struct span blob_read(struct span body, uint32_t package, uint32_t unit, uint32_t unit_count) {
    struct reader r = reader_init(body);
    if (unit > body.size / UNIT_BYTES || unit_count > body.size / UNIT_BYTES)
        return (struct span){NULL, 0};
    read_seek(&r, (size_t)unit * UNIT_BYTES);
    uint32_t magic = read_le32(&r), owner = read_le32(&r);
    read_skip(&r, 4); /* generation */
    size_t size = read_le32(&r);
    if (r.failed || magic != BLOB_MAGIC || owner != package || size > (size_t)unit_count * UNIT_BYTES)
        return (struct span){NULL, 0};
    return read_bytes(&r, size);
}

int rpmdb_ndb_read(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    read_seek(&r, SLOT_PAGES_OFFSET);
    size_t page_count = read_le32(&r);
    /* The slots of a file that was cut off are read as far as they go. */
    struct span pages = span_slice(run->body, 0, PAGE_BYTES * (page_count & UINT32_MAX));
    if (r.failed || page_count == 0)
        return err_set(err, ERR_FORMAT, 0, "ndb: a header of %zu bytes without pages of slots", run->body.size);
    size_t left =
        run->body.size; /* no byte of the file belongs to two blobs, or slots in plenty lead to one large one */
    struct reader slots = reader_init(span_from(pages, (size_t)SLOTS_OF_HEADER * UNIT_BYTES));
    while (reader_left(&slots) >= UNIT_BYTES) {
        uint32_t magic = read_le32(&slots), package = read_le32(&slots), unit = read_le32(&slots);
        uint32_t unit_count = read_le32(&slots);
        if (magic == SLOT_MAGIC && package == 0)
            continue; /* free */
        struct span header = blob_read(run->body, package, unit, unit_count);
        if (magic != SLOT_MAGIC || header.size == 0 || header.size > left) {
            catalogue_fault(run, ERR_FORMAT, "ndb: the slot before byte %zu leads nowhere",
                            (size_t)SLOTS_OF_HEADER * UNIT_BYTES + slots.offset);
            continue;
        }
        left -= header.size;
        if (rpm_header_add(run, header, err) < 0)
            return -1;
    }
    if (pages.size < PAGE_BYTES * page_count)
        catalogue_fault(run, ERR_FORMAT, "ndb: the file ends inside its slots");
    return 0;
}
