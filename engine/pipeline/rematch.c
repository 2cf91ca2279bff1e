#include "engine/pipeline/rematch.h"

#include <pthread.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/overflow.h"
#include "engine/image/layer_pack.h"
#include "engine/pipeline/image_rows.h"
#include "engine/pipeline/package_set.h"
#include "engine/pipeline/profile.h"
#include "engine/pipeline/reference_store.h"
#include "shard/row_view.h"

/* Everything here is by digests and references of one cache: tables may be keyed with a fixed seed, as nobody gains by
 * making his own rematch slow. */
#define SEED 0x72656d61ULL

struct name {
    struct name *next;
    struct kept_reference reference;
};

/* A package set that an image has. Touched by the one thread whose part it is in. */
struct live_set {
    bool is_matched;
    uint64_t findings;
};

struct live_image {
    struct live_set *set;
    bool is_written;
};

struct rematch {
    const struct rematch_options *options;
    const struct row_sink *sink;
    struct rematch_totals totals;
    struct arena arena;
    struct map names;  /* digest → struct name: the references that lead there now */
    struct map sets;   /* id → struct live_set */
    struct map images; /* digest → struct live_image */
    struct cache_reader *reader;
    struct row row;
    pthread_mutex_t lock; /* the sink's; a leaf lock */
};

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "rematch: out of memory"); }

/* A digest's bytes with its algorithm in front: how keys of the cache begin. */
static struct profile_key digest_key(const struct digest *digest) { return profile_key(digest, NULL); }

static bool key_digest(struct span key, struct digest *ret_digest) {
    struct digest digest = {.algorithm = DIGEST_NONE};
    if (key.size == 0 || (key.data[0] != DIGEST_SHA256 && key.data[0] != DIGEST_SHA512))
        return false;
    digest.algorithm = key.data[0] == DIGEST_SHA256 ? DIGEST_SHA256 : DIGEST_SHA512;
    size_t size = digest_size(digest.algorithm);
    if (key.size < 1 + size)
        return false;
    memcpy(digest.bytes, key.data + 1, size);
    *ret_digest = digest;
    return true;
}

/* The place of a key that lives as long as the run; NULL: memory is short. */
static void **place_of(struct rematch *run, struct map *map, struct span key) {
    bool fresh = false;
    if (map_get(map, key) == NULL) {
        key = arena_copy(&run->arena, key);
        if (key.data == NULL)
            return NULL;
    }
    return map_put(map, key, &fresh);
}

/* ---- which references lead where ---- */

static int reference_take(void *context, const struct kept_reference *kept, struct err *err) {
    struct rematch *run = context;
    struct profile_key key = digest_key(&kept->digest);
    void **place = place_of(run, &run->names, profile_key_span(&key));
    struct name *name = arena_alloc(&run->arena, sizeof *name);
    if (place == NULL || name == NULL)
        return memory_short(err);
    *name = (struct name){*place, *kept};
    struct span *const texts[] = {&name->reference.text, &name->reference.registry, &name->reference.repository,
                                  &name->reference.tag, &name->reference.kind};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        *texts[i] = texts[i]->size == 0 ? (struct span){NULL, 0} : arena_copy(&run->arena, *texts[i]);
        if (texts[i]->size > 0 && texts[i]->data == NULL)
            return memory_short(err);
    }
    *place = name;
    return 0;
}

/* ---- which sets count ---- */

static struct span image_key(struct span key) {
    struct digest digest;
    return key_digest(key, &digest) ? span_slice(key, 0, 1 + digest_size(digest.algorithm)) : (struct span){NULL, 0};
}

