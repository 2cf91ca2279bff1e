/* Advisories in the Open Source Vulnerability format: one object, an array of them, or one a line (NDJSON).
 * Spec: https://ossf.github.io/osv-schema/ 1.7. */
#include "base/clock.h"
#include "base/hash/xxh.h"
#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "engine/vulndb/vulndb_draft.h"
#include "matchers/vuln/cvss.h"
#include "matchers/vuln/vuln_ecosystem.h"

struct rating {
    struct span vector;
    int score10;
    enum severity severity;
};

static bool osv_recognise(struct span bytes) {
    struct span text = text_trim(span_slice(bytes, 0, 4096));
    if (span_starts(text, "\xef\xbb\xbf"))
        text = text_trim(span_from(text, 3));
    return text.size > 0 && (text.data[0] == '{' || text.data[0] == '[');
}

/* CVSS 4 before 3 before 2; a vector that does not parse is none. A word (type "Ubuntu") is taken where there is no
 * vector. */
static struct rating severity_list(const struct doc *list) {
    struct rating best = {{NULL, 0}, -1, SEVERITY_UNKNOWN};
    int best_version = 0;
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        struct span score = doc_text(doc_get(item, "score"));
        enum severity word;
        if (!span_starts(doc_text(doc_get(item, "type")), "CVSS_")) {
            if (best_version == 0 && severity_parse(score, &word))
                best.severity = word;
            continue;
        }
        int score10 = score.size <= LIMIT_FIELD_BYTES ? cvss_score10(score) : -1;
        int version = cvss_version(score);
        if (score10 < 0 || version <= best_version)
            continue;
        best = (struct rating){score, score10, severity_from_score(score10 / 10.0)};
        best_version = version;
    }
    return best;
}

/* "low**" and "medium*" are Debian's remarks on its own urgencies. */
static bool word_parse(struct span word, enum severity *ret_severity) {
    while (word.size > 0 && word.data[word.size - 1] == '*')
        word.size--;
    if (span_is(word, "unimportant")) {
        *ret_severity = SEVERITY_NEGLIGIBLE;
        return true;
    }
    enum severity severity;
    if (!severity_parse(word, &severity) || severity == SEVERITY_UNKNOWN)
        return false;
    *ret_severity = severity;
    return true;
}

/* AlmaLinux, Rocky and Red Hat write it into the summary: "Important: kernel security update". */
static void summary_word(struct span id, struct span summary, struct rating *rating) {
    static const char *const prefixes[] = {"ALSA-", "RHSA-", "RLSA-", "RXSA-", "ELSA-"};
    struct span word = text_cut(&summary, ':');
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        if (rating->severity == SEVERITY_UNKNOWN && span_starts(id, prefixes[i]) && summary.data != NULL)
            (void)word_parse(word, &rating->severity);
    }
}

static bool is_informational_id(struct span id) {
    static const char *const prefixes[] = {"ALBA-", "ALEA-", "ELBA-",    "ELEA-",    "RHBA-",   "RHEA-",
                                           "RLBA-", "RLEA-", "SUSE-RU-", "SUSE-FU-", "SUSE-OU-"};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        if (span_starts(id, prefixes[i]))
            return true;
    }
    return false;
}

static struct span source_name(const struct doc *root, struct span id) {
    static const struct {
        const char *prefix;
        const char *source;
    } sources[] = {
        {"ALPINE-", "Alpine"},    {"ALSA-", "AlmaLinux"},  {"ALBA-", "AlmaLinux"}, {"ALEA-", "AlmaLinux"},
        {"BIT-", "Bitnami"},      {"CGA-", "Chainguard"},  {"DEBIAN-", "Debian"},  {"DLA-", "Debian"},
        {"DSA-", "Debian"},       {"DTSA-", "Debian"},     {"GHSA-", "GitHub"},    {"GO-", "Go"},
        {"MAL-", "OpenSSF"},      {"OSV-", "OSS-Fuzz"},    {"PYSEC-", "PyPA"},     {"RHSA-", "Red Hat"},
        {"RLSA-", "Rocky Linux"}, {"RUSTSEC-", "RustSec"}, {"SUSE-", "SUSE"},      {"UBUNTU-", "Ubuntu"},
        {"USN-", "Ubuntu"},
    };
    struct span converted = doc_text(doc_get(doc_get(root, "database_specific"), "converted_from"));
    if (converted.size > 0)
        return span_slice(converted, 0, LIMIT_SUMMARY_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
        if (span_starts(id, sources[i].prefix))
            return span_text(sources[i].source);
    }
    return text_cut(&id, '-');
}

static struct span summary_text(const struct doc *root) {
    struct span text = text_trim(doc_text(doc_get(root, "summary")));
    return vulndb_summary_cut(text.size > 0 ? text : doc_text(doc_get(root, "details")));
}

