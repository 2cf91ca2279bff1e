#include "engine/pipeline/inspect.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "engine/pipeline/found_secret.h"
#include "matchers/package/os_release.h"
#include "matchers/secret/secret_archive.h"

enum body_mode {
    BODY_SKIP,   /* nobody wants it, or it has no bytes */
    BODY_WHOLE,  /* collected, then looked at in one piece */
    BODY_WINDOW, /* searched in overlapping windows as it passes */
    BODY_DONE    /* came in one piece and was looked at without a copy */
};

struct inspect {
    const struct inspect_options *options;
    struct secret_dig *dig;
    struct signature_search *signatures; /* or NULL */
    struct arena arena;                  /* one file's parse: reset per file */
    struct buf body;
    struct layer_result *result;
    VEC(uint64_t) bodies;           /* hashes of this layer's bodies */
    VEC(struct layer_secret) found; /* in the body at hand, without path */

    struct span path;
    uint64_t size, layer_offset;
    enum body_mode mode;
    bool inside_told; /* that more is inside of the body than was looked into */
    bool is_program;  /* the body begins as an ELF file does */
    bool is_signed;   /* some signature asks for the path */
    struct classify_set wants;
    struct classify_set wants_head; /* who gets the first window and no more */
    uint64_t window_offset;         /* BODY_WINDOW: of body.data[0] in the file */
    uint64_t window_reported;       /* what begins before this offset has been reported */
    uint64_t window_line, window_column;
};

int inspect_new(const struct inspect_options *options, struct inspect **ret_inspect, struct err *err) {
    struct inspect *inspect = mem_zalloc(sizeof *inspect);
    if (inspect == NULL)
        return err_set(err, ERR_NOMEM, 0, "scan thread: out of memory");
    inspect->options = options;
    arena_init(&inspect->arena, 0, 4 * options->catalogue_bytes_max);
    buf_init(&inspect->body, size_max(options->body_bytes_max, options->catalogue_bytes_max));
    struct secret_dig_options dig = {.depth = options->decode_depth,
                                     .bytes_max = options->decode_bytes_max,
                                     .memory_max = options->catalogue_bytes_max / 2};
    if (options->secrets && secret_dig_new(options->secret_engine, &dig, &inspect->dig, err) < 0) {
        inspect_free(inspect);
        return -1;
    }
    if (options->packages && options->signatures != NULL &&
        signature_search_new(options->signatures, &inspect->signatures, err) < 0) {
        inspect_free(inspect);
        return -1;
    }
    *ret_inspect = inspect;
    return 0;
}

void inspect_free(struct inspect *inspect) {
    if (inspect == NULL)
        return;
    secret_dig_free(inspect->dig);
    signature_search_free(inspect->signatures);
    arena_release(&inspect->arena);
    buf_release(&inspect->body);
    vec_release(&inspect->bodies);
    vec_release(&inspect->found);
    mem_free(inspect);
}

void inspect_layer(struct inspect *inspect, struct layer_result *result) {
    inspect->result = result;
    inspect->bodies.count = 0;
    inspect->mode = BODY_SKIP;
}

static void fail(struct inspect *inspect, enum stage stage, const struct err *err) {
    layer_result_error(inspect->result, stage, inspect->path, &inspect->layer_offset, err, SCAN_PARTIAL);
}

/* ---- secrets ---- */

/* Libraries carry the private keys of their self-tests: a key inside a program is more likely one of those than
 * anybody's. */
#define PROGRAM_KEY_CONFIDENCE 0.4

static bool program_weigh(struct inspect *inspect, struct layer_secret *secret) {
    if (!inspect->is_program || !span_is(secret->provider, "private-key") ||
        secret->confidence <= PROGRAM_KEY_CONFIDENCE)
        return true;
    const char *evidence = arena_format(&inspect->result->arena, "%.*s%sinside a program",
                                        SPAN_FORMAT(secret->evidence), secret->evidence.size > 0 ? ", " : "");
    secret->confidence = PROGRAM_KEY_CONFIDENCE;
    secret->evidence = span_text(evidence);
    return evidence != NULL;
}

