#include "base/limits.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "io/file/file.h"
#include "matchers/vuln/vuln_ecosystem.h"
#include "matchers/vuln/vuln_match.h"

/* What lives as long as the run, and what every line reuses. */
struct match_run {
    struct vuln_db db;
    bool plain;
    struct arena line_arena;
    struct buf line;
    struct buf out;
    struct buf ecosystem, name; /* of a package URL */
    struct buf others;          /* further ecosystems of it, each ended by a NUL */
    VEC(struct span) ids;
};

static int id_collect(void *context, const struct vuln_match *match, struct err *err) {
    struct match_run *run = context;
    for (size_t i = 0; run->others.size > 0 && i < run->ids.count; i++) {
        if (span_equal(run->ids.data[i], match->id))
            return 0;
    }
    if (!vec_push(&run->ids, match->id))
        return err_set(err, ERR_NOMEM, 0, "match: out of memory");
    return 0;
}

static int id_compare(const void *left, const void *right) {
    return span_compare(*(const struct span *)left, *(const struct span *)right);
}

static int query_from_object(struct match_run *run, struct span line, struct vuln_query *ret_query, struct err *err) {
    struct doc *root = NULL;
    if (json_parse(&run->line_arena, line, doc_limits_default(), &root, err) < 0)
        return -1;
    *ret_query = (struct vuln_query){
        .ecosystem = doc_text(doc_get(root, "ecosystem")),
        .name = doc_text(doc_get(root, "name")),
        .version = doc_text(doc_get(root, "version")),
    };
    if (ret_query->ecosystem.size == 0 || ret_query->name.size == 0 || ret_query->version.size == 0)
        return err_set(err, ERR_FORMAT, 0, "an object with ecosystem, name and version is expected");
    return 0;
}

static int query_from_purl(struct match_run *run, struct span line, struct vuln_query *ret_query, struct err *err) {
    struct purl purl;
    if (purl_parse(line, &run->line_arena, &purl, err) < 0)
        return -1;
    buf_reset(&run->ecosystem);
    buf_reset(&run->name);
    vuln_ecosystem_of_purl(&purl, &run->ecosystem, &run->name);
    if (run->ecosystem.failed || run->name.failed)
        return err_set(err, ERR_NOMEM, 0, "match: out of memory");
    if (run->ecosystem.size == 0)
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "a package URL of no known ecosystem, or without the release in its qualifier distro");
    if (purl.version.size == 0)
        return err_set(err, ERR_FORMAT, 0, "a package URL with a version is expected");
    struct span version = purl.version;
    for (size_t i = 0; i < purl.qualifier_count; i++) {
        /* Of an rpm the epoch stands apart. */
        const struct purl_qualifier *qualifier = &purl.qualifiers[i];
        if (!span_is(purl.type, "rpm") || !span_is(qualifier->key, "epoch"))
            continue;
        char *text =
            arena_format(&run->line_arena, "%.*s:%.*s", SPAN_FORMAT(qualifier->value), SPAN_FORMAT(purl.version));
        if (text == NULL)
            return err_set(err, ERR_NOMEM, 0, "match: out of memory");
        version = span_text(text);
    }
    *ret_query =
        (struct vuln_query){.ecosystem = buf_span(&run->ecosystem), .name = buf_span(&run->name), .version = version};
    if (span_is(purl.type, "rpm")) { /* a product's repositories are worlds of their own */
        struct distro distro = vuln_distro_of_purl(&purl);
        struct package package = {.type = PACKAGE_RPM, .name = purl.name, .version = version};
        vuln_ecosystems(&distro, &package, &run->others);
    }
    return run->others.failed ? err_set(err, ERR_NOMEM, 0, "match: out of memory") : 0;
}

static int query_parse(struct match_run *run, struct span line, struct vuln_query *ret_query, struct err *err) {
    char quoted[64];
    if (span_starts(line, "{"))
        return query_from_object(run, line, ret_query, err);
    if (span_starts(line, "pkg:"))
        return query_from_purl(run, line, ret_query, err);
    return err_set(err, ERR_FORMAT, 0, "a JSON object or a package URL is expected, found %s",
                   text_quote(line, quoted, sizeof quoted));
}

