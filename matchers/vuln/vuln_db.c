#include "matchers/vuln/vuln_db.h"

#include "base/hash/xxh.h"
#include "base/reader.h"
#include "base/text.h"

/* What each section's elements are; bytes of element 1 have no count. */
static const struct section_info {
    const char *name;
    size_t element;
} section_info[VULN_SECTION_COUNT] = {
    [VULN_SECTION_SLOT_HASH] = {"slot hashes", 8},
    [VULN_SECTION_SLOT_NAME] = {"slot names", 4},
    [VULN_SECTION_NAME] = {"names", VULN_NAME_SIZE},
    [VULN_SECTION_LOWER] = {"lower bounds", 8},
    [VULN_SECTION_UPPER] = {"upper bounds", 8},
    [VULN_SECTION_FLAGS] = {"range flags", 1},
    [VULN_SECTION_ENTRY_INDEX] = {"range entries", 4},
    [VULN_SECTION_LOWER_KEY] = {"lower keys", 4},
    [VULN_SECTION_UPPER_KEY] = {"upper keys", 4},
    [VULN_SECTION_LOWER_TEXT] = {"lower texts", 4},
    [VULN_SECTION_UPPER_TEXT] = {"upper texts", 4},
    [VULN_SECTION_ENTRY] = {"entries", VULN_ENTRY_SIZE},
    [VULN_SECTION_ADVISORY] = {"advisories", VULN_ADVISORY_SIZE},
    [VULN_SECTION_LIST] = {"lists", 4},
    [VULN_SECTION_KEY] = {"keys", 1},
    [VULN_SECTION_TEXT] = {"texts", 1},
};

uint64_t vuln_key_hash(struct span key) {
    uint64_t hash = xxh64_file(key, 0);
    return hash == 0 ? 1 : hash;
}

uint64_t vuln_key_prefix(struct span key, size_t skip) {
    uint8_t bytes[8] = {0};
    struct span part = span_slice(key, skip, sizeof bytes);
    if (part.size > 0)
        memcpy(bytes, part.data, part.size);
    struct reader r = reader_init(span_make(bytes, sizeof bytes));
    return read_be64(&r);
}

static int header_check(struct reader *r, struct span bytes, struct vuln_db *db, struct err *err) {
    struct span magic = read_bytes(r, sizeof VULN_MAGIC - 1);
    uint32_t version = read_le32(r);
    uint32_t order = read_le32(r);
    uint64_t size = read_le64(r);
    uint32_t sections = read_le32(r);
    read_skip(r, 4);
    db->data_time_utc_s = (int64_t)read_le64(r);
    uint64_t checksum = read_le64(r);
    read_seek(r, VULN_HEADER_SIZE);
    char quoted[48];
    if (magic.data == NULL || !span_is(magic, VULN_MAGIC))
        return err_set(err, ERR_FORMAT, 0, "vulnerability database: expected magic %s, found %s", VULN_MAGIC,
                       text_quote(span_slice(bytes, 0, 8), quoted, sizeof quoted));
    if (r->failed)
        return err_set(err, ERR_FORMAT, 0, "vulnerability database: header of %zu bytes expected, the file has %zu",
                       VULN_HEADER_SIZE, bytes.size);
    if (order != VULN_BYTE_ORDER)
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "vulnerability database: byte order mark %08" PRIx32 " expected, found %08" PRIx32,
                       VULN_BYTE_ORDER, order);
    if (version != VULN_FORMAT_VERSION)
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "vulnerability database: format version %u expected, found %" PRIu32 ": build it again",
                       VULN_FORMAT_VERSION, version);
    if (size != bytes.size)
        return err_set(err, ERR_FORMAT, 0,
                       "vulnerability database: %" PRIu64 " bytes expected, found %zu: truncated or damaged", size,
                       bytes.size);
    if (sections != VULN_SECTION_COUNT)
        return err_set(err, ERR_FORMAT, 0, "vulnerability database: %d sections expected, found %" PRIu32,
                       VULN_SECTION_COUNT, sections);
    struct span table = span_slice(bytes, VULN_HEADER_SIZE, VULN_SECTION_COUNT * VULN_SECTION_ENTRY_SIZE);
    if (table.size != VULN_SECTION_COUNT * VULN_SECTION_ENTRY_SIZE)
        return err_set(err, ERR_FORMAT, 0, "vulnerability database: the section table is cut short");
    uint64_t found = xxh64_file(table, size ^ (uint64_t)db->data_time_utc_s);
    if (found != checksum)
        return err_set(err, ERR_FORMAT, 0,
                       "vulnerability database: header checksum %016" PRIx64 " expected, found %016" PRIx64 ": damaged",
                       checksum, found);
    return 0;
}