static int hit_keep(void *context, const struct secret_hit *hit) {
    struct inspect *inspect = context;
    struct layer_secret secret;
    bool kept = found_secret_make(&inspect->result->arena, hit, inspect->options->show_secrets, &secret) &&
                program_weigh(inspect, &secret) && vec_push(&inspect->found, secret);
    if (!kept) {
        struct err err = {0};
        (void)err_set(&err, ERR_NOMEM, 0, "secret: out of memory, findings of this file are missing");
        fail(inspect, STAGE_SECRET, &err);
    }
    return kept ? 0 : 1;
}

/* Once for a file, however many windows it has. */
static void inside_missed(struct inspect *inspect) {
    struct err err = {0};
    if (inspect->inside_told)
        return;
    inspect->inside_told = true;
    (void)err_set(&err, ERR_LIMIT, 0,
                  "secret: more is packed or encoded in this file than is looked into; raise --decode-depth (%u), "
                  "--decode-bytes (%" PRIu64 ") or --memory",
                  inspect->options->decode_depth, inspect->options->decode_bytes_max);
    fail(inspect, STAGE_SECRET, &err);
}

static void search(struct inspect *inspect, const struct secret_input *input, bool is_whole) {
    struct err err = {0};
    if (input->offset == 0)
        inspect->is_program = span_starts(input->body, "\177ELF");
    struct secret_outcome outcome = {0};
    if (secret_dig(inspect->dig, input, is_whole, hit_keep, inspect, &outcome, &err) < 0) {
        fail(inspect, STAGE_SECRET, &err);
        return;
    }
    if (outcome.truncated) {
        struct span rule = outcome.truncated_rule == NULL ? span_text("") : outcome.truncated_rule->id;
        (void)err_set(&err, ERR_LIMIT, 0, "secret: %s%.*s: the rest of this file's findings is missing",
                      rule.size > 0 ? "too much work for the rule " : "more than 1000 findings or too much work",
                      SPAN_FORMAT(rule));
        fail(inspect, STAGE_SECRET, &err);
    }
    if (outcome.inside_limited)
        inside_missed(inspect);
}

/* Gives the findings their path and the result. Those of the seen set are copied: a result owns its texts. */
static void secrets_add(struct inspect *inspect, const struct layer_secret *secrets, size_t count, bool copy) {
    struct arena *arena = &inspect->result->arena;
    struct span path = count == 0 ? (struct span){NULL, 0} : arena_copy(arena, inspect->path);
    for (size_t i = 0; i < count; i++) {
        struct layer_secret secret = secrets[i];
        bool kept = path.data != NULL && (!copy || found_secret_copy(arena, &secrets[i], &secret));
        secret.path = path;
        if (!kept || !vec_push(&inspect->result->secrets, secret)) {
            struct err err = {0};
            (void)err_set(&err, ERR_NOMEM, 0, "secret: out of memory, findings of this file are missing");
            fail(inspect, STAGE_SECRET, &err);
            return;
        }
    }
}

/* The same bytes are judged differently in a folder of tests, so the kind of place is part of what was seen. */
static struct hash128 body_identity(const struct inspect *inspect, struct span body) {
    static const struct hash_key fixed; /* without a sweep-wide set the hash is only compared within this layer */
    const struct hash_key *key = inspect->options->seen == NULL ? &fixed : seen_key(inspect->options->seen);
    struct hash128 hash = body_hash_once(key, body);
    hash.high ^= (uint64_t)secret_path_is_test(inspect->path) * 0x9e3779b97f4a7c15U;
    hash.high ^= (uint64_t)secret_path_is_document(inspect->path) * 0xc2b2ae3d27d4eb4fU;
    return hash;
}

