/* Apple's property lists, in XML and in their binary form: the Info.plist of a macOS application, and what Void Linux'
 * xbps keeps of its packages. Spec: Apple's "Information Property List Key Reference" and the comments of
 * CFBinaryPList.c; xbps' lib/pkgdb.c. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/*.plist", NULL};

/* ---- XML: <plist><dict><key>…</key><value>… ---- */

static const struct doc *dict_get(const struct doc *dict, const char *name) {
    for (const struct doc *item = doc_first(dict); item != NULL; item = item->next) {
        if (span_is(item->key, "key") && span_is(doc_content(item), name))
            return item->next;
    }
    return NULL;
}

static struct span dict_text(const struct doc *dict, const char *name) {
    const struct doc *value = dict_get(dict, name);
    return value != NULL && span_is(value->key, "string") ? doc_content(value) : (struct span){NULL, 0};
}

/* ---- binary: "bplist00", objects, a table of their offsets, and a trailer of 32 bytes ---- */

struct binary {
    struct span bytes;
    struct reader offsets; /* the table */
    size_t offset_bytes, ref_bytes;
    uint64_t object_count, top;
};

enum { TRAILER_BYTES = 32, OBJECT_TEXT = 5, OBJECT_WIDE = 6, OBJECT_DICT = 13, SIZE_FOLLOWS = 15 };

static bool binary_open(struct span bytes, struct binary *ret_binary) {
    struct binary binary = {.bytes = bytes};
    struct reader r = reader_init(bytes);
    read_seek(&r, bytes.size < TRAILER_BYTES ? SIZE_MAX : bytes.size - TRAILER_BYTES + 6);
    binary.offset_bytes = read_u8(&r);
    binary.ref_bytes = read_u8(&r);
    binary.object_count = read_be64(&r);
    binary.top = read_be64(&r);
    uint64_t table = read_be64(&r);
    if (r.failed || binary.offset_bytes - 1 > 7 || binary.ref_bytes - 1 > 7 || table > bytes.size ||
        binary.object_count > (bytes.size - table) / binary.offset_bytes)
        return false;
    binary.offsets = reader_init(span_slice(bytes, (size_t)table, (size_t)binary.object_count * binary.offset_bytes));
    *ret_binary = binary;
    return true;
}

/* A reader at the object's contents, its kind, and how many units it has. */
static bool binary_object(const struct binary *binary, uint64_t index, unsigned *ret_kind, uint64_t *ret_count,
                          struct reader *ret_reader) {
    struct reader table = binary->offsets;
    if (index >= binary->object_count)
        return false;
    read_seek(&table, (size_t)index * binary->offset_bytes);
    uint64_t offset = reader_integer(&table, binary->offset_bytes, true);
    struct reader r = reader_init(binary->bytes);
    read_seek(&r, offset > SIZE_MAX ? SIZE_MAX : (size_t)offset);
    uint8_t marker = read_u8(&r);
    uint64_t count = marker & 15;
    if (count == SIZE_FOLLOWS) {
        uint8_t integer = read_u8(&r); /* 0x1n: an integer of 2^n bytes */
        count = integer >> 4 == 1 && (integer & 15) <= 3 ? reader_integer(&r, (size_t)1 << (integer & 15), true)
                                                         : UINT64_MAX;
    }
    *ret_kind = marker >> 4;
    *ret_count = count;
    *ret_reader = r;
    return !table.failed && !r.failed && count <= binary->bytes.size;
}

/* A string. Wide ones are UTF-16, of which what is not ASCII becomes '?': versions and names are. */
static int binary_text(struct catalogue *run, const struct binary *binary, uint64_t index, struct span *ret_text,
                       struct err *err) {
    struct reader r;
    unsigned kind;
    uint64_t count;
    *ret_text = (struct span){NULL, 0};
    if (!binary_object(binary, index, &kind, &count, &r))
        return 0;
    if (kind == OBJECT_TEXT)
        *ret_text = read_bytes(&r, (size_t)count);
    if (kind != OBJECT_WIDE || count > reader_left(&r) / 2)
        return 0;
    uint8_t *text = arena_alloc(run->scratch, (size_t)count + 1);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    for (size_t i = 0; i < count; i++) {
        uint16_t unit = read_be16(&r);
        text[i] = unit < 128 ? (uint8_t)unit : '?';
    }
    *ret_text = (struct span){text, (size_t)count};
    return 0;
}

static const char *const keys[] = {"CFBundlePackageType", "CFBundleName", "CFBundleDisplayName", "CFBundleExecutable",
                                   "CFBundleShortVersionString"};
