/* The template for a new cataloguer. Copy it to package_<kind>.c, rename the object, add a row to cataloguer.def, and a
 * table of small inputs to tests/unit/test_package_<kind>.c; classify, the engine and the fuzz target find it through
 * the row. Say here what the file is, who writes it, and which specification describes it.
 *
 * This one is complete and tested but has no row: it reads lines of "name version", '#' begins a comment. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

extern const struct cataloguer cataloguer_skeleton; /* a row in cataloguer.def does this for a real one */

/* Globs as narrow as the format allows: every file they match is read whole. `**` "/" also matches nothing. The last
 * component, its extension, or the folder before a "*" has to be literal, because classify dispatches on it. */
static const char *const paths[] = {
    "**/skeleton.list",
    "!**/testdata/**", /* takes back what the others gave */
    NULL,
};

static int parse(struct catalogue *run, struct err *err) {
    /* All bytes are hostile: a reader for binary data, read_line() and base/text.h for text, base/parse for documents.
     * Memory comes from run->scratch, which is reset after the file; nothing is freed here. */
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        line = text_trim(text_cut(&line, '#'));
        if (line.size == 0)
            continue;
        struct span version = line;
        struct span name = text_cut(&version, ' ');
        /* What cannot be read is said and left out; the rest of the file still counts. Return an error only where the
         * file as a whole makes no sense. */
        if (text_trim(version).size == 0) {
            catalogue_fault(run, ERR_FORMAT, "a line near byte %zu has no version", r.offset);
            continue;
        }
        struct package package = {
            .type = PACKAGE_GENERIC,
            .evidence = EVIDENCE_INSTALLED, /* or DECLARED: a lock file says what is wanted, not what is there */
            .name = name,
            .version = text_trim(version),
        };
        /* Checks names, versions and limits for all cataloguers, and fills in the path. */
        if (catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

const struct cataloguer cataloguer_skeleton = {
    .name = "skeleton", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
