/* Windows programs and libraries, and .NET assemblies on any system: what the file says it is. An assembly has its
 * name, its version and what it refers to in the metadata of the CLR; a native file has a version resource. Both are
 * listed as the file that they are, "Name.dll": an assembly's version is not that of the NuGet package that it came in,
 * so that name must not be looked up there. Of the shared frameworks the list beside them tells. Spec: "PE Format" and
 * "VS_VERSIONINFO" of Microsoft's documentation; ECMA-335 II.22 to II.25. */
#include "base/limits.h"
#include "base/overflow.h"
#include "base/parse/program.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {NULL};

/* ---- the file ---- */

enum { DIRECTORY_RESOURCES = 2, DIRECTORY_CLR = 14 };

struct image {
    struct program program;
    uint64_t base;
    bool is_library;
    struct reader directories; /* address and size of each */
};

static bool image_open(struct span bytes, struct image *ret_image) {
    struct reader r = reader_init(bytes);
    if (program_format_of(bytes) != PROGRAM_PE || !program_open(bytes, &ret_image->program))
        return false;
    read_seek(&r, 0x3c);
    read_seek(&r, read_le32(&r));
    read_skip(&r, 20);
    size_t optional_size = read_le16(&r);
    ret_image->is_library = (read_le16(&r) & 0x2000) != 0;
    struct reader optional = reader_init(read_bytes(&r, optional_size));
    bool wide = read_le16(&optional) == 0x20b;
    read_skip(&optional, wide ? 22 : 26);
    ret_image->base = wide ? read_le64(&optional) : read_le32(&optional);
    read_seek(&optional, wide ? 108 : 92);
    size_t count = size_min(read_le32(&optional), 16);
    ret_image->directories = reader_init(read_bytes(&optional, count * 8));
    return !r.failed && !optional.failed;
}

/* What stands at an address that is counted from the file's base. */
static struct span image_at(const struct image *image, uint32_t address, uint32_t size) {
    uint64_t absolute;
    if (address == 0 || !u64_add(image->base, address, &absolute))
        return (struct span){NULL, 0};
    return span_slice(program_at(&image->program, absolute), 0, size);
}

static struct span image_directory(const struct image *image, size_t index) {
    struct reader r = image->directories;
    read_seek(&r, index * 8);
    uint32_t address = read_le32(&r), size = read_le32(&r);
    return r.failed ? (struct span){NULL, 0} : image_at(image, address, size);
}

/* ---- the CLR's tables ---- */

enum { TABLE_ASSEMBLY = 0x20, TABLE_REFERENCE = 0x23, TABLE_COUNT = 64, TABLES_KNOWN = 0x24 };

/* A column is the number of the table that it points into, or one of these. */
enum {
    TYPE_DEF_OR_REF = 64,
    HAS_CONSTANT,
    HAS_ATTRIBUTE,
    HAS_MARSHAL,
    HAS_SECURITY,
    MEMBER_PARENT,
    HAS_SEMANTICS,
    METHOD_DEF_OR_REF,
    MEMBER_FORWARDED,
    ATTRIBUTE_TYPE,
    RESOLUTION_SCOPE,
    CODED_END,
    U2 = 128,
    U4,
    TEXT,
    GUID,
    BLOB,
    END = 255
};

