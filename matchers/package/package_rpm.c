/* rpm: the database of installed packages, in each of its three formats. Which one it is, its first bytes tell: the
 * names of the files have moved with the formats.
 * Spec: rpm's manual ("Package format", "Header format"); the formats of the databases stand in their own files. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/rpmdb.h"

static const char *const paths[] = {
    "**/var/lib/rpm/rpmdb.sqlite",
    "**/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "**/usr/share/rpm/rpmdb.sqlite",
    "**/var/lib/rpm/Packages.db",
    "**/usr/lib/sysimage/rpm/Packages.db",
    "**/usr/share/rpm/Packages.db",
    "**/var/lib/rpm/Packages",
    "**/usr/lib/sysimage/rpm/Packages",
    "**/usr/share/rpm/Packages",
    NULL,
};

#define FILES_MAX ((size_t)1000000) /* of one package: glibc's locales have 10,000 */
enum { ENTRY_BYTES = 16, TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRING_ARRAY = 8, TYPE_I18N = 9 };
enum {
    TAG_NAME = 1000,
    TAG_VERSION = 1001,
    TAG_RELEASE = 1002,
    TAG_EPOCH = 1003,
    TAG_VENDOR = 1011,
    TAG_LICENSE = 1014,
    TAG_ARCH = 1022,
    TAG_SOURCE = 1044,
    TAG_DIRINDEXES = 1116,
    TAG_BASENAMES = 1117,
    TAG_DIRNAMES = 1118
};

/* Where a list stands in the store, and how many items it claims to have. */
struct list {
    size_t offset, count;
};

struct header {
    struct span name, version, release, license, arch, source, vendor;
    uint32_t epoch;
    struct span store;
    struct list dir_indexes, base_names, dir_names;
};

/* The text at that offset of the store, up to its NUL; empty where that is not near. Never without data, so that a
 * field is looked for once. */
static struct span text_at(struct span store, uint32_t offset) {
    struct reader r = reader_init(span_slice(store, offset, LIMIT_FIELD_BYTES + 1));
    struct span text = read_until(&r, 0);
    return text.data == NULL ? span_text("") : text;
}

static void header_field(struct header *header, struct reader *entry, struct span store) {
    uint32_t tag = read_be32(entry), type = read_be32(entry), offset = read_be32(entry), count = read_be32(entry);
    struct span *text = tag == TAG_NAME      ? &header->name
                        : tag == TAG_VERSION ? &header->version
                        : tag == TAG_RELEASE ? &header->release
                        : tag == TAG_LICENSE ? &header->license
                        : tag == TAG_ARCH    ? &header->arch
                        : tag == TAG_SOURCE  ? &header->source
                        : tag == TAG_VENDOR  ? &header->vendor
                                             : NULL;
    struct list *list = tag == TAG_DIRINDEXES && type == TYPE_INT32         ? &header->dir_indexes
                        : tag == TAG_BASENAMES && type == TYPE_STRING_ARRAY ? &header->base_names
                        : tag == TAG_DIRNAMES && type == TYPE_STRING_ARRAY  ? &header->dir_names
                                                                            : NULL;
    if (list != NULL && list->count == 0)
        *list = (struct list){offset, count};
    /* The first of each, as rpm reads it: looking for the ends of thousands would take as many passes. */
    if (text != NULL && text->data == NULL && (type == TYPE_STRING || type == TYPE_STRING_ARRAY || type == TYPE_I18N)) {
        *text = text_at(store, offset);
    } else if (tag == TAG_EPOCH && type == TYPE_INT32) {
        struct reader r = reader_init(store);
        read_seek(&r, offset);
        header->epoch = read_be32(&r);
    }
}

static bool header_read(struct span bytes, struct header *header) {
    struct reader r = reader_init(bytes);
    size_t entry_count = read_be32(&r), store_size = read_be32(&r);
    if (r.failed || entry_count > reader_left(&r) / ENTRY_BYTES)
        return false;
    struct reader entries = reader_init(read_bytes(&r, entry_count * ENTRY_BYTES));
    struct span store = read_bytes(&r, store_size);
    if (r.failed)
        return false;
    header->store = store;
    while (reader_left(&entries) > 0) {
        struct reader entry = reader_init(read_bytes(&entries, ENTRY_BYTES));
        header_field(header, &entry, store);
    }
    return true;
}

void rpm_source_split(struct span file, struct package *package) {
    if (span_ends(file, ".src.rpm"))
        file.size -= sizeof ".src.rpm" - 1;
    else if (span_ends(file, ".nosrc.rpm"))
        file.size -= sizeof ".nosrc.rpm" - 1;
    else
        return; /* "(none)" of a source package, or empty */
    size_t release = span_index_last(file, '-');
    size_t version = release == SIZE_MAX ? SIZE_MAX : span_index_last(span_slice(file, 0, release), '-');
    if (version == SIZE_MAX || version == 0)
        return;
    struct span own = package->version;
    size_t colon = span_index(own, ':', 0);
    own = colon == SIZE_MAX ? own : span_from(own, colon + 1);
    struct span name = span_slice(file, 0, version), source_version = span_from(file, version + 1);
    if (!span_equal(name, package->name))
        package->source_name = name;
    if (!span_equal(source_version, own))
        package->source_version = source_version;
}

