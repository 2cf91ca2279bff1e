#include "matchers/secret/secret_engine.h"

#include "base/hash/digest.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/overflow.h"
#include "base/text.h"
#include "matchers/secret/secret_internal.h"

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "secret engine: no memory"); }

/* Compilation ---------------------------------------------------------------------------------------------------- */

/* Two rules may share a literal: it is searched for once. `keys` holds the texts seen, in lower case for nocase ones.
 * */
static int literal_add(struct secret_engine *engine, struct map *seen, struct arena *keys, struct span text,
                       uint32_t rule, struct err *err) {
    const struct secret_rule *of = &engine->rules[rule];
    struct span key = span_text(arena_format(keys, "%c%.*s", of->nocase ? 'i' : 'c', SPAN_FORMAT(text)));
    if (key.data == NULL)
        return nomem(err);
    if (of->nocase) {
        uint8_t *folded = arena_alloc(keys, key.size);
        if (folded == NULL)
            return nomem(err);
        for (size_t i = 0; i < key.size; i++)
            folded[i] = text_lower_byte(key.data[i]);
        key.data = folded;
    }
    bool is_new = false;
    void **slot = map_put(seen, key, &is_new);
    if (slot == NULL)
        return nomem(err);
    if (is_new) {
        if (!vec_push(&engine->literals, (struct ready_literal){.text = text,
                                                                .nocase = of->nocase,
                                                                .bounded = of->bounded,
                                                                .follow = of->follow,
                                                                .follow_byte = of->follow_byte,
                                                                .follow_bytes = of->max_bytes}))
            return nomem(err);
        *slot = (void *)engine->literals.count; /* one more than the index: NULL is "new" */
    }
    struct ready_literal *literal = &engine->literals.data[(uintptr_t)*slot - 1];
    literal->bounded = literal->bounded && of->bounded;
    if (literal->follow != of->follow || literal->follow_byte != of->follow_byte)
        literal->follow = SECRET_FOLLOW_ANY;
    literal->follow_bytes = size_max(literal->follow_bytes, of->max_bytes);
    /* A rule that lists the same text twice (in two cases, perhaps) is tried once. */
    if (literal->rules.count > 0 && literal->rules.data[literal->rules.count - 1] == rule)
        return 0;
    return vec_push(&literal->rules, rule) ? 0 : nomem(err);
}

static int hs_error(hs_error_t code, hs_compile_error_t *compile, const char *what, struct err *err) {
    if (code == HS_ARCH_ERROR || code == HS_COMPILER_ERROR)
        err_set(err, code == HS_ARCH_ERROR ? ERR_UNSUPPORTED : ERR_FORMAT, 0, "secret engine: %s: %s", what,
                compile != NULL ? compile->message : "the CPU lacks SSSE3, which Hyperscan needs");
    else
        err_set(err, code == HS_NOMEM ? ERR_NOMEM : ERR_UNSUPPORTED, 0, "secret engine: %s: Hyperscan error %d", what,
                code);
    (void)hs_free_compile_error(compile); /* accepts NULL; nothing to do about a failure */
    return -1;
}

/* What both compilers of Hyperscan take. */
struct hs_lists {
    const char **texts;
    unsigned *flags, *ids;
    size_t *sizes;
    unsigned count;
};

static bool lists_make(struct hs_lists *lists, struct arena *arena, size_t count) {
    lists->texts = arena_array(arena, count, sizeof *lists->texts);
    lists->flags = arena_array(arena, count, sizeof *lists->flags);
    lists->ids = arena_array(arena, count, sizeof *lists->ids);
    lists->sizes = arena_array(arena, count, sizeof *lists->sizes);
    return lists->texts != NULL && lists->flags != NULL && lists->ids != NULL && lists->sizes != NULL;
}

