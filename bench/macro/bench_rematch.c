/* Fills a cache with made-up images whose package sets are mixed from those of a real sweep's cache, for `trawl
 * rematch`:
 *
 *     bench_rematch REAL-CACHE NEW-CACHE SETS PACKAGES SEED     prints "sets packages distinct"
 *
 * Each set begins as a real one, on that one's distribution, loses what is beyond PACKAGES and is filled up with
 * packages of other real sets of the same distribution, then of any language. One package in 20 has a version of its
 * own among 50, as fleets have the same package in many builds. Every set has one image with a tag. */
#include "base/limits.h"
#include "base/map.h"
#include "base/model/purl.h"
#include "base/text.h"
#include "base/vec.h"
#include "engine/image/layer_pack.h"
#include "engine/pipeline/image_rows.h"
#include "engine/pipeline/profile.h"
#include "engine/pipeline/reference_store.h"
#include "io/cache/cache.h"

struct real_package {
    struct package package;
    struct digest layer;
};

struct real_set {
    struct distro distro;
    struct span path;
    struct digest layer;
    VEC(struct real_package) packages;
};

struct generator {
    struct arena arena;
    VEC(struct real_set) sets;
    uint64_t seed;
    struct map distinct;
    struct buf packed, purl;
};

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int set_load(void *context, struct span key, struct span value, struct err *err) {
    struct generator *generator = context;
    struct span kept = arena_copy(&generator->arena, value);
    struct reader reader = reader_init(kept);
    struct real_set set = {.packages = {0}};
    (void)key;
    if (kept.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    if (read_le64(&reader) != profile_analyser().low)
        return 0;
    distro_unpack(&reader, &set.distro);
    set.path = text_unpack(&reader);
    if (!digest_unpack(&reader, &set.layer))
        return 0;
    for (uint32_t left = read_le32(&reader); left > 0 && !reader.failed; left--) {
        struct real_package real;
        (void)text_unpack(&reader);
        if (!digest_unpack(&reader, &real.layer))
            break;
        (void)text_unpack(&reader); /* the owner's purl */
        (void)read_u8(&reader);
        if (!package_unpack(&reader, &real.package))
            break;
        if (!vec_push(&set.packages, real))
            return err_set(err, ERR_NOMEM, 0, "out of memory");
    }
    return set.packages.count == 0 || vec_push(&generator->sets, set) ? 0 : err_set(err, ERR_NOMEM, 0, "out of memory");
}

static bool is_system(const struct package *package) {
    return package->type == PACKAGE_DEB || package->type == PACKAGE_APK || package->type == PACKAGE_RPM;
}

static const struct real_package *package_pick(struct generator *generator, const struct real_set *base, size_t index) {
    if (index < base->packages.count)
        return &base->packages.data[index];
    for (size_t attempt = 0; attempt < 64; attempt++) {
        const struct real_set *other = &generator->sets.data[next_random(&generator->seed) % generator->sets.count];
        const struct real_package *pick = &other->packages.data[next_random(&generator->seed) % other->packages.count];
        if (!is_system(&pick->package) || span_equal(other->distro.id, base->distro.id))
            return pick;
    }
    return &base->packages.data[next_random(&generator->seed) % base->packages.count];
}

static bool set_make(struct generator *generator, size_t packages) {
    const struct real_set *base = &generator->sets.data[next_random(&generator->seed) % generator->sets.count];
    struct buf *packed = &generator->packed;
    buf_reset(packed);
    buf_le64(packed, profile_analyser().low);
    distro_pack(&base->distro, packed);
    text_pack(base->path, packed);
    digest_pack(&base->layer, packed);
    buf_le32(packed, (uint32_t)packages);
    for (size_t i = 0; i < packages; i++) {
        const struct real_package *pick = package_pick(generator, base, i);
        struct package package = pick->package;
        char version[160];
        if (next_random(&generator->seed) % 20 == 0 && package.version.size < 128) {
            (void)snprintf(version, sizeof version, "%.*s.%u", SPAN_FORMAT(package.version),
                           (unsigned)(next_random(&generator->seed) % 50));
            package.version = span_text(version);
            package.source_version = (struct span){NULL, 0};
        }
        buf_reset(&generator->purl);
        purl_make(&package, &base->distro, &generator->purl);
        struct span purl = buf_span(&generator->purl);
        if (map_get(&generator->distinct, purl) == NULL) {
            struct span kept = arena_copy(&generator->arena, purl);
            void **place = kept.data == NULL ? NULL : map_put(&generator->distinct, kept, NULL);
            if (place == NULL)
                return false;
            *place = generator;
        }
        text_pack(purl, packed);
        digest_pack(&pick->layer, packed);
        text_pack((struct span){NULL, 0}, packed);
        buf_byte(packed, 0);
        package_pack(&package, packed);
    }
    return !packed->failed;
}

static void image_row_make(struct row *row, struct span reference, struct span set, const char *digest) {
    struct span nothing = {NULL, 0};
    row_begin(row, TABLE_IMAGE, nothing);
    row_text(row, reference);
    row_text(row, span_text("bench.example"));
    row_text(row, nothing);
    row_text_or_nil(row, nothing);
    row_text(row, span_text(digest));
    row_text(row, span_text("registry"));
    row_text(row, span_text("application/vnd.oci.image.manifest.v1+json"));
    row_text(row, span_text("linux"));
    row_text(row, span_text("amd64"));
    row_text(row, nothing);
    row_text(row, span_text(digest));
    row_nil(row);
    row_text(row, nothing);
    row_u64(row, 5);
    row_u64(row, 100000000);
    row_u64(row, 300000000);
    row_text(row, set);
    row_nil(row);
    row_map(row, NULL, 0);
    row_text(row, span_text("done"));
    row_text(row, nothing);
    row_time(row, 0);
}

/* The set, the image that has it, and the tag that leads there. */
static int image_put(struct generator *generator, struct cache *cache, struct image_rows *rows, struct row *row,
                     size_t index, struct err *err) {
    static const struct hash128 profile = {1, 2};
    char reference[64], id[33], text[DIGEST_TEXT_SIZE];
    struct digest digest;
    struct buf tag;
    uint8_t key[32 + sizeof profile];
    (void)snprintf(reference, sizeof reference, "bench.example/team-%zu/app-%zu:1", index % 400, index);
    if (digest_of(DIGEST_SHA256, span_text(reference), &digest, err) < 0)
        return -1;
    (void)digest_text(&digest, text);
    (void)snprintf(id, sizeof id, "%.32s", text + strlen("sha256:"));
    memcpy(key, id, 32);
    memcpy(key + 32, &profile, sizeof profile);
    cache_put(cache, CACHE_SET, span_make(key, sizeof key), buf_span(&generator->packed));
    image_rows_begin(rows, span_text(id));
    image_row_make(row, span_text(reference), span_text(id), text);
    if (row_end(row, err) < 0)
        return -1;
    image_rows_end(rows, row);
    struct profile_key image = profile_key(&digest, &profile);
    cache_put(cache, CACHE_COMPOSITION, profile_key_span(&image), buf_span(&rows->bytes));
    struct kept_reference kept = {.text = span_text(reference),
                                  .registry = span_text("bench.example"),
                                  .repository = span_text(reference),
                                  .kind = span_text("registry"),
                                  .digest = digest};
    buf_init(&tag, 0);
    references_begin(&tag);
    reference_pack(&kept, &tag);
    struct hash128 hash = references_key(cache, kept.registry, kept.repository, kept.text);
    cache_put(cache, CACHE_REFERENCE, span_make(&hash, sizeof hash), buf_span(&tag));
    buf_release(&tag);
    return 0;
}

static int fill(struct generator *generator, const char *folder, size_t sets, size_t packages, struct err *err) {
    AUTO_CACHE struct cache *cache = NULL;
    struct image_rows rows = {.open = false};
    struct row row;
    bool aside = false;
    int result = 0;
    if (cache_open(folder, &(struct cache_options){.private_use = true}, &cache, &aside, err) < 0)
        return -1;
    buf_init(&rows.bytes, 0);
    row_init(&row);
    for (size_t i = 0; i < sets && result == 0; i++) {
        result = set_make(generator, packages) ? 0 : err_set(err, ERR_NOMEM, 0, "out of memory");
        if (result == 0)
            result = image_put(generator, cache, &rows, &row, i, err);
    }
    buf_release(&rows.bytes);
    row_release(&row);
    return result < 0 ? -1 : cache_flush(cache, err);
}

static int generate(struct generator *generator, const char *real, const char *folder, size_t sets, size_t packages,
                    struct err *err) {
    AUTO_CACHE struct cache *cache = NULL;
    struct cache_reader *reader = NULL;
    bool aside = false;
    if (cache_open(real, &(struct cache_options){.existing = true}, &cache, &aside, err) < 0 ||
        cache_reader_new(cache, &reader, err) < 0)
        return -1;
    int result = cache_walk(reader, CACHE_SET, 0, 1, set_load, generator, err);
    cache_reader_free(reader);
    if (result == 0 && generator->sets.count == 0)
        result = err_set(err, ERR_NOTFOUND, 0, "%s: no package set of this build: sweep some images into it", real);
    return result < 0 ? -1 : fill(generator, folder, sets, packages, err);
}

int main(int argc, char **argv) {
    struct generator generator = {.seed = 0};
    struct err err = {0};
    uint64_t sets = 0, packages = 0;
    if (argc != 6 || !text_u64(span_text(argv[3]), 10, 100000000, &sets) ||
        !text_u64(span_text(argv[4]), 10, 100000, &packages) ||
        !text_u64(span_text(argv[5]), 10, UINT64_MAX, &generator.seed) || generator.seed == 0) {
        (void)fprintf(stderr, "usage: bench_rematch REAL-CACHE NEW-CACHE SETS PACKAGES SEED\n");
        return 2;
    }
    arena_init(&generator.arena, LIMIT_MIB, 0);
    map_init(&generator.distinct, 1);
    buf_init(&generator.packed, 0);
    buf_init(&generator.purl, 0);
    int result = generate(&generator, argv[1], argv[2], (size_t)sets, (size_t)packages, &err);
    if (result < 0)
        (void)fprintf(stderr, "bench_rematch: %s\n", err.text);
    else
        (void)printf("%" PRIu64 " %" PRIu64 " %zu\n", sets, packages, generator.distinct.count);
    for (size_t i = 0; i < generator.sets.count; i++)
        vec_release(&generator.sets.data[i].packages);
    vec_release(&generator.sets);
    map_release(&generator.distinct);
    buf_release(&generator.packed);
    buf_release(&generator.purl);
    arena_release(&generator.arena);
    return result < 0;
}
