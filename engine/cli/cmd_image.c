#include "engine/cli/scan.h"

int cmd_image(int argc, char **argv) {
    /* A few images: the second hash costs little here, and docker refuses what fails it. */
    static const struct scan_kind kind = {.command = "image", .verifies_diff_id = true};
    struct scan scan;
    int status;
    if (scan_open(&scan, &kind, argc, argv, &status))
        status = scan_to_terminal(&scan);
    scan_close(&scan);
    return status;
}
