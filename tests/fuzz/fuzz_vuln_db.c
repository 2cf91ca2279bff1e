/* A database file of hostile bytes: opened, looked up, matched. Half of the inputs get a right checksum put in, so that
 * what lies behind it is reached. */
#include "base/hash/xxh.h"
#include "base/overflow.h"
#include "matchers/vuln/vuln_ecosystem.h"
#include "matchers/vuln/vuln_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ignore_match(void *context, const struct vuln_match *match, struct err *err) {
    (void)err;
    for (size_t i = 0; i < match->aliases.count && i < 64; i++)
        *(size_t *)context += vuln_list_get(&match->aliases, i).size;
    return 0;
}

/* Size and checksum of the header made to fit the bytes. */
static void header_repair(uint8_t *bytes, size_t size) {
    size_t table = VULN_SECTION_COUNT * VULN_SECTION_ENTRY_SIZE;
    if (size < VULN_HEADER_SIZE + table)
        return;
    uint64_t total = size;
    uint64_t time;
    memcpy(bytes + 16, &total, sizeof total);
    memcpy(&time, bytes + 32, sizeof time);
    uint64_t checksum = xxh64_file(span_make(bytes + VULN_HEADER_SIZE, table), total ^ time);
    memcpy(bytes + 40, &checksum, sizeof checksum);
}

static void exercise(struct span bytes) {
    static const char *const queries[][3] = {{"npm", "left", "1.1.0"},
                                             {"npm", "left", "not a version"},
                                             {"PyPI", "under_score", "1.0"},
                                             {"Debian:12", "x", "1.0-1"}};
    struct vuln_db db;
    struct err err = {0};
    size_t sum = 0;
    if (vuln_db_open(bytes, cpu_level_best(), &db, &err) < 0)
        return;
    (void)vuln_db_verify(&db, &err);
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        struct vuln_query query = {span_text(queries[i][0]), span_text(queries[i][1]), span_text(queries[i][2]),
                                   i % 2 == 0};
        (void)vuln_match(&db, &query, ignore_match, &sum, &err);
    }
    for (size_t i = 0; i < size_min(db.name_count, 64); i++) {
        struct vuln_name name;
        if (vuln_db_name(&db, i, &name, &err) < 0)
            continue;
        size_t zero = span_index(name.key, 0, 0);
        if (zero == SIZE_MAX)
            continue;
        struct vuln_query query = {span_slice(name.key, 0, zero), span_from(name.key, zero + 1), span_text("1.0.0"),
                                   false};
        (void)vuln_match(&db, &query, ignore_match, &sum, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = mem_alloc(size + 1); /* aligned, which the input need not be */
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    exercise(span_make(copy, size));
    header_repair(copy, size);
    exercise(span_make(copy, size));
    mem_free(copy);
    return 0;
}
