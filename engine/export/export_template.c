/* Templates of the user's own: text with names in double braces, sections over a table's rows, conditions. Nothing of
 * it runs a program, opens a file or calls itself; every value is escaped, for a terminal unless it says for what. The
 * manual page trawl-export(1) has the language.
 *
 * A template is parsed once into a flat list of steps. Rows are rendered as they come, each section into a file without
 * a name; at the end the text between the sections is written with them in their places, so that counts are known
 * wherever they stand. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/export/export_escape.h"
#include "engine/export/export_finding.h"
#include "io/file/file.h"
#include "io/file/spool.h"

#define SECTIONS_MAX ((size_t)64)
#define IF_DEPTH_MAX ((size_t)16)

enum filter {
    FILTER_PLAIN,
    FILTER_RAW,
    FILTER_JSON,
    FILTER_HTML,
    FILTER_CSV,
    FILTER_URL,
    FILTER_SHELL,
    FILTER_MARKDOWN
};

static const char *const filter_names[] = {"plain", "raw", "json", "html", "csv", "url", "shell", "markdown"};

enum step_kind { STEP_TEXT, STEP_VALUE, STEP_SECTION, STEP_SECTION_END, STEP_IF, STEP_IF_END };

/* Names beside the columns of a table. */
enum own_name {
    OWN_NONE, /* a column */
    OWN_SWEEP_ID,
    OWN_TOOL_VERSION,
    OWN_STARTED_AT,
    OWN_FINISHED_AT,
    OWN_COUNT,  /* of `table`'s rows */
    OWN_TARGET, /* in a section: the first image of the row, and how many there are */
    OWN_IMAGES
};

struct step {
    enum step_kind kind;
    struct span text; /* STEP_TEXT; STEP_IF: what must be equal, or data NULL */
    enum own_name own;
    enum table table; /* of a section or a count */
    size_t column;
    enum filter filter;
    bool negated;
    size_t jump; /* STEP_IF and STEP_SECTION: the step that ends it */
    size_t section;
};

struct section {
    struct spool spool;
    size_t step;
    enum table table;
};

struct template {
    struct finding_maker maker;
    const struct exporter_options *options;
    struct buf source;
    VEC(struct step) steps;
    struct section sections[SECTIONS_MAX];
    size_t section_count;
    struct buf out, value;
    uint64_t counts[TABLE_COUNT];
};

/* ---- parsing ---- */

struct template_parser {
    struct template *template;
    size_t line;
    bool in_section;
    size_t section_step;
    size_t ifs[IF_DEPTH_MAX];
    size_t if_count, if_base; /* of them opened outside of the section */
};

static int template_bad(const struct template_parser *parser, const char *what, struct span tag, struct err *err) {
    char quoted[80];
    return err_set(err, ERR_USAGE, 0, "template %s, line %zu: %s: '{{%s}}'", parser->template->options->template_path,
                   parser->line, what, text_quote(tag, quoted, sizeof quoted));
}

static bool step_add(struct template *template, struct step step) { return vec_push(&template->steps, step); }

static bool own_find(const struct template_parser *parser, struct span name, struct step *step) {
    static const struct {
        const char *name;
        enum own_name own;
        bool of_row;
    } owns[] = {{"sweep_id", OWN_SWEEP_ID, false},     {"tool_version", OWN_TOOL_VERSION, false},
                {"started_at", OWN_STARTED_AT, false}, {"finished_at", OWN_FINISHED_AT, false},
                {"target", OWN_TARGET, true},          {"images", OWN_IMAGES, true}};
    if (span_starts(name, "count.") && table_find(span_from(name, 6), &step->table)) {
        step->own = OWN_COUNT;
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(owns); i++) {
        if (span_is(name, owns[i].name) && (!owns[i].of_row || parser->in_section)) {
            step->own = owns[i].own;
            return true;
        }
    }
    return false;
}

/* A column of the section's table, or a name of our own; columns go first. */
static int name_resolve(const struct template_parser *parser, struct span name, struct span tag, struct step *step,
                        struct err *err) {
    if (parser->in_section) {
        step->table = parser->template->steps.data[parser->section_step].table;
        step->column = table_column(step->table, name);
        if (step->column != SIZE_MAX)
            return 0;
    }
    if (own_find(parser, name, step))
        return 0;
    return template_bad(
        parser, parser->in_section ? "the table has no such column" : "no such name outside of a section", tag, err);
}