static int literals_compile(struct secret_engine *engine, struct arena *arena, struct err *err) {
    struct hs_lists lists = {0};
    if (!lists_make(&lists, arena, engine->literals.count + 1))
        return nomem(err);
    for (size_t i = 0; i < engine->literals.count; i++) {
        const struct ready_literal *literal = &engine->literals.data[i];
        if (literal->text.size == 0)
            continue;
        lists.texts[lists.count] = (const char *)literal->text.data;
        lists.flags[lists.count] = literal->nocase ? HS_FLAG_CASELESS : 0;
        lists.ids[lists.count] = (unsigned)i;
        lists.sizes[lists.count++] = literal->text.size;
    }
    if (lists.count == 0)
        return 0;
    hs_compile_error_t *compile = NULL;
    hs_error_t code = hs_compile_lit_multi(lists.texts, lists.flags, lists.ids, lists.sizes, lists.count, HS_MODE_BLOCK,
                                           NULL, &engine->literal_db, &compile);
    return code == HS_SUCCESS ? 0 : hs_error(code, compile, "literals", err);
}

/* Rules without a literal: Hyperscan takes what it can of the shape (HS_FLAG_PREFILTER finds a superset), PCRE2
 * confirms. */
static int shapes_compile(struct secret_engine *engine, struct arena *arena, struct err *err) {
    struct hs_lists lists = {0};
    if (!lists_make(&lists, arena, engine->literals.count + 1))
        return nomem(err);
    for (size_t i = 0; i < engine->literals.count; i++) {
        const struct ready_literal *place = &engine->literals.data[i];
        if (place->text.size > 0)
            continue;
        lists.texts[lists.count] = (const char *)engine->rules[place->rules.data[0]].expression.data;
        lists.flags[lists.count] = HS_FLAG_PREFILTER | HS_FLAG_MULTILINE | HS_FLAG_ALLOWEMPTY;
        lists.ids[lists.count++] = (unsigned)i;
    }
    if (lists.count == 0)
        return 0;
    hs_compile_error_t *compile = NULL;
    hs_error_t code = hs_compile_multi(lists.texts, lists.flags, lists.ids, lists.count, HS_MODE_BLOCK, NULL,
                                       &engine->shape_db, &compile);
    return code == HS_SUCCESS ? 0 : hs_error(code, compile, "rules without literals", err);
}

static int literals_collect(struct secret_engine *engine, struct arena *arena, struct err *err) {
    struct map seen __attribute__((cleanup(map_release)));
    map_init(&seen, 0);
    for (uint32_t i = 0; i < engine->rule_count; i++) {
        const struct secret_rule *rule = &engine->rules[i];
        for (size_t literal = 0; literal < rule->literal_count; literal++)
            if (literal_add(engine, &seen, arena, rule->literals[literal], i, err) < 0)
                return -1;
        if (rule->literal_count > 0)
            continue;
        struct ready_literal place = {.text = {NULL, 0}};
        if (!vec_push(&place.rules, i) || !vec_push(&engine->literals, place)) {
            vec_release(&place.rules);
            return nomem(err);
        }
    }
    return 0;
}

int secret_engine_new(const struct secret_rules *rules, struct span fingerprint_key, struct secret_engine **ret_engine,
                      struct err *err) {
    return secret_engine_new_saved(rules, fingerprint_key, (struct span){NULL, 0}, ret_engine, err);
}

int secret_engine_new_saved(const struct secret_rules *rules, struct span fingerprint_key, struct span saved,
                            struct secret_engine **ret_engine, struct err *err) {
    AUTO_SECRET_ENGINE struct secret_engine *engine = mem_zalloc(sizeof *engine);
    if (engine == NULL)
        return nomem(err);
    struct arena arena __attribute__((cleanup(arena_release)));
    arena_init(&arena, 0, LIMIT_SECRET_RULES_BYTES);
    engine->allow = secret_rules_allow(rules);
    engine->model = secret_rules_model(rules);
    engine->rule_count = secret_rules_count(rules);
    engine->rules = engine->rule_count == 0 ? NULL : secret_rules_at(rules, 0);
    engine->key_size = size_min(fingerprint_key.size, sizeof engine->key);
    if (engine->key_size > 0)
        memcpy(engine->key, fingerprint_key.data, engine->key_size);
    if (hs_valid_platform() != HS_SUCCESS)
        return hs_error(HS_ARCH_ERROR, NULL, "start", err);
    (void)hs_set_misc_allocator(mem_alloc, mem_free); /* the same each time; it refuses only a NULL of two */
    if (literals_collect(engine, &arena, err) < 0 || secret_databases_identify(engine, err) < 0)
        return -1;
    if (!secret_databases_load(engine, saved) &&
        (literals_compile(engine, &arena, err) < 0 || shapes_compile(engine, &arena, err) < 0))
        return -1;
    *ret_engine = STEAL(engine);
    return 0;
}

