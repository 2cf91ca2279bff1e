#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/vec.h"
#include "shard/shard_frame.h"
#include "shard/shard_read.h"
#include "shard/shard_sort.h"
#include "shard/shard_write.h"
#include "shard/sort_key.h"
#include "tests/support/row_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Every test has a folder of its own, removed afterwards with what is known to be in it. */
struct place {
    char folder[64];
};

static int place_make(void **state) {
    struct place *place = mem_zalloc(sizeof *place);
    /* In memory where there is such a place: the tests sync thousands of files. */
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(place->folder, sizeof place->folder, "%s/trawl-shard-XXXXXX", base);
    assert_non_null(mkdtemp(place->folder));
    *state = place;
    return 0;
}

static void folder_remove(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    for (const struct dirent *item; (item = readdir(directory)) != NULL;) {
        char child[512];
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        (void)snprintf(child, sizeof child, "%s/%s", path, item->d_name);
        if (unlink(child) != 0)
            folder_remove(child); /* three levels deep at most */
    }
    (void)closedir(directory);
    (void)rmdir(path);
}

static int place_remove(void **state) {
    struct place *place = *state;
    folder_remove(place->folder);
    mem_free(place);
    return 0;
}

/* A sweep of `count` rows of every table, added in the order that `step` gives (coprime to count), each `times` times.
 */
static void sweep_make(const char *folder, size_t memory_bytes, uint64_t part_bytes_max, uint64_t count, uint64_t step,
                       int times, struct shard_manifest *ret_manifest, struct arena *arena) {
    struct err err = {0};
    AUTO_SHARD_SET struct shard_set *set = NULL;
    AUTO(row_release) struct row row;
    row_init(&row);
    struct shard_options options = {.memory_bytes = memory_bytes, .part_bytes_max = part_bytes_max};
    assert_int_equal(shard_set_open(folder, &options, &set, &err), 0);
    for (int round = 0; round < times; round++) {
        for (uint64_t i = 0; i < count; i++) {
            for (enum table table = 0; table < TABLE_COUNT; table++) {
                if (table == TABLE_COMPLIANCE)
                    continue; /* stays empty */
                support_row(&row, table, i * step % count, 7);
                assert_int_equal(shard_add(set, &row, &err), 0);
            }
        }
    }
    struct shard_totals totals;
    assert_int_equal(shard_set_finish(set, &totals, &err), 0);
    assert_int_equal(totals.rows, count * (TABLE_COUNT - 1));
    assert_int_equal(totals.duplicates, totals.rows * (uint64_t)(times - 1));
    struct span targets[] = {span_text("registry://localhost:5000")};
    struct shard_manifest manifest = {
        .schema_version = TABLE_SCHEMA_VERSION, .sweep_id = span_text("s"), .targets = targets, .target_count = 1};
    memcpy(manifest.tables, totals.tables, sizeof manifest.tables);
    assert_int_equal(shard_manifest_write(folder, &manifest, &err), 0);
    assert_int_equal(shard_manifest_read(arena, folder, ret_manifest, &err), 0);
    assert_int_equal(memcmp(&ret_manifest->tables[TABLE_SECRET].files[0], &totals.tables[TABLE_SECRET].files[0],
                            sizeof(struct shard_file)),
                     0);
}

/* Naive order, written without sort keys: column by column. */
static int views_compare(const struct row_view *a, const struct row_view *b) {
    const struct table_info *info = table_info(a->table);
    for (unsigned place = 1; place <= info->column_count; place++) {
        for (size_t i = 0; i < info->column_count; i++) {
            if (info->columns[i].key != place)
                continue;
            int order;
            if (info->columns[i].type == COLUMN_U64) {
                uint64_t left = row_view_u64(a, i), right = row_view_u64(b, i);
                order = (left > right) - (left < right);
            } else {
                order = span_compare(row_view_text(a, i), row_view_text(b, i));
            }
            if (order != 0)
                return order;
        }
    }
    return span_compare(a->bytes, b->bytes);
}

static struct row_view view_copy(const struct row_view *view, uint8_t *bytes) {
    struct row_view copy;
    struct err err;
    memcpy(bytes, view->bytes.data, view->bytes.size);
    assert_int_equal(row_view_parse(view->table, span_make(bytes, view->bytes.size), &copy, &err), 0);
    return copy;
}