static void secrets_search(struct inspect *inspect, struct span body) {
    struct seen *seen = inspect->options->seen;
    struct hash128 hash = body_identity(inspect, body);
    if (!vec_push(&inspect->bodies, hash.low)) {
        struct err err = {0};
        (void)err_set(&err, ERR_NOMEM, 0, "secret: out of memory, counts of repeated bodies are too low");
        fail(inspect, STAGE_SECRET, &err);
    }
    if (!inspect->options->secrets)
        return;
    const struct layer_secret *known = NULL;
    size_t known_count = 0;
    if (seen != NULL && seen_find(seen, hash, body.size, &known, &known_count)) {
        secrets_add(inspect, known, known_count, true);
        return;
    }
    size_t errors = inspect->result->errors.count;
    struct secret_input input = {.body = body, .path = inspect->path, .line = 1, .column = 1};
    inspect->found.count = 0;
    search(inspect, &input, true);
    secrets_add(inspect, inspect->found.data, inspect->found.count, false);
    /* A search that did not end well is not remembered: its error belongs to every place where the body stands. */
    if (seen != NULL && errors == inspect->result->errors.count)
        seen_add(seen, hash, body.size, inspect->found.data, inspect->found.count);
}

/* A loop that compilers turn into vector code: large files pass through it whole. */
static uint64_t newlines_count(struct span s) {
    uint64_t count = 0;
    for (size_t i = 0; i < s.size; i++)
        count += s.data[i] == '\n';
    return count;
}

static int package_keep(void *context, const struct package *package, struct err *err) {
    struct layer_result *result = context;
    struct package copy;
    /* Of a folder whose every file names the same package, once is enough: its files stand together. */
    const struct package *last =
        result->packages.count == 0 ? NULL : &result->packages.data[result->packages.count - 1];
    if (last != NULL && last->evidence == package->evidence && layer_package_compare(last, package) == 0)
        return 0;
    if (!package_copy(&result->arena, package, &copy) || !vec_push(&result->packages, copy))
        return err_set(err, ERR_NOMEM, 0, "packages: out of memory after %zu", result->packages.count);
    return 0;
}

/* The next part of a body that a signature asks for. */
static void signatures_read(struct inspect *inspect, struct span window, uint64_t offset, bool last) {
    struct err err = {0};
    if (!inspect->is_signed)
        return;
    signature_search_window(inspect->signatures, window, offset, last);
    if (last && signature_search_end(inspect->signatures, package_keep, inspect->result, &err) < 0)
        fail(inspect, STAGE_PACKAGE, &err);
}

/* Searches the window at hand and keeps the overlap that the next one begins with. */
static void window_search(struct inspect *inspect, bool last) {
    struct span body = buf_span(&inspect->body);
    size_t report_from = (size_t)(inspect->window_reported - inspect->window_offset);
    size_t report_to = last ? body.size : body.size - size_min(LIMIT_WINDOW_OVERLAP, body.size);
    if (report_to <= report_from && !last)
        return;
    struct secret_input input = {.body = body,
                                 .path = inspect->path,
                                 .offset = inspect->window_offset,
                                 .line = inspect->window_line,
                                 .column = inspect->window_column,
                                 .report_from = report_from,
                                 .report_to = report_to};
    signatures_read(inspect, body, inspect->window_offset, last);
    inspect->found.count = 0;
    if (inspect->options->secrets)
        search(inspect, &input, false);
    secrets_add(inspect, inspect->found.data, inspect->found.count, false);
    inspect->window_reported = inspect->window_offset + report_to;
    size_t drop = report_to - size_min(LIMIT_WINDOW_OVERLAP, report_to);
    struct span dropped = span_slice(body, 0, drop);
    size_t last_newline = span_index_last(dropped, '\n');
    inspect->window_line += newlines_count(dropped);
    inspect->window_column = last_newline == SIZE_MAX ? inspect->window_column + drop : drop - last_newline;
    memmove(inspect->body.data, inspect->body.data + drop, body.size - drop);
    inspect->body.size -= drop;
    inspect->window_offset += drop;
}

