/* Chisel's manifest.wall, which a chiselled Ubuntu has in place of dpkg's database: zstd over lines of JSON, one object
 * each, of which those of kind "package" name what slices were cut from.
 * Spec: Chisel's documentation, "Chisel manifest" and "jsonwall". */
#include "base/limits.h"
#include "base/parse/unpack.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/manifest.wall", NULL};

static int add_line(struct catalogue *run, struct span line, struct err *err) {
    struct doc *root = NULL;
    if (json_parse(run->scratch, line, doc_limits_default(), &root, err) < 0)
        return -1;
    if (!span_is(doc_text(doc_get(root, "kind")), "package"))
        return 0;
    const struct package package = {.type = PACKAGE_DEB,
                                    .evidence = EVIDENCE_INSTALLED,
                                    .name = doc_text(doc_get(root, "name")),
                                    .version = doc_text(doc_get(root, "version")),
                                    .architecture = doc_text(doc_get(root, "arch"))};
    return catalogue_add(run, package, err);
}

static int parse_wall(struct catalogue *run, struct span wall, struct err *err) {
    struct reader r = reader_init(wall);
    struct span line;
    if (!read_line(&r, &line) || span_find(line, span_text("\"jsonwall\""), 0) == SIZE_MAX)
        return err_set(err, ERR_FORMAT, 0, "expected a first line that names \"jsonwall\"");
    while (read_line(&r, &line)) {
        /* Nearly all lines are of files: only what may be a package is read as JSON. */
        if (span_find(line, span_text("\"package\""), 0) != SIZE_MAX && add_line(run, line, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    AUTO_BUF struct buf wall;
    struct err packed = {0};
    buf_init(&wall, LIMIT_CATALOGUE_BYTES);
    /* What came out of a damaged one is read all the same. */
    if (unpack_bytes(run->body, &wall, &packed) < 0 && wall.size == 0)
        return err_set(err, packed.code, 0, "%s", packed.text);
    if (parse_wall(run, buf_span(&wall), err) < 0)
        return -1;
    return packed.code == ERR_NONE ? 0 : err_set(err, packed.code, 0, "%s", packed.text);
}

const struct cataloguer cataloguer_chisel = {.name = "chisel", .type = PACKAGE_DEB, .paths = paths, .parse = parse};
