/* dpkg and opkg: the status database, and the one-stanza files that distroless images have in its place.
 * Spec: dpkg's deb-control(5) and dpkg-query(1) for the states. */
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/stanza.h"

/* Side files of a package stand beside its stanza: distroless names them like dpkg's info folder does. */
static const char *const paths[] = {
    "**/lib/dpkg/status",     "**/lib/dpkg/status.d/*",   "**/lib/opkg/status",      "!**/status.d/*.md5sums",
    "!**/status.d/*.preinst", "!**/status.d/*.postinst",  "!**/status.d/*.prerm",    "!**/status.d/*.postrm",
    "!**/status.d/*.list",    "!**/status.d/*.conffiles", "!**/status.d/*.triggers", "!**/status.d/*.shlibs",
    "!**/status.d/*.symbols", "!**/status.d/*.templates", "!**/status.d/*.config",   NULL,
};

struct stanza {
    bool begun;
    bool cut; /* one of the fields below may not be whole */
    bool has_status;
    struct package package;
    struct span source;
    struct span status;
    struct span maintainer; /* and where there is one, who built it */
    struct span vendor;
};

/* The words for "its files are on the disk". half-installed is not among them: an unpack that was broken off. */
static bool is_present(struct span status) {
    static const char *const words[] = {"installed", "unpacked", "half-configured", "triggers-awaited",
                                        "triggers-pending"};
    size_t space = span_index_last(status, ' ');
    struct span word = space == SIZE_MAX ? status : span_from(status, space + 1);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (text_equal_nocase(word, span_text(words[i])))
            return true;
    }
    return false;
}

/* "name" or "name (version)". */
static void set_source(struct package *package, struct span source) {
    struct span version = source;
    struct span name = text_trim(text_cut(&version, '('));
    if (!span_equal(name, package->name))
        package->source_name = name;
    version = text_trim(text_cut(&version, ')'));
    if (!span_equal(version, package->version))
        package->source_version = version;
}

static void add_field(struct stanza *stanza, const struct stanza_field *field) {
    const struct {
        const char *key;
        struct span *value;
    } wanted[] = {
        {"Package", &stanza->package.name},
        {"Version", &stanza->package.version},
        {"Architecture", &stanza->package.architecture},
        {"Source", &stanza->source},
        {"Status", &stanza->status},
        {"Maintainer", &stanza->maintainer},
        {"Vendor", &stanza->vendor},
    };
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        if (!text_equal_nocase(field->key, span_text(wanted[i].key)))
            continue;
        *wanted[i].value = field->value;
        stanza->cut |= field->cut && wanted[i].value != &stanza->maintainer && wanted[i].value != &stanza->vendor;
        stanza->has_status |= wanted[i].value == &stanza->status;
    }
}

/* Whether a distribution's advisories speak of the package. Its teams write from its own domains; a package whose
 * maintainer gives a private address is taken for another's, so that nothing is hidden for want of an advisory. */
static bool is_distribution(const struct stanza *stanza) {
    static const char *const domains[] = {"debian.org",    "debian.net", "ubuntu.com",
                                          "canonical.com", "kali.org",   "raspberrypi.com"};
    struct span address = stanza->maintainer;
    (void)text_cut(&address, '@');
    address = text_cut(&address, '>');
    for (size_t i = 0; i < ARRAY_COUNT(domains); i++) {
        size_t size = strlen(domains[i]);
        if (span_ends(address, domains[i]) && (address.size == size || address.data[address.size - size - 1] == '.'))
            return stanza->vendor.size == 0 || span_is(stanza->vendor, "Debian") || span_is(stanza->vendor, "Ubuntu");
    }
    return false;
}

/* The stanza is over; `last`: by the end of the database. A stanza that was cut before its version is left out, one
 * that was cut later is whole in what counts; both are said, for what would have followed is lost. */
static int end_stanza(struct catalogue *run, struct stanza *stanza, bool last, struct span before, struct err *err) {
    char name[64];
    struct package *package = &stanza->package;
    /* dpkg writes states, the tools that assemble images without it often do not: being listed is enough then. */
    bool present = !stanza->has_status || is_present(stanza->status);
    if (!stanza->begun)
        return 0;
    if (last && (stanza->cut || (present && (package->name.size == 0 || package->version.size == 0)))) {
        catalogue_fault(run, ERR_FORMAT, "the last stanza ends early, after package %s",
                        before.size == 0 ? "none" : text_quote(before, name, sizeof name));
        return 0;
    }
    if (!present)
        return 0;
    set_source(package, stanza->source);
    const struct package_owner owner = {.type = package->type, .name = package->name, .foreign = true};
    if (package->type == PACKAGE_DEB && !is_distribution(stanza) &&
        catalogue_own(run, &owner, (struct span){NULL, 0}, (struct span){NULL, 0}, err) < 0)
        return -1;
    return catalogue_add(run, *package, err);
}

static int parse(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    size_t slash = span_index_last(run->path, '/');
    /* A file that holds one stanza is often made by hand and may lack its last line end; dpkg's database never does. */
    bool database = slash == SIZE_MAX || !span_ends(span_slice(run->path, 0, slash), "status.d");
    bool unended = database && run->body.size > 0 && run->body.data[run->body.size - 1] != '\n';
    enum package_type type = span_ends(run->path, "/opkg/status") ? PACKAGE_OPKG : PACKAGE_DEB;
    const struct stanza fresh = {.package = {.type = type, .evidence = EVIDENCE_INSTALLED}};
    struct stanza stanza = fresh;
    struct span before = {NULL, 0};
    struct stanza_field field;
    for (;;) {
        enum stanza_token token = stanza_next(&r, &field);
        if (token == STANZA_FIELD) {
            stanza.begun = true;
            add_field(&stanza, &field);
            stanza.cut &= database;
            continue;
        }
        if (token == STANZA_JUNK) {
            if (!(unended && reader_left(&r) == 0)) /* else half a field's name, of which the end speaks */
                catalogue_fault(run, ERR_FORMAT, "a line near byte %zu is no field", r.offset);
            continue;
        }
        if (end_stanza(run, &stanza, database && token == STANZA_END, before, err) < 0)
            return -1;
        if (stanza.package.name.size > 0)
            before = stanza.package.name;
        stanza = fresh;
        if (token == STANZA_END)
            break;
    }
    if (unended && run->fault_count == 0)
        catalogue_fault(run, ERR_FORMAT, "the file ends inside a line");
    return 0;
}

const struct cataloguer cataloguer_dpkg = {.name = "dpkg", .type = PACKAGE_DEB, .paths = paths, .parse = parse};
