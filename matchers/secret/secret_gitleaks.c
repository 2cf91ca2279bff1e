#include "matchers/secret/secret_gitleaks.h"

#include "base/limits.h"
#include "base/parse/doc.h"
#include "base/text.h"

struct conversion {
    const char *name;
    const struct doc *root;
    struct buf *out, *notes;
};

#define LITERAL_BYTES_MIN ((size_t)3) /* of rules; a shorter keyword is no place to begin a search at */

static void note(struct conversion *run, const struct doc *rule, const char *what) {
    struct span id = doc_text(doc_get(rule, "id"));
    char quoted[80];
    buf_format(run->notes, "%s:%u: %s%s%s\n", run->name, rule->line,
               id.size > 0 ? text_quote(id, quoted, sizeof quoted) : "", id.size > 0 ? ": " : "", what);
}

/* Lower case letters, digits and single dashes: what ids are made of. */
static void id_write(struct buf *out, struct span id) {
    bool dash = true; /* none after "gitleaks-" */
    for (size_t i = 0; i < id.size; i++) {
        uint8_t c = text_lower_byte(id.data[i]);
        if (!text_is_alnum(c) && dash)
            continue;
        dash = !text_is_alnum(c);
        buf_byte(out, dash ? '-' : c);
    }
    if (dash && id.size > 0)
        buf_byte(out, '0');
}

/* Copies the expression with the name `secret` for its group of that number, counted from 1; false when it has fewer.
 * With 0 nothing is named. Counts what captures: not "(?:", not in a class, not escaped; "(?P<x>" and "(?<x>" do. */
static bool group_name(struct buf *out, struct span expression, uint64_t wanted) {
    uint64_t groups = 0;
    bool in_class = false;
    for (size_t i = 0; i < expression.size; i++) {
        uint8_t c = expression.data[i];
        struct span rest = span_from(expression, i);
        if (c == '\\' && i + 1 < expression.size) {
            buf_add(out, span_slice(expression, i++, 2));
            continue;
        }
        if (c == '[' || c == ']')
            in_class = c == '[' || (in_class && expression.data[i - 1] == '['); /* "[]" begins with a bracket */
        bool named = span_starts(rest, "(?P<") ||
                     (span_starts(rest, "(?<") && !span_starts(rest, "(?<=") && !span_starts(rest, "(?<!"));
        bool captures = !in_class && c == '(' && (named || !span_starts(rest, "(?"));
        if (captures && ++groups == wanted) {
            size_t end = named ? span_index(rest, '>', 0) : 0;
            if (end == SIZE_MAX)
                return false;
            buf_text(out, "(?<secret>");
            i += end;
            continue;
        }
        buf_byte(out, c);
    }
    return groups >= wanted;
}

static void expression_write(struct conversion *run, const struct doc *rule, struct span regex) {
    int64_t group = 0;
    AUTO_BUF struct buf named;
    buf_init(&named, LIMIT_SECRET_RULE_FILE_BYTES);
    bool given = doc_i64(doc_get(rule, "secretGroup"), &group) && group > 0;
    /* Without a number the first group is the secret, and without a group the match. */
    if (!group_name(&named, regex, given ? (uint64_t)group : 1)) {
        if (given)
            note(run, rule, "secretGroup names no group: the whole match is taken");
        buf_reset(&named);
        buf_text(&named, "(?<secret>");
        buf_add(&named, regex);
        buf_byte(&named, ')');
    }
    if (named.failed)
        run->out->failed = true;
    buf_text(run->out, "  expression: ");
    buf_json_text(run->out, buf_span(&named));
    buf_byte(run->out, '\n');
}

static bool holds_nocase(struct span s, struct span part) {
    for (size_t i = 0; part.size <= s.size && i <= s.size - part.size; i++)
        if (text_equal_nocase(span_slice(s, i, part.size), part))
            return true;
    return false;
}

static void keywords_write(struct conversion *run, const struct doc *rule, struct span regex) {
    const struct doc *list = doc_get(rule, "keywords");
    bool inside = list != NULL && list->count > 0;
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next)
        inside = inside && doc_text(item).size >= LITERAL_BYTES_MIN && holds_nocase(regex, doc_text(item));
    if (!inside)
        note(run, rule,
             list == NULL || list->count == 0 ? "no keywords: the rule is searched for by its expression, which is slow"
                                              : "its keywords have to stand within 4096 bytes of the match");
    if (list == NULL || list->count == 0)
        return;
    buf_text(run->out,
             inside ? "  nocase: true\n  before_bytes: 256\n  literals: [" : "  keyword_bytes: 4096\n  keywords: [");
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        buf_json_text(run->out, doc_text(item));
        buf_text(run->out, item->next == NULL ? "]\n" : ", ");
    }
}

