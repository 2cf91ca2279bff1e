#include "matchers/secret/secret_dig.h"

#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "matchers/secret/secret_archive.h"
#include "matchers/secret/secret_decode.h"

#define NAME_BYTES ((size_t)96)
#define ENCODING_BYTES ((size_t)512)
#define MEMBER_BYTES_LEAST ((size_t)256) /* what a member costs of the budget at least: a call, a search */
#define KEPT_BYTES LIMIT_MIB             /* of a level's buffer, from one body to the next */
/* Documents whose values are encoded, and short: by their name. */
#define DOCUMENT_BYTES_MAX ((size_t)256 * LIMIT_KIB)

/* One level: the body, a view of it, a member of it, … What is in it is looked at in two steps: its view, then its
 * members. */
struct level {
    struct span body;
    struct buf bytes;        /* of a member that was unpacked */
    struct secret_view view; /* of the body: the next level's, when it is one */
    bool is_view;            /* this level is the view of the one above */
    bool view_done, is_archive;
    struct secret_archive archive; /* of the body, or of a view's segment */
    size_t archive_at, segment;    /* where it begins; the view's segment to look at next */
    /* A member's place in the level above. */
    size_t offset;
    size_t live_bytes; /* that were unpacked or decoded for it */
    enum secret_archive_kind kind;
    char name[NAME_BYTES];
};

struct secret_dig {
    const struct secret_engine *engine;
    struct secret_dig_options options;
    struct secret_scratch *scratch;
    struct level *levels; /* options.depth + 1 */
    VEC(uint64_t) found;  /* hashes of fingerprints: what was reported of this body */
    /* Of the body at hand. */
    const struct secret_input *input;
    bool is_whole;
    size_t level;
    uint64_t bytes_left, work_left;
    size_t live_bytes;
    secret_hit_fn fn;
    void *context;
    struct secret_outcome outcome;
    bool stopped;
};

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "secret: no memory to unpack"); }

int secret_dig_new(const struct secret_engine *engine, const struct secret_dig_options *options,
                   struct secret_dig **ret_dig, struct err *err) {
    if (options->depth > LIMIT_SECRET_DECODE_DEPTH)
        return err_set(err, ERR_LIMIT, 0, "decoding depth: expected at most %u, found %u", LIMIT_SECRET_DECODE_DEPTH,
                       options->depth);
    AUTO_SECRET_DIG struct secret_dig *dig = mem_zalloc(sizeof *dig);
    if (dig == NULL)
        return nomem(err);
    dig->engine = engine;
    dig->options = *options;
    dig->levels = mem_array((size_t)options->depth + 1, sizeof *dig->levels);
    if (dig->levels == NULL)
        return nomem(err);
    for (size_t i = 0; i <= options->depth; i++) {
        buf_init(&dig->levels[i].bytes, options->memory_max);
        secret_view_init(&dig->levels[i].view, options->memory_max);
    }
    if (secret_scratch_new(engine, &dig->scratch, err) < 0)
        return -1;
    *ret_dig = STEAL(dig);
    return 0;
}

void secret_dig_free(struct secret_dig *dig) {
    if (dig == NULL)
        return;
    for (size_t i = 0; dig->levels != NULL && i <= dig->options.depth; i++) {
        buf_release(&dig->levels[i].bytes);
        secret_view_release(&dig->levels[i].view);
    }
    mem_free(dig->levels);
    vec_release(&dig->found);
    secret_scratch_free(dig->scratch);
    mem_free(dig);
}

/* ---- hits ---- */

/* Appends to the front: the way in is followed from the inside out. */
static void way_prepend(char *way, const char *kind, const char *name) {
    char before[ENCODING_BYTES];
    (void)snprintf(before, sizeof before, "%s%s%s%s%s", kind, name == NULL ? "" : "!/", name == NULL ? "" : name,
                   way[0] == '\0' ? "" : ",", way);
    memcpy(way, before, sizeof before);
}

/* The place of a byte of the level at hand in the outermost body. */
static size_t place_outside(const struct secret_dig *dig, size_t at, char *way, size_t *ret_size) {
    for (size_t i = dig->level; i > 0; i--) {
        const struct level *level = &dig->levels[i], *above = &dig->levels[i - 1];
        if (!level->is_view) {
            way_prepend(way, secret_archive_name(level->kind), level->name[0] == '\0' ? NULL : level->name);
            at = level->offset;
            continue;
        }
        const struct secret_segment *segment = secret_view_segment(&above->view, at);
        if (segment == NULL)
            return 0;
        way_prepend(way, secret_encoding_name(segment->encoding), NULL);
        at = segment->begin;
        *ret_size = segment->size;
    }
    return at;
}

static uint64_t hit_hash(const struct secret_hit *hit) {
    return xxh64_seeded(span_text(hit->fingerprint), (uint64_t)(uintptr_t)hit->rule);
}

/* A secret that was found as it stands, or further out, is not told again of its decoded text. */
static bool is_known(const struct secret_dig *dig, uint64_t hash) {
    for (size_t i = 0; i < dig->found.count; i++)
        if (dig->found.data[i] == hash)
            return true;
    return false;
}