/* One answer, whatever the line holds; -1 only when memory is short. */
static int line_answer(struct match_run *run, struct span line, struct err *err) {
    struct vuln_query query;
    struct err why = {0};
    arena_reset(&run->line_arena);
    run->ids.count = 0;
    buf_reset(&run->others);
    if (query_parse(run, text_trim(line), &query, &why) == 0) {
        query.plain = run->plain;
        int result = vuln_match(&run->db, &query, id_collect, run, &why);
        for (struct span rest = buf_span(&run->others); rest.size > 0 && result == 0;) {
            query.ecosystem = text_cut(&rest, 0);
            result = vuln_match(&run->db, &query, id_collect, run, &why);
        }
    }
    if (why.code == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, 0, "%s", why.text);
    if (why.code != ERR_NONE)
        run->ids.count = 0;
    if (run->ids.count > 1)
        qsort(run->ids.data, run->ids.count, sizeof *run->ids.data, id_compare);
    buf_text(&run->out, "{\"ids\":[");
    for (size_t i = 0; i < run->ids.count; i++) {
        if (i > 0)
            buf_byte(&run->out, ',');
        buf_json_text(&run->out, run->ids.data[i]);
    }
    buf_byte(&run->out, ']');
    if (why.code != ERR_NONE) {
        buf_text(&run->out, ",\"error\":");
        buf_json_text(&run->out, span_text(why.text));
    }
    buf_text(&run->out, "}\n");
    return run->out.failed ? err_set(err, ERR_NOMEM, 0, "match: out of memory") : 0;
}

static int out_flush(struct match_run *run, struct err *err) {
    int result = file_write_all(STDOUT_FILENO, buf_span(&run->out), "standard output", err);
    buf_reset(&run->out);
    return result;
}

/* Reads in blocks; a line longer than the ceiling is an answer with an error, and its rest is skipped. */
static int lines_answer(struct match_run *run, struct err *err) {
    bool skipping = false;
    for (bool end = false; !end;) {
        if (!buf_reserve(&run->line, 65536))
            return err_set(err, ERR_NOMEM, 0, "match: out of memory");
        ssize_t got = read(STDIN_FILENO, run->line.data + run->line.size, run->line.capacity - run->line.size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, errno, "standard input: %s", strerror(errno));
        run->line.size += (size_t)got;
        end = got == 0;
        struct span rest = buf_span(&run->line);
        for (size_t stop; (stop = span_index(rest, '\n', 0)) != SIZE_MAX; rest = span_from(rest, stop + 1)) {
            if (!skipping && line_answer(run, span_slice(rest, 0, stop), err) < 0)
                return -1;
            skipping = false;
        }
        if ((end || rest.size > LIMIT_MATCH_LINE_BYTES) && rest.size > 0) {
            if (!skipping && line_answer(run, rest, err) < 0)
                return -1;
            skipping = true;
            rest.size = 0;
        }
        if (rest.size > 0)
            memmove(run->line.data, rest.data, rest.size);
        run->line.size = rest.size;
        if (out_flush(run, err) < 0)
            return -1;
    }
    return 0;
}

static int match_run(struct arena *arena, int argc, char **argv, struct err *err) {
    const char *path = NULL;
    const char *simd = "auto";
    bool policy = false;
    bool help = false;
    struct text_list operands = {0};
    enum cpu_level level;
    const struct option options[] = {
        {"db", 0, OPTION_TEXT, &path},
        {"policy", 0, OPTION_FLAG, &policy},
        {"simd", 0, OPTION_TEXT, &simd},
        OPTION_END,
    };
    if (options_parse(arena, "match", options, argc, argv, &operands, &help, err) < 0)
        return -1;
    if (help)
        return 0;
    if (path == NULL || operands.count > 0)
        return err_set(err, ERR_USAGE, 0, "--db FILE and nothing else is expected; packages come on standard input");
    struct file_map map = {{NULL, 0}};
    struct match_run run = {.plain = !policy};
    if (cpu_level_parse(span_text(simd), &level, err) < 0 || file_map_open(path, &map, err) < 0)
        return -1;
    arena_init(&run.line_arena, 0, 16 * LIMIT_MIB);
    buf_init(&run.line, 0);
    buf_init(&run.out, 0);
    buf_init(&run.ecosystem, 0);
    buf_init(&run.name, 0);
    buf_init(&run.others, 0);
    int result = vuln_db_open(map.bytes, level, &run.db, err);
    if (result < 0)
        (void)err_wrap(err, "%s", path);
    else
        result = lines_answer(&run, err);
    arena_release(&run.line_arena);
    buf_release(&run.line);
    buf_release(&run.out);
    buf_release(&run.ecosystem);
    buf_release(&run.name);
    buf_release(&run.others);
    vec_release(&run.ids);
    file_map_close(&map);
    return result;
}

int cmd_match(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 0, 0);
    int result = match_run(&arena, argc, argv, &err);
    arena_release(&arena);
    return result < 0 ? command_fail("match", &err) : EXIT_DONE;
}
