#include "io/source/discover.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/archive/tar_index.h"
#include "io/codec/codec.h"
#include "io/file/file.h"

/* Of an archive's beginning: enough for the headers of its first members, however they are packed. */
#define LOOK_BYTES ((size_t)64 * 1024)
#define LOOK_MEMBERS 8
/* A tar has at least a header and its end. */
#define ARCHIVE_BYTES_MIN 1024

struct level {
    DIR *folder;
    size_t path_size;
};

struct walk {
    struct arena *arena;
    dev_t device;
    VEC(struct level) levels;
    VEC(const char *) targets;
    struct buf path;
    uint64_t entries;
    void (*notice)(void *context, const char *text);
    void *context;
};

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "discover: out of memory"); }

static void notice(struct walk *walk, const char *text) {
    char quoted[512], line[900];
    if (walk->notice == NULL)
        return;
    (void)snprintf(line, sizeof line, "discover: %s: %s, ignoring",
                   text_quote(buf_span(&walk->path), quoted, sizeof quoted), text);
    walk->notice(walk->context, line);
}

static int target_add(struct walk *walk, const char *kind, struct err *err) {
    struct span path = buf_span(&walk->path);
    /* Stores tell a folder from a name by its first byte. */
    bool plain = path.size > 0 && (path.data[0] == '/' || path.data[0] == '.');
    const char *target = arena_format(walk->arena, "%s:%s%.*s", kind, plain ? "" : "./", SPAN_FORMAT(path));
    if (walk->targets.count >= LIMIT_TARGETS)
        return err_set(err, ERR_LIMIT, 0, "discover: more than %zu targets", LIMIT_TARGETS);
    return target != NULL && vec_push(&walk->targets, target) ? 0 : memory_short(err);
}

/* ---- folders ---- */

static bool has(int folder, const char *path, mode_t kind) {
    struct stat status;
    struct err missing = {0};
    AUTO_CLOSE int fd = file_open_beneath(folder, path, O_PATH, &missing);
    return fd >= 0 && fstat(fd, &status) == 0 && (kind == 0 || (status.st_mode & S_IFMT) == kind);
}

struct mark {
    const char *path;
    mode_t kind; /* 0: any, a link too */
};

/* A kind of target and what its folder has: all of `all`, or one of `any`. */
struct recognised {
    const char *kind;
    struct mark all[3];
    struct mark any[5];
};

/* Stores and layouts: whole things. */
static const struct recognised wholes[] = {
    {"oci", {{"oci-layout", S_IFREG}, {"index.json", S_IFREG}}, {{NULL, 0}}},
    {"containers-storage", {{NULL, 0}}, {{"overlay-images/images.json", S_IFREG}, {"vfs-images/images.json", S_IFREG}}},
    {"docker",
     {{NULL, 0}},
     {{"image/overlay2/repositories.json", S_IFREG},
      {"image/fuse-overlayfs/repositories.json", S_IFREG},
      {"image/vfs/repositories.json", S_IFREG},
      {"containerd/daemon/io.containerd.metadata.v1.bolt/meta.db", S_IFREG}}},
    {"containerd", {{"io.containerd.metadata.v1.bolt/meta.db", S_IFREG}}, {{NULL, 0}}},
};

static const struct recognised roots[] = {
    {"rootfs", {{"usr", S_IFDIR}, {"etc/os-release", 0}}, {{NULL, 0}}},
    {"rootfs", {{"usr/lib/os-release", 0}}, {{NULL, 0}}},
    {"rootfs",
     {{"etc", S_IFDIR}},
     {{"var/lib/dpkg", S_IFDIR},
      {"lib/apk/db", S_IFDIR},
      {"usr/lib/apk/db", S_IFDIR},
      {"var/lib/rpm", 0},
      {"usr/lib/sysimage/rpm", S_IFDIR}}},
};

static bool matches(int folder, const struct recognised *kind) {
    bool any = kind->any[0].path == NULL;
    for (size_t i = 0; i < ARRAY_COUNT(kind->all) && kind->all[i].path != NULL; i++) {
        if (!has(folder, kind->all[i].path, kind->all[i].kind))
            return false;
    }
    for (size_t i = 0; !any && i < ARRAY_COUNT(kind->any) && kind->any[i].path != NULL; i++)
        any = has(folder, kind->any[i].path, kind->any[i].kind);
    return any;
}

