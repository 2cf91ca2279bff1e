/* Compiled databases as bytes, so that the next run need not compile them.
 *
 * offset  size  what
 *      0     8  "TRWLHSDB"
 *      8    16  identity: of literals, expressions, Hyperscan's version and the processor (secret_databases_identify())
 *     24    16  hash of everything from 40 on
 *     40     8  bytes of the database of literals; 0: there is none
 *     48     8  bytes of the database of shapes
 *     56        both, as hs_serialize_database() makes them; little-endian
 *
 * The bytes come from a disk: what is not of this identity or not whole is not used, and Hyperscan checks its own part
 * again. They are no place for bytes of strangers, which is the caller's to see to. */
#include "base/hash/xxh.h"
#include "base/overflow.h"
#include "base/reader.h"
#include "matchers/secret/secret_internal.h"

#define MAGIC "TRWLHSDB"
#define HEAD_BYTES ((size_t)40)

static const struct hash_key no_key; /* against damage, not against malice */

static void identity_add(struct body_hash *hash, uint64_t kind, struct span text) {
    uint64_t head[2] = {kind, text.size};
    body_hash_add(hash, span_make(head, sizeof head));
    body_hash_add(hash, text);
}

int secret_databases_identify(struct secret_engine *engine, struct err *err) {
    hs_platform_info_t platform = {0};
    struct body_hash *hash = body_hash_new(&no_key);
    if (hash == NULL || hs_populate_platform(&platform) != HS_SUCCESS) {
        body_hash_free(hash);
        return err_set(err, ERR_NOMEM, 0, "secret engine: no memory");
    }
    body_hash_begin(hash);
    identity_add(hash, 0, span_text(hs_version()));
    identity_add(hash, platform.tune, span_make(&platform.cpu_features, sizeof platform.cpu_features));
    for (size_t i = 0; i < engine->literals.count; i++) {
        const struct ready_literal *literal = &engine->literals.data[i];
        bool is_shape = literal->text.size == 0;
        identity_add(hash,
                     is_shape          ? 3
                     : literal->nocase ? 2
                                       : 1,
                     is_shape ? engine->rules[literal->rules.data[0]].expression : literal->text);
    }
    engine->identity = body_hash_end(hash);
    body_hash_free(hash);
    return 0;
}

bool secret_engine_is_saved(const struct secret_engine *engine) { return engine->was_saved; }

struct saved {
    struct span identity, literals, shapes;
};

static bool saved_read(struct span bytes, struct saved *ret_saved) {
    struct reader r = reader_init(bytes);
    struct span magic = read_bytes(&r, sizeof MAGIC - 1);
    struct span identity = read_bytes(&r, sizeof(struct hash128));
    struct span checksum = read_bytes(&r, sizeof(struct hash128));
    struct hash128 found = body_hash_once(&no_key, span_from(bytes, size_min(HEAD_BYTES, bytes.size)));
    uint64_t literals_bytes = read_le64(&r), shapes_bytes = read_le64(&r);
    if (r.failed || !span_is(magic, MAGIC) || !span_equal(checksum, span_make(&found, sizeof found)) ||
        literals_bytes > bytes.size || shapes_bytes > bytes.size)
        return false;
    *ret_saved = (struct saved){identity, read_bytes(&r, (size_t)literals_bytes), read_bytes(&r, (size_t)shapes_bytes)};
    return !r.failed && reader_left(&r) == 0;
}

bool secret_saved_is_whole(struct span saved) {
    struct saved parts;
    return saved_read(saved, &parts);
}

static bool deserialize(struct span bytes, hs_database_t **ret_database) {
    return bytes.size == 0 || hs_deserialize_database((const char *)bytes.data, bytes.size, ret_database) == HS_SUCCESS;
}

bool secret_databases_load(struct secret_engine *engine, struct span saved) {
    struct saved parts;
    if (!saved_read(saved, &parts) ||
        !span_equal(parts.identity, span_make(&engine->identity, sizeof engine->identity)))
        return false;
    engine->was_saved =
        deserialize(parts.literals, &engine->literal_db) && deserialize(parts.shapes, &engine->shape_db);
    if (!engine->was_saved) {
        (void)hs_free_database(engine->literal_db); /* accepts NULL; nothing to do about a failure */
        engine->literal_db = NULL;
    }
    return engine->was_saved;
}

/* Both allocators of Hyperscan's are ours: see secret_engine_new(). */
static int serialize(const hs_database_t *database, char **ret_bytes, size_t *ret_size, struct err *err) {
    *ret_bytes = NULL;
    *ret_size = 0;
    if (database != NULL && hs_serialize_database(database, ret_bytes, ret_size) != HS_SUCCESS)
        return err_set(err, ERR_NOMEM, 0, "secret engine: no memory to save the databases");
    return 0;
}

int secret_engine_save(const struct secret_engine *engine, struct buf *out, struct err *err) {
    AUTO_FREE char *literals = NULL;
    AUTO_FREE char *shapes = NULL;
    size_t literals_size = 0, shapes_size = 0;
    if (serialize(engine->literal_db, &literals, &literals_size, err) < 0 ||
        serialize(engine->shape_db, &shapes, &shapes_size, err) < 0)
        return -1;
    size_t begin = out->size;
    struct hash128 checksum = {0, 0};
    buf_text(out, MAGIC);
    buf_add(out, span_make(&engine->identity, sizeof engine->identity));
    buf_add(out, span_make(&checksum, sizeof checksum));
    buf_le64(out, literals_size);
    buf_le64(out, shapes_size);
    buf_add(out, span_make(literals, literals_size));
    buf_add(out, span_make(shapes, shapes_size));
    if (out->failed)
        return err_set(err, ERR_NOMEM, 0, "secret engine: no memory to save the databases");
    checksum = body_hash_once(&no_key, span_from(span_from(buf_span(out), begin), HEAD_BYTES));
    memcpy(out->data + begin + HEAD_BYTES - sizeof checksum, &checksum, sizeof checksum);
    return 0;
}
