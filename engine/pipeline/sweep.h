/* The whole job: targets in, rows out. One loop thread (the caller's) owns the ring, the sockets and the clock; N scan
 * threads read layers; the caller's thread then composes and writes.
 *
 * Memory: the ceiling is split between the streams' chunks, the bodies at hand, the seen bodies, layers' results and
 * the writer; see sweep_budget_of(). What grows with the fleet beyond it is the plan: see plan.h. */
#ifndef TRAWL_SWEEP_H
#define TRAWL_SWEEP_H

#include "engine/pipeline/finding.h"
#include "engine/pipeline/emit.h"
#include "engine/pipeline/selection.h"
#include "io/codec/codec.h"
#include "io/source/credentials.h"

enum sweep_phase { SWEEP_LISTING, SWEEP_SCANNING, SWEEP_COMPOSING };

struct sweep_progress {
    enum sweep_phase phase;
    uint64_t images_found, images_read;
    uint64_t layers_done, layers_total;
    uint64_t layers_known;            /* of them, from the cache */
    uint64_t bytes_done, bytes_total; /* packed */
    uint64_t secrets_found;
    uint64_t elapsed_ms, phase_ms;
};

struct sweep_budget {
    size_t jobs;
    size_t streams; /* layers in flight */
    size_t chunks_per_stream;
    size_t body_bytes_max, catalogue_bytes_max;
    size_t seen_bytes;
    size_t cache_bytes;  /* of the cache's file in memory */
    size_t result_bytes; /* layers' results in memory while rows are written */
    size_t writer_bytes;
};

/* How a ceiling is spent. `connections` is how many a host may have (0: as many as usual): there are as many layers in
 * flight, if the ceiling allows it. USAGE when it is too low to work with: the text says what the least is. */
int sweep_budget_of(uint64_t memory_bytes, size_t jobs, size_t connections, struct sweep_budget *ret_budget,
                    struct err *err);

struct sweep_options {
    const struct span *targets; /* as targets_read() gives them */
    size_t target_count;
    struct span saved; /* the plan of an unfinished sweep, or empty */
    /* Is given the plan when it is made, so that the sweep can go on after it was killed; or NULL. */
    int (*save)(void *context, struct span plan, struct err *err);
    void *save_context;
    const struct span *platforms;
    size_t platform_count;
    enum loop_kind loop_kind;
    struct http_options http;
    bool plain_http, tls;
    struct credentials_options credentials;
    const struct source_mirror *mirrors;
    size_t mirror_count;
    struct sweep_budget budget;
    bool packages, secrets;
    bool dedup;             /* search each body once */
    struct cache *cache;    /* what is known from before, and where what is found is kept: never NULL */
    struct hash128 profile; /* see profile.h */
    bool verify_diff_id;
    unsigned decode_depth;
    uint64_t decode_bytes_max;
    bool show_secrets;
    bool with_declared;
    struct policy policy;
    struct codec_limits codec_limits;
    const struct secret_engine *secret_engine; /* needed with `secrets` */
    const struct vuln_db *db;                  /* or NULL */
    struct finding_filter filter;              /* of vulnerabilities */
    const struct err *db_damage;               /* why not, when a database was named; it becomes an error row */
    struct span db_name;
    struct span sweep_id;
    int64_t scanned_at;
    uint64_t progress_ms; /* 0: no progress */
    void (*progress)(void *context, const struct sweep_progress *progress);
    void (*notice)(void *context, const char *text); /* one line for the log: which back-end, and why */
    void *context;
    struct arena *arena;               /* where the texts of the totals go */
    int signal_fd;                     /* readable when the user wants to stop; -1 for none */
    const struct selection *selection; /* which of the images that registries list; NULL: all */
    const char *listing_api;           /* see struct source_context */
};

/* USAGE, NOMEM, IO, CANCELED, UNSUPPORTED, or the sink's error; everything else is in the rows. */
int sweep_run(const struct sweep_options *options, const struct row_sink *sink, struct totals *ret_totals,
              struct err *err);

#endif
