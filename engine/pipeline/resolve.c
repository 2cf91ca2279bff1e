#include "engine/pipeline/resolve.h"

#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "io/file/file.h"

/* Manifests and configurations asked for at the same time. The HTTP client has its own limit of connections; this one
 * bounds memory: a request costs some KiB. */
#define IN_FLIGHT_MAX ((size_t)256)

/* A manifest that waits to be read: a listed reference, or an entry of an index. */
struct task {
    struct task *next;
    struct resolve *resolve;
    struct source *source;
    struct source_reference reference;
    bool from_index;
    struct descriptor descriptor; /* from_index */
    size_t depth;                 /* indexes above it */
    struct planned_image *image;  /* once the manifest turned out to be an image */
};

struct resolve {
    const struct resolve_options *options;
    struct plan *plan;
    resolve_done_fn done;
    void *context;
    VEC(struct source *) sources;
    VEC(struct span) targets;
    size_t target_next; /* the next one to open */
    size_t listing;     /* listings under way */
    struct task *first; /* waiting */
    struct task *last;
    size_t in_flight;
    size_t found, read;
    bool stepping; /* resolve_step() is on the stack: callbacks that answer at once must not enter it again */
    bool finished;
};

static void resolve_step(struct resolve *resolve);

static void task_add(struct resolve *resolve, struct task *task) {
    if (resolve->last == NULL)
        resolve->first = task;
    else
        resolve->last->next = task;
    resolve->last = task;
}

static struct task *task_new(struct resolve *resolve, struct source *source, const struct source_reference *reference) {
    struct task *task = arena_zalloc(&resolve->plan->arena, sizeof *task);
    if (task != NULL)
        *task = (struct task){.resolve = resolve, .source = source, .reference = *reference};
    return task;
}

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

/* ---- images ---- */

static void task_fail(struct task *task, enum stage stage, const struct err *err) {
    struct plan *plan = task->resolve->plan;
    if (task->image == NULL)
        task->image = plan_image_add(plan, task->source, &task->reference);
    if (task->image == NULL) {
        plan_target_error(plan, task->reference.text, stage, err);
        return;
    }
    if (task->image->digest.algorithm == DIGEST_NONE && (task->from_index || task->reference.has_digest))
        task->image->digest = task->from_index ? task->descriptor.digest : task->reference.digest;
    plan_image_error(plan, task->image, stage, err, SCAN_FAILED);
}

static void task_skip(struct task *task, const struct digest *digest, struct span media_type, const char *reason) {
    struct planned_image *image = plan_image_add(task->resolve->plan, task->source, &task->reference);
    if (image == NULL)
        return;
    image->digest = *digest;
    image->media_type = media_type;
    image->status = SCAN_SKIPPED;
    image->reason = span_text(reason);
}

static int layers_add(struct task *task, const struct manifest *manifest, struct err *err) {
    struct plan *plan = task->resolve->plan;
    struct planned_image *image = task->image;
    struct digest unknown = {.algorithm = DIGEST_NONE};
    image->layers = arena_array(&plan->arena, manifest->entry_count, sizeof *image->layers);
    if (image->layers == NULL)
        return err_set(err, ERR_NOMEM, 0, "image: out of memory");
    bool named = image->config.diff_id_count == manifest->entry_count;
    if (image->has_config && !named)
        return err_set(err, ERR_FORMAT, 0, "image configuration: expected %zu diff_ids, one for each layer, found %zu",
                       manifest->entry_count, image->config.diff_id_count);
    for (size_t i = 0; i < manifest->entry_count; i++) {
        struct descriptor *descriptor = &manifest->entries[i];
        descriptor->is_unpacked_digest = task->source->ops->digests_are_unpacked;
        size_t index = plan_layer_add(plan, image, descriptor, named ? &image->config.diff_ids[i] : &unknown);
        if (index == SIZE_MAX)
            return err_set(err, ERR_NOMEM, 0, "image: out of memory");
        image->layers[image->layer_count++] = index;
    }
    return 0;
}

