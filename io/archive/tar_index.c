#include "io/archive/tar_index.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/overflow.h"
#include "base/vec.h"
#include "io/codec/codec.h"

#define MEMBER_PATH_BYTES ((size_t)4096) /* of a name that is asked for: blobs/sha256/… has 78 */

struct tar_index {
    int fd;
    bool packed;
    char packing[16];
    struct arena arena;           /* paths */
    VEC(struct tar_member) members;
    struct map by_path;           /* path → number + 1 of the last member that has it */
};

struct tar_stream {
    const struct tar_index *index;
    uint64_t file_offset;   /* of the next read */
    uint64_t skip;          /* unpacked bytes before the member */
    uint64_t left;          /* of the member */
    struct codec *codec;    /* packed archives */
    struct span input;      /* read and not yet unpacked */
    bool ended;             /* of the file */
    uint8_t buffer[CODEC_PIECE_BYTES];
};

/* ---- the list ---- */

static int on_entry(void *context, const struct tar_entry *entry, struct err *err) {
    struct tar_index *index = context;
    struct tar_member member = {.kind = entry->kind,
                                .sparse = entry->sparse,
                                .path = arena_copy(&index->arena, entry->path),
                                .link_path = arena_copy(&index->arena, entry->link_path),
                                .offset = entry->data_offset,
                                .size = entry->stored_bytes};
    if (entry->whiteout != TAR_WHITEOUT_NONE)
        return TAR_SKIP;
    if (index->members.count >= LIMIT_ARCHIVE_MEMBERS)
        return err_set(err, ERR_LIMIT, 0, "archive: more than %zu members", LIMIT_ARCHIVE_MEMBERS);
    if (member.path.data == NULL || member.link_path.data == NULL)
        return err_set(err, ERR_LIMIT, 0, "archive: its member list takes more than %zu bytes", LIMIT_ARCHIVE_INDEX_BYTES);
    void **place = map_put(&index->by_path, member.path, NULL);
    if (place == NULL || !vec_push(&index->members, member))
        return err_set(err, ERR_NOMEM, 0, "archive: out of memory after %zu members", index->members.count);
    *place = (void *)(uintptr_t)index->members.count;
    return TAR_SKIP;
}

static int on_data(void *context, struct span piece, struct err *err) {
    (void)context;
    (void)piece;
    (void)err;
    return 0;
}

static int on_entry_end(void *context, struct err *err) {
    (void)context;
    (void)err;
    return 0;
}

/* Members with impossible names cannot be asked for, so they need not be told here. */
static int on_problem(void *context, const struct err *problem, struct span path, uint64_t offset, struct err *err) {
    (void)context;
    (void)problem;
    (void)path;
    (void)offset;
    (void)err;
    return 0;
}

static const struct tar_handler list_events = {
    .entry = on_entry, .data = on_data, .entry_end = on_entry_end, .problem = on_problem};

static ssize_t read_at(int fd, uint8_t *buffer, size_t size, uint64_t offset, struct err *err) {
    for (;;) {
        ssize_t got = pread(fd, buffer, size, (off_t)offset);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return err_set(err, ERR_IO, errno, "archive: read at offset %" PRIu64 ": %s", offset, strerror(errno));
    }
}

/* From header to header, seeking over bodies. */
static int list_plain(struct tar_index *index, struct tar *tar, uint8_t *buffer, struct err *err) {
    ssize_t got;
    while (!tar_at_end(tar) && (got = read_at(index->fd, buffer, 16 * LIMIT_KIB, tar_offset(tar), err)) != 0) {
        if (got < 0 || tar_push(tar, span_make(buffer, (size_t)got), err) < 0)
            return -1;
        while (tar_skippable(tar) > 0) {
            if (tar_skip(tar, tar_skippable(tar), err) < 0)
                return -1;
        }
    }
    /* A body that the file does not hold was skipped like any other: compare with the file's true size. */
    struct stat status;
    if (fstat(index->fd, &status) != 0)
        return err_set(err, ERR_IO, errno, "archive: %s", strerror(errno));
    if (tar_offset(tar) > (uint64_t)status.st_size + 511)
        return err_set(err, ERR_FORMAT, 0, "archive: ends at offset %jd, expected %" PRIu64 " bytes at least",
                       (intmax_t)status.st_size, tar_offset(tar));
    return tar_finish(tar, err);
}

static int on_unpacked(void *context, struct span piece, struct err *err) {
    return tar_push(context, piece, err);
}

