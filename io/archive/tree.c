#include "io/archive/tree.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/vec.h"
#include "io/file/file.h"

#define READ_BYTES ((size_t)256 * 1024)
/* Open folders, one descriptor each; deeper ones are told as a problem. ulimit -n is 1024 on most machines. */
#define DEPTH_MAX ((size_t)512)

/* The names of one folder, sorted. */
struct names {
    char **data;
    size_t count, next;
};

struct level {
    DIR *folder;
    DIR *below; /* the same folder of the layer below, or NULL */
    struct names names, below_names;
    size_t path_size; /* of the folder's own path */
};

struct walk {
    enum tree_kind kind;
    const struct tar_handler *handler;
    void *context;
    const _Atomic bool *stop;
    VEC(struct level) levels;
    struct buf path;
    uint8_t *bytes; /* READ_BYTES, and as many again for the file below */
};

/* One name of a folder that is being walked. */
struct visit {
    int folder;
    int below; /* the folder below, or -1 */
    const char *name;
    bool is_below; /* the folder below has that name too */
};

static void names_release(struct names *names) {
    for (size_t i = 0; i < names->count; i++)
        mem_free(names->data[i]);
    mem_free(names->data);
}

static void level_release(struct level *level) {
    names_release(&level->names);
    names_release(&level->below_names);
    if (level->folder != NULL)
        (void)closedir(level->folder);
    if (level->below != NULL)
        (void)closedir(level->below);
}

static int name_order(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int names_read(DIR *folder, struct names *ret_names, struct err *err) {
    VEC(char *) names = {0};
    struct dirent *entry;
    int result = 0;
    while (result == 0 && (errno = 0, entry = readdir(folder)) != NULL) {
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
    *ret_names = (struct names){names.data, names.count, 0};
    if (result == 0 && names.count > 0)
        qsort(names.data, names.count, sizeof *names.data, name_order);
    return result;
}

static int problem(struct walk *walk, enum err_code code, int sys, const char *what, struct err *err) {
    struct err problem = {0};
    (void)err_set(&problem, code, sys, "%s: %s", what, sys == 0 ? "not followed further" : strerror(sys));
    return walk->handler->problem(walk->context, &problem, buf_span(&walk->path), 0, err);
}

static bool is_stopped(const struct walk *walk) {
    return walk->stop != NULL && atomic_load_explicit(walk->stop, memory_order_relaxed);
}

/* ---- what overlay mounts keep in attributes ---- */

/* The attribute under root's name or under that of a user's namespace; -1 when it is not there. */
static ssize_t overlay_attribute(int fd, const char *attribute, char *value, size_t size) {
    static const char *const prefixes[] = {"trusted.overlay.", "user.overlay.", "user.fuseoverlayfs."};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s%s", prefixes[i], attribute);
        ssize_t got = fgetxattr(fd, name, value, size);
        if (got >= 0 || errno == ERANGE)
            return got < 0 ? 0 : got;
    }
    return -1;
}

static int whiteout_tell(struct walk *walk, enum tar_whiteout whiteout, struct span path, struct err *err) {
    struct tar_entry entry = {.kind = TAR_FILE, .whiteout = whiteout, .path = path, .name = path};
    if (walk->handler->entry(walk->context, &entry, err) < 0)
        return -1;
    return walk->handler->entry_end(walk->context, err);
}

/* The folder at walk->path has just been opened. */
static int overlay_folder_look(struct walk *walk, int fd, struct err *err) {
    char value[8];
    if (overlay_attribute(fd, "opaque", value, sizeof value) == 1 && value[0] == 'y' &&
        whiteout_tell(walk, TAR_WHITEOUT_OPAQUE, buf_span(&walk->path), err) < 0)
        return -1;
    if (overlay_attribute(fd, "redirect", value, sizeof value) < 0)
        return 0;
    return problem(walk, ERR_UNSUPPORTED, 0,
                   "folder renamed by overlay's redirect_dir: what lower layers hold is not shown under its new name",
                   err);
}

/* ".wh.NAME" and ".wh..wh..opq" as fuse-overlayfs writes them. 1 when the name is such a mark and is dealt with. */
static int overlay_name_look(struct walk *walk, const char *name, struct err *err) {
    struct span path = buf_span(&walk->path);
    size_t name_size = strlen(name);
    struct span folder = span_slice(path, 0, path.size > name_size ? path.size - name_size - 1 : 0);
    if (strncmp(name, ".wh.", 4) != 0)
        return 0;
    if (strcmp(name, ".wh..wh..opq") == 0)
        return whiteout_tell(walk, TAR_WHITEOUT_OPAQUE, folder, err) < 0 ? -1 : 1;
    if (strncmp(name, ".wh..wh.", 8) == 0)
        return 1;
    /* The path without the mark, in its own place in the buffer: the walk makes the path anew for each name. */
    memmove(walk->path.data + path.size - name_size, name + 4, name_size - 4);
    walk->path.size -= 4;
    return whiteout_tell(walk, TAR_WHITEOUT_NAME, buf_span(&walk->path), err) < 0 ? -1 : 1;
}

/* 1 when the regular file is no file of this layer's. */
static int overlay_file_look(struct walk *walk, int fd, uint64_t size, struct err *err) {
    char value[8];
    if (size == 0 && overlay_attribute(fd, "whiteout", value, sizeof value) >= 0)
        return whiteout_tell(walk, TAR_WHITEOUT_NAME, buf_span(&walk->path), err) < 0 ? -1 : 1;
    if (overlay_attribute(fd, "metacopy", value, sizeof value) < 0)
        return 0;
    /* Not told as an entry: the body below is the one that shows, and composing images must not hide it. */
    return problem(walk, ERR_UNSUPPORTED, 0, "file without its body (overlay's metacopy): it is that of a lower layer",
                   err) < 0
               ? -1
               : 1;
}

/* ---- what differs from the layer below ---- */

/* A folder in both has its contents compared, whatever became of its own mode and time. */
static bool status_equal(const struct stat *a, const struct stat *b) {
    if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid || a->st_rdev != b->st_rdev)
        return false;
    return S_ISDIR(a->st_mode) || (a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
                                   a->st_mtim.tv_nsec == b->st_mtim.tv_nsec);
}

