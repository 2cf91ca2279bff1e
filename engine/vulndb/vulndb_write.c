/* Lays the database out. Everything is put in an order that its content gives (names and ids by their bytes, ranges by
 * advisory and keys), then written in one walk, texts and keys at their first use: equal input makes equal files. */
#include "base/hash/xxh.h"
#include "base/text.h"
#include "engine/vulndb/vulndb_build.h"
#include "matchers/vuln/vuln_ecosystem.h"

/* `rank` arrays turn texts into numbers once, so that sorting rows compares numbers only. */
struct layout {
    struct vulndb *build;
    uint32_t *text_rank; /* by text number: place among all texts in byte order */
    uint32_t *key_rank;
    uint32_t *advisory_order; /* live advisories in the file's order */
    uint32_t *advisory_place; /* by advisory number: place in the file, or VULN_NONE */
    uint32_t *advisory_group; /* by place */
    size_t advisory_count;
    uint32_t *entry_place; /* by entry number: place in the file, or VULN_NONE */
    uint32_t *text_offset; /* by text number: offset in the file's texts, or VULN_NONE */
    uint32_t *key_offset;
    uint32_t entry_count;
    struct buf section[VULN_SECTION_COUNT];
};

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "vulnerability database: out of memory"); }

static void cleanup_layout(struct layout *layout) {
    mem_free(layout->text_rank);
    mem_free(layout->key_rank);
    mem_free(layout->advisory_order);
    mem_free(layout->advisory_place);
    mem_free(layout->advisory_group);
    mem_free(layout->entry_place);
    mem_free(layout->text_offset);
    mem_free(layout->key_offset);
    for (size_t i = 0; i < VULN_SECTION_COUNT; i++)
        buf_release(&layout->section[i]);
}

/* --- ranks: qsort_r hands the context to the comparison --- */

static int text_order(const void *left, const void *right, void *context) {
    const struct intern *intern = context;
    return span_compare(intern->texts.data[*(const uint32_t *)left], intern->texts.data[*(const uint32_t *)right]);
}

static uint32_t *ranks_make(struct intern *intern) {
    size_t count = intern->texts.count;
    AUTO_FREE uint32_t *order = mem_array(count, sizeof *order);
    uint32_t *rank = mem_array(count, sizeof *rank);
    if (order == NULL || rank == NULL) {
        mem_free(rank);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, count, sizeof *order, text_order, intern);
    for (size_t i = 0; i < count; i++)
        rank[order[i]] = (uint32_t)i;
    return rank;
}

static int advisory_order(const void *left, const void *right, void *context) {
    const struct layout *layout = context;
    const struct build_advisory *a = &layout->build->advisories.data[*(const uint32_t *)left];
    const struct build_advisory *b = &layout->build->advisories.data[*(const uint32_t *)right];
    if (a->id != b->id)
        return layout->text_rank[a->id] < layout->text_rank[b->id] ? -1 : 1;
    if (a->ecosystem != b->ecosystem)
        return layout->text_rank[a->ecosystem] < layout->text_rank[b->ecosystem] ? -1 : 1;
    return 0;
}

static uint32_t *filled(size_t count, uint32_t value) {
    uint32_t *array = mem_array(count == 0 ? 1 : count, sizeof *array);
    for (size_t i = 0; array != NULL && i < count; i++)
        array[i] = value;
    return array;
}

static int order_make(struct layout *layout, struct err *err) {
    struct vulndb *build = layout->build;
    size_t count = build->advisories.count;
    layout->text_rank = ranks_make(&build->texts);
    layout->key_rank = ranks_make(&build->keys);
    layout->advisory_order = filled(count, 0);
    layout->advisory_place = filled(count, VULN_NONE);
    layout->advisory_group = filled(count, 0);
    layout->entry_place = filled(build->entries.count, VULN_NONE);
    layout->text_offset = filled(build->texts.texts.count, VULN_NONE);
    layout->key_offset = filled(build->keys.texts.count, VULN_NONE);
    if (layout->text_rank == NULL || layout->key_rank == NULL || layout->advisory_order == NULL ||
        layout->advisory_place == NULL || layout->advisory_group == NULL || layout->entry_place == NULL ||
        layout->text_offset == NULL || layout->key_offset == NULL)
        return nomem(err);
    for (size_t i = 0; i < count; i++) {
        if (!build->advisories.data[i].dead)
            layout->advisory_order[layout->advisory_count++] = (uint32_t)i;
    }
    qsort_r(layout->advisory_order, layout->advisory_count, sizeof *layout->advisory_order, advisory_order, layout);
    for (size_t i = 0; i < layout->advisory_count; i++)
        layout->advisory_place[layout->advisory_order[i]] = (uint32_t)i;
    return 0;
}

