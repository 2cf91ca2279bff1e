/* bench_unpack FILE: each step of unpacking a layer alone, on the same bytes. FILE is a gzip, zstd or plain tar. The
 * file is unpacked to memory first; then gzip (the file itself where it is gzip, else packed anew), zstd and the tar
 * walk are timed. One line each: step, unpacked bytes, seconds (the median of five), GB/s of unpacked bytes. */
#include "base/buf.h"
#include "base/clock.h"
#include "io/archive/tar.h"
#include "io/codec/codec.h"
#include "io/file/file.h"
#include "tests/support/pack.h"

enum { RUNS = 5 };
#define PUSH_BYTES ((size_t)64 * 1024)

static int add(void *context, struct span piece, struct err *err) {
    buf_add(context, piece);
    return ((struct buf *)context)->failed ? err_set(err, ERR_NOMEM, 0, "out of memory") : 0;
}

static int count_bytes(void *context, struct span piece, struct err *err) {
    (void)err;
    *(uint64_t *)context += piece.size;
    return 0;
}

static int run_codec(struct span bytes, codec_output_fn output, void *context, struct err *err) {
    AUTO_CODEC struct codec *codec = NULL;
    if (codec_new(&codec, err) < 0)
        return -1;
    for (size_t at = 0; at < bytes.size; at += PUSH_BYTES)
        if (codec_push(codec, span_slice(bytes, at, PUSH_BYTES), output, context, err) < 0)
            return -1;
    return codec_finish(codec, output, context, err);
}

static int codec_once(struct span bytes, uint64_t *count, struct err *err) {
    return run_codec(bytes, count_bytes, count, err);
}

static int entry_count(void *context, const struct tar_entry *entry, struct err *err) {
    (void)context;
    (void)entry;
    (void)err;
    return 0;
}

static int tar_once(struct span bytes, uint64_t *count, struct err *err) {
    static const struct tar_handler handler = {.entry = entry_count, .data = count_bytes};
    AUTO_TAR struct tar *tar = NULL;
    uint64_t body_bytes = 0;
    if (tar_new(&tar, err) < 0)
        return -1;
    tar_begin(tar, NULL, &handler, &body_bytes);
    for (size_t at = 0; at < bytes.size; at += CODEC_PIECE_BYTES)
        if (tar_push(tar, span_slice(bytes, at, CODEC_PIECE_BYTES), err) < 0)
            return -1;
    *count += bytes.size;
    return tar_finish(tar, err);
}

static int compare_u64(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static int measure(const char *name, int (*once)(struct span, uint64_t *, struct err *), struct span bytes,
                   struct err *err) {
    uint64_t times_ns[RUNS], count = 0;
    for (size_t i = 0; i < RUNS; i++) {
        count = 0;
        uint64_t start_ns = clock_ns();
        if (once(bytes, &count, err) < 0)
            return -1;
        times_ns[i] = clock_ns() - start_ns;
    }
    qsort(times_ns, RUNS, sizeof times_ns[0], compare_u64);
    double seconds = (double)times_ns[RUNS / 2] / 1e9;
    (void)printf("%-5s %12" PRIu64 " bytes %9.4f s %7.2f GB/s\n", name, count, seconds, (double)count / seconds / 1e9);
    return 0;
}

static int bench(const char *path, struct err *err) {
    AUTO_BUF struct buf file = {0}, tar = {0}, gzip = {0}, zstd = {0};
    if (file_read(path, &file, err) < 0 || run_codec(buf_span(&file), add, &tar, err) < 0)
        return -1;
    bool is_gzip = file.size > 2 && file.data[0] == 0x1F && file.data[1] == 0x8B;
    if (!is_gzip)
        pack_gzip(&gzip, buf_span(&tar), NULL);
    pack_zstd(&zstd, buf_span(&tar), 0);
    if (measure("gzip", codec_once, buf_span(is_gzip ? &file : &gzip), err) < 0 ||
        measure("zstd", codec_once, buf_span(&zstd), err) < 0)
        return -1;
    return measure("tar", tar_once, buf_span(&tar), err);
}

int main(int argc, char **argv) {
    struct err err;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: bench_unpack FILE (a gzip, zstd or plain tar)\n");
        return 2;
    }
    if (bench(argv[1], &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return 0;
}
