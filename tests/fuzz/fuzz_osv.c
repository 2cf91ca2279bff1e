/* A feed of hostile bytes: document or archive, then the database made of it must open, verify and answer. */
#include "engine/vulndb/feed_archive.h"
#include "engine/vulndb/vulndb.h"
#include "matchers/vuln/vuln_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int document_add(void *context, const char *name, struct span bytes, struct err *err) {
    return vulndb_add_document(context, name, bytes, err);
}

static int ignore_match(void *context, const struct vuln_match *match, struct err *err) {
    (void)context;
    (void)match;
    (void)err;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_VULNDB struct vulndb *build = NULL;
    AUTO_BUF
    struct buf bytes;
    struct err err = {0};
    struct span input = span_make(data, size);
    struct vuln_db db;
    struct vuln_query query = {span_text("npm"), span_text("x"), span_text("1.0.0"), true};
    buf_init(&bytes, 0);
    if (vulndb_new(&build, &err) < 0)
        return 0;
    int result = feed_archive_is(input) ? feed_archive_walk("input", input, document_add, build, &err)
                                        : vulndb_add_document(build, "input", input, &err);
    if (result < 0 || vulndb_finish(build, &bytes, &err) < 0)
        return 0;
    result = vuln_db_open(buf_span(&bytes), cpu_level_best(), &db, &err);
    assert(result == 0);
    result = vuln_db_verify(&db, &err);
    assert(result == 0);
    result = vuln_match(&db, &query, ignore_match, NULL, &err);
    assert(result == 0);
    return 0;
}