static int list_packed(struct tar_index *index, struct tar *tar, struct codec *codec, uint8_t *buffer, struct err *err) {
    uint64_t offset = 0;
    ssize_t got;
    codec_begin(codec, NULL);
    while ((got = read_at(index->fd, buffer, CODEC_PIECE_BYTES, offset, err)) != 0) {
        if (got < 0 || codec_push(codec, span_make(buffer, (size_t)got), on_unpacked, tar, err) < 0)
            return -1;
        offset += (uint64_t)got;
    }
    return codec_finish(codec, on_unpacked, tar, err) < 0 ? -1 : tar_finish(tar, err);
}

static int discard(void *context, struct span piece, struct err *err) {
    (void)context;
    (void)piece;
    (void)err;
    return 0;
}

/* The first bytes tell the packing; what they unpack to is not looked at yet. */
static int packing_find(struct tar_index *index, struct codec *codec, uint8_t *buffer, struct err *err) {
    ssize_t got = read_at(index->fd, buffer, 4096, 0, err);
    if (got < 0)
        return -1;
    codec_begin(codec, NULL);
    struct err ignored = {0}; /* damage shows again when the list is made */
    bool refused = codec_push(codec, span_make(buffer, (size_t)got), discard, NULL, &ignored) < 0 &&
                   ignored.code == ERR_UNSUPPORTED;
    if (refused) {
        *err = ignored;
        return -1;
    }
    (void)snprintf(index->packing, sizeof index->packing, "%s", codec_name(codec));
    index->packed = strcmp(index->packing, "gzip") == 0 || strcmp(index->packing, "zstd") == 0;
    return 0;
}

static int list_make(struct tar_index *index, struct err *err) {
    AUTO_TAR struct tar *tar = NULL;
    AUTO_CODEC struct codec *codec = NULL;
    AUTO_FREE uint8_t *buffer = mem_alloc(CODEC_PIECE_BYTES);
    if (buffer == NULL)
        return err_set(err, ERR_NOMEM, 0, "archive: out of memory");
    if (tar_new(&tar, err) < 0 || codec_new(&codec, err) < 0 || packing_find(index, codec, buffer, err) < 0)
        return -1;
    tar_begin(tar, NULL, &list_events, index);
    return index->packed ? list_packed(index, tar, codec, buffer, err) : list_plain(index, tar, buffer, err);
}

int tar_index_open(const char *path, struct tar_index **ret_index, struct err *err) {
    struct tar_index *index = mem_zalloc(sizeof *index);
    struct stat status;
    if (index == NULL)
        return err_set(err, ERR_NOMEM, 0, "archive: out of memory");
    arena_init(&index->arena, 0, LIMIT_ARCHIVE_INDEX_BYTES);
    map_init(&index->by_path, (uint64_t)(uintptr_t)index);
    index->fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = 0;
    if (index->fd < 0)
        result = err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO, errno, "%s", strerror(errno));
    else if (fstat(index->fd, &status) != 0 || !S_ISREG(status.st_mode))
        result = err_set(err, ERR_IO, 0, "expected a regular file");
    else
        result = list_make(index, err);
    if (result < 0) {
        tar_index_close(index);
        return -1;
    }
    *ret_index = index;
    return 0;
}

void tar_index_close(struct tar_index *index) {
    if (index == NULL)
        return;
    if (index->fd >= 0)
        (void)close(index->fd);
    vec_release(&index->members);
    map_release(&index->by_path);
    arena_release(&index->arena);
    mem_free(index);
}

size_t tar_index_count(const struct tar_index *index) { return index->members.count; }

const struct tar_member *tar_index_get(const struct tar_index *index, size_t number) {
    assert(number < index->members.count);
    return &index->members.data[number];
}

const char *tar_index_packing(const struct tar_index *index) { return index->packing; }

/* ---- one member ---- */

