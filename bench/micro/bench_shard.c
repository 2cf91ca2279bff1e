/* What the shard writer and reader cost on vulnerability rows, beside bare LZ4 frames of the same bytes.
 *
 *     bench_shard [ROWS] [FOLDER] [MEMORY_MIB] [scattered|sets]        one million rows under /tmp, 256 MiB for sorting
 *
 * Rows come scattered, the worst there is, or with `sets` as a sweep hands them over: package sets in any order,
 * and each set's rows in theirs. Seconds are the processor's, of one thread, so that waiting for a disk or for other
 * work on the machine does not count. Each figure is the best of the rounds, for what disturbs only slows down. */
#include "base/prelude.h"

#include <sys/resource.h>
#include <time.h>

#include "base/limits.h"
#include "base/text.h"
#include "shard/ddl.h"
#include "shard/shard_frame.h"
#include "shard/shard_read.h"
#include "shard/shard_write.h"
#include "tests/support/row_fixture.h"

enum { ROUNDS = 3 };

static void fail(const struct err *err) {
    (void)fprintf(stderr, "bench_shard: %s\n", err->text);
    exit(1);
}

/* What is left of a sweep when its parts are gone. */
static void folder_remove(const char *folder) {
    char path[512];
    for (enum ddl_dialect dialect = 0; dialect < DDL_COUNT; dialect++) {
        (void)snprintf(path, sizeof path, "%s/ddl/%s", folder, ddl_file_name(dialect));
        (void)unlink(path);
    }
    static const char *const names[] = {"ddl", "vulnerability"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)rmdir(path);
    }
    (void)snprintf(path, sizeof path, "%s/.lock", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

static uint64_t cpu_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

enum { SET_ROWS = 400 }; /* support_vulnerability() makes sets of these */

/* The row that comes `at`-th: each of `count` once. */
static uint64_t arrival_number(uint64_t at, uint64_t count, bool sets) {
    uint64_t whole = count / SET_ROWS;
    if (!sets)
        return at * 7919 % count;
    if (at >= whole * SET_ROWS)
        return at;
    return at / SET_ROWS * 7919 % whole * SET_ROWS + at % SET_ROWS;
}

static double seconds_since(uint64_t begin_ns) { return (double)(cpu_ns() - begin_ns) / 1e9; }

static void best(double *seconds, double now) {
    if (*seconds <= 0 || now < *seconds)
        *seconds = now;
}

static uint64_t number_argument(int argc, char **argv, int index, uint64_t value) {
    if (argc > index && !text_u64(span_text(argv[index]), 10, UINT32_MAX, &value)) {
        (void)fprintf(stderr, "usage: bench_shard [ROWS] [FOLDER] [MEMORY_MIB] [scattered|sets]\n");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv) {
    uint64_t count = number_argument(argc, argv, 1, 1000000);
    const char *base = argc > 2 ? argv[2] : "/tmp";
    uint64_t memory_mib = number_argument(argc, argv, 3, 256);
    bool arrival = argc > 4 && strcmp(argv[4], "sets") == 0;
    double make_s = 0, add_s = 0, write_s = 0, read_s = 0, verify_s = 0, encode_s = 0, decode_s = 0;
    uint64_t row_bytes = 0, file_bytes = 0, rows = 0;
    struct err err = {0};
    struct row row;
    row_init(&row);
    for (int round = 0; round < ROUNDS; round++) {
        char folder[256];
        (void)snprintf(folder, sizeof folder, "%s/trawl-bench-XXXXXX", base);
        if (mkdtemp(folder) == NULL)
            exit(1);
        struct shard_set *set = NULL;
        struct shard_totals totals;
        const struct shard_options options = {.memory_bytes = memory_mib * LIMIT_MIB};
        uint64_t begin = cpu_ns();
        for (uint64_t i = 0; i < count; i++)
            support_vulnerability(&row, arrival_number(i, count, arrival));
        best(&make_s, seconds_since(begin));
        if (shard_set_open(folder, &options, &set, &err) < 0)
            fail(&err);
        begin = cpu_ns();
        for (uint64_t i = 0; i < count; i++) {
            support_vulnerability(&row, arrival_number(i, count, arrival));
            if (shard_add(set, &row, &err) < 0)
                fail(&err);
        }
        best(&add_s, seconds_since(begin));
        if (shard_set_finish(set, &totals, &err) < 0)
            fail(&err);
        best(&write_s, seconds_since(begin));
        const struct shard_files *files = &totals.tables[TABLE_VULNERABILITY];
        struct shard_manifest manifest = {0};
        manifest.tables[TABLE_VULNERABILITY] = *files;
        file_bytes = totals.bytes;
        rows = totals.rows;
        struct buf plain = {0}, packed = {0};
        begin = cpu_ns();
        struct shard_table reader;
        struct row_view view;
        shard_table_init(&reader, folder, &manifest, TABLE_VULNERABILITY);
        row_bytes = 0;
        while (shard_table_next(&reader, &view, &err) > 0)
            row_bytes += view.bytes.size;
        best(&read_s, seconds_since(begin));
        shard_table_release(&reader);
        begin = cpu_ns();
        for (size_t i = 0; i < files->count; i++) {
            if (shard_file_verify(folder, TABLE_VULNERABILITY, &files->files[i], &err) < 0)
                fail(&err);
        }
        best(&verify_s, seconds_since(begin));
        /* Bare LZ4 over the same bytes in the same frames. */
        shard_table_init(&reader, folder, &manifest, TABLE_VULNERABILITY);
        while (shard_table_next(&reader, &view, &err) > 0)
            buf_add(&plain, view.bytes);
        shard_table_release(&reader);
        begin = cpu_ns();
        for (struct span rest = buf_span(&plain); rest.size > 0; rest = span_from(rest, LIMIT_MIB)) {
            if (frame_encode(&packed, span_slice(rest, 0, LIMIT_MIB), &err) < 0)
                fail(&err);
        }
        best(&encode_s, seconds_since(begin));
        struct frame_reader *frames = NULL;
        struct span content;
        begin = cpu_ns();
        if (frame_reader_new(-1, buf_span(&packed), "bench", &frames, &err) < 0)
            fail(&err);
        while (frame_next(frames, &content, &err) > 0) {
        }
        best(&decode_s, seconds_since(begin));
        frame_reader_free(frames);
        buf_release(&plain);
        buf_release(&packed);
        for (size_t i = 0; i < files->count; i++) {
            char path[SHARD_PATH_SIZE], whole[512];
            (void)snprintf(whole, sizeof whole, "%s/%s", folder,
                           shard_path(TABLE_VULNERABILITY, files->files[i].part, path));
            (void)unlink(whole);
        }
        shard_set_free(set);
        folder_remove(folder);
    }
    row_release(&row);
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    double gb = (double)row_bytes / 1e9;
    (void)printf("rows           %" PRIu64 " written, %.0f bytes each, %.2f GB, packed %.1f %%\n", rows,
                 (double)row_bytes / (double)rows, gb, 100 * (double)file_bytes / (double)row_bytes);
    (void)printf("make rows      %6.2f s  %8.0f rows/s (of the bench, part of the next two)\n", make_s,
                 (double)count / make_s);
    (void)printf("add            %6.2f s  %8.0f rows/s\n", add_s - make_s, (double)count / (add_s - make_s));
    (void)printf("add and finish %6.2f s  %8.0f rows/s  %5.2f GB/s  (sorted, packed, synced)\n", write_s - make_s,
                 (double)count / (write_s - make_s), gb / (write_s - make_s));
    (void)printf("read           %6.2f s  %8.0f rows/s  %5.2f GB/s\n", read_s, (double)rows / read_s, gb / read_s);
    (void)printf("verify         %6.2f s  %8.0f rows/s  %5.2f GB/s\n", verify_s, (double)rows / verify_s,
                 gb / verify_s);
    (void)printf("bare lz4 pack  %6.2f s  %5.2f GB/s   writing takes %.1f times as long\n", encode_s, gb / encode_s,
                 (write_s - make_s) / encode_s);
    (void)printf("bare lz4 open  %6.2f s  %5.2f GB/s   reading takes %.1f times as long\n", decode_s, gb / decode_s,
                 read_s / decode_s);
    (void)printf("peak resident  %ld MiB (with a copy of all rows for bare lz4)\n", usage.ru_maxrss / 1024);
    return 0;
}
