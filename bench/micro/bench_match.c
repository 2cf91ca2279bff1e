/* A real database: ranges tested per second by each twin on its columns, in cache and out of it, and the time that an
 * image of a thousand packages takes to match. Prints medians of seven runs.   usage: bench_match DATABASE */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "io/file/file.h"
#include "matchers/vuln/vuln_match.h"

enum { RUNS = 7, PACKAGES = 1000, IN_CACHE = 4096, COPIES = 32 };

static int compare_u64(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Ranges per second, with a key out of the columns themselves in each round. */
static double measure(range_candidates_fn test, const uint64_t *lower, const uint64_t *upper, size_t count,
                      uint64_t *mask, uint64_t *sum) {
    uint64_t times[RUNS];
    size_t rounds = 100000000 / count + 1;
    for (size_t run = 0; run < RUNS; run++) {
        uint64_t start_ns = clock_ns();
        for (size_t i = 0; i < rounds; i++) {
            test(lower, upper, count, upper[i * 7919 % count], mask);
            *sum += mask[i % ((count + 63) / 64)];
        }
        times[run] = clock_ns() - start_ns;
    }
    qsort(times, RUNS, sizeof *times, compare_u64);
    return (double)rounds * (double)count / ((double)times[RUNS / 2] / 1e9);
}

/* The database's columns, over and over until they fill no cache. */
static uint64_t *column_repeat(struct span column, size_t count, size_t copies) {
    uint64_t *all = mem_array(count * copies, sizeof *all);
    for (size_t i = 0; all != NULL && i < copies; i++)
        memcpy(all + i * count, column.data, count * sizeof *all);
    return all;
}

static int ranges_bench(const struct vuln_db *db) {
    size_t count = db->range_count;
    AUTO_FREE uint64_t *lower = column_repeat(db->section[VULN_SECTION_LOWER], count, COPIES);
    AUTO_FREE uint64_t *upper = column_repeat(db->section[VULN_SECTION_UPPER], count, COPIES);
    AUTO_FREE uint64_t *mask = mem_array((count * COPIES + 63) / 64, sizeof *mask);
    size_t sizes[] = {count < IN_CACHE ? count : IN_CACHE, count * COPIES};
    uint64_t sum = 0;
    if (lower == NULL || upper == NULL || mask == NULL)
        return 1;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        double scalar = 0;
        for (enum cpu_level level = CPU_SCALAR; level <= cpu_level_best(); level++) {
            double rate = measure(range_candidates_for(level), lower, upper, sizes[i], mask, &sum);
            scalar = level == CPU_SCALAR ? rate : scalar;
            (void)printf("%-8s %10zu ranges %s %8.0f million/s %6.1f times scalar\n", cpu_level_name(level), sizes[i],
                         i == 0 ? "in cache    " : "out of cache", rate / 1e6, rate / scalar);
        }
    }
    (void)printf("sum %" PRIx64 "\n", sum);
    return 0;
}

struct package {
    struct span ecosystem, name, version;
};

/* As many names of one world as asked for, spread over all that it has, each with a version that an advisory names: so
 * more of them are hit than in an image. */
static size_t packages_take(const struct vuln_db *db, const char *ecosystem, size_t most, struct package *packages) {
    size_t found = 0;
    size_t taken = 0;
    for (size_t turn = 0; turn < 2; turn++) {
        size_t every = found / most + 1;
        found = 0;
        for (size_t i = 0; i < db->name_count; i++) {
            struct vuln_name name;
            struct vuln_range range;
            if (vuln_db_name(db, i, &name, NULL) < 0)
                continue;
            struct span rest = name.key;
            struct span world = text_cut(&rest, 0);
            if (!text_equal_nocase(world, span_text(ecosystem)) || name.keyed_count == 0 ||
                !vuln_db_range(db, name.keyed_first, &range) || range.upper_text.size == 0)
                continue;
            if (turn == 1 && found % every == 0 && taken < most)
                packages[taken++] = (struct package){world, rest, range.upper_text};
            found++;
        }
    }
    return taken;
}

static int match_count(void *context, const struct vuln_match *match, struct err *err) {
    (void)match;
    (void)err;
    (*(size_t *)context)++;
    return 0;
}

static int match_bench(const struct vuln_db *db) {
    AUTO_FREE struct package *packages = mem_array(PACKAGES, sizeof *packages);
    uint64_t times[RUNS];
    size_t matches = 0;
    if (packages == NULL)
        return 1;
    size_t count = packages_take(db, "Debian:11", 400, packages);
    count += packages_take(db, "npm", PACKAGES - count, packages + count);
    for (size_t run = 0; run < RUNS; run++) {
        uint64_t start_ns = clock_ns();
        matches = 0;
        for (size_t i = 0; i < count; i++) {
            struct vuln_query query = {packages[i].ecosystem, packages[i].name, packages[i].version, false};
            struct err err = {0};
            if (vuln_match(db, &query, match_count, &matches, &err) < 0)
                return 1;
        }
        times[run] = clock_ns() - start_ns;
    }
    qsort(times, RUNS, sizeof *times, compare_u64);
    (void)printf("%zu packages, %zu matches, %.3f ms on one core\n", count, matches, (double)times[RUNS / 2] / 1e6);
    return 0;
}

int main(int argc, char **argv) {
    struct file_map map = {{NULL, 0}};
    struct vuln_db db;
    struct err err = {0};
    uint64_t times[RUNS];
    if (argc != 2 || file_map_open(argv[1], &map, &err) < 0) {
        (void)fprintf(stderr, "usage: bench_match DATABASE %s\n", err.text);
        return 2;
    }
    int result = 0;
    for (size_t run = 0; run < RUNS && result == 0; run++) {
        uint64_t start_ns = clock_ns();
        result = vuln_db_open(map.bytes, cpu_level_best(), &db, &err);
        times[run] = clock_ns() - start_ns;
    }
    if (result < 0) {
        (void)fprintf(stderr, "%s: %s\n", argv[1], err.text);
        file_map_close(&map);
        return 1;
    }
    qsort(times, RUNS, sizeof *times, compare_u64);
    (void)printf("opened in %.1f us: %zu advisories, %zu packages, %zu ranges\n", (double)times[RUNS / 2] / 1e3,
                 db.advisory_count, db.name_count, db.range_count);
    result = ranges_bench(&db);
    if (result == 0)
        result = match_bench(&db);
    file_map_close(&map);
    return result;
}