/* The strings of up to two lists, one after the other. False when memory is short. */
static bool texts_collect(struct arena *arena, const struct doc *first, const struct doc *second,
                          struct span **ret_texts, size_t *ret_count) {
    size_t most = (first == NULL ? 0 : first->count) + (second == NULL ? 0 : second->count);
    struct span *texts = arena_array(arena, most == 0 ? 1 : most, sizeof *texts);
    size_t count = 0;
    if (texts == NULL)
        return false;
    const struct doc *lists[] = {first, second};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        for (const struct doc *item = doc_first(lists[i]); item != NULL; item = item->next) {
            struct span text = doc_text(item);
            if (text.size > 0 && text.size <= LIMIT_FIELD_BYTES)
                texts[count++] = text;
        }
    }
    *ret_texts = texts;
    *ret_count = count;
    return true;
}

static bool event_read(const struct doc *item, struct draft_event *ret_event) {
    static const char *const names[] = {"introduced", "fixed", "last_affected", "limit"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct doc *value = doc_get(item, names[i]);
        if (value != NULL && doc_scalar(value).size > 0) {
            *ret_event = (struct draft_event){(enum draft_event_kind)i, doc_scalar(value)};
            return true;
        }
    }
    return false;
}

static bool ranges_read(struct vulndb *build, struct arena *arena, const struct doc *list,
                        struct draft_affected *affected) {
    affected->ranges = arena_array(arena, list == NULL || list->count == 0 ? 1 : list->count, sizeof *affected->ranges);
    if (affected->ranges == NULL)
        return false;
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        const struct doc *events = doc_get(item, "events");
        if (span_is(doc_text(doc_get(item, "type")), "GIT")) {
            vulndb_count_git_range(build);
            continue;
        }
        if (!doc_is(events, DOC_ARRAY) || events->count == 0)
            continue;
        struct draft_range *range = &affected->ranges[affected->range_count];
        range->events = arena_array(arena, events->count, sizeof *range->events);
        if (range->events == NULL)
            return false;
        for (const struct doc *event = doc_first(events); event != NULL; event = event->next)
            range->count += event_read(event, &range->events[range->count]);
        affected->range_count++;
    }
    return true;
}

static enum vuln_status status_read(const struct doc *specific) {
    struct span status = doc_text(doc_get(specific, "status"));
    struct span urgency = doc_text(doc_get(specific, "urgency"));
    if (span_starts(status, "ignored") || span_starts(status, "wont_fix") || span_starts(status, "no-dsa"))
        return VULN_WONT_FIX;
    if (span_is(urgency, "end-of-life") || span_starts(status, "end-of-life") || span_starts(status, "end_of_life"))
        return VULN_END_OF_LIFE;
    return VULN_NO_FIX;
}

/* What the package's own vendor says, before what the record says. */
static void rate(const struct doc *affected, const struct rating *record, struct draft_affected *draft) {
    struct rating rating = severity_list(doc_get(affected, "severity"));
    const struct doc *specific = doc_get(affected, "ecosystem_specific");
    const struct doc *database = doc_get(affected, "database_specific");
    if (rating.score10 < 0 && rating.severity == SEVERITY_UNKNOWN)
        rating = *record;
    const struct doc *words[] = {doc_get(specific, "ubuntu_priority"), doc_get(specific, "urgency"),
                                 doc_get(specific, "severity"), doc_get(database, "severity")};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        bool own = i < 2; /* a distribution rates its own build: that goes before any score of the flaw as such */
        if ((own || rating.severity == SEVERITY_UNKNOWN) && word_parse(doc_text(words[i]), &rating.severity))
            break;
    }
    draft->severity = rating.severity;
    draft->vector = rating.vector;
    draft->score10 = rating.score10;
}

static bool affected_read(struct vulndb *build, struct arena *arena, const struct doc *item,
                          const struct rating *record, struct draft_affected *draft) {
    const struct doc *package = doc_get(item, "package");
    const struct doc *specific = doc_get(item, "ecosystem_specific");
    draft->ecosystem = doc_text(doc_get(package, "ecosystem"));
    draft->name = doc_text(doc_get(package, "name"));
    draft->status = status_read(specific);
    if (doc_get(specific, "custom_ranges") != NULL)
        draft->flags |= VULN_ENTRY_COARSE;
    rate(item, record, draft);
    return ranges_read(build, arena, doc_get(item, "ranges"), draft) &&
           texts_collect(arena, doc_get(item, "versions"), NULL, &draft->versions, &draft->version_count);
}

/* RustSec's notices: a crate without a maintainer is no vulnerability; an unsound one may be. */
static bool is_notice(const struct doc *affected) {
    struct span kind = doc_text(doc_get(doc_get(affected, "database_specific"), "informational"));
    return span_is(kind, "unmaintained") || span_is(kind, "notice");
}

