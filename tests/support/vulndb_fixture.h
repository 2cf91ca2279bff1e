/* A database out of OSV documents in memory, and what it answers, for the tests. */
#ifndef TRAWL_VULNDB_FIXTURE_H
#define TRAWL_VULNDB_FIXTURE_H

#include "base/buf.h"
#include "engine/vulndb/vulndb.h"
#include "matchers/vuln/vuln_match.h"

struct vulndb_fixture {
    struct buf bytes;
    struct vulndb_summary summary;
    struct vuln_db db;
};

/* Builds and opens; asserts that both work. `documents` are given to vulndb_add_document() in order. */
void vulndb_fixture_make(struct vulndb_fixture *fixture, const char *const *documents, size_t count);
void vulndb_fixture_release(struct vulndb_fixture *fixture);

/* The ids that apply, joined with spaces, or "error: …"; into `out` of `out_size` bytes, which is returned. */
const char *vulndb_fixture_ids(const struct vuln_db *db, const char *ecosystem, const char *name, const char *version,
                               bool plain, char *out, size_t out_size);

/* The one match, which borrows the database; asserts that there is exactly one. */
struct vuln_match vulndb_fixture_one(const struct vuln_db *db, const char *ecosystem, const char *name,
                                     const char *version);

#endif
