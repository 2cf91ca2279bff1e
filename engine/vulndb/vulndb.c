#include "engine/vulndb/vulndb_build.h"

#include <sys/stat.h>

#include "base/limits.h"
#include "base/text.h"
#include "engine/vulndb/feed_archive.h"
#include "io/file/file.h"
#include "matchers/vuln/vuln_ecosystem.h"

/* Tables of text keyed with a fixed seed: a feed that hashes badly slows its own build, and a random seed buys nothing
 * else. */
#define INTERN_SEED 0x7472776cULL

static const struct feed *const feeds[] = {
#define FEED(name) &feed_##name,
#include "engine/vulndb/feed.def"
#undef FEED
};

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "vulnerability database: out of memory"); }

bool intern_put(struct intern *intern, struct span text, uint32_t *ret_number) {
    void *known = map_get(&intern->map, text);
    if (known != NULL) {
        *ret_number = (uint32_t)((uintptr_t)known - 1);
        return true;
    }
    if (intern->texts.count >= UINT32_MAX - 1)
        return false;
    struct span copy = arena_copy(&intern->arena, text);
    if (copy.data == NULL || !vec_push(&intern->texts, copy))
        return false;
    void **slot = map_put(&intern->map, copy, NULL);
    if (slot == NULL)
        return false;
    *slot = (void *)(uintptr_t)intern->texts.count;
    *ret_number = (uint32_t)(intern->texts.count - 1);
    return true;
}

static bool intern_init(struct intern *intern) {
    uint32_t empty;
    arena_init(&intern->arena, LIMIT_MIB, 0);
    map_init(&intern->map, INTERN_SEED);
    return intern_put(intern, span_text(""), &empty);
}

static void intern_release(struct intern *intern) {
    arena_release(&intern->arena);
    map_release(&intern->map);
    vec_release(&intern->texts);
}

bool cve_number(struct span text, uint64_t *ret_number) {
    size_t at = span_find(text, span_text("CVE-"), 0);
    uint64_t year = 0;
    uint64_t serial = 0;
    if (at == SIZE_MAX || (at > 0 && text.data[at - 1] != '-'))
        return false;
    struct span rest = span_from(text, at + 4);
    struct span year_text = text_cut(&rest, '-');
    if (!text_u64(year_text, 10, 9999, &year) || year_text.size != 4 || !text_u64(rest, 10, UINT32_MAX, &serial))
        return false;
    *ret_number = year << 32 | serial;
    return true;
}

int vulndb_new(struct vulndb **ret_build, struct err *err) {
    AUTO_VULNDB struct vulndb *build = mem_zalloc(sizeof *build);
    if (build == NULL)
        return nomem(err);
    if (pthread_mutex_init(&build->lock, NULL) != 0) {
        mem_free(STEAL(build));
        return nomem(err);
    }
    arena_init(&build->arena, LIMIT_MIB, 0);
    arena_init(&build->scratch, LIMIT_MIB, 0); /* bounded by the ceilings of a document */
    map_init(&build->by_id, INTERN_SEED);
    if (!intern_init(&build->texts) || !intern_init(&build->keys))
        return nomem(err);
    *ret_build = STEAL(build);
    return 0;
}

void vulndb_free(struct vulndb *build) {
    if (build == NULL)
        return;
    intern_release(&build->texts);
    intern_release(&build->keys);
    arena_release(&build->arena);
    arena_release(&build->scratch);
    map_release(&build->by_id);
    vec_release(&build->rows);
    vec_release(&build->entries);
    for (size_t i = 0; i < build->advisories.count; i++)
        vec_release(&build->advisories.data[i].entries);
    vec_release(&build->advisories);
    vec_release(&build->denials);
    (void)pthread_mutex_destroy(&build->lock);
    vec_release(&build->scores);
    vec_release(&build->kevs);
    mem_free(build);
}

const struct vulndb_summary *vulndb_summary(const struct vulndb *build) { return &build->summary; }