static int if_open(struct template_parser *parser, struct span rest, bool negated, struct span tag, struct err *err) {
    struct step step = {.kind = STEP_IF, .negated = negated};
    struct span value = rest;
    struct span name = text_trim(text_cut(&value, '='));
    if (parser->if_count == IF_DEPTH_MAX)
        return template_bad(parser, "conditions are nested too deeply", tag, err);
    if (value.data != NULL)
        step.text = text_trim(value);
    if (name_resolve(parser, name, tag, &step, err) < 0)
        return -1;
    parser->ifs[parser->if_count++] = parser->template->steps.count;
    return step_add(parser->template, step) ? 0 : err_set(err, ERR_NOMEM, 0, "export: out of memory");
}

static int if_close(struct template_parser *parser, bool negated, struct span tag, struct err *err) {
    if (parser->if_count == parser->if_base)
        return template_bad(parser, "nothing is open that this closes", tag, err);
    struct step *open = &parser->template->steps.data[parser->ifs[--parser->if_count]];
    if (open->negated != negated)
        return template_bad(parser, "another condition is open", tag, err);
    open->jump = parser->template->steps.count;
    return step_add(parser->template, (struct step){.kind = STEP_IF_END})
               ? 0
               : err_set(err, ERR_NOMEM, 0, "export: out of memory");
}

static int section_open(struct template_parser *parser, struct span name, struct span tag, struct err *err) {
    struct template *template = parser->template;
    struct step step = {.kind = STEP_SECTION, .section = template->section_count};
    if (!table_find(name, &step.table))
        return template_bad(parser, "no such table", tag, err);
    if (parser->in_section)
        return template_bad(parser, "a section cannot hold another", tag, err);
    if (template->section_count == SECTIONS_MAX)
        return template_bad(parser, "more than 64 sections", tag, err);
    parser->in_section = true;
    parser->section_step = template->steps.count;
    parser->if_base = parser->if_count;
    struct section *section = &template->sections[template->section_count++];
    section->step = template->steps.count;
    section->table = step.table;
    if (spool_open(&section->spool, err) < 0)
        return -1;
    return step_add(template, step) ? 0 : err_set(err, ERR_NOMEM, 0, "export: out of memory");
}

static int section_close(struct template_parser *parser, struct span name, struct span tag, struct err *err) {
    struct template *template = parser->template;
    if (!parser->in_section || parser->if_count != parser->if_base ||
        !span_is(name, table_info(template->steps.data[parser->section_step].table)->name))
        return template_bad(parser, "another section or condition is open", tag, err);
    template->steps.data[parser->section_step].jump = template->steps.count;
    parser->in_section = false;
    parser->if_base = 0;
    return step_add(template, (struct step){.kind = STEP_SECTION_END})
               ? 0
               : err_set(err, ERR_NOMEM, 0, "export: out of memory");
}

static int value_parse(struct template_parser *parser, struct span tag, struct err *err) {
    struct step step = {.kind = STEP_VALUE};
    struct span filter = tag;
    struct span name = text_trim(text_cut(&filter, '|'));
    if (filter.data != NULL) {
        filter = text_trim(filter);
        size_t i = 0;
        while (i < ARRAY_COUNT(filter_names) && !span_is(filter, filter_names[i]))
            i++;
        if (i == ARRAY_COUNT(filter_names))
            return template_bad(parser, "expected plain, raw, json, html, csv, url, shell or markdown behind the bar",
                                tag, err);
        step.filter = (enum filter)i;
    }
    if (name_resolve(parser, name, tag, &step, err) < 0)
        return -1;
    return step_add(parser->template, step) ? 0 : err_set(err, ERR_NOMEM, 0, "export: out of memory");
}

static int tag_parse(struct template_parser *parser, struct span tag, struct err *err) {
    struct span body = text_trim(tag);
    if (span_starts(body, "!"))
        return 0; /* a comment */
    if (span_starts(body, "#if "))
        return if_open(parser, span_from(body, 4), false, tag, err);
    if (span_starts(body, "#unless "))
        return if_open(parser, span_from(body, 8), true, tag, err);
    if (span_is(body, "/if"))
        return if_close(parser, false, tag, err);
    if (span_is(body, "/unless"))
        return if_close(parser, true, tag, err);
    if (span_starts(body, "#"))
        return section_open(parser, text_trim(span_from(body, 1)), tag, err);
    if (span_starts(body, "/"))
        return section_close(parser, text_trim(span_from(body, 1)), tag, err);
    return value_parse(parser, body, err);
}

