#include "io/file/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int open_report(const char *path, struct err *err) {
    int sys = errno;
    return err_set(err, err_code_of_open(sys), sys, "%s: %s", path, strerror(sys));
}

int file_read_open(int fd, const char *name, struct buf *buf, struct err *err) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", name, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return err_set(err, ERR_IO, EISDIR, "%s: expected a file, found a folder", name);
    size_t step = S_ISREG(status.st_mode) && status.st_size > 0 ? (size_t)status.st_size + 1 : 65536;
    for (;;) {
        if (buf->size_max != 0 && step > buf->size_max - buf->size)
            step = buf->size_max - buf->size;
        if (step == 0) {
            uint8_t extra;
            ssize_t more = read(fd, &extra, 1);
            if (more == 0)
                return 0;
            if (more < 0 && errno == EINTR)
                continue;
            return err_set(err, ERR_LIMIT, 0, "%s: larger than %zu bytes", name, buf->size_max);
        }
        if (!buf_reserve(buf, step))
            return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
        ssize_t got = read(fd, buf->data + buf->size, step);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, errno, "%s: %s", name, strerror(errno));
        if (got == 0)
            return 0;
        buf->size += (size_t)got;
        step = 65536;
    }
}

int file_read(const char *path, struct buf *buf, struct err *err) {
    return file_read_at(AT_FDCWD, path, true, buf, err);
}

int file_read_at(int directory, const char *path, bool follow, struct buf *buf, struct err *err) {
    AUTO_CLOSE int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return open_report(path, err);
    struct stat status;
    if (!follow && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)))
        return err_set(err, ERR_IO, 0, "%s: expected a regular file", path);
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL,
                    flags & ~O_NONBLOCK); /* O_NONBLOCK was only for opening: a FIFO must not hang us there */
    return file_read_open(fd, path, buf, err);
}

/* Opens one component; a link in its place is told from a name that is not there. */
static int component_open(int directory, const char *name, int flags, const char *path, struct err *err) {
    struct stat status;
    int fd = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    int sys = errno;
    if ((sys == ELOOP || sys == ENOTDIR) && fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(status.st_mode))
        return err_set(err, ERR_FORMAT, sys, "%s: expected no symbolic link, found one at '%s': it is not followed",
                       path, name);
    errno = sys;
    return open_report(path, err);
}

int file_read_part(int fd, uint64_t offset, uint8_t *out, size_t size, size_t *ret_size, struct err *err) {
    size_t got = 0;
    while (got < size) {
        ssize_t more = pread(fd, out + got, size - got, (off_t)(offset + got));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return err_set(err, ERR_IO, errno, "read at offset %" PRIu64 ": %s", offset + got, strerror(errno));
        if (more == 0)
            break;
        got += (size_t)more;
    }
    *ret_size = got;
    return 0;
}

int file_open_beneath(int directory, const char *path, int flags, struct err *err) {
    char name[NAME_MAX + 1];
    struct span rest = span_text(path);
    int at = directory;
    for (;;) {
        size_t slash = span_index(rest, '/', 0);
        bool last = slash == SIZE_MAX;
        size_t size = last ? rest.size : slash;
        int next = -1;
        if (size > 0 && size < sizeof name)
            memcpy(name, rest.data, size);
        name[size < sizeof name ? size : 0] = '\0';
        if (size == 0 || size >= sizeof name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            (void)err_set(err, ERR_FORMAT, 0, "%s: expected a path that stays beneath its folder", path);
        else
            next = component_open(at, name, last ? flags : O_PATH | O_DIRECTORY, path, err);
        if (at != directory)
            (void)close(at);
        if (last || next < 0)
            return next;
        at = next;
        rest = span_from(rest, slash + 1);
    }
}

int file_read_beneath(int directory, const char *path, struct buf *buf, struct err *err) {
    struct stat status;
    AUTO_CLOSE int fd = file_open_beneath(directory, path, O_RDONLY | O_NONBLOCK, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return err_set(err, ERR_IO, 0, "%s: expected a regular file", path);
    return file_read_open(fd, path, buf, err);
}

int file_map_open(const char *path, struct file_map *ret_map, struct err *err) {
    AUTO_CLOSE int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang us: it is refused below */
    struct stat status;
    if (fd < 0)
        return open_report(path, err);
    if (fstat(fd, &status) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_IO, 0, "%s: expected a regular file", path);
    if (status.st_size == 0) {
        *ret_map = (struct file_map){{NULL, 0}};
        return 0;
    }
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return err_set(err, ERR_IO, errno, "%s: map of %jd bytes: %s", path, (intmax_t)status.st_size, strerror(errno));
    ret_map->bytes = span_make(data, (size_t)status.st_size);
    return 0;
}

void file_map_close(struct file_map *map) {
    if (map == NULL || map->bytes.data == NULL)
        return;
    (void)munmap((void *)(uintptr_t)map->bytes.data, map->bytes.size);
    map->bytes = (struct span){NULL, 0};
}

int file_write_all(int fd, struct span bytes, const char *name, struct err *err) {
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

/* A rename is durable only once its folder is. */
static int folder_sync(const char *path, struct err *err) {
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder =
        slash == NULL ? mem_text(".", 1) : mem_text(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        return err_set(err, ERR_IO, errno, "%s: sync of the folder: %s", folder, strerror(errno));
    return 0;
}

int file_replace(const char *path, struct span bytes, struct err *err) {
    return file_replace_parts(path, &bytes, 1, err);
}

int file_replace_parts(const char *path, const struct span *parts, size_t count, struct err *err) {
    char temporary[PATH_MAX];
    int size = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof temporary)
        return err_set(err, ERR_LIMIT, 0, "%s: path too long", path);
    AUTO_CLOSE int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return open_report(temporary, err);
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = file_write_all(fd, parts[i], temporary, err);
    if (result == 0 && fsync(fd) != 0)
        result = err_set(err, ERR_IO, errno, "%s: sync: %s", temporary, strerror(errno));
    if (result == 0 && rename(temporary, path) != 0)
        result = err_set(err, ERR_IO, errno, "%s: rename to %s: %s", temporary, path, strerror(errno));
    if (result < 0) {
        (void)unlink(temporary);
        return result;
    }
    return folder_sync(path, err);
}

int file_make_folder(const char *path, struct err *err) {
    AUTO_FREE char *copy = mem_text(path, strlen(path));
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    for (char *c = copy + 1;; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        char kept = *c;
        *c = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return err_set(err, ERR_IO, errno, "%s: %s", copy, strerror(errno));
        *c = kept;
        if (kept == '\0')
            break;
    }
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return err_set(err, ERR_IO, 0, "%s: expected a folder", path);
    return 0;
}