void secret_engine_free(struct secret_engine *engine) {
    if (engine == NULL)
        return;
    for (size_t i = 0; i < engine->literals.count; i++)
        vec_release(&engine->literals.data[i].rules);
    vec_release(&engine->literals);
    (void)hs_free_database(engine->literal_db); /* both accept NULL; nothing to do about a failure */
    (void)hs_free_database(engine->shape_db);
    explicit_bzero(engine->key, sizeof engine->key);
    mem_free(engine);
}

int secret_scratch_new(const struct secret_engine *engine, struct secret_scratch **ret_scratch, struct err *err) {
    AUTO_SECRET_SCRATCH struct secret_scratch *scratch = mem_zalloc(sizeof *scratch);
    if (scratch == NULL)
        return nomem(err);
    arena_init(&scratch->arena, 0, 4 * LIMIT_MIB); /* a decoded secret of LIMIT_SECRET_MATCH_BYTES and its JSON tree */
    buf_init(&scratch->bytes, 4 * LIMIT_SECRET_MATCH_BYTES);
    scratch->matcher = regex_matcher_new();
    scratch->states = mem_array(engine->rule_count, sizeof *scratch->states);
    scratch->follows = mem_array(engine->literals.count, sizeof *scratch->follows);
    if (scratch->matcher == NULL || scratch->states == NULL || scratch->follows == NULL)
        return nomem(err);
    for (int i = 0; i < 2; i++) {
        const hs_database_t *database = i == 0 ? engine->literal_db : engine->shape_db;
        if (database != NULL && hs_alloc_scratch(database, &scratch->hs) != HS_SUCCESS)
            return nomem(err);
    }
    *ret_scratch = STEAL(scratch);
    return 0;
}

void secret_scratch_free(struct secret_scratch *scratch) {
    if (scratch == NULL)
        return;
    (void)hs_free_scratch(scratch->hs); /* accepts NULL */
    regex_matcher_free(scratch->matcher);
    arena_release(&scratch->arena);
    buf_release(&scratch->bytes);
    mem_free(scratch->hits);
    mem_free(scratch->states);
    mem_free(scratch->follows);
    vec_release(&scratch->candidates);
    mem_free(scratch);
}

/* The search ------------------------------------------------------------------------------------------------------ */

/* How far behind a name {{assign}} or {{is}} may find its operator: 24 bytes of the expression's own, 40 of name, 12
 * of the rest. */
#define OPERATOR_BYTES ((size_t)76)

struct search {
    const struct secret_engine *engine;
    struct secret_scratch *scratch;
    const struct secret_input *input;
    size_t report_from, report_to;
    size_t allowed_count;
    bool truncated;
    const struct secret_rule *truncated_rule;
    bool nomem;
};

/* Whether `text` ends in a word after which a blank, a line break, a dash or a dot is enough, as in `--api-key VALUE`.
 */
static bool names_a_secret(struct span text) {
    static const struct span words[] = {SPAN_LITERAL("key"),  SPAN_LITERAL("oken"),  SPAN_LITERAL("cret"),
                                        SPAN_LITERAL("word"), SPAN_LITERAL("ccess"), SPAN_LITERAL("ivate")};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (text.size >= words[i].size && text_equal_nocase(span_from(text, text.size - words[i].size), words[i]))
            return true;
    return false;
}

/* Whether the bytes from `from` on can be what {{assign}} or {{is}} stands for: name, quotes, then an operator.
 * Passes more than
 * the macros do, never less. A slash ends it, which spares us every path and address. */
