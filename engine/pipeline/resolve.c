#include "engine/pipeline/resolve.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "engine/pipeline/image_record.h"
#include "engine/pipeline/plan_save.h"
#include "engine/pipeline/profile.h"
#include "engine/pipeline/reference_store.h"

/* Manifests and configurations asked for at the same time. The HTTP client has its own limit of connections; this one
 * bounds memory: a request costs some KiB. */
#define IN_FLIGHT_MAX ((size_t)256)

/* References that wait beyond this many make the listings hold: a listing is faster than what it lists is read. */
#define WAITING_MAX ((size_t)4096)

/* A manifest that waits to be read: a listed reference, or an entry of an index. */
struct task {
    struct task *next;
    struct resolve *resolve;
    struct source *source;
    struct source_reference reference;
    bool from_index;
    struct descriptor descriptor; /* from_index; texts are interned */
    size_t depth;                 /* indexes above it */
    struct arena arena;           /* what is being parsed */
    struct image_facts *facts;    /* once the manifest turned out to be an image */
    struct manifest manifest;
};

struct listing_context;

struct resolve {
    const struct resolve_options *options;
    struct plan *plan;
    struct cache *cache;
    struct cache_reader *reader;
    resolve_done_fn done;
    void *context;
    VEC(struct source *) sources;
    VEC(struct span) registries; /* hosts of the sources of the same index that saved images asked for; else empty */
    bool *listed;                /* for each target: its images are all in the plan and need no second listing */
    size_t target_next;          /* the next one to open */
    size_t listing;              /* listings under way */
    struct listing_context *listings; /* those */
    struct task *first;               /* waiting */
    struct task *last;
    size_t waiting;
    size_t in_flight;
    size_t found, read;
    struct map indexes;        /* that were opened: a hash of reference and digest */
    struct hash128 repository; /* that was looked up last: references come one repository after the other */
    bool repository_is_known;
    struct arena scratch; /* of one call */
    struct buf packed;    /* likewise */
    bool stepping;        /* resolve_step() is on the stack: callbacks that answer at once must not enter it again */
    bool finished;
};

static void resolve_step(struct resolve *resolve);

static void task_add(struct resolve *resolve, struct task *task) {
    if (resolve->last == NULL)
        resolve->first = task;
    else
        resolve->last->next = task;
    resolve->last = task;
    resolve->waiting++;
}

/* Before all others: what an index unfolds to is done with before the next index is opened, or a queue of indexes would
 * become one of all their entries. */
static void task_add_first(struct resolve *resolve, struct task *task) {
    task->next = resolve->first;
    resolve->first = task;
    if (resolve->last == NULL)
        resolve->last = task;
    resolve->waiting++;
}

static struct task *task_take(struct resolve *resolve) {
    struct task *task = resolve->first;
    resolve->first = task->next;
    if (resolve->first == NULL)
        resolve->last = NULL;
    resolve->waiting--;
    return task;
}

static struct task *task_new(struct resolve *resolve, struct source *source, const struct source_reference *reference) {
    struct task *task = mem_zalloc(sizeof *task);
    if (task == NULL)
        return NULL;
    *task = (struct task){.resolve = resolve, .source = source, .reference = *reference};
    arena_init(&task->arena, 16 * 1024, 0);
    return task;
}

static void task_free(struct task *task) {
    arena_release(&task->arena);
    mem_free(task);
}

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "image: out of memory"); }

/* ---- platforms ---- */

static bool part_matches(struct span wanted, struct span found) {
    return wanted.size == 0 || found.size == 0 || span_equal(wanted, found);
}

/* A platform that an index leaves open is settled by the image's configuration. */
static bool platform_wanted(const struct resolve *resolve, const struct platform *platform) {
    const struct resolve_options *options = resolve->options;
    for (size_t i = 0; i < options->platform_count; i++) {
        struct span rest = options->platforms[i];
        struct span os = text_cut(&rest, '/');
        struct span architecture = text_cut(&rest, '/');
        if (part_matches(os, platform->os) && part_matches(architecture, platform->architecture) &&
            part_matches(rest, platform->variant))
            return true;
    }
    return options->platform_count == 0;
}

