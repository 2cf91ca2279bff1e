#include "engine/vulndb/bundle.h"

#include "base/reader.h"
#include "base/text.h"
#include "matchers/vuln/vuln_db.h"

enum { TAR_BLOCK = 512 };

static const char database_name[] = "trawl.db";
static const char signature_name[] = "trawl.db.minisig";

/* A field of octal digits with a NUL behind; sizes beyond eight gigabytes do not fit one. */
static void octal_put(char *field, size_t size, uint64_t value) {
    char text[24];
    (void)snprintf(text, sizeof text, "%0*" PRIo64, (int)(size - 1), value);
    memcpy(field, text, size - 1);
}

/* One member of POSIX.1-1988's ustar: neither owner nor time, so that equal contents are equal bytes. */
static void member_add(struct buf *out, const char *name, struct span bytes) {
    char header[TAR_BLOCK] = {0};
    unsigned sum = 0;
    memcpy(header, name, strlen(name));
    octal_put(header + 100, 8, 0644);
    octal_put(header + 108, 8, 0);
    octal_put(header + 116, 8, 0);
    octal_put(header + 124, 12, bytes.size);
    octal_put(header + 136, 12, 0);
    memset(header + 148, ' ', 8);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof header; i++)
        sum += (uint8_t)header[i];
    octal_put(header + 148, 7, sum);
    header[154] = '\0';
    buf_add(out, span_make(header, sizeof header));
    buf_add(out, bytes);
    buf_fill(out, 0, (TAR_BLOCK - bytes.size % TAR_BLOCK) % TAR_BLOCK);
}

int bundle_make(struct span database, const struct signature_secret *secret, struct buf *out, struct err *err) {
    AUTO_BUF struct buf signature = {0};
    if (database.size >= UINT64_C(1) << 33)
        return err_set(err, ERR_LIMIT, 0, "bundle: a database of at most 8 GiB is expected, found %zu bytes",
                       database.size);
    if (signature_sign(secret, database, span_text("trawl vulnerability database"), &signature, err) < 0)
        return -1;
    member_add(out, signature_name, buf_span(&signature));
    member_add(out, database_name, database);
    buf_fill(out, 0, 2 * (size_t)TAR_BLOCK);
    return out->failed ? err_set(err, ERR_NOMEM, 0, "bundle: out of memory") : 0;
}

/* The next member; false at the end or where the archive is damaged (`r->failed`). */
static bool member_next(struct reader *r, struct span *ret_name, struct span *ret_bytes) {
    struct span header = read_bytes(r, TAR_BLOCK);
    uint64_t size = 0;
    if (r->failed || header.data == NULL || header.data[0] == 0)
        return false;
    struct span name = span_slice(header, 0, 100);
    struct span digits = span_slice(header, 124, 11);
    *ret_name = text_cut(&name, 0);
    if (!text_u64(digits, 8, UINT64_C(1) << 33, &size)) {
        r->failed = true;
        return false;
    }
    *ret_bytes = read_bytes(r, (size_t)size);
    (void)read_bytes(r, (TAR_BLOCK - (size_t)size % TAR_BLOCK) % TAR_BLOCK);
    return !r->failed;
}

int bundle_open(struct span bundle, const struct signature_public *public_key, struct span *ret_database,
                struct err *err) {
    struct reader r = reader_init(bundle);
    struct span name, bytes, database = {NULL, 0}, signature = {NULL, 0};
    while (member_next(&r, &name, &bytes)) {
        if (span_is(name, database_name))
            database = bytes;
        else if (span_is(name, signature_name))
            signature = bytes;
    }
    if (r.failed || database.data == NULL || signature.data == NULL)
        return err_set(err, ERR_FORMAT, 0, "bundle: an archive of %s and %s is expected, as trawl db export makes it%s",
                       database_name, signature_name, r.failed ? "; this one is cut off or damaged" : "");
    if (signature_verify(public_key, database, signature, err) < 0)
        return err_wrap(err, "bundle");
    *ret_database = database;
    return 0;
}
