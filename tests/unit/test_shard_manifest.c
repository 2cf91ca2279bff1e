#include "shard/shard_manifest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct shard_file files[] = {
    {.part = 0, .rows = 10, .bytes = 1000, .xxh64 = UINT64_C(0x0123456789abcdef)},
    {.part = 1, .rows = 3, .bytes = UINT64_C(5000000000), .xxh64 = UINT64_MAX},
};
static struct span targets[] = {SPAN_LITERAL("registry://localhost:5000"), SPAN_LITERAL("odd \"name\"\n")};
static struct shard_total totals[] = {{SPAN_LITERAL("images"), 1204}, {SPAN_LITERAL("bytes"), UINT64_MAX}};

static struct shard_manifest manifest_make(void) {
    struct shard_manifest manifest = {
        .schema_version = TABLE_SCHEMA_VERSION,
        .sweep_id = SPAN_LITERAL("2024-05-01"),
        .tool_version = SPAN_LITERAL("0.1.0"),
        .rules_digest = SPAN_LITERAL("sha256:00"),
        .feed_version = SPAN_LITERAL("7"),
        .feed_at = 1714521600,
        .started_at = 1714564800,
        .finished_at = 1714564858,
        .targets = targets,
        .target_count = ARRAY_COUNT(targets),
        .totals = totals,
        .total_count = ARRAY_COUNT(totals),
    };
    manifest.tables[TABLE_SECRET] = (struct shard_files){.files = files, .count = 2, .rows = 13};
    return manifest;
}

static void test_round_trip(void **state) {
    (void)state;
    struct arena arena;
    struct err err = {0};
    struct shard_manifest manifest = manifest_make(), back;
    AUTO_BUF struct buf text = {0}, again = {0};
    arena_init(&arena, 0, 0);
    shard_manifest_format(&text, &manifest);
    assert_int_equal(shard_manifest_parse(&arena, buf_span(&text), &back, &err), 0);
    assert_true(span_is(back.targets[1], "odd \"name\"\n"));
    assert_int_equal(back.totals[1].value, UINT64_MAX);
    assert_int_equal(back.finished_at, 1714564858);
    assert_int_equal(back.tables[TABLE_SECRET].rows, 13);
    assert_memory_equal(back.tables[TABLE_SECRET].files, files, sizeof files);
    assert_int_equal(back.tables[TABLE_IMAGE].count, 0);
    shard_manifest_format(&again, &back);
    assert_true(span_equal(buf_span(&text), buf_span(&again)));
    /* Nothing given is null, and comes back as nothing. */
    manifest = (struct shard_manifest){.schema_version = 1};
    buf_reset(&text);
    shard_manifest_format(&text, &manifest);
    assert_int_equal(shard_manifest_parse(&arena, buf_span(&text), &back, &err), 0);
    assert_int_equal(back.feed_version.size, 0);
    assert_int_equal(back.feed_at, 0);
    assert_int_equal(back.target_count, 0);
    arena_release(&arena);
}

/* One replacement in a good manifest, and what becomes of it. */
static void test_bad_members(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        enum err_code code;
    } cases[] = {
        {"secret/part-00000", "../../../etc/passwd-00000", ERR_FORMAT},
        {"secret/part-00001", "secret/part-00002", ERR_FORMAT},
        {"secret/part-00001", "layer/part-00001", ERR_FORMAT},
        {"\"rows\": 13", "\"rows\": 14", ERR_FORMAT},
        {"\"rows\": 3", "\"rows\": -3", ERR_FORMAT},
        {"\"rows\": 3", "\"rows\": 3.5", ERR_FORMAT},
        {"\"rows\": 3", "\"rows\": 18446744073709551615", ERR_FORMAT},
        {"\"rows\": 3", "\"rows\": 18446744073709551616", ERR_FORMAT},
        {"\"rows\": 3", "\"rows\": \"3\"", ERR_FORMAT},
        {"0123456789abcdef", "0123456789abcde", ERR_FORMAT},
        {"0123456789abcdef", "0123456789abcdeg", ERR_FORMAT},
        {"\"schema_version\": 1", "\"schema_version\": 2", ERR_UNSUPPORTED},
        {"\"schema_version\"", "\"schema\"", ERR_FORMAT},
        {"\"started_at\": \"2024", "\"started_at\": \"x024", ERR_FORMAT},
        {"\"sweep_id\": \"2024-05-01\"", "\"sweep_id\": 5", ERR_FORMAT},
        {"\"targets\": [", "\"targets\": [1,", ERR_FORMAT},
        {"\"images\": 1204", "\"images\": null", ERR_FORMAT},
        {"\"totals\"", "\"total\"", ERR_FORMAT},
        {"\"compliance\"", "\"complaint\"", ERR_FORMAT},
        {"\"tables\"", "\"chairs\"", ERR_FORMAT},
        {"{\n", "[{\n", ERR_FORMAT},
        {"\"0.1.0\"", "\"0.1.\xff\"", ERR_FORMAT},
    };
    struct err err = {0};
    struct shard_manifest manifest = manifest_make(), back;
    AUTO_BUF struct buf text = {0};
    shard_manifest_format(&text, &manifest);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf changed = {0};
        struct arena arena;
        size_t at = span_find(buf_span(&text), span_text(cases[i].from), 0);
        assert_true(at != SIZE_MAX);
        buf_add(&changed, span_slice(buf_span(&text), 0, at));
        buf_text(&changed, cases[i].to);
        buf_add(&changed, span_from(buf_span(&text), at + strlen(cases[i].from)));
        arena_init(&arena, 0, 0);
        if (shard_manifest_parse(&arena, buf_span(&changed), &back, &err) == 0)
            fail_msg("accepted: %s", cases[i].to);
        assert_int_equal(err.code, cases[i].code);
        arena_release(&arena);
    }
}

static void test_cut_anywhere(void **state) {
    (void)state;
    struct shard_manifest manifest = manifest_make(), back;
    AUTO_BUF struct buf text = {0};
    shard_manifest_format(&text, &manifest);
    for (size_t size = 0; size + 2 < text.size; size++) {
        struct arena arena;
        struct err err = {0};
        arena_init(&arena, 0, 0);
        assert_int_equal(shard_manifest_parse(&arena, span_slice(buf_span(&text), 0, size), &back, &err), -1);
        arena_release(&arena);
    }
}

static void test_paths(void **state) {
    (void)state;
    char path[SHARD_PATH_SIZE];
    assert_string_equal(shard_path(TABLE_MISCONFIGURATION, UINT32_MAX, path),
                        "misconfiguration/part-4294967295.msgpack.lz4");
    assert_string_equal(shard_path(TABLE_SECRET, 7, path), "secret/part-00007.msgpack.lz4");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_members),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
