#include "engine/vulndb/vulndb_diff.h"

#include "base/buf.h"
#include "base/hash/xxh.h"

/* What a database says of one advisory, in a number that does not depend on where it is written. */
struct face {
    struct span id, summary, package;
    size_t package_count;
    uint64_t hash;
};

struct faces {
    struct face *data;
    size_t count;
};

static void cleanup_faces(struct faces *faces) { mem_free(faces->data); }

const char *vulndb_change_name(enum vulndb_change change) {
    static const char *const names[VULNDB_CHANGE_COUNT] = {"added", "changed", "removed"};
    return (unsigned)change < VULNDB_CHANGE_COUNT ? names[change] : "changed";
}

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "db diff: out of memory"); }

static void add_text(struct buf *out, struct span text) {
    buf_le32(out, (uint32_t)text.size);
    buf_add(out, text);
}

static void add_list(struct buf *out, struct vuln_list list) {
    buf_le32(out, (uint32_t)list.count);
    for (size_t i = 0; i < list.count; i++)
        add_text(out, vuln_list_get(&list, i));
}

static int advisory_face(const struct vuln_db *db, size_t index, bool scores, struct buf *scratch,
                         struct face *ret_face, struct err *err) {
    struct vuln_advisory advisory;
    if (!vuln_db_advisory(db, index, &advisory))
        return err_set(err, ERR_FORMAT, 0, "db diff: advisory %zu is out of bounds: damaged", index);
    buf_reset(scratch);
    add_text(scratch, vuln_db_text(db, advisory.summary));
    add_text(scratch, vuln_db_text(db, advisory.source));
    add_list(scratch, vuln_db_list(db, advisory.aliases));
    add_list(scratch, vuln_db_list(db, advisory.upstream));
    buf_byte(scratch, scores ? advisory.flags : (uint8_t)(advisory.flags & VULN_ADVISORY_INFORMATIONAL));
    if (scores)
        buf_le32(scratch, advisory.epss);
    if (scratch->failed)
        return nomem(err);
    *ret_face = (struct face){.id = vuln_db_text(db, advisory.id),
                              .summary = vuln_db_text(db, advisory.summary),
                              .hash = xxh64_file(buf_span(scratch), 0)};
    return 0;
}

/* One range of a package, added to its advisory's number: the order of ranges says nothing. */
static int range_face(const struct vuln_db *db, const struct vuln_name *name, size_t index, struct faces *faces,
                      struct buf *scratch, struct err *err) {
    struct vuln_range range;
    struct vuln_entry entry;
    if (!vuln_db_range(db, index, &range) || !vuln_db_entry(db, range.entry, &entry) || entry.advisory >= faces->count)
        return err_set(err, ERR_FORMAT, 0, "db diff: range %zu points outside its section: damaged", index);
    struct face *face = &faces->data[entry.advisory];
    buf_reset(scratch);
    add_text(scratch, name->key);
    add_text(scratch, range.lower_text);
    add_text(scratch, range.upper_text);
    add_text(scratch, vuln_db_text(db, entry.vector));
    buf_le16(scratch, entry.score10);
    buf_byte(scratch, entry.severity);
    buf_byte(scratch, entry.status);
    buf_byte(scratch, entry.flags);
    buf_byte(scratch, range.flags);
    if (scratch->failed)
        return nomem(err);
    face->hash += xxh64_file(buf_span(scratch), 1);
    if (!span_equal(face->package, name->key) || face->package_count == 0) {
        if (face->package_count++ == 0)
            face->package = name->key;
    }
    return 0;
}

static int faces_make(const struct vuln_db *db, bool scores, struct faces *ret_faces, struct err *err) {
    AUTO_BUF struct buf scratch = {0};
    struct faces faces = {mem_array(db->advisory_count + 1, sizeof(struct face)), db->advisory_count};
    *ret_faces = faces; /* the caller's to release, whatever comes */
    if (faces.data == NULL)
        return nomem(err);
    for (size_t i = 0; i < faces.count; i++) {
        if (advisory_face(db, i, scores, &scratch, &faces.data[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < db->name_count; i++) {
        struct vuln_name name;
        if (vuln_db_name(db, i, &name, err) < 0)
            return -1;
        for (size_t k = 0; k < name.keyed_count; k++) {
            if (range_face(db, &name, name.keyed_first + k, &faces, &scratch, err) < 0)
                return -1;
        }
        for (size_t k = 0; k < name.text_count; k++) {
            if (range_face(db, &name, name.text_first + k, &faces, &scratch, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int difference_tell(enum vulndb_change change, const struct face *face, vulndb_diff_fn each, void *context,
                           struct err *err) {
    struct vulndb_difference difference = {change, face->id, face->summary, face->package, face->package_count};
    return each(context, &difference, err);
}

int vulndb_diff(const struct vuln_db *old, const struct vuln_db *fresh, bool scores, vulndb_diff_fn each, void *context,
                struct err *err) {
    AUTO(cleanup_faces) struct faces before = {NULL, 0};
    AUTO(cleanup_faces) struct faces after = {NULL, 0};
    if (faces_make(old, scores, &before, err) < 0 || faces_make(fresh, scores, &after, err) < 0)
        return -1;
    size_t i = 0;
    size_t k = 0;
    int result = 0;
    /* Advisories are in the order of their ids. One id may stand for records of several worlds: they are in one order
     * in both, so that pairs are pairs. */
    while (result == 0 && (i < before.count || k < after.count)) {
        int order = i == before.count ? 1 : k == after.count ? -1 : span_compare(before.data[i].id, after.data[k].id);
        if (order < 0)
            result = difference_tell(VULNDB_REMOVED, &before.data[i++], each, context, err);
        else if (order > 0)
            result = difference_tell(VULNDB_ADDED, &after.data[k++], each, context, err);
        else {
            if (before.data[i].hash != after.data[k].hash)
                result = difference_tell(VULNDB_CHANGED, &after.data[k], each, context, err);
            i++;
            k++;
        }
    }
    return result;
}