static int template_parse(struct template *template, struct err *err) {
    struct template_parser parser = {.template = template, .line = 1};
    struct span rest = buf_span(&template->source);
    while (rest.size > 0) {
        size_t open = span_find(rest, span_text("{{"), 0);
        struct span text = span_slice(rest, 0, open);
        if (text.size > 0 && !step_add(template, (struct step){.kind = STEP_TEXT, .text = text}))
            return err_set(err, ERR_NOMEM, 0, "export: out of memory");
        for (size_t i = 0; i < text.size; i++)
            parser.line += text.data[i] == '\n';
        if (open == SIZE_MAX)
            break;
        size_t close = span_find(rest, span_text("}}"), open + 2);
        if (close == SIZE_MAX)
            return template_bad(&parser, "braces that nothing closes", span_slice(rest, open + 2, 40), err);
        struct span tag = span_slice(rest, open + 2, close - open - 2);
        if (tag_parse(&parser, tag, err) < 0)
            return -1;
        for (size_t i = 0; i < tag.size; i++)
            parser.line += tag.data[i] == '\n';
        rest = span_from(rest, close + 2);
        /* A tag alone on its line, other than a value, takes the line with it. */
        bool own_line = template->steps.count > 0 && template->steps.data[template->steps.count - 1].kind != STEP_VALUE;
        bool at_start = text.size == 0 ? open == 0 && rest.size > 0 : text.data[text.size - 1] == '\n';
        if (own_line && at_start && rest.size > 0 && rest.data[0] == '\n') {
            rest = span_from(rest, 1);
            parser.line++;
        }
    }
    if (parser.in_section || parser.if_count > 0)
        return template_bad(&parser, "the end, with something open", span_text("…"), err);
    return 0;
}

/* ---- rendering ---- */

static void list_value(struct buf *value, const struct row_view *view, size_t column, bool is_map) {
    struct row_items items = is_map ? row_view_map(view, column) : row_view_list(view, column);
    size_t number = 0;
    for (struct span item; row_items_next(&items, &item); number++) {
        buf_text(value, number == 0 ? "" : is_map && number % 2 == 1 ? "=" : ", ");
        buf_add(value, item);
    }
}

static void column_value(struct buf *value, const struct row_view *view, size_t column) {
    enum column_type type = table_info(view->table)->columns[column].type;
    char time[CLOCK_TEXT_SIZE];
    if (row_view_is_nil(view, column))
        return;
    if (type == COLUMN_TEXT)
        buf_add(value, row_view_text(view, column));
    else if (type == COLUMN_TIME)
        buf_text(value, clock_text(row_view_time(view, column), time));
    else if (type == COLUMN_TEXT_LIST || type == COLUMN_TEXT_MAP)
        list_value(value, view, column, type == COLUMN_TEXT_MAP);
    else
        export_json_column(value, view, column);
}

static void own_value(struct template *template, const struct step *step, const struct row_view *view) {
    struct buf *value = &template->value;
    const struct export_run *run = &template->options->run;
    const struct export_holders *holders = view == NULL ? NULL : export_images_of(&template->maker.images, view);
    char time[CLOCK_TEXT_SIZE];
    switch (step->own) {
    case OWN_SWEEP_ID:
        buf_add(value, run->sweep_id);
        break;
    case OWN_TOOL_VERSION:
        buf_text(value, TRAWL_VERSION);
        break;
    case OWN_STARTED_AT:
        buf_text(value, clock_text(finding_run_start(&template->maker, run), time));
        break;
    case OWN_FINISHED_AT:
        buf_text(value, clock_text(finding_run_end(&template->maker, run), time));
        break;
    case OWN_COUNT:
        buf_format(value, "%" PRIu64, template->counts[step->table]);
        break;
    case OWN_TARGET:
        if (holders != NULL)
            buf_add(value, holders->first->reference);
        break;
    case OWN_IMAGES:
        buf_format(value, "%" PRIu64, holders == NULL ? 0 : holders->count);
        break;
    case OWN_NONE:
        break;
    }
}

/* The step's value into template->value. */
static void value_make(struct template *template, const struct step *step, const struct row_view *view) {
    buf_reset(&template->value);
    if (step->own != OWN_NONE)
        own_value(template, step, view);
    else
        column_value(&template->value, view, step->column);
}

static void value_add(struct template *template, const struct step *step, const struct row_view *view) {
    struct buf *out = &template->out;
    value_make(template, step, view);
    struct span value = buf_span(&template->value);
    switch (step->filter) {
    case FILTER_PLAIN:
        escape_plain(out, value);
        break;
    case FILTER_RAW:
        buf_add(out, value);
        break;
    case FILTER_JSON:
        if (step->own == OWN_NONE && view != NULL)
            export_json_column(out, view, step->column);
        else
            buf_json_text(out, value);
        break;
    case FILTER_HTML:
        escape_markup(out, value, false);
        break;
    case FILTER_CSV:
        escape_csv(out, value, true);
        break;
    case FILTER_URL:
        buf_percent(out, value);
        break;
    case FILTER_SHELL:
        escape_shell(out, value);
        break;
    case FILTER_MARKDOWN:
        escape_markdown(out, value);
        break;
    }
}

