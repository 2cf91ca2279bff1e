/* Folders on disk as events, and whole files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/limits.h"
#include "io/archive/tree.h"
#include "io/file/file.h"

static char root[64];

static const char *at(const char *path) {
    static char full[4][256];
    static unsigned turn;
    char *out = full[turn++ % 4];
    (void)snprintf(out, 256, "%s/%s", root, path);
    return out;
}

static void put(const char *path, const char *text) {
    struct err err = {0};
    assert_int_equal(file_replace(at(path), span_text(text), &err), 0);
}

static int begin(void **state) {
    struct err err = {0};
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/trawl-tree-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(file_make_folder(at("b/deep/er"), &err), 0);
    put("b/two", "22");
    put("a", "1");
    put("b/deep/er/x", "");
    assert_int_equal(symlink("/", at("b/root")), 0);
    assert_int_equal(symlink("../a", at("b/up")), 0);
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    return 0;
}

/* What begin() and the tests made, deepest first. */
static int end(void **state) {
    static const char *const paths[] = {"b/deep/er/x", "b/deep/er", "b/deep", "b/root", "b/up", "b/two",
                                        "b",           "pipe",      "file",   "other",  "a"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
        (void)remove(at(paths[i]));
    return rmdir(root);
}

static int on_entry(void *context, const struct tar_entry *entry, struct err *err) {
    (void)err;
    if (entry->whiteout != TAR_WHITEOUT_NONE) {
        buf_format(context, "%s %.*s\n", entry->whiteout == TAR_WHITEOUT_NAME ? "removed" : "opaque",
                   SPAN_FORMAT(entry->path));
        return 0;
    }
    buf_format(context, "%s %.*s %" PRIu64 "%s%.*s\n", tar_kind_name(entry->kind), SPAN_FORMAT(entry->path),
               entry->size, entry->link.size > 0 ? " -> " : "", SPAN_FORMAT(entry->link));
    return 0;
}

static int on_data(void *context, struct span piece, struct err *err) {
    (void)err;
    buf_format(context, "[%.*s]\n", SPAN_FORMAT(piece));
    return 0;
}

static int on_end(void *context, struct err *err) {
    (void)context;
    (void)err;
    return 0;
}

static int on_problem(void *context, const struct err *problem, struct span path, uint64_t offset, struct err *err) {
    (void)offset;
    (void)err;
    buf_format(context, "problem %.*s %s\n", SPAN_FORMAT(path), err_code_name(problem->code));
    return 0;
}

static const struct tar_handler handler = {on_entry, on_data, on_end, on_problem};

static void walk(void **state) {
    struct buf events;
    struct err err = {0};
    (void)state;
    buf_init(&events, 0);
    assert_int_equal(tree_walk(&(struct tree_root){.folder = root}, &handler, &events, NULL, &err), 0);
    buf_byte(&events, '\0');
    /* Sorted, folders before what is in them, links told and not followed, the pipe not opened. */
    assert_string_equal(
        (const char *)events.data,
        "file a 1\n[1]\ndirectory b 0\ndirectory b/deep 0\ndirectory b/deep/er 0\nfile b/deep/er/x 0\nsymlink b/root 0 -> /\n"
        "file b/two 2\n[22]\nsymlink b/up 0 -> ../a\nfifo pipe 0\n");
    buf_release(&events);
}

/* What comes of a walk over a folder in which a file system of the kernel's is mounted: 0 when it was not entered. */
static int walk_mounted(void) {
    struct buf events;
    struct err err = {0};
    buf_init(&events, 0);
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0)
        return 77;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("sysfs", at("b/deep/er"), "sysfs", MS_RDONLY, NULL) != 0)
        return 77;
    bool walked = tree_walk(&(struct tree_root){.folder = root}, &handler, &events, NULL, &err) == 0;
    bool told = span_find(buf_span(&events), span_text("directory b/deep/er 0\n"), 0) != SIZE_MAX;
    bool entered = span_find(buf_span(&events), span_text("b/deep/er/"), 0) != SIZE_MAX;
    buf_release(&events);
    return walked && told && !entered ? 0 : 1;
}

