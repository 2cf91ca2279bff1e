/* pip's requirements files. A line pins a version, bounds it, or just names a project; of the versions that it names,
 * the highest that it allows stands for it (pip would take the highest there is), a name alone is left out. Lines that
 * point elsewhere (files, addresses, options) are left out: what they name is a file of its own or has no version.
 * Spec: PEP 508, pip's "Requirements File Format". */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/version/version.h"

static const char *const paths[] = {"**/*requirements*.txt", "**/requirements/*.txt", "**/setup.py", NULL};

enum { CLAUSES_MAX = 64 }; /* of one line: each is held against all */

static bool is_name_byte(uint8_t c) { return text_is_alnum(c) || c == '-' || c == '_' || c == '.'; }

/* The version that a clause names and may allow: "==2.0.*" begins at 2.0.0; "<", ">" and "!=" allow others only. */
static int clause_version(struct catalogue *run, struct span clause, struct span *ret_version, struct err *err) {
    static const char *const operators[] = {"===", "==", "~=", ">=", "<="};
    *ret_version = (struct span){NULL, 0};
    for (size_t i = 0; i < ARRAY_COUNT(operators); i++) {
        if (!span_starts(clause, operators[i]))
            continue;
        struct span version = text_trim(span_from(clause, strlen(operators[i])));
        size_t star = span_ends(version, ".*") ? version.size - 1 : SIZE_MAX;
        if (star != SIZE_MAX &&
            catalogue_pair(run, span_slice(version, 0, star), "", span_text("0"), &version, err) < 0)
            return -1;
        /* What is left may be a template's variable. */
        if (text_only(version, ".-_+!"))
            *ret_version = version;
        return 0;
    }
    return 0;
}

/* The highest version that the clauses name and allow, empty when there is none or they are no clauses. */
static int pick_version(struct catalogue *run, struct span clauses, struct span *ret_version, struct err *err) {
    struct span best = {NULL, 0}, rest = clauses;
    struct err ignored = {0}; /* what is no version is no candidate */
    for (size_t count = 0; rest.size > 0 && count < CLAUSES_MAX; count++) {
        struct span version, clause = text_trim(text_cut(&rest, ','));
        bool allowed = false;
        int order = 1;
        if (clause_version(run, clause, &version, err) < 0)
            return -1;
        if (span_starts(clause, "===")) { /* compared as text: nothing else is allowed */
            best = version;
            break;
        }
        if (version.size == 0 || version_in_range(VERSION_PEP440, clauses, version, &allowed, &ignored) < 0 || !allowed)
            continue;
        if (best.size == 0 || (version_compare(VERSION_PEP440, version, best, &order, &ignored) == 0 && order > 0))
            best = version;
    }
    *ret_version = best;
    return 0;
}

/* Joins what a backslash at a line's end continues; the line is copied where that happens. */
static int next_line(struct catalogue *run, struct reader *r, struct span *ret_line, struct err *err) {
    if (!read_line(r, ret_line))
        return 0;
    while (span_ends(*ret_line, "\\")) {
        struct span more, first = span_slice(*ret_line, 0, ret_line->size - 1);
        if (!read_line(r, &more)) {
            *ret_line = first;
            break;
        }
        uint8_t *joined = arena_alloc(run->scratch, first.size + more.size + 1);
        if (joined == NULL)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        if (first.size > 0)
            memcpy(joined, first.data, first.size);
        memcpy(joined + first.size, more.data, more.size);
        *ret_line = span_make(joined, first.size + more.size);
    }
    return 1;
}