static bool operator_follows(struct span body, size_t from, bool narrow) {
    struct span near = span_slice(body, from, OPERATOR_BYTES);
    for (size_t i = 0; i < near.size; i++) {
        uint8_t c = near.data[i];
        if (c == '=' || c == ':')
            return true;
        if (!narrow && (text_is_space(c) || c == '-' || c == '.') && names_a_secret(span_slice(near, 0, i)))
            return true;
        if (text_is_alnum(c) || c == '_' || c == ' ' || c == '.' || c == '-' || c == '"' || c == '\'' || c == ']' ||
            c == '`' || c == '\t')
            continue;
        if (narrow)
            return false;
        if (c == ',' || c == '>' || c == '<' || c == '(' || c == '|' || c == '%')
            return true;
        if (memchr("\\)}[?+!&~^*\n\r\v\f", c, 13) == NULL)
            return i + 1 < near.size && c == '/' && near.data[i + 1] == '=';
    }
    return false;
}

static bool byte_follows(struct follow_state *state, struct span body, size_t from, uint8_t byte, size_t bytes) {
    size_t end = size_min(body.size, from + bytes);
    if (from < state->from || from > state->until)
        state->from = state->until = from, state->ends = state->found = false;
    while (!state->ends && state->until < end) {
        uint8_t c = body.data[state->until];
        state->found = c == byte;
        state->ends = state->found || text_is_space(c);
        state->until += !state->ends;
    }
    return state->found && state->until < end;
}

/* What {{start}} says. */
static bool is_boundary(struct span body, size_t at) {
    if (at == 0 || !text_is_alnum(body.data[at - 1]))
        return true;
    uint8_t c = body.data[at - 1];
    return at >= 2 && body.data[at - 2] == '\\' && (c == 'n' || c == 'r' || c == 't');
}

static bool is_worth_trying(const struct search *search, unsigned id, size_t end) {
    const struct ready_literal *literal = &search->engine->literals.data[id];
    struct span body = search->input->body;
    if (literal->bounded && !is_boundary(body, end - literal->text.size))
        return false;
    switch (literal->follow) {
    case SECRET_FOLLOW_ASSIGN:
    case SECRET_FOLLOW_IS:
        return operator_follows(body, end, literal->follow == SECRET_FOLLOW_IS);
    case SECRET_FOLLOW_BYTE: {
        struct follow_state *state = &search->scratch->follows[id];
        if (state->scan != search->scratch->scan)
            *state = (struct follow_state){.scan = search->scratch->scan, .from = end, .until = end};
        return byte_follows(state, body, end, literal->follow_byte, literal->follow_bytes);
    }
    case SECRET_FOLLOW_ANY:
        break;
    }
    return true;
}

/* Called by Hyperscan for each literal's end: only notes the place. Runs inside the search, so it must be short. */
static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    (void)from; /* 0: the database has no start of match, which would cost half the speed */
    (void)flags;
    struct search *search = context;
    struct secret_scratch *scratch = search->scratch;
    const struct ready_literal *literal = &search->engine->literals.data[id];
    if (!is_worth_trying(search, id, (size_t)to))
        return 0;
    if (scratch->hit_count == scratch->hit_capacity) {
        size_t capacity = scratch->hit_capacity == 0 ? 1024 : scratch->hit_capacity * 2;
        uint64_t *grown = NULL;
        if (scratch->hit_count < LIMIT_SECRET_LITERAL_HITS)
            grown = mem_resize(scratch->hits, capacity, sizeof *grown);
        search->truncated = scratch->hit_count >= LIMIT_SECRET_LITERAL_HITS;
        search->nomem = !search->truncated && grown == NULL;
        if (grown == NULL)
            return 1;
        scratch->hits = grown;
        scratch->hit_capacity = capacity;
    }
    scratch->hits[scratch->hit_count++] = (uint64_t)(to - literal->text.size) << 32 | id;
    return 0;
}