/* Whether a file may be one that a cataloguer reads, so that a package found there has an owner: by its path, or as a
 * program or library, which is told by its first bytes. Those stand nowhere under usr/share. */
static bool may_carry(const struct inspect *inspect, struct span path) {
    if (classify_wants(inspect->options->classify, path))
        return true;
    size_t slash = span_index_last(path, '/');
    struct span name = span_from(path, slash == SIZE_MAX ? 0 : slash + 1);
    bool is_program = span_index(name, '.', 0) == SIZE_MAX || text_glob(span_text("*bin/*"), path) ||
                      span_find(name, span_text(".so"), 0) != SIZE_MAX || span_ends(name, ".exe") ||
                      span_ends(name, ".dll");
    return is_program && !span_starts(path, "usr/share/") && !span_starts(path, "etc/");
}

static bool owner_is(const struct layer_owner *last, struct span path, const struct package_owner *owner) {
    return last->type == owner->type && last->foreign == owner->foreign && last->proves == owner->proves &&
           span_equal(last->path, path) && span_equal(last->name, owner->name) &&
           span_equal(last->architecture, owner->architecture);
}

static bool owner_begin(struct inspect *inspect, const struct package_owner *owner) {
    struct layer_result *result = inspect->result;
    struct layer_owner *last = result->owners.count == 0 ? NULL : &result->owners.data[result->owners.count - 1];
    if (last != NULL && owner_is(last, inspect->path, owner))
        return true;
    bool same_file = last != NULL && span_equal(last->path, inspect->path);
    struct layer_owner fresh = {.path = same_file ? last->path : arena_copy(&result->arena, inspect->path),
                                .type = owner->type,
                                .name = arena_copy(&result->arena, owner->name),
                                .architecture = arena_copy(&result->arena, owner->architecture),
                                .foreign = owner->foreign,
                                .proves = owner->proves,
                                .first = result->owned.count};
    return fresh.path.data != NULL && fresh.name.data != NULL && fresh.architecture.data != NULL &&
           vec_push(&result->owners, fresh);
}

/* Only the files of one database at a time are told, so an owner's places in `owned` are next to each other. */
static int owned_keep(void *context, const struct package_owner *owner, struct span path, struct err *err) {
    struct inspect *inspect = context;
    struct layer_result *result = inspect->result;
    bool keeps = path.size > 0 && (owner->proves || may_carry(inspect, path));
    if (path.size > 0 && !keeps)
        return 0;
    bool kept = owner_begin(inspect, owner);
    uint64_t both[] = {path_fingerprint(path), path_fingerprint_twin(path)};
    for (size_t i = 0; kept && keeps && i < (owner->proves ? 2 : 1); i++) {
        kept = result->owned.count < UINT32_MAX && vec_push(&result->owned, both[i]);
        result->owners.data[result->owners.count - 1].count += kept;
    }
    return kept ? 0 : err_set(err, ERR_NOMEM, 0, "owned files: out of memory after %zu", result->owned.count);
}

static void catalogue_run(struct inspect *inspect, struct classify_set wants, struct span body) {
    enum cataloguer_id id;
    struct catalogue_input input = {.path = inspect->path, .body = body, .own = owned_keep, .own_context = inspect};
    while (classify_set_take(&wants, &id)) {
        struct err err = {0};
        arena_reset(&inspect->arena);
        if (catalogue_file(id, &input, &inspect->arena, package_keep, inspect->result, &err) < 0)
            fail(inspect, STAGE_PACKAGE, &err);
    }
    arena_reset(&inspect->arena);
}

/* Whether a body that began as a window is to be collected whole after all: it is a program, which its cataloguers look
 * at in one piece, and there is room for it. Asked once, with the first window full, so that the answer does not depend
 * on the pieces in which the body comes. */