static int image_take(void *context, struct span key, struct span value, struct err *err) {
    struct rematch *run = context;
    struct image_rows_reader rows;
    struct span id = image_key(key);
    if (id.size == 0 || !image_rows_open(value, &rows) || rows.package_set.size == 0 ||
        map_get(&run->images, id) != NULL)
        return 0;
    const struct name *names = map_get(&run->names, id);
    if (names == NULL) /* every tag has left it */
        return 0;
    for (const struct name *name = names; name != NULL; name = name->next)
        run->totals.images++;
    void **place = place_of(run, &run->sets, rows.package_set);
    if (place != NULL && *place == NULL)
        *place = arena_zalloc(&run->arena, sizeof(struct live_set));
    if (place == NULL || *place == NULL)
        return memory_short(err);
    struct live_set *set = *place;
    struct live_image *image = arena_zalloc(&run->arena, sizeof *image);
    place = image == NULL ? NULL : place_of(run, &run->images, id);
    if (place == NULL)
        return memory_short(err);
    image->set = set;
    *place = image;
    return 0;
}

/* ---- matching ---- */

struct worker {
    struct rematch *run;
    pthread_t thread;
    bool is_started;
    size_t part;
    struct arena arena;
    struct totals totals;
    struct package_sets *sets;
    uint64_t hit, unused;
    int result;
    struct err err;
};

static int worker_row(void *context, const struct row *row, struct err *err) {
    struct worker *worker = context;
    struct rematch *run = worker->run;
    (void)pthread_mutex_lock(&run->lock);
    int result = run->sink->add(run->sink->context, row, err);
    (void)pthread_mutex_unlock(&run->lock);
    return result;
}

static int set_take(void *context, struct span key, struct span value, struct err *err) {
    struct worker *worker = context;
    struct package_set_outcome outcome;
    struct span id = span_slice(key, 0, key.size - size_min(key.size, sizeof(struct hash128)));
    struct live_set *set = map_get(&worker->run->sets, id);
    if (set == NULL) {
        worker->unused++;
        return 0;
    }
    if (set->is_matched) /* the same packages under another profile */
        return 0;
    int result = package_sets_rematch(worker->sets, id, value, &outcome, err);
    if (result <= 0)
        return result;
    set->is_matched = true;
    for (size_t i = 0; i < SEVERITY_COUNT; i++)
        set->findings += outcome.vulnerabilities[i];
    worker->hit += set->findings > 0;
    return 0;
}

static void *worker_run(void *context) {
    struct worker *worker = context;
    const struct rematch_options *options = worker->run->options;
    struct cache_reader *reader = NULL;
    struct row_sink sink = {.add = worker_row, .context = worker};
    struct emit_options emit = {.sweep_id = options->sweep_id,
                                .cache = options->cache,
                                .policy = options->policy,
                                .db = options->db,
                                .old_db = options->old,
                                .filter = options->filter,
                                .memo_bytes = options->memo_bytes};
    worker->result = cache_reader_new(options->cache, &reader, &worker->err);
    if (worker->result == 0)
        worker->result = package_sets_new(&emit, &sink, &worker->totals, &worker->arena, &worker->sets, &worker->err);
    if (worker->result == 0)
        worker->result = cache_walk(reader, CACHE_SET, worker->part, options->threads, set_take, worker, &worker->err);
    package_sets_free(worker->sets);
    cache_reader_free(reader);
    return NULL;
}

static int workers_join(struct rematch *run, struct worker *workers, struct err *err) {
    int result = 0;
    for (size_t i = 0; i < run->options->threads; i++) {
        struct worker *worker = &workers[i];
        if (worker->is_started)
            (void)pthread_join(worker->thread, NULL);
        if (worker->result < 0 && result == 0)
            result = err_set(err, worker->err.code, worker->err.sys, "%s", worker->err.text);
        run->totals.sets += worker->totals.package_sets;
        run->totals.packages += worker->totals.packages;
        run->totals.suppressed += worker->totals.vulnerabilities_suppressed;
        run->totals.sets_hit += worker->hit;
        run->totals.sets_unused += worker->unused;
        run->totals.has_findings = run->totals.has_findings || worker->totals.has_findings;
        if (worker->totals.worst > run->totals.worst)
            run->totals.worst = worker->totals.worst;
        for (size_t s = 0; s < SEVERITY_COUNT; s++)
            run->totals.vulnerabilities[s] += worker->totals.vulnerabilities[s];
        arena_release(&worker->arena);
    }
    return result;
}

