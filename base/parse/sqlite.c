#include "base/parse/sqlite.h"

#include "base/limits.h"
#include "base/overflow.h"
#include "base/reader.h"

#define MAGIC "SQLite format 3"
enum { HEADER_BYTES = 100, PAGE_BYTES_MIN = 512, PAGE_BYTES_MAX = 65536, USABLE_BYTES_MIN = 480 };
enum page_type { PAGE_INTERIOR = 5, PAGE_LEAF = 13 };

/* One page on the way down. */
struct place {
    struct reader cells; /* the cell pointers that are left */
    struct span page;
    uint32_t right; /* the last child of an interior page, 0 once it was entered */
    bool is_leaf;
};

struct walk {
    const struct sqlite *sqlite;
    struct place places[LIMIT_SQLITE_DEPTH];
    size_t depth;
    size_t pages_left;   /* a page is entered once: more of them means that they form a circle */
    size_t payload_left; /* no byte of the file belongs to two rows */
    struct buf payload;  /* a row that goes over several pages */
    bool failed;
    struct err first; /* the first damage */
};

/* The big-endian integer of seven bits a byte, nine bytes at most, of which the last has eight. */
static uint64_t read_varint(struct reader *r) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        uint8_t byte = read_u8(r);
        value = value << 7 | (byte & 0x7f);
        if (byte < 0x80)
            return value;
    }
    return value << 8 | read_u8(r);
}

int sqlite_open(struct span bytes, struct sqlite *ret_sqlite, struct err *err) {
    struct reader r = reader_init(bytes);
    struct span magic = read_bytes(&r, sizeof MAGIC);
    size_t page_bytes = read_be16(&r);
    if (page_bytes == 1)
        page_bytes = PAGE_BYTES_MAX;
    bool uses_log = read_u8(&r) == 2;
    read_skip(&r, 1);
    size_t reserved = read_u8(&r);
    if (r.failed || !span_equal(magic, span_make(MAGIC, sizeof MAGIC)))
        return err_set(err, ERR_FORMAT, 0, "sqlite: no header in %zu bytes", bytes.size);
    if (page_bytes < PAGE_BYTES_MIN || (page_bytes & (page_bytes - 1)) != 0 || page_bytes < USABLE_BYTES_MIN + reserved)
        return err_set(err, ERR_FORMAT, 0, "sqlite: pages of %zu bytes, %zu of them reserved", page_bytes, reserved);
    *ret_sqlite = (struct sqlite){.bytes = bytes,
                                  .page_bytes = page_bytes,
                                  .usable_bytes = page_bytes - reserved,
                                  .page_count = bytes.size / page_bytes,
                                  .uses_log = uses_log};
    return 0;
}

static void damage(struct walk *walk, const char *what, uint64_t page) {
    if (!walk->failed)
        (void)err_set(&walk->first, ERR_FORMAT, 0, "sqlite: %s at page %" PRIu64 " of %zu", what, page,
                      walk->sqlite->page_count);
    walk->failed = true;
}

static struct span page_get(const struct sqlite *sqlite, uint32_t number) {
    if (number == 0 || number > sqlite->page_count)
        return (struct span){NULL, 0};
    return span_slice(sqlite->bytes, (number - 1) * sqlite->page_bytes, sqlite->usable_bytes);
}

/* Goes down to a page; what is wrong with it is noted. */
static void place_enter(struct walk *walk, uint32_t number) {
    struct span page = page_get(walk->sqlite, number);
    struct reader r = reader_init(page);
    read_seek(&r, number == 1 ? HEADER_BYTES : 0);
    uint8_t type = read_u8(&r);
    read_skip(&r, 2);
    size_t cell_count = read_be16(&r);
    read_skip(&r, 3);
    uint32_t right = type == PAGE_INTERIOR ? read_be32(&r) : 0;
    struct span cells = read_bytes(&r, 2 * cell_count);
    if (r.failed || (type != PAGE_INTERIOR && type != PAGE_LEAF)) {
        damage(walk, "no page of a table", number);
    } else if (walk->depth == LIMIT_SQLITE_DEPTH || walk->pages_left == 0) {
        damage(walk, "pages in a circle", number);
    } else {
        walk->pages_left--;
        walk->places[walk->depth++] =
            (struct place){.cells = reader_init(cells), .page = page, .right = right, .is_leaf = type == PAGE_LEAF};
    }
}

/* The bytes of a payload of `size` that stand in the leaf itself. */
static size_t local_size(const struct sqlite *sqlite, uint64_t size) {
    size_t usable = sqlite->usable_bytes, most = usable - 35;
    if (size <= most)
        return (size_t)size;
    size_t least = (usable - 12) * 32 / 255 - 23;
    size_t fitting = least + (size_t)((size - least) % (usable - 4));
    return fitting <= most ? fitting : least;
}

/* Follows the chain of overflow pages; false where it breaks off. */
static bool payload_collect(struct walk *walk, struct span local, uint64_t size, uint32_t next) {
    struct buf *payload = &walk->payload;
    buf_reset(payload);
    buf_add(payload, local);
    while (payload->size < size && !payload->failed) {
        struct span page = page_get(walk->sqlite, next);
        struct reader r = reader_init(page);
        next = read_be32(&r);
        struct span piece = span_slice(page, r.offset, (size_t)(size - payload->size));
        if (r.failed || piece.size == 0)
            return false;
        buf_add(payload, piece);
    }
    return !payload->failed;
}

