#include "matchers/vuln/vuln_match.h"

#include "base/limits.h"
#include "base/vec.h"
#include "matchers/vuln/vuln_ecosystem.h"

/* Ranges tested per call of the twin: the mask is 64 words on the stack, and linux in Ubuntu has some 6,000 ranges. */
#define RANGE_BLOCK ((size_t)4096)

struct hit {
    uint32_t advisory;
    uint32_t range;
    struct vuln_entry entry;
};

struct hits {
    struct hit *data;
    size_t count;
    size_t capacity;
};

static void cleanup_hits(struct hits *hits) { vec_release(hits); }

const char *vuln_status_name(enum vuln_status status) {
    static const char *const names[VULN_STATUS_COUNT] = {"affected", "fixed", "no_fix", "wont_fix", "end_of_life"};
    return (unsigned)status < VULN_STATUS_COUNT ? names[status] : "affected";
}

static int damaged(struct err *err, const char *what, size_t index) {
    return err_set(err, ERR_FORMAT, 0, "vulnerability database: %s %zu points outside its section: damaged", what,
                   index);
}

static int hit_add(const struct vuln_db *db, struct hits *hits, size_t index, uint32_t entry_index, struct err *err) {
    struct vuln_entry entry;
    if (!vuln_db_entry(db, entry_index, &entry))
        return damaged(err, "range", index);
    return vec_push(hits, ((struct hit){entry.advisory, (uint32_t)index, entry}))
               ? 0
               : err_set(err, ERR_NOMEM, 0, "vulnerability matches: out of memory");
}

/* A version that is asked about, and the order that it has; without one, keys alone are compared. */
struct subject {
    struct version_point point;
    enum version_scheme scheme;
};

static int subject_compare(const struct subject *subject, const struct vuln_range *range, bool upper, int *ret_order,
                           struct err *err) {
    struct version_point bound = {upper ? range->upper_text : range->lower_text,
                                  upper ? range->upper_key : range->lower_key,
                                  (range->flags & VULN_RANGE_BY_TEXT) == 0};
    if (subject->scheme != VERSION_SCHEME_COUNT)
        return version_point_compare(subject->scheme, &subject->point, &bound, ret_order, err);
    *ret_order = span_compare(subject->point.key, bound.key);
    return 0;
}

/* A candidate of the leading bytes: whole keys, or the texts, decide where those are equal. */
static int range_holds(const struct vuln_range *range, const struct subject *subject, bool *ret_holds,
                       struct err *err) {
    int lower = 0;
    int upper = -1;
    if (!(range->flags & VULN_RANGE_NO_LOWER) && subject_compare(subject, range, false, &lower, err) < 0)
        return -1;
    if (lower >= 0 && !(range->flags & VULN_RANGE_NO_UPPER) && subject_compare(subject, range, true, &upper, err) < 0)
        return -1;
    *ret_holds = lower >= 0 && (upper < 0 || (upper == 0 && (range->flags & VULN_RANGE_UPPER_INCLUSIVE) != 0));
    return 0;
}

/* Where the key stands to the bytes that all bounds of the run share: before or after all, or the bytes behind. */
static uint64_t key_in_run(struct span key, struct span common) {
    int order = span_compare(span_slice(key, 0, common.size), common);
    return order < 0 ? 0 : order > 0 ? UINT64_MAX : vuln_key_prefix(key, common.size);
}

static int range_match(const struct vuln_db *db, size_t index, const struct subject *subject, struct hits *hits,
                       struct err *err) {
    struct vuln_range range;
    bool holds = false;
    if (!vuln_db_range(db, index, &range))
        return damaged(err, "range", index);
    if (range_holds(&range, subject, &holds, err) < 0)
        return -1;
    return holds ? hit_add(db, hits, index, range.entry, err) : 0;
}