static bool program_keep(struct inspect *inspect) {
    struct span head = buf_span(&inspect->body);
    if (!inspect->options->packages || inspect->window_offset != 0 || inspect->window_reported != 0)
        return false;
    struct classify_set wants = classify_head(inspect->options->classify, head);
    if (classify_set_is_empty(&wants))
        return false;
    if (inspect->size <= inspect->options->catalogue_bytes_max)
        return true;
    /* Go's linker leaves a note in the first page: only such a program is known to have lost something. */
    if (span_find(span_slice(head, 0, 8 * LIMIT_KIB), span_make("\4\0\0\0Go\0", 8), 0) != SIZE_MAX) {
        struct err err = {0};
        (void)err_set(&err, ERR_LIMIT, 0,
                      "a Go program of %" PRIu64 " bytes: expected at most %zu; raise --memory to list its modules",
                      inspect->size, inspect->options->catalogue_bytes_max);
        fail(inspect, STAGE_PACKAGE, &err);
    }
    return false;
}

/* The same of an archive, whose members can only be looked at where it is whole. */
static bool archive_keep(struct inspect *inspect) {
    if (!inspect->options->secrets || inspect->options->decode_depth == 0 || inspect->window_offset != 0 ||
        inspect->window_reported != 0 || !secret_archive_is(buf_span(&inspect->body)))
        return false;
    if (inspect->size <= inspect->options->catalogue_bytes_max)
        return true;
    inside_missed(inspect);
    return false;
}

static void window_add(struct inspect *inspect, struct span bytes) {
    while (bytes.size > 0) {
        size_t room = inspect->options->body_bytes_max - inspect->body.size;
        struct span piece = span_slice(bytes, 0, room);
        buf_add(&inspect->body, piece);
        if (inspect->body.failed) {
            struct err err = {0};
            (void)err_set(&err, ERR_NOMEM, 0, "secret: out of memory, the rest of this file was not searched");
            fail(inspect, STAGE_SECRET, &err);
            inspect->mode = BODY_SKIP;
            return;
        }
        bytes = span_from(bytes, piece.size);
        if (inspect->body.size < inspect->options->body_bytes_max)
            continue;
        if (!classify_set_is_empty(&inspect->wants_head)) {
            catalogue_run(inspect, inspect->wants_head, buf_span(&inspect->body));
            inspect->wants_head = (struct classify_set){0};
        }
        if (program_keep(inspect) || archive_keep(inspect)) {
            inspect->mode = BODY_WHOLE;
            buf_add(&inspect->body, bytes);
            return;
        }
        if (!inspect->options->secrets && !inspect->is_signed) {
            inspect->mode = BODY_SKIP;
            return;
        }
        window_search(inspect, false);
    }
}

/* ---- packages ---- */

static void release_read(struct inspect *inspect, struct span body) {
    struct err err = {0};
    struct layer_result *result = inspect->result;
    struct layer_release release = {.path = arena_copy(&result->arena, inspect->path)};
    struct distro distro;
    if (os_release_parse(inspect->path, body, &inspect->arena, &distro, &err) < 0) {
        if (err.code != ERR_NOTFOUND)
            fail(inspect, STAGE_PACKAGE, &err);
        return;
    }
    if (release.path.data == NULL || !distro_copy(&result->arena, &distro, &release.distro) ||
        !vec_push(&result->releases, release)) {
        (void)err_set(&err, ERR_NOMEM, 0, "release file: out of memory");
        fail(inspect, STAGE_PACKAGE, &err);
    }
}

static void packages_read(struct inspect *inspect, struct span body) {
    catalogue_run(inspect, inspect->wants, body);
    if (classify_set_has(&inspect->wants, CLASSIFY_RELEASE))
        release_read(inspect, body);
}

/* ---- bodies ---- */