/* Whatever cannot be read counts as different: then it is told, and reading it says why. */
static bool bodies_equal(struct walk *walk, int fd, int parent, const char *name, uint64_t size) {
    AUTO_CLOSE int other = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (other < 0)
        return false;
    for (uint64_t offset = 0; offset < size && !is_stopped(walk);) {
        size_t want = size - offset < READ_BYTES ? (size_t)(size - offset) : READ_BYTES;
        size_t got = 0, got_other = 0;
        if (file_read_part(fd, offset, walk->bytes, want, &got, NULL) < 0 || got != want ||
            file_read_part(other, offset, walk->bytes + READ_BYTES, want, &got_other, NULL) < 0 || got_other != want ||
            memcmp(walk->bytes, walk->bytes + READ_BYTES, want) != 0)
            return false;
        offset += want;
    }
    return true;
}

static bool links_equal(struct span link, int parent, const char *name) {
    char other[PATH_MAX];
    ssize_t size = readlinkat(parent, name, other, sizeof other);
    return size >= 0 && span_equal(link, span_make(other, (size_t)size));
}

/* Tells the names of the folder below that come before `name` (NULL: all) as removed. */
static int removed_tell(struct walk *walk, const char *name, bool *ret_is_below, struct err *err) {
    size_t place = walk->levels.count - 1;
    *ret_is_below = false;
    for (;;) {
        struct level *level = &walk->levels.data[place];
        struct names *names = &level->below_names;
        int order = names->next == names->count ? 1 : name == NULL ? -1 : strcmp(names->data[names->next], name);
        if (order > 0)
            return 0;
        const char *other = names->data[names->next++];
        if (order == 0) {
            *ret_is_below = true;
            return 0;
        }
        walk->path.size = level->path_size;
        if (walk->path.size > 0)
            buf_byte(&walk->path, '/');
        buf_text(&walk->path, other);
        if (walk->path.failed)
            walk->path.failed = false; /* it could not be told in the layer below either */
        else if (whiteout_tell(walk, TAR_WHITEOUT_NAME, buf_span(&walk->path), err) < 0)
            return -1;
    }
}

/* ---- the walk ---- */

