#include "engine/pipeline/sweep.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/queue.h"
#include "engine/pipeline/layer_scan.h"
#include "engine/pipeline/resolve.h"

#define MEMORY_DEFAULT ((uint64_t)1 << 30)
#define MEMORY_LEAST ((uint64_t)96 * 1024 * 1024)
#define CHUNKS_PER_STREAM ((size_t)4)
#define STREAMS_USUAL ((size_t)64)
#define JOBS_MAX ((size_t)256)

/* A layer in flight. */
struct job {
    struct planned_layer *layer;
    struct stream stream;
    bool streaming; /* `stream` is in use: not for trees */
    bool scanned;   /* the scan thread is done with it, and has filled in the rest */
    bool lost;      /* memory was too short for any result */
    size_t secrets;
};

struct sweep {
    const struct sweep_options *options;
    struct plan plan;
    struct loop *loop;
    struct http *http;
    struct registry_auth *auth;
    struct source_context sources;
    struct resolve *resolve;
    struct classify *classify; /* too large for a stack */
    struct signatures *signatures;
    struct seen *seen;
    struct chunk_pool pool;
    struct layer_scan_options scan_options;
    struct layer_scan **scans; /* one for each thread */
    struct layer_store *layers;
    pthread_t *threads;
    size_t thread_count;
    struct queue ready; /* jobs for scan threads; as long as there are streams, so pushing never waits */
    struct queue done;  /* jobs that scan threads have finished */
    struct job *jobs;   /* budget.streams slots; free when `layer` is NULL */
    size_t layer_next;  /* the next planned layer to start */
    size_t layers_done, layers_known;
    uint64_t plan_ms, scan_ms;
    uint64_t bytes_done, bytes_total;
    uint64_t secrets_found;
    enum sweep_phase phase;
    uint64_t started_ns, phase_ns;
    uint64_t watch; /* of the signal descriptor */
    _Atomic bool stop;
    struct err fatal;
};

int sweep_budget_of(uint64_t memory_bytes, size_t jobs, size_t connections, struct sweep_budget *ret_budget,
                    struct err *err) {
    if (memory_bytes == 0)
        memory_bytes = MEMORY_DEFAULT;
    if (memory_bytes < MEMORY_LEAST)
        return err_set(err, ERR_USAGE, 0, "--memory: expected at least 96M, found %" PRIu64 " bytes", memory_bytes);
    if (jobs == 0)
        jobs = cpu_count();
    struct sweep_budget budget = {.jobs = size_min(jobs, JOBS_MAX), .chunks_per_stream = CHUNKS_PER_STREAM};
    /* A quarter for chunks, a quarter for the writer, an eighth each for seen bodies and for bodies at hand; the rest
     * is for compiled rules, the database's pages, results and the libraries. */
    size_t quarter = (size_t)(memory_bytes / 4);
    /* A stream that nobody reads yet holds one chunk; each thread reads one of up to CHUNKS_PER_STREAM, and holds one
     * more while it looks at it. A kill costs what is in flight, so there are no more than it takes. */
    size_t chunks = quarter / CHUNK_BYTES, read = size_min(budget.jobs * (CHUNKS_PER_STREAM + 1), chunks - 1);
    size_t usual = size_min(chunks / 4, STREAMS_USUAL);
    budget.streams = size_max(size_max(size_min(connections, chunks - read), usual), budget.jobs + 1);
    budget.writer_bytes = quarter;
    budget.seen_bytes = quarter / 2;
    budget.cache_bytes = quarter / 2;  /* of the chunks', which are only in use while little is looked up */
    budget.result_bytes = quarter / 2; /* while rows are written: seen bodies and bodies at hand are gone by then */
    size_t body = quarter / 2 / budget.jobs;
    budget.catalogue_bytes_max = size_min(size_max(body, 2 * LIMIT_MIB), LIMIT_CATALOGUE_BYTES);
    budget.body_bytes_max = size_min(size_max(body / 2, LIMIT_MIB), LIMIT_BODY_BYTES);
    *ret_budget = budget;
    return 0;
}

/* ---- scan threads ---- */

struct thread_start {
    struct sweep *sweep;
    struct layer_scan *scan;
};

