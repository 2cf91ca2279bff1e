/* What a distribution says that its packages do not have: lines of CVE, ecosystem, source package and a note, apart by
 * tabs. No range of the package then counts for that CVE. */
#include "base/reader.h"
#include "base/text.h"
#include "engine/vulndb/vulndb_draft.h"

static bool not_affected_recognise(struct span bytes) {
    struct reader r = reader_init(span_slice(bytes, 0, 4096));
    struct span line;
    if (!read_line(&r, &line) || !span_starts(line, "CVE-"))
        return false;
    (void)text_cut(&line, '\t');
    struct span ecosystem = text_cut(&line, '\t');
    return line.data != NULL && ecosystem.size > 0 && text_is_alpha(ecosystem.data[0]);
}

static int not_affected_read(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                             struct err *err) {
    (void)scratch;
    struct reader r = reader_init(bytes);
    struct span line;
    uint64_t wrong = 0;
    while (read_line(&r, &line)) {
        if (line.size == 0 || line.data[0] == '#')
            continue;
        struct span cve = text_cut(&line, '\t');
        struct span ecosystem = text_cut(&line, '\t');
        struct span package = text_cut(&line, '\t');
        int added = vulndb_add_not_affected(build, ecosystem, package, cve, err);
        if (added < 0)
            return -1;
        wrong += added == 0;
    }
    vulndb_problem_lines(build, name, wrong, "name no CVE and package");
    return 0;
}

const struct feed feed_not_affected = {"not_affected", not_affected_recognise, not_affected_read};
