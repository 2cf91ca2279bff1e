#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "io/file/file.h"
#include "matchers/version/version.h"

enum { OUTPUT_BYTES = 64 * 1024 };

struct vercmp {
    enum version_scheme scheme;
    bool ranges, validity;
    struct buf out;
    struct buf line;   /* the begin of a line that did not end in the last block */
    bool line_is_long; /* the line in `line` is past its ceiling: its rest is skipped, its answer is "error" */
};

static const char *answer(const struct vercmp *vercmp, struct span line) {
    if (vercmp->validity)
        return version_is_valid(vercmp->scheme, line) ? "valid\n" : "invalid\n";
    struct span right = line;
    struct span left = text_cut(&right, '\t');
    if (right.data == NULL)
        return "error\n";
    if (vercmp->ranges) {
        bool inside = false;
        if (version_in_range(vercmp->scheme, left, right, &inside, NULL) < 0)
            return "error\n";
        return inside ? "in\n" : "out\n";
    }
    int order = 0;
    if (version_compare(vercmp->scheme, left, right, &order, NULL) < 0)
        return "error\n";
    return order < 0 ? "<\n" : order > 0 ? ">\n" : "=\n";
}

static int out_flush(struct vercmp *vercmp, struct err *err) {
    int result = file_write_all(STDOUT_FILENO, buf_span(&vercmp->out), "standard output", err);
    buf_reset(&vercmp->out);
    return result;
}

static int line_answer(struct vercmp *vercmp, struct span line, struct err *err) {
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    buf_text(&vercmp->out, vercmp->line_is_long ? "error\n" : answer(vercmp, line));
    buf_reset(&vercmp->line);
    vercmp->line_is_long = false;
    if (vercmp->out.failed)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    return vercmp->out.size < OUTPUT_BYTES ? 0 : out_flush(vercmp, err);
}

/* A line may hold a range, a tab and a version at their ceilings. */
static int line_keep(struct vercmp *vercmp, struct span part, struct err *err) {
    if (vercmp->line_is_long || part.size > 3 * LIMIT_FIELD_BYTES - vercmp->line.size) {
        vercmp->line_is_long = true;
        return 0;
    }
    buf_add(&vercmp->line, part);
    return vercmp->line.failed ? err_set(err, ERR_NOMEM, 0, "out of memory") : 0;
}

static int block_answer(struct vercmp *vercmp, struct span block, struct err *err) {
    for (size_t from = 0; from < block.size;) {
        size_t end = span_index(block, '\n', from);
        struct span part = span_slice(block, from, end == SIZE_MAX ? block.size - from : end - from);
        from += part.size + 1;
        bool is_whole = end != SIZE_MAX && vercmp->line.size == 0 && !vercmp->line_is_long;
        if (!is_whole && line_keep(vercmp, part, err) < 0)
            return -1;
        if (end != SIZE_MAX && line_answer(vercmp, is_whole ? part : buf_span(&vercmp->line), err) < 0)
            return -1;
    }
    return 0;
}

static int input_answer(struct vercmp *vercmp, struct err *err) {
    AUTO_FREE uint8_t *block = mem_alloc(OUTPUT_BYTES);
    if (block == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    for (;;) {
        ssize_t size = read(STDIN_FILENO, block, OUTPUT_BYTES);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return err_set(err, ERR_IO, errno, "standard input: %s", strerror(errno));
        if (size == 0)
            break;
        if (block_answer(vercmp, span_make(block, (size_t)size), err) < 0)
            return -1;
    }
    if ((vercmp->line.size > 0 || vercmp->line_is_long) && line_answer(vercmp, buf_span(&vercmp->line), err) < 0)
        return -1;
    return out_flush(vercmp, err);
}

static int scheme_unknown(const char *name, struct err *err) {
    char quoted[48];
    (void)fputs("schemes:", stderr);
    for (size_t i = 0; i < VERSION_SCHEME_COUNT; i++)
        (void)fprintf(stderr, " %s", version_scheme_name((enum version_scheme)i));
    (void)fputs("\n", stderr);
    return err_set(err, ERR_USAGE, 0, "unknown scheme '%s'", text_quote(span_text(name), quoted, sizeof quoted));
}

static int vercmp_run(int argc, char **argv, struct arena *arena, struct vercmp *vercmp, struct err *err) {
    struct text_list operands = {0};
    bool help = false;
    const struct option options[] = {
        {"range", 0, OPTION_FLAG, &vercmp->ranges}, {"valid", 0, OPTION_FLAG, &vercmp->validity}, OPTION_END};
    if (options_parse(arena, "vercmp", options, argc, argv, &operands, &help, err) < 0)
        return -1;
    if (help)
        return 0;
    if (operands.count != 1)
        return err_set(err, ERR_USAGE, 0, "expected one SCHEME, found %zu operands", operands.count);
    if (vercmp->ranges && vercmp->validity)
        return err_set(err, ERR_USAGE, 0, "--range and --valid exclude each other");
    if (!version_scheme_find(span_text(operands.data[0]), &vercmp->scheme))
        return scheme_unknown(operands.data[0], err);
    return input_answer(vercmp, err);
}

int cmd_vercmp(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct vercmp vercmp = {0};
    arena_init(&arena, 0, 0);
    int result = vercmp_run(argc, argv, &arena, &vercmp, &err);
    arena_release(&arena);
    buf_release(&vercmp.out);
    buf_release(&vercmp.line);
    return result < 0 ? command_fail("vercmp", &err) : EXIT_DONE;
}
