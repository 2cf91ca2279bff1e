#include "shard/shard_salvage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/overflow.h"
#include "base/vec.h"
#include "shard/shard_frame.h"

#define SCAN_BYTES (64 * LIMIT_KIB)

static const uint8_t frame_magic[] = {0x04, 0x22, 0x4d, 0x18};

struct shard_salvage {
    int fd;
    char *name;
    enum table table;
    uint64_t size;
    struct frame_reader *frames; /* from `base` on; NULL: to be looked for from `at` on */
    uint64_t base;
    uint64_t at;
    struct span rows; /* of the frame at hand, all of them sound */
    uint64_t row_count;
    VEC(struct shard_loss) losses;
    uint8_t *window; /* SCAN_BYTES */
};

int shard_salvage_open(const char *path, enum table table, struct shard_salvage **ret_salvage, struct err *err) {
    struct stat status;
    AUTO_SHARD_SALVAGE struct shard_salvage *salvage = mem_zalloc(sizeof *salvage);
    if (salvage == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    salvage->table = table;
    salvage->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (salvage->fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "%s: %s", path, strerror(errno));
    if (fstat(salvage->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return err_set(err, ERR_IO, 0, "%s: expected a file", path);
    salvage->size = (uint64_t)status.st_size;
    salvage->name = mem_text(path, strlen(path));
    salvage->window = mem_alloc(SCAN_BYTES);
    if (salvage->name == NULL || salvage->window == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    *ret_salvage = STEAL(salvage);
    return 0;
}

void shard_salvage_close(struct shard_salvage *salvage) {
    if (salvage == NULL)
        return;
    frame_reader_free(salvage->frames);
    cleanup_close(&salvage->fd);
    vec_release(&salvage->losses);
    mem_free(salvage->window);
    mem_free(salvage->name);
    mem_free(salvage);
}

/* 1 and the place of the next bytes that may begin a frame, at or after `at`; 0 when there are none. */
static int magic_find(const struct shard_salvage *salvage, uint64_t at, uint64_t *ret_at, struct err *err) {
    while (at < salvage->size) {
        ssize_t got = pread(salvage->fd, salvage->window, SCAN_BYTES, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, errno, "%s: read: %s", salvage->name, strerror(errno));
        if ((size_t)got < sizeof frame_magic)
            return 0;
        const uint8_t *found = memmem(salvage->window, (size_t)got, frame_magic, sizeof frame_magic);
        if (found != NULL) {
            *ret_at = at + (uint64_t)(found - salvage->window);
            return 1;
        }
        at += (uint64_t)got - (sizeof frame_magic - 1);
    }
    return 0;
}

/* Whether all rows of the frame follow the schema: half a frame is not handed out. */
static int rows_check(const struct shard_salvage *salvage, struct span rows, struct err *err) {
    struct row_view view;
    for (; rows.size > 0; rows = span_from(rows, view.bytes.size)) {
        if (row_view_parse(salvage->table, rows, &view, err) < 0)
            return -1;
    }
    return 0;
}

/* Notes that bytes from `begin` on are lost, and begins anew behind that place. Neighbours are one loss. */
static int loss_begin(struct shard_salvage *salvage, uint64_t begin, const struct err *why, struct err *err) {
    struct shard_loss *last = salvage->losses.count == 0 ? NULL : &salvage->losses.data[salvage->losses.count - 1];
    frame_reader_free(salvage->frames);
    salvage->frames = NULL;
    salvage->at = begin + 1;
    if (last != NULL && last->end == begin)
        return 0; /* `end` follows when the next frame is found */
    if (!vec_push(&salvage->losses, (struct shard_loss){.begin = begin, .end = begin, .why = *why}))
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", salvage->name);
    return 0;
}

static void loss_end(struct shard_salvage *salvage, uint64_t end) {
    if (salvage->losses.count > 0)
        salvage->losses.data[salvage->losses.count - 1].end = end;
}

/* 1 when there is a place to go on from. */
static int frames_find(struct shard_salvage *salvage, struct err *err) {
    uint64_t at = salvage->at;
    int got = at == 0 ? 1 : magic_find(salvage, at, &at, err);
    if (got == 0 && salvage->at > 0)
        loss_end(salvage, salvage->size);
    if (got <= 0)
        return got;
    if (salvage->at > 0)
        loss_end(salvage, at);
    if (lseek(salvage->fd, (off_t)at, SEEK_SET) < 0)
        return err_set(err, ERR_IO, errno, "%s: seek: %s", salvage->name, strerror(errno));
    salvage->base = at;
    return frame_reader_new(salvage->fd, (struct span){NULL, 0}, salvage->name, &salvage->frames, err) < 0 ? -1 : 1;
}

int shard_salvage_next(struct shard_salvage *salvage, struct row_view *ret_view, struct err *err) {
    while (salvage->rows.size == 0) {
        struct err why = {0};
        int got = salvage->frames == NULL ? frames_find(salvage, err) : 1;
        if (got <= 0)
            return got;
        uint64_t begin = salvage->base + frame_offset(salvage->frames);
        got = frame_next(salvage->frames, &salvage->rows, &why);
        if (got == 0)
            return 0;
        if (got > 0 && rows_check(salvage, salvage->rows, &why) < 0)
            got = -1;
        if (got < 0)
            salvage->rows = (struct span){NULL, 0};
        if (got < 0 && (why.code == ERR_IO || why.code == ERR_NOMEM))
            return *err = why, -1;
        if (got < 0 && loss_begin(salvage, begin, &why, err) < 0)
            return -1;
    }
    struct err ignored; /* they were checked */
    if (row_view_parse(salvage->table, salvage->rows, ret_view, &ignored) < 0)
        return err_set(err, ERR_FORMAT, 0, "%s: a row that was sound is not", salvage->name);
    salvage->rows = span_from(salvage->rows, ret_view->bytes.size);
    salvage->row_count++;
    return 1;
}

const struct shard_loss *shard_salvage_losses(const struct shard_salvage *salvage, size_t *ret_count) {
    *ret_count = salvage->losses.count;
    return salvage->losses.data;
}

uint64_t shard_salvage_rows(const struct shard_salvage *salvage) { return salvage->row_count; }