static int hit_pass(void *context, const struct secret_hit *hit) {
    struct secret_dig *dig = context;
    uint64_t hash = hit_hash(hit);
    if (dig->level > 0 && is_known(dig, hash))
        return 0;
    if (dig->outcome.hit_count >= LIMIT_FINDINGS_PER_FILE) {
        dig->outcome.truncated = dig->stopped = true;
        return 1;
    }
    struct secret_hit told = *hit;
    char way[ENCODING_BYTES] = "";
    if (dig->level > 0) {
        const struct secret_input *input = dig->input;
        size_t size = (size_t)hit->length;
        size_t at = place_outside(dig, (size_t)hit->offset, way, &size);
        struct span before = span_slice(input->body, 0, at);
        size_t line = span_index_last(before, '\n');
        told.offset = input->offset + at;
        told.length = size;
        told.line = input->line == 0 ? 1 : input->line;
        for (size_t i = 0; i < before.size; i++)
            told.line += before.data[i] == '\n';
        told.column = line != SIZE_MAX ? at - line : at + (input->column == 0 ? 1 : input->column);
        told.encoding = way;
    }
    dig->outcome.hit_count++;
    dig->stopped = !vec_push(&dig->found, hash) || dig->fn(dig->context, &told) != 0;
    return dig->stopped ? 1 : 0;
}

/* ---- levels ---- */

static struct span path_of(const struct secret_dig *dig) {
    const struct level *level = &dig->levels[dig->level];
    /* A file of tests inside an archive is one, and all that is in an archive of tests. */
    return dig->level > 0 && !level->is_view && !secret_path_is_test(dig->input->path) ? span_text(level->name)
                                                                                       : dig->input->path;
}

/* Searches the level at hand. */
static int level_search(struct secret_dig *dig, struct err *err) {
    struct level *level = &dig->levels[dig->level];
    struct secret_input input = {.body = level->body, .path = path_of(dig), .work_max = u64_max(dig->work_left, 1)};
    struct secret_outcome outcome = {0};
    if (level->body.size == 0)
        return 0;
    if (secret_scan(dig->engine, dig->scratch, dig->level == 0 ? dig->input : &input, hit_pass, dig, &outcome, err) < 0)
        return -1;
    dig->outcome.allowed_count += outcome.allowed_count;
    dig->outcome.work += outcome.work;
    dig->work_left -= u64_min(dig->work_left, outcome.work);
    dig->outcome.truncated = dig->outcome.truncated || outcome.truncated;
    if (dig->outcome.truncated_rule == NULL)
        dig->outcome.truncated_rule = outcome.truncated_rule;
    return 0;
}

bool secret_path_is_document(struct span path) {
    static const char *const ends[] = {".yaml",   ".yml",       ".json",        ".npmrc", ".dockercfg", ".netrc",
                                       ".pypirc", "kubeconfig", ".kube/config", ".env",   ".tfstate",   ".properties"};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
        if (span_ends(path, ends[i]))
            return true;
    return path.size == 0;
}

static bool is_document(struct span path, struct span body) {
    static const struct span signs[] = {SPAN_LITERAL("Secret"), SPAN_LITERAL("auth"), SPAN_LITERAL("_password"),
                                        SPAN_LITERAL("-key-data")};
    if (body.size > DOCUMENT_BYTES_MAX || !secret_path_is_document(path))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(signs); i++)
        if (span_find(body, signs[i], 0) != SIZE_MAX)
            return true;
    return false;
}

static void level_begin(struct level *level, struct span body) {
    level->body = body;
    level->view_done = level->is_archive = level->is_view = false;
    level->name[0] = '\0';
    level->live_bytes = level->segment = 0;
}

/* What may be unpacked next: within what is left of the budget, and of what there may be at a time. */
static size_t ceiling(const struct secret_dig *dig) {
    size_t live = size_min(dig->live_bytes, dig->options.memory_max);
    return (size_t)u64_min(dig->bytes_left, dig->options.memory_max - live);
}

static void spend(struct secret_dig *dig, size_t bytes) {
    dig->bytes_left -= u64_min(dig->bytes_left, size_max(bytes, MEMBER_BYTES_LEAST));
    dig->work_left += LIMIT_SECRET_WORK_RATIO * bytes;
}

/* Decodes the level at hand; its view becomes the next level. 1, or 0 where nothing decodes. */
static int view_enter(struct secret_dig *dig, struct err *err) {
    struct level *level = &dig->levels[dig->level];
    bool outermost = dig->level == 0;
    size_t from = outermost ? dig->input->report_from : 0;
    size_t to = outermost && dig->input->report_to > 0 ? dig->input->report_to : level->body.size;
    level->view.bytes.size_max = size_max(ceiling(dig), 1);
    bool close = is_document(path_of(dig), level->body);
    secret_decode(level->body, from, to, close, &level->view);
    dig->outcome.inside_limited = dig->outcome.inside_limited || level->view.truncated;
    if (level->view.failed)
        return nomem(err);
    if (level->view.bytes.size == 0)
        return 0;
    if (dig->level == dig->options.depth) {
        dig->outcome.inside_limited = true;
        return 0;
    }
    struct level *next = &dig->levels[++dig->level];
    level_begin(next, buf_span(&level->view.bytes));
    next->is_view = true;
    next->live_bytes = next->body.size;
    dig->live_bytes += next->live_bytes;
    spend(dig, next->body.size);
    return 1;
}

