#include "io/archive/tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/vec.h"

#define READ_BYTES ((size_t)256 * 1024)
/* Open folders, one descriptor each; deeper ones are told as a problem. ulimit -n is 1024 on most machines. */
#define DEPTH_MAX ((size_t)512)

struct level {
    DIR *folder;
    char **names; /* sorted */
    size_t count, next;
    size_t path_size; /* of the folder's own path */
};

struct walk {
    const struct tar_handler *handler;
    void *context;
    const _Atomic bool *stop;
    VEC(struct level) levels;
    struct buf path;
    uint8_t *bytes; /* READ_BYTES */
};

static void level_release(struct level *level) {
    for (size_t i = 0; i < level->count; i++)
        mem_free(level->names[i]);
    mem_free(level->names);
    if (level->folder != NULL)
        (void)closedir(level->folder);
}

static int name_order(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int names_read(struct level *level, struct err *err) {
    VEC(char *) names = {0};
    struct dirent *entry;
    int result = 0;
    while (result == 0 && (errno = 0, entry = readdir(level->folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *name = mem_text(entry->d_name, strlen(entry->d_name));
        if (name == NULL || !vec_push(&names, name)) {
            mem_free(name);
            result = err_set(err, ERR_NOMEM, 0, "folder: out of memory after %zu names", names.count);
        }
    }
    if (result == 0 && errno != 0)
        result = err_set(err, ERR_IO, errno, "folder: %s", strerror(errno));
    level->names = names.data;
    level->count = names.count;
    if (result == 0 && level->count > 0)
        qsort(level->names, level->count, sizeof *level->names, name_order);
    return result;
}

static int problem(struct walk *walk, enum err_code code, int sys, const char *what, struct err *err) {
    struct err problem = {0};
    (void)err_set(&problem, code, sys, "%s: %s", what, sys == 0 ? "not followed further" : strerror(sys));
    return walk->handler->problem(walk->context, &problem, buf_span(&walk->path), 0, err);
}

/* Descends into the folder at walk->path; one that cannot be opened is a problem and not an error. */
static int level_enter(struct walk *walk, int parent, const char *name, struct err *err) {
    if (walk->levels.count >= DEPTH_MAX)
        return problem(walk, ERR_LIMIT, 0, "deeper than 512 folders", err);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct level level = {.folder = fd < 0 ? NULL : fdopendir(fd), .path_size = walk->path.size};
    if (level.folder == NULL) {
        int sys = errno;
        if (fd >= 0)
            (void)close(fd);
        return problem(walk, ERR_IO, sys, "folder cannot be opened", err);
    }
    int result = names_read(&level, err);
    if (result == 0 && !vec_push(&walk->levels, level))
        result = err_set(err, ERR_NOMEM, 0, "folder: out of memory");
    if (result < 0)
        level_release(&level);
    return result;
}

static int body_read(struct walk *walk, int fd, uint64_t size, struct err *err) {
    /* Exactly the size that was told: a file that grows meanwhile is cut, one that shrinks is a problem. */
    while (size > 0) {
        if (walk->stop != NULL && atomic_load_explicit(walk->stop, memory_order_relaxed))
            return err_set(err, ERR_CANCELED, 0, "canceled");
        ssize_t got = read(fd, walk->bytes, size < READ_BYTES ? (size_t)size : READ_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return problem(walk, ERR_IO, got < 0 ? errno : EIO, "file cannot be read to its end", err) < 0 ? -1 : 1;
        if (walk->handler->data(walk->context, span_make(walk->bytes, (size_t)got), err) < 0)
            return -1;
        size -= (uint64_t)got;
    }
    return 0;
}

static enum tar_kind kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return TAR_FILE;
    case S_IFDIR:
        return TAR_DIRECTORY;
    case S_IFLNK:
        return TAR_SYMLINK;
    case S_IFCHR:
        return TAR_CHAR_DEVICE;
    case S_IFBLK:
        return TAR_BLOCK_DEVICE;
    case S_IFIFO:
        return TAR_FIFO;
    default:
        return TAR_OTHER;
    }
}

static int file_visit(struct walk *walk, int parent, const char *name, struct tar_entry *entry, struct err *err) {
    AUTO_CLOSE int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return problem(walk, ERR_IO, errno, "file cannot be opened", err);
    if (!S_ISREG(status.st_mode))
        return 0; /* replaced between the two looks */
    entry->size = entry->stored_bytes = (uint64_t)status.st_size;
    int taken = walk->handler->entry(walk->context, entry, err);
    if (taken < 0)
        return -1;
    int whole = taken == TAR_SKIP ? 0 : body_read(walk, fd, entry->size, err);
    if (whole < 0)
        return -1;
    return whole > 0 ? 0 : walk->handler->entry_end(walk->context, err);
}

static int entry_visit(struct walk *walk, int parent, const char *name, struct err *err) {
    struct stat status;
    char link[PATH_MAX];
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return problem(walk, ERR_IO, errno, "cannot be looked at", err);
    struct tar_entry entry = {.kind = kind_of(status.st_mode),
                              .path = buf_span(&walk->path),
                              .name = buf_span(&walk->path),
                              .mode = (uint32_t)(status.st_mode & 07777)};
    if (entry.kind == TAR_FILE)
        return file_visit(walk, parent, name, &entry, err);
    if (entry.kind == TAR_SYMLINK) {
        ssize_t size = readlinkat(parent, name, link, sizeof link);
        if (size < 0)
            return problem(walk, ERR_IO, errno, "link cannot be read", err);
        entry.link = span_make(link, (size_t)size);
    }
    if (walk->handler->entry(walk->context, &entry, err) < 0 || walk->handler->entry_end(walk->context, err) < 0)
        return -1;
    return entry.kind == TAR_DIRECTORY ? level_enter(walk, parent, name, err) : 0;
}

/* The name that did not fit any more. One deep folder must not hide what stands beside it: the walk goes on. */
static int path_report(struct walk *walk, struct err *err) {
    struct err limit = {0};
    (void)err_set(&limit, ERR_LIMIT, 0, "path longer than %zu bytes, not followed further", LIMIT_PATH_BYTES);
    walk->path.failed = false;
    return walk->handler->problem(walk->context, &limit, buf_span(&walk->path), 0, err);
}

static int walk_run(struct walk *walk, struct err *err) {
    while (walk->levels.count > 0) {
        struct level *level = &walk->levels.data[walk->levels.count - 1];
        walk->path.size = level->path_size;
        if (level->next == level->count) {
            level_release(level);
            walk->levels.count--;
            continue;
        }
        if (walk->stop != NULL && atomic_load_explicit(walk->stop, memory_order_relaxed))
            return err_set(err, ERR_CANCELED, 0, "canceled");
        const char *name = level->names[level->next++];
        if (walk->path.size > 0)
            buf_byte(&walk->path, '/');
        buf_text(&walk->path, name);
        if (walk->path.failed) {
            if (path_report(walk, err) < 0)
                return -1;
            continue;
        }
        if (entry_visit(walk, dirfd(level->folder), name, err) < 0)
            return -1;
    }
    return 0;
}

int tree_walk(const char *root, const struct tar_handler *handler, void *context, const _Atomic bool *stop,
              struct err *err) {
    struct walk walk = {.handler = handler, .context = context, .stop = stop, .bytes = mem_alloc(READ_BYTES)};
    buf_init(&walk.path, LIMIT_PATH_BYTES);
    struct level top = {.folder = opendir(root)};
    int result = 0;
    if (walk.bytes == NULL)
        result = err_set(err, ERR_NOMEM, 0, "folder %s: out of memory", root);
    else if (top.folder == NULL)
        result = err_set(err, err_code_of_open(errno), errno, "folder %s: %s", root, strerror(errno));
    else if (names_read(&top, err) < 0)
        result = err_wrap(err, "%s", root);
    else if (!vec_push(&walk.levels, top))
        result = err_set(err, ERR_NOMEM, 0, "folder %s: out of memory", root);
    if (result < 0)
        level_release(&top);
    else
        result = walk_run(&walk, err);
    while (walk.levels.count > 0)
        level_release(&walk.levels.data[--walk.levels.count]);
    vec_release(&walk.levels);
    buf_release(&walk.path);
    mem_free(walk.bytes);
    return result;
}
