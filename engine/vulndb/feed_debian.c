/* Debian's security tracker, data/json: every source package with every CVE and what it means for each release,
 *
 *     {"PACKAGE": {"CVE-2024-1": {"description": …, "releases": {"bookworm": {"status": "resolved" | "open" |
 * "undetermined", "fixed_version": "1.2-3" | "0", "urgency": "low" | "not yet assigned" | "unimportant" | "end-of-life"
 * …, "nodsa": "Minor issue", "nodsa_reason": "ignored" | "postponed" | ""}}}}}
 *
 * The document has some 70 MB; it is read a package at a time. */
#include "base/limits.h"
#include "base/text.h"
#include "engine/vulndb/vulndb_draft.h"

static bool debian_recognise(struct span bytes) {
    struct span head = span_slice(bytes, 0, 65536);
    return text_trim(head).size > 0 && text_trim(head).data[0] == '{' &&
           span_find(head, span_text("\"releases\""), 0) != SIZE_MAX &&
           span_find(head, span_text("\"urgency\""), 0) != SIZE_MAX &&
           span_find(head, span_text("\"repositories\""), 0) != SIZE_MAX;
}

/* The number of a release; empty for sid and experimental, which nobody has in an image under a number. */
static struct span release_number(struct span codename) {
    static const struct {
        const char *codename, *number;
    } releases[] = {{"squeeze", "6"},   {"wheezy", "7"},    {"jessie", "8"},  {"stretch", "9"}, {"buster", "10"},
                    {"bullseye", "11"}, {"bookworm", "12"}, {"trixie", "13"}, {"forky", "14"},  {"duke", "15"}};
    for (size_t i = 0; i < ARRAY_COUNT(releases); i++) {
        if (span_is(codename, releases[i].codename))
            return span_text(releases[i].number);
    }
    return (struct span){NULL, 0};
}

static enum severity urgency_severity(struct span urgency) {
    enum severity severity = SEVERITY_UNKNOWN;
    while (urgency.size > 0 && urgency.data[urgency.size - 1] == '*')
        urgency.size--;
    if (span_is(urgency, "unimportant"))
        return SEVERITY_NEGLIGIBLE;
    return severity_parse(urgency, &severity) ? severity : SEVERITY_UNKNOWN;
}

/* False when the release does not have the flaw, or nobody has looked. */
static bool release_read(struct arena *arena, const struct doc *release, struct draft_affected *affected,
                         struct draft_range *range) {
    struct span status = doc_text(doc_get(release, "status"));
    struct span fixed = doc_text(doc_get(release, "fixed_version"));
    struct span urgency = doc_text(doc_get(release, "urgency"));
    struct span number = release_number(release->key);
    bool resolved = span_is(status, "resolved");
    if (number.size == 0 || (resolved && (fixed.size == 0 || span_is(fixed, "0"))) ||
        (!resolved && !span_is(status, "open")))
        return false;
    const char *ecosystem = arena_format(arena, "Debian:%.*s", SPAN_FORMAT(number));
    affected->ecosystem = span_text(ecosystem == NULL ? "" : ecosystem);
    affected->severity = urgency_severity(urgency);
    affected->score10 = -1;
    range->events[0] = (struct draft_event){DRAFT_INTRODUCED, span_text("0")};
    range->events[1] = (struct draft_event){DRAFT_FIXED, fixed};
    range->count = resolved ? 2 : 1;
    if (span_is(urgency, "end-of-life"))
        affected->status = VULN_END_OF_LIFE;
    else if (span_is(doc_text(doc_get(release, "nodsa_reason")), "ignored"))
        affected->status = VULN_WONT_FIX;
    else
        affected->status = VULN_NO_FIX;
    affected->ranges = range;
    affected->range_count = 1;
    return true;
}

static int flaw_add(struct vulndb *build, struct arena *arena, struct span package, const struct doc *flaw,
                    struct err *err) {
    const struct doc *releases = doc_get(flaw, "releases");
    size_t most = releases == NULL ? 0 : releases->count;
    bool is_cve = span_starts(flaw->key, "CVE-");
    struct span cve = flaw->key;
    const char *id = arena_format(arena, "%s%.*s", is_cve ? "DEBIAN-" : "", SPAN_FORMAT(cve));
    struct draft draft = {.source = span_text("Debian"), .upstream = &cve, .upstream_count = is_cve, .partial = true};
    draft.affected = arena_array(arena, most + 1, sizeof *draft.affected);
    struct draft_range *ranges = arena_array(arena, most + 1, sizeof *ranges);
    struct draft_event *events = arena_array(arena, 2 * (most + 1), sizeof *events);
    if (id == NULL || draft.affected == NULL || ranges == NULL || events == NULL)
        return err_set(err, ERR_NOMEM, 0, "debian tracker: out of memory");
    draft.id = span_text(id);
    /* Every package of a CVE has the same text. */
    draft.summary = vulndb_summary_cut(doc_text(doc_get(flaw, "description")));
    for (const struct doc *release = doc_first(releases); release != NULL; release = release->next) {
        size_t at = draft.affected_count;
        ranges[at].events = &events[2 * at];
        draft.affected[at].name = package;
        draft.affected_count += release_read(arena, release, &draft.affected[at], &ranges[at]);
    }
    if (draft.affected_count == 0 || flaw->key.size == 0 || flaw->key.size > LIMIT_FIELD_BYTES)
        return 0;
    return vulndb_add(build, arena, &draft, err);
}

/* The end of the JSON value that begins at `from`: brackets are counted, strings stepped over. SIZE_MAX without one. */
static size_t value_end(struct span bytes, size_t from) {
    size_t depth = 0;
    for (size_t i = from; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        if (c == '"') {
            for (i++; i < bytes.size && bytes.data[i] != '"'; i++)
                i += bytes.data[i] == '\\';
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0)) {
            return i + 1;
        }
    }
    return SIZE_MAX;
}

/* One member of the outermost object as a document of its own: {"PACKAGE": {…}}. */
static int package_read(struct vulndb *build, struct arena *scratch, const char *name, struct span member,
                        struct err *err) {
    struct doc *root = NULL;
    AUTO_BUF struct buf text = {0};
    buf_byte(&text, '{');
    buf_add(&text, member);
    buf_byte(&text, '}');
    if (text.failed)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", name);
    int parsed = vulndb_parse(build, scratch, name, buf_span(&text), &root, err);
    const struct doc *package = parsed > 0 ? doc_first(root) : NULL;
    if (package == NULL)
        return parsed < 0 ? -1 : 0;
    for (const struct doc *flaw = doc_first(package); flaw != NULL; flaw = flaw->next) {
        if (doc_is(flaw, DOC_OBJECT) && flaw_add(build, scratch, package->key, flaw, err) < 0)
            return -1;
    }
    return 0;
}

static int debian_read(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                       struct err *err) {
    size_t at = span_index(bytes, '{', 0);
    for (at = at == SIZE_MAX ? bytes.size : at + 1; at < bytes.size;) {
        uint8_t c = bytes.data[at];
        if (c != '"') {
            if (c == '}')
                return 0;
            at++;
            continue;
        }
        size_t brace = span_index(bytes, '{', at);
        size_t end = brace == SIZE_MAX ? SIZE_MAX : value_end(bytes, brace);
        if (end == SIZE_MAX)
            break;
        arena_reset(scratch);
        if (package_read(build, scratch, name, span_slice(bytes, at, end - at), err) < 0)
            return -1;
        at = end;
    }
    vulndb_problem(build, name, "the tracker's document is cut off");
    return 0;
}

const struct feed feed_debian = {"debian", debian_recognise, debian_read};