void vulndb_count_git_range(struct vulndb *build) { VULNDB_TALLY(build, git_ranges, 1); }

void vulndb_count_documents(struct vulndb *build, int more) { VULNDB_TALLY(build, documents, (uint64_t)(int64_t)more); }

/* Of all problems those are kept whose texts come first, so that it does not matter who met them when. */
void vulndb_problem(struct vulndb *build, const char *name, const char *why) {
    char quoted[64];
    char text[sizeof build->summary.problems[0]];
    (void)snprintf(text, sizeof text, "%s: %s", text_quote(span_text(name), quoted, sizeof quoted), why);
    (void)pthread_mutex_lock(&build->lock);
    size_t kept = build->summary.malformed < VULNDB_PROBLEMS_MAX ? build->summary.malformed : VULNDB_PROBLEMS_MAX;
    size_t at = kept;
    while (at > 0 && strcmp(build->summary.problems[at - 1], text) > 0)
        at--;
    if (at < VULNDB_PROBLEMS_MAX) {
        size_t after = (kept < VULNDB_PROBLEMS_MAX ? kept : VULNDB_PROBLEMS_MAX - 1) - at;
        memmove(build->summary.problems[at + 1 < VULNDB_PROBLEMS_MAX ? at + 1 : at], build->summary.problems[at],
                after * sizeof build->summary.problems[0]);
        memcpy(build->summary.problems[at], text, sizeof text);
    }
    build->summary.malformed++;
    (void)pthread_mutex_unlock(&build->lock);
}

void vulndb_problem_lines(struct vulndb *build, const char *name, uint64_t count, const char *what) {
    char why[80];
    (void)snprintf(why, sizeof why, "%" PRIu64 " lines that %s, ignored", count, what);
    if (count > 0)
        vulndb_problem(build, name, why);
}

int vulndb_parse(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                 struct doc **ret_root, struct err *err) {
    struct err why = {0};
    if (bytes.size > LIMIT_FEED_DOCUMENT_BYTES) {
        vulndb_problem(build, name, "a document beyond the ceiling");
        return 0;
    }
    if (json_parse(scratch, bytes, doc_limits_default(), ret_root, &why) == 0)
        return 1;
    if (why.code == ERR_NOMEM)
        return nomem(err);
    vulndb_problem(build, name, why.text);
    return 0;
}

int vulndb_add_kev(struct vulndb *build, struct span cve, bool ransomware, struct err *err) {
    struct build_kev kev = {.ransomware = ransomware};
    if (!cve_number(cve, &kev.cve))
        return 0;
    VULNDB_TALLY(build, kev, 1);
    (void)pthread_mutex_lock(&build->lock);
    bool pushed = vec_push(&build->kevs, kev);
    (void)pthread_mutex_unlock(&build->lock);
    return pushed ? 0 : nomem(err);
}

int vulndb_add_epss(struct vulndb *build, struct span cve, uint32_t epss, uint32_t percentile, struct err *err) {
    struct build_score score = {.epss = epss, .percentile = percentile};
    if (!cve_number(cve, &score.cve))
        return 0;
    VULNDB_TALLY(build, epss, 1);
    (void)pthread_mutex_lock(&build->lock);
    bool pushed = vec_push(&build->scores, score);
    (void)pthread_mutex_unlock(&build->lock);
    return pushed ? 0 : nomem(err);
}

int vulndb_add_not_affected(struct vulndb *build, struct span ecosystem, struct span package, struct span cve,
                            struct err *err) {
    struct build_denial denial;
    AUTO_BUF struct buf key = {0};
    if (!cve_number(cve, &denial.cve) || ecosystem.size == 0 || package.size == 0 ||
        ecosystem.size > LIMIT_FIELD_BYTES || package.size > LIMIT_FIELD_BYTES)
        return 0;
    vuln_package_key(ecosystem, package, &key);
    (void)pthread_mutex_lock(&build->lock);
    bool pushed =
        !key.failed && intern_put(&build->texts, buf_span(&key), &denial.package) && vec_push(&build->denials, denial);
    (void)pthread_mutex_unlock(&build->lock);
    if (!pushed)
        return nomem(err);
    return 1;
}

