#include "engine/pipeline/finding.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "matchers/vuln/eol.h"
#include "matchers/vuln/vuln_dissent.h"
#include "matchers/vuln/vuln_ecosystem.h"

#define ALIASES_MAX ((size_t)64) /* of one flaw; kernel advisories of a distribution name hundreds: the rest is cut */
#define MEMO_BYTES (16 * LIMIT_MIB)

/* Matches of one package that are the same flaw: `count` places in `order` from `first` on. */
struct flaw {
    size_t first, count; /* count 0: another match speaks for this one's flaw */
};

/* A match and the ecosystem in which it was found. */
struct hit {
    struct vuln_match match;
    uint32_t ecosystem; /* offset in `ecosystems` */
};

struct answer {
    const struct finding *list;
    size_t count;
};

struct findings {
    struct finding_options options;
    struct arena memo_arena;
    struct map memo;
    struct buf key, ecosystems, text;
    VEC(struct hit) hits;
    VEC(size_t) order;      /* hits by group, and by index within one */
    VEC(struct flaw) flaws; /* of the hit of the same index */
    VEC(struct finding) made, old;
    uint32_t current_ecosystem;
};

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "findings: out of memory"); }

int findings_new(const struct finding_options *options, struct findings **ret_findings, struct err *err) {
    struct findings *findings = mem_zalloc(sizeof *findings);
    if (findings == NULL)
        return memory_short(err);
    findings->options = *options;
    if (findings->options.memo_bytes == 0)
        findings->options.memo_bytes = MEMO_BYTES;
    arena_init(&findings->memo_arena, 0, 0);
    map_init(&findings->memo, 0);
    buf_init(&findings->key, 0);
    buf_init(&findings->ecosystems, 0);
    buf_init(&findings->text, 0);
    *ret_findings = findings;
    return 0;
}

void findings_free(struct findings *findings) {
    if (findings == NULL)
        return;
    arena_release(&findings->memo_arena);
    map_release(&findings->memo);
    buf_release(&findings->key);
    buf_release(&findings->ecosystems);
    buf_release(&findings->text);
    vec_release(&findings->hits);
    vec_release(&findings->order);
    vec_release(&findings->flaws);
    vec_release(&findings->made);
    vec_release(&findings->old);
    mem_free(findings);
}

/* The system's own, which the distribution looks after. */
static bool is_system(const struct package *package) {
    return package->type == PACKAGE_DEB || package->type == PACKAGE_APK || package->type == PACKAGE_RPM;
}

/* ---- one flaw out of several records ---- */

static int hit_keep(void *context, const struct vuln_match *match, struct err *err) {
    struct findings *findings = context;
    /* Several repositories of one product may name the same advisory. */
    for (size_t i = 0; i < findings->hits.count; i++) {
        if (span_equal(findings->hits.data[i].match.id, match->id))
            return 0;
    }
    struct hit hit = {*match, findings->current_ecosystem};
    return vec_push(&findings->hits, hit) ? 0 : memory_short(err);
}

static int group_order(const void *left, const void *right, void *context) {
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    const struct hit *hits = context;
    if (hits[a].match.group != hits[b].match.group)
        return hits[a].match.group < hits[b].match.group ? -1 : 1;
    return (a > b) - (a < b);
}

/* Who speaks for a flaw: who calls it an attack, then who scores it, then who rates it in words. */
static unsigned eloquence(const struct vuln_match *match) {
    if (match->severity == SEVERITY_MALICIOUS)
        return 3;
    return match->cvss_score >= 0 ? 2 : match->severity != SEVERITY_UNKNOWN;
}