/* --- groups: advisories that name one another as aliases --- */

static uint32_t group_find(uint32_t *group, uint32_t place) {
    while (group[place] != place) {
        group[place] = group[group[place]]; /* halves the path */
        place = group[place];
    }
    return place;
}

static int groups_make(struct layout *layout, struct err *err) {
    struct vulndb *build = layout->build;
    uint32_t *group = layout->advisory_group;
    AUTO_FREE uint32_t *holder =
        filled(build->texts.texts.count, VULN_NONE); /* by text: the first advisory that bears it */
    if (holder == NULL)
        return nomem(err);
    for (uint32_t place = 0; place < layout->advisory_count; place++) {
        const struct build_advisory *advisory = &build->advisories.data[layout->advisory_order[place]];
        group[place] = place;
        for (uint32_t i = 0; i <= (advisory->is_distro ? 0 : advisory->alias_count); i++) {
            uint32_t text = i == 0 ? advisory->id : advisory->aliases[i - 1];
            if (holder[text] == VULN_NONE) {
                holder[text] = place;
                continue;
            }
            uint32_t a = group_find(group, place);
            uint32_t b = group_find(group, holder[text]);
            group[a > b ? a : b] = a > b ? b : a; /* the smallest place is the root */
        }
    }
    for (uint32_t place = 0; place < layout->advisory_count; place++)
        group[place] = group_find(group, place);
    return 0;
}

/* --- KEV and EPSS --- */

static int score_order(const void *left, const void *right) {
    const struct build_score *a = left;
    const struct build_score *b = right;
    if (a->cve != b->cve)
        return a->cve < b->cve ? -1 : 1;
    if (a->epss != b->epss)
        return a->epss > b->epss ? -1 : 1; /* of several files' scores the highest comes first */
    return a->percentile > b->percentile ? -1 : a->percentile < b->percentile;
}

static int kev_order(const void *left, const void *right) {
    const struct build_kev *a = left;
    const struct build_kev *b = right;
    if (a->cve != b->cve)
        return a->cve < b->cve ? -1 : 1;
    return (int)b->ransomware - (int)a->ransomware;
}

/* The first of the sorted that is not below; `count` when all are. */
#define LOWER_BOUND(items, count, wanted)                                                                              \
    ({                                                                                                                 \
        size_t low_ = 0, high_ = (count);                                                                              \
        while (low_ < high_) {                                                                                         \
            size_t middle_ = low_ + (high_ - low_) / 2;                                                                \
            if ((items)[middle_].cve < (wanted))                                                                       \
                low_ = middle_ + 1;                                                                                    \
            else                                                                                                       \
                high_ = middle_;                                                                                       \
        }                                                                                                              \
        low_;                                                                                                          \
    })

static void cve_join(const struct vulndb *build, uint32_t text, struct vuln_advisory *out) {
    uint64_t cve;
    if (!cve_number(build->texts.texts.data[text], &cve))
        return;
    size_t at = LOWER_BOUND(build->kevs.data, build->kevs.count, cve);
    if (at < build->kevs.count && build->kevs.data[at].cve == cve)
        out->flags |= (uint8_t)(VULN_ADVISORY_KEV | (build->kevs.data[at].ransomware ? VULN_ADVISORY_RANSOMWARE : 0));
    at = LOWER_BOUND(build->scores.data, build->scores.count, cve);
    if (at < build->scores.count && build->scores.data[at].cve == cve &&
        (out->epss == VULN_NONE || build->scores.data[at].epss > out->epss)) {
        out->epss = build->scores.data[at].epss;
        out->epss_percentile = build->scores.data[at].percentile;
    }
}

/* --- texts, keys, lists --- */

static uint32_t text_write(struct layout *layout, uint32_t text) {
    struct buf *out = &layout->section[VULN_SECTION_TEXT];
    if (layout->text_offset[text] == VULN_NONE) {
        struct span bytes = layout->build->texts.texts.data[text];
        layout->text_offset[text] = (uint32_t)out->size;
        buf_le32(out, (uint32_t)bytes.size);
        buf_add(out, bytes);
    }
    return layout->text_offset[text];
}