struct span vulndb_summary_cut(struct span text) {
    text = text_trim(text);
    text = text_trim(text_cut(&text, '\n'));
    if (text.size <= LIMIT_SUMMARY_BYTES)
        return text;
    size_t size = LIMIT_SUMMARY_BYTES;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    return span_slice(text, 0, size);
}

static bool entry_same(const struct build_entry *a, const struct build_entry *b) {
    return a->vector == b->vector && a->score10 == b->score10 && a->severity == b->severity && a->status == b->status &&
           a->flags == b->flags;
}

/* The entry of this advisory that says the same, or a new one: records of hundreds of packages mostly say one thing. */
static bool entry_put(struct vulndb *build, const struct build_entry *entry, size_t first, uint32_t *ret_entry) {
    struct build_advisory *advisory = &build->advisories.data[entry->advisory];
    for (size_t i = 0; i < advisory->entries.count; i++) {
        *ret_entry = advisory->entries.data[i];
        if (entry_same(&build->entries.data[*ret_entry], entry))
            return true;
    }
    for (size_t i = build->entries.count; i > first && !advisory->partial; i--) {
        *ret_entry = (uint32_t)(i - 1);
        if (entry_same(&build->entries.data[i - 1], entry))
            return true;
    }
    if (build->entries.count >= UINT32_MAX || !vec_push(&build->entries, *entry))
        return false;
    *ret_entry = (uint32_t)(build->entries.count - 1);
    return !advisory->partial || vec_push(&advisory->entries, *ret_entry);
}

static int row_add(struct vulndb *build, struct build_row row, const struct interval *interval, struct err *err) {
    row.flags = interval->flags;
    if (build->rows.count >= LIMIT_VULNDB_ROWS)
        return err_set(err, ERR_LIMIT, 0, "vulnerability database: more than %zu ranges", LIMIT_VULNDB_ROWS);
    bool made = intern_put(&build->keys, interval->lower.key, &row.lower_key) &&
                intern_put(&build->keys, interval->upper.key, &row.upper_key) &&
                intern_put(&build->texts, interval->lower.text, &row.lower_text) &&
                intern_put(&build->texts, interval->upper.text, &row.upper_text) && vec_push(&build->rows, row);
    return made ? 0 : nomem(err);
}

/* Enumerated versions become ranges of one version: in keys where they parse, else in the texts' own space. Those that
 * a range of the same package holds anyway are left out: PyPI enumerates every release that its ranges cover. */
static int versions_add(struct vulndb *build, struct arena *scratch, const struct draft_affected *affected,
                        struct build_row row, const enum version_scheme *scheme, const struct intervals *ranges,
                        size_t range_count, struct err *err) {
    for (size_t i = 0; i < affected->version_count; i++) {
        struct span version = affected->versions[i];
        struct version_point point = {.text = vuln_version_bare(affected->ecosystem, version)};
        int made = scheme == NULL ? 0 : arena_version_key(scratch, *scheme, point.text, &point.key, err);
        if (made < 0)
            return -1;
        bool held = false;
        point.keyed = made > 0 && version_is_keyed(*scheme, point.text);
        for (size_t r = 0; made > 0 && r < range_count && !held; r++) {
            for (size_t k = 0; k < ranges[r].count && !held; k++)
                held = interval_holds(*scheme, &ranges[r].data[k], &point);
        }
        if (held)
            continue;
        row.text_space = made == 0;
        struct version_point bound = {version, made > 0 ? point.key : version, point.keyed};
        struct interval one = {bound, bound, VULN_RANGE_UPPER_INCLUSIVE | VULN_RANGE_EXACT};
        if (made > 0 && !point.keyed)
            one.flags |= VULN_RANGE_BY_TEXT;
        if (row_add(build, row, &one, err) < 0)
            return -1;
    }
    return 0;
}

