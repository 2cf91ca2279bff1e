#include "io/file/spool.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/limits.h"
#include "base/overflow.h"
#include "io/file/file.h"

/* A file without a name; where the file system cannot make one, a file whose name is taken away at once. */
static int nameless_open(const char *folder) {
    char path[PATH_MAX];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    if (snprintf(path, sizeof path, "%s/trawl-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path); /* it was made a moment ago */
    return fd;
}

int spool_open(struct spool *ret_spool, struct err *err) {
    const char *chosen = getenv("TMPDIR");
    const char *folder = chosen != NULL && chosen[0] != '\0' ? chosen : "/var/tmp";
    struct statvfs free_space;
    int fd = nameless_open(folder);
    if (fd < 0)
        return err_set(err, ERR_IO, errno, "temporary file in %s: %s; TMPDIR names another folder", folder,
                       strerror(errno));
    uint64_t half = LIMIT_SPOOL_BYTES;
    if (fstatvfs(fd, &free_space) == 0 && !u64_mul(free_space.f_bavail, free_space.f_frsize / 2, &half))
        half = LIMIT_SPOOL_BYTES;
    *ret_spool = (struct spool){.fd = fd, .size_max = u64_min(half, LIMIT_SPOOL_BYTES)};
    return 0;
}

void spool_close(struct spool *spool) {
    if (spool->fd >= 0)
        (void)close(spool->fd); /* what is lost with it was temporary */
    spool->fd = -1;
}

int spool_add(struct spool *spool, struct span bytes, struct err *err) {
    if (bytes.size > spool->size_max - spool->size)
        return err_set(err, ERR_LIMIT, 0,
                       "temporary file: expected at most %" PRIu64
                       " bytes, half of what its file system has free; TMPDIR names another folder",
                       spool->size_max);
    if (file_write_all(spool->fd, bytes, "temporary file", err) < 0)
        return -1;
    spool->size += bytes.size;
    return 0;
}