static int sections_check(struct reader *r, struct span bytes, struct vuln_db *db, struct err *err) {
    for (size_t i = 0; i < VULN_SECTION_COUNT; i++) {
        const struct section_info *info = &section_info[i];
        uint32_t id = read_le32(r);
        uint32_t element = read_le32(r);
        uint64_t offset = read_le64(r);
        uint64_t size = read_le64(r);
        read_skip(r, 8);
        if (id != i || element != info->element)
            return err_set(err, ERR_FORMAT, 0,
                           "vulnerability database: section %zu (%s): element of %zu bytes expected, found %" PRIu32, i,
                           info->name, info->element, element);
        if (offset % VULN_SECTION_ALIGN != 0 || offset > bytes.size || size > bytes.size - offset ||
            size % info->element != 0)
            return err_set(err, ERR_FORMAT, 0,
                           "vulnerability database: section %s: %" PRIu64 " bytes at %" PRIu64
                           " do not fit in a file of %zu",
                           info->name, size, offset, bytes.size);
        db->section[i] = span_make(bytes.data + offset, (size_t)size);
    }
    return 0;
}

static size_t elements(const struct vuln_db *db, enum vuln_section section) {
    return db->section[section].size / section_info[section].element;
}

static int counts_check(struct vuln_db *db, struct err *err) {
    db->slot_count = elements(db, VULN_SECTION_SLOT_HASH);
    db->name_count = elements(db, VULN_SECTION_NAME);
    db->range_count = elements(db, VULN_SECTION_LOWER);
    db->advisory_count = elements(db, VULN_SECTION_ADVISORY);
    bool power = db->slot_count > 0 && (db->slot_count & (db->slot_count - 1)) == 0;
    if (!power || elements(db, VULN_SECTION_SLOT_NAME) != db->slot_count || db->name_count >= db->slot_count)
        return err_set(err, ERR_FORMAT, 0, "vulnerability database: %zu hash slots for %zu names", db->slot_count,
                       db->name_count);
    for (size_t i = VULN_SECTION_UPPER; i <= VULN_SECTION_UPPER_TEXT; i++) {
        if (elements(db, (enum vuln_section)i) != db->range_count)
            return err_set(err, ERR_FORMAT, 0, "vulnerability database: %s: %zu values expected, found %zu",
                           section_info[i].name, db->range_count, elements(db, (enum vuln_section)i));
    }
    return 0;
}

int vuln_db_open(struct span bytes, enum cpu_level level, struct vuln_db *ret_db, struct err *err) {
    struct vuln_db db = {.bytes = bytes, .range_candidates = range_candidates_for(level)};
    struct reader r = reader_init(bytes);
    if ((uintptr_t)bytes.data % sizeof(uint64_t) != 0)
        return err_set(err, ERR_USAGE, 0, "vulnerability database: bytes at an address that is not divisible by 8");
    if (header_check(&r, bytes, &db, err) < 0 || sections_check(&r, bytes, &db, err) < 0 || counts_check(&db, err) < 0)
        return -1;
    *ret_db = db;
    return 0;
}

int vuln_db_verify(const struct vuln_db *db, struct err *err) {
    for (size_t i = 0; i < VULN_SECTION_COUNT; i++) {
        struct reader r = reader_init(db->bytes);
        read_seek(&r, VULN_HEADER_SIZE + i * VULN_SECTION_ENTRY_SIZE + 24);
        uint64_t expected = read_le64(&r);
        uint64_t found = xxh64_file(db->section[i], 0);
        if (r.failed || found != expected)
            return err_set(err, ERR_FORMAT, 0,
                           "vulnerability database: section %s: checksum %016" PRIx64 " expected, found %016" PRIx64,
                           section_info[i].name, expected, found);
    }
    return 0;
}

/* The reader of one element; fails past the end. */
static struct reader element_reader(const struct vuln_db *db, enum vuln_section section, size_t index) {
    size_t size = section_info[section].element;
    struct reader r = reader_init(db->section[section]);
    if (index >= elements(db, section))
        r.failed = true;
    else
        read_seek(&r, index * size);
    return r;
}

static uint32_t column_u32(const struct vuln_db *db, enum vuln_section section, size_t index, bool *failed) {
    struct reader r = element_reader(db, section, index);
    uint32_t value = read_le32(&r);
    *failed |= r.failed;
    return value;
}

/* The bytes of a key; `*failed` is set when they are out of bounds. */
static struct span key_bytes(const struct vuln_db *db, uint32_t offset, bool *failed) {
    struct reader r = reader_init(db->section[VULN_SECTION_KEY]);
    read_seek(&r, offset);
    struct span key = read_bytes(&r, read_le16(&r));
    *failed |= r.failed;
    return key;
}

struct span vuln_db_text(const struct vuln_db *db, uint32_t offset) {
    struct reader r = reader_init(db->section[VULN_SECTION_TEXT]);
    read_seek(&r, offset);
    struct span text = read_bytes(&r, read_le32(&r));
    return r.failed ? (struct span){NULL, 0} : text;
}

struct vuln_list vuln_db_list(const struct vuln_db *db, uint32_t offset) {
    struct vuln_list none = {db, 0, 0};
    bool failed = false;
    if (offset == VULN_NONE)
        return none;
    uint32_t count = column_u32(db, VULN_SECTION_LIST, offset, &failed);
    if (failed || count > elements(db, VULN_SECTION_LIST) - offset - 1)
        return none;
    return (struct vuln_list){db, (size_t)offset + 1, count};
}