/* One allow list's expressions and stop words, each as a text of a YAML list. */
static void allow_write(struct conversion *run, const struct doc *rule, const struct doc *list, size_t *count) {
    struct span target = doc_text(doc_get(list, "regexTarget"));
    if (doc_get(list, "paths") != NULL)
        note(run, rule, "an allow list on paths is left out: --ignorefile takes entries with rule and path");
    if (doc_get(list, "commits") != NULL)
        note(run, rule, "an allow list on commits is left out: layers have none");
    if (span_is(doc_text(doc_get(list, "condition")), "AND"))
        note(run, rule, "an allow list with condition AND is left out");
    else {
        if (doc_get(list, "regexes") != NULL && target.size > 0 && !span_is(target, "secret"))
            note(run, rule, "an allow list on the match or the line is left out: expressions here look at the secret");
        else
            for (const struct doc *item = doc_first(doc_get(list, "regexes")); item != NULL; item = item->next) {
                buf_text(run->out, (*count)++ == 0 ? "  allow: [" : ", ");
                buf_json_text(run->out, doc_text(item));
            }
        for (const struct doc *item = doc_first(doc_get(list, "stopwords")); item != NULL; item = item->next) {
            AUTO_BUF struct buf word;
            buf_init(&word, LIMIT_KIB);
            buf_format(&word, "(?i)\\Q%.*s\\E", SPAN_FORMAT(doc_text(item)));
            buf_text(run->out, (*count)++ == 0 ? "  allow: [" : ", ");
            buf_json_text(run->out, buf_span(&word));
        }
    }
}

static void allows_write(struct conversion *run, const struct doc *rule) {
    static const char *const keys[] = {"allowlist", "allowlists"};
    const struct doc *const owners[] = {rule, run->root}; /* the file's own lists hold for each of its rules */
    size_t count = 0;
    for (size_t owner = 0; owner < ARRAY_COUNT(owners); owner++)
        for (size_t key = 0; key < ARRAY_COUNT(keys); key++) {
            const struct doc *value = doc_get(owners[owner], keys[key]);
            if (doc_is(value, DOC_OBJECT))
                allow_write(run, rule, value, &count);
            for (const struct doc *item = doc_is(value, DOC_ARRAY) ? doc_first(value) : NULL; item != NULL;
                 item = item->next)
                allow_write(run, rule, item, &count);
        }
    if (count > 0)
        buf_text(run->out, "]\n");
}

static bool rule_write(struct conversion *run, const struct doc *rule) {
    struct span id = doc_text(doc_get(rule, "id")), regex = doc_text(doc_get(rule, "regex"));
    struct span description = doc_text(doc_get(rule, "description")), entropy = doc_scalar(doc_get(rule, "entropy"));
    if (id.size == 0 || regex.size == 0) {
        note(run, rule, regex.size == 0 ? "a rule by path alone is left out" : "a rule without an id is left out");
        return false;
    }
    if (doc_get(rule, "path") != NULL)
        note(run, rule, "'path' is left out: the rule holds for every file");
    if (doc_get(rule, "required") != NULL)
        note(run, rule, "'required' is left out: the rule holds without the others");
    buf_text(run->out, "- id: gitleaks-");
    id_write(run->out, id);
    buf_text(run->out, "\n  description: ");
    buf_json_text(run->out, description.size > 0 ? description : id);
    buf_text(run->out, "\n  severity: high\n  confidence: 0.7\n  max_bytes: 4096\n");
    expression_write(run, rule, regex);
    keywords_write(run, rule, regex);
    if (entropy.size > 0)
        buf_format(run->out, "  entropy_min: %.*s\n", SPAN_FORMAT(entropy));
    allows_write(run, rule);
    return true;
}

int secret_gitleaks_convert(struct span toml, const char *name, struct buf *out, struct buf *notes, struct err *err) {
    struct arena arena __attribute__((cleanup(arena_release)));
    struct doc *root = NULL;
    size_t count = 0;
    arena_init(&arena, 0, LIMIT_SECRET_RULES_BYTES);
    if (toml_parse(&arena, toml, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "secret rules: %s", name);
    struct conversion run = {.name = name, .root = root, .out = out, .notes = notes};
    if (doc_get(root, "extend") != NULL)
        note(&run, doc_get(root, "extend"), "'extend' is left out: trawl's own rules hold beside these");
    buf_text(out, "provider: gitleaks\nconverted: true\nrules:\n");
    const struct doc *rules = doc_get(root, "rules");
    for (const struct doc *rule = doc_is(rules, DOC_ARRAY) ? doc_first(rules) : NULL; rule != NULL; rule = rule->next)
        count += rule_write(&run, rule);
    if (count == 0)
        return err_set(err, ERR_FORMAT, 0,
                       "secret rules: %s: expected a Gitleaks configuration with [[rules]] that have id and regex",
                       name);
    return out->failed || notes->failed ? err_set(err, ERR_NOMEM, 0, "secret rules: %s: no memory", name) : 0;
}