static const uint8_t columns[TABLES_KNOWN][10] = {
    {U2, TEXT, GUID, GUID, GUID, END},
    {RESOLUTION_SCOPE, TEXT, TEXT, END},
    {U4, TEXT, TEXT, TYPE_DEF_OR_REF, 4, 6, END},
    {4, END},
    {U2, TEXT, BLOB, END},
    {6, END},
    {U4, U2, U2, TEXT, BLOB, 8, END},
    {8, END},
    {U2, U2, TEXT, END},
    {2, TYPE_DEF_OR_REF, END},
    {MEMBER_PARENT, TEXT, BLOB, END},
    {U2, HAS_CONSTANT, BLOB, END},
    {HAS_ATTRIBUTE, ATTRIBUTE_TYPE, BLOB, END},
    {HAS_MARSHAL, BLOB, END},
    {U2, HAS_SECURITY, BLOB, END},
    {U2, U4, 2, END},
    {U4, 4, END},
    {BLOB, END},
    {2, 0x14, END},
    {0x14, END},
    {U2, TEXT, TYPE_DEF_OR_REF, END},
    {2, 0x17, END},
    {0x17, END},
    {U2, TEXT, BLOB, END},
    {U2, 6, HAS_SEMANTICS, END},
    {2, METHOD_DEF_OR_REF, METHOD_DEF_OR_REF, END},
    {TEXT, END},
    {BLOB, END},
    {U2, MEMBER_FORWARDED, TEXT, 0x1a, END},
    {U4, 4, END},
    {U4, U4, END},
    {U4, END},
    {U4, U2, U2, U2, U2, U4, BLOB, TEXT, TEXT, END},
    {U4, END},
    {U4, U4, U4, END},
    {U2, U2, U2, U2, U4, BLOB, TEXT, TEXT, BLOB, END},
};

/* The tables that a coded index chooses among, and the bits that say which. */
static const struct {
    uint8_t bits;
    uint8_t tables[23];
} coded[CODED_END - TYPE_DEF_OR_REF] = {
    {2, {2, 1, 0x1b, END}},
    {2, {4, 8, 0x17, END}},
    {5,
     {6, 4, 1, 2, 8, 9, 10, 0, 14, 0x17, 0x14, 0x11, 0x1a, 0x1b, 0x20, 0x23, 0x26, 0x27, 0x28, 0x2a, 0x2c, 0x2b, END}},
    {1, {4, 8, END}},
    {2, {2, 6, 0x20, END}},
    {3, {2, 1, 0x1a, 6, 0x1b, END}},
    {1, {0x14, 0x17, END}},
    {1, {6, 10, END}},
    {1, {4, 6, END}},
    {3, {6, 10, END}},
    {2, {0, 0x1a, 0x23, 1, END}},
};

struct metadata {
    struct span texts;
    struct reader rows;  /* at the first row of the first table */
    uint8_t heap_widths; /* bit 0 texts, 1 GUIDs, 2 blobs: indexes of four bytes */
    uint32_t row_counts[TABLE_COUNT];
};

static size_t column_bytes(const struct metadata *metadata, uint8_t column) {
    unsigned bits = 0;
    uint32_t most = 0;
    switch (column) {
    case U2:
        return 2;
    case U4:
        return 4;
    case TEXT:
    case GUID:
    case BLOB:
        return (metadata->heap_widths >> (column - TEXT) & 1) != 0 ? 4 : 2;
    default:
        break;
    }
    if (column < TABLE_COUNT) {
        most = metadata->row_counts[column];
    } else {
        const uint8_t *tables = coded[column - TYPE_DEF_OR_REF].tables;
        bits = coded[column - TYPE_DEF_OR_REF].bits;
        for (size_t i = 0; tables[i] != END; i++)
            most = metadata->row_counts[tables[i]] > most ? metadata->row_counts[tables[i]] : most;
    }
    return most < (uint32_t)1 << (16 - bits) ? 2 : 4;
}

static size_t row_bytes(const struct metadata *metadata, size_t table) {
    size_t size = 0;
    for (size_t i = 0; columns[table][i] != END; i++)
        size += column_bytes(metadata, columns[table][i]);
    return size;
}