struct config_task {
    struct task *task;
    struct manifest manifest;
};

static void on_config(void *context, struct span bytes, const struct digest *digest, const struct err *failure) {
    struct config_task *config = context;
    struct task *task = config->task;
    struct resolve *resolve = task->resolve;
    struct planned_image *image = task->image;
    struct err err = {0};
    (void)digest;
    resolve->in_flight--;
    resolve->read++;
    if (failure != NULL)
        err = *failure;
    else if (image_config_parse(&resolve->plan->arena, bytes, &image->config, &err) == 0)
        image->has_config = true;
    if (err.code == ERR_NONE) {
        image->platform = image->config.platform;
        /* The index left the platform open, and it turned out not to be wanted: as if it had never been listed. */
        if (!platform_wanted(resolve, &image->platform)) {
            image->status = SCAN_SKIPPED;
            image->reason = span_text("other platform");
            resolve_step(resolve);
            return;
        }
    } else {
        /* The layers are there all the same and will be scanned. */
        plan_image_error(resolve->plan, image, STAGE_CONFIG, &err, SCAN_PARTIAL);
        err.code = ERR_NONE;
    }
    if (layers_add(task, &config->manifest, &err) < 0)
        plan_image_error(resolve->plan, image, STAGE_CONFIG, &err, SCAN_FAILED);
    resolve_step(resolve);
}

static void image_read(struct task *task, const struct manifest *manifest, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct err err = {0};
    struct config_task *config = arena_alloc(&resolve->plan->arena, sizeof *config);
    task->image = plan_image_add(resolve->plan, task->source, &task->reference);
    if (config == NULL || task->image == NULL) {
        task_fail(task, STAGE_MANIFEST, (err_set(&err, ERR_NOMEM, 0, "image: out of memory"), &err));
        return;
    }
    *config = (struct config_task){task, *manifest};
    task->image->digest = *digest;
    task->image->media_type = manifest->media_type;
    task->image->platform = task->descriptor.platform;
    task->image->config_descriptor = manifest->config;
    resolve->in_flight++;
    task->source->ops->blob(task->source, &task->reference, &manifest->config, LIMIT_CONFIG_BYTES, on_config, config);
}

/* Docker's schema 1 has its configuration in itself. */
static void schema1_read(struct task *task, const struct manifest *manifest, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct err err = {0};
    struct planned_image *image = task->image = plan_image_add(resolve->plan, task->source, &task->reference);
    if (image == NULL) {
        task_fail(task, STAGE_MANIFEST, (err_set(&err, ERR_NOMEM, 0, "image: out of memory"), &err));
        return;
    }
    image->digest = *digest;
    image->media_type = manifest->media_type;
    image->config = *manifest->converted;
    image->has_config = true;
    image->platform = image->config.platform;
    resolve->read++;
    if (!platform_wanted(resolve, &image->platform)) {
        image->status = SCAN_SKIPPED;
        image->reason = span_text("other platform");
    } else if (layers_add(task, manifest, &err) < 0) {
        plan_image_error(resolve->plan, image, STAGE_CONFIG, &err, SCAN_FAILED);
    }
}

static void index_expand(struct task *task, const struct manifest *index) {
    struct resolve *resolve = task->resolve;
    struct err err = {0};
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
            task_fail(task, STAGE_MANIFEST, (err_set(&err, ERR_NOMEM, 0, "index: out of memory"), &err));
            return;
        }
        child->from_index = true;
        child->descriptor = *entry;
        child->depth = task->depth + 1;
        if (entry->is_attestation)
            task_skip(child, &entry->digest, entry->media_type, "attestation");
        else
            task_add(resolve, child);
    }
}

