#include "tests/support/catalogue_case.h"

#include "base/arena.h"

static void add_licenses(struct buf *out, struct span licenses) {
    buf_text(out, " license=");
    for (size_t i = 0; i < licenses.size; i++)
        buf_byte(out, licenses.data[i] == '\n' ? '|' : licenses.data[i]);
}

int catalogue_case_render(void *context, const struct package *package, struct err *err) {
    struct buf *out = context;
    (void)err;
    buf_format(out, "%s ", package_type_name(package->type));
    buf_add(out, package->name);
    buf_byte(out, ' ');
    buf_add(out, package->version);
    if (package->architecture.size > 0) {
        buf_text(out, " arch=");
        buf_add(out, package->architecture);
    }
    if (package->source_name.size > 0 || package->source_version.size > 0) {
        buf_text(out, " from=");
        buf_add(out, package->source_name);
        buf_text(out, "(");
        buf_add(out, package->source_version);
        buf_text(out, ")");
    }
    if (package->licenses.size > 0)
        add_licenses(out, package->licenses);
    if (package->evidence != EVIDENCE_INSTALLED)
        buf_format(out, " %s", package_evidence_name(package->evidence));
    buf_byte(out, '\n');
    return 0;
}

/* The run of a cataloguer that has no row: what catalogue_file() does for the others, without its wording. */
static int run_alone(const struct cataloguer *cataloguer, const struct catalogue_input *input, struct arena *scratch,
                     struct buf *out, struct err *err) {
    struct catalogue run = {
        .path = input->path, .body = input->body, .scratch = scratch, .emit = catalogue_case_render, .context = out};
    if (cataloguer->parse(&run, err) < 0)
        return -1;
    return run.fault_count == 0 ? 0 : err_set(err, run.fault.code, 0, "%s", run.fault.text);
}

/* Whether the error is the one after "! ". */
static bool error_fits(const char *mark, int result, const struct err *err) {
    struct span text = span_text(mark + 2);
    struct span code = span_slice(text, 0, strcspn(mark + 2, " "));
    struct span words = span_from(text, code.size + 1);
    return result == -1 && span_is(code, err_code_name(err->code)) &&
           span_find(span_text(err->text), words, 0) != SIZE_MAX;
}

static bool run_bytes(const struct cataloguer *cataloguer, enum cataloguer_id id, const struct catalogue_case *item,
                      struct span bytes) {
    struct arena scratch;
    AUTO_BUF struct buf out;
    struct err err = {0};
    /* A copy of exactly the body's size, so that a sanitizer sees a read past its end. */
    size_t size = bytes.size;
    AUTO_FREE uint8_t *body = mem_alloc(size);
    buf_init(&out, 0);
    if (body == NULL)
        return false;
    if (size > 0)
        memcpy(body, bytes.data, size);
    const struct catalogue_input input = {.path = span_text(item->path), .body = {body, size}};
    arena_init(&scratch, 0, 0);
    int result = cataloguer == NULL ? catalogue_file(id, &input, &scratch, catalogue_case_render, &out, &err)
                                    : run_alone(cataloguer, &input, &scratch, &out, &err);
    const char *mark = strstr(item->expect, "! ");
    struct span packages = span_text(item->expect);
    if (mark != NULL)
        packages.size = (size_t)(mark - item->expect);
    bool fits = (mark == NULL ? result == 0 : error_fits(mark, result, &err)) && span_equal(buf_span(&out), packages);
    if (!fits)
        (void)fprintf(stderr, "%s: expected\n%s\ngot\n%.*s(%d %s %s)\n", item->title, item->expect,
                      SPAN_FORMAT(buf_span(&out)), result, err_code_name(err.code), err.text);
    arena_release(&scratch);
    return fits;
}

bool catalogue_bytes_run(enum cataloguer_id id, const char *path, struct span body, const char *expect) {
    const struct catalogue_case item = {.title = path, .path = path, .expect = expect};
    return run_bytes(NULL, id, &item, body);
}

bool catalogue_case_run(const struct cataloguer *cataloguer, enum cataloguer_id id, const struct catalogue_case *cases,
                        size_t count) {
    bool fits = true;
    for (size_t i = 0; i < count; i++)
        fits = run_bytes(cataloguer, id, &cases[i], span_text(cases[i].body)) && fits;
    return fits;
}