/* Every row is there once, in order: each is removed from the expected ones. */
static void sweep_check(const char *folder, const struct shard_manifest *manifest, uint64_t count) {
    struct err err = {0};
    AUTO(row_release) struct row row;
    row_init(&row);
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        VEC(uint64_t) wanted = {0}, found = {0};
        for (uint64_t i = 0; table != TABLE_COMPLIANCE && i < count; i++) {
            uint64_t sum = 0;
            support_row(&row, table, i, 7);
            for (size_t b = 0; b < row.bytes.size; b++)
                sum = (sum ^ row.bytes.data[b]) * UINT64_C(0x100000001b3);
            assert_true(vec_push(&wanted, sum));
        }
        AUTO(shard_table_release) struct shard_table rows;
        shard_table_init(&rows, folder, manifest, table);
        struct row_view view, last = {0};
        uint8_t *memory = mem_alloc(65536);
        int got;
        while ((got = shard_table_next(&rows, &view, &err)) > 0) {
            uint64_t sum = 0;
            for (size_t b = 0; b < view.bytes.size; b++)
                sum = (sum ^ view.bytes.data[b]) * UINT64_C(0x100000001b3);
            assert_true(vec_push(&found, sum));
            if (last.bytes.size > 0)
                assert_true(views_compare(&last, &view) < 0);
            last = view_copy(&view, memory);
        }
        assert_int_equal(got, 0);
        mem_free(memory);
        assert_int_equal(found.count, wanted.count);
        for (size_t i = 0; i < wanted.count; i++) {
            size_t at = 0;
            while (at < found.count && found.data[at] != wanted.data[i])
                at++;
            assert_true(at < found.count);
            found.data[at] = found.data[--found.count];
        }
        vec_release(&wanted);
        vec_release(&found);
        for (size_t i = 0; i < manifest->tables[table].count; i++)
            assert_int_equal(shard_file_verify(folder, table, &manifest->tables[table].files[i], &err), 0);
    }
}

static void test_round_trip(void **state) {
    struct place *place = *state;
    struct arena arena;
    struct shard_manifest manifest;
    arena_init(&arena, 0, 0);
    sweep_make(place->folder, 0, 0, 200, 77, 2, &manifest, &arena);
    assert_int_equal(manifest.tables[TABLE_COMPLIANCE].count, 0);
    sweep_check(place->folder, &manifest, 200);
    arena_release(&arena);
}

/* The same rows in another order, with spilling and merging over two levels and with duplicates, give the same files.
 */
static void test_spilling_changes_nothing(void **state) {
    struct place *place = *state;
    struct arena arena;
    struct shard_manifest manifests[2];
    char folders[2][80];
    arena_init(&arena, 0, 0);
    for (int i = 0; i < 2; i++)
        (void)snprintf(folders[i], sizeof folders[i], "%s/%d", place->folder, i);
    sweep_make(folders[0], 0, 4096, 400, 1, 1, &manifests[0], &arena);
    sweep_make(folders[1], 8192, 4096, 400, 143, 3, &manifests[1], &arena);
    sweep_check(folders[1], &manifests[1], 400);
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        assert_int_equal(manifests[0].tables[table].count, manifests[1].tables[table].count);
        for (size_t i = 0; i < manifests[0].tables[table].count; i++)
            assert_int_equal(manifests[0].tables[table].files[i].xxh64, manifests[1].tables[table].files[i].xxh64);
    }
    arena_release(&arena);
}

static void test_spills_and_levels(void **state) {
    struct place *place = *state;
    struct err err = {0};
    struct shard_sort *sort = NULL;
    int folder = open(place->folder, O_RDONLY | O_DIRECTORY);
    AUTO(row_release) struct row row;
    row_init(&row);
    assert_int_equal(shard_sort_new(folder, 8192, &sort, &err), 0);
    enum { ROWS = 12000 };
    for (uint64_t i = 0; i < ROWS; i++) {
        support_row(&row, TABLE_ERROR, i * 7919 % ROWS, 1000);
        struct row_view view = row_view_of(&row);
        assert_int_equal(shard_sort_add(sort, &view, &err), 0);
    }
    assert_int_equal(shard_sort_finish(sort, &err), 0);
    assert_true(shard_sort_spills(sort) > SHARD_MERGE_WAYS * SHARD_MERGE_WAYS); /* three levels */
    uint64_t count = 0;
    struct shard_sorted next;
    int got;
    while ((got = shard_sort_next(sort, &next, &err)) > 0)
        count++;
    assert_int_equal(got, 0);
    assert_int_equal(count, ROWS);
    assert_int_equal(shard_sort_duplicates(sort), 0);
    shard_sort_free(sort);
    /* Nothing of the runs has a name. */
    DIR *directory = fdopendir(folder);
    for (const struct dirent *item; (item = readdir(directory)) != NULL;)
        assert_true(item->d_name[0] == '.' && (item->d_name[1] == '\0' || strcmp(item->d_name, "..") == 0));
    (void)closedir(directory);
}

