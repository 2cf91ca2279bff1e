#include "engine/cli/scan_cache.h"

#include "base/alloc.h"

/* "FOLDER/NAME", or "FOLDER" without a name. */
static char *path_make(const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *text = mem_alloc(size);
    if (text != NULL)
        (void)snprintf(text, size, "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);
    return text;
}

char *scan_cache_default(void) {
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (base != NULL && base[0] == '/')
        return path_make(base, "trawl");
    return home == NULL || home[0] != '/' ? NULL : path_make(home, ".cache/trawl");
}

/* A folder of the run's own. */
static int private_open(struct scan_cache *scan, const char *own, struct err *err) {
    const char *base = getenv("TMPDIR");
    bool aside = false;
    scan->is_private = true;
    scan->folder =
        own != NULL ? path_make(own, "") : path_make(base != NULL && base[0] != '\0' ? base : "/tmp", "trawl-XXXXXX");
    if (scan->folder == NULL)
        return err_set(err, ERR_NOMEM, 0, "cache: out of memory");
    if (own == NULL && mkdtemp(scan->folder) == NULL) {
        int sys = errno;
        (void)err_set(err, ERR_IO, sys, "temporary folder %s: %s; set TMPDIR or give --cache DIR", scan->folder,
                      strerror(sys));
        mem_free(scan->folder);
        scan->folder = NULL;
        return -1;
    }
    return cache_open(scan->folder, &(struct cache_options){.private_use = true}, &scan->cache, &aside, err);
}

int scan_cache_open(struct scan_cache *scan, const char *folder, bool none, const char *own, bool quiet,
                    struct err *err) {
    bool aside = false;
    *scan = (struct scan_cache){0};
    if (folder == NULL && none)
        return private_open(scan, own, err);
    scan->folder = folder != NULL ? path_make(folder, "") : scan_cache_default();
    if (scan->folder == NULL)
        return private_open(scan, own, err);
    if (cache_open(scan->folder, &(struct cache_options){0}, &scan->cache, &aside, err) == 0) {
        if (aside && !quiet)
            (void)fprintf(stderr, "trawl: cache %s: it was damaged, was set aside and is begun anew\n", scan->folder);
        return 0;
    }
    if (folder != NULL) {
        /* A name that cannot be a cache is a mistake on the command line; a full disk comes about at night. */
        err->code = err->code == ERR_NOMEM || err->sys == ENOSPC ? err->code : ERR_USAGE;
        return -1;
    }
    if (!quiet)
        (void)fprintf(stderr, "trawl: %s; going on without a cache\n", err->text);
    mem_free(scan->folder);
    *err = (struct err){.code = ERR_NONE};
    return private_open(scan, own, err);
}

void scan_cache_close(struct scan_cache *scan) {
    cache_close(scan->cache);
    scan->cache = NULL;
    if (scan->is_private && !scan->is_kept && scan->folder != NULL)
        cache_remove(scan->folder);
    mem_free(scan->folder);
    scan->folder = NULL;
}