/* Of several records of one flaw the one that says most speaks; of equals, the first by id. False: memory is short. */
static bool flaws_find(struct findings *findings) {
    const struct hit *hits = findings->hits.data;
    size_t count = findings->hits.count;
    findings->order.count = findings->flaws.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!vec_push(&findings->order, i) || !vec_push(&findings->flaws, (struct flaw){0}))
            return false;
    }
    if (count > 1)
        qsort_r(findings->order.data, count, sizeof *findings->order.data, group_order, findings->hits.data);
    for (size_t first = 0, next; first < count; first = next) {
        const size_t *order = findings->order.data;
        size_t speaker = order[first];
        for (next = first; next < count && hits[order[next]].match.group == hits[speaker].match.group; next++) {
            if (eloquence(&hits[order[next]].match) > eloquence(&hits[speaker].match))
                speaker = order[next];
        }
        findings->flaws.data[speaker] = (struct flaw){first, next - first};
    }
    return true;
}

/* Inserts in order; returns the new count. */
static size_t alias_add(struct span aliases[ALIASES_MAX], size_t count, struct span own, struct span id) {
    size_t place = 0;
    while (place < count && span_compare(aliases[place], id) < 0)
        place++;
    bool known = place < count && span_equal(aliases[place], id);
    if (id.size == 0 || known || span_equal(id, own) || count == ALIASES_MAX)
        return count;
    memmove(&aliases[place + 1], &aliases[place], (count - place) * sizeof *aliases);
    aliases[place] = id;
    return count + 1;
}

/* All the other ids of the flaw: the record's aliases, the CVEs that a distribution's record is about, and the records
 * of the same flaw that this one stands for. Sorted, each once. */
static size_t aliases_collect(const struct findings *findings, const struct vuln_match *match, const struct flaw *flaw,
                              struct span aliases[ALIASES_MAX]) {
    size_t count = 0;
    for (size_t i = flaw->first; i < flaw->first + flaw->count; i++) {
        const struct vuln_match *other = &findings->hits.data[findings->order.data[i]].match;
        count = alias_add(aliases, count, match->id, other->id);
        for (size_t j = 0; j < other->aliases.count; j++)
            count = alias_add(aliases, count, match->id, vuln_list_get(&other->aliases, j));
        for (size_t j = 0; j < other->upstream.count; j++)
            count = alias_add(aliases, count, match->id, vuln_list_get(&other->upstream, j));
    }
    return count;
}

/* ---- where sources disagree ---- */

static void dissent_add(struct buf *text, struct span who, const char *says, struct span what) {
    buf_text(text, "; ");
    buf_add(text, who);
    buf_text(text, says);
    buf_add(text, what);
}

struct dissent_context {
    struct buf *text;
    bool *found;
};

static int dissent_emit(void *context, struct span id, struct span source, struct err *err) {
    (void)err;
    struct dissent_context *dissent = context;
    buf_text(dissent->text, "; ");
    buf_add(dissent->text, id);
    buf_text(dissent->text, " (");
    buf_add(dissent->text, source);
    buf_text(dissent->text, ") does not have this version among the affected");
    *dissent->found = true;
    return 0;
}

/* Appends what other records of the same flaw say otherwise: that this version is not affected, another fix, a severity
 * two steps or more away. */
static int dissent_collect(struct findings *findings, const struct vuln_query *query, const struct vuln_match *match,
                           const struct flaw *flaw, bool *ret_found, struct err *err) {
    struct buf *text = &findings->text;
    *ret_found = false;
    for (size_t i = flaw->first; i < flaw->first + flaw->count; i++) {
        const struct vuln_match *other = &findings->hits.data[findings->order.data[i]].match;
        int steps = abs((int)other->severity - (int)match->severity);
        if (span_equal(other->id, match->id))
            continue;
        if (other->fixed_version.size > 0 && match->fixed_version.size > 0 &&
            !span_equal(other->fixed_version, match->fixed_version)) {
            dissent_add(text, other->id, " has the fix in ", other->fixed_version);
            *ret_found = true;
        }
        if (other->severity != SEVERITY_UNKNOWN && match->severity != SEVERITY_UNKNOWN && steps >= 2 &&
            match->severity != SEVERITY_MALICIOUS) {
            dissent_add(text, other->id, " calls it ", span_text(severity_name(other->severity)));
            *ret_found = true;
        }
    }
    struct dissent_context context = {text, ret_found};
    return vuln_dissent(findings->options.db, query, match->group, dissent_emit, &context, err);
}