/* ---- what the plan gets ---- */

static void image_add(struct task *task, struct image_facts *facts) {
    struct err err = {0};
    task->resolve->read++;
    if (!plan_image_add(task->resolve->plan, task->source, &task->reference, facts))
        plan_target_error(task->resolve->plan, task->reference.text, STAGE_RESOLVE, (memory_short(&err), &err));
}

/* The reference fails before its manifest is known. */
static void task_fail(struct task *task, enum stage stage, const struct err *err) {
    struct plan *plan = task->resolve->plan;
    struct image_facts *facts = plan_facts_new(plan);
    if (facts == NULL) {
        plan_target_error(plan, task->reference.text, stage, err);
        return;
    }
    if (task->from_index || task->reference.has_digest)
        facts->digest = task->from_index ? task->descriptor.digest : task->reference.digest;
    facts->is_named = task->reference.has_digest;
    plan_facts_error(plan, facts, stage, err, SCAN_FAILED);
    image_add(task, facts);
}

/* What a digest stands for is the same wherever it is, but for a local store's unpacked layers: those are its own. */
static struct image_facts *facts_of(struct task *task, const struct digest *digest, bool *ret_fresh) {
    struct plan *plan = task->resolve->plan;
    if (task->source->ops->tree == NULL)
        return plan_facts_of(plan, digest, ret_fresh);
    struct image_facts *facts = plan_facts_new(plan);
    if (facts != NULL)
        facts->digest = *digest;
    *ret_fresh = true;
    return facts;
}

/* `facts` of what is not scanned; NULL: memory was short. */
static void task_skip(struct task *task, struct image_facts *facts) {
    struct err err = {0};
    if (facts == NULL)
        task_fail(task, STAGE_MANIFEST, (memory_short(&err), &err));
    else
        image_add(task, facts);
}

/* A folder in place of the layer, where a local store has unpacked it, or the layer's blob. */
static size_t layer_add(struct task *task, const struct descriptor *descriptor, size_t index,
                        const struct digest *diff_id) {
    struct plan *plan = task->resolve->plan;
    const struct source_ops *ops = task->source->ops;
    const struct tree_root *root = ops->tree == NULL ? NULL : ops->tree(task->source, &task->reference, index);
    if (root != NULL)
        return plan_tree_add(plan, task->source, &task->reference, root, diff_id, descriptor->size);
    return plan_layer_add(plan, task->source, &task->reference, descriptor, diff_id);
}

static int facts_layers_add(struct task *task, const struct descriptor *layers, size_t count,
                            const struct digest *diff_ids, struct err *err) {
    static const struct digest unknown = {.algorithm = DIGEST_NONE};
    struct image_facts *facts = task->facts;
    facts->layers = arena_array(&task->resolve->plan->arena, count, sizeof *facts->layers);
    if (facts->layers == NULL)
        return memory_short(err);
    for (size_t i = 0; i < count; i++) {
        struct descriptor descriptor = layers[i];
        descriptor.is_unpacked_digest = task->source->ops->digests_are_unpacked;
        size_t index = layer_add(task, &descriptor, i, diff_ids == NULL ? &unknown : &diff_ids[i]);
        if (index == SIZE_MAX)
            return memory_short(err);
        facts->layers[facts->layer_count++] = (uint32_t)index;
    }
    return 0;
}

/* False when memory is short. */
static bool facts_platform(struct task *task, const struct platform *platform) {
    const struct platform *kept = plan_intern_platform(task->resolve->plan, platform);
    if (kept != NULL)
        task->facts->platform = kept;
    return kept != NULL;
}

/* The index left the platform open, and it turned out not to be wanted: the row says so. */
static bool platform_skip(struct task *task, const struct platform *platform) {
    struct image_facts *facts = task->facts;
    if (platform_wanted(task->resolve, platform))
        return false;
    facts->status = SCAN_SKIPPED;
    facts->is_skipped = true;
    facts->reason = span_text("other platform");
    return true;
}

