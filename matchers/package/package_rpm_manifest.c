/* The list that Azure Linux and Mariner leave in images without a database: what `rpm -qa` prints, one line a package,
 * fields with tabs between them: name, version-release, installed, built, vendor, epoch, size, architecture, epoch as a
 * number, source. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/rpmdb.h"

static const char *const paths[] = {"**/var/lib/rpmmanifest/container-manifest-2", NULL};

enum { FIELD_NAME, FIELD_VERSION, FIELD_EPOCH = 5, FIELD_ARCH = 7, FIELD_SOURCE = 9, FIELD_COUNT };

static int add_line(struct catalogue *run, struct span line, struct err *err) {
    struct span fields[FIELD_COUNT] = {{NULL, 0}};
    size_t count = 0;
    for (; count < FIELD_COUNT && line.data != NULL; count++)
        fields[count] = text_cut(&line, '\t');
    if (count < FIELD_COUNT) {
        catalogue_fault(run, ERR_FORMAT, "a line of %zu fields: expected %d, after %zu packages", count, FIELD_COUNT,
                        run->package_count);
        return 0;
    }
    struct package package = {.type = PACKAGE_RPM,
                              .evidence = EVIDENCE_INSTALLED,
                              .name = fields[FIELD_NAME],
                              .version = fields[FIELD_VERSION],
                              .architecture = fields[FIELD_ARCH]};
    uint64_t epoch;
    if (text_u64(fields[FIELD_EPOCH], 10, UINT32_MAX, &epoch) && epoch > 0 && package.version.size > 0) {
        const char *version = arena_format(run->scratch, "%" PRIu64 ":%.*s", epoch, SPAN_FORMAT(fields[FIELD_VERSION]));
        if (version == NULL)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        package.version = span_text(version);
    }
    rpm_source_split(fields[FIELD_SOURCE], &package);
    return catalogue_add(run, package, err);
}

static int parse(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        if (text_trim(line).size > 0 && add_line(run, line, err) < 0)
            return -1;
    }
    return 0;
}

const struct cataloguer cataloguer_rpm_manifest = {
    .name = "rpm-manifest", .type = PACKAGE_RPM, .paths = paths, .parse = parse};