static int affected_add(struct vulndb *build, struct arena *scratch, const struct draft_affected *affected,
                        struct build_row row, struct err *err) {
    enum version_scheme scheme;
    bool ordered = vuln_ecosystem_scheme(affected->ecosystem, &scheme);
    struct intervals *ranges = arena_array(scratch, affected->range_count + 1, sizeof *ranges);
    size_t rows_before = build->rows.count;
    if (ranges == NULL)
        return nomem(err);
    for (size_t i = 0; i < affected->range_count; i++) {
        int made = ordered ? intervals_make(scratch, scheme, &affected->ranges[i], &ranges[i], err) : 0;
        if (made < 0)
            return -1;
        if (made == 0 && ordered)
            build->summary.invalid_ranges++;
        else if (made == 0)
            build->summary.unordered_ranges++;
        for (size_t k = 0; k < ranges[i].count; k++) {
            if (row_add(build, row, &ranges[i].data[k], err) < 0)
                return -1;
        }
    }
    if (versions_add(build, scratch, affected, row, ordered ? &scheme : NULL, ranges, affected->range_count, err) < 0)
        return -1;
    build->summary.empty_affected += build->rows.count == rows_before;
    return 0;
}

static bool list_copy(struct vulndb *build, const struct span *texts, size_t count, uint32_t **ret_list,
                      uint32_t *ret_count) {
    uint32_t *list = arena_array(&build->arena, count == 0 ? 1 : count, sizeof *list);
    if (list == NULL || count > UINT32_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!intern_put(&build->texts, texts[i], &list[i]))
            return false;
    }
    *ret_list = list;
    *ret_count = (uint32_t)count;
    return true;
}

/* Whether `a` is the copy that counts: the later one, and between equally old ones any rule that does not ask for the
 * input's order. */
static bool is_newer(const struct build_advisory *a, const struct build_advisory *b) {
    if (a->partial != b->partial)
        return b->partial;
    if (a->modified_utc_s != b->modified_utc_s)
        return a->modified_utc_s > b->modified_utc_s;
    if (a->withdrawn != b->withdrawn)
        return a->withdrawn;
    return a->digest > b->digest;
}

/* Settles which of the records of one id live. A withdrawn one ends all older copies, whatever packages they have. */
static void copies_settle(struct vulndb *build, struct build_advisory *fresh, uint32_t first) {
    for (uint32_t number = first; number != 0; number = build->advisories.data[number - 1].next) {
        struct build_advisory *other = &build->advisories.data[number - 1];
        bool same = other->ecosystem == fresh->ecosystem || other->withdrawn || fresh->withdrawn;
        if (!same)
            continue;
        struct build_advisory *loser = is_newer(fresh, other) ? other : fresh;
        build->summary.superseded += !loser->dead && !loser->withdrawn;
        loser->dead = true;
    }
}

static bool advisory_fill(struct vulndb *build, const struct draft *draft, struct build_advisory *ret_advisory) {
    struct build_advisory advisory = {
        .published_utc_s = draft->published_utc_s,
        .modified_utc_s = draft->modified_utc_s,
        .digest = draft->digest,
        .flags = draft->flags,
        .withdrawn = draft->withdrawn,
        .partial = draft->partial,
        .dead = draft->withdrawn,
    };
    struct span ecosystem = draft->affected_count == 0 ? (struct span){NULL, 0} : draft->affected[0].ecosystem;
    enum version_scheme scheme;
    if (vuln_ecosystem_scheme(ecosystem, &scheme))
        advisory.is_distro = strcmp(version_scheme_name(scheme), "rpm") == 0 || vuln_ecosystem_names_source(ecosystem);
    struct span world = text_cut(&ecosystem, ':');
    bool made = intern_put(&build->texts, draft->id, &advisory.id) &&
                intern_put(&build->texts, draft->summary, &advisory.summary) &&
                intern_put(&build->texts, draft->source, &advisory.source) &&
                intern_put(&build->texts, world, &advisory.ecosystem) &&
                list_copy(build, draft->aliases, draft->alias_count, &advisory.aliases, &advisory.alias_count) &&
                list_copy(build, draft->upstream, draft->upstream_count, &advisory.upstream, &advisory.upstream_count);
    if (made)
        *ret_advisory = advisory;
    return made;
}

