/* apk: the database of installed packages. Stanzas of one-letter fields, "P:musl", and an empty line after each; what
 * follows F:, R:, a: and Z: are the files. Letters have case. Newer distributions keep it under usr/lib.
 * Spec: apk-package(5) and the wiki's "Apk spec" page. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/apk/db/installed",
    NULL,
};

/* The files of the package at hand: "F:" is a folder, "R:" a file in it. */
static int own_line(struct catalogue *run, const struct package *package, struct span line, struct span *folder,
                    struct err *err) {
    if (span_starts(line, "F:"))
        *folder = span_from(line, 2);
    if (!span_starts(line, "R:"))
        return 0;
    const struct package_owner owner = {.type = PACKAGE_APK, .name = package->name};
    return catalogue_own(run, &owner, *folder, span_from(line, 2), err);
}

/* Takes one line into the package; false when it is no field. Lines may be megabytes long ("p:" lists what is
 * provided). */
static bool add_line(struct package *package, struct span line) {
    if (line.size < 2 || line.data[1] != ':')
        return false;
    struct span value = text_trim(span_from(line, 2));
    switch (line.data[0]) {
    case 'P':
        package->name = value;
        break;
    case 'V':
        package->version = value;
        break;
    case 'A':
        package->architecture = value;
        break;
    case 'o':
        package->source_name = value;
        break;
    case 'L':
        package->licenses = value;
        break;
    default:
        break;
    }
    return true;
}

static int end_stanza(struct catalogue *run, struct package *package, bool cut, struct span before, struct err *err) {
    char name[64];
    if (cut) {
        catalogue_fault(run, ERR_FORMAT, "the last entry ends early, after package %s",
                        before.size == 0 ? "none" : text_quote(before, name, sizeof name));
        return 0;
    }
    if (span_equal(package->source_name, package->name))
        package->source_name = (struct span){NULL, 0};
    return catalogue_add(run, *package, err);
}

static int parse(struct catalogue *run, struct err *err) {
    const struct package fresh = {.type = PACKAGE_APK, .evidence = EVIDENCE_INSTALLED};
    struct reader r = reader_init(run->body);
    struct package package = fresh;
    struct span line, folder = {NULL, 0}, before = {NULL, 0};
    bool begun = false;
    for (;;) {
        bool more = read_line(&r, &line);
        if (more && line.size > 0) {
            begun = true;
            if (own_line(run, &package, line, &folder, err) < 0)
                return -1;
            if (!add_line(&package, line))
                catalogue_fault(run, ERR_FORMAT, "a line near byte %zu is no field", r.offset);
            /* A field that identifies the package is only believed when its line is whole. */
            bool whole = reader_left(&r) > 0 || run->body.data[run->body.size - 1] == '\n';
            if (!whole && memchr("PVAoL", line.data[0], 5) != NULL)
                package.version = (struct span){NULL, 0};
            continue;
        }
        bool cut = !more && (package.name.size == 0 || package.version.size == 0);
        if (begun && end_stanza(run, &package, cut, before, err) < 0)
            return -1;
        if (!more)
            break;
        if (package.name.size > 0)
            before = package.name;
        package = fresh;
        folder = (struct span){NULL, 0};
        begun = false;
    }
    /* apk ends every line: what would have followed is lost. */
    if (run->fault_count == 0 && run->body.size > 0 && run->body.data[run->body.size - 1] != '\n')
        catalogue_fault(run, ERR_FORMAT, "the file ends inside a line");
    return 0;
}

const struct cataloguer cataloguer_apk = {.name = "apk", .type = PACKAGE_APK, .paths = paths, .parse = parse};