static void *scan_thread(void *context) {
    struct thread_start *start = context;
    struct sweep *sweep = start->sweep;
    struct layer_scan *scan = start->scan;
    struct buf packed;
    struct job *job;
    mem_free(start);
    buf_init(&packed, 0);
    while ((job = queue_pop(&sweep->ready)) != NULL) {
        struct planned_layer *layer = job->layer;
        layer->result = layer->tree != NULL
                            ? layer_scan_tree(scan, layer->tree, &layer->descriptor)
                            : layer_scan_stream(scan, &layer->descriptor, &layer->diff_id, &job->stream);
        if (job->streaming) /* memory may have been too short to read it to its end, or at all */
            stream_abandon(&job->stream);
        job->secrets = layer->result == NULL ? 0 : layer->result->secrets.count;
        job->lost = layer->result == NULL;
        layer_store_keep(sweep->options->cache, sweep->options->profile, layer, &packed);
        (void)queue_push(&sweep->done, job);
        loop_wake(sweep->loop);
    }
    buf_release(&packed);
    return NULL;
}

static int threads_start(struct sweep *sweep, struct err *err) {
    sweep->threads = mem_array(sweep->options->budget.jobs, sizeof *sweep->threads);
    sweep->scans = mem_array(sweep->options->budget.jobs, sizeof *sweep->scans);
    if (sweep->threads == NULL || sweep->scans == NULL)
        return err_set(err, ERR_NOMEM, 0, "scan threads: out of memory");
    for (size_t i = 0; i < sweep->options->budget.jobs; i++) {
        struct thread_start *start = mem_alloc(sizeof *start);
        if (start == NULL || layer_scan_new(&sweep->scan_options, &sweep->scans[i], err) < 0) {
            mem_free(start);
            return start == NULL ? err_set(err, ERR_NOMEM, 0, "scan threads: out of memory") : -1;
        }
        *start = (struct thread_start){sweep, sweep->scans[i]};
        int sys = pthread_create(&sweep->threads[i], NULL, scan_thread, start);
        if (sys != 0) {
            mem_free(start);
            return err_set(err, ERR_IO, sys, "scan thread: %s", strerror(sys));
        }
        sweep->thread_count++;
    }
    return 0;
}

/* ---- fetching ---- */

static void wake(void *context) { loop_wake(context); }

static void layer_fail(struct sweep *sweep, struct planned_layer *layer, enum stage stage, enum scan_status status,
                       const struct err *err) {
    layer->result = layer_result_new(&layer->descriptor.digest);
    if (layer->result == NULL) {
        (void)err_set(&sweep->fatal, ERR_NOMEM, 0, "layer: out of memory");
        return;
    }
    layer->result->media_type = layer->descriptor.media_type;
    layer_result_error(layer->result, stage, (struct span){NULL, 0}, NULL, err, status);
    layer_result_seal(layer->result);
    layer->summary = (struct layer_summary){
        .status = status,
        .reason = layer->result->errors.count > 0 ? layer->result->errors.data[0].message : span_text("out of memory")};
}

/* Layers that are not fetched at all: true when this is one. */
static bool layer_refuse(struct sweep *sweep, struct planned_layer *layer) {
    struct err err = {0};
    const struct descriptor *descriptor = &layer->descriptor;
    if (layer->tree != NULL)
        return false;
    if (descriptor->is_foreign) {
        (void)err_set(&err, ERR_UNSUPPORTED, 0,
                      "foreign layer: its bytes are not in the registry and were not scanned");
        layer_fail(sweep, layer, STAGE_FETCH, SCAN_SKIPPED, &err);
    } else if (descriptor->size > sweep->options->codec_limits.unpacked_bytes_max) {
        (void)err_set(&err, ERR_LIMIT, 0,
                      "layer of %" PRIu64 " bytes: expected at most %" PRIu64 "; raise --max-layer-bytes",
                      descriptor->size, sweep->options->codec_limits.unpacked_bytes_max);
        layer_fail(sweep, layer, STAGE_FETCH, SCAN_FAILED, &err);
    }
    return layer->result != NULL;
}

static void layer_count(struct sweep *sweep, const struct planned_layer *layer) {
    sweep->layers_done++;
    sweep->bytes_done += layer->descriptor.size;
}

static struct job *job_free(struct sweep *sweep) {
    for (size_t i = 0; i < sweep->options->budget.streams; i++) {
        if (sweep->jobs[i].layer == NULL)
            return &sweep->jobs[i];
    }
    return NULL;
}