int tar_index_find(const struct tar_index *index, struct span path, const struct tar_member **ret_member,
                   struct err *err) {
    uint8_t normal[MEMBER_PATH_BYTES];
    bool escapes;
    if (path.size > sizeof normal)
        return err_set(err, ERR_LIMIT, 0, "archive: path longer than %zu bytes", sizeof normal);
    struct span wanted = span_make(normal, tar_path_normalise((struct span){NULL, 0}, path, normal, &escapes));
    for (size_t depth = 0; depth < LIMIT_LINK_DEPTH; depth++) {
        void *number = map_get(&index->by_path, wanted);
        if (number == NULL)
            return err_set(err, ERR_NOTFOUND, 0, "archive: there is no such member");
        const struct tar_member *member = &index->members.data[(uintptr_t)number - 1];
        if (member->kind != TAR_SYMLINK && !(member->kind == TAR_HARD_LINK && member->size == 0)) {
            *ret_member = member;
            return 0;
        }
        wanted = member->link_path;
    }
    return err_set(err, ERR_LIMIT, 0, "archive: more than %zu links one behind the other", LIMIT_LINK_DEPTH);
}

int tar_index_read(const struct tar_index *index, const struct tar_member *member, struct buf *buf, struct err *err) {
    AUTO_TAR_STREAM struct tar_stream *stream = NULL;
    struct span chunk;
    int got;
    if (buf->size_max != 0 && member->size > buf->size_max - size_min(buf->size, buf->size_max))
        return err_set(err, ERR_LIMIT, 0, "archive: member of %" PRIu64 " bytes: expected at most %zu", member->size, buf->size_max);
    if (tar_member_open(index, member, &stream, err) < 0)
        return -1;
    while ((got = tar_member_read(stream, &chunk, err)) > 0)
        buf_add(buf, chunk);
    if (got == 0 && buf->failed)
        return err_set(err, ERR_NOMEM, 0, "archive: out of memory");
    return got;
}

int tar_member_open(const struct tar_index *index, const struct tar_member *member, struct tar_stream **ret_stream,
                    struct err *err) {
    if ((member->kind != TAR_FILE && member->kind != TAR_HARD_LINK) || member->sparse)
        return err_set(err, ERR_UNSUPPORTED, 0, "archive: expected a plain file, found a %s%s", member->sparse ? "sparse " : "",
                       tar_kind_name(member->kind));
    struct tar_stream *stream = mem_alloc(sizeof *stream);
    if (stream == NULL)
        return err_set(err, ERR_NOMEM, 0, "archive: out of memory");
    stream->index = index;
    stream->left = member->size;
    stream->codec = NULL;
    stream->input = (struct span){NULL, 0};
    stream->ended = false;
    stream->file_offset = index->packed ? 0 : member->offset;
    stream->skip = index->packed ? member->offset : 0;
    if (index->packed && codec_new(&stream->codec, err) < 0) {
        mem_free(stream);
        return -1;
    }
    *ret_stream = stream;
    return 0;
}

/* The next unpacked bytes of the file: 1, 0 at its end. */
static int bytes_next(struct tar_stream *stream, struct span *ret_bytes, struct err *err) {
    for (;;) {
        if (stream->codec != NULL) {
            int got = codec_step(stream->codec, &stream->input, stream->ended, ret_bytes, err);
            if (got != 0)
                return got;
            if (stream->ended)
                return 0;
        }
        uint64_t want = CODEC_PIECE_BYTES;
        if (stream->codec == NULL && stream->left < want)
            want = stream->left;
        ssize_t got = read_at(stream->index->fd, stream->buffer, (size_t)want, stream->file_offset, err);
        if (got < 0)
            return -1;
        stream->file_offset += (uint64_t)got;
        stream->ended = got == 0;
        stream->input = span_make(stream->buffer, (size_t)got);
        if (stream->codec == NULL) {
            *ret_bytes = stream->input;
            return got > 0 ? 1 : 0;
        }
    }
}

int tar_member_read(struct tar_stream *stream, struct span *ret_chunk, struct err *err) {
    while (stream->left > 0) {
        struct span bytes;
        int got = bytes_next(stream, &bytes, err);
        if (got < 0)
            return -1;
        if (got == 0)
            return err_set(err, ERR_FORMAT, 0, "archive: ends %" PRIu64 " bytes before its member does", stream->skip + stream->left);
        uint64_t before = stream->skip < bytes.size ? stream->skip : bytes.size;
        stream->skip -= before;
        bytes = span_slice(bytes, (size_t)before, stream->left < SIZE_MAX ? (size_t)stream->left : SIZE_MAX);
        if (bytes.size == 0)
            continue;
        stream->left -= bytes.size;
        *ret_chunk = bytes;
        return 1;
    }
    return 0;
}

void tar_member_close(struct tar_stream *stream) {
    if (stream == NULL)
        return;
    codec_free(stream->codec);
    mem_free(stream);
}
