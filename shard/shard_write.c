#include "shard/shard_write.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/limits.h"
#include "shard/ddl.h"
#include "shard/row_view.h"
#include "shard/shard_folder.h"
#include "shard/shard_part.h"
#include "shard/shard_sort.h"

static const char lock_name[] = ".lock";
static const char ddl_folder[] = "ddl";

struct shard_set {
    int folder;
    int lock;
    bool finished;
    uint64_t part_bytes_max;
    struct shard_sort *sort;
    struct buf sweep_id; /* of the blocks' rows, encoded */
    struct buf rows;     /* of one block */
    struct shard_part part;
    struct shard_totals totals; /* its lists of files are this set's */
};

/* Two sweeps into one folder would overwrite each other's parts. The lock is the kernel's: it dies with the process. */
static int lock_take(struct shard_set *set, const char *folder, struct err *err) {
    set->lock = openat(set->folder, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (set->lock < 0)
        return err_set(err, ERR_IO, errno, "%s/%s: %s", folder, lock_name, strerror(errno));
    if (flock(set->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(err, ERR_IO, errno, "%s: another process is writing a sweep here", folder);
    return err_set(err, ERR_IO, errno, "%s/%s: lock: %s", folder, lock_name, strerror(errno));
}

/* "part-00000.msgpack.lz4" and its temporary name; the number has five digits or more. */
static bool is_part_name(const char *name) {
    struct span s = span_text(name);
    if (span_is(s, ".part.tmp"))
        return true;
    if (!span_starts(s, "part-") || !span_ends(s, ".msgpack.lz4"))
        return false;
    size_t digits = strspn(name + 5, "0123456789");
    return digits >= 5 && strcmp(name + 5 + digits, ".msgpack.lz4") == 0;
}

static bool is_ddl_name(const char *name) {
    struct span s = span_text(name);
    if (span_starts(s, ".") && span_ends(s, ".tmp"))
        s = span_slice(s, 1, s.size - 5);
    for (enum ddl_dialect dialect = 0; dialect < DDL_COUNT; dialect++) {
        if (span_is(s, ddl_file_name(dialect)))
            return true;
    }
    return false;
}

/* Removes the known files of one subfolder, then the folder when that left it empty. */
static int subfolder_clear(int folder, const char *name, bool (*is_ours)(const char *), struct err *err) {
    if (!folder_has(folder, name))
        return 0;
    int fd;
    if (folder_open_at(folder, name, &fd, err) < 0)
        return -1;
    AUTO_DIR DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        int result = err_set(err, ERR_IO, errno, "%s: %s", name, strerror(errno));
        cleanup_close(&fd);
        return result;
    }
    for (;;) {
        errno = 0;
        const struct dirent *item = readdir(directory);
        if (item == NULL)
            break;
        if (is_ours(item->d_name) && unlinkat(fd, item->d_name, 0) != 0 && errno != ENOENT)
            return err_set(err, ERR_IO, errno, "%s/%s: remove: %s", name, item->d_name, strerror(errno));
    }
    if (errno != 0)
        return err_set(err, ERR_IO, errno, "%s: read folder: %s", name, strerror(errno));
    (void)unlinkat(folder, name, AT_REMOVEDIR); /* not empty: somebody else's files, which stay */
    return 0;
}

static int layout_clear(int folder, struct err *err) {
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        if (subfolder_clear(folder, table_info(table)->name, is_part_name, err) < 0)
            return -1;
    }
    if (subfolder_clear(folder, ddl_folder, is_ddl_name, err) < 0)
        return -1;
    (void)unlinkat(folder, ".manifest.json.tmp", 0); /* seldom there */
    (void)unlinkat(folder, ".run.tmp", 0);
    return 0;
}

int shard_set_open(const char *folder, const struct shard_options *options, struct shard_set **ret_set,
                   struct err *err) {
    AUTO_SHARD_SET struct shard_set *set = mem_zalloc(sizeof *set);
    if (set == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", folder);
    set->folder = set->lock = -1;
    set->part = (struct shard_part){.table = TABLE_COUNT, .folder = -1, .fd = -1};
    set->finished = true; /* until we are at home here, there is nothing of ours to clear */
    set->part_bytes_max = options->part_bytes_max == 0 ? 256 * (uint64_t)LIMIT_MIB : options->part_bytes_max;
    if (folder_make(folder, &set->folder, err) < 0)
        return -1;
    if (folder_has(set->folder, SHARD_MANIFEST_NAME))
        return err_set(err, ERR_USAGE, 0, "%s: holds a finished sweep; choose another folder", folder);
    if (lock_take(set, folder, err) < 0)
        return -1;
    /* Once more: the sweep that held the lock may have finished in between. */
    if (folder_has(set->folder, SHARD_MANIFEST_NAME))
        return err_set(err, ERR_USAGE, 0, "%s: holds a finished sweep; choose another folder", folder);
    if (layout_clear(set->folder, err) < 0)
        return err_wrap(err, "%s", folder);
    size_t memory_bytes = options->memory_bytes == 0 ? 256 * LIMIT_MIB : options->memory_bytes;
    if (shard_sort_new(set->folder, memory_bytes, &set->sort, err) < 0)
        return -1;
    set->finished = false;
    *ret_set = STEAL(set);
    return 0;
}

int shard_add_view(struct shard_set *set, const struct row_view *view, struct err *err) {
    if (view->bytes.size > LIMIT_ROW_BYTES)
        return err_set(err, ERR_LIMIT, 0, "row of table %s: %zu bytes, more than %zu", table_info(view->table)->name,
                       view->bytes.size, LIMIT_ROW_BYTES);
    return shard_sort_add(set->sort, view, err);
}

int shard_add(struct shard_set *set, const struct row *row, struct err *err) {
    struct row_view view = row_view_of(row);
    return shard_add_view(set, &view, err);
}

int shard_add_block(struct shard_set *set, struct span sweep_id, const struct row_block *block, struct err *err) {
    if (set->sweep_id.size == 0) {
        AUTO(row_release) struct row row;
        row_init(&row);
        row_begin(&row, block->table, sweep_id);
        buf_add(&set->sweep_id, buf_span(&row.bytes));
        if (row.bytes.failed || set->sweep_id.failed)
            return err_set(err, ERR_NOMEM, 0, "block: out of memory");
    }
    return shard_sort_add_block(set->sort, block, err);
}

static int table_end(struct shard_set *set, struct err *err) {
    struct shard_part *part = &set->part;
    if (shard_part_end(part, err) < 0)
        return -1;
    struct shard_files *files = &set->totals.tables[part->table];
    for (size_t i = 0; i < part->files.count; i++) {
        files->rows += part->files.data[i].rows;
        set->totals.bytes += part->files.data[i].bytes;
    }
    set->totals.rows += files->rows;
    files->count = part->files.count;
    files->files = part->files.data;
    part->files.data = NULL;
    part->files.count = part->files.capacity = 0;
    shard_part_release(part);
    *part = (struct shard_part){.table = TABLE_COUNT, .folder = -1, .fd = -1};
    return 0;
}

static int block_write(struct shard_set *set, const struct row_block *block, struct err *err) {
    if (row_block_unpack(block, &set->rows, err) < 0)
        return -1;
    struct reader reader = reader_init(buf_span(&set->rows));
    for (struct span columns; row_block_row(&reader, &columns);) {
        if (shard_part_add(&set->part, buf_span(&set->sweep_id), columns, err) < 0)
            return -1;
    }
    return row_block_end_check(&reader, block, err);
}

/* The part that takes rows of this table, after the one that took those of another; TABLE_COUNT ends the last. */
static int part_turn(struct shard_set *set, enum table table, struct err *err) {
    if (set->part.table == table)
        return 0;
    if (set->part.table != TABLE_COUNT && table_end(set, err) < 0)
        return -1;
    return table == TABLE_COUNT ? 0 : shard_part_begin(&set->part, set->folder, table, set->part_bytes_max, err);
}

static int parts_write(struct shard_set *set, struct err *err) {
    for (;;) {
        static const struct span nothing = {NULL, 0};
        struct shard_sorted next;
        int got = shard_sort_next(set->sort, &next, err);
        if (got < 0)
            return -1;
        if (part_turn(set, got == 0 ? TABLE_COUNT : next.table, err) < 0)
            return -1;
        if (got == 0)
            return 0;
        if (next.is_block ? block_write(set, &next.block, err) < 0
                          : shard_part_add(&set->part, next.row, nothing, err) < 0)
            return -1;
    }
}

static int ddl_write(struct shard_set *set, struct err *err) {
    AUTO_CLOSE int folder = -1;
    AUTO_BUF struct buf text = {0};
    if (folder_make_at(set->folder, ddl_folder, &folder, err) < 0)
        return -1;
    for (enum ddl_dialect dialect = 0; dialect < DDL_COUNT; dialect++) {
        buf_reset(&text);
        ddl_format(&text, dialect);
        if (text.failed)
            return err_set(err, ERR_NOMEM, 0, "ddl: out of memory");
        if (folder_replace(folder, ddl_file_name(dialect), buf_span(&text), err) < 0)
            return err_wrap(err, "%s", ddl_folder);
    }
    return 0;
}

int shard_set_finish(struct shard_set *set, struct shard_totals *ret_totals, struct err *err) {
    assert(!set->finished);
    if (shard_sort_finish(set->sort, err) < 0 || parts_write(set, err) < 0 || ddl_write(set, err) < 0 ||
        folder_sync(set->folder, "sweep", err) < 0)
        return -1;
    set->totals.duplicates = shard_sort_duplicates(set->sort);
    set->finished = true;
    shard_sort_free(set->sort);
    set->sort = NULL;
    *ret_totals = set->totals;
    return 0;
}

void shard_set_free(struct shard_set *set) {
    if (set == NULL)
        return;
    shard_sort_free(set->sort);
    shard_part_release(&set->part);
    buf_release(&set->sweep_id);
    buf_release(&set->rows);
    struct err ignored;
    if (!set->finished)
        (void)layout_clear(set->folder, &ignored); /* what stays is cleared by the next shard_set_open() */
    /* With a manifest nobody writes here any more, and whoever waits for the lock looks for the manifest first. */
    if (set->lock >= 0 && folder_has(set->folder, SHARD_MANIFEST_NAME))
        (void)unlinkat(set->folder, lock_name, 0);
    cleanup_close(&set->lock);
    cleanup_close(&set->folder);
    for (enum table table = 0; table < TABLE_COUNT; table++)
        mem_free(set->totals.tables[table].files);
    mem_free(set);
}