/* ---- the cache ---- */

static struct profile_key key_of(enum cache_table table, const struct digest *digest) {
    return table == CACHE_IMAGE ? profile_record_key(digest) : profile_key(digest, NULL);
}

/* A value that is old and still of use is put again, so that it is not pruned. */
static bool cached(struct resolve *resolve, enum cache_table table, const struct digest *digest,
                   struct span *ret_value) {
    struct profile_key key = key_of(table, digest);
    if (!cache_get(resolve->reader, table, profile_key_span(&key), ret_value))
        return false;
    if (cache_is_stale(*ret_value))
        cache_put(resolve->cache, table, profile_key_span(&key), *ret_value);
    return true;
}

static void keep(struct resolve *resolve, enum cache_table table, const struct digest *digest, struct span value) {
    struct profile_key key = key_of(table, digest);
    cache_put(resolve->cache, table, profile_key_span(&key), value);
}

/* Whether an earlier sweep had images of the repository: then most of its tags lead to what is in the cache. */
static bool repository_is_known(struct resolve *resolve, const struct source_reference *reference) {
    struct hash128 key = references_key(resolve->cache, reference->registry, reference->repository, reference->text);
    struct span value;
    if (!hash128_equal(key, resolve->repository)) {
        resolve->repository = key;
        resolve->repository_is_known = cache_get(resolve->reader, CACHE_REFERENCE, span_make(&key, sizeof key), &value);
    }
    return resolve->repository_is_known;
}

static int record_use(struct task *task, struct span value, struct err *err) {
    struct resolve *resolve = task->resolve;
    struct image_facts *facts = task->facts;
    struct image_record record;
    arena_reset(&resolve->scratch);
    if (!image_record_unpack(&resolve->scratch, value, &record)) /* it is whole, and of this analyser */
        return memory_short(err);
    facts->media_type = plan_intern(resolve->plan, record.media_type);
    facts->created = record.created;
    facts->has_config = true;
    if (facts->media_type.data == NULL || !facts_platform(task, &record.platform))
        return memory_short(err);
    if (platform_skip(task, facts->platform))
        return 0;
    return facts_layers_add(task, record.layers, record.layer_count, record.diff_ids, err);
}

/* ---- images ---- */

/* Packs what the rows will need of the configuration, which is verified by now. False when memory is short. */
static bool record_keep(struct task *task, const struct image_config *config, struct span json, bool is_schema1) {
    struct resolve *resolve = task->resolve;
    struct image_record record = {.media_type = task->manifest.media_type,
                                  .config_digest = task->manifest.config.digest,
                                  .platform = config->platform,
                                  .created = task->facts->created,
                                  .layers = task->manifest.entries,
                                  .diff_ids = config->diff_ids,
                                  .layer_count = task->manifest.entry_count,
                                  .is_schema1 = is_schema1,
                                  .config = json};
    buf_reset(&resolve->packed);
    image_record_pack(&record, &resolve->packed);
    if (!resolve->packed.failed)
        keep(resolve, CACHE_IMAGE, &task->facts->digest, buf_span(&resolve->packed));
    return !resolve->packed.failed;
}

/* `json` is what the configuration was read from. */
static int config_use(struct task *task, const struct image_config *config, struct span json, bool is_schema1,
                      struct err *err) {
    struct image_facts *facts = task->facts;
    if (!facts_platform(task, &config->platform))
        return memory_short(err);
    if (!clock_parse(config->created, &facts->created))
        facts->created = PLAN_TIME_UNKNOWN;
    if (config->diff_id_count != task->manifest.entry_count)
        return err_set(err, ERR_FORMAT, 0, "image configuration: expected %zu diff_ids, one for each layer, found %zu",
                       task->manifest.entry_count, config->diff_id_count);
    if (!record_keep(task, config, json, is_schema1))
        return memory_short(err);
    facts->has_config = true;
    if (platform_skip(task, facts->platform))
        return 0;
    return facts_layers_add(task, task->manifest.entries, task->manifest.entry_count, config->diff_ids, err);
}

