#include "io/archive/tar_index.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/overflow.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/codec/codec.h"
#include "io/file/spool.h"
#include "io/file/file.h"

#define READ_BYTES ((size_t)64 * 1024)
/* Between two seeks: a header, with what often stands before it in a PAX archive. */
#define HEADER_READ_BYTES ((size_t)4 * 1024)

struct tar_index {
    int fd;
    char *path;    /* for texts */
    uint64_t size; /* of the file */
    const char *packing;
    bool spooled;       /* `fd` is the archive unpacked */
    struct arena arena; /* the members' paths */
    struct map map;     /* path → number of the member + 1 */
    VEC(struct tar_member) members;
};

/* While the archive is read. */
struct listing {
    struct tar_index *index;
    struct tar *tar;
    struct codec *codec;
    bool want_spool;
    struct spool spool; /* of a packed archive's bytes; closed where there is none, or no room for one */
};

size_t tar_index_count(const struct tar_index *index) { return index->members.count; }

const struct tar_member *tar_index_get(const struct tar_index *index, size_t number) {
    assert(number < index->members.count);
    return &index->members.data[number];
}

const char *tar_index_packing(const struct tar_index *index) { return index->packing; }

static int member_add(void *context, const struct tar_entry *entry, struct err *err) {
    struct tar_index *index = ((struct listing *)context)->index;
    if (entry->whiteout != TAR_WHITEOUT_NONE)
        return TAR_SKIP;
    if (index->members.count >= LIMIT_ARCHIVE_MEMBERS)
        return err_set(err, ERR_LIMIT, 0, "more than %zu members", LIMIT_ARCHIVE_MEMBERS);
    struct tar_member member = {.kind = entry->kind,
                                .sparse = entry->sparse,
                                .path = arena_copy(&index->arena, entry->path),
                                .link_path = arena_copy(&index->arena, entry->link_path),
                                .offset = entry->data_offset,
                                .size = entry->size};
    if (member.path.data == NULL || member.link_path.data == NULL)
        return err_set(err, ERR_LIMIT, 0, "the members' names take more than %zu bytes", LIMIT_ARCHIVE_INDEX_BYTES);
    void **place = map_put(&index->map, member.path, NULL);
    if (place == NULL || !vec_push(&index->members, member))
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    *place = (void *)(uintptr_t)index->members.count;
    return TAR_SKIP;
}

static const struct tar_handler listing_handler = {.entry = member_add};

static bool is_packed(const char *packing) { return strcmp(packing, "plain") != 0; }

static int listing_push(void *context, struct span piece, struct err *err) {
    struct listing *listing = context;
    struct err failure = {0};
    /* Without a spool everything works, only slower: its failures are nobody's. */
    if (listing->want_spool && listing->spool.fd < 0 && is_packed(codec_name(listing->codec)))
        (void)spool_open(&listing->spool, &failure);
    if (listing->spool.fd >= 0 && failure.code == ERR_NONE)
        (void)spool_add(&listing->spool, piece, &failure);
    if (failure.code != ERR_NONE) {
        spool_close(&listing->spool);
        listing->want_spool = false;
    }
    return tar_push(listing->tar, piece, err);
}

/* Goes on from where the parser is, from header to header. */
static int list_plain(struct listing *listing, struct err *err) {
    struct tar_index *index = listing->index;
    struct tar *tar = listing->tar;
    uint8_t data[HEADER_READ_BYTES];
    while (tar_offset(tar) < index->size && !tar_at_end(tar)) {
        uint64_t skip = tar_skippable(tar);
        uint64_t left = index->size - tar_offset(tar);
        if (skip > 0 && tar_skip(tar, u64_min(skip, left), err) < 0)
            return -1;
        size_t size;
        if (file_read_part(index->fd, tar_offset(tar), data, sizeof data, &size, err) < 0)
            return -1;
        if (size == 0)
            break;
        if (tar_push(tar, span_make(data, size), err) < 0)
            return -1;
    }
    return tar_finish(tar, err);
}

