/* Bundler's lock file: sections in capitals at the margin; under "specs:" a line of four spaces is a locked gem with
 * its version, a deeper one what that gem asks for. Spec: Bundler's Bundler::LockfileParser, as its documentation
 * describes the format. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/Gemfile.lock", "**/gems.locked", "**/Gemfile.next.lock", NULL};

/* "1.13.1-x86_64-linux" → "1.13.1": versions of gems have no '-', platforms follow one. */
static struct span without_platform(struct span version) {
    struct span rest = version;
    return text_cut(&rest, '-');
}

static int parse(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    bool inside_specs = false;
    while (read_line(&r, &line)) {
        size_t indent = 0;
        while (indent < line.size && line.data[indent] == ' ')
            indent++;
        struct span text = text_trim(line);
        if (text.size == 0 || indent < 4) {
            inside_specs = indent == 2 && span_is(text, "specs:");
            continue;
        }
        if (!inside_specs || indent != 4)
            continue;
        struct span version = text;
        struct span name = text_trim(text_cut(&version, '('));
        if (!span_ends(version, ")")) {
            catalogue_fault(run, ERR_FORMAT, "a gem near byte %zu has no version", r.offset);
            continue;
        }
        version.size--;
        const struct package package = {
            .type = PACKAGE_GEM, .evidence = EVIDENCE_DECLARED, .name = name, .version = without_platform(version)};
        if (catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

const struct cataloguer cataloguer_gemfile_lock = {
    .name = "gemfile-lock", .type = PACKAGE_GEM, .paths = paths, .parse = parse};