/* The configuration's name for the image's row, where there is no record to know it. */
static const struct digest *config_digest_keep(const struct task *task) {
    struct digest *kept = task->facts->has_config ? NULL : arena_alloc(&task->resolve->plan->arena, sizeof *kept);
    if (kept != NULL)
        *kept = task->manifest.config.digest;
    return kept;
}

static void on_config(void *context, struct span bytes, const struct digest *digest, const struct err *failure) {
    struct task *task = context;
    struct resolve *resolve = task->resolve;
    struct image_facts *facts = task->facts;
    struct image_config config;
    struct err err = {0};
    (void)digest;
    resolve->in_flight--;
    if (failure != NULL)
        err = *failure;
    else if (image_config_parse(&task->arena, bytes, &config, &err) == 0)
        (void)config_use(task, &config, bytes, false, &err);
    if (err.code != ERR_NONE) {
        facts->config_digest = config_digest_keep(task);
        facts->is_named = facts->is_named || task->reference.has_digest;
        plan_facts_error(resolve->plan, facts, STAGE_CONFIG, &err, SCAN_PARTIAL);
        /* The layers are there all the same and will be scanned. */
        if (facts->layer_count == 0 &&
            facts_layers_add(task, task->manifest.entries, task->manifest.entry_count, NULL, &err) < 0)
            plan_facts_error(resolve->plan, facts, STAGE_CONFIG, &err, SCAN_FAILED);
    }
    task_free(task);
    resolve_step(resolve);
}

/* The task's facts; true when they are new and to be filled in. */
static bool facts_begin(struct task *task, const struct digest *digest) {
    struct err err = {0};
    bool fresh = false;
    task->facts = facts_of(task, digest, &fresh);
    if (task->facts == NULL) {
        task_fail(task, STAGE_MANIFEST, (memory_short(&err), &err));
        return false;
    }
    image_add(task, task->facts);
    return fresh;
}

/* Docker's schema 1 has its configuration in itself. */
static void schema1_read(struct task *task, struct span bytes, const struct digest *digest) {
    struct plan *plan = task->resolve->plan;
    struct err err = {0};
    if (!facts_begin(task, digest))
        return;
    task->facts->media_type = plan_intern(plan, task->manifest.media_type);
    if (task->facts->media_type.data == NULL)
        (void)memory_short(&err);
    else
        (void)config_use(task, task->manifest.converted, bytes, true, &err);
    if (err.code != ERR_NONE)
        plan_facts_error(plan, task->facts, STAGE_CONFIG, &err, SCAN_FAILED);
}

/* True when the task goes on, for its configuration; else its work is done. */
static bool image_read(struct task *task, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct err err = {0};
    if (!facts_begin(task, digest))
        return false;
    struct image_facts *facts = task->facts;
    facts->media_type = plan_intern(resolve->plan, task->manifest.media_type);
    if (facts->media_type.data == NULL || !facts_platform(task, &task->descriptor.platform)) {
        plan_facts_error(resolve->plan, facts, STAGE_MANIFEST, (memory_short(&err), &err), SCAN_FAILED);
        return false;
    }
    resolve->in_flight++;
    task->source->ops->blob(task->source, &task->reference, &task->manifest.config, LIMIT_CONFIG_BYTES, on_config,
                            task);
    return true;
}

/* Indexes that name each other many times over would unfold without end: under one reference each is opened once. */
static bool index_is_new(struct task *task, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct err err = {0};
    bool fresh = false;
    buf_reset(&resolve->packed);
    digest_pack(digest, &resolve->packed);
    buf_add(&resolve->packed, task->reference.text);
    struct hash128 hash = body_hash_once(cache_secret(resolve->cache), buf_span(&resolve->packed));
    struct span key = arena_copy(&resolve->plan->arena, span_make(&hash, sizeof hash));
    if (key.data == NULL || map_put(&resolve->indexes, key, &fresh) == NULL) {
        task_fail(task, STAGE_MANIFEST, (memory_short(&err), &err));
        return false;
    }
    return fresh;
}

