/* Alpine's secdb, which Wolfi and Chainguard publish too: a document for each release and repository,
 *
 *     {"distroversion": "v3.18", "reponame": "main", "urlprefix": "https://…",
 *      "packages": [{"pkg": {"name": …, "secfixes": {"1.2-r3": ["CVE-2024-1 (+ a remark)", "CVE-2024-2 XSA-7"], "0":
 * […]}}}]}
 *
 * A fix in version "0" says that the package never had the flaw. Packages are sources (apk's origin). */
#include "base/limits.h"
#include "base/text.h"
#include "engine/vulndb/vulndb_draft.h"

static bool secdb_recognise(struct span bytes) {
    struct span head = span_slice(bytes, 0, 4096);
    return span_find(head, span_text("\"urlprefix\""), 0) != SIZE_MAX &&
           span_find(head, span_text("\"packages\""), 0) != SIZE_MAX;
}

struct secdb {
    struct vulndb *build;
    struct arena *arena;
    struct span ecosystem;
    const char *source, *id_prefix;
};

/* "Alpine:v3.18", "Alpine:edge", "Wolfi", "Chainguard"; empty when it is nobody's. */
static bool world_read(const struct doc *root, struct secdb *secdb) {
    struct span prefix = doc_text(doc_get(root, "urlprefix"));
    struct span release = doc_text(doc_get(root, "distroversion"));
    if (span_find(prefix, span_text("wolfi.dev"), 0) != SIZE_MAX) {
        secdb->ecosystem = span_text("Wolfi");
        secdb->source = "Wolfi";
        secdb->id_prefix = "";
    } else if (span_find(prefix, span_text("cgr.dev"), 0) != SIZE_MAX) {
        secdb->ecosystem = span_text("Chainguard");
        secdb->source = "Chainguard";
        secdb->id_prefix = "";
    } else if (release.size > 0 && release.size <= LIMIT_FIELD_BYTES) {
        const char *text = arena_format(secdb->arena, "Alpine:%.*s", SPAN_FORMAT(release));
        secdb->ecosystem = span_text(text == NULL ? "" : text);
        secdb->source = "Alpine";
        secdb->id_prefix = "ALPINE-";
    }
    return secdb->ecosystem.size > 0;
}

/* "CVE-2024-1", "GHSA-…", "XSA-7": capital letters, a dash, something. */
static bool is_id(struct span word) {
    size_t dash = span_index(word, '-', 0);
    if (dash == SIZE_MAX || dash < 2 || dash + 1 == word.size || word.size > 64)
        return false;
    for (size_t i = 0; i < dash; i++) {
        if (!text_is_upper(word.data[i]))
            return false;
    }
    return text_only(word, "-");
}

static int fix_add(const struct secdb *secdb, struct span name, struct span version, struct span id, struct err *err) {
    bool is_cve = span_starts(id, "CVE-");
    const char *text = arena_format(secdb->arena, "%s%.*s", is_cve ? secdb->id_prefix : "", SPAN_FORMAT(id));
    struct draft_event events[] = {{DRAFT_INTRODUCED, span_text("0")}, {DRAFT_FIXED, version}};
    struct draft_range range = {events, ARRAY_COUNT(events)};
    struct draft_affected affected = {
        .ecosystem = secdb->ecosystem, .name = name, .ranges = &range, .range_count = 1, .score10 = -1};
    if (text == NULL)
        return err_set(err, ERR_NOMEM, 0, "secdb: out of memory");
    struct draft draft = {.id = span_text(text),
                          .source = span_text(secdb->source),
                          .upstream = &id,
                          .upstream_count = is_cve && text[0] != 'C',
                          .partial = true,
                          .affected = &affected,
                          .affected_count = 1};
    return vulndb_add(secdb->build, secdb->arena, &draft, err);
}

/* All CVEs of the text; without one its first id of another kind. */
static int fixes_add(const struct secdb *secdb, struct span name, struct span version, struct span text,
                     struct err *err) {
    struct span other = {NULL, 0};
    bool any = false;
    while (text.data != NULL) {
        struct span word = text_cut(&text, ' ');
        while (word.size > 0 && (word.data[word.size - 1] == ',' || word.data[word.size - 1] == ';'))
            word.size--;
        if (!is_id(word))
            continue;
        if (!span_starts(word, "CVE-")) {
            other = other.data == NULL ? word : other;
            continue;
        }
        any = true;
        if (fix_add(secdb, name, version, word, err) < 0)
            return -1;
    }
    return any || other.data == NULL ? 0 : fix_add(secdb, name, version, other, err);
}

static int package_add(const struct secdb *secdb, const struct doc *package, struct err *err) {
    struct span name = doc_text(doc_get(package, "name"));
    const struct doc *secfixes = doc_get(package, "secfixes");
    if (name.size == 0 || !doc_is(secfixes, DOC_OBJECT))
        return 0;
    for (const struct doc *fix = doc_first(secfixes); fix != NULL; fix = fix->next) {
        if (span_is(fix->key, "0") || fix->key.size == 0)
            continue;
        for (const struct doc *id = doc_first(fix); id != NULL; id = id->next) {
            if (fixes_add(secdb, name, fix->key, doc_text(id), err) < 0)
                return -1;
        }
    }
    return 0;
}

static int secdb_read(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                      struct err *err) {
    struct doc *root = NULL;
    struct secdb secdb = {.build = build, .arena = scratch};
    int parsed = vulndb_parse(build, scratch, name, bytes, &root, err);
    if (parsed <= 0)
        return parsed;
    const struct doc *packages = doc_get(root, "packages");
    if (!doc_is(packages, DOC_ARRAY) || !world_read(root, &secdb)) {
        vulndb_problem(build, name, "a secdb of a release with a list of packages is expected");
        return 0;
    }
    for (const struct doc *item = doc_first(packages); item != NULL; item = item->next) {
        if (package_add(&secdb, doc_get(item, "pkg"), err) < 0)
            return -1;
    }
    return 0;
}

const struct feed feed_secdb = {"secdb", secdb_recognise, secdb_read};