static int compare_hits(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Hyperscan reports by end, so a hit is at most a literal's length away from its place by begin: insertion is linear.
 * The
 * documentation promises no order at all, hence the way out. */
static void hits_sort(uint64_t *hits, size_t count) {
    uint64_t moves_max = 64 * (uint64_t)count;
    for (size_t i = 1; i < count; i++) {
        uint64_t hit = hits[i];
        size_t place = i;
        for (; place > 0 && hits[place - 1] > hit && moves_max > 0; place--, moves_max--)
            hits[place] = hits[place - 1];
        hits[place] = hit;
        if (moves_max == 0) {
            qsort(hits, count, sizeof *hits, compare_hits);
            return;
        }
    }
}

/* What one body may cost; half of it for one rule, so that no rule hides what others would find. */
static uint64_t work_max(const struct secret_input *input) {
    uint64_t work = LIMIT_SECRET_WORK_FLOOR + LIMIT_SECRET_WORK_RATIO * input->body.size;
    return input->work_max == 0 ? work : u64_min(work, input->work_max);
}

static struct rule_state *rule_state(struct search *search, uint32_t rule) {
    struct rule_state *state = &search->scratch->states[rule];
    if (state->scan != search->scratch->scan)
        *state = (struct rule_state){.scan = search->scratch->scan, .work_left = work_max(search->input) / 2};
    return state;
}

static void work_take(const struct search *search, struct rule_state *state, uint64_t work) {
    state->work_left -= u64_min(state->work_left, work);
    search->scratch->work_left -= u64_min(search->scratch->work_left, work);
}

static void cut_by(struct search *search, const struct secret_rule *rule) {
    search->truncated = true;
    if (search->truncated_rule == NULL)
        search->truncated_rule = rule;
}

/* Keeps a match that passes all checks; false when memory is short. */
static bool match_take(struct search *search, uint32_t rule, struct rule_state *state,
                       const struct regex_match *match) {
    struct candidate candidate;
    enum confirm_result result =
        secret_confirm(search->engine, search->scratch, rule, search->input, match, &candidate);
    bool inside = match->group_begin >= search->report_from && match->group_begin < search->report_to;
    if (result == CONFIRM_ALLOWED && inside)
        search->allowed_count++;
    if (result != CONFIRM_YES)
        return true;
    state->next = match->end;
    /* Outside of the window a hit is still kept: it may be the other half of a pair, or cover a weaker one. */
    return vec_push(&search->scratch->candidates, candidate);
}

/* Tries one rule where one of its literals stands at [begin, end). False when memory is short. */
static bool rule_try(struct search *search, uint32_t index, size_t begin, size_t end) {
    const struct secret_rule *rule = &search->engine->rules[index];
    struct rule_state *state = rule_state(search, index);
    if (begin < state->next)
        return true;
    if (rule->behind) {
        if (rule->bounded && !is_boundary(search->input->body, begin))
            return true;
        begin = end;
    }
    bool shape = rule->literal_count == 0;
    size_t before = shape ? rule->max_bytes : rule->before_bytes;
    size_t from = size_max(begin < before ? 0 : begin - before, state->next);
    struct span body = search->input->body;
    /* What follows the longest match is seen too, for look-ahead at its end. */
    struct span subject = span_slice(body, 0, end + rule->max_bytes + 64);
    bool cut = subject.size < body.size;
    struct regex_match match;
    for (int attempt = 0; attempt < 8 && from <= begin; attempt++) {
        uint64_t left = u64_min(state->work_left, search->scratch->work_left), before_left = left;
        int found =
            left == 0 ? -1
                      : regex_match(rule->pattern, search->scratch->matcher, subject, from, begin, cut, &left, &match);
        work_take(search, state, before_left - left);
        if (found < 0)
            cut_by(search, rule);
        if (found <= 0)
            return true;
        if (match.end >= end && match.begin <= begin && match.end - match.begin <= rule->max_bytes)
            return match_take(search, index, state, &match);
        from = match.begin + 1; /* a match that ends before the literal is not this literal's */
    }
    return true;
}

/* Runs the searches and tries the rules; candidates are in the scratch. */
static int search_run(struct search *search, struct err *err) {
    struct secret_scratch *scratch = search->scratch;
    const struct secret_engine *engine = search->engine;
    struct span body = search->input->body;
    if (body.size > UINT32_MAX)
        return err_set(err, ERR_LIMIT, 0, "secret engine: a body of %zu bytes: search it in windows", body.size);
    scratch->scan++;
    scratch->work_left = work_max(search->input);
    scratch->hit_count = 0;
    scratch->candidates.count = 0;
    const hs_database_t *databases[] = {engine->literal_db, engine->shape_db};
    for (size_t i = 0; i < ARRAY_COUNT(databases) && body.size > 0; i++) {
        if (databases[i] == NULL)
            continue;
        hs_error_t code =
            hs_scan(databases[i], (const char *)body.data, (unsigned)body.size, 0, scratch->hs, on_literal, search);
        if (search->nomem)
            return nomem(err);
        if (code != HS_SUCCESS && code != HS_SCAN_TERMINATED)
            return err_set(err, ERR_UNSUPPORTED, 0, "secret engine: Hyperscan error %d", code);
    }
    hits_sort(scratch->hits, scratch->hit_count);
    for (size_t i = 0; i < scratch->hit_count; i++) {
        const struct ready_literal *literal = &engine->literals.data[scratch->hits[i] & UINT32_MAX];
        size_t begin = (size_t)(scratch->hits[i] >> 32);
        for (size_t rule = 0; rule < literal->rules.count; rule++)
            if (!rule_try(search, literal->rules.data[rule], begin, begin + literal->text.size))
                return nomem(err);
        if (scratch->candidates.count >= 4 * LIMIT_FINDINGS_PER_FILE) {
            search->truncated = true;
            break;
        }
    }
    return 0;
}

/* What becomes of the candidates ---------------------------------------------------------------------------------- */

static int compare_candidates(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1; /* rules are sorted by id */
    return (x->end > y->end) - (x->end < y->end);
}

/* How readily a rule gives way: one that only knows a form (a JWT) before one that knows whose it is. */
static int rank_of(const struct secret_rule *rule) { return rule->generic ? 2 : rule->yields ? 1 : 0; }

/* Whether `a` is to be reported rather than `b`. */
static bool is_better(const struct secret_engine *engine, const struct candidate *a, const struct candidate *b) {
    int rank_a = rank_of(&engine->rules[a->rule]), rank_b = rank_of(&engine->rules[b->rule]);
    if (rank_a != rank_b)
        return rank_a < rank_b;
    if (a->confidence > b->confidence || a->confidence < b->confidence)
        return a->confidence > b->confidence;
    return a->rule != b->rule ? a->rule < b->rule : a->begin < b->begin;
}

/* An access key id beside its secret makes both certain. Candidates are sorted by begin, so partners are near. */
static void candidates_pair(const struct secret_engine *engine, struct candidate *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct secret_rule *rule = &engine->rules[list[i].rule];
        if (rule->pair == NULL)
            continue;
        bool paired = false;
        for (size_t j = i; j-- > 0 && !paired && list[i].begin - list[j].begin <= rule->pair_bytes;)
            paired = &engine->rules[list[j].rule] == rule->pair;
        for (size_t j = i + 1; j < count && !paired && list[j].begin - list[i].begin <= rule->pair_bytes; j++)
            paired = &engine->rules[list[j].rule] == rule->pair;
        if (paired && rule->confidence_pair > list[i].confidence)
            list[i].confidence = rule->confidence_pair;
        list[i].paired = paired;
    }
}