/* Unpacks the rest of the file from `offset`. */
static int list_packed(struct listing *listing, struct codec *codec, uint8_t *data, uint64_t offset, struct err *err) {
    for (;;) {
        size_t size;
        if (file_read_part(listing->index->fd, offset, data, READ_BYTES, &size, err) < 0)
            return -1;
        if (size == 0)
            break;
        offset += size;
        if (codec_push(codec, span_make(data, size), listing_push, listing, err) < 0)
            return -1;
    }
    if (codec_finish(codec, listing_push, listing, err) < 0)
        return -1;
    return tar_finish(listing->tar, err);
}

static int list_all(struct listing *listing, struct codec *codec, uint8_t *data, struct err *err) {
    struct tar_index *index = listing->index;
    size_t size;
    tar_begin(listing->tar, NULL, &listing_handler, listing);
    if (file_read_part(index->fd, 0, data, READ_BYTES, &size, err) < 0 ||
        codec_push(codec, span_make(data, size), listing_push, listing, err) < 0)
        return -1;
    int result = is_packed(codec_name(codec)) ? list_packed(listing, codec, data, size, err) : list_plain(listing, err);
    index->packing = codec_name(codec); /* after the end: of a file of a few bytes it is not known before */
    return result;
}

static int list(struct tar_index *index, bool want_spool, struct err *err) {
    AUTO_TAR struct tar *tar = NULL;
    AUTO_CODEC struct codec *codec = NULL;
    AUTO_FREE uint8_t *data = mem_alloc(READ_BYTES);
    if (data == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", index->path);
    if (tar_new(&tar, err) < 0 || codec_new(&codec, err) < 0)
        return -1;
    struct listing listing = {
        .index = index, .tar = tar, .codec = codec, .want_spool = want_spool, .spool = {.fd = -1}};
    int result = list_all(&listing, codec, data, err) < 0 ? err_wrap(err, "%s", index->path) : 0;
    if (result == 0 && listing.spool.fd >= 0) {
        (void)close(index->fd);
        index->fd = listing.spool.fd;
        index->size = listing.spool.size;
        index->spooled = true;
        listing.spool.fd = -1;
    }
    spool_close(&listing.spool);
    return result;
}

static int file_open(struct tar_index *index, const char *path, struct err *err) {
    struct stat status;
    index->path = mem_text(path, strlen(path));
    if (index->path == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    index->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: opening a FIFO must not hang us */
    if (index->fd < 0)
        return err_set(err, err_code_of_open(errno), errno, "%s: %s", path, strerror(errno));
    if (fstat(index->fd, &status) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_UNSUPPORTED, 0,
                       "%s: expected a regular file, for an archive is read in any order; \"-\" is standard input",
                       path);
    index->size = (uint64_t)status.st_size;
    return 0;
}

/* A file is read where it is; what can be read only once goes into a temporary file first. */
static int descriptor_take(struct tar_index *index, int fd, const char *name, struct err *err) {
    struct stat status;
    struct spool spool;
    index->path = mem_text(name, strlen(name));
    AUTO_FREE uint8_t *data = mem_alloc(READ_BYTES);
    if (index->path == NULL || data == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    if (fstat(fd, &status) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", name, strerror(errno));
    if (S_ISREG(status.st_mode) && lseek(fd, 0, SEEK_CUR) == 0) {
        index->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        index->size = (uint64_t)status.st_size;
        return index->fd < 0 ? err_set(err, ERR_IO, errno, "%s: %s", name, strerror(errno)) : 0;
    }
    if (spool_open(&spool, err) < 0)
        return err_wrap(err, "%s", name);
    int result = 0;
    ssize_t got = 1;
    while (result == 0 && got != 0) {
        got = read(fd, data, READ_BYTES);
        if (got > 0)
            result = spool_add(&spool, span_make(data, (size_t)got), err);
        else if (got < 0 && errno != EINTR)
            result = err_set(err, ERR_IO, errno, "%s", strerror(errno));
    }
    index->fd = spool.fd; /* closed with the index, whatever went wrong */
    index->size = spool.size;
    return result < 0 ? err_wrap(err, "%s", name) : 0;
}

static int index_open(int fd, const char *path, bool want_spool, struct tar_index **ret_index, struct err *err) {
    AUTO_TAR_INDEX struct tar_index *index = mem_zalloc(sizeof *index);
    if (index == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    uint64_t seed = 0;
    (void)!getrandom(&seed, sizeof seed, GRND_NONBLOCK); /* without it the map is slower under attack, never wrong */
    index->fd = -1;
    index->packing = "unknown";
    arena_init(&index->arena, 0, LIMIT_ARCHIVE_INDEX_BYTES);
    map_init(&index->map, seed);
    if ((fd < 0 ? file_open(index, path, err) : descriptor_take(index, fd, path, err)) < 0 ||
        list(index, want_spool, err) < 0)
        return -1;
    *ret_index = STEAL(index);
    return 0;
}

int tar_index_open(const char *path, struct tar_index **ret_index, struct err *err) {
    return index_open(-1, path, true, ret_index, err);
}

int tar_index_open_fd(int fd, const char *name, struct tar_index **ret_index, struct err *err) {
    return index_open(fd, name, true, ret_index, err);
}

int tar_index_open_list(const char *path, struct tar_index **ret_index, struct err *err) {
    return index_open(-1, path, false, ret_index, err);
}

void tar_index_close(struct tar_index *index) {
    if (index == NULL)
        return;
    cleanup_close(&index->fd);
    map_release(&index->map);
    arena_release(&index->arena);
    vec_release(&index->members);
    mem_free(index->path);
    mem_free(index);
}

static bool is_link(const struct tar_member *member) {
    return member->kind == TAR_SYMLINK || (member->kind == TAR_HARD_LINK && member->size == 0);
}

int tar_index_find(const struct tar_index *index, struct span path, const struct tar_member **ret_member,
                   struct err *err) {
    char quoted[96];
    AUTO_FREE uint8_t *wanted = mem_alloc(path.size);
    if (wanted == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", index->path);
    bool escapes;
    struct span name = span_make(wanted, tar_path_normalise((struct span){NULL, 0}, path, wanted, &escapes));
    for (size_t links = 0; links <= LIMIT_LINK_DEPTH; links++) {
        uintptr_t number = (uintptr_t)map_get(&index->map, name);
        if (number == 0)
            return err_set(err, ERR_NOTFOUND, 0, "%s: no member \"%s\"", index->path,
                           text_quote(name, quoted, sizeof quoted));
        const struct tar_member *member = &index->members.data[number - 1];
        if (!is_link(member)) {
            *ret_member = member;
            return 0;
        }
        name = member->link_path;
    }
    return err_set(err, ERR_LIMIT, 0, "%s: member \"%s\": more than %zu links one after another", index->path,
                   text_quote(path, quoted, sizeof quoted), LIMIT_LINK_DEPTH);
}

/* Streams. */

struct tar_stream {
    const struct tar_index *index;
    uint64_t left;       /* bytes of the member still to come */
    uint64_t offset;     /* in the file, of the next read */
    uint64_t skip;       /* packed: unpacked bytes before the member still to pass by */
    struct codec *codec; /* NULL for a plain archive */
    struct span input;   /* packed: read and not yet unpacked */
    size_t buffer_size;
    uint8_t buffer[];
};

int tar_member_open(const struct tar_index *index, const struct tar_member *member, struct tar_stream **ret_stream,
                    struct err *err) {
    char quoted[96];
    bool file =
        member->kind == TAR_FILE || member->kind == TAR_OTHER || (member->kind == TAR_HARD_LINK && !is_link(member));
    if (!file || member->sparse)
        return err_set(err, ERR_UNSUPPORTED, 0, "%s: member \"%s\": expected a file, found a %s%s", index->path,
                       text_quote(member->path, quoted, sizeof quoted), member->sparse ? "sparse " : "",
                       tar_kind_name(member->kind));
    bool packed = !index->spooled && is_packed(index->packing);
    size_t buffer_size = packed ? READ_BYTES : CODEC_PIECE_BYTES;
    AUTO_TAR_STREAM struct tar_stream *stream = mem_alloc(sizeof *stream + buffer_size);
    if (stream == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", index->path);
    *stream = (struct tar_stream){.index = index,
                                  .left = member->size,
                                  .offset = packed ? 0 : member->offset,
                                  .skip = packed ? member->offset : 0,
                                  .buffer_size = buffer_size};
    if (packed && codec_new(&stream->codec, err) < 0)
        return -1;
    *ret_stream = STEAL(stream);
    return 0;
}

void tar_member_close(struct tar_stream *stream) {
    if (stream == NULL)
        return;
    codec_free(stream->codec);
    mem_free(stream);
}

static int changed(const struct tar_stream *stream, struct err *err) {
    return err_set(err, ERR_IO, 0, "%s: ends before the member does: the file changed while it was read",
                   stream->index->path);
}

static int buffer_fill(struct tar_stream *stream, size_t size, struct span *ret_bytes, struct err *err) {
    size_t got;
    if (file_read_part(stream->index->fd, stream->offset, stream->buffer, size, &got, err) < 0)
        return err_wrap(err, "%s", stream->index->path);
    stream->offset += got;
    *ret_bytes = span_make(stream->buffer, got);
    return 0;
}

static int read_plain(struct tar_stream *stream, struct span *ret_chunk, struct err *err) {
    size_t size = (size_t)u64_min(stream->left, stream->buffer_size);
    struct span chunk;
    if (buffer_fill(stream, size, &chunk, err) < 0)
        return -1;
    if (chunk.size < size)
        return changed(stream, err);
    *ret_chunk = chunk;
    return 1;
}

static int read_packed(struct tar_stream *stream, struct span *ret_chunk, struct err *err) {
    bool ended = false;
    for (;;) {
        struct span piece;
        int result = codec_step(stream->codec, &stream->input, ended, &piece, err);
        if (result < 0)
            return err_wrap(err, "%s", stream->index->path);
        if (result == 0 && ended)
            return changed(stream, err);
        if (result == 0) {
            if (buffer_fill(stream, stream->buffer_size, &stream->input, err) < 0)
                return -1;
            ended = stream->input.size == 0;
            continue;
        }
        if (piece.size <= stream->skip) {
            stream->skip -= piece.size;
            continue;
        }
        *ret_chunk = span_slice(piece, (size_t)stream->skip, stream->left < SIZE_MAX ? (size_t)stream->left : SIZE_MAX);
        stream->skip = 0;
        return 1;
    }
}

int tar_member_read(struct tar_stream *stream, struct span *ret_chunk, struct err *err) {
    if (stream->left == 0)
        return 0;
    struct span chunk;
    if ((stream->codec == NULL ? read_plain(stream, &chunk, err) : read_packed(stream, &chunk, err)) < 0)
        return -1;
    stream->left -= chunk.size;
    *ret_chunk = chunk;
    return 1;
}

int tar_index_read(const struct tar_index *index, const struct tar_member *member, struct buf *buf, struct err *err) {
    char quoted[96];
    AUTO_TAR_STREAM struct tar_stream *stream = NULL;
    if (tar_member_open(index, member, &stream, err) < 0)
        return -1;
    if (buf->size_max != 0 && member->size > buf->size_max - buf->size)
        return err_set(err, ERR_LIMIT, 0, "%s: member \"%s\" has %" PRIu64 " bytes, the ceiling is %zu", index->path,
                       text_quote(member->path, quoted, sizeof quoted), member->size, buf->size_max);
    for (;;) {
        struct span chunk;
        int result = tar_member_read(stream, &chunk, err);
        if (result <= 0)
            return result;
        buf_add(buf, chunk);
        if (buf->failed)
            return err_set(err, ERR_NOMEM, 0, "%s: out of memory", index->path);
    }
}