static uint32_t key_write(struct layout *layout, uint32_t key) {
    struct buf *out = &layout->section[VULN_SECTION_KEY];
    if (layout->key_offset[key] == VULN_NONE) {
        struct span bytes = layout->build->keys.texts.data[key];
        layout->key_offset[key] = (uint32_t)out->size;
        buf_le16(out, (uint16_t)bytes.size);
        buf_add(out, bytes);
    }
    return layout->key_offset[key];
}

static uint32_t list_write(struct layout *layout, const uint32_t *texts, uint32_t count) {
    struct buf *out = &layout->section[VULN_SECTION_LIST];
    if (count == 0)
        return VULN_NONE;
    uint32_t offset = (uint32_t)(out->size / sizeof(uint32_t));
    buf_le32(out, count);
    for (uint32_t i = 0; i < count; i++)
        buf_le32(out, text_write(layout, texts[i]));
    return offset;
}

static void advisories_write(struct layout *layout) {
    struct vulndb *build = layout->build;
    struct buf *out = &layout->section[VULN_SECTION_ADVISORY];
    for (size_t place = 0; place < layout->advisory_count; place++) {
        const struct build_advisory *advisory = &build->advisories.data[layout->advisory_order[place]];
        struct vuln_advisory joined = {.epss = VULN_NONE, .epss_percentile = VULN_NONE, .flags = advisory->flags};
        cve_join(build, advisory->id, &joined);
        for (uint32_t i = 0; i < advisory->alias_count; i++)
            cve_join(build, advisory->aliases[i], &joined);
        for (uint32_t i = 0; i < advisory->upstream_count; i++)
            cve_join(build, advisory->upstream[i], &joined);
        buf_le32(out, text_write(layout, advisory->id));
        buf_le32(out, text_write(layout, advisory->summary));
        buf_le32(out, text_write(layout, advisory->source));
        buf_le32(out, list_write(layout, advisory->aliases, advisory->alias_count));
        buf_le32(out, list_write(layout, advisory->upstream, advisory->upstream_count));
        buf_le32(out, layout->advisory_group[place]);
        buf_le32(out, joined.epss);
        buf_le32(out, joined.epss_percentile);
        buf_le64(out, (uint64_t)advisory->published_utc_s);
        buf_le64(out, (uint64_t)advisory->modified_utc_s);
        buf_byte(out, joined.flags);
        buf_fill(out, 0, 15);
    }
}

/* --- ranges --- */

static int rank_order(const uint32_t *rank, uint32_t a, uint32_t b) {
    return rank[a] < rank[b] ? -1 : rank[a] > rank[b];
}

/* By what they say: their numbers depend on the order of documents. */
static int entry_order(const struct layout *layout, const struct build_entry *a, const struct build_entry *b) {
    if (a->status != b->status)
        return (int)a->status - (int)b->status;
    if (a->severity != b->severity)
        return (int)a->severity - (int)b->severity;
    if (a->score10 != b->score10)
        return (int)a->score10 - (int)b->score10;
    if (a->flags != b->flags)
        return (int)a->flags - (int)b->flags;
    return rank_order(layout->text_rank, a->vector, b->vector);
}

static int row_order(const void *left, const void *right, void *context) {
    const struct layout *layout = context;
    const struct build_row *a = left;
    const struct build_row *b = right;
    const struct build_entry *entries = layout->build->entries.data;
    int order = rank_order(layout->text_rank, a->package, b->package);
    if (order == 0)
        order = (int)a->text_space - (int)b->text_space;
    if (order == 0)
        order = rank_order(layout->advisory_place, entries[a->entry].advisory, entries[b->entry].advisory);
    /* Unbounded below comes first; its key is empty, which is the lowest. */
    if (order == 0)
        order = rank_order(layout->key_rank, a->lower_key, b->lower_key);
    if (order == 0)
        order = rank_order(layout->key_rank, a->upper_key, b->upper_key);
    if (order == 0)
        order = (int)a->flags - (int)b->flags;
    if (order == 0)
        order = rank_order(layout->text_rank, a->lower_text, b->lower_text);
    if (order == 0)
        order = rank_order(layout->text_rank, a->upper_text, b->upper_text);
    if (order == 0)
        order = entry_order(layout, &entries[a->entry], &entries[b->entry]);
    return order != 0 ? order : a->entry < b->entry ? -1 : a->entry > b->entry;
}