static int sets_match(struct rematch *run, struct err *err) {
    AUTO_FREE struct worker *workers = mem_array(run->options->threads, sizeof *workers);
    if (workers == NULL)
        return memory_short(err);
    for (size_t i = 0; i < run->options->threads; i++) {
        struct worker *worker = &workers[i];
        worker->run = run;
        worker->part = i;
        arena_init(&worker->arena, 0, 0);
        /* The last part is this thread's own, and so is any that no thread could be made for. */
        worker->is_started =
            i + 1 < run->options->threads && pthread_create(&worker->thread, NULL, worker_run, worker) == 0;
        if (!worker->is_started)
            (void)worker_run(worker);
    }
    return workers_join(run, workers, err);
}

/* ---- image rows ---- */

static int image_row(struct rematch *run, const struct image_rows_reader *rows, const struct digest *digest,
                     const struct kept_reference *reference, struct err *err) {
    struct row *row = &run->row;
    struct row_view view;
    struct err why = {0};
    char digits[DIGEST_TEXT_SIZE];
    size_t first, count;
    row_begin(row, TABLE_IMAGE, run->options->sweep_id);
    row_text(row, reference->text);
    row_text(row, reference->registry);
    row_text(row, reference->repository);
    row_text_or_nil(row, reference->tag);
    row_text(row, span_text(digest_text(digest, digits)));
    row_text(row, reference->kind);
    image_rows_columns(&first, &count);
    row_encoded(row, rows->image_columns, count);
    row_text(row, span_text(scan_status_name(SCAN_DONE)));
    row_text(row, (struct span){NULL, 0});
    row_time(row, reference->swept_at_utc_s);
    if (row_end(row, err) < 0)
        return -1;
    /* The columns are as some build kept them: one of another schema is not handed on. */
    if (row_view_parse(TABLE_IMAGE, buf_span(&row->bytes), &view, &why) < 0)
        return 0;
    run->totals.images_hit++;
    return run->sink->add(run->sink->context, row, err);
}

static int image_write(void *context, struct span key, struct span value, struct err *err) {
    struct rematch *run = context;
    struct image_rows_reader rows;
    struct digest digest;
    struct span id = image_key(key);
    struct live_image *image = id.size == 0 ? NULL : map_get(&run->images, id);
    if (image == NULL || image->is_written || image->set->findings == 0 || !key_digest(key, &digest) ||
        !image_rows_open(value, &rows) || map_get(&run->sets, rows.package_set) != image->set)
        return 0;
    image->is_written = true;
    for (const struct name *name = map_get(&run->names, id); name != NULL; name = name->next) {
        if (image_row(run, &rows, &digest, &name->reference, err) < 0)
            return -1;
    }
    return 0;
}

int rematch(const struct rematch_options *options, const struct row_sink *sink, struct rematch_totals *ret_totals,
            struct err *err) {
    struct rematch run = {.options = options, .sink = sink, .lock = PTHREAD_MUTEX_INITIALIZER};
    arena_init(&run.arena, LIMIT_MIB, 0);
    map_init(&run.names, SEED);
    map_init(&run.sets, SEED);
    map_init(&run.images, SEED);
    row_init(&run.row);
    int result = cache_reader_new(options->cache, &run.reader, err);
    if (result == 0)
        result = references_walk(run.reader, reference_take, &run, err);
    if (result == 0)
        result = cache_walk(run.reader, CACHE_COMPOSITION, 0, 1, image_take, &run, err);
    if (result == 0)
        result = sets_match(&run, err);
    if (result == 0 && run.totals.sets_hit > 0)
        result = cache_walk(run.reader, CACHE_COMPOSITION, 0, 1, image_write, &run, err);
    if (result == 0)
        *ret_totals = run.totals;
    cache_reader_free(run.reader);
    arena_release(&run.arena);
    map_release(&run.names);
    map_release(&run.sets);
    map_release(&run.images);
    row_release(&run.row);
    return result;
}
