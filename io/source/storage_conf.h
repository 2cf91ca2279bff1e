/* containers-storage.conf(5): where podman, CRI-O and skopeo keep their images. Only what that takes is read. */
#ifndef TRAWL_STORAGE_CONF_H
#define TRAWL_STORAGE_CONF_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

struct storage_conf {
    struct span graph_root;    /* or empty */
    struct span rootless_path; /* rootless_storage_path, or empty; "$HOME" and "$UID" stand in it as written */
    struct span driver;        /* or empty */
    struct span additional[LIMIT_STORE_ROOTS];
    size_t additional_count;
};

/* Reads the part of TOML that such files use: sections, text, arrays of text over any number of lines. What is neither
 * is passed over, for other keys are not ours to check. Text is copied into the arena. LIMIT (additional stores),
 * NOMEM.
 */
int storage_conf_parse(struct arena *arena, struct span toml, struct storage_conf *ret_conf, struct err *err);

#endif