static void index_expand(struct task *task, const struct manifest *index, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct plan *plan = resolve->plan;
    struct err err = {0};
    if (!index_is_new(task, digest))
        return;
    if (task->depth + 1 > LIMIT_INDEX_DEPTH) {
        task_fail(
            task, STAGE_MANIFEST,
            (err_set(&err, ERR_LIMIT, 0, "index: expected at most %zu indexes inside each other", LIMIT_INDEX_DEPTH),
             &err));
        return;
    }
    for (size_t i = 0; i < index->entry_count; i++) {
        const struct descriptor *entry = &index->entries[i];
        if (!entry->is_attestation && !platform_wanted(resolve, &entry->platform))
            continue;
        struct task *child = task_new(resolve, task->source, &task->reference);
        if (child == NULL) {
            task_fail(task, STAGE_MANIFEST, (memory_short(&err), &err));
            return;
        }
        child->from_index = true;
        child->descriptor = *entry;
        child->descriptor.media_type = plan_intern(plan, entry->media_type);
        child->depth = task->depth + 1;
        const struct platform *platform = plan_intern_platform(plan, &entry->platform);
        bool kept = child->descriptor.media_type.data != NULL && platform != NULL;
        child->descriptor.platform = kept ? *platform : (struct platform){{NULL, 0}, {NULL, 0}, {NULL, 0}};
        child->descriptor.ref_name = (struct span){NULL, 0};
        if (!kept)
            task_fail(child, STAGE_MANIFEST, (memory_short(&err), &err));
        else if (entry->is_attestation)
            task_skip(child,
                      plan_facts_told(plan, &entry->digest, child->descriptor.media_type, span_text("attestation")));
        else
            task_add_first(resolve, child);
        if (!kept || entry->is_attestation)
            task_free(child);
    }
}

/* Whether this digest is known, from this run or from the cache: then the task's work is done without a request. */
static bool digest_recall(struct task *task, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct err err = {0};
    struct span value;
    bool fresh = false;
    task->facts = task->source->ops->tree != NULL ? NULL : plan_facts_find(resolve->plan, digest);
    if (task->facts != NULL) {
        image_add(task, task->facts);
        return true;
    }
    if (cached(resolve, CACHE_IMAGE, digest, &value)) {
        task->facts = facts_of(task, digest, &fresh);
        if (task->facts == NULL)
            task_fail(task, STAGE_MANIFEST, (memory_short(&err), &err));
        else
            image_add(task, task->facts);
        if (task->facts != NULL && record_use(task, value, &err) < 0)
            plan_facts_error(resolve->plan, task->facts, STAGE_MANIFEST, &err, SCAN_FAILED);
        return true;
    }
    if (cached(resolve, CACHE_INDEX, digest, &value) &&
        manifest_parse(&task->arena, value, &task->manifest, &err) == 0 && task->manifest.kind == MANIFEST_INDEX) {
        index_expand(task, &task->manifest, digest);
        return true;
    }
    return false;
}

/* True when the task goes on. */
static bool manifest_read(struct task *task, struct span bytes, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct err err = {0};
    const char *reason;
    /* A tag that is new, and leads to what another has led to: the configuration need not be asked for. */
    if (digest_recall(task, digest))
        return false;
    if (manifest_parse(&task->arena, bytes, &task->manifest, &err) < 0) {
        task_fail(task, STAGE_MANIFEST, &err);
        return false;
    }
    switch (task->manifest.kind) {
    case MANIFEST_IMAGE:
        return image_read(task, digest);
    case MANIFEST_INDEX:
        keep(resolve, CACHE_INDEX, digest, bytes);
        index_expand(task, &task->manifest, digest);
        return false;
    case MANIFEST_ARTIFACT:
        reason = manifest_artifact_text(&task->arena, &task->manifest);
        task_skip(task, plan_facts_skipped(resolve->plan, digest, task->manifest.media_type,
                                           span_text(reason == NULL ? "artifact, not an image" : reason)));
        return false;
    case MANIFEST_SCHEMA1:
        schema1_read(task, bytes, digest);
        return false;
    }
    return false;
}