/* 1 when the folder was told and is looked into no further. */
static int folder_recognise(struct walk *walk, int folder, struct err *err) {
    for (size_t i = 0; i < ARRAY_COUNT(wholes); i++) {
        if (matches(folder, &wholes[i]))
            return target_add(walk, wholes[i].kind, err) < 0 ? -1 : 1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(roots); i++) {
        if (matches(folder, &roots[i]))
            return target_add(walk, roots[i].kind, err);
    }
    return 0;
}

/* ---- archives ---- */

struct look {
    struct tar *tar;
    unsigned members;
    bool is_image;
};

/* The names that archives of images begin with: skopeo, podman, buildkit, and every version of `docker save`. */
static bool is_image_member(struct span path) {
    static const char *const names[] = {"blobs", "oci-layout", "index.json", "manifest.json", "repositories"};
    struct span rest = path;
    struct span first = text_cut(&rest, '/');
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (span_is(first, names[i]))
            return true;
    }
    size_t hex = 0;
    while (hex < first.size && text_hex_value(first.data[hex]) >= 0)
        hex++;
    struct span behind = span_from(first, hex);
    return hex == 64 && (behind.size == 0 || span_is(behind, ".tar") || span_is(behind, ".json"));
}

static int look_member(void *context, const struct tar_entry *entry, struct err *err) {
    struct look *look = context;
    if (entry->path.size > 0)
        look->is_image = look->is_image || is_image_member(entry->path);
    if (look->is_image || ++look->members == LOOK_MEMBERS)
        return err_set(err, ERR_CANCELED, 0, "seen enough");
    return TAR_SKIP;
}

static int look_push(void *context, struct span piece, struct err *err) {
    return tar_push(((struct look *)context)->tar, piece, err);
}

/* A plain tar, or what may be a packed one. */
static bool is_archive_magic(struct span head) {
    return span_is(span_slice(head, 257, 5), "ustar") || span_is(span_slice(head, 0, 2), "\x1f\x8b") ||
           span_is(span_slice(head, 0, 4), "\x28\xb5\x2f\xfd");
}

#define HEAD_BYTES ((size_t)512) /* a tar's first record; every packing's magic is in it too */

/* Whether the file begins as an archive of images does. */
static bool begins_as_image(int fd) {
    static const struct tar_handler handler = {.entry = look_member};
    AUTO_FREE uint8_t *data = mem_alloc(LOOK_BYTES);
    AUTO_TAR struct tar *tar = NULL;
    AUTO_CODEC struct codec *codec = NULL;
    struct err ended = {0};
    if (data == NULL)
        return false;
    /* Most files are none: the rest is read of those that may be. */
    size_t got = 0, more = 0;
    if (file_read_part(fd, 0, data, HEAD_BYTES, &got, NULL) < 0 || got < HEAD_BYTES ||
        !is_archive_magic(span_make(data, HEAD_BYTES)) ||
        file_read_part(fd, HEAD_BYTES, data + HEAD_BYTES, LOOK_BYTES - HEAD_BYTES, &more, NULL) < 0)
        return false;
    if (tar_new(&tar, &ended) < 0 || codec_new(&codec, &ended) < 0)
        return false;
    struct look look = {.tar = tar};
    tar_begin(tar, NULL, &handler, &look);
    (void)codec_push(codec, span_make(data, got + more), look_push, &look, &ended);
    return look.is_image;
}

/* The file at walk->path: a target, or nothing. */
static int archive_recognise(struct walk *walk, int parent, const char *name, struct err *err) {
    struct err problem = {0};
    struct tar_index *index = NULL;
    const struct tar_member *member;
    AUTO_CLOSE int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        notice(walk, strerror(errno));
        return 0;
    }
    if (!begins_as_image(fd))
        return 0;
    const char *path = arena_text(walk->arena, buf_span(&walk->path));
    if (path == NULL)
        return memory_short(err);
    if (tar_index_open_list(path, &index, &problem) < 0) {
        notice(walk, problem.text);
        return 0;
    }
    struct err missing = {0};
    bool layout = tar_index_find(index, span_text("oci-layout"), &member, &missing) == 0 &&
                  tar_index_find(index, span_text("index.json"), &member, &missing) == 0;
    bool docker = tar_index_find(index, span_text("manifest.json"), &member, &missing) == 0;
    tar_index_close(index);
    return layout ? target_add(walk, "oci-archive", err) : docker ? target_add(walk, "docker-archive", err) : 0;
}

