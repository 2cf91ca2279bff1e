#include "engine/pipeline/ignore.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"

enum ignore_key { KEY_ID, KEY_PURL, KEY_RULE, KEY_FINGERPRINT, KEY_PATH, KEY_COUNT };

static const char *const key_names[KEY_COUNT] = {"id", "purl", "rule", "fingerprint", "path"};

struct values {
    const struct span *data;
    size_t count; /* 0: the entry does not name it */
};

struct entry {
    struct values values[KEY_COUNT];
    struct span text; /* of suppressed_by */
};

struct ignore {
    struct arena arena;
    VEC(struct entry) entries;
    size_t expired_count;
};

struct parse {
    struct ignore *ignore;
    const char *name;
    int64_t now_utc_s;
};

static int nomem(const struct parse *parse, struct err *err) {
    return err_set(err, ERR_NOMEM, 0, "%s: out of memory", parse->name);
}

static int values_read(const struct parse *parse, const struct doc *value, struct values *values, struct err *err) {
    bool is_list = doc_is(value, DOC_ARRAY);
    size_t count = is_list ? value->count : 1;
    struct span *texts = arena_array(&parse->ignore->arena, count, sizeof *texts);
    if (texts == NULL)
        return nomem(parse, err);
    const struct doc *item = is_list ? doc_first(value) : value;
    for (size_t i = 0; i < count; i++, item = item->next) {
        texts[i] = text_trim(doc_scalar(item)); /* a fingerprint of digits alone is a number to YAML */
        if (texts[i].size == 0)
            return err_set(err, ERR_FORMAT, 0, "%s:%u: %.*s: expected a text or a list of texts", parse->name,
                           value->line, SPAN_FORMAT(value->key));
    }
    if (count == 0)
        return err_set(err, ERR_FORMAT, 0, "%s:%u: %.*s: expected at least one value, found an empty list", parse->name,
                       value->line, SPAN_FORMAT(value->key));
    *values = (struct values){texts, count};
    return 0;
}

/* The first second after the entry's last day. */
static int until_read(const struct parse *parse, const struct doc *value, int64_t *ret_end_utc_s, struct err *err) {
    char quoted[64];
    struct span text = text_trim(doc_scalar(value));
    if (text.size != 10 || !clock_parse(text, ret_end_utc_s))
        return err_set(err, ERR_FORMAT, 0, "%s:%u: until: expected a day such as 2027-01-31, found '%s'", parse->name,
                       value->line, text_quote(text, quoted, sizeof quoted));
    *ret_end_utc_s += 86400;
    return 0;
}

static int member_read(const struct parse *parse, const struct doc *member, struct entry *entry, struct span *reason,
                       int64_t *end_utc_s, struct span *until, struct err *err) {
    char quoted[64];
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (span_is(member->key, key_names[i]))
            return values_read(parse, member, &entry->values[i], err);
    if (span_is(member->key, "reason")) {
        *reason = text_trim(doc_scalar(member));
        return 0;
    }
    if (span_is(member->key, "until")) {
        *until = text_trim(doc_scalar(member));
        return until_read(parse, member, end_utc_s, err);
    }
    return err_set(err, ERR_FORMAT, 0,
                   "%s:%u: unknown key '%s': expected id, purl, rule, fingerprint, path, until or reason", parse->name,
                   member->line, text_quote(member->key, quoted, sizeof quoted));
}

static int entry_read(const struct parse *parse, const struct doc *item, struct err *err) {
    struct entry entry = {0};
    struct span reason = {NULL, 0}, until = {NULL, 0};
    int64_t end_utc_s = INT64_MAX;
    if (!doc_is(item, DOC_OBJECT))
        return err_set(err, ERR_FORMAT, 0, "%s:%u: expected an entry such as {id: CVE-2024-1234, reason: …}",
                       parse->name, item->line);
    for (const struct doc *member = doc_first(item); member != NULL; member = member->next)
        if (member_read(parse, member, &entry, &reason, &end_utc_s, &until, err) < 0)
            return -1;
    bool names_any = false;
    for (size_t i = 0; i < KEY_COUNT; i++)
        names_any = names_any || entry.values[i].count > 0;
    if (!names_any)
        return err_set(err, ERR_FORMAT, 0,
                       "%s:%u: an entry without id, purl, rule, fingerprint or path would hide everything", parse->name,
                       item->line);
    if (reason.size == 0)
        return err_set(err, ERR_FORMAT, 0, "%s:%u: an entry without a reason: write why, others will ask", parse->name,
                       item->line);
    if (parse->now_utc_s >= end_utc_s) {
        parse->ignore->expired_count++;
        return 0;
    }
    const char *text = arena_format(&parse->ignore->arena, "ignored%s%.*s: %.*s", until.size > 0 ? " until " : "",
                                    SPAN_FORMAT(until), SPAN_FORMAT(reason));
    if (text == NULL)
        return nomem(parse, err);
    entry.text = span_text(text);
    return vec_push(&parse->ignore->entries, entry) ? 0 : nomem(parse, err);
}

