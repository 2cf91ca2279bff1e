#include "io/source/file_stream.h"

#include "base/cleanup.h"
#include "base/overflow.h"

struct file_stream {
    struct loop *loop;
    struct stream *stream;
    struct chunk *chunk; /* being read into, or NULL */
    int fd;
    uint64_t offset; /* of the next read */
    bool canceled;
    char name[128];
};

static void finish(struct file_stream *file, const struct err *err) {
    struct stream *stream = file->stream;
    (void)close(file->fd); /* it was only read */
    mem_free(file);
    stream_end(stream, err);
}

static void read_next(struct file_stream *file);

static void on_read(void *context, ssize_t result) {
    struct file_stream *file = context;
    struct err err = {0};
    size_t size = result > 0 ? (size_t)result : 0;
    struct chunk *chunk = STEAL(file->chunk);
    stream_commit(file->stream, chunk, size);
    file->offset += size;
    if (file->canceled || result == -ECANCELED)
        (void)err_set(&err, ERR_CANCELED, 0, "%s: canceled", file->name);
    else if (result < 0 && result != -EINTR && result != -EAGAIN)
        (void)err_set(&err, ERR_IO, (int)-result, "%s: read at offset %" PRIu64 ": %s", file->name, file->offset,
                      strerror((int)-result));
    if (err.code != ERR_NONE)
        finish(file, &err);
    else if (result == 0)
        finish(file, NULL);
    else
        read_next(file);
}

static void read_next(struct file_stream *file) {
    file->chunk = stream_reserve(file->stream);
    if (file->chunk == NULL) {
        if (stream_has_ended(file->stream))
            finish(file, NULL); /* somebody else has ended it: the sweep is being stopped */
        return;                 /* else resumed or canceled later */
    }
    if (loop_read(file->loop, file->fd, file->chunk->data, CHUNK_BYTES, file->offset, on_read, file) == 0) {
        struct err err = {0};
        (void)err_set(&err, ERR_NOMEM, 0, "%s: out of memory", file->name);
        stream_commit(file->stream, STEAL(file->chunk), 0);
        finish(file, &err);
    }
}

static void on_resume(void *context) {
    struct file_stream *file = context;
    if (file->chunk == NULL)
        read_next(file);
}

static void on_cancel(void *context) {
    struct file_stream *file = context;
    file->canceled = true;
    if (file->chunk != NULL)
        return; /* the read in flight ends it */
    struct err err = {0};
    (void)err_set(&err, ERR_CANCELED, 0, "%s: canceled", file->name);
    finish(file, &err);
}

void file_stream_start(struct loop *loop, int fd, const char *name, struct stream *stream) {
    struct file_stream *file = mem_zalloc(sizeof *file);
    struct err err = {0};
    if (file == NULL) {
        (void)close(fd);
        (void)err_set(&err, ERR_NOMEM, 0, "%s: out of memory", name);
        stream_end(stream, &err);
        return;
    }
    *file = (struct file_stream){.loop = loop, .stream = stream, .fd = fd};
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    stream_attach(stream, on_resume, on_cancel, file);
    read_next(file);
}