/* What was listed twice, under the same name with the same digest, is swept once. */
static bool is_new(struct resolve *resolve, const struct task *task, const struct digest *digest, struct err *err) {
    char text[DIGEST_TEXT_SIZE];
    char *key =
        arena_format(&resolve->plan->arena, "%.*s\n%s", SPAN_FORMAT(task->reference.text), digest_text(digest, text));
    bool fresh = false;
    if (key == NULL || map_put(&resolve->plan->image_keys, span_text(key), &fresh) == NULL) {
        (void)err_set(err, ERR_NOMEM, 0, "image: out of memory");
        return false;
    }
    return fresh;
}

static void manifest_read(struct task *task, struct span bytes, const struct digest *digest) {
    struct resolve *resolve = task->resolve;
    struct manifest manifest;
    struct err err = {0};
    const char *reason;
    if (!is_new(resolve, task, digest, &err)) {
        if (err.code != ERR_NONE)
            task_fail(task, STAGE_MANIFEST, &err);
        return;
    }
    if (manifest_parse(&resolve->plan->arena, bytes, &manifest, &err) < 0) {
        task_fail(task, STAGE_MANIFEST, &err);
        return;
    }
    switch (manifest.kind) {
    case MANIFEST_IMAGE:
        image_read(task, &manifest, digest);
        break;
    case MANIFEST_INDEX:
        index_expand(task, &manifest);
        break;
    case MANIFEST_ARTIFACT:
        reason = manifest_artifact_text(&resolve->plan->arena, &manifest, task->reference.tag);
        task_skip(task, digest, manifest.media_type, reason == NULL ? "artifact, not an image" : reason);
        break;
    case MANIFEST_SCHEMA1:
        schema1_read(task, &manifest, digest);
        break;
    }
}

static void on_manifest(void *context, struct span bytes, const struct digest *digest, const struct err *failure) {
    struct task *task = context;
    task->resolve->in_flight--;
    if (failure != NULL)
        task_fail(task, STAGE_MANIFEST, failure);
    else
        manifest_read(task, bytes, digest);
    resolve_step(task->resolve);
}

/* ---- listing ---- */

static void on_reference(void *context, struct source *source, const struct source_reference *reference) {
    struct resolve *resolve = context;
    struct err err = {0};
    const struct selection *selection = resolve->options->selection;
    bool of_registry = reference->registry.size > 0;
    if (of_registry && !selection_wants_name(selection, reference->repository, reference->tag))
        return;
    if (reference->has_created && !selection_wants_time(selection, reference->created_utc_s))
        return;
    resolve->found++;
    if (source->ops->tree != NULL) {
        struct planned_image *image = plan_image_add(resolve->plan, source, reference);
        size_t index = image == NULL ? SIZE_MAX : plan_tree_add(resolve->plan, image, source->ops->tree(source));
        size_t *layers = index == SIZE_MAX ? NULL : arena_alloc(&resolve->plan->arena, sizeof *layers);
        if (layers == NULL) {
            plan_target_error(resolve->plan, reference->text, STAGE_RESOLVE,
                              (err_set(&err, ERR_NOMEM, 0, "image: out of memory"), &err));
            return;
        }
        layers[0] = index;
        image->layers = layers;
        image->layer_count = 1;
        resolve->read++;
        return;
    }
    if (!platform_wanted(resolve, &reference->platform))
        return;
    struct task *task = task_new(resolve, source, reference);
    if (task == NULL) {
        plan_target_error(resolve->plan, reference->text, STAGE_RESOLVE,
                          (err_set(&err, ERR_NOMEM, 0, "image: out of memory"), &err));
        return;
    }
    task_add(resolve, task);
}

struct listing_context {
    struct resolve *resolve;
    struct span target;
};

static bool on_listing_reference(void *context, struct source *source, const struct source_reference *reference) {
    struct listing_context *listing = context;
    on_reference(listing->resolve, source, reference);
    resolve_step(listing->resolve);
    return true;
}

static void on_listed(void *context, const struct err *failure) {
    struct listing_context *listing = context;
    struct resolve *resolve = listing->resolve;
    if (failure != NULL)
        plan_target_error(resolve->plan, listing->target, STAGE_RESOLVE, failure);
    resolve->listing--;
    resolve_step(resolve);
}