static void layer_start(struct sweep *sweep, struct job *job, struct planned_layer *layer) {
    *job = (struct job){.layer = layer};
    if (layer->tree == NULL) {
        if (stream_init(&job->stream, &sweep->pool, sweep->options->budget.chunks_per_stream, wake, sweep->loop,
                        &sweep->fatal) < 0)
            return;
        job->streaming = true;
        layer->source->ops->stream(layer->source, &layer->reference, &layer->descriptor, &job->stream);
    }
    (void)queue_try_push(&sweep->ready, job);
}

/* Whether the bytes did not come, or were not the right ones: another place may have them. */
static bool is_unread(const struct planned_layer *layer) {
    const struct layer_result *result = layer->result;
    if (layer->is_stored || result == NULL || result->errors.count == 0)
        return false;
    const struct layer_error *error = &result->errors.data[0];
    return (error->stage == STAGE_FETCH || error->stage == STAGE_VERIFY) && error->code != ERR_CANCELED &&
           error->code != ERR_NOMEM;
}

/* A registry that names another's layer and does not give it must not take it away from that one's images. True when
 * the job goes on with the layer; once for each layer. */
static bool layer_retry(struct sweep *sweep, struct job *job) {
    struct planned_layer *layer = job->layer;
    const struct planned_image *other = layer->other;
    if (other == NULL || sweep->fatal.code != ERR_NONE || !is_unread(layer))
        return false;
    layer_result_free(layer->result);
    layer->result = NULL;
    layer->summary = (struct layer_summary){.status = SCAN_DONE};
    layer->source = other->source;
    layer->reference = (struct source_reference){
        .text = other->text, .registry = other->registry, .repository = other->repository, .tag = other->tag};
    layer->other = NULL;
    layer_start(sweep, job, layer);
    return true;
}

static void jobs_collect(struct sweep *sweep) {
    struct job *job;
    while ((job = queue_try_pop(&sweep->done)) != NULL)
        job->scanned = true;
    for (size_t i = 0; i < sweep->options->budget.streams; i++) {
        job = &sweep->jobs[i];
        if (job->layer == NULL)
            continue;
        if (job->streaming)
            stream_service(&job->stream);
        if (!job->scanned || (job->streaming && !stream_has_ended(&job->stream)))
            continue;
        if (job->streaming)
            stream_release(&job->stream);
        if (layer_retry(sweep, job))
            continue;
        layer_count(sweep, job->layer);
        sweep->secrets_found += job->secrets;
        if (job->lost)
            (void)err_set(&sweep->fatal, ERR_NOMEM, 0, "layer: out of memory");
        job->layer = NULL;
    }
    if (sweep->fatal.code == ERR_NONE && cache_has_failed(sweep->options->cache))
        (void)cache_flush(sweep->options->cache, &sweep->fatal);
}

/* Collects what is done and starts what fits; ends the loop when all layers are through. */
static void fetch_step(struct sweep *sweep) {
    if (atomic_load_explicit(&sweep->stop, memory_order_relaxed))
        return;
    jobs_collect(sweep);
    struct job *job;
    while (sweep->fatal.code == ERR_NONE && sweep->layer_next < sweep->plan.layers.count &&
           (job = job_free(sweep)) != NULL) {
        struct planned_layer *layer = sweep->plan.layers.data[sweep->layer_next++];
        if (layer->is_stored || layer->result != NULL)
            layer_count(sweep, layer);
        else
            layer_start(sweep, job, layer);
    }
    if (sweep->fatal.code != ERR_NONE || sweep->layers_done == sweep->plan.layers.count)
        loop_stop(sweep->loop);
}

static void on_wake(void *context) {
    struct sweep *sweep = context;
    if (sweep->phase == SWEEP_SCANNING)
        fetch_step(sweep);
}

/* ---- progress, signals ---- */

