/* Folders on disk as events, and whole files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

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
    assert_int_equal(tree_walk(root, &handler, &events, NULL, &err), 0);
    buf_byte(&events, '\0');
    /* Sorted, folders before what is in them, links told and not followed, the pipe not opened. */
    assert_string_equal(
        (const char *)events.data,
        "file a 1\n[1]\ndirectory b 0\ndirectory b/deep 0\ndirectory b/deep/er 0\nfile b/deep/er/x 0\nsymlink b/root 0 -> /\n"
        "file b/two 2\n[22]\nsymlink b/up 0 -> ../a\nfifo pipe 0\n");
    buf_release(&events);
}

static void walk_ends(void **state) {
    struct buf events;
    struct err err = {0};
    _Atomic bool stop = true;
    (void)state;
    buf_init(&events, 0);
    assert_int_equal(tree_walk(root, &handler, &events, &stop, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(tree_walk(at("nowhere"), &handler, &events, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    assert_int_equal(tree_walk(at("a"), &handler, &events, NULL, &err), -1);
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
    assert_int_equal(tree_walk(root, &handler, &events, NULL, &err), 0);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(walk), cmocka_unit_test(walk_ends),
                                       cmocka_unit_test(walk_goes_on), cmocka_unit_test(reading),
                                       cmocka_unit_test(replacing)};
    return cmocka_run_group_tests(tests, begin, end);
}