/* ---- the walk ---- */

/* Descends into what `fd` is open on, and takes it, unless it is a whole thing. */
static int level_enter(struct walk *walk, int fd, struct err *err) {
    int whole = folder_recognise(walk, fd, err);
    struct level level = {.folder = whole == 0 ? fdopendir(fd) : NULL, .path_size = walk->path.size};
    if (level.folder == NULL) {
        int sys = errno;
        (void)close(fd);
        if (whole == 0)
            notice(walk, strerror(sys));
        return whole < 0 ? -1 : 0;
    }
    if (vec_push(&walk->levels, level))
        return 0;
    (void)closedir(level.folder);
    return memory_short(err);
}

static int folder_visit(struct walk *walk, int parent, const char *name, struct err *err) {
    struct stat status;
    if (walk->levels.count >= LIMIT_DISCOVER_DEPTH) {
        notice(walk, "too many folders inside each other");
        return 0;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == walk->device)
        return level_enter(walk, fd, err);
    int sys = errno;
    if (fd >= 0)
        (void)close(fd); /* another file system */
    else
        notice(walk, strerror(sys));
    return 0;
}

static int entry_visit(struct walk *walk, int parent, const char *name, struct err *err) {
    struct stat status;
    if (++walk->entries > LIMIT_DISCOVER_ENTRIES)
        return err_set(err, ERR_LIMIT, 0, "discover: more than %" PRIu64 " names; name folders below it",
                       LIMIT_DISCOVER_ENTRIES);
    if (walk->path.size > 0 && walk->path.data[walk->path.size - 1] != '/')
        buf_byte(&walk->path, '/');
    buf_text(&walk->path, name);
    if (walk->path.failed) {
        walk->path.failed = false;
        notice(walk, "path too long");
        return 0;
    }
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        notice(walk, strerror(errno));
        return 0;
    }
    if (S_ISDIR(status.st_mode))
        return folder_visit(walk, parent, name, err);
    return S_ISREG(status.st_mode) && status.st_size >= ARCHIVE_BYTES_MIN ? archive_recognise(walk, parent, name, err)
                                                                          : 0;
}

static int walk_run(struct walk *walk, struct err *err) {
    while (walk->levels.count > 0) {
        struct level *level = &walk->levels.data[walk->levels.count - 1];
        walk->path.size = level->path_size;
        errno = 0;
        const struct dirent *entry = readdir(level->folder);
        if (entry == NULL) {
            if (errno != 0)
                notice(walk, strerror(errno));
            (void)closedir(level->folder);
            walk->levels.count--;
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                   entry_visit(walk, dirfd(level->folder), entry->d_name, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int target_order(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int discover(struct arena *arena, const char *folder, void (*notice_fn)(void *context, const char *text), void *context,
             struct discover_list *ret_list, struct err *err) {
    struct walk walk = {.arena = arena, .notice = notice_fn, .context = context};
    struct stat status;
    buf_init(&walk.path, PATH_MAX);
    buf_text(&walk.path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || fstat(fd, &status) != 0
                     ? err_set(err, err_code_of_open(errno), errno, "discover %s: %s", folder, strerror(errno))
                     : 0;
    if (result < 0 && fd >= 0)
        (void)close(fd);
    if (result == 0) {
        walk.device = status.st_dev;
        result = level_enter(&walk, fd, err);
    }
    if (result == 0)
        result = walk_run(&walk, err);
    while (walk.levels.count > 0)
        (void)closedir(walk.levels.data[--walk.levels.count].folder);
    if (result == 0 && walk.targets.count > 0) {
        qsort(walk.targets.data, walk.targets.count, sizeof *walk.targets.data, target_order);
        ret_list->targets = arena_array(arena, walk.targets.count, sizeof *ret_list->targets);
        if (ret_list->targets == NULL)
            result = memory_short(err);
        else
            memcpy(ret_list->targets, walk.targets.data, walk.targets.count * sizeof *ret_list->targets);
    }
    if (result == 0)
        ret_list->count = walk.targets.count;
    vec_release(&walk.levels);
    vec_release(&walk.targets);
    buf_release(&walk.path);
    return result;
}