static void progress_tell(struct sweep *sweep) {
    uint64_t now_ns = clock_ns();
    size_t found = 0, read = 0;
    if (sweep->resolve != NULL)
        resolve_progress(sweep->resolve, &found, &read);
    uint64_t bytes = sweep->bytes_done;
    for (size_t i = 0; sweep->jobs != NULL && i < sweep->options->budget.streams; i++) {
        const struct job *job = &sweep->jobs[i];
        if (job->layer != NULL && job->streaming && job->stream.pull == NULL)
            bytes += job->stream.bytes < job->layer->descriptor.size ? job->stream.bytes : job->layer->descriptor.size;
    }
    struct sweep_progress progress = {.phase = sweep->phase,
                                      .images_found = found,
                                      .images_read = read,
                                      .layers_done = sweep->layers_done,
                                      .layers_total = sweep->plan.layers.count,
                                      .layers_known = sweep->layers_known,
                                      .bytes_done = bytes,
                                      .bytes_total = sweep->bytes_total,
                                      .secrets_found = sweep->secrets_found,
                                      .elapsed_ms = (now_ns - sweep->started_ns) / 1000000,
                                      .phase_ms = (now_ns - sweep->phase_ns) / 1000000};
    sweep->options->progress(sweep->options->context, &progress);
}

static void on_progress(void *context) {
    struct sweep *sweep = context;
    progress_tell(sweep);
    (void)loop_timer(sweep->loop, sweep->options->progress_ms, on_progress, sweep);
}

static void phase_begin(struct sweep *sweep, enum sweep_phase phase) {
    sweep->phase = phase;
    sweep->phase_ns = clock_ns();
}

static void on_signal(void *context, int fd, unsigned events) {
    struct sweep *sweep = context;
    (void)fd;
    (void)events;
    atomic_store_explicit(&sweep->stop, true, memory_order_relaxed);
    loop_cancel(sweep->loop, sweep->watch);
    loop_stop(sweep->loop);
}

/* While rows are written there is no loop to tell of signals: look at the descriptor itself. */
static bool signal_pending(void *context) {
    struct sweep *sweep = context;
    struct signalfd_siginfo info;
    return sweep->options->signal_fd >= 0 &&
           read(sweep->options->signal_fd, &info, sizeof info) == (ssize_t)sizeof info;
}

static void on_resolved(void *context) {
    struct sweep *sweep = context;
    loop_stop(sweep->loop);
}

/* ---- the run ---- */

static bool reference_wanted(void *context, struct span repository, struct span tag) {
    const struct sweep *sweep = context;
    return selection_wants_name(sweep->options->selection, repository, tag);
}

static int sweep_open(struct sweep *sweep, struct err *err) {
    const struct sweep_options *options = sweep->options;
    if (loop_open(options->loop_kind, &sweep->loop, err) < 0 ||
        http_open(sweep->loop, &options->http, &sweep->http, err) < 0 ||
        registry_auth_open(sweep->http, &options->credentials, &sweep->auth, err) < 0 ||
        queue_init(&sweep->ready, sweep->options->budget.streams, err) < 0 ||
        queue_init(&sweep->done, sweep->options->budget.streams, err) < 0)
        return -1;
    if (options->secrets && options->dedup &&
        seen_new(sweep->options->budget.seen_bytes, options->cache, options->profile, &sweep->seen, err) < 0)
        return -1;
    cache_resident_limit(options->cache, sweep->options->budget.cache_bytes);
    sweep->jobs = mem_array(sweep->options->budget.streams, sizeof *sweep->jobs);
    if (sweep->jobs == NULL)
        return err_set(err, ERR_NOMEM, 0, "sweep: out of memory");
    const char *refusal = loop_refusal(sweep->loop);
    if (refusal[0] != '\0' && options->notice != NULL)
        options->notice(options->context, refusal);
    sweep->classify = mem_alloc(sizeof *sweep->classify);
    if (sweep->classify == NULL)
        return err_set(err, ERR_NOMEM, 0, "sweep: out of memory");
    classify_init(sweep->classify);
    if (options->packages && signatures_load(NULL, 0, &sweep->signatures, err) < 0)
        return -1;
    sweep->sources = (struct source_context){.loop = sweep->loop,
                                             .http = sweep->http,
                                             .arena = &sweep->plan.arena,
                                             .plain_http = options->plain_http,
                                             .tls = options->tls,
                                             .username = options->credentials.username,
                                             .password = options->credentials.password,
                                             .auth = sweep->auth,
                                             .mirrors = options->mirrors,
                                             .mirror_count = options->mirror_count,
                                             .listing_api = options->listing_api,
                                             .wants = reference_wanted,
                                             .wants_context = sweep};
    sweep->scan_options =
        (struct layer_scan_options){.inspect = {.packages = options->packages,
                                                .secrets = options->secrets,
                                                .show_secrets = options->show_secrets,
                                                .decode_depth = options->decode_depth,
                                                .decode_bytes_max = options->decode_bytes_max,
                                                .body_bytes_max = sweep->options->budget.body_bytes_max,
                                                .catalogue_bytes_max = sweep->options->budget.catalogue_bytes_max,
                                                .classify = sweep->classify,
                                                .signatures = sweep->signatures,
                                                .secret_engine = options->secret_engine,
                                                .seen = sweep->seen},
                                    .codec_limits = options->codec_limits,
                                    .tar_limits = tar_limits_default(),
                                    .verify_diff_id = options->verify_diff_id,
                                    .stop = &sweep->stop};
    loop_on_wake(sweep->loop, on_wake, sweep);
    if (options->signal_fd >= 0) {
        sweep->watch = loop_watch(sweep->loop, options->signal_fd, LOOP_IN, on_signal, sweep);
        if (sweep->watch == 0)
            return err_set(err, ERR_NOMEM, 0, "sweep: out of memory");
    }
    if (options->progress_ms > 0 && options->progress != NULL)
        (void)loop_timer(sweep->loop, options->progress_ms, on_progress, sweep);
    return 0;
}