/* The streams of the metadata: names that are padded to four bytes, behind their offsets and sizes. */
static bool metadata_open(struct span bytes, struct metadata *ret_metadata) {
    struct reader r = reader_init(bytes);
    struct span magic = read_bytes(&r, 4), tables = {NULL, 0};
    *ret_metadata = (struct metadata){.heap_widths = 0};
    read_skip(&r, 8);
    read_skip(&r, read_le32(&r));
    read_skip(&r, 2);
    for (size_t count = read_le16(&r); count > 0 && !r.failed; count--) {
        size_t offset = read_le32(&r), size = read_le32(&r);
        struct span name = read_until(&r, 0);
        read_skip(&r, (4 - (name.size + 1) % 4) % 4);
        if (span_is(name, "#Strings"))
            ret_metadata->texts = span_slice(bytes, offset, size);
        else if (span_is(name, "#~") || span_is(name, "#-"))
            tables = span_slice(bytes, offset, size);
    }
    r = reader_init(tables);
    read_skip(&r, 6);
    ret_metadata->heap_widths = read_u8(&r);
    read_skip(&r, 1);
    uint64_t present = read_le64(&r);
    read_skip(&r, 8);
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        if ((present >> table & 1) != 0)
            ret_metadata->row_counts[table] = read_le32(&r);
    }
    ret_metadata->rows = r;
    return span_is(magic, "BSJB") && !r.failed;
}

/* The rows of a table, empty where they do not lie in the file. */
static struct reader metadata_rows(const struct metadata *metadata, size_t wanted) {
    struct reader r = metadata->rows;
    for (size_t table = 0; table < wanted; table++)
        read_skip(&r, size_min(reader_left(&r) + 1, row_bytes(metadata, table) * metadata->row_counts[table]));
    return reader_init(read_bytes(&r, row_bytes(metadata, wanted) * (size_t)metadata->row_counts[wanted]));
}

static struct span metadata_text(const struct metadata *metadata, struct reader *row) {
    size_t offset = (size_t)reader_integer(row, column_bytes(metadata, TEXT), false);
    struct span text = span_slice(metadata->texts, offset, LIMIT_FIELD_BYTES);
    return text_cut(&text, 0);
}

static int add_file(struct catalogue *run, enum package_evidence evidence, struct span name, const char *suffix,
                    const uint16_t version[4], struct err *err) {
    struct package package = {.type = PACKAGE_GENERIC, .evidence = evidence, .name = name};
    const char *text = arena_format(run->scratch, "%u.%u.%u.%u", version[0], version[1], version[2], version[3]);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    if (*suffix != 0 && catalogue_pair(run, name, "", span_text(suffix), &package.name, err) < 0)
        return -1;
    package.version = span_text(text);
    return package.name.size == 0 ? 0 : catalogue_add(run, package, err);
}

