#include "engine/image/layer_pack.h"

#include "base/overflow.h"

/* ---- parts ---- */

void text_pack(struct span text, struct buf *buf) {
    buf_le32(buf, (uint32_t)text.size);
    buf_add(buf, text);
}

/* An empty text is not a missing one: `data` is never NULL. */
struct span text_unpack(struct reader *reader) {
    struct span text = read_bytes(reader, read_le32(reader));
    return text.data == NULL ? span_text("") : text;
}

void digest_pack(const struct digest *digest, struct buf *buf) {
    buf_byte(buf, (uint8_t)digest->algorithm);
    buf_add(buf, span_make(digest->bytes, digest_size(digest->algorithm)));
}

bool digest_unpack(struct reader *reader, struct digest *ret_digest) {
    uint8_t algorithm = read_u8(reader);
    *ret_digest = (struct digest){.algorithm = DIGEST_NONE};
    if (reader->failed || algorithm >= DIGEST_ALGORITHM_COUNT)
        return false;
    ret_digest->algorithm = (enum digest_algorithm)algorithm;
    struct span bytes = read_bytes(reader, digest_size(ret_digest->algorithm));
    if (reader->failed)
        return false;
    if (bytes.size > 0)
        memcpy(ret_digest->bytes, bytes.data, bytes.size);
    return true;
}

static void f64_pack(double value, struct buf *buf) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    buf_le64(buf, bits);
}