static int add_line(struct catalogue *run, struct span line, struct err *err) {
    size_t end = 0, comment = span_find(line, span_text(" #"), 0), option = span_find(line, span_text(" --"), 0);
    line = span_slice(line, 0, comment);
    line = text_trim(span_slice(line, 0, option));
    line = span_slice(line, 0, span_find(line, span_text(" @ "), 0)); /* where it is to be fetched from */
    if (line.size == 0 || line.data[0] == '#' || line.data[0] == '-' || !text_is_alnum(line.data[0]) ||
        span_find(line, span_text("://"), 0) != SIZE_MAX || span_find(line, span_text("{{"), 0) != SIZE_MAX)
        return 0;
    line = text_cut(&line, ';');
    while (end < line.size && is_name_byte(line.data[end]))
        end++;
    struct span name = span_slice(line, 0, end), rest = text_trim(span_from(line, end));
    if (span_starts(rest, "[")) { /* extras */
        (void)text_cut(&rest, ']');
        rest = text_trim(rest);
    }
    if (span_starts(rest, "(") && span_ends(rest, ")"))
        rest = span_slice(rest, 1, rest.size - 2);
    /* Prose, paths and templates: no requirement is followed by anything but a comparison. */
    if (rest.size > 0 && !catalogue_one_of(rest.data[0], "=<>~!"))
        return 0;
    struct span version;
    rest = text_trim(text_cut(&rest, '#')); /* pip wants a space before a comment, but no version holds the sign */
    if (pick_version(run, rest, &version, err) < 0)
        return -1;
    /* A name alone says nothing of what is installed. */
    if (version.size == 0 || span_ends(name, ".txt") || span_ends(name, ".whl"))
        return 0;
    return catalogue_declare(run, PACKAGE_PYPI, name, version, err);
}

/* UTF-16 with its mark, as PowerShell's redirection writes it: ASCII is all that a requirement needs. */
static int narrow(struct catalogue *run, struct span *body, struct err *err) {
    bool big = span_starts(*body, "\xfe\xff");
    if (!big && !span_starts(*body, "\xff\xfe"))
        return 0;
    uint8_t *out = arena_alloc(run->scratch, body->size / 2 + 1);
    size_t size = 0;
    if (out == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    for (size_t i = 2; i + 1 < body->size; i += 2)
        out[size++] = body->data[big ? i : i + 1] == 0 ? body->data[big ? i + 1 : i] : '?';
    *body = span_make(out, size);
    return 0;
}

/* setup.py is a program: what it pins is found as text, "name==version" in a string. What is computed is not seen. */
static int parse_setup(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        line = text_cut(&line, '#');
        for (size_t at = span_find(line, span_text("=="), 1); at != SIZE_MAX;
             at = span_find(line, span_text("=="), at + 2)) {
            size_t begin = at, end = at + 2;
            while (begin > 0 && (is_name_byte(line.data[begin - 1]) || line.data[begin - 1] == ' '))
                begin--;
            bool extras = begin > 0 && line.data[begin - 1] == ']';
            if (extras) {
                size_t from = begin > 256 ? begin - 256 : 0; /* no list of extras is longer */
                size_t open = span_index_last(span_slice(line, from, begin - from), '[');
                begin = open == SIZE_MAX ? begin : from + open;
            }
            bool is_index = extras && begin + 1 < line.size && text_is_digit(line.data[begin + 1]);
            size_t name_end = begin;
            while (extras && begin > 0 && is_name_byte(line.data[begin - 1]))
                begin--;
            struct span name = extras ? span_slice(line, begin, name_end - begin) : span_slice(line, begin, at - begin);
            name = text_trim(name);
            while (end < line.size && (line.data[end] == ' ' || line.data[end] == '='))
                end++;
            size_t version_at = end;
            while (end < line.size && (is_name_byte(line.data[end]) || catalogue_one_of(line.data[end], "+!")))
                end++;
            struct span version = span_slice(line, version_at, end - version_at);
            bool templated = end < line.size && catalogue_one_of(line.data[end], "{}%$(");
            if (name.size > 0 && version.size > 0 && !templated && !is_index && span_index(name, ' ', 0) == SIZE_MAX &&
                (begin == 0 || catalogue_one_of(line.data[begin - 1], "'\" \t") || line.data[begin] == ' ') &&
                catalogue_declare(run, PACKAGE_PYPI, name, version, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    if (catalogue_path_is(run, "setup.py"))
        return parse_setup(run, err);
    struct span body = run->body, line;
    if (narrow(run, &body, err) < 0)
        return -1;
    struct reader r = reader_init(body);
    int more;
    while ((more = next_line(run, &r, &line, err)) > 0) {
        if (add_line(run, line, err) < 0)
            return -1;
    }
    return more;
}

const struct cataloguer cataloguer_requirements = {
    .name = "requirements", .type = PACKAGE_PYPI, .paths = paths, .parse = parse};
