/* What one core can do with these layers, step by step: the roofline that `make bench` holds the sweep against.
 *
 *     bench_roofline REPEATS LAYER…
 *
 * Loads and unpacks all layers (gzip or zstd tars) into memory, then times each step of a scan alone over all of them:
 * the median of REPEATS runs, in GB/s of unpacked bytes. The last line, "roofline SECONDS BYTES", is the sum of the
 * steps that a sweep does. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash/digest.h"
#include "base/hash/xxh.h"
#include "base/vec.h"
#include "io/archive/tar.h"
#include "io/codec/codec.h"
#include "io/file/file.h"
#include "matchers/classify/classify.h"
#include "matchers/secret/secret_engine.h"

struct body {
    struct span path, bytes;
};

struct layers {
    VEC(struct buf) packed;
    VEC(struct buf) unpacked;
    VEC(struct body) bodies;
    uint64_t packed_bytes, unpacked_bytes, body_bytes, entry_count;
    struct arena arena;
    struct span at; /* the layer that is being listed */
    struct classify *classify;
    struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct hash_key key;
    struct codec *codec;
    struct tar *tar;
    uint64_t sink; /* keeps results alive */
    struct err err;
};

static void must(bool ok, const struct layers *layers, const char *what) {
    if (ok)
        return;
    (void)fprintf(stderr, "bench_roofline: %s: %s\n", what, layers->err.text);
    exit(1);
}

/* ---- loading ---- */

static int unpack_keep(void *context, struct span piece, struct err *err) {
    struct buf *buf = context;
    buf_add(buf, piece);
    return buf->failed ? err_set(err, ERR_NOMEM, 0, "out of memory") : 0;
}

static int list_entry(void *context, const struct tar_entry *entry, struct err *err) {
    struct layers *layers = context;
    (void)err;
    layers->entry_count++;
    if (entry->kind != TAR_FILE || entry->sparse || entry->stored_bytes == 0 || entry->whiteout != TAR_WHITEOUT_NONE)
        return TAR_SKIP;
    struct body body = {arena_copy(&layers->arena, entry->path),
                        span_slice(layers->at, (size_t)entry->data_offset, (size_t)entry->stored_bytes)};
    must(body.path.data != NULL && vec_push(&layers->bodies, body), layers, "out of memory");
    layers->body_bytes += body.bytes.size;
    return TAR_SKIP;
}

static int count_entry(void *context, const struct tar_entry *entry, struct err *err) {
    (void)err;
    ((struct layers *)context)->sink += entry->stored_bytes;
    return 0;
}

static int count_data(void *context, struct span piece, struct err *err) {
    (void)err;
    ((struct layers *)context)->sink += piece.size;
    return 0;
}

static int nothing(void *context, struct err *err) {
    (void)context;
    (void)err;
    return 0;
}

static int problem(void *context, const struct err *what, struct span path, uint64_t offset, struct err *err) {
    (void)context;
    (void)what;
    (void)path;
    (void)offset;
    (void)err;
    return 0;
}

static const struct tar_handler list_events = {list_entry, count_data, nothing, problem};
static const struct tar_handler walk_events = {count_entry, count_data, nothing, problem};

static void layer_load(struct layers *layers, const char *path) {
    struct buf packed, unpacked;
    buf_init(&packed, 0);
    buf_init(&unpacked, 0);
    must(file_read(path, &packed, &layers->err) == 0, layers, path);
    codec_begin(layers->codec, NULL);
    must(codec_push(layers->codec, buf_span(&packed), unpack_keep, &unpacked, &layers->err) == 0 &&
             codec_finish(layers->codec, unpack_keep, &unpacked, &layers->err) == 0,
         layers, path);
    must(vec_push(&layers->packed, packed) && vec_push(&layers->unpacked, unpacked), layers, "out of memory");
    layers->packed_bytes += packed.size;
    layers->unpacked_bytes += unpacked.size;
    layers->at = buf_span(&unpacked);
    tar_begin(layers->tar, NULL, &list_events, layers);
    must(tar_push(layers->tar, layers->at, &layers->err) == 0, layers, path);
}

/* ---- the steps ---- */

static int unpack_drop(void *context, struct span piece, struct err *err) {
    (void)err;
    ((struct layers *)context)->sink += piece.size;
    return 0;
}

static void step_inflate(struct layers *layers) {
    for (size_t i = 0; i < layers->packed.count; i++) {
        codec_begin(layers->codec, NULL);
        (void)codec_push(layers->codec, buf_span(&layers->packed.data[i]), unpack_drop, layers, &layers->err);
        (void)codec_finish(layers->codec, unpack_drop, layers, &layers->err);
    }
}

static void step_digest(struct layers *layers) {
    for (size_t i = 0; i < layers->packed.count; i++) {
        struct digest digest = {0};
        (void)digest_of(DIGEST_SHA256, buf_span(&layers->packed.data[i]), &digest, &layers->err);
        layers->sink += digest.bytes[0];
    }
}

static void step_walk(struct layers *layers) {
    for (size_t i = 0; i < layers->unpacked.count; i++) {
        tar_begin(layers->tar, NULL, &walk_events, layers);
        (void)tar_push(layers->tar, buf_span(&layers->unpacked.data[i]), &layers->err);
    }
}

