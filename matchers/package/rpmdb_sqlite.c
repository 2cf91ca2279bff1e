/* rpmdb.sqlite: a table Packages(hnum, blob), a header in each blob. */
#include "base/parse/sqlite.h"
#include "matchers/package/rpmdb.h"

struct rows {
    struct catalogue *run;
    size_t count;
};

static int add_row(void *context, struct span record, struct err *err) {
    struct rows *rows = context;
    struct sqlite_value blob;
    rows->count++;
    if (!sqlite_column(record, 1, &blob)) {
        catalogue_fault(rows->run, ERR_FORMAT, "a row without a header, after %zu packages", rows->run->package_count);
        return 0;
    }
    return rpm_header_add(rows->run, blob.bytes, err);
}

int rpmdb_sqlite_read(struct catalogue *run, struct err *err) {
    struct rows rows = {.run = run, .count = 0};
    struct sqlite sqlite;
    if (sqlite_open(run->body, &sqlite, err) < 0)
        return -1;
    struct err damaged = {0};
    if (sqlite_each(&sqlite, "Packages", add_row, &rows, &damaged) < 0 &&
        !(damaged.code == ERR_NOTFOUND && sqlite.uses_log))
        return err_set(err, damaged.code == ERR_NOTFOUND ? ERR_FORMAT : damaged.code, 0, "%s", damaged.text);
    /* All rows may stand in the log, which is another file: an empty list must not look clean. */
    if (rows.count == 0 && sqlite.uses_log)
        catalogue_fault(run, ERR_UNSUPPORTED, "no packages here: they may stand in the -wal file, which is not read");
    return 0;
}
