/* The cache: what is put is there in the next run, damage is told from goodness, and nobody is lost on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include <lmdb.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/cache/cache.h"

#define TEMPLATE "/tmp/trawl-cache-XXXXXX"

struct fixture {
    char folder[sizeof TEMPLATE];
    char data[64];
};

/* Bytes that do not pack. */
static void noise(struct buf *buf, size_t size) {
    uint64_t x = 88172645463325252U;
    buf_init(buf, 0);
    for (size_t i = 0; i < size / 8; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf_le64(buf, x);
    }
    assert_false(buf->failed);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    memcpy(fixture->folder, TEMPLATE, sizeof TEMPLATE);
    if (mkdtemp(fixture->folder) == NULL)
        return -1;
    (void)snprintf(fixture->data, sizeof fixture->data, "%s/data-2.mdb", fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    cache_remove(fixture->folder);
    free(fixture);
    return 0;
}

static struct cache *open_it(const struct fixture *fixture, bool expect_aside) {
    struct err err = {0};
    struct cache *cache = NULL;
    bool aside = false;
    if (cache_open(fixture->folder, &(struct cache_options){0}, &cache, &aside, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(aside, expect_aside);
    return cache;
}

static bool get(struct cache *cache, enum cache_table table, const char *key, const char *expected) {
    struct err err = {0};
    struct cache_reader *reader = NULL;
    struct span value;
    assert_int_equal(cache_reader_new(cache, &reader, &err), 0);
    bool found = cache_get(reader, table, span_text(key), &value);
    if (found && expected != NULL)
        assert_true(span_is(value, expected));
    if (found)
        assert_false(cache_is_stale(value));
    cache_reader_free(reader);
    return found;
}

static void put_and_get(void **state) {
    const struct fixture *fixture = *state;
    struct err err = {0};
    struct cache *cache = open_it(fixture, false);
    struct hash_key secret = *cache_secret(cache);
    cache_put(cache, CACHE_LAYER, span_text("a"), span_text("one"));
    cache_put(cache, CACHE_IMAGE, span_text("a"), span_text("another table"));
    cache_put(cache, CACHE_LAYER, span_text("a"), span_text("the last one stays"));
    cache_put(cache, CACHE_LAYER, span_text("empty"), span_text(""));
    assert_int_equal(cache_flush(cache, &err), 0);
    assert_true(get(cache, CACHE_LAYER, "a", "the last one stays"));
    assert_true(get(cache, CACHE_IMAGE, "a", "another table"));
    assert_true(get(cache, CACHE_LAYER, "empty", ""));
    assert_false(get(cache, CACHE_LAYER, "b", NULL));
    cache_put(cache, CACHE_LAYER, span_text("late"), span_text("written by closing"));
    cache_close(cache);
    cache = open_it(fixture, false);
    assert_true(get(cache, CACHE_LAYER, "late", "written by closing"));
    assert_memory_equal(&secret, cache_secret(cache), sizeof secret);
    cache_close(cache);
}

/* Large values that pack are packed, and come back as they were; each is valid until the reader is reset. */
static void packed_values(void **state) {
    struct err err = {0};
    struct cache *cache = open_it(*state, false);
    struct cache_reader *reader = NULL;
    struct cache_info info;
    struct buf value;
    struct span got[3];
    const size_t sizes[] = {511, 512, 3 << 20};
    buf_init(&value, 0);
    for (size_t i = 0; value.size < sizes[2]; i++)
        buf_format(&value, "{\"step\":%zu,\"created_by\":\"RUN /bin/sh -c make\"},", i % 1000);
    for (uint32_t i = 0; i < 3; i++)
        cache_put(cache, CACHE_IMAGE, span_make(&i, sizeof i), span_slice(buf_span(&value), 0, sizes[i]));
    assert_int_equal(cache_flush(cache, &err), 0);
    assert_int_equal(cache_info(cache, &info, &err), 0);
    assert_true(info.bytes[CACHE_IMAGE] < 1 << 20);
    assert_int_equal(cache_reader_new(cache, &reader, &err), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(cache_get(reader, CACHE_IMAGE, span_make(&i, sizeof i), &got[i]));
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(span_equal(got[i], span_slice(buf_span(&value), 0, sizes[i])));
        assert_false(cache_is_stale(got[i]));
    }
    cache_reader_free(reader);
    buf_release(&value);
    cache_close(cache);
}

/* A reader sees what was there when it first looked, until it is reset. */
static void snapshots(void **state) {
    struct err err = {0};
    struct cache *cache = open_it(*state, false);
    struct cache_reader *reader = NULL;
    struct span value;
    assert_int_equal(cache_reader_new(cache, &reader, &err), 0);
    assert_false(cache_get(reader, CACHE_INDEX, span_text("k"), &value));
    cache_put(cache, CACHE_INDEX, span_text("k"), span_text("v"));
    assert_int_equal(cache_flush(cache, &err), 0);
    assert_false(cache_get(reader, CACHE_INDEX, span_text("k"), &value));
    cache_reader_reset(reader);
    assert_true(cache_get(reader, CACHE_INDEX, span_text("k"), &value));
    cache_reader_free(reader);
    cache_close(cache);
}

static void *put_many(void *context) {
    struct cache *cache = context;
    struct buf value;
    noise(&value, 5000);
    for (uint32_t i = 0; i < 3000; i++)
        cache_put(cache, CACHE_BODY, span_make(&i, sizeof i), buf_span(&value));
    buf_release(&value);
    return NULL;
}

/* Two threads and more bytes than a batch takes; the memory that waits is bounded. */
static void many_from_two_threads(void **state) {
    struct err err = {0};
    struct cache *cache = open_it(*state, false);
    pthread_t threads[2];
    struct cache_info info;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, cache), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(cache_flush(cache, &err), 0);
    assert_int_equal(cache_info(cache, &info, &err), 0);
    assert_int_equal(info.entries[CACHE_BODY], 3000);
    assert_true(info.bytes[CACHE_BODY] > 3000 * 5000);
    cache_close(cache);
}

static void fill(const struct fixture *fixture, unsigned count) {
    struct cache *cache = open_it(fixture, false);
    struct buf value;
    noise(&value, 3000);
    for (unsigned i = 0; i < count; i++)
        cache_put(cache, CACHE_LAYER, span_make(&i, sizeof i), buf_span(&value));
    buf_release(&value);
    cache_close(cache);
}

/* Cut off, emptied, overwritten, or something else entirely: set aside, and a new one works. */
static void damaged_files(void **state) {
    const struct fixture *fixture = *state;
    char aside[80];
    (void)snprintf(aside, sizeof aside, "%s.damaged", fixture->data);
    for (unsigned way = 0; way < 4; way++) {
        fill(fixture, 500);
        int fd = open(fixture->data, O_RDWR | O_CLOEXEC);
        struct stat status;
        assert_true(fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 1000000);
        char junk[3 * 4096];
        memset(junk, 0xa5, sizeof junk);
        if (way == 0)
            assert_int_equal(ftruncate(fd, status.st_size / 2), 0);
        else if (way == 1)
            assert_int_equal(pwrite(fd, junk, sizeof junk, 0), sizeof junk);
        else if (way == 2)
            for (off_t at = 2 * 4096; at < status.st_size; at += 4096)
                assert_int_equal(pwrite(fd, junk, 64, at), 64); /* the head of every page */
        else
            assert_int_equal(unlink(fixture->data) + mkdir(fixture->data, 0700), 0);
        (void)close(fd);
        struct cache *cache = open_it(fixture, true);
        struct err err = {0};
        assert_false(get(cache, CACHE_LAYER, "k", NULL));
        cache_put(cache, CACHE_LAYER, span_text("k"), span_text("begun anew"));
        assert_int_equal(cache_flush(cache, &err), 0);
        assert_true(get(cache, CACHE_LAYER, "k", "begun anew"));
        cache_close(cache);
        assert_int_equal(access(aside, F_OK), 0);
        (void)unlink(aside);
        (void)rmdir(aside);
        cache_remove(fixture->folder);
        assert_int_equal(mkdir(fixture->folder, 0700), 0);
    }
}

/* One bit in a value: that value is gone, the others are not, and `verify` counts and removes it. */
static void damaged_value(void **state) {
    const struct fixture *fixture = *state;
    struct err err = {0};
    fill(fixture, 100);
    int fd = open(fixture->data, O_RDWR | O_CLOEXEC);
    struct stat status;
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    char *bytes = malloc((size_t)status.st_size);
    assert_int_equal(pread(fd, bytes, (size_t)status.st_size, 0), status.st_size);
    struct buf value_bytes;
    noise(&value_bytes, 3000);
    char *hit = memmem(bytes, (size_t)status.st_size, value_bytes.data, 512);
    assert_non_null(hit);
    char flipped = (char)(hit[100] ^ 4);
    buf_release(&value_bytes);
    assert_int_equal(pwrite(fd, &flipped, 1, hit - bytes + 100), 1);
    free(bytes);
    (void)close(fd);
    struct cache *cache = open_it(fixture, false);
    struct cache_reader *reader = NULL;
    struct span value;
    unsigned whole = 0;
    assert_int_equal(cache_reader_new(cache, &reader, &err), 0);
    for (unsigned i = 0; i < 100; i++)
        whole += cache_get(reader, CACHE_LAYER, span_make(&i, sizeof i), &value);
    cache_reader_free(reader);
    assert_int_equal(whole, 99);
    uint64_t good = 0, bad = 0;
    assert_int_equal(cache_verify(cache, &good, &bad, &err), 0);
    assert_int_equal(good, 99);
    assert_int_equal(bad, 1);
    assert_int_equal(cache_verify(cache, &good, &bad, &err), 0);
    assert_int_equal(bad, 0);
    cache_close(cache);
}

static void pruning(void **state) {
    const struct fixture *fixture = *state;
    struct err err = {0};
    struct stat before, after;
    fill(fixture, 1000);
    assert_int_equal(stat(fixture->data, &before), 0);
    struct cache *cache = open_it(fixture, false);
    uint64_t removed = 0;
    bool shrunk = false;
    assert_int_equal(cache_prune(cache, clock_utc_s() - 3600, 0, &removed, &shrunk, &err), 0);
    assert_int_equal(removed, 0);
    assert_int_equal(cache_prune(cache, clock_utc_s() + 60, 0, &removed, &shrunk, &err), 0);
    assert_int_equal(removed, 1000);
    assert_true(shrunk);
    cache_close(cache);
    assert_int_equal(stat(fixture->data, &after), 0);
    assert_true(after.st_size < before.st_size / 4);
    /* While another has it open, the space is only kept for new values. */
    fill(fixture, 10);
    int other = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)close(other);
    cache = open_it(fixture, false);
    assert_int_equal(cache_prune(cache, INT64_MIN, 1, &removed, &shrunk, &err), 0);
    assert_int_equal(removed, 10);
    cache_close(cache);
}

static void none_there(void **state) {
    const struct fixture *fixture = *state;
    struct err err = {0};
    struct cache *cache = NULL;
    bool aside = false;
    assert_int_equal(cache_open(fixture->folder, &(struct cache_options){.existing = true}, &cache, &aside, &err), -1);
    assert_int_equal(err.code, ERR_NOTFOUND);
    assert_int_equal(cache_open("/dev/null/x", &(struct cache_options){0}, &cache, &aside, &err), -1);
    assert_int_equal(err.code, ERR_IO);
}

/* MiB of files that are in this process' memory. */
static uint64_t resident_mib(void) {
    char text[4096];
    FILE *file = fopen("/proc/self/status", "re");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    assert_true(size > 0);
    (void)fclose(file);
    struct span rest = span_make(text, size);
    size_t at = span_find(rest, span_text("RssFile:"), 0);
    assert_true(at != SIZE_MAX);
    uint64_t kib = 0;
    rest = text_trim(span_from(rest, at + 8));
    assert_true(text_u64(text_cut(&rest, ' '), 10, UINT64_MAX, &kib));
    return kib / 1024;
}

/* What was looked at is no memory of the process for ever. */
static void memory_is_given_back(void **state) {
    const struct fixture *fixture = *state;
    struct err err = {0};
    struct cache *cache = open_it(fixture, false);
    struct cache_reader *reader = NULL;
    struct span value;
    struct buf large;
    noise(&large, LIMIT_MIB);
    for (uint32_t i = 0; i < 160; i++)
        cache_put(cache, CACHE_LAYER, span_make(&i, sizeof i), buf_span(&large));
    buf_release(&large);
    assert_int_equal(cache_flush(cache, &err), 0);
    assert_int_equal(cache_reader_new(cache, &reader, &err), 0);
    uint64_t before = resident_mib(), most = 0;
    for (uint32_t i = 0; i < 160; i++) {
        assert_true(cache_get(reader, CACHE_LAYER, span_make(&i, sizeof i), &value));
        cache_reader_reset(reader);
        most = resident_mib() > most ? resident_mib() : most;
    }
    if (most > before + 90)
        fail_msg("%" PRIu64 " MiB before, %" PRIu64 " MiB while 160 MiB were read", before, most);
    cache_reader_free(reader);
    cache_close(cache);
}

struct walked {
    size_t count, packed;
    int stop_after;
};

static int walked_take(void *context, struct span key, struct span value, struct err *err) {
    struct walked *walked = context;
    walked->count++;
    walked->packed += value.size == 4000 && value.data[3999] == 'x';
    assert_true(key.size == 4);
    return walked->stop_after > 0 && (int)walked->count == walked->stop_after ? err_set(err, ERR_CANCELED, 0, "enough")
                                                                              : 0;
}

static void walks(void **state) {
    struct err err = {0};
    struct cache *cache = open_it(*state, false);
    struct cache_reader *reader = NULL;
    char text[4001];
    memset(text, 'x', 4000);
    text[4000] = '\0';
    for (unsigned i = 0; i < 1000; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%03u", i);
        cache_put(cache, CACHE_SET, span_text(key), span_text(i % 2 == 0 ? text : "short"));
    }
    assert_int_equal(cache_flush(cache, &err), 0);
    assert_int_equal(cache_reader_new(cache, &reader, &err), 0);
    struct walked all = {0};
    assert_int_equal(cache_walk(reader, CACHE_SET, 0, 1, walked_take, &all, &err), 0);
    assert_true(all.count == 1000 && all.packed == 500);
    /* The parts are apart and leave nothing out. */
    size_t sum = 0;
    for (size_t part = 0; part < 3; part++) {
        struct walked some = {0};
        assert_int_equal(cache_walk(reader, CACHE_SET, part, 3, walked_take, &some, &err), 0);
        assert_in_range(some.count, 250, 420);
        sum += some.count;
    }
    assert_int_equal(sum, 1000);
    struct walked stopped = {.stop_after = 7};
    assert_int_equal(cache_walk(reader, CACHE_SET, 0, 1, walked_take, &stopped, &err), -1);
    assert_true(stopped.count == 7 && err.code == ERR_CANCELED);
    struct walked none = {0};
    assert_int_equal(cache_walk(reader, CACHE_BODY, 0, 1, walked_take, &none, &err), 0);
    assert_int_equal(none.count, 0);
    cache_reader_free(reader);
    cache_close(cache);
}

/* A file of the same format by a build that had fewer tables is whole: what it knows is of use. */
static void fewer_tables(void **state) {
    const struct fixture *fixture = *state;
    struct err err = {0};
    struct cache *cache = open_it(fixture, false);
    MDB_env *env = NULL;
    MDB_txn *transaction = NULL;
    MDB_dbi table;
    cache_put(cache, CACHE_LAYER, span_text("a"), span_text("one"));
    assert_int_equal(cache_flush(cache, &err), 0);
    cache_close(cache);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_open(env, fixture->data, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &transaction), 0);
    assert_int_equal(mdb_dbi_open(transaction, cache_table_name(CACHE_REFERENCE), 0, &table), 0);
    assert_int_equal(mdb_drop(transaction, table, 1), 0);
    assert_int_equal(mdb_txn_commit(transaction), 0);
    mdb_env_close(env);
    cache = open_it(fixture, false);
    assert_true(get(cache, CACHE_LAYER, "a", "one"));
    assert_false(get(cache, CACHE_REFERENCE, "a", NULL));
    cache_close(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_is_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(put_and_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(walks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_from_two_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pruning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fewer_tables, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