static void step_hash(struct layers *layers) {
    for (size_t i = 0; i < layers->bodies.count; i++)
        layers->sink += body_hash_once(&layers->key, layers->bodies.data[i].bytes).low;
}

static void step_literals(struct layers *layers) {
    for (size_t i = 0; i < layers->bodies.count; i++) {
        uint64_t hits = 0;
        (void)secret_scan_literals(layers->engine, layers->scratch, layers->bodies.data[i].bytes, &hits, &layers->err);
        layers->sink += hits;
    }
}

static int on_hit(void *context, const struct secret_hit *hit) {
    ((struct layers *)context)->sink += hit->length;
    return 0;
}

static void step_secrets(struct layers *layers) {
    for (size_t i = 0; i < layers->bodies.count; i++) {
        struct secret_outcome outcome;
        struct secret_input input = {.body = layers->bodies.data[i].bytes, .path = layers->bodies.data[i].path};
        (void)secret_scan(layers->engine, layers->scratch, &input, on_hit, layers, &outcome, &layers->err);
    }
}

static int on_package(void *context, const struct package *package, struct err *err) {
    (void)err;
    ((struct layers *)context)->sink += package->name.size;
    return 0;
}

static void step_packages(struct layers *layers) {
    struct arena scratch;
    arena_init(&scratch, 0, 0);
    for (size_t i = 0; i < layers->bodies.count; i++) {
        struct classify_set wants = classify_path(layers->classify, layers->bodies.data[i].path);
        enum cataloguer_id id;
        struct catalogue_input input = {.path = layers->bodies.data[i].path, .body = layers->bodies.data[i].bytes};
        while (classify_set_take(&wants, &id)) {
            arena_reset(&scratch);
            (void)catalogue_file(id, &input, &scratch, on_package, layers, &layers->err);
        }
    }
    arena_release(&scratch);
}

static int time_order(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

#define REPEATS_MAX 99

/* Seconds: the median. */
static double step_time(struct layers *layers, const char *name, void (*step)(struct layers *), size_t repeats) {
    uint64_t times[REPEATS_MAX];
    step(layers); /* warm */
    for (size_t i = 0; i < repeats; i++) {
        uint64_t begin = clock_ns();
        step(layers);
        times[i] = clock_ns() - begin;
    }
    qsort(times, repeats, sizeof times[0], time_order);
    double seconds = (double)times[repeats / 2] / 1e9;
    (void)printf("  %-34s %7.2f GB/s  %8.4f s\n", name, (double)layers->unpacked_bytes / seconds / 1e9, seconds);
    return seconds;
}

int main(int argc, char **argv) {
    struct layers layers = {0};
    size_t repeats = argc > 1 ? (size_t)(argv[1][0] - '0') : 0;
    if (argc < 3 || repeats < 1 || repeats > 9) {
        (void)fprintf(stderr, "usage: bench_roofline REPEATS(1-9) LAYER…\n");
        return 2;
    }
    struct secret_rules *rules = NULL;
    arena_init(&layers.arena, 0, 0);
    layers.classify = mem_alloc(sizeof *layers.classify);
    must(layers.classify != NULL, &layers, "out of memory");
    classify_init(layers.classify);
    must(hash_key_random(&layers.key, &layers.err) == 0 && codec_new(&layers.codec, &layers.err) == 0 &&
             tar_new(&layers.tar, &layers.err) == 0 && secret_rules_load(true, NULL, 0, &rules, &layers.err) == 0 &&
             secret_engine_new(rules, span_text("bench"), &layers.engine, &layers.err) == 0 &&
             secret_scratch_new(layers.engine, &layers.scratch, &layers.err) == 0,
         &layers, "set-up");
    for (int i = 2; i < argc; i++)
        layer_load(&layers, argv[i]);
    (void)printf("%d layers, %.1f MB packed, %.1f MB unpacked, %" PRIu64
                 " entries, %zu bodies of %.1f MB; one core, median of %zu\n",
                 argc - 2, (double)layers.packed_bytes / 1e6, (double)layers.unpacked_bytes / 1e6, layers.entry_count,
                 layers.bodies.count, (double)layers.body_bytes / 1e6, repeats);
    double sum = 0;
    sum += step_time(&layers, "inflate (gzip, zstd)", step_inflate, repeats);
    sum += step_time(&layers, "SHA-256 of the packed bytes", step_digest, repeats);
    sum += step_time(&layers, "tar walk", step_walk, repeats);
    sum += step_time(&layers, "XXH3-128 of the bodies", step_hash, repeats);
    (void)step_time(&layers, "(literal search alone)", step_literals, repeats);
    sum += step_time(&layers, "secret search, literals and rules", step_secrets, repeats);
    sum += step_time(&layers, "classify and catalogue", step_packages, repeats);
    (void)printf("roofline %.6f %" PRIu64 "\n", sum, layers.unpacked_bytes);
    secret_scratch_free(layers.scratch);
    secret_engine_free(layers.engine);
    secret_rules_free(rules);
    return layers.sink == 1; /* never, but the compiler cannot know */
}
