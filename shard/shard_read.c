#include "shard/shard_read.h"

#include <fcntl.h>

#include "base/hash/xxh.h"
#include "base/limits.h"
#include "shard/shard_frame.h"
#include "shard/sort_key.h"

struct shard_reader {
    int fd;
    char *name;
    enum table table;
    struct frame_reader *frames;
    struct span rest; /* rows of the present frame still to come */
    uint64_t rows;
    uint64_t frame_offset; /* where the present frame begins */
    struct err failure;    /* repeats once set */
};

static int reader_new(int fd, struct span bytes, const char *name, enum table table, struct shard_reader **ret_reader,
                      struct err *err) {
    AUTO_SHARD_READER struct shard_reader *reader = mem_zalloc(sizeof *reader);
    if (reader == NULL) {
        cleanup_close(&fd);
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    }
    reader->fd = fd;
    reader->table = table;
    reader->name = mem_text(name, strlen(name));
    if (reader->name == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    if (frame_reader_new(fd, bytes, name, &reader->frames, err) < 0)
        return -1;
    *ret_reader = STEAL(reader);
    return 0;
}

int shard_reader_open(const char *path, enum table table, struct shard_reader **ret_reader, struct err *err) {
    /* O_NONBLOCK for the case of a FIFO under a shard's name: opening must not hang. Files do not care. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "%s: %s", path, strerror(errno));
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* advice only */
    return reader_new(fd, (struct span){NULL, 0}, path, table, ret_reader, err);
}

int shard_reader_open_bytes(struct span bytes, const char *name, enum table table, struct shard_reader **ret_reader,
                            struct err *err) {
    return reader_new(-1, bytes, name, table, ret_reader, err);
}

void shard_reader_close(struct shard_reader *reader) {
    if (reader == NULL)
        return;
    frame_reader_free(reader->frames);
    cleanup_close(&reader->fd);
    mem_free(reader->name);
    mem_free(reader);
}

int shard_reader_next(struct shard_reader *reader, struct row_view *ret_view, struct err *err) {
    if (reader->failure.code != ERR_NONE) {
        if (err != NULL)
            *err = reader->failure;
        return -1;
    }
    int got = 1;
    while (reader->rest.size == 0 && got > 0) {
        reader->frame_offset = frame_offset(reader->frames);
        got = frame_next(reader->frames, &reader->rest, &reader->failure);
        if (got == 0)
            return 0;
    }
    if (got > 0 && row_view_parse(reader->table, reader->rest, ret_view, &reader->failure) < 0)
        got = err_wrap(&reader->failure, "%s: row %" PRIu64 ", in the frame at offset %" PRIu64, reader->name,
                       reader->rows, reader->frame_offset);
    if (got < 0) {
        if (err != NULL)
            *err = reader->failure;
        return -1;
    }
    reader->rest = span_from(reader->rest, ret_view->bytes.size);
    reader->rows++;
    return 1;
}

uint64_t shard_reader_rows(const struct shard_reader *reader) { return reader->rows; }

uint64_t shard_reader_offset(const struct shard_reader *reader) { return frame_offset(reader->frames); }

bool shard_path_table(const char *path, enum table *ret_table) {
    struct span folder = span_text(path);
    size_t slash = span_index_last(folder, '/');
    if (slash == SIZE_MAX)
        return false;
    folder = span_slice(folder, 0, slash);
    slash = span_index_last(folder, '/');
    return table_find(slash == SIZE_MAX ? folder : span_from(folder, slash + 1), ret_table);
}

void shard_table_init(struct shard_table *rows, const char *folder, const struct shard_manifest *manifest,
                      enum table table) {
    *rows = (struct shard_table){.folder = folder, .manifest = manifest, .table = table};
}

void shard_table_release(struct shard_table *rows) {
    if (rows == NULL)
        return;
    shard_reader_close(rows->reader);
    rows->reader = NULL;
}

static int part_open(const char *folder, enum table table, uint32_t part, struct shard_reader **ret_reader,
                     struct err *err) {
    char path[SHARD_PATH_SIZE], whole[PATH_MAX];
    int size = snprintf(whole, sizeof whole, "%s/%s", folder, shard_path(table, part, path));
    if (size < 0 || (size_t)size >= sizeof whole)
        return err_set(err, ERR_LIMIT, 0, "%s: path too long", folder);
    return shard_reader_open(whole, table, ret_reader, err);
}

int shard_table_next(struct shard_table *rows, struct row_view *ret_view, struct err *err) {
    const struct shard_files *files = &rows->manifest->tables[rows->table];
    for (;;) {
        if (rows->reader == NULL) {
            if (rows->file == files->count)
                return 0;
            if (part_open(rows->folder, rows->table, files->files[rows->file].part, &rows->reader, err) < 0)
                return -1;
            rows->file++;
        }
        int got = shard_reader_next(rows->reader, ret_view, err);
        const struct shard_file *file = &files->files[rows->file - 1];
        uint64_t found = shard_reader_rows(rows->reader);
        if (got != 0 && found <= file->rows)
            return got;
        if (found != file->rows)
            return err_set(err, ERR_FORMAT, 0, "%s: the manifest has %" PRIu64 " rows, the file %s %" PRIu64,
                           rows->reader->name, file->rows, got != 0 ? "at least" : "only", found);
        shard_reader_close(rows->reader);
        rows->reader = NULL;
    }
}

static int bytes_verify(int fd, const char *name, const struct shard_file *file, struct err *err) {
    struct file_hash *hash = file_hash_new();
    AUTO_FREE uint8_t *buffer = mem_alloc(LIMIT_MIB);
    int result = 0;
    uint64_t bytes = 0;
    if (hash == NULL || buffer == NULL)
        result = err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    while (result == 0) {
        ssize_t got = read(fd, buffer, LIMIT_MIB);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            result = err_set(err, ERR_IO, errno, "%s: read: %s", name, strerror(errno));
        if (got <= 0)
            break;
        bytes += (uint64_t)got;
        file_hash_add(hash, span_make(buffer, (size_t)got));
    }
    uint64_t found = result == 0 ? file_hash_end(hash) : 0;
    file_hash_free(hash);
    if (result < 0)
        return -1;
    if (bytes != file->bytes)
        return err_set(err, ERR_DIGEST, 0, "%s: the manifest has %" PRIu64 " bytes, the file %" PRIu64, name,
                       file->bytes, bytes);
    if (found != file->xxh64)
        return err_set(err, ERR_DIGEST, 0, "%s: the manifest has XXH64 %016" PRIx64 ", the file %016" PRIx64, name,
                       file->xxh64, found);
    if (lseek(fd, 0, SEEK_SET) != 0)
        return err_set(err, ERR_IO, errno, "%s: seek: %s", name, strerror(errno));
    return 0;
}

/* The key and the row behind it, of which each must be greater than the one before. */
static int rows_verify(struct shard_reader *reader, const struct shard_file *file, struct buf keys[static 2],
                       struct err *err) {
    struct row_view view;
    int got;
    while ((got = shard_reader_next(reader, &view, err)) > 0) {
        struct buf *key = &keys[reader->rows & 1], *last = &keys[~reader->rows & 1];
        buf_reset(key);
        sort_key_add(key, &view);
        buf_add(key, view.bytes);
        if (key->failed)
            return err_set(err, ERR_NOMEM, 0, "%s: out of memory", reader->name);
        if (reader->rows > 1 && span_compare(buf_span(last), buf_span(key)) >= 0)
            return err_set(err, ERR_FORMAT, 0, "%s: row %" PRIu64 " is not behind the one before it", reader->name,
                           reader->rows - 1);
    }
    if (got < 0)
        return -1;
    if (reader->rows != file->rows)
        return err_set(err, ERR_FORMAT, 0, "%s: the manifest has %" PRIu64 " rows, the file %" PRIu64, reader->name,
                       file->rows, reader->rows);
    return 0;
}

int shard_file_verify(const char *folder, enum table table, const struct shard_file *file, struct err *err) {
    AUTO_SHARD_READER struct shard_reader *reader = NULL;
    if (part_open(folder, table, file->part, &reader, err) < 0 || bytes_verify(reader->fd, reader->name, file, err) < 0)
        return -1;
    struct buf keys[2] = {{0}, {0}};
    int result = rows_verify(reader, file, keys, err);
    buf_release(&keys[0]);
    buf_release(&keys[1]);
    return result;
}
