/* Which files are whose, where that stands apart from the database: dpkg's and opkg's
 * info/<package>[:architecture].list and .md5sums, the md5sums beside distroless images' status.d, and pacman's
 * "files". No package is listed from them. Spec: dpkg-query(1) "listfiles", deb-md5sums(5); libalpm's local database.
 */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/lib/dpkg/info/*.list",        "**/lib/dpkg/info/*.md5sums", "**/lib/opkg/info/*.list",
    "**/lib/dpkg/status.d/*.md5sums", "**/pacman/local/*/files",    NULL,
};

static struct span cut_end(struct span text, const char *end) {
    return span_ends(text, end) ? span_slice(text, 0, text.size - strlen(end)) : text;
}

/* "<hash>  path" of md5sums; a list has the path alone, of folders too. */
static int add_lines(struct catalogue *run, const struct package_owner *owner, bool hashed, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        if (hashed) {
            (void)text_cut(&line, ' ');
            line = text_trim(line);
        }
        if (line.size > 1 && catalogue_own(run, owner, (struct span){NULL, 0}, line, err) < 0)
            return -1;
    }
    return 0;
}

static int parse_dpkg(struct catalogue *run, struct err *err) {
    size_t slash = span_index_last(run->path, '/');
    bool hashed = span_ends(run->path, ".md5sums");
    struct span name = cut_end(span_from(run->path, slash == SIZE_MAX ? 0 : slash + 1), hashed ? ".md5sums" : ".list");
    struct package_owner owner = {.type = PACKAGE_DEB};
    if (span_find(run->path, span_text("/opkg/"), 0) != SIZE_MAX)
        owner.type = PACKAGE_OPKG;
    owner.proves = text_glob(span_text("**/status.d/*"), run->path);
    struct span architecture = name;
    owner.name = text_cut(&architecture, ':');
    owner.architecture = architecture;
    return add_lines(run, &owner, hashed, err);
}

/* local/<name>-<version>-<release>/files: what stands under %FILES%, folders with a "/" at their end. */
static int parse_pacman(struct catalogue *run, struct err *err) {
    struct span folder = cut_end(run->path, "/files");
    size_t slash = span_index_last(folder, '/');
    folder = span_from(folder, slash == SIZE_MAX ? 0 : slash + 1);
    for (int i = 0; i < 2; i++) {
        size_t dash = span_index_last(folder, '-');
        if (dash == SIZE_MAX)
            return 0;
        folder.size = dash;
    }
    const struct package_owner owner = {.type = PACKAGE_ALPM, .name = folder};
    struct reader r = reader_init(run->body);
    struct span line;
    bool wanted = false;
    while (read_line(&r, &line)) {
        if (span_starts(line, "%"))
            wanted = span_is(line, "%FILES%");
        else if (wanted && line.size > 0 && !span_ends(line, "/") &&
                 catalogue_own(run, &owner, (struct span){NULL, 0}, line, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    return span_ends(run->path, "/files") ? parse_pacman(run, err) : parse_dpkg(run, err);
}

const struct cataloguer cataloguer_files = {.name = "files", .type = PACKAGE_DEB, .paths = paths, .parse = parse};