/* Of two candidates that overlap one stays, in `*kept`. What a rule that yields found out about the form (it decodes,
 * it is signed) speaks for the one that takes its place. */
static void candidates_merge(const struct secret_engine *engine, struct candidate *kept,
                             const struct candidate *other) {
    bool better = is_better(engine, other, kept);
    struct candidate winner = better ? *other : *kept;
    const struct candidate *loser = better ? kept : other;
    if (engine->rules[loser->rule].yields && rank_of(&engine->rules[winner.rule]) == 0 &&
        loser->confidence > winner.confidence) {
        winner.confidence = loser->confidence;
        if (winner.validator == NULL) {
            winner.validator = loser->validator;
            winner.validated = loser->validated;
            memcpy(winner.note, loser->note, sizeof winner.note);
        }
    }
    *kept = winner;
}

/* Leaves one of candidates that overlap; returns how many are left. */
static size_t candidates_resolve(const struct secret_engine *engine, struct candidate *list, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && list[i].begin < list[kept - 1].end) {
            candidates_merge(engine, &list[kept - 1], &list[i]);
            /* A better one may reach back over what was kept before it. */
            while (kept > 1 && list[kept - 1].begin < list[kept - 2].end) {
                candidates_merge(engine, &list[kept - 2], &list[kept - 1]);
                kept--;
            }
            continue;
        }
        list[kept++] = list[i];
    }
    return kept;
}