/* ---- a finding's columns ---- */

/* A rough order of work: what is exploited or an attack comes first, then by score, moved by how likely exploitation
 * is. Without a score the severity's middle stands in. 0 to 1. */
static double priority_of(const struct finding *finding) {
    static const double middles[SEVERITY_COUNT] = {0.4, 0.05, 0.25, 0.55, 0.8, 0.95, 1};
    double base = finding->cvss_score >= 0 ? finding->cvss_score / 10 : middles[finding->severity];
    if (finding->kev || finding->severity == SEVERITY_MALICIOUS)
        return 1;
    return finding->epss >= 0 ? 0.7 * base + 0.3 * finding->epss : 0.7 * base;
}

/* How the package was known and what the record says of itself; docs/vulnerabilities.md has the table. */
static double confidence_of(const struct vuln_match *match, struct span ecosystem, const struct package *package,
                            bool disputed_by_others) {
    double confidence = match->exact || vuln_ecosystem_names_source(ecosystem) ? 0.95 : 0.9;
    if (package->evidence == EVIDENCE_DECLARED)
        confidence = 0.8;
    if (package->type == PACKAGE_GENERIC)
        confidence = 0.6;
    if (disputed_by_others && confidence > 0.7)
        confidence = 0.7;
    return (match->coarse || match->disputed) && confidence > 0.5 ? 0.5 : confidence;
}

static bool text_copy(struct arena *arena, struct span *text) {
    *text = text->size == 0 ? (struct span){NULL, 0} : arena_copy(arena, *text);
    return text->size == 0 || text->data != NULL;
}

static bool evidence_keep(struct findings *findings, struct finding *finding) {
    finding->evidence = buf_span(&findings->text);
    return !findings->text.failed && text_copy(&findings->memo_arena, &finding->evidence);
}

static struct vuln_query query_of(const struct findings *findings, const struct package *package, uint32_t offset) {
    struct span rest = span_from(buf_span(&findings->ecosystems), offset);
    struct vuln_query query = {.ecosystem = text_cut(&rest, 0), .name = package->name, .version = package->version};
    if (vuln_ecosystem_names_source(query.ecosystem)) {
        if (package->source_name.size > 0)
            query.name = package->source_name;
        if (package->source_version.size > 0)
            query.version = package->source_version;
    }
    return query;
}

static bool distro_has_ended(const struct findings *findings, const struct distro *distro, struct eol *ret_eol) {
    return eol_of_distro(distro, ret_eol) && findings->options.db->data_time_utc_s >= ret_eol->end_utc_s + 86400;
}