/* Whose packages a distribution's advisories speak of. Who builds for himself often names nobody. */
static bool is_distribution(struct span vendor) {
    static const char *const vendors[] = {
        "Red Hat",  "Fedora",     "CentOS",  "AlmaLinux",   "Rocky",      "Oracle",     "Amazon",    "SUSE",
        "openSUSE", "Microsoft",  "VMware",  "Photon",      "openEuler",  "EulerOS",    "Huawei",    "Alibaba",
        "Anolis",   "OpenAnolis", "Tencent", "OpenCloudOS", "Mageia",     "CloudLinux", "Virtuozzo", "Scientific Linux",
        "MIRACLE",  "NavyLinux",  "Circle",  "EuroLinux",   "Springdale", "Broadcom",
    };
    for (size_t i = 0; i < ARRAY_COUNT(vendors); i++) {
        if (span_starts(vendor, vendors[i]))
            return true;
    }
    return vendor.size == 0;
}

/* The folders' names, in their order; as many as there are. */
static bool dirs_read(const struct header *header, struct span **ret_dirs, size_t *ret_count) {
    struct reader r = reader_init(header->store);
    size_t count = size_min(header->dir_names.count, FILES_MAX);
    read_seek(&r, header->dir_names.offset);
    struct span *dirs = mem_array(size_min(count, reader_left(&r)) + 1, sizeof *dirs);
    if (dirs == NULL)
        return false;
    size_t read = 0;
    while (read < count && reader_left(&r) > 0)
        dirs[read++] = read_until(&r, 0);
    *ret_dirs = dirs;
    *ret_count = read;
    return true;
}

/* The files of a package: their names in one list, for each the number of its folder in another, the folders in a
 * third.
 */
static int files_add(struct catalogue *run, const struct header *header, struct err *err) {
    const struct package_owner owner = {.type = PACKAGE_RPM,
                                        .name = header->name,
                                        .architecture = header->arch,
                                        .foreign = !is_distribution(header->vendor)};
    struct reader names = reader_init(header->store), indexes = reader_init(header->store);
    AUTO_FREE struct span *dirs = NULL;
    size_t dir_count = 0, count = size_min(header->base_names.count, FILES_MAX);
    if (run->own == NULL || count == 0)
        return 0;
    if (!dirs_read(header, &dirs, &dir_count))
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    read_seek(&names, header->base_names.offset);
    read_seek(&indexes, header->dir_indexes.offset);
    for (size_t i = 0; i < count && reader_left(&names) > 0; i++) {
        struct span name = read_until(&names, 0);
        size_t dir = i < header->dir_indexes.count ? read_be32(&indexes) : SIZE_MAX;
        if (names.failed)
            break; /* the last one is not ended */
        if (!indexes.failed && dir < dir_count && catalogue_own(run, &owner, dirs[dir], name, err) < 0)
            return -1;
    }
    return 0;
}

int rpm_header_add(struct catalogue *run, struct span bytes, struct err *err) {
    return rpm_header_package(run, bytes, EVIDENCE_INSTALLED, err);
}

int rpm_header_package(struct catalogue *run, struct span bytes, enum package_evidence evidence, struct err *err) {
    struct header header = {.epoch = 0};
    if (!header_read(bytes, &header)) {
        catalogue_fault(run, ERR_FORMAT, "a header of %zu bytes is damaged, after %zu packages", bytes.size,
                        run->package_count);
        return 0;
    }
    if (span_is(header.name, "gpg-pubkey"))
        return 0; /* a key that was imported: rpm keeps it as if it were a package */
    /* Epoch 0 and none are one in rpm's order; the shorter is what everybody writes. */
    char epoch[16] = "";
    if (header.epoch != 0)
        (void)snprintf(epoch, sizeof epoch, "%" PRIu32 ":", header.epoch);
    size_t epoch_size = strlen(epoch);
    struct package package = {.type = PACKAGE_RPM,
                              .evidence = evidence,
                              .name = header.name,
                              .architecture = header.arch,
                              .licenses = header.license};
    if (header.version.size > 0 && header.version.size < LIMIT_FIELD_BYTES && header.release.size < LIMIT_FIELD_BYTES) {
        uint8_t *version = arena_alloc(run->scratch, epoch_size + header.version.size + 1 + header.release.size);
        if (version == NULL)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        size_t size = epoch_size;
        memcpy(version, epoch, epoch_size);
        memcpy(version + size, header.version.data, header.version.size);
        size += header.version.size;
        if (header.release.size > 0) {
            version[size++] = '-';
            memcpy(version + size, header.release.data, header.release.size);
            size += header.release.size;
        }
        package.version = (struct span){version, size};
    }
    rpm_source_split(header.source, &package);
    if (catalogue_add(run, package, err) < 0)
        return -1;
    return files_add(run, &header, err);
}

static int parse(struct catalogue *run, struct err *err) {
    if (run->body.size == 0)
        return 0; /* rpm makes the file before the first package */
    if (span_starts(run->body, "SQLite format 3"))
        return rpmdb_sqlite_read(run, err);
    if (span_starts(run->body, "RpmP"))
        return rpmdb_ndb_read(run, err);
    return rpmdb_bdb_read(run, err);
}

const struct cataloguer cataloguer_rpm = {.name = "rpm", .type = PACKAGE_RPM, .paths = paths, .parse = parse};