/* File systems without a disk behind them. /proc/kcore is a file of 128 TiB, and reading trace_pipe waits for events.
 */
static bool is_made_up(int fd) {
    static const unsigned long types[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,        DEBUGFS_MAGIC,       TRACEFS_MAGIC,
                                          SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,
                                          PSTOREFS_MAGIC,   EFIVARFS_MAGIC,     SELINUX_MAGIC,       BINFMTFS_MAGIC};
    struct statfs status;
    if (fstatfs(fd, &status) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if ((unsigned long)status.f_type == types[i])
            return true;
    }
    return false;
}

/* Descends into the folder at walk->path; one that cannot be opened is a problem and not an error. */
static int level_enter(struct walk *walk, const struct visit *visit, struct err *err) {
    if (walk->levels.count >= DEPTH_MAX)
        return problem(walk, ERR_LIMIT, 0, "deeper than 512 folders", err);
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(visit->folder, visit->name, flags);
    if (fd >= 0 && is_made_up(fd)) {
        (void)close(fd);
        return 0;
    }
    struct level level = {.folder = fd < 0 ? NULL : fdopendir(fd), .path_size = walk->path.size};
    if (level.folder == NULL) {
        int sys = errno;
        if (fd >= 0)
            (void)close(fd);
        return problem(walk, ERR_IO, sys, "folder cannot be opened", err);
    }
    int result = walk->kind == TREE_OVERLAY ? overlay_folder_look(walk, fd, err) : 0;
    if (result == 0)
        result = names_read(level.folder, &level.names, err);
    if (result == 0 && visit->is_below) {
        int below = openat(visit->below, visit->name, flags);
        level.below = below < 0 ? NULL : fdopendir(below);
        int sys = errno;
        if (level.below == NULL && below >= 0)
            (void)close(below);
        if (level.below != NULL)
            result = names_read(level.below, &level.below_names, err);
        else if (sys != ENOTDIR && sys != ELOOP) /* a file or a link stood there: all of the folder is new */
            result = problem(walk, ERR_IO, sys, "folder of the layer below cannot be opened", err);
    }
    if (result == 0 && !vec_push(&walk->levels, level))
        result = err_set(err, ERR_NOMEM, 0, "folder: out of memory");
    if (result < 0)
        level_release(&level);
    return result;
}

