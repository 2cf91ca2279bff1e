/* Python distributions that stand as one file: eggs on sys.path, and wheels, which are not installed but lie ready.
 * Their metadata is read as that of installed ones.
 * Spec: "Binary distribution format" of the Python packaging user guide; setuptools' "The Internal Structure of Python
 * Eggs". */
#include "base/limits.h"
#include "base/parse/zip.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/*.whl", "**/*.egg", NULL};

/* In the archive's root: a wheel may carry others' metadata deeper inside. */
static bool is_metadata(struct span name) {
    struct span rest = name;
    struct span folder = text_cut(&rest, '/');
    return (span_ends(folder, ".dist-info") && span_is(rest, "METADATA")) ||
           ((span_is(folder, "EGG-INFO") || span_ends(folder, ".egg-info")) && span_is(rest, "PKG-INFO"));
}

static int member_parse(struct catalogue *run, const struct zip *zip, const struct zip_member *member, struct buf *text,
                        struct err *err) {
    struct err cause = {0};
    struct catalogue inner = *run;
    char name[64];
    if (zip_read(zip, member, text, LIMIT_ARCHIVE_METADATA_BYTES, &inner.body, &cause) < 0) {
        catalogue_fault(run, cause.code, "member %s: %s", text_quote(member->name, name, sizeof name), cause.text);
        return 0;
    }
    size_t size = run->path.size + 2 + member->name.size;
    uint8_t *path = arena_alloc(run->scratch, size);
    if (path == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    if (run->path.size > 0)
        memcpy(path, run->path.data, run->path.size);
    memcpy(path + run->path.size, "!/", 2);
    memcpy(path + run->path.size + 2, member->name.data, member->name.size);
    inner.path = (struct span){path, size};
    int result = cataloguer_python.parse(&inner, err);
    run->package_count = inner.package_count;
    run->fault_count = inner.fault_count;
    run->fault = inner.fault;
    return result;
}

static int parse(struct catalogue *run, struct err *err) {
    AUTO_BUF struct buf text;
    struct zip zip;
    struct zip_member member;
    int more;
    buf_init(&text, LIMIT_ARCHIVE_METADATA_BYTES);
    if (run->body.size == 0)
        return 0;
    if (zip_open(run->body, &zip, err) < 0)
        return -1;
    while ((more = zip_next(&zip, &member, err)) > 0) {
        if (is_metadata(member.name)) /* an archive is one distribution */
            return member_parse(run, &zip, &member, &text, err);
    }
    return more;
}

const struct cataloguer cataloguer_python_archive = {
    .name = "python-archive", .type = PACKAGE_PYPI, .paths = paths, .parse = parse};
