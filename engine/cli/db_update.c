#include <sys/stat.h>

#include "base/text.h"
#include "engine/cli/db_verbs.h"
#include "engine/vulndb/mirror.h"
#include "io/file/file.h"

/* Without --ecosystem those that the folder follows already. */
static int ecosystems_known(struct arena *arena, const char *folder, struct text_list *ecosystems, struct err *err) {
    AUTO_DIR DIR *directory = opendir(folder);
    if (directory == NULL)
        return 0;
    for (struct dirent *item = readdir(directory); item != NULL; item = readdir(directory)) {
        const char *archive = arena_format(arena, "%s/%s/all.zip", folder, item->d_name);
        if (archive == NULL)
            return err_set(err, ERR_NOMEM, 0, "db update: out of memory");
        if (item->d_name[0] == '.' || access(archive, F_OK) != 0)
            continue;
        const char *name = arena_text(arena, span_text(item->d_name));
        if (name == NULL || !text_list_add(arena, ecosystems, name))
            return err_set(err, ERR_NOMEM, 0, "db update: out of memory");
    }
    return 0;
}

static int update_run(struct arena *arena, const struct text_list *feeds, const struct db_options *options,
                      struct err *err) {
    AUTO_VULNDB struct vulndb *build = NULL;
    struct text_list ecosystems = options->ecosystems;
    struct mirror_summary summary = {0};
    const char *folder = options->folder != NULL ? options->folder : arena_format(arena, "%s.feeds", options->output);
    if (folder == NULL)
        return err_set(err, ERR_NOMEM, 0, "db update: out of memory");
    if (ecosystems.count == 0 && ecosystems_known(arena, folder, &ecosystems, err) < 0)
        return -1;
    if (ecosystems.count == 0 && options->extra.count == 0)
        return err_set(err, ERR_USAGE, 0, "db update: %s follows no ecosystem yet: name some with --ecosystem", folder);
    const struct mirror_options mirror = {
        .base = options->base == NULL ? MIRROR_BASE_OSV : options->base,
        .folder = folder,
        .ecosystems = ecosystems.data,
        .ecosystem_count = ecosystems.count,
        .extra_urls = options->extra.data,
        .extra_count = options->extra.count,
        .http = {.ca_file = options->ca_file,
                 .cert_file = options->cert_file,
                 .key_file = options->key_file,
                 .insecure = options->insecure},
    };
    if (mirror_update(&mirror, &summary, err) < 0) {
        return access(options->output, F_OK) == 0 ? err_wrap(err, "the old database stays in use") : -1;
    }
    (void)printf("%-22s %" PRIu64 "\n%-22s %" PRIu64 "\n%-22s %" PRIu64 "\n%-22s %" PRIu64 "\n", "files unchanged",
                 summary.unchanged, "archives fetched", summary.archives, "advisories fetched", summary.advisories,
                 "bytes fetched", summary.bytes);
    size_t size = 0;
    if (vulndb_new(&build, err) < 0 || vulndb_add_paths(build, &folder, 1, db_threads(options), err) < 0 ||
        vulndb_add_paths(build, feeds->data, feeds->count, db_threads(options), err) < 0)
        return -1;
    if (db_finish(build, options->output, &size, err) < 0)
        return -1;
    db_summary_print(options->output, vulndb_summary(build), size);
    return 0;
}

int db_update(const struct text_list *feeds, const struct db_options *options, struct err *err) {
    struct arena arena;
    if (options->output == NULL)
        return err_set(err, ERR_USAGE, 0, "db update: -o FILE is missing");
    arena_init(&arena, 0, 0);
    int result = update_run(&arena, feeds, options, err);
    arena_release(&arena);
    return result;
}