static void on_manifest(void *context, struct span bytes, const struct digest *digest, const struct err *failure) {
    struct task *task = context;
    struct resolve *resolve = task->resolve;
    bool goes_on = false;
    resolve->in_flight--;
    if (failure != NULL)
        task_fail(task, STAGE_MANIFEST, failure);
    else
        goes_on = manifest_read(task, bytes, digest);
    if (!goes_on)
        task_free(task);
    cache_reader_reset(resolve->reader);
    resolve_step(resolve);
}

/* ---- one reference ---- */

static void manifest_ask(struct task *task) {
    task->resolve->in_flight++;
    task->source->ops->manifest(task->source, &task->reference, task->from_index ? &task->descriptor : NULL,
                                on_manifest, task);
}

static void on_head(void *context, const struct digest *digest, const struct err *failure) {
    struct task *task = context;
    struct resolve *resolve = task->resolve;
    resolve->in_flight--;
    /* A server that does not answer a HEAD may still have the manifest: whatever is wrong shows then. */
    if (failure == NULL && digest->algorithm != DIGEST_NONE && digest_recall(task, digest)) {
        task_free(task);
    } else {
        manifest_ask(task);
    }
    cache_reader_reset(resolve->reader);
    resolve_step(resolve);
}

/* A tag that led somewhere before most likely still leads there: its digest is asked for, which costs less. Which tags
 * did is not kept: a look-up for each costs more than a request too many for those that are new. */
static void task_start(struct task *task) {
    struct resolve *resolve = task->resolve;
    const struct digest *digest = task->from_index             ? &task->descriptor.digest
                                  : task->reference.has_digest ? &task->reference.digest
                                                               : NULL;
    bool done = digest != NULL && digest_recall(task, digest);
    if (done) {
        task_free(task);
    } else if (digest == NULL && task->source->ops->head != NULL && repository_is_known(resolve, &task->reference)) {
        resolve->in_flight++;
        task->source->ops->head(task->source, &task->reference, on_head, task);
    } else {
        manifest_ask(task);
    }
    cache_reader_reset(resolve->reader);
}

/* ---- listing ---- */

static int tree_add(struct resolve *resolve, struct source *source, const struct source_reference *reference,
                    struct err *err) {
    static const struct digest unknown = {.algorithm = DIGEST_NONE};
    struct plan *plan = resolve->plan;
    struct image_facts *facts = plan_facts_new(plan);
    size_t index = plan_tree_add(plan, source, reference, source->ops->tree(source, reference, 0), &unknown, 0);
    if (facts != NULL)
        facts->layers = arena_alloc(&plan->arena, sizeof *facts->layers);
    if (facts == NULL || index == SIZE_MAX || facts->layers == NULL)
        return memory_short(err);
    facts->layers[0] = (uint32_t)index;
    facts->layer_count = 1;
    resolve->read++;
    return plan_image_add(plan, source, reference, facts) ? 0 : memory_short(err);
}

static void on_reference(void *context, struct source *source, const struct source_reference *reference) {
    struct resolve *resolve = context;
    struct err err = {0};
    const struct selection *selection = resolve->options->selection;
    if (reference->has_created && !selection_wants_time(selection, reference->created_utc_s))
        return;
    resolve->found++;
    if (source->ops->manifest == NULL) { /* a root file system */
        if (tree_add(resolve, source, reference, &err) < 0)
            plan_target_error(resolve->plan, reference->text, STAGE_RESOLVE, &err);
        return;
    }
    if (!platform_wanted(resolve, &reference->platform))
        return;
    struct task *task = task_new(resolve, source, reference);
    if (task == NULL) {
        plan_target_error(resolve->plan, reference->text, STAGE_RESOLVE, (memory_short(&err), &err));
        return;
    }
    task_add(resolve, task);
}

