#include "engine/cli/scan.h"

int cmd_fs(int argc, char **argv) {
    static const struct scan_kind kind = {.command = "fs", .is_of_folders = true};
    struct scan scan;
    int status;
    if (scan_open(&scan, &kind, argc, argv, &status))
        status = scan_to_terminal(&scan);
    scan_close(&scan);
    return status;
}