static double f64_unpack(struct reader *reader) {
    uint64_t bits = read_le64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void secret_pack(const struct layer_secret *secret, struct buf *buf) {
    buf_le64(buf, secret->line);
    buf_le64(buf, secret->column);
    buf_le64(buf, secret->byte_offset);
    buf_le64(buf, secret->byte_length);
    buf_byte(buf, (uint8_t)secret->severity);
    f64_pack(secret->confidence, buf);
    text_pack(secret->path, buf);
    text_pack(secret->rule, buf);
    text_pack(secret->provider, buf);
    text_pack(secret->validated, buf);
    text_pack(secret->redacted, buf);
    text_pack(secret->fingerprint, buf);
    text_pack(secret->encoding, buf);
    text_pack(secret->evidence, buf);
}

bool secret_unpack(struct reader *reader, struct layer_secret *ret_secret) {
    struct layer_secret secret;
    secret.line = read_le64(reader);
    secret.column = read_le64(reader);
    secret.byte_offset = read_le64(reader);
    secret.byte_length = read_le64(reader);
    uint8_t severity = read_u8(reader);
    secret.confidence = f64_unpack(reader);
    secret.path = text_unpack(reader);
    secret.rule = text_unpack(reader);
    secret.provider = text_unpack(reader);
    secret.validated = text_unpack(reader);
    secret.redacted = text_unpack(reader);
    secret.fingerprint = text_unpack(reader);
    secret.encoding = text_unpack(reader);
    secret.evidence = text_unpack(reader);
    if (reader->failed || severity >= SEVERITY_COUNT)
        return false;
    secret.severity = (enum severity)severity;
    *ret_secret = secret;
    return true;
}

void package_pack(const struct package *package, struct buf *buf) {
    buf_byte(buf, (uint8_t)package->type);
    buf_byte(buf, (uint8_t)package->evidence);
    text_pack(package->name, buf);
    text_pack(package->version, buf);
    text_pack(package->architecture, buf);
    text_pack(package->source_name, buf);
    text_pack(package->source_version, buf);
    text_pack(package->licenses, buf);
    text_pack(package->path, buf);
}

bool package_unpack(struct reader *reader, struct package *ret_package) {
    uint8_t type = read_u8(reader);
    uint8_t evidence = read_u8(reader);
    struct package package;
    package.name = text_unpack(reader);
    package.version = text_unpack(reader);
    package.architecture = text_unpack(reader);
    package.source_name = text_unpack(reader);
    package.source_version = text_unpack(reader);
    package.licenses = text_unpack(reader);
    package.path = text_unpack(reader);
    if (reader->failed || type >= PACKAGE_TYPE_COUNT || evidence >= EVIDENCE_COUNT)
        return false;
    package.type = (enum package_type)type;
    package.evidence = (enum package_evidence)evidence;
    *ret_package = package;
    return true;
}

void distro_pack(const struct distro *distro, struct buf *buf) {
    text_pack(distro->id, buf);
    text_pack(distro->id_like, buf);
    text_pack(distro->version_id, buf);
    text_pack(distro->version_codename, buf);
    text_pack(distro->pretty_name, buf);
}

void distro_unpack(struct reader *reader, struct distro *ret_distro) {
    ret_distro->id = text_unpack(reader);
    ret_distro->id_like = text_unpack(reader);
    ret_distro->version_id = text_unpack(reader);
    ret_distro->version_codename = text_unpack(reader);
    ret_distro->pretty_name = text_unpack(reader);
}

/* ---- the whole ---- */

static void numbers_pack(const uint64_t *numbers, size_t count, struct buf *buf) {
    buf_le32(buf, (uint32_t)count);
    if (!buf_reserve(buf, count * sizeof *numbers))
        return;
    for (size_t i = 0; i < count; i++)
        buf_le64(buf, numbers[i]);
}

static void owner_pack(const struct layer_owner *owner, struct buf *buf) {
    buf_byte(buf, (uint8_t)owner->type);
    buf_byte(buf, (uint8_t)((owner->foreign ? 1 : 0) | (owner->proves ? 2 : 0)));
    buf_le32(buf, (uint32_t)owner->first);
    buf_le32(buf, (uint32_t)owner->count);
    text_pack(owner->path, buf);
    text_pack(owner->name, buf);
    text_pack(owner->architecture, buf);
}

void layer_pack(const struct layer_result *result, struct buf *buf) {
    digest_pack(&result->digest, buf);
    digest_pack(&result->diff_id, buf);
    text_pack(result->media_type, buf);
    buf_le64(buf, result->compressed_bytes);
    buf_le64(buf, result->unpacked_bytes);
    buf_le64(buf, result->file_count);
    buf_le64(buf, result->body_count);
    buf_le64(buf, result->body_seen_count);
    buf_le64(buf, result->scan_ms);
    buf_byte(buf, (uint8_t)result->status);
    buf_le32(buf, (uint32_t)result->errors.count);
    for (size_t i = 0; i < result->errors.count; i++) {
        const struct layer_error *error = &result->errors.data[i];
        buf_byte(buf, (uint8_t)error->stage);
        buf_byte(buf, (uint8_t)error->code);
        buf_byte(buf, error->has_offset);
        buf_le64(buf, error->byte_offset);
        text_pack(error->path, buf);
        text_pack(error->message, buf);
    }
    buf_le32(buf, (uint32_t)result->packages.count);
    for (size_t i = 0; i < result->packages.count; i++)
        package_pack(&result->packages.data[i], buf);
    buf_le32(buf, (uint32_t)result->secrets.count);
    for (size_t i = 0; i < result->secrets.count; i++)
        secret_pack(&result->secrets.data[i], buf);
    buf_le32(buf, (uint32_t)result->links.count);
    for (size_t i = 0; i < result->links.count; i++) {
        buf_byte(buf, result->links.data[i].is_hard);
        text_pack(result->links.data[i].path, buf);
        text_pack(result->links.data[i].target, buf);
    }
    buf_le32(buf, (uint32_t)result->releases.count);
    for (size_t i = 0; i < result->releases.count; i++) {
        text_pack(result->releases.data[i].path, buf);
        distro_pack(&result->releases.data[i].distro, buf);
    }
    buf_le32(buf, (uint32_t)result->owners.count);
    for (size_t i = 0; i < result->owners.count; i++)
        owner_pack(&result->owners.data[i], buf);
    numbers_pack(result->owned.data, result->owned.count, buf);
    numbers_pack(result->paths.data, result->paths.count, buf);
    numbers_pack(result->whiteouts.data, result->whiteouts.count, buf);
    numbers_pack(result->opaques.data, result->opaques.count, buf);
}

/* An owner whose files are not all among those that are owned is no owner: see contents_unpack(). */
static bool owner_unpack(struct reader *reader, struct layer_owner *ret_owner) {
    uint8_t type = read_u8(reader), flags = read_u8(reader);
    struct layer_owner owner = {.foreign = (flags & 1) != 0, .proves = (flags & 2) != 0};
    owner.first = read_le32(reader);
    owner.count = read_le32(reader);
    owner.path = text_unpack(reader);
    owner.name = text_unpack(reader);
    owner.architecture = text_unpack(reader);
    if (reader->failed || type >= PACKAGE_TYPE_COUNT || flags > 3)
        return false;
    owner.type = (enum package_type)type;
    *ret_owner = owner;
    return true;
}

/* A count of things of at least `item_bytes` each that the bytes left can hold; fails the reader where they cannot. */
static size_t count_unpack(struct reader *reader, size_t item_bytes) {
    size_t count = read_le32(reader);
    if (count > reader_left(reader) / item_bytes)
        reader->failed = true;
    return reader->failed ? 0 : count;
}

static bool error_unpack(struct reader *reader, struct layer_error *ret_error) {
    uint8_t stage = read_u8(reader);
    uint8_t code = read_u8(reader);
    struct layer_error error;
    error.has_offset = read_u8(reader) != 0;
    error.byte_offset = read_le64(reader);
    error.path = text_unpack(reader);
    error.message = text_unpack(reader);
    if (reader->failed || stage >= STAGE_COUNT || code >= ERR_CODE_COUNT)
        return false;
    error.stage = (enum stage)stage;
    error.code = (enum err_code)code;
    *ret_error = error;
    return true;
}

/* Room for all items, then each: `made` is an expression that fills `item` and says whether it could. */
#define UNPACK_ALL(reader, vec, item_bytes, item, made)                                                                \
    do {                                                                                                               \
        size_t count_ = count_unpack(reader, item_bytes);                                                              \
        if (!vec_reserve(vec, count_))                                                                                 \
            return false;                                                                                              \
        for (size_t i_ = 0; i_ < count_; i_++) {                                                                       \
            if (!(made))                                                                                               \
                (reader)->failed = true;                                                                               \
            (vec)->data[(vec)->count++] = item;                                                                        \
        }                                                                                                              \
    } while (0)

#define U64_ALL(reader, vec)                                                                                           \
    do {                                                                                                               \
        size_t count_ = count_unpack(reader, sizeof(uint64_t));                                                        \
        if (!vec_reserve(vec, count_))                                                                                 \
            return false;                                                                                              \
        for (; (vec)->count < count_; (vec)->count++)                                                                  \
            (vec)->data[(vec)->count] = read_le64(reader);                                                             \
    } while (0)

/* False when memory is short; everything else shows in the reader. */
static bool contents_unpack(struct reader *reader, struct layer_result *result) {
    struct package package = {0};
    struct layer_secret secret = {0};
    struct layer_error error = {0};
    struct layer_link link = {0};
    struct layer_release release = {0};
    struct layer_owner owner = {.first = 0};
    UNPACK_ALL(reader, &result->errors, 19, error, error_unpack(reader, &error));
    UNPACK_ALL(reader, &result->packages, 30, package, package_unpack(reader, &package));
    UNPACK_ALL(reader, &result->secrets, 73, secret, secret_unpack(reader, &secret));
    UNPACK_ALL(reader, &result->links, 9, link,
               (link.is_hard = read_u8(reader) != 0, link.path = text_unpack(reader), link.target = text_unpack(reader),
                !reader->failed));
    UNPACK_ALL(reader, &result->releases, 24, release,
               (release.path = text_unpack(reader), distro_unpack(reader, &release.distro), !reader->failed));
    UNPACK_ALL(reader, &result->owners, 22, owner, owner_unpack(reader, &owner));
    U64_ALL(reader, &result->owned);
    for (size_t i = 0; i < result->owners.count; i++) {
        const struct layer_owner *each = &result->owners.data[i];
        if (each->first > result->owned.count || each->count > result->owned.count - each->first)
            reader->failed = true;
    }
    U64_ALL(reader, &result->paths);
    U64_ALL(reader, &result->whiteouts);
    U64_ALL(reader, &result->opaques);
    return true;
}

static bool head_unpack(struct reader *reader, struct layer_result *result) {
    bool ok = digest_unpack(reader, &result->digest) && digest_unpack(reader, &result->diff_id);
    result->media_type = text_unpack(reader);
    result->compressed_bytes = read_le64(reader);
    result->unpacked_bytes = read_le64(reader);
    result->file_count = read_le64(reader);
    result->body_count = read_le64(reader);
    result->body_seen_count = read_le64(reader);
    result->scan_ms = read_le64(reader);
    uint8_t status = read_u8(reader);
    ok = ok && !reader->failed && status < SCAN_STATUS_COUNT;
    result->status = ok ? (enum scan_status)status : SCAN_FAILED;
    return ok;
}

bool layer_unpack_summary(struct span bytes, struct layer_summary *ret_summary, struct digest *ret_diff_id) {
    struct reader reader = reader_init(bytes);
    struct layer_result result = {0};
    struct layer_error error = {.message = {NULL, 0}};
    bool ok = head_unpack(&reader, &result);
    if (ok && count_unpack(&reader, 19) > 0)
        ok = error_unpack(&reader, &error);
    *ret_diff_id = result.diff_id;
    *ret_summary = (struct layer_summary){result.status, result.compressed_bytes, result.unpacked_bytes, error.message};
    return ok && !reader.failed;
}

int layer_unpack(struct span bytes, struct layer_result **ret_result, struct err *err) {
    struct digest none = {.algorithm = DIGEST_NONE};
    struct layer_result *result = layer_result_new(&none);
    struct span copy = result == NULL ? (struct span){NULL, 0} : arena_copy(&result->arena, bytes);
    if (copy.data == NULL) {
        layer_result_free(result);
        return err_set(err, ERR_NOMEM, 0, "layer result: out of memory");
    }
    struct reader reader = reader_init(copy);
    bool ok = head_unpack(&reader, result);
    bool memory = contents_unpack(&reader, result);
    if (!ok || !memory || reader.failed || reader_left(&reader) > 0) {
        layer_result_free(result);
        return memory ? err_set(err, ERR_FORMAT, 0, "layer result: expected it to end at byte %zu, found %zu bytes",
                                reader.offset, bytes.size)
                      : err_set(err, ERR_NOMEM, 0, "layer result: out of memory");
    }
    *ret_result = result;
    return 0;
}
