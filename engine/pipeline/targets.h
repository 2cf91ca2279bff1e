/* Targets as a user gives them: "@FILE" is a list with one target a line, "-" reads it from standard input; empty lines
 * and those that begin with "#" say nothing. */
#ifndef TRAWL_TARGETS_H
#define TRAWL_TARGETS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

struct targets {
    struct span *data;
    size_t count;
    size_t capacity;
};

/* Appends the targets that the operands name; texts live in the arena. USAGE (a list that cannot be read, or one of
 * more than LIMIT_TARGETS lines), NOMEM. */
int targets_read(struct arena *arena, const char *const *operands, size_t count, struct targets *targets,
                 struct err *err);
void targets_release(struct targets *targets);

#endif