static int fingerprint_make(const struct secret_engine *engine, struct secret_scratch *scratch, struct span provider,
                            struct span secret, char *out, struct err *err) {
    struct digest digest;
    buf_reset(&scratch->bytes);
    buf_add(&scratch->bytes, provider);
    buf_byte(&scratch->bytes, 0); /* no provider's name holds it: the two parts cannot be confused */
    buf_add(&scratch->bytes, secret);
    if (scratch->bytes.failed)
        return nomem(err);
    int result = digest_hmac(span_make(engine->key, engine->key_size), buf_span(&scratch->bytes), &digest, err);
    explicit_bzero(scratch->bytes.data, scratch->bytes.size);
    for (size_t i = 0; result == 0 && i < 16; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest.bytes[i]);
    return result;
}

/* Sets the hit's confidence, and says why in `why`. */
static void hit_score(const struct search *search, const struct candidate *candidate, struct secret_hit *hit, char *why,
                      size_t why_size) {
    const struct secret_rule *rule = hit->rule;
    bool certain = strcmp(candidate->validated, "checksum") == 0;
    struct secret_scored scored = {.body = search->input->body,
                                   .begin = candidate->begin,
                                   .end = candidate->end,
                                   .confidence = candidate->confidence,
                                   .offset = rule->score_offset,
                                   .cases = rule->score_cases,
                                   .test_path = secret_path_is_test(search->input->path),
                                   .generic = rule->generic,
                                   .opaque = rule->opaque,
                                   .passed = !certain && candidate->validated[0] != '\0',
                                   .failed = candidate->validator != NULL && candidate->validated[0] == '\0',
                                   .certain = certain};
    secret_features(search->engine->model, &scored, hit->features);
    hit->prior = candidate->confidence;
    hit->confidence = secret_score(search->engine->model, &scored, hit->features, why, why_size);
    if (search->engine->model->is_trained && !certain && rule->score_cases == 0) {
        size_t used = strlen(why);
        (void)snprintf(why + used, why_size - used, "%sno cases of this rule", used == 0 ? "" : ", ");
    }
}

static void evidence_make(const struct candidate *candidate, const char *why, char out[SECRET_EVIDENCE_SIZE]) {
    char check[64] = "";
    if (candidate->validator != NULL)
        (void)snprintf(check, sizeof check, ", %s %s", candidate->validator,
                       candidate->validated[0] != '\0' ? "passed" : "failed");
    unsigned tenths = (unsigned)(candidate->entropy * 10 + 0.5); /* 80 at most */
    /* The end of a long one is cut off. */
    if (snprintf(out, SECRET_EVIDENCE_SIZE, "entropy %u.%u%s%s%s%s%s%s%s", tenths / 10, tenths % 10,
                 candidate->keyword ? ", keyword" : "", candidate->paired ? ", pair" : "", check,
                 candidate->note[0] != '\0' ? ", " : "", candidate->note, why[0] != '\0' ? "; " : "", why) < 0)
        out[0] = '\0';
}

void secret_redact(struct span secret, char out[SECRET_REDACTED_SIZE]) {
    size_t shown = size_min(secret.size / 3, 8), prefix = (shown + 1) / 2, suffix = shown / 2;
    char ends[2][5] = {{0}};
    for (size_t i = 0; i < prefix + suffix; i++) {
        uint8_t c = secret.data[i < prefix ? i : secret.size - suffix + (i - prefix)];
        ends[i >= prefix][i < prefix ? i : i - prefix] = (char)(c > ' ' && c < 0x7F ? c : '?');
    }
    (void)snprintf(out, SECRET_REDACTED_SIZE, "%s…(%zu)…%s", ends[0], secret.size, ends[1]);
}

/* Line and column of a body's offset, moved on from hit to hit: each byte is looked at once. */
struct place {
    size_t offset;
    uint64_t line, column;
};

static void place_move(struct place *place, struct span body, size_t offset) {
    while (place->offset < offset) {
        struct span left = span_slice(body, place->offset, offset - place->offset);
        size_t end = span_index(left, '\n', 0);
        if (end == SIZE_MAX) {
            place->column += left.size;
            place->offset = offset;
            return;
        }
        place->line++;
        place->column = 1;
        place->offset += end + 1;
    }
}