static void test_parts_are_bounded(void **state) {
    struct place *place = *state;
    struct err err = {0};
    AUTO_SHARD_SET struct shard_set *set = NULL;
    AUTO(row_release) struct row row;
    row_init(&row);
    const struct shard_options options = {.part_bytes_max = 300000};
    assert_int_equal(shard_set_open(place->folder, &options, &set, &err), 0);
    for (uint64_t i = 0; i < 20000; i++) {
        support_vulnerability(&row, i);
        assert_int_equal(shard_add(set, &row, &err), 0);
    }
    struct shard_totals totals;
    if (shard_set_finish(set, &totals, &err) != 0)
        fail_msg("%s", err.text);
    const struct shard_files *files = &totals.tables[TABLE_VULNERABILITY];
    assert_true(files->count > 2);
    assert_int_equal(files->rows + totals.duplicates, 20000);
    for (size_t i = 0; i < files->count; i++) {
        assert_true(files->files[i].bytes <= 300000);
        assert_int_equal(files->files[i].part, i);
        if (shard_file_verify(place->folder, TABLE_VULNERABILITY, &files->files[i], &err) != 0)
            fail_msg("%s", err.text);
    }
    /* The wrong table's schema does not pass. */
    char path[256], part[SHARD_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", place->folder, shard_path(TABLE_VULNERABILITY, 0, part));
    AUTO_SHARD_READER struct shard_reader *reader = NULL;
    struct row_view view;
    assert_int_equal(shard_reader_open(path, TABLE_SECRET, &reader, &err), 0);
    assert_int_equal(shard_reader_next(reader, &view, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    /* Wrong totals do not pass either. */
    struct shard_file wrong = files->files[0];
    wrong.rows++;
    assert_int_equal(shard_file_verify(place->folder, TABLE_VULNERABILITY, &wrong, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    wrong = files->files[0];
    wrong.xxh64 ^= 1;
    assert_int_equal(shard_file_verify(place->folder, TABLE_VULNERABILITY, &wrong, &err), -1);
    assert_int_equal(err.code, ERR_DIGEST);
}

static void test_torn_at_every_byte(void **state) {
    (void)state;
    struct err err = {0};
    AUTO_BUF struct buf file = {0}, rows = {0};
    AUTO(row_release) struct row row;
    size_t frame_ends[4] = {0};
    row_init(&row);
    for (uint64_t frame = 0; frame < 3; frame++) {
        buf_reset(&rows);
        for (uint64_t i = 0; i < 5; i++) {
            support_row(&row, TABLE_SECRET, frame * 5 + i, 3);
            buf_add(&rows, buf_span(&row.bytes));
        }
        assert_int_equal(frame_encode(&file, buf_span(&rows), &err), 0);
        frame_ends[frame + 1] = file.size;
    }
    for (size_t size = 0; size <= file.size; size++) {
        /* An exact copy, so that the sanitizer sees every byte read past the end. */
        uint8_t *copy = mem_alloc(size);
        memcpy(copy, file.data, size);
        size_t whole = 0;
        while (whole < 3 && frame_ends[whole + 1] <= size)
            whole++;
        AUTO_SHARD_READER struct shard_reader *reader = NULL;
        struct row_view view;
        int got;
        assert_int_equal(shard_reader_open_bytes(span_make(copy, size), "torn", TABLE_SECRET, &reader, &err), 0);
        while ((got = shard_reader_next(reader, &view, &err)) > 0) {
        }
        assert_int_equal(shard_reader_rows(reader), whole * 5);
        assert_int_equal(shard_reader_offset(reader), frame_ends[whole]);
        if (frame_ends[whole] == size) {
            assert_int_equal(got, 0);
        } else {
            char expected[64];
            (void)snprintf(expected, sizeof expected, "torn: torn at offset %zu", frame_ends[whole]);
            assert_int_equal(got, -1);
            assert_int_equal(err.code, ERR_FORMAT);
            assert_int_equal(strncmp(err.text, expected, strlen(expected)), 0);
            assert_int_equal(shard_reader_next(reader, &view, &err), -1); /* and again */
        }
        mem_free(copy);
    }
    /* A changed byte is seen: in the content by the checksum, elsewhere by the format. */
    for (size_t i = 0; i < file.size; i++) {
        file.data[i] ^= 0x10;
        AUTO_SHARD_READER struct shard_reader *reader = NULL;
        struct row_view view;
        int got;
        assert_int_equal(shard_reader_open_bytes(buf_span(&file), "torn", TABLE_SECRET, &reader, &err), 0);
        while ((got = shard_reader_next(reader, &view, &err)) > 0) {
        }
        assert_int_equal(got, -1);
        file.data[i] ^= 0x10;
    }
}

static void test_frame_limit(void **state) {
    (void)state;
    struct err err = {0};
    for (size_t over = 0; over < 2; over++) {
        AUTO_BUF struct buf content = {0}, file = {0};
        struct frame_reader *frames = NULL;
        struct span got;
        buf_fill(&content, 'x', LIMIT_SHARD_FRAME_BYTES + over);
        assert_int_equal(frame_encode(&file, buf_span(&content), &err), 0);
        assert_int_equal(frame_reader_new(-1, buf_span(&file), "f", &frames, &err), 0);
        if (over == 0) {
            assert_int_equal(frame_next(frames, &got, &err), 1);
            assert_int_equal(got.size, LIMIT_SHARD_FRAME_BYTES);
        } else {
            assert_int_equal(frame_next(frames, &got, &err), -1);
            assert_int_equal(err.code, ERR_LIMIT);
        }
        frame_reader_free(frames);
    }
}

static void test_row_limit(void **state) {
    struct place *place = *state;
    struct err err = {0};
    AUTO_SHARD_SET struct shard_set *set = NULL;
    const struct shard_options options = {0};
    assert_int_equal(shard_set_open(place->folder, &options, &set, &err), 0);
    for (size_t over = 0; over < 2; over++) {
        AUTO(row_release) struct row row;
        AUTO_BUF struct buf text = {0};
        row_init(&row);
        /* sweep_id "", five texts of which one is large, a bool: see the table. */
        size_t fixed = 1 + 1 + 1 + 1 + 1 + 5 + 1;
        buf_fill(&text, 'c', LIMIT_ROW_BYTES - fixed + over);
        row_begin(&row, TABLE_IMAGE_LAYER, span_text(""));
        row_text(&row, span_text(""));
        row_u64(&row, 1);
        row_text(&row, span_text(""));
        row_text(&row, span_text(""));
        row_text(&row, buf_span(&text));
        row_bool(&row, false);
        assert_int_equal(row_end(&row, &err), 0);
        assert_int_equal(row.bytes.size, LIMIT_ROW_BYTES + over);
        assert_int_equal(shard_add(set, &row, &err), over == 0 ? 0 : -1);
    }
    assert_int_equal(err.code, ERR_LIMIT);
    struct shard_totals totals;
    assert_int_equal(shard_set_finish(set, &totals, &err), 0);
    assert_int_equal(
        shard_file_verify(place->folder, TABLE_IMAGE_LAYER, &totals.tables[TABLE_IMAGE_LAYER].files[0], &err), 0);
}

static bool has(const char *folder, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void test_folder_states(void **state) {
    struct place *place = *state;
    struct err err = {0};
    struct arena arena;
    struct shard_manifest manifest;
    struct shard_set *set = NULL;
    const struct shard_options options = {0};
    AUTO(row_release) struct row row;
    char path[256];
    row_init(&row);
    arena_init(&arena, 0, 0);
    /* Unfinished: no manifest. */
    assert_int_equal(shard_manifest_read(&arena, place->folder, &manifest, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    /* What another left: known files go, others stay. */
    (void)snprintf(path, sizeof path, "%s/secret", place->folder);
    assert_int_equal(mkdir(path, 0777), 0);
    static const char *const names[] = {"secret/part-00007.msgpack.lz4", "secret/.part.tmp",
                                        "secret/part-7.msgpack.lz4", "secret/notes.txt"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", place->folder, names[i]);
        cleanup_close(&(int){open(path, O_CREAT | O_WRONLY, 0666)});
    }
    assert_int_equal(shard_set_open(place->folder, &options, &set, &err), 0);
    assert_false(has(place->folder, names[0]));
    assert_false(has(place->folder, names[1]));
    assert_true(has(place->folder, names[2]));
    assert_true(has(place->folder, names[3]));
    /* A second writer is told. */
    struct shard_set *second = NULL;
    assert_int_equal(shard_set_open(place->folder, &options, &second, &err), -1);
    assert_non_null(strstr(err.text, "another process"));
    /* Given up: nothing of it stays, the lock is free. */
    support_row(&row, TABLE_SECRET, 1, 5);
    assert_int_equal(shard_add(set, &row, &err), 0);
    shard_set_free(set);
    assert_false(has(place->folder, "secret/part-00000.msgpack.lz4"));
    /* Finished: immutable. */
    assert_int_equal(shard_set_open(place->folder, &options, &set, &err), 0);
    assert_int_equal(shard_add(set, &row, &err), 0);
    struct shard_totals totals;
    assert_int_equal(shard_set_finish(set, &totals, &err), 0);
    manifest = (struct shard_manifest){.schema_version = 1};
    memcpy(manifest.tables, totals.tables, sizeof manifest.tables);
    assert_int_equal(shard_manifest_write(place->folder, &manifest, &err), 0);
    shard_set_free(set);
    assert_false(has(place->folder, ".lock"));
    assert_true(has(place->folder, "ddl/clickhouse.sql"));
    assert_int_equal(shard_set_open(place->folder, &options, &set, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.text, "holds a finished sweep; choose another folder"));
    arena_release(&arena);
}

/* Out of memory at any point is an error, leaks nothing and leaves a folder that can be used again. */
static void test_memory_failures(void **state) {
    struct place *place = *state;
    bool finished = false;
    for (uint64_t n = 1; !finished; n++) {
        struct err err = {0};
        struct shard_set *set = NULL;
        struct shard_totals totals;
        AUTO(row_release) struct row row;
        const struct shard_options options = {.memory_bytes = 4096};
        row_init(&row);
        support_row(&row, TABLE_SECRET, 0, 3); /* grows the row's own buffer */
        mem_fail_after(n, false);
        int result = shard_set_open(place->folder, &options, &set, &err);
        for (uint64_t i = 0; result == 0 && i < 60; i++) {
            struct row_view view;
            support_row(&row, TABLE_SECRET, 0, 3);
            view = row_view_of(&row);
            result = shard_add_view(set, &view, &err);
        }
        if (result == 0)
            result = shard_set_finish(set, &totals, &err);
        mem_fail_after(0, false);
        if (result == 0)
            finished = true;
        else
            assert_int_equal(err.code, ERR_NOMEM);
        shard_set_free(set);
    }
}

/* ---- blocks ---- */

struct numbered {
    uint64_t number;
    struct buf key;
};

static int numbered_order(const void *left, const void *right) {
    const struct numbered *a = left, *b = right;
    return span_compare(buf_span(&a->key), buf_span(&b->key));
}

enum { BLOCK_ROWS = 600, BLOCK_GROUP = 25 };

/* Rows of one table, each with a key of its own, in the order of their keys. */
static struct numbered *rows_order(void) {
    struct numbered *rows = mem_array(BLOCK_ROWS, sizeof *rows);
    AUTO(row_release) struct row row;
    row_init(&row);
    assert_non_null(rows);
    for (uint64_t i = 0; i < BLOCK_ROWS; i++) {
        rows[i] = (struct numbered){.number = i};
        support_row(&row, TABLE_PACKAGE, i, UINT64_MAX);
        struct row_view view = row_view_of(&row);
        sort_key_add(&rows[i].key, &view);
    }
    qsort(rows, BLOCK_ROWS, sizeof *rows, numbered_order);
    return rows;
}

static void rows_free(struct numbered *rows) {
    for (size_t i = 0; i < BLOCK_ROWS; i++)
        buf_release(&rows[i].key);
    mem_free(rows);
}

/* The rows from `first` on as one block. */
static void block_make(const struct numbered *rows, size_t first, size_t count, struct buf *out) {
    AUTO(row_release) struct row row;
    AUTO(row_block_writer_release) struct row_block_writer writer = {0};
    row_init(&row);
    for (size_t i = first; i < first + count; i++) {
        support_row(&row, TABLE_PACKAGE, rows[i].number, UINT64_MAX);
        row_block_add(&writer, &row);
    }
    row_block_end(&writer, out);
    assert_false(out->failed);
}

/* `blocks`: groups of rows as blocks, all but every third. Twice over, and not in order. */
static uint64_t rows_write(const char *folder, size_t memory_bytes, const struct numbered *rows, bool blocks,
                           uint64_t *ret_xxh64) {
    struct err err = {0};
    AUTO_SHARD_SET struct shard_set *set = NULL;
    AUTO(row_release) struct row row;
    const struct shard_options options = {.memory_bytes = memory_bytes};
    row_init(&row);
    assert_int_equal(shard_set_open(folder, &options, &set, &err), 0);
    for (size_t step = 0; step < 2 * BLOCK_ROWS / BLOCK_GROUP; step++) {
        size_t group = step * 7 % (BLOCK_ROWS / BLOCK_GROUP);
        AUTO_BUF struct buf bytes = {0};
        if (blocks && group % 3 != 0)
            block_make(rows, group * BLOCK_GROUP, BLOCK_GROUP, &bytes);
        struct span rest = buf_span(&bytes);
        for (struct row_block block; row_block_next(&rest, &block);)
            assert_int_equal(shard_add_block(set, span_text("2024-05-01"), &block, &err), 0);
        for (size_t i = 0; bytes.size == 0 && i < BLOCK_GROUP; i++) {
            support_row(&row, TABLE_PACKAGE, rows[group * BLOCK_GROUP + i].number, UINT64_MAX);
            assert_int_equal(shard_add(set, &row, &err), 0);
        }
    }
    struct shard_totals totals;
    if (shard_set_finish(set, &totals, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(totals.rows, BLOCK_ROWS);
    assert_int_equal(totals.tables[TABLE_PACKAGE].count, 1);
    *ret_xxh64 = totals.tables[TABLE_PACKAGE].files[0].xxh64;
    return totals.duplicates;
}

static void test_blocks_are_their_rows(void **state) {
    struct place *place = *state;
    struct numbered *rows = rows_order();
    uint64_t plain, found;
    char folder[80];
    (void)snprintf(folder, sizeof folder, "%s/plain", place->folder);
    assert_int_equal(rows_write(folder, 0, rows, false, &plain), BLOCK_ROWS);
    static const size_t memories[] = {0, 4096}; /* without and with runs on disk */
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(folder, sizeof folder, "%s/blocks-%zu", place->folder, i);
        assert_int_equal(rows_write(folder, memories[i], rows, true, &found), BLOCK_ROWS);
        assert_true(found == plain);
    }
    rows_free(rows);
}

/* Whatever becomes of a block's bytes: it is refused, or unpacks to something bounded. */
static void test_block_of_garbage(void **state) {
    (void)state;
    struct numbered *rows = rows_order();
    AUTO_BUF struct buf bytes = {0}, unpacked = {0};
    struct row_block block;
    struct err err;
    block_make(rows, 0, 20, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        struct span rest = span_make(bytes.data, size);
        assert_false(row_block_next(&rest, &block));
        assert_int_equal(rest.size, size);
    }
    uint64_t refused = 0, accepted = 0;
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct span rest = buf_span(&bytes), columns;
        bool is_block = row_block_next(&rest, &block);
        if (is_block && row_block_unpack(&block, &unpacked, &err) == 0) {
            struct reader reader = reader_init(buf_span(&unpacked));
            while (row_block_row(&reader, &columns))
                accepted++;
        } else {
            refused++;
        }
        bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(refused > 64 && accepted > 0);
    rows_free(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_spilling_changes_nothing, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_spills_and_levels, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_parts_are_bounded, place_make, place_remove),
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_frame_limit),
        cmocka_unit_test_setup_teardown(test_row_limit, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_folder_states, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_memory_failures, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_blocks_are_their_rows, place_make, place_remove),
        cmocka_unit_test(test_block_of_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
