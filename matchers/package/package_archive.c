/* Packages of a distribution that lie about as files: .rpm and .deb. They are not installed, only there. What describes
 * them stands at their begin. Spec: rpm's manual, "Package format"; deb(5), deb-control(5). */
#include "base/limits.h"
#include "base/parse/unpack.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/rpmdb.h"
#include "matchers/package/stanza.h"

static const char *const paths[] = {"**/*.rpm", "**/*.deb", "**/*.udeb", NULL};

enum { LEAD_BYTES = 96, HEADER_BYTES = 16, AR_BYTES = 60, TAR_BYTES = 512 };

/* A lead, a header of signatures padded to eight bytes, then the header that a database keeps. */
static int parse_rpm(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    read_skip(&r, LEAD_BYTES);
    bool is_header = span_starts(read_bytes(&r, 8), "\x8e\xad\xe8");
    size_t size = (size_t)read_be32(&r) * HEADER_BYTES;
    size += read_be32(&r);
    read_skip(&r, size);
    read_skip(&r, (8 - size % 8) % 8);
    is_header = is_header && span_starts(read_bytes(&r, 8), "\x8e\xad\xe8");
    if (r.failed || !is_header)
        return err_set(err, ERR_FORMAT, 0, "an rpm file: expected two headers behind its lead");
    return rpm_header_package(run, span_from(run->body, r.offset), EVIDENCE_DECLARED, err);
}

/* A member's name or number: text that is padded with blanks. */
static struct span ar_field(struct reader *r, size_t size) { return text_trim(read_bytes(r, size)); }

/* The first member of an ar archive whose name begins so. */
static struct span ar_member(struct span archive, const char *prefix) {
    struct reader r = reader_init(span_from(archive, 8));
    while (reader_left(&r) >= AR_BYTES) {
        struct reader head = reader_init(read_bytes(&r, AR_BYTES));
        struct span name = ar_field(&head, 16);
        read_skip(&head, 32);
        uint64_t size;
        if (!text_u64(ar_field(&head, 10), 10, SIZE_MAX / 2, &size))
            break;
        if (span_starts(name, prefix))
            return read_bytes(&r, (size_t)size);
        read_skip(&r, (size_t)size + (size_t)(size & 1));
    }
    return (struct span){NULL, 0};
}

/* The body of the file "control" in a tar archive. */
static struct span tar_control(struct span tar) {
    struct reader r = reader_init(tar);
    while (reader_left(&r) >= TAR_BYTES) {
        struct span head = read_bytes(&r, TAR_BYTES);
        struct span name = span_slice(head, 0, 100), octal = span_slice(head, 124, 12);
        name = text_cut(&name, 0);
        octal = text_cut(&octal, 0);
        uint64_t size = 0;
        if (name.size == 0 || (text_trim(octal).size > 0 && !text_u64(text_trim(octal), 8, SIZE_MAX / 2, &size)))
            break;
        struct span body = read_bytes(&r, (size_t)size);
        if (span_is(name, "./control") || span_is(name, "control"))
            return body;
        read_skip(&r, (TAR_BYTES - (size_t)size % TAR_BYTES) % TAR_BYTES);
    }
    return (struct span){NULL, 0};
}

static int add_control(struct catalogue *run, struct span control, struct err *err) {
    struct package package = {.type = PACKAGE_DEB, .evidence = EVIDENCE_DECLARED};
    struct reader r = reader_init(control);
    struct stanza_field field;
    enum stanza_token token;
    while ((token = stanza_next(&r, &field)) != STANZA_END) {
        if (token != STANZA_FIELD)
            continue;
        if (text_equal_nocase(field.key, span_text("Package")))
            package.name = field.value;
        else if (text_equal_nocase(field.key, span_text("Version")))
            package.version = field.value;
        else if (text_equal_nocase(field.key, span_text("Architecture")))
            package.architecture = field.value;
        else if (text_equal_nocase(field.key, span_text("Source"))) {
            struct span version = field.value;
            package.source_name = text_trim(text_cut(&version, '('));
            package.source_version = text_trim(text_cut(&version, ')'));
        }
    }
    return catalogue_add(run, package, err);
}

static int parse_deb(struct catalogue *run, struct err *err) {
    AUTO_BUF struct buf tar;
    struct span member = ar_member(run->body, "control.tar");
    buf_init(&tar, LIMIT_ARCHIVE_METADATA_BYTES * 16);
    if (unpack_is_packed(member)) {
        if (unpack_bytes(member, &tar, err) < 0)
            return -1;
        member = buf_span(&tar);
    }
    struct span control = tar_control(member);
    if (control.size == 0)
        return err_set(err, ERR_FORMAT, 0, "a deb file: expected a member control.tar with a file \"control\"");
    return add_control(run, control, err);
}

static int parse(struct catalogue *run, struct err *err) {
    if (span_starts(run->body, "\xed\xab\xee\xdb"))
        return parse_rpm(run, err);
    return span_starts(run->body, "!<arch>\n") ? parse_deb(run, err) : 0;
}

const struct cataloguer cataloguer_archive = {
    .name = "archive", .type = PACKAGE_DEB, .paths = paths, .by_head = true, .parse = parse};