struct listing_context {
    struct resolve *resolve;
    size_t target;
    struct source *source;
    bool is_registry;
    bool held;                    /* it waits for listing_resume() */
    struct listing_context *next; /* all that are under way */
};

static bool on_listing_reference(void *context, struct source *source, const struct source_reference *reference) {
    struct listing_context *listing = context;
    struct resolve *resolve = listing->resolve;
    on_reference(resolve, source, reference);
    resolve_step(resolve);
    /* Once it was told to hold it holds, whatever it is told of what it had already. */
    listing->held = listing->held || resolve->waiting > WAITING_MAX;
    return !listing->held;
}

static void on_listed(void *context, const struct err *failure) {
    struct listing_context *listing = context;
    struct resolve *resolve = listing->resolve;
    if (failure != NULL)
        plan_target_error(resolve->plan, resolve->options->targets[listing->target], STAGE_RESOLVE, failure);
    resolve->listed[listing->target] = failure == NULL && listing->is_registry;
    struct listing_context **at = &resolve->listings;
    while (*at != listing)
        at = &(*at)->next;
    *at = listing->next;
    resolve->listing--;
    resolve_step(resolve);
}

static void target_open(struct resolve *resolve, size_t index) {
    struct err err = {0};
    struct source *source = NULL;
    struct span target = resolve->options->targets[index];
    struct listing_context *listing = arena_alloc(&resolve->plan->arena, sizeof *listing);
    if (listing == NULL || !vec_reserve(&resolve->sources, 1) || !vec_reserve(&resolve->registries, 1)) {
        (void)err_set(&err, ERR_NOMEM, 0, "target: out of memory");
    } else if (source_open(resolve->options->context, target, &source, &err) == 0) {
        resolve->sources.data[resolve->sources.count++] = source;
        resolve->registries.data[resolve->registries.count++] = (struct span){NULL, 0};
        *listing = (struct listing_context){.resolve = resolve,
                                            .target = index,
                                            .source = source,
                                            .is_registry = strcmp(source->ops->kind, "registry") == 0,
                                            .next = resolve->listings};
        resolve->listings = listing;
        resolve->listing++;
        source->ops->list(source, on_listing_reference, on_listed, listing);
        return;
    }
    plan_target_error(resolve->plan, target, STAGE_RESOLVE, &err);
}

/* What waits has become less: listings that were held go on. */
static void listings_resume(struct resolve *resolve) {
    for (struct listing_context *listing = resolve->listings, *next; listing != NULL; listing = next) {
        next = listing->next;
        if (!listing->held)
            continue;
        listing->held = false;
        if (listing->source->ops->list_resume != NULL)
            listing->source->ops->list_resume(listing->source);
    }
}

/* Starts what may be started; says so when nothing is left. */
static void resolve_step(struct resolve *resolve) {
    if (resolve->stepping || resolve->finished)
        return;
    resolve->stepping = true;
    while (resolve->in_flight < IN_FLIGHT_MAX) {
        if (resolve->first != NULL)
            task_start(task_take(resolve));
        else if (resolve->target_next == resolve->options->target_count || resolve->listing == IN_FLIGHT_MAX)
            break;
        else if (resolve->listed[resolve->target_next])
            resolve->target_next++; /* its images came out of the saved plan */
        else
            target_open(resolve, resolve->target_next++);
    }
    if (resolve->listings != NULL && resolve->waiting < WAITING_MAX / 2)
        listings_resume(resolve);
    resolve->stepping = false;
    if (resolve->first == NULL && resolve->in_flight == 0 && resolve->listing == 0 &&
        resolve->target_next == resolve->options->target_count) {
        resolve->finished = true;
        resolve->done(resolve->context);
    }
}

/* ---- a sweep that goes on ---- */