static int body_read(struct walk *walk, int fd, uint64_t size, struct err *err) {
    /* Exactly the size that was told: a file that grows meanwhile is cut, one that shrinks is a problem. */
    while (size > 0) {
        if (is_stopped(walk))
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

static int file_visit(struct walk *walk, const struct visit *visit, bool is_same, struct tar_entry *entry,
                      struct err *err) {
    AUTO_CLOSE int fd = openat(visit->folder, visit->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return problem(walk, ERR_IO, errno, "file cannot be opened", err);
    if (!S_ISREG(status.st_mode))
        return 0; /* replaced between the two looks */
    entry->size = entry->stored_bytes = (uint64_t)status.st_size;
    int marked = walk->kind == TREE_OVERLAY ? overlay_file_look(walk, fd, entry->size, err) : 0;
    if (marked != 0)
        return marked < 0 ? -1 : 0;
    if (is_same && bodies_equal(walk, fd, visit->below, visit->name, entry->size))
        return 0;
    int taken = walk->handler->entry(walk->context, entry, err);
    if (taken < 0)
        return -1;
    int whole = taken == TAR_SKIP ? 0 : body_read(walk, fd, entry->size, err);
    if (whole < 0)
        return -1;
    return whole > 0 ? 0 : walk->handler->entry_end(walk->context, err);
}

static int entry_visit(struct walk *walk, const struct visit *visit, struct err *err) {
    struct stat status, other;
    char link[PATH_MAX];
    int marked = walk->kind == TREE_OVERLAY ? overlay_name_look(walk, visit->name, err) : 0;
    if (marked != 0)
        return marked < 0 ? -1 : 0;
    if (fstatat(visit->folder, visit->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return problem(walk, ERR_IO, errno, "cannot be looked at", err);
    bool is_same = visit->is_below && fstatat(visit->below, visit->name, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
                   status_equal(&status, &other);
    struct tar_entry entry = {.kind = kind_of(status.st_mode),
                              .path = buf_span(&walk->path),
                              .name = buf_span(&walk->path),
                              .mode = (uint32_t)(status.st_mode & 07777)};
    if (entry.kind == TAR_FILE)
        return file_visit(walk, visit, is_same, &entry, err);
    if (walk->kind == TREE_OVERLAY && entry.kind == TAR_CHAR_DEVICE && status.st_rdev == makedev(0, 0))
        return whiteout_tell(walk, TAR_WHITEOUT_NAME, entry.path, err);
    if (entry.kind == TAR_SYMLINK) {
        ssize_t size = readlinkat(visit->folder, visit->name, link, sizeof link);
        if (size < 0)
            return problem(walk, ERR_IO, errno, "link cannot be read", err);
        entry.link = span_make(link, (size_t)size);
        is_same = is_same && links_equal(entry.link, visit->below, visit->name);
    }
    if (!is_same &&
        (walk->handler->entry(walk->context, &entry, err) < 0 || walk->handler->entry_end(walk->context, err) < 0))
        return -1;
    return entry.kind == TAR_DIRECTORY ? level_enter(walk, visit, err) : 0;
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
        bool at_end = level->names.next == level->names.count;
        struct visit visit = {.folder = dirfd(level->folder),
                              .below = level->below == NULL ? -1 : dirfd(level->below),
                              .name = at_end ? NULL : level->names.data[level->names.next++]};
        if (removed_tell(walk, visit.name, &visit.is_below, err) < 0)
            return -1;
        if (at_end) {
            level_release(level);
            walk->levels.count--;
            continue;
        }
        if (is_stopped(walk))
            return err_set(err, ERR_CANCELED, 0, "canceled");
        walk->path.size = level->path_size;
        if (walk->path.size > 0)
            buf_byte(&walk->path, '/');
        buf_text(&walk->path, visit.name);
        if ((walk->path.failed ? path_report(walk, err) : entry_visit(walk, &visit, err)) < 0)
            return -1;
    }
    return 0;
}

/* The folder that a tree begins with; NULL with `err` set. */
static DIR *root_open(const char *name, const char *path, struct err *err) {
    AUTO_CLOSE int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        (void)err_set(err, err_code_of_open(errno), errno, "folder %s: %s", name, strerror(errno));
        return NULL;
    }
    int fd =
        path == NULL ? fcntl(folder, F_DUPFD_CLOEXEC, 0) : file_open_beneath(folder, path, O_RDONLY | O_DIRECTORY, err);
    if (fd < 0 && path != NULL) {
        (void)err_wrap(err, "folder %s", name);
        return NULL;
    }
    DIR *opened = fd < 0 ? NULL : fdopendir(fd);
    if (opened == NULL) {
        (void)err_set(err, ERR_IO, errno, "folder %s: %s", name, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
    }
    return opened;
}

static int top_open(const struct tree_root *root, struct level *top, struct err *err) {
    top->folder = root_open(root->folder, root->path, err);
    if (top->folder == NULL)
        return -1;
    if (names_read(top->folder, &top->names, err) < 0)
        return err_wrap(err, "%s", root->folder);
    if (root->below == NULL)
        return 0;
    top->below = root_open(root->below_folder, root->below, err);
    if (top->below == NULL || names_read(top->below, &top->below_names, err) < 0)
        return err_wrap(err, "layer below");
    return 0;
}

int tree_walk(const struct tree_root *root, const struct tar_handler *handler, void *context, const _Atomic bool *stop,
              struct err *err) {
    struct walk walk = {.kind = root->kind,
                        .handler = handler,
                        .context = context,
                        .stop = stop,
                        .bytes = mem_alloc(root->below == NULL ? READ_BYTES : 2 * READ_BYTES)};
    buf_init(&walk.path, LIMIT_PATH_BYTES);
    struct level top = {.folder = NULL};
    int result = 0;
    if (walk.bytes == NULL)
        result = err_set(err, ERR_NOMEM, 0, "folder %s: out of memory", root->folder);
    else if (top_open(root, &top, err) < 0)
        result = -1;
    else if (!vec_push(&walk.levels, top))
        result = err_set(err, ERR_NOMEM, 0, "folder %s: out of memory", root->folder);
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