static void name_copy(char *out, struct span name) {
    char quoted[NAME_BYTES];
    (void)snprintf(out, NAME_BYTES, "%s", text_quote(name, quoted, sizeof quoted));
}

/* The body's archive; of a view the next segment's that is one: base64 of a gzip. */
static bool archive_open(struct secret_dig *dig) {
    struct level *level = &dig->levels[dig->level];
    level->archive_at = 0;
    level->is_archive = false;
    if (!level->is_view)
        return level->is_archive =
                   (dig->level > 0 || dig->is_whole) && secret_archive_open(level->body, &level->archive);
    const struct secret_view *view = &dig->levels[dig->level - 1].view;
    while (level->segment < view->segments.count && !level->is_archive) {
        size_t at = view->segments.data[level->segment++].at;
        size_t end = level->segment < view->segments.count ? view->segments.data[level->segment].at : level->body.size;
        level->archive_at = at;
        level->is_archive = secret_archive_open(span_slice(level->body, at, end - at), &level->archive);
    }
    return level->is_archive;
}

/* The next member of the level at hand becomes the next level. 1, or 0 after the last. */
static int member_enter(struct secret_dig *dig, struct err *err) {
    struct level *level = &dig->levels[dig->level];
    struct secret_member member;
    if (!level->is_archive)
        return 0;
    if (dig->level == dig->options.depth || dig->bytes_left == 0) {
        dig->outcome.inside_limited = true;
        return 0;
    }
    struct level *next = &dig->levels[dig->level + 1];
    next->bytes.size_max = size_max(ceiling(dig), 1);
    int found = 0;
    do
        found = secret_archive_next(&level->archive, &next->bytes, &member, err);
    while (found == 0 && level->is_view && archive_open(dig));
    if (found <= 0)
        return found;
    dig->outcome.inside_limited = dig->outcome.inside_limited || member.truncated;
    bool is_own = member.body.data >= level->body.data && member.body.data < level->body.data + level->body.size;
    level_begin(next, member.body);
    next->kind = level->archive.kind;
    next->offset = level->archive_at + member.offset;
    name_copy(next->name, member.name);
    next->live_bytes = is_own ? 0 : member.body.size;
    dig->live_bytes += next->live_bytes;
    spend(dig, member.body.size);
    dig->level++;
    return 1;
}

/* One step into or out of the level at hand. */
static int step(struct secret_dig *dig, struct err *err) {
    struct level *level = &dig->levels[dig->level];
    if (!level->view_done) {
        level->view_done = true;
        (void)archive_open(dig);
        /* Members of these stand there as they are, and whose they are is the better place. */
        bool is_open = level->is_archive && (level->archive.kind == SECRET_TAR || level->archive.kind == SECRET_AR);
        if (is_open && dig->level > 0 && !level->is_view && dig->level < dig->options.depth)
            return 0;
        if (level_search(dig, err) < 0)
            return -1;
        if (dig->stopped || dig->options.depth == 0)
            return 0;
        /* Packed bytes hold no runs of text worth decoding. */
        return level->is_archive && !level->is_view && !is_open ? 0 : view_enter(dig, err);
    }
    int entered = dig->options.depth == 0 ? 0 : member_enter(dig, err);
    if (entered != 0)
        return entered;
    /* Through with it. */
    dig->live_bytes -= level->live_bytes;
    if (level->bytes.capacity > KEPT_BYTES)
        buf_release(&level->bytes);
    if (level->view.bytes.capacity > KEPT_BYTES)
        buf_release(&level->view.bytes);
    return dig->level-- == 0 ? -2 : 0;
}

int secret_dig(struct secret_dig *dig, const struct secret_input *input, bool is_whole, secret_hit_fn fn, void *context,
               struct secret_outcome *ret_outcome, struct err *err) {
    dig->input = input;
    dig->is_whole = is_whole;
    dig->fn = fn;
    dig->context = context;
    dig->outcome = (struct secret_outcome){0};
    dig->stopped = false;
    dig->found.count = 0;
    dig->level = 0;
    dig->live_bytes = 0;
    dig->bytes_left = dig->options.bytes_max;
    dig->work_left = LIMIT_SECRET_WORK_FLOOR + LIMIT_SECRET_WORK_RATIO * input->body.size;
    level_begin(&dig->levels[0], input->body);
    int result = 0;
    while (result >= 0 && !dig->stopped)
        result = step(dig, err);
    if (result == -1)
        return -1;
    *ret_outcome = dig->outcome;
    return 0;
}
