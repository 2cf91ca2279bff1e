/* sweep_make FOLDER [ROWS] [MEMORY_BYTES] [PART_BYTES]: a finished sweep of made-up rows in every table, for the
 * scripts that test what reads one. The same arguments but for memory give the same bytes. */
#include "base/prelude.h"

#include "base/text.h"
#include "shard/shard_write.h"
#include "tests/support/row_fixture.h"

static int sweep_make(const char *folder, uint64_t rows, const struct shard_options *options, struct err *err) {
    AUTO_SHARD_SET struct shard_set *set = NULL;
    AUTO(row_release) struct row row;
    row_init(&row);
    if (shard_set_open(folder, options, &set, err) < 0)
        return -1;
    for (uint64_t i = 0; i < rows; i++) {
        for (enum table table = 0; table < TABLE_COUNT; table++) {
            if (table == TABLE_VULNERABILITY)
                support_vulnerability(&row, i);
            else
                support_row(&row, table, i, 1000);
            if (shard_add(set, &row, err) < 0)
                return -1;
        }
    }
    struct shard_totals totals;
    if (shard_set_finish(set, &totals, err) < 0)
        return -1;
    struct span targets[] = {SPAN_LITERAL("registry://localhost:5000")};
    struct shard_total numbers[] = {{SPAN_LITERAL("duplicates"), totals.duplicates},
                                    {SPAN_LITERAL("rows"), totals.rows}};
    struct shard_manifest manifest = {
        .schema_version = TABLE_SCHEMA_VERSION,
        .sweep_id = SPAN_LITERAL("2024-05-01"),
        .tool_version = SPAN_LITERAL("test"),
        .started_at = 1714564800,
        .finished_at = 1714564858,
        .targets = targets,
        .target_count = ARRAY_COUNT(targets),
        .totals = numbers,
        .total_count = ARRAY_COUNT(numbers),
    };
    memcpy(manifest.tables, totals.tables, sizeof manifest.tables);
    return shard_manifest_write(folder, &manifest, err);
}

int main(int argc, char **argv) {
    uint64_t numbers[3] = {100, 0, 0};
    struct err err = {0};
    bool usage = argc < 2 || argc > 5;
    for (int i = 2; i < argc && !usage; i++)
        usage = !text_u64(span_text(argv[i]), 10, UINT32_MAX, &numbers[i - 2]);
    if (usage) {
        (void)fprintf(stderr, "usage: sweep_make FOLDER [ROWS] [MEMORY_BYTES] [PART_BYTES]\n");
        return 2;
    }
    const struct shard_options options = {.memory_bytes = numbers[1], .part_bytes_max = numbers[2]};
    if (sweep_make(argv[1], numbers[0], &options, &err) < 0) {
        (void)fprintf(stderr, "sweep_make: %s\n", err.text);
        return 1;
    }
    return 0;
}
