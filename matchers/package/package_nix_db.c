/* The databases of Nix and Guix: the table ValidPaths names every folder of the store that is whole.
 * Spec: Nix' schema.sql. */
#include "base/parse/sqlite.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/store_path.h"

static const char *const paths[] = {"nix/var/nix/db/db.sqlite", "var/guix/db/db.sqlite", NULL};

static int add_row(void *context, struct span record, struct err *err) {
    struct catalogue *run = context;
    struct sqlite_value path;
    if (!sqlite_column(record, 1, &path)) {
        catalogue_fault(run, ERR_FORMAT, "a row without a path, after %zu packages", run->package_count);
        return 0;
    }
    struct span text = span_starts(path.bytes, "/") ? span_from(path.bytes, 1) : path.bytes;
    struct span folder = catalogue_basename(text), place;
    enum package_type type = span_starts(text, "nix/") ? PACKAGE_NIX : PACKAGE_GUIX;
    if (catalogue_pair(run, text, "", span_text("/"), &place, err) < 0)
        return -1;
    return place.size == 0 ? 0 : store_path_add(run, type, folder, place, err);
}

static int parse(struct catalogue *run, struct err *err) {
    struct sqlite sqlite;
    struct err damaged = {0};
    if (sqlite_open(run->body, &sqlite, err) < 0)
        return -1;
    if (sqlite_each(&sqlite, "ValidPaths", add_row, run, &damaged) < 0)
        return err_set(err, damaged.code == ERR_NOTFOUND ? ERR_FORMAT : damaged.code, 0, "%s", damaged.text);
    return 0;
}

const struct cataloguer cataloguer_nix_db = {.name = "nix", .type = PACKAGE_NIX, .paths = paths, .parse = parse};