static void body_look(struct inspect *inspect, struct span body) {
    secrets_search(inspect, body);
    if (inspect->options->packages && body.size <= inspect->options->catalogue_bytes_max) {
        struct classify_set wants = classify_head(inspect->options->classify, body);
        classify_set_join(&inspect->wants, &wants);
    }
    if (!classify_set_is_empty(&inspect->wants))
        packages_read(inspect, body);
    signatures_read(inspect, body, 0, true);
}

void inspect_begin(struct inspect *inspect, struct span path, uint64_t size, uint64_t layer_offset) {
    inspect->path = path;
    inspect->size = size;
    inspect->layer_offset = layer_offset;
    inspect->wants =
        inspect->options->packages ? classify_path(inspect->options->classify, path) : (struct classify_set){0};
    inspect->is_signed = inspect->signatures != NULL && signature_search_begin(inspect->signatures, path);
    buf_reset(&inspect->body);
    inspect->wants_head = (struct classify_set){0};
    const struct classify *classify = inspect->options->classify;
    if (!classify_set_is_empty(&inspect->wants)) {
        struct classify_set by_path = classify_set_split(&inspect->wants, &classify->by_path);
        catalogue_run(inspect, by_path, (struct span){NULL, 0});
        if (size > inspect->options->body_bytes_max) {
            (void)classify_set_split(&inspect->wants, &classify->by_content);
            inspect->wants_head = classify_set_split(&inspect->wants, &classify->by_head);
        }
    }
    if (!classify_set_is_empty(&inspect->wants) && size > inspect->options->catalogue_bytes_max) {
        struct err err = {0};
        (void)err_set(&err, ERR_LIMIT, 0,
                      "package data of %" PRIu64 " bytes: expected at most %zu; raise --memory to read it", size,
                      inspect->options->catalogue_bytes_max);
        fail(inspect, STAGE_PACKAGE, &err);
        inspect->wants = (struct classify_set){0};
    }
    if (size > 0)
        inspect->result->body_count++;
    bool whole = !classify_set_is_empty(&inspect->wants) || size <= inspect->options->body_bytes_max;
    inspect->mode = whole                                                     ? BODY_WHOLE
                    : inspect->options->secrets || inspect->options->packages ? BODY_WINDOW
                                                                              : BODY_SKIP;
    inspect->window_offset = inspect->window_reported = 0;
    inspect->window_line = inspect->window_column = 1;
    inspect->inside_told = false;
}

void inspect_data(struct inspect *inspect, struct span bytes) {
    switch (inspect->mode) {
    case BODY_WHOLE:
        if (bytes.size == inspect->size && inspect->body.size == 0) {
            body_look(inspect, bytes);
            inspect->mode = BODY_DONE;
            return;
        }
        buf_add(&inspect->body, bytes);
        break;
    case BODY_WINDOW:
        window_add(inspect, bytes);
        break;
    case BODY_SKIP:
    case BODY_DONE:
        break;
    }
}

void inspect_end(struct inspect *inspect) {
    if (inspect->mode == BODY_WHOLE && inspect->body.failed) {
        struct err err = {0};
        (void)err_set(&err, ERR_NOMEM, 0, "file of %" PRIu64 " bytes: out of memory, not looked at", inspect->size);
        fail(inspect, STAGE_SECRET, &err);
    } else if (inspect->mode == BODY_WHOLE && (inspect->body.size > 0 || !classify_set_is_empty(&inspect->wants))) {
        body_look(inspect, buf_span(&inspect->body));
    } else if (inspect->mode == BODY_WINDOW) {
        window_search(inspect, true);
    }
    inspect->mode = BODY_SKIP;
}

void inspect_layer_end(struct inspect *inspect) {
    if (inspect->bodies.count == 0)
        return;
    qsort(inspect->bodies.data, inspect->bodies.count, sizeof(uint64_t), u64_order);
    for (size_t i = 1; i < inspect->bodies.count; i++)
        inspect->result->body_seen_count += inspect->bodies.data[i] == inspect->bodies.data[i - 1];
}