static int stopped(const struct sweep *sweep, struct err *err) {
    if (sweep->fatal.code != ERR_NONE) {
        *err = sweep->fatal;
        return -1;
    }
    return atomic_load_explicit(&sweep->stop, memory_order_relaxed) ? err_set(err, ERR_CANCELED, 0, "canceled") : 0;
}

/* The saved plan names digests whose records must be in the cache by then. */
static int plan_keep(struct sweep *sweep, struct err *err) {
    const struct sweep_options *options = sweep->options;
    AUTO_BUF struct buf plan;
    buf_init(&plan, 0);
    if (options->save == NULL)
        return 0;
    resolve_save(sweep->resolve, &plan);
    if (plan.failed)
        return err_set(err, ERR_NOMEM, 0, "plan: out of memory");
    return cache_flush(options->cache, err) < 0 ? -1 : options->save(options->save_context, buf_span(&plan), err);
}

static int resolve_run(struct sweep *sweep, struct err *err) {
    const struct sweep_options *options = sweep->options;
    struct resolve_options resolve_options = {.context = &sweep->sources,
                                              .targets = options->targets,
                                              .target_count = options->target_count,
                                              .saved = options->saved,
                                              .cache = options->cache,
                                              .platforms = options->platforms,
                                              .platform_count = options->platform_count,
                                              .selection = options->selection};
    phase_begin(sweep, SWEEP_LISTING);
    if (resolve_start(&resolve_options, &sweep->plan, on_resolved, sweep, &sweep->resolve, err) < 0 ||
        loop_run(sweep->loop, err) < 0 || stopped(sweep, err) < 0)
        return -1;
    if (!plan_select(&sweep->plan, options->selection) || !plan_order(&sweep->plan))
        return err_set(err, ERR_NOMEM, 0, "plan: out of memory");
    if (plan_keep(sweep, err) < 0)
        return -1;
    if (layer_store_new(&sweep->plan, options->cache, options->profile, options->verify_diff_id,
                        sweep->options->budget.result_bytes, &sweep->layers, err) < 0)
        return -1;
    for (size_t i = 0; i < sweep->plan.layers.count; i++) {
        struct planned_layer *layer = sweep->plan.layers.data[i];
        sweep->bytes_total += layer->descriptor.size;
        /* Refused whether or not the cache has it: rows do not depend on that. */
        if (!layer_refuse(sweep, layer))
            sweep->layers_known += layer_store_recall(sweep->layers, layer);
    }
    sweep->plan_ms = (clock_ns() - sweep->phase_ns) / 1000000;
    return stopped(sweep, err);
}

static int scan_run(struct sweep *sweep, struct err *err) {
    phase_begin(sweep, SWEEP_SCANNING);
    if (sweep->plan.layers.count == 0)
        return 0;
    if (threads_start(sweep, err) < 0)
        return -1;
    fetch_step(sweep);
    if (loop_run(sweep->loop, err) < 0)
        return -1;
    sweep->scan_ms = (clock_ns() - sweep->phase_ns) / 1000000;
    return stopped(sweep, err);
}