/* The partial record that another document has begun, + 1; 0 without one. Of two texts the greater one stays, so that
 * the order of documents does not matter. */
static uint32_t partial_find(struct vulndb *build, const struct build_advisory *fresh) {
    for (uint32_t number = fresh->next; number != 0; number = build->advisories.data[number - 1].next) {
        struct build_advisory *known = &build->advisories.data[number - 1];
        if (!known->partial || known->ecosystem != fresh->ecosystem)
            continue;
        if (span_compare(build->texts.texts.data[fresh->summary], build->texts.texts.data[known->summary]) > 0)
            known->summary = fresh->summary;
        return number;
    }
    return 0;
}

/* Takes the record in, without its packages. `*ret_index` is the advisory that these belong to. */
static int advisory_add(struct vulndb *build, const struct draft *draft, uint32_t *ret_index, struct err *err) {
    struct build_advisory advisory;
    if (build->advisories.count >= UINT32_MAX - 1 || !advisory_fill(build, draft, &advisory))
        return nomem(err);
    void **slot = map_put(&build->by_id, build->texts.texts.data[advisory.id], NULL);
    if (slot == NULL || !vec_reserve(&build->advisories, 1))
        return nomem(err);
    advisory.next = (uint32_t)(uintptr_t)*slot;
    uint32_t known = draft->partial ? partial_find(build, &advisory) : 0;
    if (known != 0) {
        *ret_index = known - 1;
        return 0;
    }
    copies_settle(build, &advisory, advisory.next);
    build->summary.withdrawn += draft->withdrawn;
    build->advisories.data[build->advisories.count++] = advisory;
    *slot = (void *)(uintptr_t)build->advisories.count;
    if (draft->modified_utc_s > build->summary.data_time_utc_s)
        build->summary.data_time_utc_s = draft->modified_utc_s;
    *ret_index = (uint32_t)(build->advisories.count - 1);
    return 0;
}

static int draft_add(struct vulndb *build, struct arena *scratch, const struct draft *draft, struct err *err) {
    uint32_t index = 0;
    if (advisory_add(build, draft, &index, err) < 0)
        return -1;
    if (build->advisories.data[index].dead)
        return 0;
    size_t first_entry = build->entries.count;
    for (size_t i = 0; i < draft->affected_count; i++) {
        const struct draft_affected *affected = &draft->affected[i];
        AUTO_BUF
        struct buf key;
        struct build_row row = {0};
        struct build_entry entry = {
            .advisory = index,
            .score10 = affected->score10 < 0 ? UINT16_MAX : (uint16_t)affected->score10,
            .severity = (uint8_t)affected->severity,
            .status = (uint8_t)affected->status,
            .flags = affected->flags,
        };
        buf_init(&key, 0);
        if (affected->ecosystem.size == 0 || affected->name.size == 0 || affected->name.size > LIMIT_FIELD_BYTES ||
            affected->ecosystem.size > LIMIT_FIELD_BYTES) {
            build->summary.empty_affected++;
            continue;
        }
        vuln_package_key(affected->ecosystem, affected->name, &key);
        if (key.failed || !intern_put(&build->texts, affected->vector, &entry.vector) ||
            !entry_put(build, &entry, first_entry, &row.entry) ||
            !intern_put(&build->texts, buf_span(&key), &row.package))
            return nomem(err);
        if (affected_add(build, scratch, affected, row, err) < 0)
            return -1;
    }
    return 0;
}