static int row_read(struct walk *walk, struct span page, size_t offset, sqlite_row_fn row, void *context,
                    struct err *err) {
    struct reader r = reader_init(page);
    read_seek(&r, offset);
    uint64_t size = read_varint(&r);
    (void)read_varint(&r); /* the row's id */
    if (r.failed || size > walk->payload_left) {
        damage(walk, "a row that is larger than the file",
               (size_t)(page.data - walk->sqlite->bytes.data) / walk->sqlite->page_bytes + 1);
        return 0;
    }
    walk->payload_left -= (size_t)size;
    size_t here = local_size(walk->sqlite, size);
    struct span payload = read_bytes(&r, here);
    if (!r.failed && here < size) {
        uint32_t next = read_be32(&r);
        if (!r.failed && !payload_collect(walk, payload, size, next))
            r.failed = true;
        payload = buf_span(&walk->payload);
    }
    if (walk->payload.failed)
        return err_set(err, ERR_NOMEM, 0, "sqlite: out of memory");
    if (r.failed) {
        damage(walk, "a row that ends early",
               (size_t)(page.data - walk->sqlite->bytes.data) / walk->sqlite->page_bytes + 1);
        return 0;
    }
    return row(context, payload, err);
}

static int walk_pages(struct walk *walk, sqlite_row_fn row, void *context, struct err *err) {
    while (walk->depth > 0) {
        struct place *place = &walk->places[walk->depth - 1];
        if (reader_left(&place->cells) == 0) {
            uint32_t right = place->right;
            place->right = 0;
            if (right == 0)
                walk->depth--;
            else
                place_enter(walk, right);
            continue;
        }
        size_t offset = read_be16(&place->cells);
        if (place->is_leaf) {
            int result = row_read(walk, place->page, offset, row, context, err);
            if (result != 0)
                return result;
            continue;
        }
        struct reader child = reader_init(place->page);
        read_seek(&child, offset);
        place_enter(walk, read_be32(&child));
    }
    return 0;
}

static int table_walk(const struct sqlite *sqlite, uint32_t root, sqlite_row_fn row, void *context, struct err *err) {
    struct walk walk = {.sqlite = sqlite, .pages_left = sqlite->page_count, .payload_left = sqlite->bytes.size};
    buf_init(&walk.payload, sqlite->bytes.size);
    place_enter(&walk, root);
    int result = walk_pages(&walk, row, context, err);
    buf_release(&walk.payload);
    if (result != 0 || !walk.failed)
        return result;
    if (err != NULL)
        *err = walk.first;
    return -1;
}

bool sqlite_column(struct span record, unsigned column, struct sqlite_value *ret_value) {
    /* Bytes of the serial types 0 to 11; beyond, even ones are blobs and odd ones text. */
    static const uint8_t sizes[12] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    struct reader types = reader_init(record);
    uint64_t header_size = read_varint(&types);
    struct reader body = reader_init(record);
    if (types.failed || header_size < types.offset || header_size > record.size)
        return false;
    read_seek(&body, (size_t)header_size);
    types.bytes = span_slice(record, 0, (size_t)header_size);
    for (unsigned i = 0;; i++) {
        if (reader_left(&types) == 0)
            return false;
        uint64_t type = read_varint(&types);
        uint64_t size = type < ARRAY_COUNT(sizes) ? sizes[type] : (type - 12) / 2;
        struct span bytes = read_bytes(&body, (size_t)u64_min(size, SIZE_MAX));
        if (types.failed || body.failed)
            return false;
        if (i < column)
            continue;
        *ret_value = (struct sqlite_value){.is_integer = (type >= 1 && type <= 6) || type == 8 || type == 9};
        if (type >= ARRAY_COUNT(sizes)) {
            ret_value->bytes = bytes;
        } else if (ret_value->is_integer) {
            uint64_t value = type == 9; /* 8 and 9 are the numbers 0 and 1 */
            for (size_t at = 0; at < bytes.size; at++)
                value = (at == 0 && bytes.data[0] >= 0x80 ? UINT64_MAX : value) << 8 | bytes.data[at];
            ret_value->integer = (int64_t)value;
        }
        return true;
    }
}

struct search {
    const char *table;
    uint32_t root;
};

/* sqlite_schema: type, name, tbl_name, rootpage, sql. */
static int schema_row(void *context, struct span record, struct err *err) {
    struct search *search = context;
    struct sqlite_value type, name, root;
    (void)err;
    if (sqlite_column(record, 0, &type) && sqlite_column(record, 1, &name) && sqlite_column(record, 3, &root) &&
        span_is(type.bytes, "table") && span_is(name.bytes, search->table) && root.integer > 0 &&
        root.integer <= UINT32_MAX)
        search->root = (uint32_t)root.integer;
    return 0;
}

int sqlite_each(const struct sqlite *sqlite, const char *table, sqlite_row_fn row, void *context, struct err *err) {
    struct search search = {.table = table, .root = 0};
    struct err damaged = {0};
    int result = table_walk(sqlite, 1, schema_row, &search, &damaged);
    if (search.root != 0)
        return table_walk(sqlite, search.root, row, context, err);
    if (result < 0)
        return err_set(err, damaged.code, 0, "%s", damaged.text);
    return err_set(err, ERR_NOTFOUND, 0, "sqlite: no table %s", table);
}
