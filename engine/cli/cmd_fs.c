#include "engine/cli/scan.h"

/* Operands are folders; inside they become "dir:" targets like any other. */
static bool targets_prefix(struct scan *scan) {
    for (size_t i = 0; i < scan->operands.count; i++) {
        scan->operands.data[i] = arena_format(&scan->arena, "dir:%s", scan->operands.data[i]);
        if (scan->operands.data[i] == NULL)
            return false;
    }
    return true;
}

int cmd_fs(int argc, char **argv) {
    struct scan scan;
    int status;
    if (scan_open(&scan, "fs", argc, argv, &status)) {
        struct err err = {0};
        scan.sweep.with_declared = true;
        if (targets_prefix(&scan))
            status = scan_to_terminal(&scan);
        else
            status = command_fail("fs", (err_set(&err, ERR_NOMEM, 0, "out of memory"), &err));
    }
    scan_close(&scan);
    return status;
}