static bool row_same(const struct build_row *a, const struct build_row *b) {
    return a->package == b->package && a->entry == b->entry && a->lower_key == b->lower_key &&
           a->upper_key == b->upper_key && a->lower_text == b->lower_text && a->upper_text == b->upper_text &&
           a->flags == b->flags && a->text_space == b->text_space;
}

static int denial_order(const void *left, const void *right) {
    const struct build_denial *a = left;
    const struct build_denial *b = right;
    if (a->package != b->package)
        return a->package < b->package ? -1 : 1;
    return a->cve < b->cve ? -1 : a->cve > b->cve;
}

/* Whether the vendor says of this package that it has none of the CVEs of the row's advisory. */
static bool row_is_denied(const struct vulndb *build, const struct build_row *row) {
    const struct build_advisory *advisory = &build->advisories.data[build->entries.data[row->entry].advisory];
    size_t denied = 0;
    if (build->denials.count == 0)
        return false;
    for (uint32_t i = 0; i < 1 + advisory->alias_count + advisory->upstream_count; i++) {
        struct build_denial wanted = {.package = row->package};
        uint32_t text = i == 0                       ? advisory->id
                        : i <= advisory->alias_count ? advisory->aliases[i - 1]
                                                     : advisory->upstream[i - 1 - advisory->alias_count];
        if (!cve_number(build->texts.texts.data[text], &wanted.cve))
            continue;
        if (bsearch(&wanted, build->denials.data, build->denials.count, sizeof wanted, denial_order) == NULL)
            return false;
        denied++;
    }
    return denied > 0;
}

/* Drops the rows of dead advisories, those that the vendor denies, and doubles. */
static void rows_settle(struct layout *layout) {
    struct vulndb *build = layout->build;
    size_t kept = 0;
    if (build->denials.count > 1)
        qsort(build->denials.data, build->denials.count, sizeof *build->denials.data, denial_order);
    for (size_t i = 0; i < build->rows.count; i++) {
        const struct build_row *row = &build->rows.data[i];
        bool dead = build->advisories.data[build->entries.data[row->entry].advisory].dead;
        bool denied = !dead && row_is_denied(build, row);
        build->summary.not_affected += denied;
        if (!dead && !denied)
            build->rows.data[kept++] = *row;
    }
    build->rows.count = kept;
    if (kept == 0)
        return;
    qsort_r(build->rows.data, kept, sizeof *build->rows.data, row_order, layout);
    kept = 1;
    for (size_t i = 1; i < build->rows.count; i++) {
        if (!row_same(&build->rows.data[i], &build->rows.data[kept - 1]))
            build->rows.data[kept++] = build->rows.data[i];
    }
    build->rows.count = kept;
}

static uint32_t entry_write(struct layout *layout, uint32_t number) {
    const struct build_entry *entry = &layout->build->entries.data[number];
    struct buf *out = &layout->section[VULN_SECTION_ENTRY];
    if (layout->entry_place[number] == VULN_NONE) {
        layout->entry_place[number] = layout->entry_count++;
        buf_le32(out, layout->advisory_place[entry->advisory]);
        buf_le32(out, text_write(layout, entry->vector));
        buf_le16(out, entry->score10);
        buf_byte(out, entry->severity);
        buf_byte(out, entry->status);
        buf_byte(out, entry->flags);
        buf_fill(out, 0, 3);
    }
    return layout->entry_place[number];
}

/* The bytes that all bounds of a run begin with; `*ret_key` is one of them. */
static size_t common_bytes(const struct layout *layout, const struct build_row *rows, size_t count, uint32_t *ret_key) {
    const struct span *keys = layout->build->keys.texts.data;
    struct span common = {NULL, 0};
    bool any = false;
    *ret_key = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bounds[2] = {rows[i].lower_key, rows[i].upper_key};
        bool absent[2] = {(rows[i].flags & VULN_RANGE_NO_LOWER) != 0, (rows[i].flags & VULN_RANGE_NO_UPPER) != 0};
        for (size_t k = 0; k < 2; k++) {
            struct span key = keys[bounds[k]];
            size_t same = 0;
            if (absent[k] || (rows[i].flags & VULN_RANGE_BY_TEXT))
                continue;
            while (any && same < common.size && same < key.size && common.data[same] == key.data[same])
                same++;
            common = span_make(key.data, any ? same : key.size);
            *ret_key = bounds[k];
            any = true;
        }
    }
    return common.size;
}