static int finding_make(struct findings *findings, const struct distro *distro, const struct package *package,
                        size_t index, struct err *err) {
    const struct hit *hit = &findings->hits.data[index];
    const struct vuln_match *match = &hit->match;
    const struct flaw *flaw = &findings->flaws.data[index];
    struct vuln_query query = query_of(findings, package, hit->ecosystem);
    struct finding finding = {.id = match->id,
                              .severity = match->severity,
                              .cvss_vector = match->cvss_vector,
                              .cvss_score = match->cvss_score,
                              .epss = match->epss,
                              .epss_percentile = match->epss_percentile,
                              .kev = match->kev,
                              .status = match->status,
                              .introduced = match->introduced,
                              .fixed_version = match->fixed_version,
                              .source = match->source,
                              .published_utc_s = match->published_utc_s};
    struct span aliases[ALIASES_MAX];
    struct eol eol;
    bool dissent = false;
    for (size_t i = flaw->first; i < flaw->first + flaw->count; i++) {
        const struct vuln_match *other = &findings->hits.data[findings->order.data[i]].match;
        finding.kev = finding.kev || other->kev;
        if (other->epss > finding.epss) {
            finding.epss = other->epss;
            finding.epss_percentile = other->epss_percentile;
        }
        if (finding.fixed_version.size == 0 && other->fixed_version.size > 0) {
            finding.fixed_version = other->fixed_version;
            finding.status = VULN_FIXED;
        }
    }
    bool system = is_system(package);
    if (system && (finding.status == VULN_AFFECTED || finding.status == VULN_NO_FIX) &&
        distro_has_ended(findings, distro, &eol))
        finding.status = VULN_END_OF_LIFE;
    finding.alias_count = aliases_collect(findings, match, flaw, aliases);
    buf_reset(&findings->text);
    vuln_match_evidence(&query, match, &findings->text);
    if (match->disputed)
        buf_text(&findings->text, "; disputed: its vendor says that it is no flaw");
    if (match->coarse)
        buf_text(&findings->text, "; the record says that its range is wider than the truth");
    if (package->type == PACKAGE_GENERIC)
        buf_text(&findings->text, "; known by its name alone");
    if (!system && dissent_collect(findings, &query, match, flaw, &dissent, err) < 0)
        return -1;
    finding.confidence = confidence_of(match, query.ecosystem, package, dissent);
    finding.priority = priority_of(&finding);
    struct span *kept = arena_array(&findings->memo_arena, finding.alias_count + 1, sizeof *kept);
    if (kept == NULL || !evidence_keep(findings, &finding))
        return memory_short(err);
    for (size_t i = 0; i < finding.alias_count; i++)
        kept[i] = aliases[i];
    finding.aliases = kept;
    return vec_push(&findings->made, finding) ? 0 : memory_short(err);
}

/* ---- end of life ---- */

static int eol_make(struct findings *findings, const struct eol *eol, struct err *err) {
    struct arena *arena = &findings->memo_arena;
    char end[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE];
    int64_t today = findings->options.db->data_time_utc_s;
    char *id = arena_format(arena, "EOL-%s-%s", eol->product, eol->cycle);
    if (id == NULL)
        return memory_short(err);
    struct finding finding = {.id = span_text(id),
                              .severity = eol->is_runtime ? SEVERITY_MEDIUM : SEVERITY_HIGH,
                              .cvss_score = -1,
                              .epss = -1,
                              .epss_percentile = -1,
                              .status = VULN_END_OF_LIFE,
                              .source = span_text("trawl"),
                              .published_utc_s = eol->end_utc_s,
                              .confidence = 0.95};
    buf_reset(&findings->text);
    buf_format(&findings->text, "%s %s has had no security support since %.10s; the database is of %.10s", eol->product,
               eol->cycle, clock_text(eol->end_utc_s, end), clock_text(today, now));
    finding.priority = priority_of(&finding);
    if (!evidence_keep(findings, &finding) || !vec_push(&findings->made, finding))
        return memory_short(err);
    return 0;
}

/* ---- filters ---- */

static bool is_named(const struct finding *finding, const struct finding_filter *filter) {
    for (size_t i = 0; i < filter->id_count; i++) {
        bool named = text_equal_nocase(finding->id, filter->ids[i]);
        for (size_t j = 0; j < finding->alias_count && !named; j++)
            named = text_equal_nocase(finding->aliases[j], filter->ids[i]);
        if (named)
            return true;
    }
    return filter->id_count == 0;
}

static bool is_wanted(const struct finding *finding, const struct finding_filter *filter) {
    if (filter->ignore_unfixed && finding->status != VULN_FIXED)
        return false;
    if (filter->only_kev && !finding->kev)
        return false;
    if (filter->severities != 0 && (filter->severities >> finding->severity & 1) == 0)
        return false;
    return (filter->min_epss <= 0 || finding->epss >= filter->min_epss) && is_named(finding, filter);
}