static int add_assembly(struct catalogue *run, const struct metadata *metadata, struct err *err) {
    struct reader own = metadata_rows(metadata, TABLE_ASSEMBLY), others = metadata_rows(metadata, TABLE_REFERENCE);
    size_t other_bytes = row_bytes(metadata, TABLE_REFERENCE);
    uint16_t version[4];
    if (reader_left(&own) > 0) {
        read_skip(&own, 4);
        for (size_t i = 0; i < 4; i++)
            version[i] = read_le16(&own);
        read_skip(&own, 4 + column_bytes(metadata, BLOB));
        struct span name = metadata_text(metadata, &own);
        if (add_file(run, EVIDENCE_INSTALLED, name, ".dll", version, err) < 0)
            return -1;
    }
    while (reader_left(&others) >= other_bytes) {
        struct reader row = reader_init(read_bytes(&others, other_bytes));
        for (size_t i = 0; i < 4; i++)
            version[i] = read_le16(&row);
        read_skip(&row, 4 + column_bytes(metadata, BLOB));
        struct span name = metadata_text(metadata, &row);
        if (add_file(run, EVIDENCE_DECLARED, name, ".dll", version, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the version resource ---- */

enum { RESOURCE_VERSION = 16, RESOURCE_DEPTH = 3, RESOURCE_FOLDER = (int)0x80000000 };

/* Type, name, language: the first of each below the type of versions, then address and size of the data. */
static struct span version_resource(const struct image *image) {
    struct span all = image_directory(image, DIRECTORY_RESOURCES);
    uint32_t at = 0;
    for (size_t depth = 0; depth < RESOURCE_DEPTH; depth++) {
        struct reader r = reader_init(span_from(all, at));
        read_skip(&r, 12);
        size_t count = (size_t)read_le16(&r) + read_le16(&r);
        bool found = false;
        while (count-- > 0 && !found && !r.failed) {
            uint32_t id = read_le32(&r);
            at = read_le32(&r);
            found = depth > 0 || id == RESOURCE_VERSION;
        }
        bool is_folder = (at >> 31) != 0;
        at &= 0x7fffffff;
        if (!found || r.failed || is_folder != (depth + 1 < RESOURCE_DEPTH))
            return (struct span){NULL, 0};
    }
    struct reader entry = reader_init(span_from(all, at));
    uint32_t address = read_le32(&entry), size = read_le32(&entry);
    return entry.failed ? (struct span){NULL, 0} : image_at(image, address, size);
}

/* The text under a key, both in UTF-16; the key's end is padded to four bytes. */
static int resource_text(struct catalogue *run, struct span resource, const char *key, struct span *ret_text,
                         struct err *err) {
    uint8_t wide[64] = {0};
    size_t key_size = strlen(key);
    assert(2 * key_size + 2 <= sizeof wide);
    *ret_text = (struct span){NULL, 0};
    for (size_t i = 0; i < key_size; i++)
        wide[2 * i] = (uint8_t)key[i];
    size_t at = span_find(resource, span_make(wide, 2 * key_size + 2), 0);
    if (at == SIZE_MAX)
        return 0;
    struct reader r = reader_init(resource);
    read_seek(&r, size_min(resource.size, (at + 2 * key_size + 2 + 3) & ~(size_t)3));
    uint8_t *text = arena_alloc(run->scratch, LIMIT_FIELD_BYTES);
    size_t size = 0;
    if (text == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    while (size < LIMIT_FIELD_BYTES && reader_left(&r) >= 2) {
        uint16_t unit = read_le16(&r);
        if (unit == 0)
            break;
        text[size++] = unit < 128 ? (uint8_t)unit : '?';
    }
    *ret_text = text_trim((struct span){text, size});
    return 0;
}

static int add_native(struct catalogue *run, const struct image *image, struct err *err) {
    struct span resource = version_resource(image), name = {NULL, 0};
    size_t fixed = span_find(resource, span_make("\xbd\x04\xef\xfe", 4), 0);
    struct reader r = reader_init(resource);
    uint16_t version[4];
    read_seek(&r, fixed == SIZE_MAX ? SIZE_MAX : fixed + 8);
    for (size_t i = 0; i < 4; i++)
        version[i ^ 1] = read_le16(&r); /* two words of 32 bits, the more significant first */
    if (r.failed || (version[0] | version[1] | version[2] | version[3]) == 0)
        return 0;
    if (resource_text(run, resource, "InternalName", &name, err) < 0 ||
        (name.size == 0 && resource_text(run, resource, "OriginalFilename", &name, err) < 0))
        return -1;
    if (name.size == 0)
        name = catalogue_basename(run->path);
    return add_file(run, EVIDENCE_INSTALLED, name, "", version, err);
}

static int parse(struct catalogue *run, struct err *err) {
    struct image image;
    struct metadata metadata;
    if (!span_starts(run->body, "MZ") || !image_open(run->body, &image) ||
        text_glob(span_text("**/shared/Microsoft.*/*/*"), run->path))
        return 0;
    struct reader clr = reader_init(image_directory(&image, DIRECTORY_CLR));
    read_skip(&clr, 8);
    uint32_t address = read_le32(&clr), size = read_le32(&clr);
    if (!clr.failed && metadata_open(image_at(&image, address, size), &metadata))
        return add_assembly(run, &metadata, err);
    return add_native(run, &image, err);
}

const struct cataloguer cataloguer_pe = {
    .name = "pe", .type = PACKAGE_GENERIC, .paths = paths, .of_programs = true, .parse = parse};