/* Ends scan threads and transfers, in the order in which they need each other. Harmless after a run that went well. */
static void sweep_quiesce(struct sweep *sweep) {
    struct err err = {0};
    (void)err_set(&err, ERR_CANCELED, 0, "canceled");
    atomic_store_explicit(&sweep->stop, true, memory_order_relaxed);
    /* Producers are told to end, which those with something in flight do when their transport is closed below; whoever
     * still waits for bytes gets none. */
    for (size_t i = 0; sweep->jobs != NULL && i < sweep->options->budget.streams; i++) {
        if (sweep->jobs[i].layer == NULL || !sweep->jobs[i].streaming)
            continue;
        stream_abandon(&sweep->jobs[i].stream);
        stream_service(&sweep->jobs[i].stream);
        stream_end(&sweep->jobs[i].stream, &err);
    }
    if (sweep->ready.items != NULL)
        queue_close(&sweep->ready);
    for (size_t i = 0; i < sweep->thread_count; i++)
        (void)pthread_join(sweep->threads[i], NULL);
    sweep->thread_count = 0;
    http_close(sweep->http);
    sweep->http = NULL;
    registry_auth_close(sweep->auth);
    sweep->auth = NULL;
    loop_close(sweep->loop);
    sweep->loop = NULL;
    for (size_t i = 0; sweep->jobs != NULL && i < sweep->options->budget.streams; i++) {
        if (sweep->jobs[i].layer != NULL && sweep->jobs[i].streaming)
            stream_release(&sweep->jobs[i].stream);
        sweep->jobs[i].layer = NULL;
    }
    for (size_t i = 0; sweep->scans != NULL && i < sweep->options->budget.jobs; i++)
        layer_scan_free(sweep->scans[i]);
    mem_free(sweep->scans);
    mem_free(sweep->threads);
    mem_free(sweep->jobs);
    sweep->scans = NULL;
    sweep->threads = NULL;
    sweep->jobs = NULL;
    seen_free(sweep->seen);
    sweep->seen = NULL;
}

static void sweep_close(struct sweep *sweep) {
    sweep_quiesce(sweep);
    layer_store_free(sweep->layers);
    resolve_free(sweep->resolve);
    mem_free(sweep->classify);
    signatures_free(sweep->signatures);
    queue_release(&sweep->ready);
    queue_release(&sweep->done);
    chunk_pool_release(&sweep->pool);
    plan_release(&sweep->plan);
}

int sweep_run(const struct sweep_options *options, const struct row_sink *sink, struct totals *ret_totals,
              struct err *err) {
    struct sweep sweep = {.options = options, .started_ns = clock_ns()};
    plan_init(&sweep.plan);
    chunk_pool_init(&sweep.pool);
    int result = sweep_open(&sweep, err);
    if (result == 0)
        result = resolve_run(&sweep, err);
    if (result == 0)
        result = scan_run(&sweep, err);
    if (result == 0) {
        sweep_quiesce(&sweep);
        phase_begin(&sweep, SWEEP_COMPOSING);
        if (options->progress_ms > 0 && options->progress != NULL)
            progress_tell(&sweep);
        struct emit_options emit_options = {.sweep_id = options->sweep_id,
                                            .cache = options->cache,
                                            .profile = options->profile,
                                            .layers = sweep.layers,
                                            .packages = options->packages,
                                            .secrets = options->secrets,
                                            .with_declared = options->with_declared,
                                            .show_secrets = options->show_secrets,
                                            .policy = &options->policy,
                                            .db = options->db,
                                            .filter = options->filter,
                                            .db_damage = options->db_damage,
                                            .db_name = options->db_name,
                                            .secret_engine = options->secret_engine,
                                            .scanned_at = options->scanned_at,
                                            .stop = signal_pending,
                                            .stop_context = &sweep};
        struct totals totals;
        result = cache_flush(options->cache, err);
        if (result == 0)
            result = emit(&sweep.plan, &emit_options, sink, &totals, err);
        totals.layers_known = sweep.layers_known;
        totals.plan_ms = sweep.plan_ms;
        totals.scan_ms = sweep.scan_ms;
        /* The texts of the totals belong to the plan, which ends here. */
        if (result == 0 && !totals_copy(options->arena, &totals, ret_totals))
            result = err_set(err, ERR_NOMEM, 0, "totals: out of memory");
    }
    sweep_close(&sweep);
    return result;
}
