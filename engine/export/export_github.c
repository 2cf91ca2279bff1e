/* Annotations of a GitHub workflow: a command a line on standard output, which the runner turns into marks on files.
 * The runner shows ten of a kind for a step: the worst should come first, so what is no error is held back until the
 * end, within a bound. */
#include "base/limits.h"
#include "engine/export/export_escape.h"
#include "engine/export/export_finding.h"

static int github_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    *ret_state = finding_document_new(err);
    return *ret_state == NULL ? -1 : 0;
}

static int github_row(void *state, const struct exporter_options *options, const struct row_view *view,
                      struct err *err) {
    struct finding_document *document = state;
    struct finding finding;
    if (export_images_row(&document->maker.images, view, err) < 0)
        return -1;
    if (!finding_make(&document->maker, view, &finding) || finding_is_suppressed(&finding))
        return 0;
    struct buf *line = &document->text;
    buf_reset(line);
    buf_format(line, "::%s file=",
               finding.severity >= SEVERITY_HIGH     ? "error"
               : finding.severity == SEVERITY_MEDIUM ? "warning"
                                                     : "notice");
    escape_github(line, finding.path.size > 0 ? finding.path : finding.target, true);
    if (finding.line > 0)
        buf_format(line, ",line=%" PRIu64, finding.line);
    if (finding.end_line > finding.line)
        buf_format(line, ",endLine=%" PRIu64, finding.end_line);
    buf_text(line, ",title=");
    escape_github(line, finding.title, true);
    buf_text(line, "::");
    escape_github(line, finding.description, false);
    buf_text(line, ". ");
    escape_github(line, finding.remedy, false);
    if (finding.target.size > 0) {
        buf_text(line, " (");
        escape_github(line, finding.target, false);
        buf_text(line, ")");
    }
    buf_byte(line, '\n');
    if (finding_maker_failed(&document->maker) || line->failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    if (finding.severity >= SEVERITY_HIGH || document->json.text.size > 64 * LIMIT_MIB)
        return export_write(options->out, buf_span(line), err);
    buf_add(&document->json.text, buf_span(line));
    return 0;
}

static int github_end(void *state, const struct exporter_options *options, struct err *err) {
    struct finding_document *document = state;
    return finding_document_flush(document, options->out, true, err);
}

static void github_release(void *state) { finding_document_free(state); }

const struct exporter_kind exporter_github = {
    .name = "github",
    .is_ordered = true,
    .begin = github_begin,
    .row = github_row,
    .end = github_end,
    .release = github_release,
};
