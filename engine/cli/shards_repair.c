#include "engine/cli/shards_repair.h"

#include <sys/stat.h>

#include "base/text.h"
#include "shard/shard_read.h"
#include "shard/shard_salvage.h"
#include "shard/shard_write.h"

struct repair {
    struct shard_set *set;
    struct shard_manifest manifest; /* of the folder, or empty */
    struct arena *arena;
    uint64_t rows, losses, lost_bytes;
};

static int part_repair(struct repair *repair, const char *path, enum table table, struct err *err) {
    AUTO_SHARD_SALVAGE struct shard_salvage *salvage = NULL;
    struct row_view view;
    size_t count;
    int got;
    if (shard_salvage_open(path, table, &salvage, err) < 0)
        return -1;
    while ((got = shard_salvage_next(salvage, &view, err)) > 0) {
        if (repair->manifest.sweep_id.size == 0)
            repair->manifest.sweep_id = arena_copy(repair->arena, row_view_text(&view, 0));
        if (shard_add_view(repair->set, &view, err) < 0)
            return -1;
    }
    if (got < 0)
        return -1;
    repair->rows += shard_salvage_rows(salvage);
    const struct shard_loss *losses = shard_salvage_losses(salvage, &count);
    for (size_t i = 0; i < count; i++) {
        (void)printf("lost  %s: bytes %" PRIu64 " to %" PRIu64 ": %s\n", path, losses[i].begin, losses[i].end,
                     losses[i].why.text);
        repair->lost_bytes += losses[i].end - losses[i].begin;
    }
    repair->losses += count;
    return 0;
}

/* A part that the manifest names and that is not there is a loss; without a manifest the first number that is not there
 * is the end. */
static int table_repair(struct repair *repair, const char *folder, enum table table, struct err *err) {
    const struct shard_files *files = &repair->manifest.tables[table];
    bool is_known = repair->manifest.schema_version != 0;
    for (uint32_t part = 0; !is_known || part < files->count; part++) {
        char name[SHARD_PATH_SIZE];
        const char *path = arena_format(repair->arena, "%s/%s", folder, shard_path(table, part, name));
        if (path == NULL)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        if (part_repair(repair, path, table, err) == 0)
            continue;
        if (err->code != ERR_NOTFOUND)
            return -1;
        if (!is_known)
            return 0;
        (void)printf("lost  %s: the file is not there\n", path);
        repair->losses++;
        repair->lost_bytes += files->files[part].bytes;
    }
    return 0;
}

static int folder_repair(struct repair *repair, const char *folder, struct err *err) {
    if (shard_manifest_read(repair->arena, folder, &repair->manifest, err) < 0) {
        if (err->code == ERR_UNSUPPORTED || err->code == ERR_NOMEM)
            return -1;
        (void)printf("lost  %s: the manifest: %s\n", folder, err->text);
        repair->manifest = (struct shard_manifest){0};
        repair->losses++;
    }
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if (table_repair(repair, folder, table, err) < 0)
            return -1;
    }
    return 0;
}

int shards_repair(struct arena *arena, const char *path, const char *output, bool *ret_lost, struct err *err) {
    AUTO_SHARD_SET struct shard_set *set = NULL;
    struct shard_totals totals;
    struct stat status;
    enum table table;
    const struct shard_options options = {0};
    struct repair repair = {.arena = arena};
    bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (!is_folder && !shard_path_table(path, &table))
        return err_set(err, ERR_USAGE, 0,
                       "%.160s: a shard's folder names its table (secret/part-00000.msgpack.lz4), found none", path);
    if (shard_set_open(output, &options, &set, err) < 0)
        return -1;
    repair.set = set;
    if (is_folder ? folder_repair(&repair, path, err) < 0 : part_repair(&repair, path, table, err) < 0)
        return -1;
    if (shard_set_finish(set, &totals, err) < 0)
        return -1;
    struct shard_manifest *manifest = &repair.manifest;
    manifest->schema_version = TABLE_SCHEMA_VERSION;
    memcpy(manifest->tables, totals.tables, sizeof manifest->tables);
    if (manifest->tool_version.size == 0)
        manifest->tool_version = span_text(TRAWL_VERSION);
    if (shard_manifest_write(output, manifest, err) < 0)
        return -1;
    (void)printf("kept  %" PRIu64 " rows in %s, lost %" PRIu64 " stretches of %" PRIu64 " bytes together\n",
                 repair.rows, output, repair.losses, repair.lost_bytes);
    *ret_lost = repair.losses > 0;
    return 0;
}