static int run_match(const struct vuln_db *db, size_t first, size_t count, const struct subject *subject,
                     struct span common, struct hits *hits, struct err *err) {
    const uint64_t *lower = (const void *)db->section[VULN_SECTION_LOWER].data;
    const uint64_t *upper = (const void *)db->section[VULN_SECTION_UPPER].data;
    uint64_t prefix = key_in_run(subject->point.key, common);
    uint64_t mask[RANGE_BLOCK / 64];
    for (size_t done = 0; done < count; done += RANGE_BLOCK) {
        size_t block = count - done < RANGE_BLOCK ? count - done : RANGE_BLOCK;
        db->range_candidates(lower + first + done, upper + first + done, block, prefix, mask);
        for (size_t word = 0; word < (block + 63) / 64; word++) {
            for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
                size_t index = first + done + word * 64 + (size_t)__builtin_ctzll(bits);
                if (range_match(db, index, subject, hits, err) < 0)
                    return -1;
            }
        }
    }
    return 0;
}

/* A version whose key is not in the scheme's order is compared with every bound. */
static int run_match_by_text(const struct vuln_db *db, size_t first, size_t count, const struct subject *subject,
                             struct hits *hits, struct err *err) {
    for (size_t index = first; index < first + count; index++) {
        if (range_match(db, index, subject, hits, err) < 0)
            return -1;
    }
    return 0;
}

/* A version without an order lies in the ranges that have no bounds. */
static int run_match_all_versions(const struct vuln_db *db, size_t first, size_t count, struct hits *hits,
                                  struct err *err) {
    const uint8_t *flags = db->section[VULN_SECTION_FLAGS].data;
    for (size_t index = first; index < first + count; index++) {
        struct vuln_range range;
        if ((flags[index] & (VULN_RANGE_NO_LOWER | VULN_RANGE_NO_UPPER)) != (VULN_RANGE_NO_LOWER | VULN_RANGE_NO_UPPER))
            continue;
        if (!vuln_db_range(db, index, &range))
            return damaged(err, "range", index);
        if (hit_add(db, hits, index, range.entry, err) < 0)
            return -1;
    }
    return 0;
}

static int keyed_match(const struct vuln_db *db, const struct vuln_name *name, struct span version, struct hits *hits,
                       struct err *err) {
    struct subject subject = {.point = {.text = version}};
    AUTO_BUF
    struct buf key;
    struct err why = {0};
    buf_init(&key, 0);
    if (name->keyed_count == 0)
        return 0;
    if (!version_scheme_find(name->scheme, &subject.scheme))
        return run_match_all_versions(db, name->keyed_first, name->keyed_count, hits, err);
    if (version_key(subject.scheme, version, &key, &why) < 0) {
        if (why.code == ERR_FORMAT)
            return run_match_all_versions(db, name->keyed_first, name->keyed_count, hits, err);
        return err_set(err, why.code, why.sys, "%s", why.text);
    }
    subject.point.key = buf_span(&key);
    subject.point.keyed = version_is_keyed(subject.scheme, version);
    if (!subject.point.keyed)
        return run_match_by_text(db, name->keyed_first, name->keyed_count, &subject, hits, err);
    return run_match(db, name->keyed_first, name->keyed_count, &subject, name->common, hits, err);
}

/* "module_el8.6.0" of "1.2-3.module_el8.6.0+2904+9c4f2d8e", "module+el8.4.0" of Rocky's and Red Hat's form; empty
 * without. */
static struct span module_platform(struct span version) {
    size_t at = span_find(version, span_text(".module"), 0);
    if (at == SIZE_MAX)
        return (struct span){NULL, 0};
    struct span tag = span_from(version, at + 1);
    size_t end = span_index(tag, '+', strlen("module+"));
    return span_slice(tag, 0, end == SIZE_MAX ? tag.size : end);
}

/* Whether a fix for one build of an rpm module says something about this build: both or neither are of a module, and
 * when the advisory has a fix for this build's own platform, only that one counts. */