static bool condition_holds(struct template *template, const struct step *step, const struct row_view *view) {
    value_make(template, step, view);
    struct span value = buf_span(&template->value);
    bool holds = step->text.data != NULL ? span_equal(value, step->text)
                                         : value.size > 0 && !span_is(value, "false") && !span_is(value, "0");
    return holds != step->negated;
}

static int section_copy(struct template *template, const struct section *section, FILE *file, struct err *err) {
    uint8_t block[8192];
    if (export_write(file, buf_span(&template->out), err) < 0)
        return -1;
    buf_reset(&template->out);
    for (uint64_t offset = 0; offset < section->spool.size;) {
        size_t got = 0;
        if (file_read_part(section->spool.fd, offset, block, sizeof block, &got, err) < 0 ||
            export_write(file, span_make(block, got), err) < 0)
            return -1;
        if (got == 0)
            return err_set(err, ERR_IO, 0, "export: a temporary file is shorter than what was written to it");
        offset += got;
    }
    return 0;
}

/* Steps from `at` to `end`, which is not one of them. Sections are copied to `file` where they stand. */
static int steps_render(struct template *template, size_t at, size_t end, const struct row_view *view, FILE *file,
                        struct err *err) {
    for (; at < end; at++) {
        const struct step *step = &template->steps.data[at];
        switch (step->kind) {
        case STEP_TEXT:
            buf_add(&template->out, step->text);
            break;
        case STEP_VALUE:
            value_add(template, step, view);
            break;
        case STEP_IF:
            if (!condition_holds(template, step, view))
                at = step->jump;
            break;
        case STEP_SECTION:
            if (section_copy(template, &template->sections[step->section], file, err) < 0)
                return -1;
            at = step->jump;
            break;
        case STEP_SECTION_END:
        case STEP_IF_END:
            break;
        }
    }
    return template->out.failed || template->value.failed ? err_set(err, ERR_NOMEM, 0, "export: out of memory") : 0;
}

/* ---- the exporter ---- */

static void template_release(void *state) {
    struct template *template = state;
    if (template == NULL)
        return;
    for (size_t i = 0; i < template->section_count; i++)
        spool_close(&template->sections[i].spool);
    finding_maker_release(&template->maker);
    buf_release(&template->source);
    buf_release(&template->out);
    buf_release(&template->value);
    vec_release(&template->steps);
    mem_free(template);
}

static int template_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    if (options->template_path == NULL)
        return err_set(err, ERR_USAGE, 0, "format template: expected --template FILE with it");
    struct template *template = mem_zalloc(sizeof *template);
    if (template == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    finding_maker_init(&template->maker);
    template->options = options;
    for (size_t i = 0; i < SECTIONS_MAX; i++)
        template->sections[i].spool.fd = -1;
    buf_init(&template->source, LIMIT_MIB);
    if (file_read(options->template_path, &template->source, err) < 0) {
        (void)err_wrap(err, "template");
        err->code = ERR_USAGE;
        template_release(template);
        return -1;
    }
    if (template_parse(template, err) < 0) {
        template_release(template);
        return -1;
    }
    *ret_state = template;
    return 0;
}

static int template_row(void *state, const struct exporter_options *options, const struct row_view *view,
                        struct err *err) {
    (void)options;
    struct template *template = state;
    if (export_images_row(&template->maker.images, view, err) < 0)
        return -1;
    template->counts[view->table]++;
    for (size_t i = 0; i < template->section_count; i++) {
        struct section *section = &template->sections[i];
        if (section->table != view->table)
            continue;
        buf_reset(&template->out);
        if (steps_render(template, section->step + 1, template->steps.data[section->step].jump, view, NULL, err) < 0 ||
            spool_add(&section->spool, buf_span(&template->out), err) < 0)
            return -1;
    }
    return 0;
}

static int template_end(void *state, const struct exporter_options *options, struct err *err) {
    struct template *template = state;
    buf_reset(&template->out);
    if (steps_render(template, 0, template->steps.count, NULL, options->out, err) < 0)
        return -1;
    return export_write(options->out, buf_span(&template->out), err);
}

const struct exporter_kind exporter_template = {
    .name = "template",
    .is_ordered = true,
    .begin = template_begin,
    .row = template_row,
    .end = template_end,
    .release = template_release,
};