enum { KEY_TYPE, KEY_NAME, KEY_DISPLAY, KEY_EXECUTABLE, KEY_VERSION, KEY_COUNT };
static_assert(ARRAY_COUNT(keys) == KEY_COUNT, "a name for each");

/* The values of the keys in the outermost dictionary: references to its keys, then those to their values. */
static int binary_values(struct catalogue *run, struct span values[KEY_COUNT], struct err *err) {
    struct binary binary;
    struct reader names;
    unsigned kind;
    uint64_t count;
    if (!binary_open(run->body, &binary) || !binary_object(&binary, binary.top, &kind, &count, &names) ||
        kind != OBJECT_DICT || count > reader_left(&names) / binary.ref_bytes / 2)
        return err_set(err, ERR_FORMAT, 0, "property list: its trailer leads to no dictionary");
    struct reader items = names;
    read_skip(&items, (size_t)count * binary.ref_bytes);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t name_index = reader_integer(&names, binary.ref_bytes, true);
        uint64_t item_index = reader_integer(&items, binary.ref_bytes, true);
        struct span name;
        if (binary_text(run, &binary, name_index, &name, err) < 0)
            return -1;
        for (size_t key = 0; key < KEY_COUNT; key++) {
            if (span_is(name, keys[key]) && binary_text(run, &binary, item_index, &values[key], err) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- what is in them ---- */

/* Frameworks and plug-ins are parts of an application, which "APPL" is. */
static int add_application(struct catalogue *run, const struct span values[KEY_COUNT], struct err *err) {
    struct span name = values[KEY_NAME].size > 0      ? values[KEY_NAME]
                       : values[KEY_DISPLAY].size > 0 ? values[KEY_DISPLAY]
                                                      : values[KEY_EXECUTABLE];
    /* A template of a build, "$(PRODUCT_NAME)" or "${…}", is of nothing that is there. */
    bool is_template = span_find(name, span_text("$("), 0) != SIZE_MAX ||
                       span_find(name, span_text("${"), 0) != SIZE_MAX || span_starts(values[KEY_VERSION], "$(") ||
                       span_starts(values[KEY_VERSION], "${");
    if (!span_is(values[KEY_TYPE], "APPL") || name.size == 0 || is_template)
        return 0;
    if (values[KEY_VERSION].size == 0)
        return catalogue_declare(run, PACKAGE_GENERIC, name, values[KEY_VERSION], err);
    return catalogue_add_installed(run, PACKAGE_GENERIC, name, values[KEY_VERSION], err);
}

/* {name: {"pkgver": "name-1.0_1", "architecture": …, "state": "installed"}} */
static int add_xbps(struct catalogue *run, const struct doc *dict, struct err *err) {
    for (const struct doc *item = doc_first(dict); item != NULL && item->next != NULL; item = item->next->next) {
        const struct doc *entry = item->next;
        struct span full = dict_text(entry, "pkgver"), state = dict_text(entry, "state");
        size_t dash = span_index_last(full, '-');
        if (!span_is(item->key, "key") || dash == SIZE_MAX || (state.size > 0 && !span_is(state, "installed")))
            continue;
        const struct package package = {.type = PACKAGE_GENERIC,
                                        .evidence = EVIDENCE_INSTALLED,
                                        .name = span_slice(full, 0, dash),
                                        .version = span_from(full, dash + 1),
                                        .architecture = dict_text(entry, "architecture"),
                                        .licenses = dict_text(entry, "license")};
        if (catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct span values[KEY_COUNT] = {{NULL, 0}};
    struct doc *root = NULL;
    bool is_xbps = text_glob(span_text("**/xbps/pkgdb-*.plist"), run->path);
    bool is_info =
        catalogue_path_is(run, "Info.plist") || span_find(run->body, span_text(keys[KEY_TYPE]), 0) != SIZE_MAX;
    if (!is_xbps && !is_info)
        return 0;
    if (span_starts(run->body, "bplist0"))
        return binary_values(run, values, err) < 0 ? -1 : add_application(run, values, err);
    if (span_find(span_slice(run->body, 0, 1024), span_text("<plist"), 0) == SIZE_MAX)
        return 0; /* of OpenStep's kind, or none */
    if (catalogue_document(run, xml_parse, run->body, &root, err) < 0)
        return -1;
    const struct doc *dict = doc_get(root, "dict");
    if (is_xbps)
        return add_xbps(run, dict, err);
    for (size_t key = 0; key < KEY_COUNT; key++)
        values[key] = dict_text(dict, keys[key]);
    return add_application(run, values, err);
}

const struct cataloguer cataloguer_plist = {
    .name = "plist", .type = PACKAGE_GENERIC, .paths = paths, .by_content = true, .parse = parse};