/* The source of a registry that a saved image is in: opened once. */
static struct source *registry_find(struct resolve *resolve, struct span host, struct err *err) {
    for (size_t i = resolve->sources.count; i-- > 0;) {
        if (span_equal(resolve->registries.data[i], host) && host.size > 0)
            return resolve->sources.data[i];
    }
    char *target = arena_format(&resolve->plan->arena, "registry://%.*s", SPAN_FORMAT(host));
    struct source *source = NULL;
    if (target == NULL || !vec_reserve(&resolve->sources, 1) || !vec_reserve(&resolve->registries, 1)) {
        (void)memory_short(err);
        return NULL;
    }
    if (source_open(resolve->options->context, span_text(target), &source, err) < 0)
        return NULL;
    resolve->sources.data[resolve->sources.count++] = source;
    resolve->registries.data[resolve->registries.count++] = host;
    return source;
}

static int on_saved(void *context, const struct saved_image *image, struct err *err) {
    struct resolve *resolve = context;
    struct plan *plan = resolve->plan;
    struct source_reference reference = {.text = arena_copy(&plan->arena, image->text),
                                         .registry = plan_intern(plan, image->registry),
                                         .repository = plan_intern(plan, image->repository)};
    if (reference.text.data == NULL || reference.registry.data == NULL || reference.repository.data == NULL)
        return memory_short(err);
    if (image->tag.size > 0 && image->tag.size <= reference.text.size)
        reference.tag = span_from(reference.text, reference.text.size - image->tag.size);
    struct source *source = registry_find(resolve, reference.registry, err);
    struct task *task = source == NULL ? NULL : task_new(resolve, source, &reference);
    if (task == NULL)
        return source == NULL ? -1 : memory_short(err);
    resolve->found++;
    task->from_index = image->digest.algorithm != DIGEST_NONE;
    task->descriptor.digest = image->digest;
    if (!image->is_skipped) {
        task_add(resolve, task);
        return 0;
    }
    task_skip(task, image->is_told ? plan_facts_told(plan, &image->digest, image->media_type, image->reason)
                                   : plan_facts_skipped(plan, &image->digest, image->media_type, image->reason));
    task_free(task);
    return 0;
}

void resolve_save(const struct resolve *resolve, struct buf *buf) {
    plan_save(resolve->plan, resolve->listed, resolve->options->target_count, buf);
}

/* ---- the interface ---- */

int resolve_start(const struct resolve_options *options, struct plan *plan, resolve_done_fn done, void *context,
                  struct resolve **ret_resolve, struct err *err) {
    struct resolve *resolve = mem_zalloc(sizeof *resolve);
    if (resolve == NULL)
        return err_set(err, ERR_NOMEM, 0, "resolve: out of memory");
    *resolve =
        (struct resolve){.options = options, .plan = plan, .cache = options->cache, .done = done, .context = context};
    arena_init(&resolve->scratch, 0, 0);
    map_init(&resolve->indexes, 0); /* of hashes under the cache's own key */
    buf_init(&resolve->packed, 0);
    resolve->listed = arena_array(&plan->arena, options->target_count, sizeof *resolve->listed);
    int result = resolve->listed == NULL ? memory_short(err) : cache_reader_new(options->cache, &resolve->reader, err);
    if (result == 0 && options->saved.size > 0)
        result = plan_restore(options->saved, resolve->listed, options->target_count, on_saved, resolve, err);
    if (result < 0) {
        resolve_free(resolve);
        return -1;
    }
    *ret_resolve = resolve;
    resolve_step(resolve);
    return 0;
}

void resolve_progress(const struct resolve *resolve, size_t *ret_found, size_t *ret_read) {
    *ret_found = resolve->found;
    *ret_read = resolve->read;
}

void resolve_free(struct resolve *resolve) {
    if (resolve == NULL)
        return;
    while (resolve->first != NULL)
        task_free(task_take(resolve));
    cache_reader_free(resolve->reader);
    arena_release(&resolve->scratch);
    map_release(&resolve->indexes);
    buf_release(&resolve->packed);
    for (size_t i = 0; i < resolve->sources.count; i++)
        source_close(resolve->sources.data[i]);
    vec_release(&resolve->sources);
    vec_release(&resolve->registries);
    mem_free(resolve);
}