static int candidates_report(struct search *search, secret_hit_fn fn, void *context, struct secret_outcome *outcome,
                             struct err *err) {
    const struct secret_input *input = search->input;
    struct place place = {0, input->line == 0 ? 1 : input->line, input->column == 0 ? 1 : input->column};
    for (size_t i = 0; i < search->scratch->candidates.count; i++) {
        const struct candidate *candidate = &search->scratch->candidates.data[i];
        if (candidate->begin < search->report_from || candidate->begin >= search->report_to)
            continue;
        if (outcome->hit_count >= LIMIT_FINDINGS_PER_FILE) {
            search->truncated = true;
            break;
        }
        place_move(&place, input->body, candidate->begin);
        struct secret_hit hit = {
            .rule = &search->engine->rules[candidate->rule],
            .severity = candidate->severity,
            .offset = input->offset + candidate->begin,
            .length = candidate->end - candidate->begin,
            .line = place.line,
            .column = place.column,
            .confidence = candidate->confidence,
            .validated = candidate->validated,
            .encoding = "plain",
            .secret = span_slice(input->body, candidate->begin, candidate->end - candidate->begin),
        };
        secret_redact(hit.secret, hit.redacted);
        char why[96];
        hit_score(search, candidate, &hit, why, sizeof why);
        evidence_make(candidate, why, hit.evidence);
        if (fingerprint_make(search->engine, search->scratch, hit.rule->provider, hit.secret, hit.fingerprint, err) < 0)
            return -1;
        outcome->hit_count++;
        if (fn(context, &hit) != 0)
            break;
    }
    return 0;
}

int secret_scan_all(const struct secret_engine *engine, struct secret_scratch *scratch,
                    const struct secret_input *input, bool overlaps, secret_hit_fn fn, void *context,
                    struct secret_outcome *ret_outcome, struct err *err) {
    struct search search = {
        .engine = engine,
        .scratch = scratch,
        .input = input,
        .report_from = input->report_from,
        .report_to = input->report_to == 0 ? input->body.size : input->report_to,
    };
    if (search_run(&search, err) < 0)
        return -1;
    struct candidate *list = scratch->candidates.data;
    if (scratch->candidates.count > 1)
        qsort(list, scratch->candidates.count, sizeof *list, compare_candidates);
    candidates_pair(engine, list, scratch->candidates.count);
    if (!overlaps)
        scratch->candidates.count = candidates_resolve(engine, list, scratch->candidates.count);
    struct secret_outcome outcome = {.allowed_count = search.allowed_count};
    if (candidates_report(&search, fn, context, &outcome, err) < 0)
        return -1;
    outcome.work = work_max(input) - scratch->work_left;
    outcome.truncated = search.truncated;
    outcome.truncated_rule = search.truncated_rule;
    *ret_outcome = outcome;
    return 0;
}

int secret_scan(const struct secret_engine *engine, struct secret_scratch *scratch, const struct secret_input *input,
                secret_hit_fn fn, void *context, struct secret_outcome *ret_outcome, struct err *err) {
    return secret_scan_all(engine, scratch, input, false, fn, context, ret_outcome, err);
}

static int on_literal_count(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                            void *context) {
    (void)id;
    (void)from;
    (void)to;
    (void)flags;
    ++*(uint64_t *)context;
    return 0;
}

int secret_scan_literals(const struct secret_engine *engine, struct secret_scratch *scratch, struct span body,
                         uint64_t *ret_hits, struct err *err) {
    uint64_t hits = 0;
    if (body.size > UINT32_MAX)
        return err_set(err, ERR_LIMIT, 0, "secret engine: a body of %zu bytes: search it in windows", body.size);
    if (engine->literal_db != NULL && body.size > 0 &&
        hs_scan(engine->literal_db, (const char *)body.data, (unsigned)body.size, 0, scratch->hs, on_literal_count,
                &hits) != HS_SUCCESS)
        return err_set(err, ERR_UNSUPPORTED, 0, "secret engine: Hyperscan failed");
    *ret_hits = hits;
    return 0;
}