static bool module_applies(const struct vuln_db *db, const struct vuln_name *name, uint32_t advisory,
                           const struct vuln_range *hit, struct span version) {
    struct span own = module_platform(version);
    struct span theirs = module_platform(hit->upper_text);
    if (hit->upper_text.size == 0 || (own.size == 0 && theirs.size == 0) || span_equal(own, theirs))
        return true;
    if (own.size == 0 || theirs.size == 0)
        return false;
    for (size_t i = name->keyed_first; i < (size_t)name->keyed_first + name->keyed_count; i++) {
        struct vuln_range range;
        struct vuln_entry entry;
        if (vuln_db_range(db, i, &range) && vuln_db_entry(db, range.entry, &entry) && entry.advisory == advisory &&
            span_equal(module_platform(range.upper_text), own))
            return false;
    }
    return true;
}

static double fraction(uint32_t value) { return value == VULN_NONE ? -1.0 : (double)value / 1e9; }

static int emit_hit(const struct vuln_db *db, const struct vuln_range *range, const struct vuln_entry *entry,
                    const struct vuln_advisory *advisory, vuln_match_emit_fn emit, void *context, struct err *err) {
    bool exact = (range->flags & VULN_RANGE_EXACT) != 0;
    bool inclusive = (range->flags & VULN_RANGE_UPPER_INCLUSIVE) != 0;
    struct vuln_match match = {
        .id = vuln_db_text(db, advisory->id),
        .aliases = vuln_db_list(db, advisory->aliases),
        .upstream = vuln_db_list(db, advisory->upstream),
        .group = advisory->group,
        .summary = vuln_db_text(db, advisory->summary),
        .source = vuln_db_text(db, advisory->source),
        .severity = entry->severity < SEVERITY_COUNT ? (enum severity)entry->severity : SEVERITY_UNKNOWN,
        .cvss_vector = vuln_db_text(db, entry->vector),
        .cvss_score = entry->score10 > 100 ? -1.0 : entry->score10 / 10.0,
        .epss = fraction(advisory->epss),
        .epss_percentile = fraction(advisory->epss_percentile),
        .kev = (advisory->flags & VULN_ADVISORY_KEV) != 0,
        .kev_ransomware = (advisory->flags & VULN_ADVISORY_RANSOMWARE) != 0,
        .informational = (advisory->flags & VULN_ADVISORY_INFORMATIONAL) != 0,
        .disputed = (advisory->flags & VULN_ADVISORY_DISPUTED) != 0,
        .coarse = (entry->flags & VULN_ENTRY_COARSE) != 0,
        .exact = exact,
        .status = entry->status < VULN_STATUS_COUNT ? (enum vuln_status)entry->status : VULN_AFFECTED,
        .introduced = range->lower_text,
        .published_utc_s = advisory->published_utc_s,
        .modified_utc_s = advisory->modified_utc_s,
    };
    if (span_starts(match.id, "MAL-"))
        match.severity = SEVERITY_MALICIOUS;
    if (range->upper_text.size > 0 && inclusive)
        match.last_affected = range->upper_text;
    else
        match.fixed_version = range->upper_text;
    if (match.fixed_version.size > 0)
        match.status = VULN_FIXED;
    else if (match.status == VULN_NO_FIX && (match.last_affected.size > 0 || exact))
        match.status = VULN_AFFECTED; /* later versions are free of it; which one is not said */
    return emit(context, &match, err);
}

static int hit_compare(const void *left, const void *right) {
    const struct hit *a = left;
    const struct hit *b = right;
    if (a->advisory != b->advisory)
        return a->advisory < b->advisory ? -1 : 1;
    return a->range < b->range ? -1 : a->range > b->range;
}

