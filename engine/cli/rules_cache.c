#include "engine/cli/rules_cache.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/file/file.h"

#define STALE_S ((int64_t)30 * 86400) /* rules that nobody has used for so long are not those of tonight */

static char *path_make(const char *folder, const struct digest *rules_digest) {
    char digest[DIGEST_TEXT_SIZE] = "";
    size_t size = strlen(folder) + DIGEST_TEXT_SIZE + 32;
    char *path = mem_alloc(size);
    if (rules_digest->algorithm != DIGEST_NONE)
        (void)digest_text(rules_digest, digest);
    struct span name = span_text(digest);
    size_t colon = span_index(name, ':', 0);
    name = colon == SIZE_MAX ? name : span_slice(name, colon + 1, 16);
    if (path != NULL)
        (void)snprintf(path, size, "%s/" RULES_CACHE_PREFIX "%s%.*s" RULES_CACHE_SUFFIX, folder,
                       name.size == 0 ? "" : "-", SPAN_FORMAT(name));
    return path;
}

/* Databases are code as good as any: only what nobody but us can have written is used. */
static bool is_ours(const char *path, bool quiet) {
    struct stat status;
    if (lstat(path, &status) != 0)
        return false;
    if (S_ISREG(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return true;
    if (!quiet)
        (void)fprintf(stderr, "trawl: %s: not a file of ours alone, ignoring it; rules are compiled\n", path);
    return false;
}

static void set_aside(const char *path, bool quiet) {
    char aside[PATH_MAX];
    if (snprintf(aside, sizeof aside, "%s.damaged", path) < (int)sizeof aside)
        (void)rename(path, aside); /* where it cannot be, it is replaced below */
    if (!quiet)
        (void)fprintf(stderr, "trawl: %s: it was damaged, was set aside and is made anew\n", path);
}

/* Removes what other rules left long ago. */
static void stale_remove(const char *folder, const char *kept) {
    AUTO_DIR DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    int64_t now = clock_utc_s();
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        struct span name = span_text(entry->d_name);
        char path[PATH_MAX];
        struct stat status;
        if (span_starts(name, RULES_CACHE_PREFIX) && span_ends(name, RULES_CACHE_SUFFIX) &&
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path && strcmp(path, kept) != 0 &&
            lstat(path, &status) == 0 && now - status.st_mtime > STALE_S)
            (void)unlink(path); /* another run may have been faster */
    }
}

static void save(const struct secret_engine *engine, const char *folder, const char *path) {
    struct err err = {0};
    AUTO_BUF struct buf bytes;
    buf_init(&bytes, LIMIT_SECRET_RULES_BYTES);
    /* A folder that cannot be written is the cache's to tell of; here it costs the next start a compile. */
    if (secret_engine_save(engine, &bytes, &err) == 0 && file_make_folder(folder, &err) == 0 &&
        file_replace(path, buf_span(&bytes), &err) == 0)
        stale_remove(folder, path);
}

int rules_cache_engine(const struct secret_rules *rules, const struct digest *rules_digest, struct span fingerprint_key,
                       const char *folder, bool quiet, struct secret_engine **ret_engine, struct err *err) {
    struct file_map map = {.bytes = {NULL, 0}};
    struct err problem = {0};
    AUTO_FREE char *path = folder == NULL ? NULL : path_make(folder, rules_digest);
    bool is_there = path != NULL && is_ours(path, quiet) && file_map_open(path, &map, &problem) == 0;
    int result = secret_engine_new_saved(rules, fingerprint_key, map.bytes, ret_engine, err);
    if (result == 0 && path != NULL && !secret_engine_is_saved(*ret_engine)) {
        /* Whole, but of other rules, another trawl or another processor: simply replaced. */
        if (is_there && !secret_saved_is_whole(map.bytes))
            set_aside(path, quiet);
        save(*ret_engine, folder, path);
    }
    file_map_close(&map);
    return result;
}
