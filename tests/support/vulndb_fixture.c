#include "tests/support/vulndb_fixture.h"

void vulndb_fixture_make(struct vulndb_fixture *fixture, const char *const *documents, size_t count) {
    AUTO_VULNDB struct vulndb *build = NULL;
    struct err err = {0};
    int result = vulndb_new(&build, &err);
    assert(result == 0);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "document %zu", i);
        result = vulndb_add_document(build, name, span_text(documents[i]), &err);
        assert(result == 0);
    }
    buf_init(&fixture->bytes, 0);
    result = vulndb_finish(build, &fixture->bytes, &err);
    assert(result == 0);
    fixture->summary = *vulndb_summary(build);
    result = vuln_db_open(buf_span(&fixture->bytes), CPU_SCALAR, &fixture->db, &err);
    assert(result == 0);
    (void)result;
}

void vulndb_fixture_release(struct vulndb_fixture *fixture) { buf_release(&fixture->bytes); }

static int id_add(void *context, const struct vuln_match *match, struct err *err) {
    struct buf *ids = context;
    (void)err;
    if (ids->size > 0)
        buf_byte(ids, ' ');
    buf_add(ids, match->id);
    return 0;
}

const char *vulndb_fixture_ids(const struct vuln_db *db, const char *ecosystem, const char *name, const char *version,
                               bool plain, char *out, size_t out_size) {
    AUTO_BUF
    struct buf ids;
    struct err err = {0};
    struct vuln_query query = {span_text(ecosystem), span_text(name), span_text(version), plain};
    buf_init(&ids, 0);
    if (vuln_match(db, &query, id_add, &ids, &err) < 0)
        (void)snprintf(out, out_size, "error: %s", err.text);
    else
        (void)snprintf(out, out_size, "%.*s", SPAN_FORMAT(buf_span(&ids)));
    return out;
}

struct one {
    struct vuln_match match;
    size_t count;
};

static int one_keep(void *context, const struct vuln_match *match, struct err *err) {
    struct one *one = context;
    (void)err;
    one->match = *match;
    one->count++;
    return 0;
}

struct vuln_match vulndb_fixture_one(const struct vuln_db *db, const char *ecosystem, const char *name,
                                     const char *version) {
    struct one one = {0};
    struct err err = {0};
    struct vuln_query query = {span_text(ecosystem), span_text(name), span_text(version), true};
    int result = vuln_match(db, &query, one_keep, &one, &err);
    assert(result == 0 && one.count == 1);
    (void)result;
    return one.match;
}