/* One match for an advisory, however many of its ranges hold the version: a range with a fix speaks first. */
static int hits_emit(const struct vuln_db *db, const struct vuln_query *query, const struct vuln_name *name,
                     struct hits *hits, vuln_match_emit_fn emit, void *context, struct err *err) {
    if (hits->count > 1)
        qsort(hits->data, hits->count, sizeof *hits->data, hit_compare);
    for (size_t i = 0, next; i < hits->count; i = next) {
        struct vuln_range best = {0}, range;
        struct vuln_advisory advisory;
        const struct vuln_entry *entry = NULL;
        if (!vuln_db_advisory(db, hits->data[i].advisory, &advisory))
            return damaged(err, "entry", hits->data[i].range);
        for (next = i; next < hits->count && hits->data[next].advisory == hits->data[i].advisory; next++) {
            if (!vuln_db_range(db, hits->data[next].range, &range))
                return damaged(err, "range", hits->data[next].range);
            if (!query->plain && !module_applies(db, name, hits->data[i].advisory, &range, query->version))
                continue;
            /* OSV's membership in `versions` is that of text; "1.0" for an enumerated "1.0.0" is ours. */
            if (query->plain && (range.flags & VULN_RANGE_EXACT) && !span_equal(range.upper_text, query->version) &&
                !span_equal(range.upper_text, vuln_version_bare(query->ecosystem, query->version)))
                continue;
            bool fixes = range.upper_text.size > 0 && !(range.flags & VULN_RANGE_UPPER_INCLUSIVE);
            bool best_fixes = best.upper_text.size > 0 && !(best.flags & VULN_RANGE_UPPER_INCLUSIVE);
            if (entry == NULL || (fixes && !best_fixes)) {
                best = range;
                entry = &hits->data[next].entry;
            }
        }
        if (entry == NULL || (!query->plain && (advisory.flags & VULN_ADVISORY_INFORMATIONAL)))
            continue;
        int result = emit_hit(db, &best, entry, &advisory, emit, context, err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* 1, 0 where the database does not know the package, <0. */
static int name_find(const struct vuln_db *db, const struct vuln_query *query, struct vuln_name *ret_name,
                     struct err *err) {
    AUTO_BUF
    struct buf key;
    buf_init(&key, 0);
    if (query->version.size > LIMIT_FIELD_BYTES || query->name.size > LIMIT_FIELD_BYTES ||
        query->ecosystem.size > LIMIT_FIELD_BYTES)
        return err_set(err, ERR_LIMIT, 0, "vulnerability query: a name or version of more than %zu bytes",
                       LIMIT_FIELD_BYTES);
    vuln_package_key(query->ecosystem, query->name, &key);
    if (key.failed)
        return err_set(err, ERR_NOMEM, 0, "vulnerability query: out of memory");
    return vuln_db_find(db, buf_span(&key), ret_name, err);
}

int vuln_match_known(const struct vuln_db *db, const struct vuln_query *query, struct err *err) {
    struct vuln_name name;
    return name_find(db, query, &name, err);
}

int vuln_match(const struct vuln_db *db, const struct vuln_query *query, vuln_match_emit_fn emit, void *context,
               struct err *err) {
    AUTO(cleanup_hits) struct hits hits = {0};
    struct vuln_name name;
    int found = name_find(db, query, &name, err);
    if (found <= 0)
        return found;
    struct span version = vuln_version_bare(query->ecosystem, query->version);
    const struct subject text = {.point = {.text = version, .key = version}, .scheme = VERSION_SCHEME_COUNT};
    if (keyed_match(db, &name, version, &hits, err) < 0 ||
        run_match(db, name.text_first, name.text_count, &text, (struct span){NULL, 0}, &hits, err) < 0)
        return -1;
    return hits_emit(db, query, &name, &hits, emit, context, err);
}

static void add_or(struct buf *text, struct span s, const char *otherwise) {
    if (s.size == 0)
        buf_text(text, otherwise);
    else
        buf_add(text, s);
}

void vuln_match_evidence(const struct vuln_query *query, const struct vuln_match *match, struct buf *text) {
    buf_add(text, query->ecosystem);
    buf_byte(text, ' ');
    buf_add(text, query->name);
    buf_byte(text, ' ');
    buf_add(text, query->version);
    if (match->exact) {
        buf_text(text, " is enumerated");
        return;
    }
    buf_text(text, match->introduced.size == 0 ? " is in [0, " : " is in [");
    if (match->introduced.size > 0) {
        buf_add(text, match->introduced);
        buf_text(text, ", ");
    }
    if (match->last_affected.size > 0)
        buf_add(text, match->last_affected);
    else
        add_or(text, match->fixed_version, "∞");
    buf_text(text, match->last_affected.size > 0 ? "]" : ")");
}
