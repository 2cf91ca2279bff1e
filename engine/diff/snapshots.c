#include "engine/diff/snapshots.h"

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/file/file.h"
#include "shard/ddl.h"

static int no_memory(struct err *err) { return err_set(err, ERR_NOMEM, 0, "snapshots: out of memory"); }

static int snapshot_order(const void *a, const void *b) {
    const struct snapshot *x = a, *y = b;
    if (x->manifest.started_at != y->manifest.started_at)
        return x->manifest.started_at < y->manifest.started_at ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int trends_read(struct arena *arena, struct snapshots *snapshots, struct err *err) {
    char *path = arena_format(arena, "%s/" TRENDS_NAME, snapshots->folder);
    AUTO_BUF struct buf text = {0};
    struct err missing = {0};
    if (path == NULL)
        return no_memory(err);
    buf_init(&text, 64 * LIMIT_MIB); /* 400 bytes a snapshot */
    if (file_read(path, &text, &missing) < 0) {
        if (missing.code == ERR_NOTFOUND)
            return 0;
        *err = missing;
        return -1;
    }
    struct span copy = arena_copy(arena, buf_span(&text));
    if (copy.data == NULL)
        return no_memory(err);
    while (copy.size > 0) {
        struct trend trend;
        struct span line = text_trim(text_cut(&copy, '\n'));
        if (line.size == 0)
            continue;
        if (trend_parse(arena, line, &trend, err) < 0)
            return err_wrap(err, "%s", path);
        if (!vec_push(&snapshots->trends, trend))
            return no_memory(err);
    }
    return 0;
}

static int snapshot_take(struct arena *arena, struct snapshots *snapshots, const char *name, struct err *err) {
    struct snapshot snapshot = {.name = arena_text(arena, span_text(name)),
                                .path = arena_format(arena, "%s/%s", snapshots->folder, name)};
    struct err found = {0};
    if (snapshot.name == NULL || snapshot.path == NULL)
        return no_memory(err);
    if (shard_manifest_read(arena, snapshot.path, &snapshot.manifest, &found) < 0) {
        if (found.code == ERR_NOMEM) {
            *err = found;
            return -1;
        }
        return 0; /* unfinished, or no sweep at all */
    }
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        for (size_t i = 0; i < snapshot.manifest.tables[table].count; i++)
            snapshot.bytes += snapshot.manifest.tables[table].files[i].bytes;
    }
    return vec_push(&snapshots->list, snapshot) ? 0 : no_memory(err);
}

/* A kill between the numbers and the removal leaves both: what is there counts. */
static void trends_settle(struct snapshots *snapshots) {
    size_t kept = 0;
    for (size_t i = 0; i < snapshots->trends.count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < snapshots->list.count && !is_there; j++)
            is_there = span_equal(snapshots->list.data[j].manifest.sweep_id, snapshots->trends.data[i].sweep_id);
        if (!is_there)
            snapshots->trends.data[kept++] = snapshots->trends.data[i];
    }
    snapshots->trends.count = kept;
}

int snapshots_read(struct arena *arena, const char *folder, struct snapshots *ret_snapshots, struct err *err) {
    struct snapshots snapshots = {.folder = folder};
    AUTO_DIR DIR *directory = opendir(folder);
    if (directory == NULL)
        return err_set(err, err_code_of_open(errno), errno, "%s: %s", folder, strerror(errno));
    int result = trends_read(arena, &snapshots, err);
    for (struct dirent *entry; result == 0 && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
            result = snapshot_take(arena, &snapshots, entry->d_name, err);
    }
    if (result < 0) {
        snapshots_release(&snapshots);
        return -1;
    }
    if (snapshots.list.count > 0)
        qsort(snapshots.list.data, snapshots.list.count, sizeof *snapshots.list.data, snapshot_order);
    trends_settle(&snapshots);
    *ret_snapshots = snapshots;
    return 0;
}

void snapshots_release(struct snapshots *snapshots) {
    vec_release(&snapshots->list);
    vec_release(&snapshots->trends);
}

/* Keeps the last one of each of the last `count` periods. */
static void periods_keep(struct snapshots *snapshots, uint64_t count, int64_t days, int64_t shift, const char *name) {
    int64_t last = INT64_MIN;
    for (size_t i = snapshots->list.count; i-- > 0 && count > 0;) {
        struct snapshot *snapshot = &snapshots->list.data[i];
        int64_t period = (snapshot->manifest.started_at / 86400 + shift) / days;
        if (period == last)
            continue;
        last = period;
        count--;
        if (snapshot->kept_by == NULL)
            snapshot->kept_by = name;
    }
}

