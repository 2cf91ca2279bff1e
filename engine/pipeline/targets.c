#include "engine/pipeline/targets.h"

#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "io/file/file.h"

static int target_add(struct targets *targets, struct span target, struct err *err) {
    if (targets->count >= LIMIT_TARGETS)
        return err_set(err, ERR_LIMIT, 0, "more than %zu targets", LIMIT_TARGETS);
    if (target.data == NULL || !vec_push(targets, target))
        return err_set(err, ERR_NOMEM, 0, "out of memory after %zu targets", targets->count);
    return 0;
}

static int list_read(struct arena *arena, const char *path, struct targets *targets, struct err *err) {
    AUTO_BUF struct buf text;
    buf_init(&text, LIMIT_GIB);
    int result = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text, err);
    struct reader lines = reader_init(buf_span(&text));
    struct span line;
    while (result == 0 && read_line(&lines, &line)) {
        line = text_trim(line);
        if (line.size > 0 && line.data[0] != '#')
            result = target_add(targets, arena_copy(arena, line), err);
    }
    if (result == 0)
        return 0;
    if (err != NULL && err->code != ERR_NOMEM)
        err->code = ERR_USAGE;
    return err_wrap(err, "list of targets");
}

int targets_read(struct arena *arena, const char *const *operands, size_t count, struct targets *targets,
                 struct err *err) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        const char *operand = operands[i];
        if (operand[0] == '@' || strcmp(operand, "-") == 0)
            result = list_read(arena, operand[0] == '@' ? operand + 1 : operand, targets, err);
        else
            result = target_add(targets, span_text(operand), err);
    }
    return result;
}

void targets_release(struct targets *targets) { vec_release(targets); }