int vulndb_add(struct vulndb *build, struct arena *scratch, const struct draft *draft, struct err *err) {
    (void)pthread_mutex_lock(&build->lock);
    int result = draft_add(build, scratch, draft, err);
    (void)pthread_mutex_unlock(&build->lock);
    return result;
}

int vulndb_read_document(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                         struct err *err) {
    for (size_t i = 0; i < ARRAY_COUNT(feeds); i++) {
        if (!feeds[i]->recognise(bytes))
            continue;
        VULNDB_TALLY(build, documents, 1);
        arena_reset(scratch);
        return feeds[i]->read(build, scratch, name, bytes, err);
    }
    VULNDB_TALLY(build, unrecognised, 1);
    return 0;
}

int vulndb_add_document(struct vulndb *build, const char *name, struct span bytes, struct err *err) {
    return build->crew != NULL ? crew_add(build->crew, name, bytes, err)
                               : vulndb_read_document(build, &build->scratch, name, bytes, err);
}

static int archive_document(void *context, const char *name, struct span bytes, struct err *err) {
    return vulndb_add_document(context, name, bytes, err);
}

static int file_add(struct vulndb *build, const char *path, struct err *err) {
    struct file_map map = {{NULL, 0}};
    if (file_map_open(path, &map, err) < 0)
        return -1;
    int result = feed_archive_is(map.bytes) ? feed_archive_walk(path, map.bytes, archive_document, build, err)
                                            : vulndb_add_document(build, path, map.bytes, err);
    file_map_close(&map);
    return result;
}

/* Folders wait on a list instead of the stack. Hidden files are not feeds. */
static int folder_add(struct vulndb *build, const char *path, struct err *err) {
    struct arena names;
    VEC(char *) waiting = {0};
    int result = 0;
    arena_init(&names, 0, 256 * LIMIT_MIB);
    char *first = arena_text(&names, span_text(path));
    if (first == NULL || !vec_push(&waiting, first))
        result = nomem(err);
    while (result == 0 && waiting.count > 0) {
        const char *folder = waiting.data[--waiting.count];
        AUTO_DIR DIR *directory = opendir(folder);
        if (directory == NULL) {
            result = err_set(err, ERR_IO, errno, "%s: %s", folder, strerror(errno));
            break;
        }
        for (struct dirent *item = readdir(directory); result == 0 && item != NULL; item = readdir(directory)) {
            struct stat status;
            if (item->d_name[0] == '.')
                continue;
            char *member = arena_format(&names, "%s/%s", folder, item->d_name);
            if (member == NULL)
                result = nomem(err);
            else if (stat(member, &status) != 0)
                result = err_set(err, ERR_IO, errno, "%s: %s", member, strerror(errno));
            else if (S_ISDIR(status.st_mode) && !vec_push(&waiting, member))
                result = nomem(err);
            else if (S_ISREG(status.st_mode))
                result = file_add(build, member, err);
        }
    }
    vec_release(&waiting);
    arena_release(&names);
    return result;
}

int vulndb_add_path(struct vulndb *build, const char *path, struct err *err) {
    struct stat status;
    if (stat(path, &status) != 0)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "%s: %s", path, strerror(errno));
    return S_ISDIR(status.st_mode) ? folder_add(build, path, err) : file_add(build, path, err);
}

int vulndb_add_paths(struct vulndb *build, const char *const *paths, size_t count, unsigned threads, struct err *err) {
    struct crew *crew = NULL;
    int result = 0;
    if (threads > 1 && crew_open(build, threads, &crew, err) < 0)
        return -1;
    build->crew = crew;
    for (size_t i = 0; i < count && result == 0; i++)
        result = vulndb_add_path(build, paths[i], err);
    build->crew = NULL;
    if (crew == NULL)
        return result;
    struct err why = {0};
    int closed = crew_close(crew, &why);
    return result == 0 && closed < 0 ? err_set(err, why.code, why.sys, "%s", why.text) : result;
}