static void row_write(struct layout *layout, const struct build_row *row, size_t skip) {
    const struct span *keys = layout->build->keys.texts.data;
    bool no_lower = (row->flags & (VULN_RANGE_NO_LOWER | VULN_RANGE_BY_TEXT)) != 0;
    bool no_upper = (row->flags & (VULN_RANGE_NO_UPPER | VULN_RANGE_BY_TEXT)) != 0;
    buf_le64(&layout->section[VULN_SECTION_LOWER], no_lower ? 0 : vuln_key_prefix(keys[row->lower_key], skip));
    buf_le64(&layout->section[VULN_SECTION_UPPER], no_upper ? UINT64_MAX : vuln_key_prefix(keys[row->upper_key], skip));
    buf_byte(&layout->section[VULN_SECTION_FLAGS], row->flags);
    buf_le32(&layout->section[VULN_SECTION_ENTRY_INDEX], entry_write(layout, row->entry));
    buf_le32(&layout->section[VULN_SECTION_LOWER_KEY], key_write(layout, row->lower_key));
    buf_le32(&layout->section[VULN_SECTION_UPPER_KEY], key_write(layout, row->upper_key));
    buf_le32(&layout->section[VULN_SECTION_LOWER_TEXT], text_write(layout, row->lower_text));
    buf_le32(&layout->section[VULN_SECTION_UPPER_TEXT], text_write(layout, row->upper_text));
}

static bool name_write(struct layout *layout, size_t first, size_t keyed, size_t count) {
    struct vulndb *build = layout->build;
    struct buf *out = &layout->section[VULN_SECTION_NAME];
    const struct build_row *rows = &build->rows.data[first];
    struct span ecosystem = build->texts.texts.data[rows[0].package];
    enum version_scheme scheme;
    uint32_t scheme_text = 0;
    uint32_t common_key;
    ecosystem = text_cut(&ecosystem, 0);
    if (vuln_ecosystem_scheme(ecosystem, &scheme) &&
        !intern_put(&build->texts, span_text(version_scheme_name(scheme)), &scheme_text))
        return false;
    size_t common = common_bytes(layout, rows, keyed, &common_key);
    buf_le32(out, text_write(layout, rows[0].package));
    buf_le32(out, text_write(layout, scheme_text));
    buf_le32(out, (uint32_t)first);
    buf_le32(out, (uint32_t)keyed);
    buf_le32(out, (uint32_t)(first + keyed));
    buf_le32(out, (uint32_t)(count - keyed));
    buf_le32(out, key_write(layout, common_key));
    buf_le32(out, (uint32_t)common);
    for (size_t i = 0; i < count; i++)
        row_write(layout, &rows[i], i < keyed ? common : 0);
    return true;
}

static int names_write(struct layout *layout, struct err *err) {
    struct vulndb *build = layout->build;
    for (size_t first = 0, next; first < build->rows.count; first = next) {
        size_t keyed = 0;
        for (next = first;
             next < build->rows.count && build->rows.data[next].package == build->rows.data[first].package; next++)
            keyed += !build->rows.data[next].text_space;
        if (!name_write(layout, first, keyed, next - first))
            return nomem(err);
        build->summary.packages++;
    }
    return 0;
}

/* Half full at most, so that a name that is not there costs one or two looks. */
static int slots_write(struct layout *layout, struct err *err) {
    size_t names = layout->section[VULN_SECTION_NAME].size / VULN_NAME_SIZE;
    size_t count = 16;
    while (count < names * 2)
        count *= 2;
    AUTO_FREE uint64_t *hashes = mem_array(count, sizeof *hashes);
    AUTO_FREE uint32_t *indices = mem_array(count, sizeof *indices);
    if (hashes == NULL || indices == NULL)
        return nomem(err);
    uint32_t index = 0;
    const struct build_row *rows = layout->build->rows.data;
    for (size_t i = 0; i < layout->build->rows.count; i++) {
        if (i > 0 && rows[i].package == rows[i - 1].package)
            continue;
        uint64_t hash = vuln_key_hash(layout->build->texts.texts.data[rows[i].package]);
        size_t slot = (size_t)hash & (count - 1);
        while (hashes[slot] != 0)
            slot = (slot + 1) & (count - 1);
        hashes[slot] = hash;
        indices[slot] = index++;
    }
    for (size_t i = 0; i < count; i++) {
        buf_le64(&layout->section[VULN_SECTION_SLOT_HASH], hashes[i]);
        buf_le32(&layout->section[VULN_SECTION_SLOT_NAME], indices[i]);
    }
    return 0;
}

