#include "matchers/vuln/vuln_dissent.h"

#include "base/vec.h"
#include "matchers/vuln/vuln_ecosystem.h"

struct members {
    uint32_t *data; /* advisories of the group that name the package, ascending */
    size_t count;
    size_t capacity;
};

static void cleanup_members(struct members *members) { vec_release(members); }

static int member_add(struct members *members, uint32_t advisory, struct err *err) {
    size_t place = 0;
    while (place < members->count && members->data[place] < advisory)
        place++;
    if (place < members->count && members->data[place] == advisory)
        return 0;
    if (!vec_push(members, advisory))
        return err_set(err, ERR_NOMEM, 0, "vulnerability matches: out of memory");
    memmove(&members->data[place + 1], &members->data[place], (members->count - 1 - place) * sizeof *members->data);
    members->data[place] = advisory;
    return 0;
}

static int run_collect(const struct vuln_db *db, size_t first, size_t count, uint32_t group, struct members *members,
                       struct err *err) {
    uint32_t before = VULN_NONE;
    for (size_t i = first; i < first + count; i++) {
        struct vuln_range range;
        struct vuln_entry entry;
        struct vuln_advisory advisory;
        if (!vuln_db_range(db, i, &range) || !vuln_db_entry(db, range.entry, &entry) ||
            !vuln_db_advisory(db, entry.advisory, &advisory))
            return err_set(err, ERR_FORMAT, 0, "vulnerability database: range %zu points outside its section: damaged",
                           i);
        if (advisory.group != group || entry.advisory == before || (advisory.flags & VULN_ADVISORY_INFORMATIONAL))
            continue;
        before = entry.advisory;
        if (member_add(members, entry.advisory, err) < 0)
            return -1;
    }
    return 0;
}

struct heard {
    const struct vuln_db *db;
    struct members *members;
};

/* Those that do hold the version are no dissenters. */
static int heard_remove(void *context, const struct vuln_match *match, struct err *err) {
    struct heard *heard = context;
    (void)err;
    for (size_t i = 0; i < heard->members->count; i++) {
        struct vuln_advisory advisory;
        if (!vuln_db_advisory(heard->db, heard->members->data[i], &advisory) ||
            !span_equal(vuln_db_text(heard->db, advisory.id), match->id))
            continue;
        heard->members->count--;
        memmove(&heard->members->data[i], &heard->members->data[i + 1],
                (heard->members->count - i) * sizeof *heard->members->data);
        break;
    }
    return 0;
}

int vuln_dissent(const struct vuln_db *db, const struct vuln_query *query, uint32_t group, vuln_dissent_emit_fn emit,
                 void *context, struct err *err) {
    AUTO_BUF
    struct buf key;
    AUTO(cleanup_members) struct members members = {0};
    struct vuln_name name;
    buf_init(&key, 0);
    vuln_package_key(query->ecosystem, query->name, &key);
    if (key.failed)
        return err_set(err, ERR_NOMEM, 0, "vulnerability query: out of memory");
    int found = vuln_db_find(db, buf_span(&key), &name, err);
    if (found <= 0)
        return found;
    if (run_collect(db, name.keyed_first, name.keyed_count, group, &members, err) < 0 ||
        run_collect(db, name.text_first, name.text_count, group, &members, err) < 0)
        return -1;
    if (members.count <= 1) /* the record that made it a finding */
        return 0;
    struct heard heard = {db, &members};
    if (vuln_match(db, query, heard_remove, &heard, err) < 0)
        return -1;
    for (size_t i = 0; i < members.count; i++) {
        struct vuln_advisory advisory;
        if (vuln_db_advisory(db, members.data[i], &advisory) &&
            emit(context, vuln_db_text(db, advisory.id), vuln_db_text(db, advisory.source), err) < 0)
            return -1;
    }
    return 0;
}