/* Whether two findings share an id. */
static bool is_same_flaw(const struct finding *a, const struct finding *b) {
    if (span_equal(a->id, b->id))
        return true;
    for (size_t i = 0; i < a->alias_count; i++) {
        if (span_equal(a->aliases[i], b->id))
            return true;
        for (size_t j = 0; j < b->alias_count; j++) {
            if (span_equal(a->aliases[i], b->aliases[j]) || span_equal(a->id, b->aliases[j]))
                return true;
        }
    }
    for (size_t j = 0; j < b->alias_count; j++) {
        if (span_equal(a->id, b->aliases[j]))
            return true;
    }
    return false;
}

/* ---- the interface ---- */

static int database_ask(struct findings *findings, const struct package *package, struct err *err) {
    bool all = package->type == PACKAGE_RPM;
    struct span rest = buf_span(&findings->ecosystems);
    findings->hits.count = 0;
    while (rest.size > 0) {
        findings->current_ecosystem = (uint32_t)(rest.data - findings->ecosystems.data);
        struct vuln_query query = query_of(findings, package, findings->current_ecosystem);
        (void)text_cut(&rest, 0);
        int known = vuln_match_known(findings->options.db, &query, err);
        if (known < 0 || (known > 0 && vuln_match(findings->options.db, &query, hit_keep, findings, err) < 0))
            return -1;
        if (known > 0 && !all)
            break;
    }
    return 0;
}

static int by_id(const void *left, const void *right) {
    return span_compare(((const struct finding *)left)->id, ((const struct finding *)right)->id);
}

/* Fills `made` with all findings of the package in the database at hand. */
static int package_ask(struct findings *findings, const struct distro *distro, const struct package *package,
                       struct err *err) {
    struct eol eol;
    findings->made.count = 0;
    if (vuln_is_kernel_part(package))
        return 0;
    buf_reset(&findings->ecosystems);
    vuln_ecosystems(distro, package, &findings->ecosystems);
    if (findings->ecosystems.failed)
        return memory_short(err);
    if (database_ask(findings, package, err) < 0)
        return -1;
    if (!flaws_find(findings))
        return memory_short(err);
    for (size_t i = 0; i < findings->hits.count; i++) {
        if (findings->flaws.data[i].count > 0 && finding_make(findings, distro, package, i, err) < 0)
            return -1;
    }
    if (eol_of_runtime(package, &eol) && findings->options.db->data_time_utc_s >= eol.end_utc_s + 86400 &&
        eol_make(findings, &eol, err) < 0)
        return -1;
    return 0;
}

static int distro_ask(struct findings *findings, const struct distro *distro, struct err *err) {
    struct eol eol;
    findings->made.count = 0;
    return distro_has_ended(findings, distro, &eol) ? eol_make(findings, &eol, err) : 0;
}

static int either_ask(struct findings *findings, const struct distro *distro, const struct package *package,
                      struct err *err) {
    int result = package == NULL ? distro_ask(findings, distro, err) : package_ask(findings, distro, package, err);
    return result < 0 && package != NULL && err->code != ERR_NOMEM
               ? err_wrap(err, "match of %.*s %.*s", SPAN_FORMAT(package->name), SPAN_FORMAT(package->version))
               : result;
}

/* Takes out what the older database knew already. */
static int old_subtract(struct findings *findings, const struct distro *distro, const struct package *package,
                        struct err *err) {
    const struct vuln_db *db = findings->options.db;
    findings->old.count = 0;
    for (size_t i = 0; i < findings->made.count; i++) {
        if (!vec_push(&findings->old, findings->made.data[i]))
            return memory_short(err);
    }
    findings->options.db = findings->options.old;
    int result = either_ask(findings, distro, package, err);
    findings->options.db = db;
    if (result < 0)
        return -1;
    /* `made` is what the old one says now, `old` what the new one does: what is left goes back. */
    size_t kept = 0;
    for (size_t i = 0; i < findings->old.count; i++) {
        bool known = false;
        for (size_t j = 0; j < findings->made.count && !known; j++)
            known = is_same_flaw(&findings->old.data[i], &findings->made.data[j]);
        if (!known)
            findings->old.data[kept++] = findings->old.data[i];
    }
    findings->made.count = 0;
    for (size_t i = 0; i < kept; i++) {
        if (!vec_push(&findings->made, findings->old.data[i]))
            return memory_short(err);
    }
    return 0;
}