static void target_open(struct resolve *resolve, struct span target) {
    struct err err = {0};
    struct source *source = NULL;
    struct listing_context *listing = arena_alloc(&resolve->plan->arena, sizeof *listing);
    if (listing == NULL || !vec_reserve(&resolve->sources, 1)) {
        (void)err_set(&err, ERR_NOMEM, 0, "target: out of memory");
    } else if (source_open(resolve->options->context, target, &source, &err) == 0) {
        resolve->sources.data[resolve->sources.count++] = source;
        *listing = (struct listing_context){resolve, target};
        resolve->listing++;
        source->ops->list(source, on_listing_reference, on_listed, listing);
        return;
    }
    plan_target_error(resolve->plan, target, STAGE_RESOLVE, &err);
}

/* Starts what may be started; says so when nothing is left. */
static void resolve_step(struct resolve *resolve) {
    if (resolve->stepping || resolve->finished)
        return;
    resolve->stepping = true;
    while (resolve->in_flight < IN_FLIGHT_MAX) {
        if (resolve->first != NULL) {
            struct task *task = resolve->first;
            resolve->first = task->next;
            if (resolve->first == NULL)
                resolve->last = NULL;
            resolve->in_flight++;
            task->source->ops->manifest(task->source, &task->reference, task->from_index ? &task->descriptor : NULL,
                                        on_manifest, task);
        } else if (resolve->target_next < resolve->targets.count && resolve->listing < IN_FLIGHT_MAX) {
            target_open(resolve, resolve->targets.data[resolve->target_next++]);
        } else {
            break;
        }
    }
    resolve->stepping = false;
    if (resolve->first == NULL && resolve->in_flight == 0 && resolve->listing == 0 &&
        resolve->target_next == resolve->targets.count) {
        resolve->finished = true;
        resolve->done(resolve->context);
    }
}

/* ---- targets ---- */

static int list_read(struct resolve *resolve, const char *path, struct err *err) {
    struct buf text;
    buf_init(&text, LIMIT_GIB);
    int result = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text, err);
    struct reader lines = reader_init(buf_span(&text));
    struct span line;
    while (result == 0 && read_line(&lines, &line)) {
        line = text_trim(line);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        struct span target = arena_copy(&resolve->plan->arena, line);
        if (resolve->targets.count >= LIMIT_TARGETS)
            result = err_set(err, ERR_LIMIT, 0, "more than %zu targets", LIMIT_TARGETS);
        else if (target.data == NULL || !vec_push(&resolve->targets, target))
            result = err_set(err, ERR_NOMEM, 0, "out of memory after %zu targets", resolve->targets.count);
    }
    buf_release(&text);
    if (result == 0)
        return 0;
    if (err != NULL && err->code != ERR_NOMEM)
        err->code = ERR_USAGE;
    return err_wrap(err, "list of targets");
}

int resolve_start(const struct resolve_options *options, struct plan *plan, resolve_done_fn done, void *context,
                  struct resolve **ret_resolve, struct err *err) {
    struct resolve *resolve = mem_zalloc(sizeof *resolve);
    if (resolve == NULL)
        return err_set(err, ERR_NOMEM, 0, "resolve: out of memory");
    *resolve = (struct resolve){.options = options, .plan = plan, .done = done, .context = context};
    for (size_t i = 0; i < options->target_count; i++) {
        const char *target = options->targets[i];
        bool is_list = target[0] == '@' || strcmp(target, "-") == 0;
        int result = is_list ? list_read(resolve, target[0] == '@' ? target + 1 : target, err) : 0;
        if (!is_list && !vec_push(&resolve->targets, span_text(target)))
            result = err_set(err, ERR_NOMEM, 0, "resolve: out of memory");
        if (result < 0) {
            resolve_free(resolve);
            return -1;
        }
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
    for (size_t i = 0; i < resolve->sources.count; i++)
        source_close(resolve->sources.data[i]);
    vec_release(&resolve->sources);
    vec_release(&resolve->targets);
    mem_free(resolve);
}
