#include "shard/shard_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

static int report(const char *name, const char *what, struct err *err) {
    int sys = errno;
    return err_set(err, err_code_of_open(sys), sys, "%s: %s: %s", name, what, strerror(sys));
}

int folder_make(const char *path, int *ret_folder, struct err *err) {
    AUTO_FREE char *copy = mem_text(path, strlen(path));
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    for (char *c = copy; *c != '\0'; c++) {
        if (*c != '/' || c == copy)
            continue;
        *c = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return report(copy, "make folder", err);
        *c = '/';
    }
    if (mkdir(copy, 0777) != 0 && errno != EEXIST)
        return report(copy, "make folder", err);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return report(path, "open folder", err);
    *ret_folder = fd;
    return 0;
}

int folder_make_at(int folder, const char *name, int *ret_folder, struct err *err) {
    if (mkdirat(folder, name, 0777) != 0 && errno != EEXIST)
        return report(name, "make folder", err);
    return folder_open_at(folder, name, ret_folder, err);
}

int folder_open_at(int folder, const char *name, int *ret_folder, struct err *err) {
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return report(name, "open folder", err);
    *ret_folder = fd;
    return 0;
}

bool folder_has(int folder, const char *name) {
    struct stat status;
    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int folder_sync(int folder, const char *name, struct err *err) {
    /* Some file systems do not sync folders and say EINVAL; their names are as durable as they get. */
    if (fsync(folder) != 0 && errno != EINVAL)
        return report(name, "sync of the folder", err);
    return 0;
}

int folder_create(int folder, const char *name, int *ret_fd, struct err *err) {
    /* Unlinked first, and O_EXCL: a link that somebody left under this name is not written through. */
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        return report(name, "remove", err);
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return report(name, "create", err);
    *ret_fd = fd;
    return 0;
}

int folder_write_all(int fd, struct span bytes, const char *name, struct err *err) {
    while (bytes.size > 0) {
        ssize_t wrote = write(fd, bytes.data, bytes.size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_set(err, ERR_IO, errno, "%s: write: %s", name, strerror(errno));
        bytes = span_from(bytes, (size_t)wrote);
    }
    return 0;
}

int folder_commit(int folder, int fd, const char *temporary, const char *name, struct err *err) {
    if (fsync(fd) != 0)
        return err_set(err, ERR_IO, errno, "%s: sync: %s", temporary, strerror(errno));
    if (renameat(folder, temporary, folder, name) != 0)
        return err_set(err, ERR_IO, errno, "%s: rename to %s: %s", temporary, name, strerror(errno));
    return 0;
}

int folder_replace(int folder, const char *name, struct span bytes, struct err *err) {
    char temporary[NAME_MAX + 1];
    int size = snprintf(temporary, sizeof temporary, ".%s.tmp", name);
    assert(size > 0 && (size_t)size < sizeof temporary);
    (void)size;
    AUTO_CLOSE int fd = -1;
    if (folder_create(folder, temporary, &fd, err) < 0)
        return -1;
    if (folder_write_all(fd, bytes, temporary, err) < 0 || folder_commit(folder, fd, temporary, name, err) < 0) {
        (void)unlinkat(folder, temporary, 0); /* the error that is being reported matters more */
        return -1;
    }
    return folder_sync(folder, name, err);
}

int folder_read(int folder, const char *name, struct buf *buf, struct err *err) {
    AUTO_CLOSE int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return report(name, "open", err);
    for (;;) {
        uint8_t chunk[8192];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return report(name, "read", err);
        if (got == 0)
            return 0;
        buf_add(buf, span_make(chunk, (size_t)got));
        if (buf->failed && buf->size_max != 0 && (size_t)got > buf->size_max - buf->size)
            return err_set(err, ERR_LIMIT, 0, "%s: larger than %zu bytes", name, buf->size_max);
        if (buf->failed)
            return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    }
}