static void key_text(struct buf *key, struct span text) {
    buf_add(key, text);
    buf_byte(key, 0);
}

/* What an answer depends on: of what a language's registry has, not the distribution. */
static void key_make(struct findings *findings, const struct distro *distro, const struct package *package) {
    struct buf *key = &findings->key;
    buf_reset(key);
    if (package != NULL) {
        buf_byte(key, (uint8_t)(package->type + 1));
        buf_byte(key, package->evidence == EVIDENCE_DECLARED);
        key_text(key, package->name);
        key_text(key, package->version);
        key_text(key, package->source_name);
        key_text(key, package->source_version);
    }
    if (package == NULL || is_system(package)) {
        key_text(key, distro->id);
        key_text(key, distro->version_id);
        key_text(key, distro->version_codename);
        buf_add(key, distro->pretty_name);
    }
}

static int answer_make(struct findings *findings, const struct distro *distro, const struct package *package,
                       struct answer *ret_answer, struct err *err) {
    if (either_ask(findings, distro, package, err) < 0)
        return -1;
    if (findings->options.old != NULL && findings->made.count > 0 && old_subtract(findings, distro, package, err) < 0)
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < findings->made.count; i++) {
        if (is_wanted(&findings->made.data[i], &findings->options.filter))
            findings->made.data[kept++] = findings->made.data[i];
    }
    if (kept > 1)
        qsort(findings->made.data, kept, sizeof *findings->made.data, by_id);
    struct finding *list = arena_array(&findings->memo_arena, kept + 1, sizeof *list);
    if (list == NULL)
        return memory_short(err);
    for (size_t i = 0; i < kept; i++)
        list[i] = findings->made.data[i];
    *ret_answer = (struct answer){list, kept};
    return 0;
}

static int answer_recall(struct findings *findings, const struct distro *distro, const struct package *package,
                         const struct finding **ret_list, size_t *ret_count, struct err *err) {
    key_make(findings, distro, package);
    if (findings->key.failed)
        return memory_short(err);
    struct answer *answer = map_get(&findings->memo, buf_span(&findings->key));
    if (answer == NULL) {
        if (findings->memo_arena.bytes > findings->options.memo_bytes) {
            map_release(&findings->memo);
            map_init(&findings->memo, 0);
            arena_reset(&findings->memo_arena);
        }
        struct span key = arena_copy(&findings->memo_arena, buf_span(&findings->key));
        answer = arena_zalloc(&findings->memo_arena, sizeof *answer);
        if (key.data == NULL || answer == NULL)
            return memory_short(err);
        if (answer_make(findings, distro, package, answer, err) < 0)
            return -1;
        void **place = map_put(&findings->memo, key, NULL);
        if (place == NULL)
            return memory_short(err);
        *place = answer;
    }
    *ret_list = answer->list;
    *ret_count = answer->count;
    return 0;
}

int findings_of(struct findings *findings, const struct distro *distro, const struct package *package,
                const struct finding **ret_list, size_t *ret_count, struct err *err) {
    return answer_recall(findings, distro, package, ret_list, ret_count, err);
}

int findings_of_distro(struct findings *findings, const struct distro *distro, const struct finding **ret_list,
                       size_t *ret_count, struct err *err) {
    return answer_recall(findings, distro, NULL, ret_list, ret_count, err);
}