static int file_write(struct layout *layout, struct buf *out, struct err *err) {
    static const uint32_t elements[VULN_SECTION_COUNT] = {
        8, 4, VULN_NAME_SIZE, 8, 8, 1, 4, 4, 4, 4, 4, VULN_ENTRY_SIZE, VULN_ADVISORY_SIZE, 4, 1, 1};
    AUTO_BUF
    struct buf table;
    uint64_t offset = VULN_HEADER_SIZE + VULN_SECTION_COUNT * VULN_SECTION_ENTRY_SIZE;
    uint64_t size = offset;
    int64_t data_time = layout->build->summary.data_time_utc_s;
    buf_init(&table, 0);
    for (size_t i = 0; i < VULN_SECTION_COUNT; i++) {
        const struct buf *section = &layout->section[i];
        if (section->failed)
            return nomem(err);
        if (section->size > UINT32_MAX)
            return err_set(err, ERR_LIMIT, 0, "vulnerability database: section %zu is larger than 4 GiB", i);
        offset = (size + VULN_SECTION_ALIGN - 1) & ~(uint64_t)(VULN_SECTION_ALIGN - 1);
        buf_le32(&table, (uint32_t)i);
        buf_le32(&table, elements[i]);
        buf_le64(&table, offset);
        buf_le64(&table, section->size);
        buf_le64(&table, xxh64_file(buf_span(section), 0));
        size = offset + section->size;
    }
    if (table.failed)
        return nomem(err);
    buf_text(out, VULN_MAGIC);
    buf_le32(out, VULN_FORMAT_VERSION);
    buf_le32(out, VULN_BYTE_ORDER);
    buf_le64(out, size);
    buf_le32(out, VULN_SECTION_COUNT);
    buf_le32(out, 0);
    buf_le64(out, (uint64_t)data_time);
    buf_le64(out, xxh64_file(buf_span(&table), size ^ (uint64_t)data_time));
    buf_fill(out, 0, VULN_HEADER_SIZE - 48);
    buf_add(out, buf_span(&table));
    for (size_t i = 0; i < VULN_SECTION_COUNT; i++) {
        buf_fill(out, 0, (VULN_SECTION_ALIGN - out->size % VULN_SECTION_ALIGN) % VULN_SECTION_ALIGN);
        buf_add(out, buf_span(&layout->section[i]));
    }
    return out->failed ? nomem(err) : 0;
}

/* Scheme names are texts of the file too, and must be known before the offsets' table is made. */
static bool schemes_intern(struct vulndb *build) {
    for (size_t i = 0; i < VERSION_SCHEME_COUNT; i++) {
        uint32_t number;
        if (!intern_put(&build->texts, span_text(version_scheme_name((enum version_scheme)i)), &number))
            return false;
    }
    return true;
}

int vulndb_finish(struct vulndb *build, struct buf *bytes, struct err *err) {
    AUTO(cleanup_layout) struct layout layout = {.build = build};
    assert(bytes->size == 0);
    if (!schemes_intern(build))
        return nomem(err);
    if (build->scores.count > 0)
        qsort(build->scores.data, build->scores.count, sizeof *build->scores.data, score_order);
    if (build->kevs.count > 0)
        qsort(build->kevs.data, build->kevs.count, sizeof *build->kevs.data, kev_order);
    if (order_make(&layout, err) < 0 || groups_make(&layout, err) < 0)
        return -1;
    rows_settle(&layout);
    (void)text_write(&layout, 0); /* offset 0 is the empty one, in both */
    (void)key_write(&layout, 0);
    advisories_write(&layout);
    if (names_write(&layout, err) < 0 || slots_write(&layout, err) < 0)
        return -1;
    build->summary.advisories = layout.advisory_count;
    build->summary.ranges = build->rows.count;
    return file_write(&layout, bytes, err);
}