static void made_up_file_systems(void **state) {
    (void)state;
    pid_t child = fork(); /* the mount ends with its process */
    assert_true(child >= 0);
    if (child == 0)
        _exit(walk_mounted());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        (void)printf("SKIP made-up file systems: nothing may be mounted here\n");
    else
        assert_int_equal(status, 0);
}

static void walk_ends(void **state) {
    struct buf events;
    struct err err = {0};
    _Atomic bool stop = true;
    (void)state;
    buf_init(&events, 0);
    assert_int_equal(tree_walk(&(struct tree_root){.folder = root}, &handler, &events, &stop, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(tree_walk(&(struct tree_root){.folder = at("nowhere")}, &handler, &events, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    assert_int_equal(tree_walk(&(struct tree_root){.folder = at("a")}, &handler, &events, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    buf_release(&events);
}

/* A folder so deep that its path is above the limit hides nothing of what is sorted after it. */
static void walk_goes_on(void **state) {
    enum { NAME_SIZE = 250, DEPTH = LIMIT_PATH_BYTES / NAME_SIZE + 1 };
    char name[NAME_SIZE + 1];
    int folders[DEPTH + 1];
    struct buf events;
    struct err err = {0};
    (void)state;
    memset(name, 'L', NAME_SIZE); /* sorts before the others */
    name[NAME_SIZE] = '\0';
    folders[0] = open(root, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(folders[i], name, 0700), 0);
        folders[i + 1] = openat(folders[i], name, O_RDONLY | O_DIRECTORY);
        assert_true(folders[i + 1] >= 0);
    }
    buf_init(&events, 0);
    assert_int_equal(tree_walk(&(struct tree_root){.folder = root}, &handler, &events, NULL, &err), 0);
    buf_byte(&events, '\0');
    assert_non_null(strstr((const char *)events.data, "problem LLL"));
    assert_non_null(strstr((const char *)events.data, " LIMIT\n"));
    assert_non_null(strstr((const char *)events.data, "fifo pipe 0\n"));
    buf_release(&events);
    (void)close(folders[DEPTH]);
    for (size_t i = DEPTH; i > 0; i--) {
        assert_int_equal(unlinkat(folders[i - 1], name, AT_REMOVEDIR), 0);
        (void)close(folders[i - 1]);
    }
}

/* What overlay mounts keep: devices 0/0, attributes, and the marks of fuse-overlayfs. */
static void walk_overlay(void **state) {
    static const char *const made[] = {"o/opaque/new", "o/opaque", "o/gone", "o/.wh.marked", "o/plain/.wh..wh..opq",
                                       "o/plain",      "o/moved",  "o/half", "o/white",      "o/.wh..wh.aufs",
                                       "o/pre.wh.fix", "o"};
    struct buf events;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(made); i++) { /* folders first: the list is in the order of removal */
        const char *path = made[ARRAY_COUNT(made) - 1 - i];
        bool folder = strcmp(path, "o") == 0 || strcmp(path, "o/opaque") == 0 || strcmp(path, "o/plain") == 0 ||
                      strcmp(path, "o/moved") == 0;
        if (folder)
            assert_int_equal(mkdir(at(path), 0755), 0);
        else if (strcmp(path, "o/gone") != 0)
            put(path, strcmp(path, "o/white") == 0 ? "" : "x");
    }
    bool devices = mknod(at("o/gone"), S_IFCHR, makedev(0, 0)) == 0;
    bool attributes = setxattr(at("o/opaque"), "user.overlay.opaque", "y", 1, 0) == 0 &&
                      setxattr(at("o/plain"), "user.overlay.opaque", "x", 1, 0) == 0 &&
                      setxattr(at("o/moved"), "user.overlay.redirect", "/elsewhere", 10, 0) == 0 &&
                      setxattr(at("o/half"), "user.overlay.metacopy", "", 0, 0) == 0 &&
                      setxattr(at("o/white"), "user.overlay.whiteout", "", 0, 0) == 0;
    buf_init(&events, 0);
    assert_int_equal(tree_walk(&(struct tree_root){.kind = TREE_OVERLAY, .folder = root, .path = "o"}, &handler,
                               &events, NULL, &err),
                     0);
    buf_byte(&events, '\0');
    for (size_t i = 0; i < ARRAY_COUNT(made); i++)
        (void)remove(at(made[i]));
    if (devices && attributes)
        assert_string_equal((const char *)events.data,
                            "removed marked\nremoved gone\nproblem half UNSUPPORTED\n"
                            "directory moved 0\nproblem moved UNSUPPORTED\n"
                            "directory opaque 0\nopaque opaque\nfile opaque/new 1\n[x]\n"
                            "directory plain 0\nopaque plain\nfile pre.wh.fix 1\n[x]\nremoved white\n");
    buf_release(&events);
    if (!devices || !attributes)
        skip(); /* a file system without user attributes, or no right to make devices */
}

/* A file of the same size and time as the one below. */
static void put_aged(const char *path, const char *text) {
    const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    put(path, text);
    assert_int_equal(utimensat(AT_FDCWD, at(path), times, 0), 0);
}

/* What the vfs driver keeps: told is the difference to the layer below, and nothing else. */
static void walk_difference(void **state) {
    static const char *const folders[] = {"low", "low/dir",  "low/both",    "low/was",
                                          "top", "top/both", "top/both/in", "top/turned"};
    static const char *const made[] = {"low/dir/file", "low/dir",         "low/both/old", "low/both",   "low/same",
                                       "low/hidden",   "low/turned",      "low/was/x",    "low/was",    "low/link",
                                       "low",          "top/both/in/new", "top/both/in",  "top/both",   "top/same",
                                       "top/link",     "top/hidden",      "top/was",      "top/turned", "top"};
    struct buf events;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++)
        assert_int_equal(mkdir(at(folders[i]), 0755), 0);
    put_aged("low/dir/file", "1");
    put_aged("low/both/old", "1");
    put_aged("top/both/in/new", "2");
    put_aged("low/same", "same");
    put_aged("top/same", "same");
    put_aged("low/hidden", "aaaa"); /* as large and as old as what is put in its place: only its bytes differ */
    put_aged("top/hidden", "bbbb");
    put_aged("low/turned", "a file that becomes a folder");
    put_aged("low/was/x", "1");
    put_aged("top/was", "a folder that becomes a file");
    assert_int_equal(symlink("one", at("low/link")), 0);
    assert_int_equal(symlink("two", at("top/link")), 0);
    buf_init(&events, 0);
    struct tree_root difference = {
        .kind = TREE_DIFFERENCE, .folder = root, .path = "top", .below_folder = root, .below = "low"};
    assert_int_equal(tree_walk(&difference, &handler, &events, NULL, &err), 0);
    buf_byte(&events, '\0');
    assert_string_equal((const char *)events.data,
                        "directory both/in 0\nfile both/in/new 1\n[2]\nremoved both/old\nremoved dir\n"
                        "file hidden 4\n[bbbb]\nsymlink link 0 -> two\ndirectory turned 0\n"
                        "file was 28\n[a folder that becomes a file]\n");
    difference.below = "top"; /* nothing differs from itself */
    buf_reset(&events);
    assert_int_equal(tree_walk(&difference, &handler, &events, NULL, &err), 0);
    assert_int_equal(events.size, 0);
    difference.below = "missing";
    assert_int_equal(tree_walk(&difference, &handler, &events, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    for (size_t i = 0; i < ARRAY_COUNT(made); i++)
        (void)remove(at(made[i]));
    buf_release(&events);
}

/* No link below a stranger's folder is followed, wherever it stands and wherever it leads. */
static void beneath(void **state) {
    static const struct {
        const char *path;
        enum err_code code;
    } cases[] = {
        {"b/two", ERR_NONE},         {"b/up", ERR_FORMAT}, {"b/root", ERR_FORMAT}, {"b/root/etc/passwd", ERR_FORMAT},
        {"b/../a", ERR_FORMAT},      {"/a", ERR_FORMAT},   {"b//two", ERR_FORMAT}, {"./a", ERR_FORMAT},
        {"b/nowhere", ERR_NOTFOUND}, {"", ERR_FORMAT},     {"b/", ERR_FORMAT},     {"a/two", ERR_NOTFOUND},
    };
    int folder = open(root, O_RDONLY | O_DIRECTORY);
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf bytes;
        struct err err = {0};
        buf_init(&bytes, 0);
        int result = file_read_beneath(folder, cases[i].path, &bytes, &err);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(result, cases[i].code == ERR_NONE ? 0 : -1);
        buf_release(&bytes);
    }
    struct err err = {0};
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(file_read_beneath(folder, "b", &bytes, &err), -1);
    assert_int_equal(file_read_beneath(folder, "pipe", &bytes, &err), -1); /* at once */
    struct tree_root through_link = {.kind = TREE_OVERLAY, .folder = root, .path = "b/root"};
    assert_int_equal(tree_walk(&through_link, &handler, &bytes, NULL, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    assert_int_equal(bytes.size, 0);
    (void)close(folder);
    buf_release(&bytes);
}

static void reading(void **state) {
    struct buf bytes;
    struct err err = {0};
    (void)state;
    buf_init(&bytes, 2);
    assert_int_equal(file_read(at("b/two"), &bytes, &err), 0);
    assert_true(span_is(buf_span(&bytes), "22"));
    buf_reset(&bytes);
    put("file", "333");
    assert_int_equal(file_read(at("file"), &bytes, &err), -1); /* a byte past the ceiling */
    assert_int_equal(err.code, ERR_LIMIT);
    buf_reset(&bytes);
    assert_int_equal(file_read(at("b"), &bytes, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(file_read(at("none"), &bytes, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    int folder = open(root, O_RDONLY | O_DIRECTORY);
    assert_int_equal(file_read_at(folder, "b/up", false, &bytes, &err), -1); /* a link, not followed */
    assert_int_equal(file_read_at(folder, "b/up", true, &bytes, &err), 0);
    assert_int_equal(file_read_at(folder, "pipe", false, &bytes, &err), -1); /* at once: nobody writes into it */
    (void)close(folder);
    buf_release(&bytes);
}

static void replacing(void **state) {
    struct err err = {0};
    struct file_map map;
    (void)state;
    put("file", "old");
    assert_int_equal(file_map_open(at("file"), &map, &err), 0);
    put("file", "new and longer");
    assert_true(span_is(map.bytes, "old")); /* whoever has it open keeps what he has */
    file_map_close(&map);
    assert_int_equal(file_map_open(at("file"), &map, &err), 0);
    assert_true(span_is(map.bytes, "new and longer"));
    file_map_close(&map);
    assert_int_equal(file_replace(at("nowhere/file"), span_text("x"), &err), -1);
    assert_int_equal(file_replace(at("b"), span_text("x"), &err),
                     -1); /* a folder stands there: nothing is left behind */
    struct stat status;
    assert_int_equal(stat(at("b"), &status), 0);
    assert_int_equal(file_map_open(at("pipe"), &map, &(struct err){0}) == 0, 0);
    assert_int_equal(file_make_folder(at("a/b"), &err), -1); /* a file is in the way */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(walk),         cmocka_unit_test(made_up_file_systems),
                                       cmocka_unit_test(walk_ends),    cmocka_unit_test(walk_goes_on),
                                       cmocka_unit_test(reading),      cmocka_unit_test(replacing),
                                       cmocka_unit_test(walk_overlay), cmocka_unit_test(walk_difference),
                                       cmocka_unit_test(beneath)};
    return cmocka_run_group_tests(tests, begin, end);
}