/* What CVE lists write in front of a text, and nowhere else: "** DISPUTED **" (its vendor says that it is no flaw), and
 * "** REJECT **" or "Rejected reason:" (the id was taken back, yet the record stands). */
static bool text_says(const struct doc *root, const char *word, const char *other) {
    static const char *const members[] = {"summary", "details"};
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        struct span text = text_trim(doc_text(doc_get(root, members[i])));
        if (span_starts(text, word) || span_starts(text, other))
            return true;
    }
    return false;
}

static int record_read(struct vulndb *build, struct arena *arena, const char *name, const struct doc *root,
                       uint64_t digest, struct err *err) {
    struct draft draft = {.id = doc_text(doc_get(root, "id")), .digest = digest};
    if (!doc_is(root, DOC_OBJECT) || draft.id.size == 0 || draft.id.size > LIMIT_FIELD_BYTES) {
        vulndb_problem(build, name, "no advisory: an object with an id is expected");
        return 0;
    }
    const struct doc *related = span_starts(draft.id, "AL") ? doc_get(root, "related") : NULL;
    struct rating record = severity_list(doc_get(root, "severity"));
    const struct doc *list = doc_get(root, "affected");
    draft.summary = summary_text(root);
    draft.source = source_name(root, draft.id);
    draft.withdrawn = doc_text(doc_get(root, "withdrawn")).size > 0;
    if (text_says(root, "** DISPUTED **", "[DISPUTED]"))
        draft.flags |= VULN_ADVISORY_DISPUTED;
    (void)clock_parse(doc_text(doc_get(root, "published")), &draft.published_utc_s);
    (void)clock_parse(doc_text(doc_get(root, "modified")), &draft.modified_utc_s);
    /* Go's own tree writes the year 1 where the date is put in later. */
    draft.published_utc_s = draft.published_utc_s < 0 ? 0 : draft.published_utc_s;
    draft.modified_utc_s = draft.modified_utc_s < 0 ? 0 : draft.modified_utc_s;
    if (record.severity == SEVERITY_UNKNOWN)
        (void)word_parse(doc_text(doc_get(doc_get(root, "database_specific"), "severity")), &record.severity);
    summary_word(draft.id, draft.summary, &record);
    if (is_informational_id(draft.id) || text_says(root, "** REJECT **", "Rejected reason:"))
        draft.flags |= VULN_ADVISORY_INFORMATIONAL;
    draft.affected = arena_array(arena, list == NULL || list->count == 0 ? 1 : list->count, sizeof *draft.affected);
    bool made = draft.affected != NULL &&
                texts_collect(arena, doc_get(root, "aliases"), NULL, &draft.aliases, &draft.alias_count) &&
                texts_collect(arena, doc_get(root, "upstream"), related, &draft.upstream, &draft.upstream_count);
    for (const struct doc *item = doc_first(list); made && item != NULL; item = item->next) {
        made = affected_read(build, arena, item, &record, &draft.affected[draft.affected_count++]);
        if (is_notice(item))
            draft.flags |= VULN_ADVISORY_INFORMATIONAL;
    }
    if (!made)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory, or a record of too many parts", name);
    return vulndb_add(build, arena, &draft, err);
}

static int document_read(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                         struct err *err) {
    struct doc *root = NULL;
    int parsed = vulndb_parse(build, scratch, name, bytes, &root, err);
    if (parsed <= 0)
        return parsed;
    uint64_t digest = xxh64_file(bytes, 0);
    if (!doc_is(root, DOC_ARRAY))
        return record_read(build, scratch, name, root, digest, err);
    for (const struct doc *item = doc_first(root); item != NULL; item = item->next) {
        if (record_read(build, scratch, name, item, digest, err) < 0)
            return -1;
    }
    return 0;
}

/* NDJSON: the first line is an object by itself, and another one follows. */
static bool is_lines(struct span bytes) {
    struct reader r = reader_init(bytes);
    struct span line;
    if (!read_line(&r, &line))
        return false;
    line = text_trim(line);
    struct span rest = text_trim(span_from(bytes, r.offset));
    return line.size > 1 && line.data[0] == '{' && line.data[line.size - 1] == '}' && rest.size > 0 &&
           rest.data[0] == '{';
}

static int osv_read(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes, struct err *err) {
    if (!is_lines(bytes))
        return document_read(build, scratch, name, bytes, err);
    struct reader r = reader_init(bytes);
    struct span line;
    vulndb_count_documents(build, -1); /* the lines are the documents */
    while (read_line(&r, &line)) {
        if (text_trim(line).size == 0)
            continue;
        arena_reset(scratch);
        vulndb_count_documents(build, 1);
        if (document_read(build, scratch, name, line, err) < 0)
            return -1;
    }
    return 0;
}

const struct feed feed_osv = {"osv", osv_recognise, osv_read};