static int entries_read(const struct parse *parse, const struct doc *root, struct err *err) {
    char quoted[64];
    if (root == NULL || doc_is(root, DOC_NULL))
        return 0; /* an empty file ignores nothing */
    const struct doc *list = doc_get(root, "ignore");
    for (const struct doc *member = doc_first(root); member != NULL && doc_is(root, DOC_OBJECT); member = member->next)
        if (member != list)
            return err_set(err, ERR_FORMAT, 0, "%s:%u: unknown key '%s': expected one list under 'ignore'", parse->name,
                           member->line, text_quote(member->key, quoted, sizeof quoted));
    if (!doc_is(list, DOC_ARRAY) && !doc_is(list, DOC_NULL))
        return err_set(err, ERR_FORMAT, 0, "%s:%u: expected a list of entries under 'ignore'", parse->name, root->line);
    if (list->count > LIMIT_IGNORE_ENTRIES)
        return err_set(err, ERR_LIMIT, 0, "%s: %zu entries: expected at most %zu", parse->name, list->count,
                       LIMIT_IGNORE_ENTRIES);
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next)
        if (entry_read(parse, item, err) < 0)
            return -1;
    return 0;
}

int ignore_parse(struct span text, const char *name, int64_t now_utc_s, struct ignore **ret_ignore, struct err *err) {
    AUTO_IGNORE struct ignore *ignore = mem_zalloc(sizeof *ignore);
    struct parse parse = {.ignore = ignore, .name = name, .now_utc_s = now_utc_s};
    struct doc *documents = NULL;
    if (ignore == NULL)
        return nomem(&parse, err);
    arena_init(&ignore->arena, 0, 0); /* the file's size and LIMIT_IGNORE_ENTRIES bound it */
    struct span kept = arena_copy(&ignore->arena, text);
    if (kept.data == NULL && text.size > 0)
        return nomem(&parse, err);
    if (yaml_parse_all(&ignore->arena, kept, doc_limits_default(), &documents, err) < 0)
        return err_wrap(err, "%s", name);
    if (entries_read(&parse, doc_first(documents), err) < 0)
        return -1;
    *ret_ignore = STEAL(ignore);
    return 0;
}

void ignore_free(struct ignore *ignore) {
    if (ignore == NULL)
        return;
    vec_release(&ignore->entries);
    arena_release(&ignore->arena);
    mem_free(ignore);
}

static bool ids_hold(const struct values *values, const struct ignore_finding *finding) {
    for (size_t i = 0; i < values->count; i++)
        for (size_t id = 0; id < finding->id_count; id++)
            if (text_equal_nocase(values->data[i], finding->ids[id]))
                return true;
    return false;
}

static bool values_hold(const struct values *values, struct span found, bool is_glob) {
    for (size_t i = 0; i < values->count && found.size > 0; i++)
        if (is_glob ? text_glob(values->data[i], found) : span_equal(values->data[i], found))
            return true;
    return false;
}

static bool entry_holds(const struct entry *entry, const struct ignore_finding *finding) {
    const struct span *const found[KEY_COUNT] = {[KEY_PURL] = &finding->purl,
                                                 [KEY_RULE] = &finding->rule,
                                                 [KEY_FINGERPRINT] = &finding->fingerprint,
                                                 [KEY_PATH] = &finding->path};
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct values *values = &entry->values[i];
        if (values->count == 0)
            continue;
        if (i == KEY_ID ? !ids_hold(values, finding) : !values_hold(values, *found[i], i != KEY_FINGERPRINT))
            return false;
    }
    return true;
}

struct span ignore_find(const struct ignore *ignore, const struct ignore_finding *finding) {
    for (size_t i = 0; ignore != NULL && i < ignore->entries.count; i++)
        if (entry_holds(&ignore->entries.data[i], finding))
            return ignore->entries.data[i].text;
    return (struct span){NULL, 0};
}

size_t ignore_count(const struct ignore *ignore) { return ignore == NULL ? 0 : ignore->entries.count; }

size_t ignore_expired_count(const struct ignore *ignore) { return ignore == NULL ? 0 : ignore->expired_count; }