struct span vuln_list_get(const struct vuln_list *list, size_t index) {
    bool failed = false;
    if (index >= list->count)
        return (struct span){NULL, 0};
    uint32_t text = column_u32(list->db, VULN_SECTION_LIST, list->offset + index, &failed);
    return failed ? (struct span){NULL, 0} : vuln_db_text(list->db, text);
}

int vuln_db_name(const struct vuln_db *db, size_t index, struct vuln_name *ret_name, struct err *err) {
    struct reader r = element_reader(db, VULN_SECTION_NAME, index);
    struct vuln_name name = {.key = vuln_db_text(db, read_le32(&r))};
    name.scheme = vuln_db_text(db, read_le32(&r));
    name.keyed_first = read_le32(&r);
    name.keyed_count = read_le32(&r);
    name.text_first = read_le32(&r);
    name.text_count = read_le32(&r);
    uint32_t common_key = read_le32(&r);
    uint32_t common_size = read_le32(&r);
    bool failed = r.failed;
    name.common = span_slice(key_bytes(db, common_key, &failed), 0, common_size);
    if (failed || name.common.size != common_size || name.keyed_first > db->range_count ||
        name.text_first > db->range_count || name.keyed_count > db->range_count - name.keyed_first ||
        name.text_count > db->range_count - name.text_first)
        return err_set(err, ERR_FORMAT, 0, "vulnerability database: name %zu points outside its sections: damaged",
                       index);
    *ret_name = name;
    return 0;
}

int vuln_db_find(const struct vuln_db *db, struct span key, struct vuln_name *ret_name, struct err *err) {
    uint64_t hash = vuln_key_hash(key);
    size_t mask = db->slot_count - 1;
    /* One turn at most: a damaged table may have no free slot. */
    for (size_t step = 0; step < db->slot_count; step++) {
        size_t slot = ((size_t)hash + step) & mask;
        uint64_t held;
        memcpy(&held, db->section[VULN_SECTION_SLOT_HASH].data + slot * sizeof held, sizeof held);
        if (held == 0)
            return 0;
        if (held != hash)
            continue;
        struct vuln_name name;
        bool failed = false;
        uint32_t index = column_u32(db, VULN_SECTION_SLOT_NAME, slot, &failed);
        if (failed || vuln_db_name(db, index, &name, err) < 0)
            return -1;
        if (span_equal(name.key, key)) {
            *ret_name = name;
            return 1;
        }
    }
    return 0;
}

bool vuln_db_range(const struct vuln_db *db, size_t index, struct vuln_range *ret_range) {
    if (index >= db->range_count)
        return false;
    bool failed = false;
    struct vuln_range range = {.flags = db->section[VULN_SECTION_FLAGS].data[index]};
    range.entry = column_u32(db, VULN_SECTION_ENTRY_INDEX, index, &failed);
    range.lower_key = key_bytes(db, column_u32(db, VULN_SECTION_LOWER_KEY, index, &failed), &failed);
    range.upper_key = key_bytes(db, column_u32(db, VULN_SECTION_UPPER_KEY, index, &failed), &failed);
    range.lower_text = vuln_db_text(db, column_u32(db, VULN_SECTION_LOWER_TEXT, index, &failed));
    range.upper_text = vuln_db_text(db, column_u32(db, VULN_SECTION_UPPER_TEXT, index, &failed));
    if (!failed)
        *ret_range = range;
    return !failed;
}

bool vuln_db_entry(const struct vuln_db *db, size_t index, struct vuln_entry *ret_entry) {
    struct reader r = element_reader(db, VULN_SECTION_ENTRY, index);
    struct vuln_entry entry = {.advisory = read_le32(&r)};
    entry.vector = read_le32(&r);
    entry.score10 = read_le16(&r);
    entry.severity = read_u8(&r);
    entry.status = read_u8(&r);
    entry.flags = read_u8(&r);
    if (!r.failed)
        *ret_entry = entry;
    return !r.failed;
}

bool vuln_db_advisory(const struct vuln_db *db, size_t index, struct vuln_advisory *ret_advisory) {
    struct reader r = element_reader(db, VULN_SECTION_ADVISORY, index);
    struct vuln_advisory advisory = {.id = read_le32(&r)};
    advisory.summary = read_le32(&r);
    advisory.source = read_le32(&r);
    advisory.aliases = read_le32(&r);
    advisory.upstream = read_le32(&r);
    advisory.group = read_le32(&r);
    advisory.epss = read_le32(&r);
    advisory.epss_percentile = read_le32(&r);
    advisory.published_utc_s = (int64_t)read_le64(&r);
    advisory.modified_utc_s = (int64_t)read_le64(&r);
    advisory.flags = read_u8(&r);
    if (!r.failed)
        *ret_advisory = advisory;
    return !r.failed;
}