void snapshots_judge(struct snapshots *snapshots, uint64_t daily, uint64_t weekly) {
    if (snapshots->list.count > 0)
        snapshots->list.data[snapshots->list.count - 1].kept_by = "newest";
    periods_keep(snapshots, daily, 1, 0, "daily");
    periods_keep(snapshots, weekly, 7, 3, "weekly"); /* 1970-01-01 was a Thursday */
}

static int trend_order(const void *a, const void *b) {
    const struct trend *x = a, *y = b;
    return x->started_at < y->started_at ? -1 : x->started_at > y->started_at;
}

/* Files of one folder whose names a sweep gives; no link is followed. */
static void files_remove(int folder, const char *name, bool (*is_ours)(const char *name)) {
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        if (fd >= 0)
            (void)close(fd); /* nothing was written through it */
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (is_ours(entry->d_name))
            (void)unlinkat(fd, entry->d_name, 0); /* what stays shows when the folder is removed */
    }
    (void)closedir(directory);
    (void)unlinkat(folder, name, AT_REMOVEDIR);
}

static bool part_is_ours(const char *name) {
    return span_starts(span_text(name), "part-") && span_ends(span_text(name), ".msgpack.lz4");
}

static bool ddl_is_ours(const char *name) {
    for (enum ddl_dialect dialect = 0; dialect < DDL_COUNT; dialect++) {
        if (strcmp(name, ddl_file_name(dialect)) == 0)
            return true;
    }
    return false;
}

/* The manifest goes first: what a kill leaves is an unfinished sweep, never half of a finished one. */
static int snapshot_remove(const struct snapshots *snapshots, const struct snapshot *snapshot, struct err *err) {
    AUTO_CLOSE int parent = open(snapshots->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_CLOSE int folder =
        parent < 0 ? -1 : openat(parent, snapshot->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 || unlinkat(folder, SHARD_MANIFEST_NAME, 0) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", snapshot->path, strerror(errno));
    for (enum table table = 0; table < TABLE_COUNT; table++)
        files_remove(folder, table_info(table)->name, part_is_ours);
    files_remove(folder, "ddl", ddl_is_ours);
    (void)unlinkat(folder, ".lock", 0); /* not every sweep has one */
    if (unlinkat(parent, snapshot->name, AT_REMOVEDIR) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s: its rows are gone, but other files are in it", snapshot->path,
                       strerror(errno));
    return 0;
}

static int trends_write(struct snapshots *snapshots, struct err *err) {
    AUTO_BUF struct buf text = {0};
    AUTO_FREE char *path = NULL;
    AUTO_BUF struct buf name = {0};
    for (size_t i = 0; i < snapshots->trends.count; i++)
        trend_format(&text, &snapshots->trends.data[i]);
    buf_format(&name, "%s/" TRENDS_NAME, snapshots->folder);
    path = mem_text(name.data, name.size);
    if (text.failed || name.failed || path == NULL)
        return no_memory(err);
    return file_replace(path, buf_span(&text), err);
}

int snapshots_prune(struct snapshots *snapshots, struct err *err) {
    size_t removed = 0;
    for (size_t i = 0; i < snapshots->list.count; i++) {
        struct snapshot *snapshot = &snapshots->list.data[i];
        struct trend trend;
        if (snapshot->kept_by != NULL)
            continue;
        removed++;
        if (trend_count(snapshot->path, &snapshot->manifest, &trend, err) < 0)
            return err_wrap(err, "%s", snapshot->name);
        if (!vec_push(&snapshots->trends, trend))
            return no_memory(err);
    }
    if (removed == 0)
        return 0;
    qsort(snapshots->trends.data, snapshots->trends.count, sizeof *snapshots->trends.data, trend_order);
    if (trends_write(snapshots, err) < 0)
        return -1;
    for (size_t i = 0; i < snapshots->list.count; i++) {
        if (snapshots->list.data[i].kept_by == NULL && snapshot_remove(snapshots, &snapshots->list.data[i], err) < 0)
            return -1;
    }
    return 0;
}
