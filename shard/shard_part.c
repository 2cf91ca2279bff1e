#include "shard/shard_part.h"

#include "base/hash/xxh.h"
#include "base/limits.h"
#include "shard/shard_folder.h"
#include "shard/shard_frame.h"

/* Rows are gathered to this before they become a frame: LZ4 gains nothing from more, and a torn tail loses no more than
 * this. */
#define PART_FRAME_BYTES LIMIT_MIB

static const char temporary_name[] = ".part.tmp";

int shard_part_begin(struct shard_part *part, int sweep_folder, enum table table, uint64_t bytes_max, struct err *err) {
    *part = (struct shard_part){.table = table, .bytes_max = bytes_max, .folder = -1, .fd = -1};
    return folder_make_at(sweep_folder, table_info(table)->name, &part->folder, err);
}

void shard_part_release(struct shard_part *part) {
    if (part == NULL)
        return;
    if (part->fd >= 0)
        (void)unlinkat(part->folder, temporary_name, 0); /* an unfinished part: what failed was reported already */
    cleanup_close(&part->fd);
    cleanup_close(&part->folder);
    file_hash_free(part->hash);
    buf_release(&part->rows);
    buf_release(&part->frame);
    vec_release(&part->files);
}

static int part_open(struct shard_part *part, struct err *err) {
    if (part->files.count > UINT32_MAX)
        return err_set(err, ERR_LIMIT, 0, "%s: too many parts", table_info(part->table)->name);
    file_hash_free(part->hash);
    part->hash = file_hash_new();
    if (part->hash == NULL)
        return err_set(err, ERR_NOMEM, 0, "part: out of memory");
    part->file = (struct shard_file){.part = (uint32_t)part->files.count};
    return folder_create(part->folder, temporary_name, &part->fd, err);
}

static int part_close(struct shard_part *part, struct err *err) {
    char path[SHARD_PATH_SIZE];
    part->file.xxh64 = file_hash_end(part->hash);
    const char *name = strrchr(shard_path(part->table, part->file.part, path), '/') + 1;
    if (folder_commit(part->folder, part->fd, temporary_name, name, err) < 0)
        return err_wrap(err, "%s", table_info(part->table)->name);
    (void)close(part->fd); /* it is synced: nothing is left to fail */
    part->fd = -1;
    if (!vec_push(&part->files, part->file))
        return err_set(err, ERR_NOMEM, 0, "part: out of memory");
    return 0;
}

static int frame_write(struct shard_part *part, struct err *err) {
    if (part->rows.failed)
        return err_set(err, ERR_NOMEM, 0, "part: out of memory");
    if (part->rows.size == 0)
        return 0;
    buf_reset(&part->frame);
    if (frame_encode(&part->frame, buf_span(&part->rows), err) < 0)
        return -1;
    /* A first frame may pass the bound alone. */
    bool full = part->file.bytes >= part->bytes_max || part->frame.size > part->bytes_max - part->file.bytes;
    if (part->fd >= 0 && full && part_close(part, err) < 0)
        return -1;
    if (part->fd < 0 && part_open(part, err) < 0)
        return -1;
    if (folder_write_all(part->fd, buf_span(&part->frame), table_info(part->table)->name, err) < 0)
        return -1;
    file_hash_add(part->hash, buf_span(&part->frame));
    part->file.bytes += part->frame.size;
    part->file.rows += part->row_count;
    part->row_count = 0;
    buf_reset(&part->rows);
    return 0;
}

int shard_part_add(struct shard_part *part, struct span head, struct span rest, struct err *err) {
    if (head.size + rest.size + part->rows.size > PART_FRAME_BYTES && frame_write(part, err) < 0)
        return -1;
    buf_add(&part->rows, head);
    buf_add(&part->rows, rest);
    part->row_count++;
    return 0;
}

int shard_part_end(struct shard_part *part, struct err *err) {
    if (frame_write(part, err) < 0 || (part->fd >= 0 && part_close(part, err) < 0))
        return -1;
    return folder_sync(part->folder, table_info(part->table)->name, err);
}
