#include "engine/cli/scan.h"

int cmd_image(int argc, char **argv) {
    struct scan scan;
    int status;
    if (scan_open(&scan, "image", argc, argv, &status)) {
        /* A few images: the second hash costs little here, and docker refuses what fails it. */
        scan.sweep.verify_diff_id = true;
        status = scan_to_terminal(&scan);
    }
    scan_close(&scan);
    return status;
}
